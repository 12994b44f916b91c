// SPDX-License-Identifier: GPL-2.0
/*
 * btf-want - write the header through which a module sees a stock driver.
 *
 * The want file says what is taken from the driver; the driver's own BTF says
 * where that lies.  Structs come out as slices: the members asked for at their
 * exact offsets, padding between, the exact size.  What is missing or of
 * another type is an error here, and not corruption later.  Without -o that is
 * all it tells.
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../lib/btf-base.h"
#include "../lib/error.h"
#include "../lib/ko.h"
#include "btf-type.h"
#include "want.h"

static const char *kver, *target_path, *base_path, *want_path, *out_path,
	*include_dir;
static struct want want;
static struct types types = { .want = &want };
static struct ko ko;

static const char *name_of(const struct btf_type *t)
{
	return btf__name_by_offset(types.btf, t->name_off) ?: "";
}

static const struct btf_type *type(int id)
{
	return btf__type_by_id(types.btf, id);
}

/* A preprocessor name: HAVE_JOURNAL_PIN_MASK of "journal.pin.mask". */
static char *macro(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	if (vasprintf(&s, format, args) < 0)
		abort();
	va_end(args);
	for (char *p = s; *p; p++)
		*p = isalnum((unsigned char)*p) ? toupper((unsigned char)*p) :
						  '_';
	return s;
}

/* ---- the target and its base ---- */

/* The root of the tree that the target stands in: "" if it is ours. */
static const char *target_root(void)
{
	const char *in_path =
		strstr(target_path, text("/lib/modules/%s/", kver));
	size_t len = in_path ? in_path - target_path : 0;

	if (len >= 4 && !strncmp(target_path + len - 4, "/usr", 4))
		len -= 4;
	return text("%.*s", (int)len, target_path);
}

/* Where a link of the modules folder leads, inside the target's root. */
static const char *module_link(const char *name)
{
	char *path = text("%s/lib/modules/%s/%s", target_root(), kver, name);
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to));

	return n > 0 && *to == '/' ? text("%s%.*s", target_root(), (int)n, to) :
				     path;
}

/*
 * The kernel's own BTF: in the headers, beside its debug symbols, in the
 * kernel that runs if it is that very one, or in the installed image.
 */
static const char *find_base(void)
{
	const char *root = target_root();
	struct utsname running;
	const char *const places[] = {
		text("%s/vmlinux", module_link("build")),
		text("%s/usr/lib/debug/boot/vmlinux-%s", root, kver),
		text("%s/usr/lib/debug/lib/modules/%s/vmlinux", root, kver),
		!uname(&running) && !strcmp(running.release, kver) ?
			"/sys/kernel/btf/vmlinux" :
			"",
		text("%s/boot/vmlinuz-%s", root, kver),
		text("%s/lib/modules/%s/vmlinuz", root, kver),
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!access(places[i], R_OK))
			return places[i];
	die("there is no BTF of this kernel; install its headers or its image, or name one with --base");
}

/*
 * Have the kernel's headers this one?  Known here, not by __has_include(),
 * which sparse lacks.
 */
static bool has_header(const struct want_item *item)
{
	const char *dirs[2] = { include_dir };

	if (*item->header != '<')
		die_at(item->line, "only a <header> can be optional");
	if (!include_dir) {
		dirs[0] = text("%s/include", module_link("build"));
		dirs[1] = text("%s/include", module_link("source"));
	}
	for (int i = 0; i < 2 && dirs[i]; i++)
		if (!access(text("%s/%.*s", dirs[i],
				 (int)strlen(item->header) - 2,
				 item->header + 1),
			    R_OK))
			return true;
	return false;
}

/* libbpf 1.1 takes split BTF only from a file, and a chroot may lack /proc. */
static struct btf *open_split(const Elf_Data *data, struct btf *base)
{
	char *path = text("%s.XXXXXX", out_path ?: P_tmpdir "/btf-want");
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	struct btf *btf;

	if (!f)
		die("%s can't be written: %s", path, strerror(errno));
	error_remove(path);
	if (fwrite(data->d_buf, data->d_size, 1, f) != 1 || fclose(f))
		die("%s can't be written: %s", path, strerror(errno));
	btf = btf__parse_raw_split(path, base);
	unlink(path);
	error_remove(NULL);
	return btf;
}

static void open_target(void)
{
	const char *vermagic, *name;

	if (access(target_path, R_OK))
		die("%s can't be read: %s", target_path, strerror(errno));
	if (ko_open(&ko, target_path))
		exit(1);
	vermagic = ko_modinfo(&ko, "vermagic") ?: "";
	if (strncmp(vermagic, kver, strlen(kver)) ||
	    vermagic[strlen(kver)] != ' ')
		die("this module was built for kernel %.*s",
		    (int)strcspn(vermagic, " "), vermagic);
	name = ko_modinfo(&ko, "name") ?: "";
	if (strcmp(name, want.target))
		die_at(want.target_line, "this is module '%s', not '%s'", name,
		       want.target);
}

static void open_types(void)
{
	struct btf *base;
	const char *wrong;
	Elf_Data *data;

	data = ko_data(&ko, ".BTF");
	if (!data)
		die("the module has no .BTF section");

	if (!base_path)
		base_path = find_base();
	base = btf_base_open(base_path);
	types.own = btf__type_cnt(base);
	types.btf = open_split(data, base);
	if (!types.btf)
		die("%s is not the base of its BTF: %s", base_path,
		    strerror(errno));
	wrong = types_check(&types);
	if (wrong)
		die("%s is not the base of its BTF: %s", base_path, wrong);
}

/* ---- types ---- */

/* All that a struct's layout is, in text: to compare two of the same name. */
static void print_layout(FILE *f, int id)
{
	const struct btf_type *t = type(id);

	fprintf(f, "%s %s %u {\n", btf_is_union(t) ? "union" : "struct",
		name_of(t), t->size);
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = btf_members(t) + i;
		const char *name = btf__name_by_offset(types.btf, m->name_off);
		const struct btf_type *of;
		int of_id = m->type;

		fprintf(f, "%u:%u %s;\n", btf_member_bit_offset(t, i),
			btf_member_bitfield_size(t, i),
			type_text(&types, of_id, name, false));
		while (btf_is_array(type(of_id)))
			of_id = btf_array(type(of_id))->type;
		of = type(of_id);
		if (btf_is_composite(of) && !of->name_off)
			print_layout(f, of_id);
		else
			fprintf(f, "%lld\n",
				(long long)btf__resolve_size(types.btf, of_id));
	}
	fprintf(f, "}\n");
}

static void print_enum(FILE *f, int id)
{
	const struct btf_type *t = type(id);

	fprintf(f, "enum %s %u\n", name_of(t), t->size);
	for (int i = 0; i < btf_vlen(t); i++) {
		if (btf_is_enum64(t))
			fprintf(f, "%s %llx\n",
				btf__name_by_offset(types.btf,
						    btf_enum64(t)[i].name_off),
				(unsigned long long)btf_enum64_value(
					btf_enum64(t) + i));
		else
			fprintf(f, "%s %x\n",
				btf__name_by_offset(types.btf,
						    btf_enum(t)[i].name_off),
				btf_enum(t)[i].val);
	}
}

static char *print_type(int id)
{
	char *s = NULL;
	size_t size;
	FILE *f = open_memstream(&s, &size);

	if (btf_is_composite(type(id)))
		print_layout(f, id);
	else if (btf_is_any_enum(type(id)))
		print_enum(f, id);
	else
		fputs(type_text(&types, id, "", false), f);
	fclose(f);
	return s;
}

/*
 * A type by name: the target's own before one of the kernel's.  The target may
 * hold one name twice, if only what its members point at differs.
 */
static int find_type(const struct want_item *item, const char *name, int kind)
{
	static const char *const what[] = { "struct", "union", "enum" };
	int found = 0;

	for (__u32 id = types.own; id < btf__type_cnt(types.btf); id++) {
		const struct btf_type *t = type(id);

		if (btf_kind(t) != kind || strcmp(name_of(t), name))
			continue;
		if (found && strcmp(print_type(found), print_type(id)))
			die_at(item->line, "there are two different %s %s",
			       what[item->kind], name);
		found = found ?: (int)id;
	}
	if (!found)
		found = btf__find_by_name_kind(btf__base_btf(types.btf), name,
					       kind);
	return found > 0 ? found : 0;
}

struct place {
	const struct btf_type *in;
	int index;
	__u32 bit_off;
};

static bool find_member(int id, const char *name, __u32 bit_off,
			struct place *place)
{
	const struct btf_type *t = type(id), *of;
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++) {
		__u32 at = bit_off + btf_member_bit_offset(t, i);

		if (m[i].name_off) {
			if (!strcmp(btf__name_by_offset(types.btf,
							m[i].name_off),
				    name)) {
				*place = (struct place){ t, i, at };
				return true;
			}
			continue;
		}
		of = type(type_resolve(&types, m[i].type));
		if (btf_is_composite(of) &&
		    find_member(type_resolve(&types, m[i].type), name, at,
				place))
			return true;
	}
	return false;
}

static char *dims_text(const long *dims, int n)
{
	char *s = text("%s", "");

	for (int i = 0; i < n; i++)
		s = dims[i] < 0 ? text("%s[]", s) : text("%s[%ld]", s, dims[i]);
	return s;
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
		die_at(m->line, "member '%s' of %s is no array", name, of);
	die_at(m->line, "member '%s' of %s has the dimension %s, not %s", name,
	       of, dims_text(m->btf_dims, n),
	       m->ndims ? dims_text(m->dims, m->ndims) : "none");
}

static void resolve_members(const char *of, const char *prefix, int id,
			    struct want_member *m)
{
	for (; m; m = m->next) {
		char *name = text("%s%s", prefix, m->name);
		const struct btf_type *of_type;
		struct place place;
		int n = 0, bits;

		if (!find_member(id, m->name, 0, &place)) {
			if (!m->optional)
				die_at(m->line, "%s has no member '%s'", of,
				       name);
			continue;
		}
		m->present = true;
		m->bit_off = place.bit_off;
		m->id = btf_members(place.in)[place.index].type;
		m->size = btf__resolve_size(types.btf, m->id);
		m->align = btf__align_of(types.btf, m->id) ?: 1;

		while (btf_is_array(type(m->id)) && n < MAX_DIMS) {
			m->btf_dims[n++] = btf_array(type(m->id))->nelems;
			m->id = btf_array(type(m->id))->type;
		}
		check_dims(of, name, m, n);

		bits = btf_member_bitfield_size(place.in, place.index);
		if (m->bits < 0 && bits)
			die_at(m->line,
			       "member '%s' of %s is a bitfield, %d wide", name,
			       of, bits);
		if (m->bits >= 0 && m->bits != bits)
			die_at(m->line,
			       "bitfield '%s' of %s is %d wide, not %d", name,
			       of, bits, m->bits);
		if (m->bits < 0 && m->bit_off % 8)
			die_at(m->line,
			       "member '%s' of %s begins inside a byte", name,
			       of);

		if (m->sub) {
			const struct btf_type *t = type(m->id);

			if (!(m->is_union ? btf_is_union(t) :
					    btf_is_struct(t)) ||
			    t->name_off)
				die_at(m->line,
				       "member '%s' of %s is '%s', not an anonymous %s",
				       name, of,
				       type_text(&types, m->id, "", false),
				       m->is_union ? "union" : "struct");
			resolve_members(of, text("%s.", name), m->id, m->sub);
		} else if (!type_is(&types, m->id, m->type)) {
			die_at(m->line, "member '%s' of %s is '%s', not '%s'",
			       name, of, type_text(&types, m->id, "", false),
			       m->type);
		}
		of_type = type(type_resolve(&types, m->id));
		m->is_signed = btf_is_int(of_type) &&
			       btf_int_encoding(of_type) & BTF_INT_SIGNED;
	}
}

static void resolve_struct(struct want_item *item)
{
	const char *word = item->kind == WANT_UNION ? "union" : "struct";

	item->id = find_type(item, item->name,
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

		if (strcmp(btf__name_by_offset(types.btf, off), e->name))
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

/* Anonymous enums have no name to find them by: any that has the enumerator. */
static bool find_anonymous(struct want_enumerator *e)
{
	__u32 n = btf__type_cnt(types.btf), id;

	for (id = types.own; id < n; id++)
		if (btf_is_any_enum(type(id)) && !type(id)->name_off &&
		    find_enumerator(id, e))
			return true;
	for (id = 1; id < types.own; id++)
		if (btf_is_any_enum(type(id)) && !type(id)->name_off &&
		    find_enumerator(id, e))
			return true;
	return false;
}

static void resolve_enum(struct want_item *item)
{
	if (item->name) {
		item->id = find_type(item, item->name, BTF_KIND_ENUM) ?:
				   find_type(item, item->name, BTF_KIND_ENUM64);
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

/* ---- symbols ---- */

static const char *find_symbol(const struct want_item *item, GElf_Sym *sym,
			       int stt)
{
	int n = ko_symbol(&ko, item->name, sym);
	const char *clone;

	if (n > 1)
		return text("is not unique: there are %d symbols of that name",
			    n);
	if (n == 1 && GELF_ST_TYPE(sym->st_info) != stt)
		return stt == STT_FUNC ? "is no function" : "is no variable";
	if (n == 1)
		return NULL;
	clone = ko_find_clone(&ko, item->name);
	if (clone)
		return text(
			"has no symbol but '%s', whose arguments may differ",
			clone);
	return "has no symbol: it is not there or was inlined";
}

static const char *find_proto(struct want_item *item)
{
	for (__u32 id = types.own; id < btf__type_cnt(types.btf); id++) {
		const struct btf_type *t = type(id);
		char *proto;

		if (!btf_is_func(t) || strcmp(name_of(t), item->name))
			continue;
		proto = type_text(&types, t->type, item->name, true);
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
	section = ko_section_name(&ko, sym.st_shndx) ?: "";
	if (!strncmp(section, ".init", 5) || !strncmp(section, ".exit", 5))
		return text("is in %s, which is not always there", section);
	if (item->kind == WANT_FUNC)
		return NULL;
	if (strcmp(section, ".text"))
		return text("can't be patched: it is in %s, not in .text",
			    section);
	body = ko_ftrace_site(&ko, &sym);
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
	for (__u32 id = types.own; id < btf__type_cnt(types.btf); id++) {
		const struct btf_type *t = type(id);

		if (btf_is_var(t) && !strcmp(name_of(t), item->name) &&
		    !type_is(&types, t->type, type_canon(item->type)))
			return text("is '%s', not '%s'",
				    type_text(&types, t->type, "", false),
				    item->type);
	}
	item->size = sym.st_size;
	item->proto = text("%.*s%s%s%s", (int)at, item->type,
			   item->type[at - 1] == '*' ? "" : " ", item->name,
			   item->type + at);
	return NULL;
}

static void resolve(const char *series)
{
	static const char *const what[] = { [WANT_FUNC] = "function",
					    [WANT_HOOK] = "function",
					    [WANT_DATA] = "variable" };

	for (struct want_item *item = want.items; item; item = item->next) {
		const char *problem;

		if (item->header_optional && !has_header(item))
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

/* ---- the header ---- */

static const struct want_const *const_on(const struct want_const *c,
					 const char *series)
{
	return !c->series || series_in(c->series, series) ? c : NULL;
}

static int series_cmp(const char *a, const char *b)
{
	unsigned int am = 0, an = 0, bm = 0, bn = 0;

	sscanf(a, "%u.%u", &am, &an);
	sscanf(b, "%u.%u", &bm, &bn);
	return am != bm ? (am < bm ? -1 : 1) : an < bn ? -1 : an > bn;
}

/* The target says so itself: a kernel's release can be named anything. */
static bool is_preempt_rt(void)
{
	return strstr(ko_modinfo(&ko, "vermagic"), " preempt_rt ");
}

/*
 * The vetted series whose constants hold.  On a kernel that nobody vetted, and
 * that someone insists on: those of the newest series before it.  One with
 * PREEMPT_RT is a series of its own, since its locks sleep.
 */
static const char *vetted_series(bool allow_unvetted)
{
	unsigned int major = 0, minor = 0;
	const char *best = NULL;
	char *series, *list = "";

	sscanf(kver, "%u.%u", &major, &minor);
	series = text("%u.%u%s", major, minor, is_preempt_rt() ? "-rt" : "");
	if (series_in(want.vetted, series))
		return series;
	for (char **v = want.vetted; v && *v; v++) {
		list = text("%s%s%s", list, *list ? ", " : "", *v);
		if (!best ||
		    (series_cmp(*v, series) <= 0 && series_cmp(*v, best) > 0))
			best = *v;
	}
	if (!allow_unvetted)
		die("kernel series %s is not vetted for %s (vetted: %s); a developer may insist with --allow-unvetted",
		    series, want.target, *list ? list : "none");
	return best ?: series;
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
	for (struct want_include *i = want.includes; i; i = i->next)
		emit_include(f, i->header, false, &seen);
	for (struct want_item *item = want.items; item; item = item->next)
		if (item->header && item->present)
			emit_include(f, item->header, item->header_optional,
				     &seen);
	fputc('\n', f);
}

static void emit_consts(FILE *f, const char *series)
{
	for (struct want_const *c = want.consts; c; c = c->next)
		if (const_on(c, series))
			fprintf(f, "#define %s %s\n", c->name, c->value);
	if (want.consts)
		fputc('\n', f);
}

static const char word_chars[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

/* Every struct and union that a declaration names, declared once, before it. */
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

/* The driver's own typedefs, as this target has them. */
static void private_types(FILE *f, const char *s, char **seen)
{
	for (size_t n; *(s += strcspn(s, word_chars)); s += n) {
		char *one;

		n = strspn(s, word_chars);
		one = type_private(&types, text("%.*s", (int)n, s));
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

	for (struct want_item *item = want.items; item; item = item->next) {
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
 * The members in their order, padding between.  Those that overlap become a
 * union of structs, each with its own padding; so what is a union in stock is
 * written as a struct too.
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

/* What is held by value must be defined before. */
static void emit_embedded(FILE *f, const struct want_member *m)
{
	for (; m; m = m->next) {
		const struct btf_type *t;

		if (!m->present)
			continue;
		emit_embedded(f, m->sub);
		t = type(type_resolve(&types, m->id));
		if (m->sub || !btf_is_composite(t))
			continue;
		for (struct want_item *i = want.items; i; i = i->next)
			if (i->kind <= WANT_UNION &&
			    !strcmp(i->name, name_of(t)))
				emit_struct(f, i);
	}
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
		fputs("};\n", f);
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
	for (struct want_item *item = want.items; item; item = item->next) {
		if (!item->present || !item->proto)
			continue;
		fprintf(f,
			"extern %s\n\t__asm__(\"__klp_%s__%s\") __attribute__((weak));\n",
			item->proto, want.target, item->name);
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
	fputs("\n/* name, offset in .text, size, offset of what follows the ftrace site */\n"
	      "#define OUTRIGGER_PLACES",
	      f);
	for (struct want_item *item = want.items; item; item = item->next)
		if (item->present && item->kind == WANT_HOOK)
			fprintf(f, " \\\n\t{ \"%s\", 0x%x, 0x%x, %u },",
				item->name, item->offset, item->size,
				item->body);
	fputc('\n', f);
}

static void emit(FILE *f, const char *series)
{
	fprintf(f,
		"/*\n * Generated by btf-want from %s for %s of %s; do not edit.\n */\n",
		basename(want_path), want.target, kver);
	fprintf(f,
		"#ifndef OUTRIGGER_TARGET\n#define OUTRIGGER_TARGET \"%s\"\n",
		want.target);
	fprintf(f, "#define OUTRIGGER_TARGET_KVER \"%s\"\n\n", kver);
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
	for (struct want_item *item = want.items; item; item = item->next)
		if (item->kind == WANT_ENUM && item->present)
			emit_enum(f, item);
	for (struct want_item *item = want.items; item; item = item->next)
		if (item->kind <= WANT_UNION)
			emit_struct(f, item);
	emit_symbols(f);
	fputs("\n#endif\n", f);
}

/* Nobody must ever see half a header. */
static void write_out(const char *series)
{
	char *tmp = text("%s.%d.tmp", out_path, (int)getpid());
	FILE *f = fopen(tmp, "w");

	if (!f)
		die("%s can't be written: %s", tmp, strerror(errno));
	error_remove(tmp);
	emit(f, series);
	if (fflush(f) || ferror(f) || fclose(f) || rename(tmp, out_path))
		die("%s can't be written: %s", out_path, strerror(errno));
}

static void usage(void)
{
	fputs("usage: btf-want --kver VERSION --target KO [--base BTF|VMLINUX|VMLINUZ] [-I INCLUDE] [--allow-unvetted] [-o OUT.h] WANT\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kver", required_argument, NULL, 'k' },
		{ "target", required_argument, NULL, 't' },
		{ "base", required_argument, NULL, 'b' },
		{ "allow-unvetted", no_argument, NULL, 'u' },
		{}
	};
	bool allow_unvetted = false;
	const char *series;
	int c;

	while ((c = getopt_long(argc, argv, "I:o:", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			kver = optarg;
			break;
		case 't':
			target_path = optarg;
			break;
		case 'b':
			base_path = optarg;
			break;
		case 'u':
			allow_unvetted = true;
			break;
		case 'I':
			include_dir = optarg;
			break;
		case 'o':
			out_path = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || !kver || !target_path)
		usage();
	want_path = argv[optind];
	libbpf_set_print(NULL);
	error_context("btf-want: %s: %s", kver, basename(target_path));

	want_parse(&want, want_path);
	open_target();
	series = vetted_series(allow_unvetted);
	open_types();
	resolve(series);
	if (out_path)
		write_out(series);
	return 0;
}
