// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: The header
 *
 * Includes, constants, types, prototypes, and the places of the hooks.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/error.h"
#include "emit.h"

static struct want *want;
static const struct driver *driver;
static const struct types *types;

static const struct btf_type *type(int id)
{
	return type_at(types, id);
}

/* Makes a macro name: HAVE_JOURNAL_PIN_MASK from "journal.pin.mask". */
static char *macro(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	if (vasprintf(&s, format, args) < 0)
		s = must(NULL);
	va_end(args);
	for (char *p = s; *p; p++)
		*p = isalnum((unsigned char)*p) ? toupper((unsigned char)*p) :
						  '_';
	return s;
}

static const struct want_const *const_on(const struct want_const *c,
					 const char *series)
{
	return !c->series || series_in(c->series, series) ? c : NULL;
}

static void emit_include(FILE *f, const char *header, bool optional,
			 char **seen)
{
	char *entry = text("%s;", header);

	if (strstr(*seen, entry))
		return;
	*seen = text("%s%s", *seen, entry);
	fprintf(f, "#include %s\n", header);
	if (optional)
		fprintf(f, "#define %s 1\n",
			macro("HAVE_%.*s", (int)strlen(header) - 2,
			      header + 1));
}

static void emit_includes(FILE *f)
{
	char *seen = "";

	emit_include(f, "<linux/build_bug.h>", false, &seen);
	emit_include(f, "<linux/stddef.h>", false, &seen);
	emit_include(f, "<linux/types.h>", false, &seen);
	for (struct want_include *i = want->includes; i; i = i->next)
		emit_include(f, i->header, false, &seen);
	for (struct want_item *item = want->items; item; item = item->next)
		if (item->header && item->present)
			emit_include(f, item->header, item->header_optional,
				     &seen);
	fputc('\n', f);
}

static void emit_consts(FILE *f, const char *series)
{
	for (struct want_const *c = want->consts; c; c = c->next)
		if (const_on(c, series))
			fprintf(f, "#define %s %s\n", c->name, c->value);
	if (want->consts)
		fputc('\n', f);
}

static const char word_chars[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

/* Declares, once, every struct and union that a declaration names. */
static void forward(FILE *f, const char *s, char **seen)
{
	while ((s = strpbrk(s, "su"))) {
		size_t n = !strncmp(s, "struct ", 7) ? 7 :
			   !strncmp(s, "union ", 6)  ? 6 :
						       0;
		char *one;

		if (!n) {
			s++;
			continue;
		}
		n += strspn(s + n, word_chars);
		one = text("%.*s;\n", (int)n, s);
		s += n;
		if (strstr(*seen, one))
			continue;
		*seen = text("%s%s", *seen, one);
		fputs(one, f);
	}
}

/* Writes the driver's own typedefs, as this target defines them. */
static void private_types(FILE *f, const char *s, char **seen)
{
	for (size_t n; *(s += strcspn(s, word_chars)); s += n) {
		char *one;

		n = strspn(s, word_chars);
		one = type_private(types, text("%.*s", (int)n, s));
		if (!one || strstr(*seen, text("typedef %s;", one)))
			continue;
		forward(f, one, seen);
		fprintf(f, "typedef %s;\n", one);
		*seen = text("%stypedef %s;\n", *seen, one);
	}
}

static void forward_members(FILE *f, const struct want_member *m, char **seen)
{
	for (; m; m = m->next) {
		char *decl = m->sub ? NULL : text("%s%s", m->pre, m->post);

		if (!m->present)
			continue;
		if (m->sub) {
			forward_members(f, m->sub, seen);
			continue;
		}
		forward(f, decl, seen);
		private_types(f, decl, seen);
	}
}

static void emit_forward(FILE *f)
{
	char *seen = "";

	for (struct want_item *item = want->items; item; item = item->next) {
		if (item->present && item->proto)
			forward(f, item->proto, &seen);
		forward_members(f, item->members, &seen);
	}
	fputc('\n', f);
}

static void emit_enum(FILE *f, const struct want_item *item)
{
	if (!item->header)
		fprintf(f, "enum %s%s{\n", item->name ?: "",
			item->name ? " " : "");
	for (struct want_enumerator *e = item->enumerators; e; e = e->next) {
		if (!e->present)
			continue;
		if (item->header)
			fprintf(f, "static_assert((u64)%s == (u64)%s);\n",
				e->name, e->value);
		else
			fprintf(f, "\t%s = %s,\n", e->name, e->value);
	}
	if (!item->header)
		fputs("};\n", f);
	for (struct want_enumerator *e = item->enumerators; e; e = e->next)
		if (e->present && e->optional)
			fprintf(f, "#define %s 1\n", macro("HAVE_%s", e->name));
	fputc('\n', f);
}

static int by_offset(const void *a, const void *b)
{
	const struct want_member *x = *(struct want_member *const *)a;
	const struct want_member *y = *(struct want_member *const *)b;

	if (x->bit_off != y->bit_off)
		return x->bit_off < y->bit_off ? -1 : 1;
	return x->size < y->size ? -1 : x->size > y->size;
}

static int pads;

static void emit_pad(FILE *f, const char *tabs, unsigned int size)
{
	if (size)
		fprintf(f, "%su8 _pad%d[%u];\n", tabs, pads++, size);
}

static void emit_body(FILE *f, const char *tabs, struct want_member *members,
		      unsigned int size);

static void emit_member(FILE *f, const char *tabs, const struct want_member *m,
			bool alone)
{
	const char *packed = m->bit_off / 8 % m->align ? " __packed" : "";
	char *dims = dims_text(m->btf_dims, m->ndims);

	if (m->sub) {
		fprintf(f, "%sstruct {\n", tabs);
		emit_body(f, text("%s\t", tabs), m->sub, type(m->id)->size);
		fprintf(f, "%s} %s%s%s;\n", tabs, m->name, dims, packed);
	} else if (m->ndims && !m->btf_dims[0] && alone) {
		fprintf(f, "%sDECLARE_FLEX_ARRAY(%s, %s);\n", tabs, m->pre,
			m->name);
	} else {
		if (m->ndims && !m->btf_dims[0])
			dims = text("[]%s",
				    dims_text(m->btf_dims + 1, m->ndims - 1));
		fprintf(f, "%s%s%s%s%s%s%s;\n", tabs, m->pre,
			strchr("*(", m->pre[strlen(m->pre) - 1]) ? "" : " ",
			m->name, dims, m->post, packed);
	}
}

/*
 * Write the members in order, with padding between them.  Overlapping members
 * become a union of structs, each with its own padding; so a stock union is
 * also written as a struct.
 */
static void emit_body(FILE *f, const char *tabs, struct want_member *members,
		      unsigned int size)
{
	struct want_member *v[1024];
	unsigned int at = 0;
	size_t n = 0;

	for (struct want_member *m = members; m; m = m->next) {
		if (n == sizeof(v) / sizeof(v[0]))
			die_at(m->line, "a struct has more than %zu members",
			       n);
		if (m->present && m->bits < 0)
			v[n++] = m;
	}
	qsort(v, n, sizeof(v[0]), by_offset);

	for (size_t i = 0, next; i < n; i = next) {
		unsigned int start = v[i]->bit_off / 8,
			     end = start + v[i]->size;

		for (next = i + 1;
		     next < n && (v[next]->bit_off / 8 < end ||
				  v[next]->bit_off == v[i]->bit_off);
		     next++)
			if (v[next]->bit_off / 8 + v[next]->size > end)
				end = v[next]->bit_off / 8 + v[next]->size;

		emit_pad(f, tabs, start - at);
		at = end;
		if (next == i + 1) {
			emit_member(f, tabs, v[i],
				    !start || next < n || end < size);
			continue;
		}
		fprintf(f, "%sunion {\n", tabs);
		for (; i < next; i++) {
			unsigned int gap = v[i]->bit_off / 8 - start;

			if (!gap) {
				emit_member(f, text("%s\t", tabs), v[i], true);
				continue;
			}
			fprintf(f, "%s\tstruct {\n", tabs);
			emit_pad(f, text("%s\t\t", tabs), gap);
			emit_member(f, text("%s\t\t", tabs), v[i], false);
			fprintf(f, "%s\t};\n", tabs);
		}
		fprintf(f, "%s};\n", tabs);
	}
	emit_pad(f, tabs, size - at);
}

/* A bitfield is read and written in the smallest unit that holds it. */
static void emit_bitfield(FILE *f, const struct want_item *item,
			  const char *prefix, unsigned int bit_off,
			  const struct want_member *m)
{
	const char *word = item->kind == WANT_UNION ? "union" : "struct";
	char *name = text("%s%s", prefix, m->name);
	unsigned int unit = 8, shift;

	while (bit_off / unit != (bit_off + m->bits - 1) / unit)
		unit *= 2;
	shift = bit_off % unit;
	for (char *p = name; *p; p++)
		if (*p == '.')
			*p = '_';

	fprintf(f, "static inline %s %s_%s(const %s %s *p)\n{\n", m->pre,
		item->name, name, word, item->name);
	fprintf(f, "\tu64 v = *(const u%u *)((const u8 *)p + %u);\n\n", unit,
		bit_off / unit * (unit / 8));
	fprintf(f, "\treturn (%s)((%s)(v << %u) >> %u);\n}\n\n", m->pre,
		m->is_signed ? "s64" : "u64", 64 - m->bits - shift,
		64 - m->bits);

	fprintf(f, "static inline void %s_set_%s(%s %s *p, %s v)\n{\n",
		item->name, name, word, item->name, m->pre);
	fprintf(f, "\tu%u *u = (u%u *)((u8 *)p + %u);\n", unit, unit,
		bit_off / unit * (unit / 8));
	fprintf(f, "\tu%u mask = (u%u)(0x%llxULL << %u);\n\n", unit, unit,
		~0ULL >> (64 - m->bits), shift);
	fprintf(f, "\t*u = (*u & ~mask) | ((u%u)((u64)v << %u) & mask);\n}\n\n",
		unit, shift);
}

static void emit_bitfields(FILE *f, const struct want_item *item,
			   const char *prefix, unsigned int bit_off,
			   const struct want_member *m)
{
	for (; m; m = m->next) {
		if (!m->present)
			continue;
		if (m->bits > 0)
			emit_bitfield(f, item, prefix, bit_off + m->bit_off, m);
		else if (m->sub && !m->ndims)
			emit_bitfields(f, item, text("%s%s.", prefix, m->name),
				       bit_off + m->bit_off, m->sub);
	}
}

static void emit_asserts(FILE *f, const char *of, const char *prefix,
			 unsigned int bit_off, const struct want_member *m)
{
	for (; m; m = m->next) {
		if (!m->present || m->bits >= 0)
			continue;
		fprintf(f, "want_offset(%s, %s%s, %u);\n", of, prefix, m->name,
			(bit_off + m->bit_off) / 8);
		if (m->size)
			fprintf(f, "want_size(((%s *)0)->%s%s, %u);\n", of,
				prefix, m->name, m->size);
		if (m->sub && !m->ndims)
			emit_asserts(f, of, text("%s%s.", prefix, m->name),
				     bit_off + m->bit_off, m->sub);
	}
}

static void emit_have(FILE *f, const char *prefix, const struct want_member *m)
{
	for (; m; m = m->next) {
		char *name = text("%s%s", prefix, m->name);

		if (m->present && m->optional)
			fprintf(f, "#define %s 1\n", macro("HAVE_%s", name));
		if (m->present)
			emit_have(f, text("%s.", name), m->sub);
	}
}

static void emit_struct(FILE *f, struct want_item *item);

/* A type that is embedded by value must be defined first. */
static void emit_embedded(FILE *f, const struct want_member *m)
{
	for (; m; m = m->next) {
		const struct btf_type *t;

		if (!m->present)
			continue;
		emit_embedded(f, m->sub);
		t = type(type_resolve(types, m->id));
		if (m->sub || !btf_is_composite(t))
			continue;
		for (struct want_item *i = want->items; i; i = i->next)
			if (i->kind <= WANT_UNION &&
			    !strcmp(i->name, type_name(types, t)))
				emit_struct(f, i);
	}
}

/* The size of a packed type need not be a multiple of the alignment of its members. */
static bool is_packed(const struct want_item *item)
{
	for (const struct want_member *m = item->members; m; m = m->next)
		if (m->present && m->bits < 0 && item->size % m->align)
			return true;
	return false;
}

static void emit_struct(FILE *f, struct want_item *item)
{
	char *name = text("%s %s",
			  item->kind == WANT_UNION ? "union" : "struct",
			  item->name);

	if (item->emitted || !item->present)
		return;
	item->emitted = true;
	emit_embedded(f, item->members);

	if (!item->header) {
		pads = 0;
		fprintf(f, "%s {\n", name);
		if (item->kind == WANT_UNION) {
			fputs("\tstruct {\n", f);
			emit_body(f, "\t\t", item->members, item->size);
			fputs("\t};\n", f);
		} else {
			emit_body(f, "\t", item->members, item->size);
		}
		fprintf(f, "}%s;\n", is_packed(item) ? " __packed" : "");
	}
	if (item->optional)
		fprintf(f, "#define %s 1\n",
			macro("HAVE_%s_%s",
			      item->kind == WANT_UNION ? "UNION" : "STRUCT",
			      item->name));
	emit_have(f, text("%s.", item->name), item->members);
	fprintf(f, "want_size(%s, %u);\n", name, item->size);
	emit_asserts(f, name, "", 0, item->members);
	fputc('\n', f);
	emit_bitfields(f, item, "", 0, item->members);
}

static void emit_symbols(FILE *f)
{
	for (struct want_item *item = want->items; item; item = item->next) {
		if (!item->present || !item->proto)
			continue;
		fprintf(f,
			"extern %s\n\t__asm__(\"__klp_%s__%s\") __attribute__((weak));\n",
			item->proto, want->target, item->name);
		if (item->kind == WANT_DATA)
			fprintf(f, "want_size(%s, %u);\n", item->name,
				item->size);
		if (item->optional)
			fprintf(f, "#define %s 1\n",
				macro("HAVE_%s_%s",
				      item->kind == WANT_DATA ? "DATA" :
				      item->kind == WANT_HOOK ? "HOOK" :
								"FUNC",
				      item->name));
		if (item->optional && item->kind == WANT_HOOK)
			fprintf(f, "#define %s 1\n",
				macro("HAVE_FUNC_%s", item->name));
		if (item->kind == WANT_HOOK)
			fprintf(f, "#define OUTRIGGER_BODY_%s %u\n", item->name,
				item->body);
	}
	fputs("\n/* name, offset in .text, size, offset just past the ftrace site */\n"
	      "#define OUTRIGGER_PLACES",
	      f);
	for (struct want_item *item = want->items; item; item = item->next)
		if (item->present && item->kind == WANT_HOOK)
			fprintf(f, " \\\n\t{ \"%s\", 0x%x, 0x%x, %u },",
				item->name, item->offset, item->size,
				item->body);
	fputc('\n', f);
}

void emit(FILE *f, struct want *wanted, const struct driver *of,
	  const char *series)
{
	want = wanted;
	driver = of;
	types = &of->types;
	fprintf(f,
		"/*\n * Generated by btf-want from %s for %s of %s; do not edit.\n */\n",
		basename(want->path), want->target, driver->kver);
	fprintf(f,
		"#ifndef OUTRIGGER_TARGET\n#define OUTRIGGER_TARGET \"%s\"\n",
		want->target);
	fprintf(f, "#define OUTRIGGER_TARGET_KVER \"%s\"\n\n", driver->kver);
	emit_includes(f);
	fputs("/* Sparse doesn't pack enums and sizes some structs wrongly. */\n"
	      "#ifdef __CHECKER__\n"
	      "#define want_size(what, size) static_assert(1)\n"
	      "#define want_offset(type, member, offset) static_assert(1)\n"
	      "#else\n"
	      "#define want_size(what, size) static_assert(sizeof(what) == (size))\n"
	      "#define want_offset(type, member, at) static_assert(offsetof(type, member) == (at))\n"
	      "#endif\n\n",
	      f);
	emit_consts(f, series);
	emit_forward(f);
	for (struct want_item *item = want->items; item; item = item->next)
		if (item->kind == WANT_ENUM && item->present)
			emit_enum(f, item);
	for (struct want_item *item = want->items; item; item = item->next)
		if (item->kind <= WANT_UNION)
			emit_struct(f, item);
	emit_symbols(f);
	fputs("\n#endif\n", f);
}
