// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: The grammar of want files
 *
 *	target bcache
 *	vetted 6.1 6.12			series that were vetted
 *	read PATH[?]...			source that tests/vet compares as a whole
 *	skim PATH[?]...			source in which it looks for the names below
 *	const NAME[?] VALUE [on SERIES...]
 *	include <linux/bio.h>
 *	struct NAME[?] [from HEADER[?]] [{ MEMBER... }];	(or union)
 *	enum [NAME[?]] [from HEADER[?]] { NAME[?], ... };
 *	func NAME[?] [on SERIES...];
 *	hook NAME[?] [on SERIES...];
 *	data NAME[?] "C TYPE";
 *	unhooked NAME calls HOOK "REASON";	see tools/klp-check
 *
 * MEMBER is a C declaration of one name, `struct { MEMBER... } NAME;` for a
 * member of an anonymous type, or `union { MEMBER... };` which only groups.  `?`
 * marks items that a kernel may lack.  A `#` begins a comment.  The first six
 * statements end with the line.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/error.h"
#include "want.h"

#define MAX_TOKENS 96

/* The scanner: the current token, and the text after it. */
static const char *file;
static const char *pos;
static int line;
static char *tok;

void die_at(int at_line, const char *format, ...)
{
	va_list args;
	char *what;

	va_start(args, format);
	if (vasprintf(&what, format, args) < 0)
		what = NULL;
	va_end(args);
	die("%s:%d: %s", file, at_line, (char *)must(what));
}

static char *span(const char *start, size_t len)
{
	return text("%.*s", (int)len, start);
}

static size_t token_len(const char *p)
{
	size_t n = 0;

	if (!*p)
		return 0;
	if (*p == '"') {
		n = 1 + strcspn(p + 1, "\"\n");
		return p[n] == '"' ? n + 1 : n;
	}
	while (isalnum((unsigned char)p[n]) || p[n] == '_')
		n++;
	if (n)
		return n;
	return strncmp(p, "...", 3) ? 1 : 3;
}

static void skip_blank(bool in_line)
{
	for (; *pos; pos++) {
		if (*pos == '#') {
			pos += strcspn(pos, "\n");
			pos--;
		} else if (*pos == '\n') {
			if (in_line)
				return;
			line++;
		} else if (!isspace((unsigned char)*pos)) {
			return;
		}
	}
}

static void next(void)
{
	size_t len;

	skip_blank(false);
	len = token_len(pos);
	tok = span(pos, len);
	pos += len;
}

static bool at(const char *what)
{
	return !strcmp(tok, what);
}

static bool accept(const char *what)
{
	if (!at(what))
		return false;
	next();
	return true;
}

static void expect(const char *what)
{
	if (!accept(what))
		die_at(line, "'%s' is expected, not '%s'", what,
		       *tok ? tok : "the end of the file");
}

static bool is_ident(const char *s)
{
	return isalpha((unsigned char)*s) || *s == '_';
}

static char *ident(const char *of_what)
{
	char *name = tok;

	if (!is_ident(tok))
		die_at(line, "the name of %s is expected, not '%s'", of_what,
		       *tok ? tok : "the end of the file");
	next();
	return name;
}

/*
 * Return the rest of the line, without a comment.  The current token must be the
 * last one used: the rest begins directly after it.
 */
static char *rest_of_line(void)
{
	const char *start;
	size_t len;

	while (*pos == ' ' || *pos == '\t')
		pos++;
	start = pos;
	len = strcspn(pos, "#\n");
	while (len && isspace((unsigned char)start[len - 1]))
		len--;
	pos += strcspn(pos, "\n");
	return span(start, len);
}

static char **words(char *list)
{
	char **v = zalloc((strlen(list) / 2 + 2) * sizeof(*v)), *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(list, " \t", &save); w;
	     w = strtok_r(NULL, " \t", &save))
		v[n++] = w;
	return v;
}

bool series_in(char *const *list, const char *series)
{
	for (; list && *list; list++)
		if (!strcmp(*list, series))
			return true;
	return false;
}

/* Join tokens, spaced in the kernel's style of declarations. */
static char *join(char **v, size_t n)
{
	char *s = text("%s", "");

	for (size_t i = 0; i < n; i++) {
		bool tight = !i || strchr("*([", v[i - 1][0]) ||
			     strchr(")],[", v[i][0]) ||
			     (v[i][0] == '(' && v[i - 1][0] == ')');

		s = text("%s%s%s", s, tight ? "" : " ", v[i]);
	}
	return s;
}

/* Normalize "long unsigned int" and the like: BTF uses the compiler's names. */
static size_t canon_int(char **v, size_t n, char **name)
{
	int longs = 0, is_short = 0, is_char = 0, is_unsigned = 0,
	    is_signed = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!strcmp(v[i], "long"))
			longs++;
		else if (!strcmp(v[i], "short"))
			is_short = 1;
		else if (!strcmp(v[i], "char"))
			is_char = 1;
		else if (!strcmp(v[i], "unsigned"))
			is_unsigned = 1;
		else if (!strcmp(v[i], "signed"))
			is_signed = 1;
		else if (strcmp(v[i], "int"))
			break;
	}
	if (i)
		*name = text("%s%s",
			     is_unsigned	  ? "unsigned " :
			     is_char && is_signed ? "signed " :
						    "",
			     is_char   ? "char" :
			     is_short  ? "short" :
			     longs > 1 ? "long long" :
			     longs     ? "long" :
					 "int");
	return i;
}

char *type_canon(const char *type)
{
	char *in[MAX_TOKENS], *out[MAX_TOKENS];
	size_t n = 0, m = 0;

	for (const char *p = type; *p;) {
		size_t len = token_len(p);

		if (isspace((unsigned char)*p)) {
			p++;
			continue;
		}
		if (n == MAX_TOKENS)
			return text("%s", type);
		in[n++] = span(p, len);
		p += len;
	}
	for (size_t i = 0; i < n; m++) {
		size_t used = canon_int(in + i, n - i, &out[m]);

		if (!used)
			out[m] = in[i];
		i += used ?: 1;
	}
	return join(out, m);
}

static long number(void)
{
	char *end;
	long n = strtol(tok, &end, 0);

	if (!*tok || *end || n < 0)
		die_at(line, "a number is expected, not '%s'", tok);
	next();
	return n;
}

/* Parse the end of a declaration: optional `?`, `[n]` and `:n`, then the `;`. */
static void parse_declarator_end(struct want_member *m)
{
	m->bits = -1;
	m->optional |= accept("?");
	while (accept("[")) {
		if (m->ndims == MAX_DIMS)
			die_at(line, "'%s' has too many dimensions", m->name);
		m->dims[m->ndims++] = at("]") ? -1 : number();
		expect("]");
	}
	if (accept(":"))
		m->bits = number();
	expect(";");
}

static struct want_member **parse_member(struct want_member **tail);

static struct want_member *parse_members(void)
{
	struct want_member *first = NULL, **tail = &first;

	while (!at("}")) {
		if (!*tok)
			die_at(line,
			       "'}' is expected, not the end of the file");
		tail = parse_member(tail);
	}
	next();
	return first;
}

/*
 * The name is the token after the first "(*" (a pointer to a function), or else
 * the last one before `?`, `[`, `:` or the end.
 */
static struct want_member **parse_member(struct want_member **tail)
{
	struct want_member *m = zalloc(sizeof(*m));
	char *v[MAX_TOKENS];
	size_t n = 0, name = 0;
	int depth = 0;

	m->line = line;
	for (;;) {
		if (!*tok || at("}") || (at(";") && depth))
			die_at(m->line,
			       "this is not the declaration of a member");
		if (!depth && (at(";") || at("[") || at(":") || at("?")))
			break;
		if (at("{")) {
			if (n != 1 ||
			    (strcmp(v[0], "struct") && strcmp(v[0], "union")))
				die_at(line,
				       "only an anonymous struct or union is allowed here");
			next();
			m->is_union = !strcmp(v[0], "union");
			m->sub = parse_members();
			if (accept(";")) { /* only groups */
				*tail = m->sub;
				while (*tail)
					tail = &(*tail)->next;
				return tail;
			}
			m->name = ident("a member");
			parse_declarator_end(m);
			*tail = m;
			return &m->next;
		}
		if (at("?") && n && name == n - 1) { /* (*name?)(...) */
			m->optional = true;
			next();
			continue;
		}
		depth += at("(") - at(")");
		if (n == MAX_TOKENS)
			die_at(m->line, "this declaration is too long");
		if (!name && n > 1 && is_ident(tok) && !strcmp(v[n - 1], "*") &&
		    !strcmp(v[n - 2], "("))
			name = n;
		v[n++] = tok;
		next();
	}
	if (!name && n)
		name = n - 1;
	if (!name || !is_ident(v[name]))
		die_at(m->line, "this is not the declaration of a member");
	m->name = v[name];
	m->pre = join(v, name);
	m->post = join(v + name + 1, n - name - 1);
	m->type = type_canon(text("%s %s", m->pre, m->post));
	parse_declarator_end(m);
	*tail = m;
	return &m->next;
}

static struct want_enumerator *parse_enumerators(void)
{
	struct want_enumerator *first = NULL, **tail = &first;

	expect("{");
	while (!at("}")) {
		struct want_enumerator *e = zalloc(sizeof(*e));

		e->line = line;
		e->name = ident("an enumerator");
		e->optional = accept("?");
		*tail = e;
		tail = &e->next;
		if (!at("}"))
			expect(",");
	}
	next();
	return first;
}

/* Parse a header's name; the current token is its first character. */
static char *parse_header(void)
{
	size_t len = *tok == '<' ? strcspn(pos, ">\n") : 0;
	char *name = tok;

	if (*tok == '<' && pos[len] == '>') {
		name = text("<%.*s>", (int)len, pos);
		pos += len + 1;
	} else if (*tok != '"' || strlen(tok) < 3 ||
		   tok[strlen(tok) - 1] != '"') {
		die_at(line, "a header is expected, not '%s'", tok);
	}
	next();
	return name;
}

static void parse_item(struct want_item *item)
{
	static const char *const keyword[] = { "struct", "union", "enum",
					       "func",	 "hook",  "data" };

	item->line = line;
	while (!at(keyword[item->kind]))
		if (++item->kind > WANT_DATA)
			die_at(line, "'%s' does not begin a statement", tok);
	next();

	if (item->kind != WANT_ENUM || is_ident(tok))
		item->name = ident(text("a %s", keyword[item->kind]));
	item->optional = item->name && accept("?");

	if (item->optional && item->kind >= WANT_FUNC && at("on")) {
		size_t len = strcspn(pos, ";\n");

		item->series = words(span(pos, len));
		pos += len;
		next();
	}
	if (item->kind <= WANT_ENUM && accept("from")) {
		item->header = parse_header();
		item->header_optional = accept("?");
	}
	if (item->kind == WANT_ENUM) {
		item->enumerators = parse_enumerators();
	} else if (item->kind < WANT_ENUM) {
		if (accept("{"))
			item->members = parse_members();
		else if (!item->header || item->header_optional)
			expect("{");
	} else if (item->kind == WANT_DATA) {
		if (*tok != '"' || strlen(tok) < 3)
			die_at(line, "the type of '%s' is expected in quotes",
			       item->name);
		item->type = span(tok + 1, strlen(tok) - 2);
		next();
	}
	expect(";");
}

static void parse_const(struct want_const *c)
{
	char *on;

	c->line = line;
	next();
	if (!is_ident(tok))
		die_at(line, "the name of a constant is expected, not '%s'",
		       tok);
	c->name = tok;
	if (*pos == '?') {
		c->optional = true;
		pos++;
	}
	c->value = rest_of_line();
	on = strstr(c->value, " on ");
	if (on) {
		c->series = words(on + 4);
		while (on > c->value && isspace((unsigned char)on[-1]))
			on--;
		*on = '\0';
	}
	if (!*c->value)
		die_at(line, "constant '%s' has no value", c->name);
}

/*
 * A function of the target that is not hooked, but may call a clone that the
 * compiler made of a hooked one (HOOK.isra.0, HOOK.part.0 ...), which livepatch
 * does not redirect; the reason says why this is harmless.
 */
static void parse_unhooked(struct want_unhooked *u)
{
	u->line = line;
	next();
	u->caller = ident("a function");
	expect("calls");
	u->hook = ident("a hook");
	if (*tok != '"' || strlen(tok) < 3)
		die_at(line, "the reason for '%s' is expected in quotes",
		       u->caller);
	u->why = span(tok + 1, strlen(tok) - 2);
	next();
	expect(";");
}

static void check_unhooked(const struct want *want)
{
	for (struct want_unhooked *u = want->unhooked; u; u = u->next) {
		bool found = false;

		for (struct want_item *i = want->items; i; i = i->next) {
			if (i->kind != WANT_HOOK)
				continue;
			found |= !strcmp(i->name, u->hook);
			if (!strcmp(i->name, u->caller))
				die_at(u->line, "'%s' is a hook itself",
				       u->caller);
		}
		if (!found)
			die_at(u->line, "there is no hook '%s'", u->hook);
	}
}

/* A missing value need not break the build: a header may have a different one. */
static void check_consts(const struct want *want)
{
	for (struct want_const *c = want->consts; c; c = c->next) {
		for (char **s = c->series; s && *s; s++)
			if (!series_in(want->vetted, *s))
				die_at(c->line,
				       "constant '%s' has a value on %s, which is not vetted",
				       c->name, *s);
		for (char **s = want->vetted; s && *s; s++) {
			int n = 0;

			for (struct want_const *o = want->consts; o;
			     o = o->next)
				n += !strcmp(o->name, c->name) &&
				     (!o->series || series_in(o->series, *s));
			if (n > 1)
				die_at(c->line,
				       "constant '%s' has %d values on %s",
				       c->name, n, *s);
			if (!n && !c->optional)
				die_at(c->line,
				       "constant '%s' has no value on %s",
				       c->name, *s);
		}
	}
}

static char *slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *s = NULL;
	size_t cap = 0;

	if (!f)
		die("%s can't be opened: %s", path, strerror(errno));
	if (getdelim(&s, &cap, '\0', f) < 0)
		die("%s can't be read or is empty", path);
	fclose(f);
	return s;
}

void want_parse(struct want *want, const char *path)
{
	struct want_const **c = &want->consts;
	struct want_include **inc = &want->includes;
	struct want_unhooked **unhooked = &want->unhooked;
	struct want_item **item = &want->items;

	file = path;
	want->path = path;
	pos = slurp(path);
	line = 1;
	next();
	while (*tok) {
		if (at("target")) {
			want->target_line = line;
			want->target = rest_of_line();
		} else if (at("vetted")) {
			want->vetted = words(rest_of_line());
		} else if (at("read") || at("skim")) {
			rest_of_line();
		} else if (at("const")) {
			*c = zalloc(sizeof(**c));
			parse_const(*c);
			c = &(*c)->next;
		} else if (at("include")) {
			*inc = zalloc(sizeof(**inc));
			(*inc)->header = rest_of_line();
			if (!strchr("<\"", *(*inc)->header))
				die_at(line, "a header is expected, not '%s'",
				       (*inc)->header);
			inc = &(*inc)->next;
		} else if (at("unhooked")) {
			*unhooked = zalloc(sizeof(**unhooked));
			parse_unhooked(*unhooked);
			unhooked = &(*unhooked)->next;
			continue;
		} else {
			*item = zalloc(sizeof(**item));
			parse_item(*item);
			item = &(*item)->next;
			continue;
		}
		next();
	}
	if (!want->target)
		die("%s does not name a target", path);
	check_consts(want);
	check_unhooked(want);
}
