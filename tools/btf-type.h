/* SPDX-License-Identifier: GPL-2.0 */
/*
 * btf-type.h - the types of one module: its own BTF on its kernel's.
 */
#ifndef BTF_TYPE_H
#define BTF_TYPE_H

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

#endif
