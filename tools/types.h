/* SPDX-License-Identifier: GPL-2.0 */
/*
 * types.h - the types of one module: its own BTF on its kernel's.
 */
#ifndef TYPES_H
#define TYPES_H

#include <bpf/btf.h>

#include "want.h"

struct types {
	struct btf *btf;
	unsigned int own; /* the first id that is the module's own */
	const struct want *want;
};

/**
 * types_check() - does the module's BTF fit the base
 * @types: as opened
 *
 * A wrong base is not reported by libbpf: names and ids of the module's part
 * then lead anywhere.
 *
 * Return: NULL, or what shows that they don't fit.
 */
const char *types_check(const struct types *types);

/**
 * type_text() - a type, or a declaration, in C
 * @types: to look in
 * @id: of the type
 * @name: what is declared, or ""
 * @portable: write types that no header has (the module's own typedefs, its
 *	enums that the want file doesn't name) as what they stand for
 */
char *type_text(const struct types *types, int id, const char *name,
		bool portable);

/**
 * type_is() - has a type this name
 * @types: to look in
 * @id: of the type
 * @name: from type_canon(); any step of a chain of typedefs will do, and any
 *	typedef of the same integer
 */
bool type_is(const struct types *types, int id, const char *name);

/**
 * type_private() - the meaning of a typedef that only the module has
 * @types: to look in
 * @name: for example "closure_fn"
 *
 * Return: its declaration, without the word typedef, or NULL if there is none
 * of this name or the kernel's headers may have it.
 */
char *type_private(const struct types *types, const char *name);

/* Past const, volatile, tags and typedefs. */
int type_resolve(const struct types *types, int id);

/**
 * type_find() - a type by its name
 * @types: to look in: the target's own before the kernel's
 * @item: of the want file, to be named if the target has two different ones
 * @name: for example "cache_set"
 * @kind: BTF_KIND_STRUCT or the like
 *
 * The target may hold one name twice, if only what the members point at differs.
 *
 * Return: its id, or 0.
 */
int type_find(const struct types *types, const struct want_item *item,
	      const char *name, int kind);

/* A member, maybe of an anonymous struct or union inside. */
struct type_member {
	const struct btf_type *in;
	int index;
	__u32 bit_off; /* in the struct that was searched */
};

/**
 * type_find_member() - a member by its name
 * @types: to look in
 * @id: of a struct or union; anonymous ones inside are searched too
 * @name: of the member
 * @member: is filled
 */
bool type_find_member(const struct types *types, int id, const char *name,
		      struct type_member *member);

/* The dimensions of an array, in C. */
char *dims_text(const long *dims, int n);

static inline const struct btf_type *type_at(const struct types *types, int id)
{
	return btf__type_by_id(types->btf, id);
}

static inline const char *type_name(const struct types *types,
				    const struct btf_type *t)
{
	return btf__name_by_offset(types->btf, t->name_off) ?: "";
}

#endif
