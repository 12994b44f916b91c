/* SPDX-License-Identifier: GPL-2.0 */
/*
 * types.h - the types of one module: its own BTF, based on its kernel's.
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
 * libbpf does not report a wrong base: names and ids in the module's part then
 * refer to arbitrary types.
 *
 * Return: NULL, or a description of the mismatch.
 */
const char *types_check(const struct types *types);

/**
 * type_text() - write a type, or a declaration, in C
 * @types: the types to look in
 * @id: id of the type
 * @name: the name to declare, or ""
 * @portable: replace types that no header has (the module's own typedefs, and
 *	those of its enums that the want file doesn't name) by their definitions
 */
char *type_text(const struct types *types, int id, const char *name,
		bool portable);

/**
 * type_is() - does a type have this name
 * @types: the types to look in
 * @id: id of the type
 * @name: from type_canon(); may be any step of a chain of typedefs, and any
 *	typedef of the same integer
 */
bool type_is(const struct types *types, int id, const char *name);

/**
 * type_private() - find the definition of a typedef that only the module has
 * @types: the types to look in
 * @name: for example "closure_fn"
 *
 * Return: its declaration, without the word typedef, or NULL if there is no such
 * typedef or the kernel's headers may have it.
 */
char *type_private(const struct types *types, const char *name);

/* Skips const, volatile, tags and typedefs. */
int type_resolve(const struct types *types, int id);

/**
 * type_find() - find a type by its name
 * @types: the types to look in, the target's own before the kernel's
 * @item: item of the want file, named if the target has two different types
 * @name: for example "cache_set"
 * @kind: BTF_KIND_STRUCT or the like
 *
 * The target may have the same type twice, provided that only the types that its
 * members point to differ.
 *
 * Return: its id, or 0.
 */
int type_find(const struct types *types, const struct want_item *item,
	      const char *name, int kind);

/* A member, possibly inside an anonymous struct or union. */
struct type_member {
	const struct btf_type *in;
	int index;
	__u32 bit_off; /* in the struct that was searched */
};

/**
 * type_find_member() - find a member by its name
 * @types: the types to look in
 * @id: id of a struct or union; anonymous ones inside it are searched too
 * @name: name of the member
 * @member: filled in
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
