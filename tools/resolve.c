// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Resolving
 *
 * Finds everything that a want file names in the target, and records its location.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "../lib/error.h"
#include "resolve.h"

static struct driver *driver;
static const struct types *types;

static const struct btf_type *type(int id)
{
	return type_at(types, id);
}

static void check_dims(const char *of, const char *name, struct want_member *m,
		       int n)
{
	bool same = n == m->ndims;

	for (int i = 0; same && i < n; i++)
		same = m->dims[i] < 0 || m->dims[i] == m->btf_dims[i];
	if (same)
		return;
	if (!n)
		die_at(m->line, "member '%s' of %s is not an array", name, of);
	die_at(m->line, "member '%s' of %s has the dimension %s, not %s", name,
	       of, dims_text(m->btf_dims, n),
	       m->ndims ? dims_text(m->dims, m->ndims) : "none");
}

static void check_bits(const char *of, const char *name,
		       const struct want_member *m, int bits)
{
	if (m->bits < 0 && bits)
		die_at(m->line, "member '%s' of %s is a bitfield of width %d",
		       name, of, bits);
	if (m->bits >= 0 && m->bits != bits)
		die_at(m->line, "bitfield '%s' of %s has width %d, not %d",
		       name, of, bits, m->bits);
	if (m->bits < 0 && m->bit_off % 8)
		die_at(m->line, "member '%s' of %s begins inside a byte", name,
		       of);
}

static void check_anonymous(const char *of, const char *name,
			    const struct want_member *m)
{
	const struct btf_type *t = type(m->id);

	if (t->name_off || !(m->is_union ? btf_is_union(t) : btf_is_struct(t)))
		die_at(m->line,
		       "member '%s' of %s is '%s', not an anonymous %s", name,
		       of, type_text(types, m->id, "", false),
		       m->is_union ? "union" : "struct");
}

static void resolve_members(const char *of, const char *prefix, int id,
			    struct want_member *m)
{
	for (; m; m = m->next) {
		char *name = text("%s%s", prefix, m->name);
		const struct btf_type *of_type;
		struct type_member found;
		int n = 0;

		if (!type_find_member(types, id, m->name, &found)) {
			if (!m->optional)
				die_at(m->line, "%s has no member '%s'", of,
				       name);
			continue;
		}
		m->present = true;
		m->bit_off = found.bit_off;
		m->id = btf_members(found.in)[found.index].type;
		m->size = btf__resolve_size(types->btf, m->id);
		m->align = btf__align_of(types->btf, m->id) ?: 1;

		while (btf_is_array(type(m->id)) && n < MAX_DIMS) {
			m->btf_dims[n++] = btf_array(type(m->id))->nelems;
			m->id = btf_array(type(m->id))->type;
		}
		check_dims(of, name, m, n);

		check_bits(of, name, m,
			   btf_member_bitfield_size(found.in, found.index));
		if (m->sub) {
			check_anonymous(of, name, m);
			resolve_members(of, text("%s.", name), m->id, m->sub);
		} else if (!type_is(types, m->id, m->type)) {
			die_at(m->line, "member '%s' of %s is '%s', not '%s'",
			       name, of, type_text(types, m->id, "", false),
			       m->type);
		}
		of_type = type(type_resolve(types, m->id));
		m->is_signed = btf_is_int(of_type) &&
			       btf_int_encoding(of_type) & BTF_INT_SIGNED;
	}
}

static void resolve_struct(struct want_item *item)
{
	const char *word = item->kind == WANT_UNION ? "union" : "struct";

	item->id = type_find(types, item, item->name,
			     item->kind == WANT_UNION ? BTF_KIND_UNION :
							BTF_KIND_STRUCT);
	if (!item->id) {
		if (!item->optional)
			die_at(item->line, "there is no %s %s", word,
			       item->name);
		return;
	}
	item->present = true;
	item->size = type(item->id)->size;
	resolve_members(text("%s %s", word, item->name), "", item->id,
			item->members);
}

static bool find_enumerator(int id, struct want_enumerator *e)
{
	const struct btf_type *t = type(id);

	for (int i = 0; i < btf_vlen(t); i++) {
		__u32 off = btf_is_enum64(t) ? btf_enum64(t)[i].name_off :
					       btf_enum(t)[i].name_off;

		if (strcmp(btf__name_by_offset(types->btf, off), e->name))
			continue;
		e->present = true;
		if (!btf_is_enum64(t))
			e->value = text(btf_kflag(t) ? "%d" : "%u",
					btf_enum(t)[i].val);
		else
			e->value = text(
				btf_kflag(t) ? "%lldLL" : "%lluULL",
				(long long)btf_enum64_value(btf_enum64(t) + i));
		return true;
	}
	return false;
}

/* Anonymous enums can't be found by name: search all of them for the enumerator. */
static bool find_anonymous(struct want_enumerator *e)
{
	__u32 n = btf__type_cnt(types->btf), id;

	for (id = types->own; id < n; id++)
		if (btf_is_any_enum(type(id)) && !type(id)->name_off &&
		    find_enumerator(id, e))
			return true;
	for (id = 1; id < types->own; id++)
		if (btf_is_any_enum(type(id)) && !type(id)->name_off &&
		    find_enumerator(id, e))
			return true;
	return false;
}

static void resolve_enum(struct want_item *item)
{
	if (item->name) {
		item->id = type_find(types, item, item->name, BTF_KIND_ENUM) ?:
				   type_find(types, item, item->name,
					     BTF_KIND_ENUM64);
		if (!item->id) {
			if (!item->optional)
				die_at(item->line, "there is no enum %s",
				       item->name);
			return;
		}
	}
	for (struct want_enumerator *e = item->enumerators; e; e = e->next) {
		if (!(item->id ? find_enumerator(item->id, e) :
				 find_anonymous(e)) &&
		    !e->optional)
			die_at(e->line, "%s '%s'",
			       item->id ? text("enum %s has no", item->name) :
					  "no anonymous enum has",
			       e->name);
		item->present |= e->present;
	}
}

static const char *find_symbol(const struct want_item *item, GElf_Sym *sym,
			       int stt)
{
	int n = ko_symbol(&driver->ko, item->name, sym);
	const char *clone;

	if (n > 1)
		return text("is not unique: there are %d symbols of that name",
			    n);
	if (n == 1 && GELF_ST_TYPE(sym->st_info) != stt)
		return stt == STT_FUNC ? "is not a function" :
					 "is not a variable";
	if (n == 1)
		return NULL;
	clone = ko_find_clone(&driver->ko, item->name);
	if (clone)
		return text(
			"has no symbol but '%s', whose arguments may differ",
			clone);
	return "has no symbol: it does not exist or was inlined";
}

static const char *find_proto(struct want_item *item)
{
	for (__u32 id = types->own; id < btf__type_cnt(types->btf); id++) {
		const struct btf_type *t = type(id);
		char *proto;

		if (!btf_is_func(t) || strcmp(type_name(types, t), item->name))
			continue;
		proto = type_text(types, t->type, item->name, true);
		if (item->proto && strcmp(item->proto, proto))
			return "has two different prototypes in BTF";
		item->proto = proto;
	}
	if (!item->proto)
		return "has no prototype in BTF";
	if (strchr(item->proto, '{'))
		return "has an anonymous struct in its prototype";
	return NULL;
}

static const char *find_func(struct want_item *item)
{
	const char *problem, *section;
	GElf_Sym sym;
	int body;

	problem = find_symbol(item, &sym, STT_FUNC) ?: find_proto(item);
	if (problem)
		return problem;
	section = ko_section_name(&driver->ko, sym.st_shndx) ?: "";
	if (!strncmp(section, ".init", 5) || !strncmp(section, ".exit", 5))
		return text("is in %s, which does not stay in memory", section);
	if (item->kind == WANT_FUNC)
		return NULL;
	if (strcmp(section, ".text"))
		return text("can't be patched: it is in %s, not in .text",
			    section);
	body = ko_ftrace_site(&driver->ko, &sym);
	if (body < 0)
		return "can't be patched: it has no ftrace site";
	item->offset = sym.st_value;
	item->size = sym.st_size;
	item->body = body;
	return NULL;
}

static const char *find_data(struct want_item *item)
{
	size_t at = strcspn(item->type, "[");
	const char *problem;
	GElf_Sym sym;

	problem = find_symbol(item, &sym, STT_OBJECT);
	if (problem)
		return problem;
	for (__u32 id = types->own; id < btf__type_cnt(types->btf); id++) {
		const struct btf_type *t = type(id);

		if (btf_is_var(t) && !strcmp(type_name(types, t), item->name) &&
		    !type_is(types, t->type, type_canon(item->type)))
			return text("is '%s', not '%s'",
				    type_text(types, t->type, "", false),
				    item->type);
	}
	item->size = sym.st_size;
	item->proto = text("%.*s%s%s%s", (int)at, item->type,
			   item->type[at - 1] == '*' ? "" : " ", item->name,
			   item->type + at);
	return NULL;
}

void resolve(struct want *want, struct driver *of, const char *series)
{
	static const char *const what[] = { [WANT_FUNC] = "function",
					    [WANT_HOOK] = "function",
					    [WANT_DATA] = "variable" };

	driver = of;
	types = &of->types;
	for (struct want_item *item = want->items; item; item = item->next) {
		const char *problem;

		if (item->header_optional && !driver_has_header(driver, item))
			item->header = NULL;
		if (item->kind <= WANT_UNION) {
			resolve_struct(item);
			continue;
		}
		if (item->kind == WANT_ENUM) {
			resolve_enum(item);
			continue;
		}
		if (item->series && !series_in(item->series, series))
			continue;
		problem = item->kind == WANT_DATA ? find_data(item) :
						    find_func(item);
		if (problem && !item->optional)
			die_at(item->line, "%s '%s' %s", what[item->kind],
			       item->name, problem);
		item->present = !problem;
	}
}
