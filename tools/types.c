// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Types
 *
 * Converts BTF types to C, finds them, and detects a wrong base.
 *
 * libbpf's btf_dump isn't used: it renames the second type of the same name
 * (struct bio___2), and a module's BTF often has several.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/error.h"
#include "types.h"

static const char *name_at(const struct types *types, __u32 off)
{
	return btf__str_by_offset(types->btf, off) ?: "";
}

int type_resolve(const struct types *types, int id)
{
	const struct btf_type *t = type_at(types, id);

	while (btf_is_mod(t) || btf_is_typedef(t) ||
	       btf_kind(t) == BTF_KIND_TYPE_TAG) {
		id = t->type;
		t = type_at(types, id);
	}
	return id;
}

static bool in_base(const struct types *types, const struct btf_type *t)
{
	int id = btf__find_by_name_kind(btf__base_btf(types->btf),
					name_at(types, t->name_off),
					btf_kind(t));

	return id > 0;
}

/* Is it a typedef or enum that only the module has, and no header declares? */
static bool is_private(const struct types *types, int id)
{
	const struct btf_type *t = type_at(types, id);

	if ((unsigned int)id < types->own || in_base(types, t))
		return false;
	if (!btf_is_typedef(t)) {
		for (struct want_item *i = types->want->items; i; i = i->next)
			if (i->kind == WANT_ENUM && i->name &&
			    !strcmp(i->name, name_at(types, t->name_off)))
				return false;
		return true;
	}
	t = type_at(types, type_resolve(types, id));
	return !btf_is_composite(t) ||
	       t->name_off; /* an anonymous one has no other spelling */
}

char *type_private(const struct types *types, const char *name)
{
	for (__u32 id = types->own; id < btf__type_cnt(types->btf); id++) {
		const struct btf_type *t = type_at(types, id);

		if (btf_is_typedef(t) &&
		    !strcmp(name_at(types, t->name_off), name))
			return is_private(types, id) ?
				       type_text(types, t->type, name, true) :
				       NULL;
	}
	return NULL;
}

static char *params(const struct types *types, const struct btf_type *proto,
		    bool portable)
{
	const struct btf_param *p = btf_params(proto);
	int n = btf_vlen(proto);
	char *s = NULL;

	for (int i = 0; i < n; i++) {
		char *one = p[i].type ? type_text(types, p[i].type,
						  name_at(types, p[i].name_off),
						  portable) :
					text("...");

		s = s ? text("%s, %s", s, one) : one;
	}
	return s ?: text("void");
}

static char *base_text(const char *tag, const char *base, const char *name)
{
	const char *gap = !*name ? "" : *name == '[' ? "" : " ";

	return text("%s%s%s%s%s", tag, *tag ? " " : "", base, gap, name);
}

static char *pointer_text(const struct types *types, int id, const char *name,
			  bool portable)
{
	const struct btf_type *to = type_at(types, id);

	while (portable && btf_is_typedef(to) && is_private(types, id)) {
		id = to->type;
		to = type_at(types, id);
	}
	name = text(btf_is_array(to) || btf_is_func_proto(to) ? "(*%s)" : "*%s",
		    name);
	return type_text(types, id, name, portable);
}

char *type_text(const struct types *types, int id, const char *name,
		bool portable)
{
	const struct btf_type *t = type_at(types, id);
	const char *own;

	if (!id)
		return base_text("", "void", name);
	own = name_at(types, t->name_off);

	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
		return pointer_text(types, t->type, name, portable);
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT: {
		const char *word = btf_is_const(t)    ? "const" :
				   btf_is_volatile(t) ? "volatile" :
							"__restrict";

		if (btf_is_ptr(type_at(types, t->type)))
			return type_text(types, t->type,
					 base_text("", word, name), portable);
		return text("%s %s", word,
			    type_text(types, t->type, name, portable));
	}
	case BTF_KIND_TYPE_TAG:
		return type_text(types, t->type, name, portable);
	case BTF_KIND_ARRAY:
		return type_text(types, btf_array(t)->type,
				 text("%s[%u]", name, btf_array(t)->nelems),
				 portable);
	case BTF_KIND_FUNC_PROTO:
		return type_text(types, t->type,
				 text("%s(%s)", name,
				      params(types, t, portable)),
				 portable);
	case BTF_KIND_TYPEDEF:
		if (portable && is_private(types, id))
			return type_text(types, t->type, name, portable);
		return base_text("", own, name);
	case BTF_KIND_STRUCT:
		return base_text("struct", *own ? own : "{ ... }", name);
	case BTF_KIND_UNION:
		return base_text("union", *own ? own : "{ ... }", name);
	case BTF_KIND_FWD:
		return base_text(btf_kflag(t) ? "union" : "struct", own, name);
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		if (*own && !(portable && is_private(types, id)))
			return base_text("enum", own, name);
		return base_text(btf_kflag(t) ? "" : "unsigned",
				 t->size == 8 ? "long long" :
				 t->size == 4 ? "int" :
				 t->size == 2 ? "short" :
						"char",
				 name);
	default:
		return base_text("", own, name);
	}
}

/* u64 and uint64_t are both __u64, but neither is in the other's typedef chain. */
static bool same_int(const struct types *types, int id, const char *name)
{
	int named = btf__find_by_name_kind(types->btf, name, BTF_KIND_TYPEDEF);
	const struct btf_type *a, *b;

	if (named <= 0)
		return false;
	a = type_at(types, type_resolve(types, id));
	b = type_at(types, type_resolve(types, named));
	return btf_is_int(a) && btf_is_int(b) &&
	       !strcmp(name_at(types, a->name_off),
		       name_at(types, b->name_off));
}

bool type_is(const struct types *types, int id, const char *name)
{
	const struct btf_type *t = type_at(types, id);
	size_t len = strlen(name);
	int to;

	if (!strcmp(type_canon(type_text(types, id, "", false)), name) ||
	    same_int(types, id, name))
		return true;
	switch (btf_kind(t)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_TYPE_TAG:
		return type_is(types, t->type, name);
	case BTF_KIND_CONST:
		if (len > 6 && !strncmp(name, "const ", 6))
			return type_is(types, t->type, name + 6);
		return false;
	case BTF_KIND_VOLATILE:
		if (len > 9 && !strncmp(name, "volatile ", 9))
			return type_is(types, t->type, name + 9);
		return false;
	case BTF_KIND_PTR:
		/* closure_fn * is a void (*)(struct work_struct *) */
		to = type_resolve(types, t->type);
		if (to && btf_is_func_proto(type_at(types, to)))
			return !strcmp(
				type_canon(type_text(types, to, "(*)", false)),
				name);
		if (len < 2 || name[len - 1] != '*')
			return false;
		len -= name[len - 2] == ' ' ? 2 : 1;
		return type_is(types, t->type, text("%.*s", (int)len, name));
	default:
		return false;
	}
}

/* A name must be at the start of a string, and look like a name. */
static bool name_ok(const struct types *types, __u32 off)
{
	const char *s = btf__str_by_offset(types->btf, off), *before;

	if (!off)
		return true;
	before = btf__str_by_offset(types->btf, off - 1);
	if (!s || !before || *before)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("_ .$-:", *s))
			return false;
	return true;
}

/* Is it a type that a variable can have? */
static bool is_type(const struct types *types, __u32 id, bool may_be_void)
{
	const struct btf_type *t = type_at(types, id);

	if (!id)
		return may_be_void;
	if (!t)
		return false;
	switch (btf_kind(t)) {
	case BTF_KIND_FUNC:
	case BTF_KIND_VAR:
	case BTF_KIND_DATASEC:
	case BTF_KIND_DECL_TAG:
		return false;
	case BTF_KIND_FUNC_PROTO:
		return may_be_void; /* the target of a pointer */
	default:
		return true;
	}
}

static bool members_ok(const struct types *types, const struct btf_type *t)
{
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++) {
		long long size;

		if (!name_ok(types, m[i].name_off) ||
		    !is_type(types, m[i].type, false))
			return false;
		if (btf_member_bitfield_size(t, i))
			continue;
		size = btf__resolve_size(types->btf, m[i].type);
		if (size < 0 ||
		    btf_member_bit_offset(t, i) / 8 + size > t->size)
			return false;
	}
	return true;
}

static bool type_ok(const struct types *types, const struct btf_type *t)
{
	if (!name_ok(types, t->name_off))
		return false;
	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_TYPE_TAG:
		return is_type(types, t->type, true);
	case BTF_KIND_VAR:
		return is_type(types, t->type, false);
	case BTF_KIND_ARRAY:
		return is_type(types, btf_array(t)->type, false) &&
		       is_type(types, btf_array(t)->index_type, false);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return members_ok(types, t);
	case BTF_KIND_ENUM:
		for (int i = 0; i < btf_vlen(t); i++)
			if (!name_ok(types, btf_enum(t)[i].name_off))
				return false;
		return true;
	case BTF_KIND_ENUM64:
		for (int i = 0; i < btf_vlen(t); i++)
			if (!name_ok(types, btf_enum64(t)[i].name_off))
				return false;
		return true;
	case BTF_KIND_FUNC_PROTO:
		for (int i = 0; i < btf_vlen(t); i++)
			if (!name_ok(types, btf_params(t)[i].name_off) ||
			    !is_type(types, btf_params(t)[i].type, true))
				return false;
		return is_type(types, t->type, true);
	case BTF_KIND_FUNC:
		t = type_at(types, t->type);
		return t && btf_is_func_proto(t);
	default:
		return true;
	}
}

const char *types_check(const struct types *types)
{
	static const char *const known[] = { "list_head", "work_struct", "bio",
					     "module" };
	struct btf *base = (struct btf *)btf__base_btf(types->btf);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		int id =
			btf__find_by_name_kind(base, known[i], BTF_KIND_STRUCT);

		if (id <= 0 || !btf__type_by_id(base, id)->size)
			return text("it has no struct %s", known[i]);
	}
	for (__u32 id = types->own; id < btf__type_cnt(types->btf); id++)
		if (!type_ok(types, type_at(types, id)))
			return text("type %u of the target does not fit it",
				    id);
	return NULL;
}

/* Prints a struct's complete layout, to compare two structs of the same name. */
static void print_layout(FILE *f, const struct types *types, int id)
{
	const struct btf_type *t = type_at(types, id);

	fprintf(f, "%s %s %u {\n", btf_is_union(t) ? "union" : "struct",
		type_name(types, t), t->size);
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *name = btf__name_by_offset(types->btf, m->name_off);
		const struct btf_type *of;
		int of_id = m->type;

		fprintf(f, "%u:%u %s;\n", btf_member_bit_offset(t, i),
			btf_member_bitfield_size(t, i),
			type_text(types, of_id, name, false));
		while (btf_is_array(type_at(types, of_id)))
			of_id = btf_array(type_at(types, of_id))->type;
		of = type_at(types, of_id);
		if (btf_is_composite(of) && !of->name_off)
			print_layout(f, types, of_id);
		else
			fprintf(f, "%lld\n",
				(long long)btf__resolve_size(types->btf,
							     of_id));
	}
	fprintf(f, "}\n");
}

static void print_enum(FILE *f, const struct types *types, int id)
{
	const struct btf_type *t = type_at(types, id);

	fprintf(f, "enum %s %u\n", type_name(types, t), t->size);
	for (int i = 0; i < btf_vlen(t); i++) {
		if (btf_is_enum64(t))
			fprintf(f, "%s %llx\n",
				btf__name_by_offset(types->btf,
						    btf_enum64(t)[i].name_off),
				(unsigned long long)btf_enum64_value(
					btf_enum64(t) + i));
		else
			fprintf(f, "%s %x\n",
				btf__name_by_offset(types->btf,
						    btf_enum(t)[i].name_off),
				btf_enum(t)[i].val);
	}
}

static char *print_type(const struct types *types, int id)
{
	char *s = NULL;
	size_t size;
	FILE *f = open_memstream(&s, &size);

	if (btf_is_composite(type_at(types, id)))
		print_layout(f, types, id);
	else if (btf_is_any_enum(type_at(types, id)))
		print_enum(f, types, id);
	else
		fputs(type_text(types, id, "", false), f);
	fclose(f);
	return s;
}

int type_find(const struct types *types, const struct want_item *item,
	      const char *name, int kind)
{
	static const char *const what[] = { "struct", "union", "enum" };
	int found = 0;

	for (__u32 id = types->own; id < btf__type_cnt(types->btf); id++) {
		const struct btf_type *t = type_at(types, id);

		if (btf_kind(t) != kind || strcmp(type_name(types, t), name))
			continue;
		if (found &&
		    strcmp(print_type(types, found), print_type(types, id)))
			die_at(item->line, "there are two different %s %s",
			       what[item->kind], name);
		found = found ?: (int)id;
	}
	if (!found)
		found = btf__find_by_name_kind(btf__base_btf(types->btf), name,
					       kind);
	return found > 0 ? found : 0;
}

static bool find_member(const struct types *types, int id, const char *name,
			__u32 bit_off, struct type_member *member)
{
	const struct btf_type *t = type_at(types, id), *of;
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++) {
		__u32 at = bit_off + btf_member_bit_offset(t, i);

		if (m[i].name_off) {
			if (!strcmp(btf__name_by_offset(types->btf,
							m[i].name_off),
				    name)) {
				*member = (struct type_member){ t, i, at };
				return true;
			}
			continue;
		}
		of = type_at(types, type_resolve(types, m[i].type));
		if (btf_is_composite(of) &&
		    find_member(types, type_resolve(types, m[i].type), name, at,
				member))
			return true;
	}
	return false;
}

bool type_find_member(const struct types *types, int id, const char *name,
		      struct type_member *member)
{
	return find_member(types, id, name, 0, member);
}

char *dims_text(const long *dims, int n)
{
	char *s = text("%s", "");

	for (int i = 0; i < n; i++)
		s = dims[i] < 0 ? text("%s[]", s) : text("%s[%ld]", s, dims[i]);
	return s;
}
