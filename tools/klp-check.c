// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: klp-check - check a finished livepatch module
 *
 * Checks a finished livepatch module against the objects that it patches, to detect
 * at build time everything that the kernel would refuse at load time. By then the
 * kernel would refuse to load the *target*, and the machine might not boot.
 */
#define _GNU_SOURCE
#include "klp.h"
#include "want.h"

#include "../lib/btf-base.h"
#include "../lib/error.h"
#include "../lib/ko.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACES ".outrigger.places"
#define TABLE "outrigger_hooks"

/* As in attach/attach.h: an entry of the module's table of hooked functions. */
struct place {
	uint64_t name; /* set by a relocation */
	uint32_t offset; /* in the target's .text */
	uint32_t size;
	uint32_t body; /* just past the ftrace site */
	uint32_t pad;
};

struct target {
	struct target *next;
	char *object;
	struct ko ko;
};

/* A symbol .klp.sym.OBJ.NAME,0; in klps[] at its index in the symbol table. */
struct klp {
	char object[KLP_OBJ_MAX + 1], *name;
	struct target *target; /* NULL for vmlinux */
	GElf_Sym sym; /* in the target; valid if found */
	bool found;
	uint32_t body; /* offset past its ftrace site, if it is hooked */
	unsigned int calls, bodies, relative, absolute;
};

static const char *path, *want_path;
static struct want want;
static struct ko mod;
static struct target *targets; /* the first is the hooked driver */
static struct klp **klps;
static size_t nklps, nhooks;
static const char **hooks;
static Elf_Data *syms;
static GElf_Shdr symtab;
static size_t symtab_index;
static unsigned int problems;
static bool verbose, ibt;

static void __attribute__((format(printf, 1, 2))) problem(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vcomplain(fmt, ap);
	va_end(ap);
	problems++;
}

static const char *symbol_name(struct ko *ko, const GElf_Shdr *table,
			       const GElf_Sym *sym)
{
	const char *name = elf_strptr(ko->elf, table->sh_link, sym->st_name);

	return name ? name : "";
}

static bool is_func(const GElf_Sym *sym)
{
	return GELF_ST_TYPE(sym->st_info) == STT_FUNC;
}

static bool is_init(struct ko *ko, const GElf_Sym *sym)
{
	return !strncmp(ko_section_name(ko, sym->st_shndx), ".init", 5);
}

/* livepatch finds symbols by name only: each must be unique, and not be discarded. */
static bool resolve(struct target *t, const char *what, const char *name,
		    GElf_Sym *sym)
{
	const char *clone;
	int n;

	if (strchr(name, '.')) {
		problem("%s '%s' has a compiler-generated suffix: its arguments are unknown",
			what, name);
		return false;
	}
	n = ko_symbol(&t->ko, name, sym);
	if (!n) {
		clone = ko_find_clone(&t->ko, name);
		if (clone)
			problem("%s '%s' is not in %s: the compiler made it %s",
				what, name, t->ko.path, clone);
		else
			problem("%s '%s' is not in %s", what, name, t->ko.path);
	} else if (n > 1) {
		problem("%s '%s' is ambiguous: %s has %d of that name", what,
			name, t->ko.path, n);
	} else if (is_init(&t->ko, sym)) {
		problem("%s '%s' is discarded once %s is loaded: it is in %s",
			what, name, t->object,
			ko_section_name(&t->ko, sym->st_shndx));
	} else {
		return true;
	}
	return false;
}

static struct target *find_target(const char *object)
{
	struct target *t;

	for (t = targets; t && strcmp(t->object, object); t = t->next)
		;
	return t;
}

/*
 * A kernel image has no symbols. Its BTF lists functions and per-CPU variables,
 * but no other variables: see check_vmlinux().
 */
static void resolve_vmlinux(struct klp *k, struct btf *base)
{
	if (!base)
		problem("klp symbol '%s' of vmlinux can't be looked up without --base",
			k->name);
	else if (btf__find_by_name_kind(base, k->name, BTF_KIND_FUNC) > 0 ||
		 btf__find_by_name_kind(base, k->name, BTF_KIND_VAR) > 0)
		k->found = true;
}

static void add_klp(size_t index, const char *name, struct btf *base)
{
	struct klp *k = klps[index] = zalloc(sizeof(*k));
	unsigned long pos;
	int end = 0;

	if (sscanf(name, KLP_SYM "%55[^.].%m[^,],%lu%n", k->object, &k->name,
		   &pos, &end) != 3 ||
	    name[end] || strlen(k->name) > 511) {
		problem("klp symbol '%s' is not of the form " KLP_SYM
			"<object>.<name>,<position>",
			name);
		return;
	}
	if (pos)
		problem("klp symbol '%s' is identified by its position, which may differ elsewhere",
			name);
	if (!strcmp(k->object, "vmlinux")) {
		resolve_vmlinux(k, base);
		return;
	}
	k->target = find_target(k->object);
	if (k->target)
		k->found = resolve(k->target, "klp symbol", k->name, &k->sym);
	else
		problem("klp symbol '%s' is of '%s', for which no --target is given",
			k->name, k->object);
}

/* Looks for @name in Module.symvers, and sets @from to the exporting module's name. */
static bool exported(const char *symvers, const char *name, char *from,
		     size_t size)
{
	const char *field, *slash;
	char *key = text("\t%s\t", name);
	size_t n;

	/* 0x<crc> TAB <name> TAB <module> TAB EXPORT_SYMBOL...; nothing else looks like it */
	field = strstr(symvers, key);
	if (field) {
		field += strlen(key);
		n = strcspn(field, "\t\n");
		slash = memrchr(field, '/', n);
		if (slash) {
			n -= slash + 1 - field;
			field = slash + 1;
		}
		snprintf(from, size, "%.*s", (int)n, field);
		for (; *from; from++)
			if (*from == '-')
				*from = '_';
	}
	free(key);
	return field;
}

static void check_symbols(const char *symvers, struct btf *base)
{
	GElf_Sym sym;
	char from[128];
	size_t i;

	for (i = 1; i < nklps && gelf_getsym(syms, i, &sym); i++) {
		const char *name = symbol_name(&mod, &symtab, &sym);

		if (sym.st_shndx == SHN_LIVEPATCH) {
			add_klp(i, name, base);
		} else if (sym.st_shndx != SHN_UNDEF) {
			continue;
		} else if (klp_reference(name)) {
			problem("'%s' has not been linked by klp-link yet",
				name);
		} else if (GELF_ST_BIND(sym.st_info) == STB_WEAK) {
			problem("weak undefined symbol '%s' would be 0 at run time",
				name);
		} else if (symvers &&
			   !exported(symvers, name, from, sizeof(from))) {
			problem("'%s' is not exported by this kernel", name);
		} else if (symvers && find_target(from)) {
			problem("'%s' is bound to the export of '%s', which would be loaded before this module",
				name, from);
		}
	}
}

/* Is it a jmp or jcc, with its distance in the four bytes at @offset? */
static bool is_jump(size_t section, GElf_Addr offset)
{
	const uint8_t *jmp, *jcc;

	jmp = offset >= 1 ? ko_bytes(&mod, section, offset - 1, 5) : NULL;
	jcc = offset >= 2 ? ko_bytes(&mod, section, offset - 2, 6) : NULL;
	return (jmp && *jmp == 0xe9) ||
	       (jcc && jcc[0] == 0x0f && (jcc[1] & 0xf0) == 0x80);
}

/* Is it a jump or a call? Its relocation can be either PC32 or PLT32. */
static bool is_branch(size_t section, GElf_Addr offset)
{
	const uint8_t *p =
		offset >= 1 ? ko_bytes(&mod, section, offset - 1, 5) : NULL;

	return p && (*p == 0xe8 || is_jump(section, offset));
}

/*
 * A function must be entered at its start, or, if it is hooked, just past its ftrace
 * site: then its replacement calls the stock body.
 */
static void check_entry(struct klp *k, const char *place, const GElf_Rela *r)
{
	GElf_Sxword at = r->r_addend + 4;

	if (at && at == k->body)
		k->bodies++;
	else if (at && k->body)
		problem("%s+%#" PRIx64
			" goes to '%s'%+lld, which is neither its start nor its body at +%u",
			place, r->r_offset, k->name, (long long)at, k->body);
	else if (at)
		problem("%s+%#" PRIx64
			" goes to '%s'%+lld, which is not its start",
			place, r->r_offset, k->name, (long long)at);
}

static void check_address_taken(struct klp *k, const char *place,
				const GElf_Rela *r)
{
	unsigned int type = GELF_R_TYPE(r->r_info);
	GElf_Sxword addend = r->r_addend + (type == R_X86_64_PC32 ? 4 : 0);

	if (k->target && !is_func(&k->sym))
		return;
	if (!ibt) {
		if (k->target && type == R_X86_64_PC32)
			check_entry(k, place, r);
		return;
	}
	if (!k->target)
		problem("%s+%#" PRIx64
			" takes the address of '%s' of vmlinux, whose ENDBR can't be checked",
			place, r->r_offset, k->name);
	else if (addend || !ko_endbr(&k->target->ko, &k->sym))
		problem("%s+%#" PRIx64
			" takes the address of '%s', but %s %s: a call through it would fault under IBT",
			place, r->r_offset, k->name, k->target->object,
			addend ? "has no ENDBR at that offset" :
				 "keeps no ENDBR there");
}

static void check_klp_rela(const char *name, const char *place,
			   const GElf_Shdr *sh, GElf_Rela *r)
{
	unsigned int type = GELF_R_TYPE(r->r_info);
	size_t i, n = klp_type_size(type), sym = GELF_R_SYM(r->r_info), len;
	struct klp *k = sym < nklps ? klps[sym] : NULL;
	const uint8_t *bytes;

	if (!k) {
		problem("%s holds a relocation against a symbol that is not a livepatch symbol",
			name);
		return;
	}
	if (!k->name)
		return;
	len = strlen(k->object);
	name += strlen(KLP_RELA);
	if (strncmp(name, k->object, len) || name[len] != '.')
		problem(KLP_RELA "%s holds a relocation against '%s' of '%s'",
			name, k->name, k->object);
	if (!n) {
		problem("%s+%#" PRIx64
			" uses '%s' by relocation type %u, which livepatch does not support",
			place, r->r_offset, k->name, type);
		return;
	}
	bytes = ko_bytes(&mod, sh->sh_info, r->r_offset, n);
	for (i = 0; bytes && i < n && !bytes[i]; i++)
		;
	if (!bytes || i < n)
		problem("%s+%#" PRIx64 " is %s, where '%s' is to be written",
			place, r->r_offset, bytes ? "not zero" : "outside",
			k->name);

	if (type == R_X86_64_PLT32 ||
	    (type == R_X86_64_PC32 && is_branch(sh->sh_info, r->r_offset))) {
		k->calls++;
		if (k->found)
			check_entry(k, place, r);
	} else if (type == R_X86_64_PC32 || type == R_X86_64_PC64) {
		k->relative++;
		if (k->found)
			check_address_taken(k, place, r);
	} else {
		k->absolute++;
		if (k->found)
			check_address_taken(k, place, r);
	}
}

/*
 * If a variable is missing, the kernel refuses to load the module, which does no
 * other harm; but a function that is called must be in the BTF.
 */
static void check_vmlinux(void)
{
	size_t i;

	for (i = 0; i < nklps; i++)
		if (klps[i] && klps[i]->name && !klps[i]->target &&
		    !klps[i]->found && !strcmp(klps[i]->object, "vmlinux") &&
		    klps[i]->calls)
			problem("klp symbol '%s' is not in the kernel's BTF",
				klps[i]->name);
}

static void check_relocations(void)
{
	const GElf_Xword want = SHF_ALLOC | SHF_INFO_LINK | SHF_RELA_LIVEPATCH;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh, to;
	Elf_Data *data;
	GElf_Rela r;
	int i;

	while ((scn = elf_nextscn(mod.elf, scn))) {
		const char *name = ko_section_name(&mod, elf_ndxscn(scn)),
			   *place, *rest;
		bool klp = !strncmp(name, KLP_RELA, strlen(KLP_RELA));

		if (!gelf_getshdr(scn, &sh))
			continue;
		if (sh.sh_type != SHT_RELA) {
			if (klp)
				problem("%s is not a relocation section", name);
			continue;
		}
		place = ko_section_name(&mod, sh.sh_info);
		if (!gelf_getshdr(elf_getscn(mod.elf, sh.sh_info), &to) ||
		    !(to.sh_flags & SHF_ALLOC)) {
			if (klp)
				problem("%s is for a section that is not loaded",
					name);
			continue;
		}
		data = elf_getdata(scn, NULL);
		if (klp != !!(sh.sh_flags & SHF_RELA_LIVEPATCH))
			problem("%s: a livepatch section needs both its name and its flag",
				name);
		if (klp) {
			rest = strchr(name + strlen(KLP_RELA), '.');
			if (!rest || strcmp(rest + 1, place) ||
			    (sh.sh_flags & want) != want ||
			    sh.sh_entsize != sizeof(Elf64_Rela) ||
			    sh.sh_link != symtab_index)
				problem("%s is not a valid livepatch section for %s",
					name, place);
			if (!klp_section_ok(place))
				problem("%s: the kernel can't write a livepatch relocation there",
					place);
		}
		for (i = 0; data && gelf_getrela(data, i, &r); i++) {
			size_t sym = GELF_R_SYM(r.r_info);

			if (klp)
				check_klp_rela(name, place, &sh, &r);
			else if (sym < nklps && klps[sym])
				problem("%s+%#" PRIx64
					" uses '%s' by a relocation that livepatch does not apply",
					place, r.r_offset,
					klps[sym]->name ? klps[sym]->name :
							  "?");
		}
	}
}

static bool is_hooked(const char *name)
{
	size_t i, n = strcspn(name,
			      "."); /* foo.part.0 is only reached through foo */

	for (i = 0; i < nhooks; i++)
		if (hooks[i] && !strncmp(hooks[i], name, n) && !hooks[i][n])
			return true;
	return false;
}

/*
 * Returns the name of the function that contains the byte, preferably a hooked one, and
 * sets @f to its symbol; or returns NULL.
 */
static const char *function_at(struct ko *ko, size_t section, GElf_Addr at,
			       GElf_Sym *f)
{
	const char *found = NULL;
	Elf_Data *data;
	GElf_Shdr sh;
	GElf_Sym s;
	int i;

	if (!ko_symtab(ko, &data, &sh))
		return NULL;
	for (i = 1; gelf_getsym(data, i, &s); i++) {
		if (!is_func(&s) || s.st_shndx != section ||
		    at - s.st_value >= s.st_size)
			continue;
		*f = s;
		found = symbol_name(ko, &sh, &s);
		if (is_hooked(found))
			break;
	}
	return found;
}

static const char *why_unhooked(const char *caller, const char *hook)
{
	size_t n = strcspn(caller, "."); /* any part of the function */
	const struct want_unhooked *u;

	for (u = want.unhooked; u; u = u->next)
		if (!strncmp(u->caller, caller, n) && !u->caller[n] &&
		    !strcmp(u->hook, hook))
			return u->why;
	return NULL;
}

/*
 * The byte belongs to a reference to a clone of a hooked function. livepatch redirects
 * the function itself, not its clones: unless the caller is hooked too, it runs stock
 * code while the module is attached.
 */
static void check_caller(struct target *t, size_t section, GElf_Addr at,
			 const char *hook, const char *clone)
{
	static char last[1024];
	const char *caller, *why = NULL;
	GElf_Sym f;
	char *what;

	caller = function_at(&t->ko, section, at, &f);
	if (caller && is_hooked(caller))
		return;
	if (caller)
		why = why_unhooked(caller, hook);
	else
		caller = text("%s+%#llx", ko_section_name(&t->ko, section),
			      (unsigned long long)at);
	what = text("'%s' of %s runs '%s'", caller, t->object, clone);
	if (!strcmp(what, last))
		return;
	snprintf(last, sizeof(last), "%s", what);
	if (!why)
		problem("%s, bypassing the hook of '%s': hook it too, or list it in the want file if that is harmless",
			what, hook);
	else if (verbose)
		printf("  note: %s is not hooked and runs the stock %s: %s\n",
		       caller, clone, why);
}

static bool is_jcc(const uint8_t *p)
{
	return (*p & 0xf0) == 0x70;
}

/*
 * Branches within a section have no relocation: search for them in the code, byte by
 * byte. This may find a short branch (two bytes, only used by tail calls) where there
 * is none, and then fails the build needlessly.
 */
static void check_code(struct target *t, size_t section, const char *hook,
		       const char *clone, const GElf_Sym *to)
{
	Elf_Data *data = elf_getdata(elf_getscn(t->ko.elf, section), NULL);
	const uint8_t *p = data ? data->d_buf : NULL;
	int32_t rel;
	size_t i;

	for (i = 0; p && i + 2 <= data->d_size; i++) {
		if ((p[i] == 0xeb || is_jcc(p + i)) &&
		    i + 2 + (int8_t)p[i + 1] == to->st_value)
			check_caller(t, section, i, hook, clone);
		if (i + 5 > data->d_size)
			continue;
		memcpy(&rel, p + i + 1, 4);
		if (i + 5 + rel == to->st_value &&
		    (p[i] == 0xe8 || p[i] == 0xe9 ||
		     (i && p[i - 1] == 0x0f && (p[i] & 0xf0) == 0x80)))
			check_caller(t, section, i, hook, clone);
	}
}

/* Check calls from another section, and addresses in code or data. */
static void check_references(struct target *t, const char *hook,
			     const char *clone, const GElf_Sym *to)
{
	Elf_Scn *scn = NULL;
	Elf_Data *table, *data;
	GElf_Shdr sh, in;
	GElf_Sxword at;
	GElf_Rela r;
	GElf_Sym s;
	size_t i;

	if (!ko_symtab(&t->ko, &table, &sh))
		return;
	while ((scn = elf_nextscn(t->ko.elf, scn))) {
		const char *place;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_RELA ||
		    !gelf_getshdr(elf_getscn(t->ko.elf, sh.sh_info), &in))
			continue;
		place = ko_section_name(&t->ko, sh.sh_info);
		if (!(in.sh_flags & SHF_EXECINSTR) &&
		    strncmp(place, ".data", 5) && strncmp(place, ".rodata", 7))
			continue;
		data = elf_getdata(scn, NULL);
		for (i = 0; data && gelf_getrela(data, i, &r); i++) {
			if (!gelf_getsym(table, GELF_R_SYM(r.r_info), &s) ||
			    s.st_shndx != to->st_shndx)
				continue;
			at = s.st_value + r.r_addend;
			if (GELF_R_TYPE(r.r_info) == R_X86_64_PC32 ||
			    GELF_R_TYPE(r.r_info) == R_X86_64_PLT32)
				at += 4;
			if (at == (GElf_Sxword)to->st_value)
				check_caller(t, sh.sh_info, r.r_offset, hook,
					     clone);
		}
	}
}

static void check_clones(struct target *t, const char *hook)
{
	Elf_Data *data;
	GElf_Shdr sh;
	GElf_Sym s;
	int i;

	if (!ko_symtab(&t->ko, &data, &sh))
		return;
	for (i = 1; gelf_getsym(data, i, &s); i++) {
		const char *name = symbol_name(&t->ko, &sh, &s);

		if (!is_func(&s) || !ko_is_clone(name, hook))
			continue;
		check_code(t, s.st_shndx, hook, name, &s);
		check_references(t, hook, name, &s);
	}
}

/* Finds the symbol and offset that the module's pointer at @offset refers to. */
static bool pointer_at(Elf_Data *rela, GElf_Addr offset, GElf_Sym *sym,
		       GElf_Addr *to)
{
	GElf_Rela r;
	int i;

	for (i = 0; rela && gelf_getrela(rela, i, &r); i++)
		if (r.r_offset == offset &&
		    GELF_R_TYPE(r.r_info) == R_X86_64_64 &&
		    gelf_getsym(syms, GELF_R_SYM(r.r_info), sym)) {
			*to = sym->st_value + r.r_addend;
			return true;
		}
	return false;
}

static const char *string_at(Elf_Data *rela, GElf_Addr offset)
{
	const char *name;
	GElf_Addr to;
	GElf_Sym s;
	size_t n;

	if (!pointer_at(rela, offset, &s, &to))
		return NULL;
	for (n = 1; (name = ko_bytes(&mod, s.st_shndx, to, n)); n++)
		if (!name[n - 1])
			return n > 1 ? name : NULL;
	return NULL;
}

/*
 * livepatch detects that a task is in one of the module's hooks by a return address
 * on the task's stack between the function's first and last byte. A part in another
 * place that the function jumps to would go unnoticed, and could be unloaded under a
 * task. Parts of the functions that a hook calls don't matter: the hook's frame is
 * also on the stack. Nor do whole copies (.isra, .constprop), which only the module
 * calls.
 */
static void check_parts(const char *ours, const char *hook)
{
	size_t n = strlen(ours);
	GElf_Sym s;
	int i;

	for (i = 1; gelf_getsym(syms, i, &s); i++) {
		const char *name = symbol_name(&mod, &symtab, &s);

		if (is_func(&s) && !strncmp(name, ours, n) && name[n] == '.' &&
		    (strstr(name + n, ".cold") || strstr(name + n, ".part")))
			problem("'%s' is a part of '%s', which replaces '%s': livepatch does not look for tasks there",
				name, ours, hook);
	}
}

/* Returns a function that shares the section of @f, other than the padding before @f. */
static const char *neighbour(const GElf_Sym *f, const char *ours)
{
	const char *name;
	GElf_Sym s;
	int i;

	for (i = 1; gelf_getsym(syms, i, &s); i++) {
		if (!is_func(&s) || s.st_shndx != f->st_shndx ||
		    s.st_value == f->st_value)
			continue;
		name = symbol_name(&mod, &symtab, &s);
		/* from objtool: __pfx_NAME, __cfi_NAME */
		if ((strncmp(name, "__pfx_", 6) &&
		     strncmp(name, "__cfi_", 6)) ||
		    strcmp(name + 6, ours))
			return name;
	}
	return NULL;
}

/* Returns the target of the jump out of @f that has the relocation @r, or NULL. */
static const char *jumps_to(const GElf_Sym *f, const GElf_Rela *r)
{
	GElf_Sym s, to;

	if ((GELF_R_TYPE(r->r_info) != R_X86_64_PC32 &&
	     GELF_R_TYPE(r->r_info) != R_X86_64_PLT32) ||
	    !is_jump(f->st_shndx, r->r_offset) ||
	    !gelf_getsym(syms, GELF_R_SYM(r->r_info), &s) ||
	    s.st_shndx == f->st_shndx)
		return NULL;
	if (s.st_shndx == SHN_UNDEF || s.st_shndx == SHN_LIVEPATCH)
		return symbol_name(&mod, &symtab, &s);
	return function_at(&mod, s.st_shndx, s.st_value + r->r_addend + 4, &to);
}

/*
 * If a function ends by calling another one, the compiler may turn the call into a
 * jump. A task that sleeps in the called function then has no return address in the
 * hook: livepatch doesn't see it, and the module may be unloaded under it. Kbuild
 * disables all tail calls: this checks that the compiler complied.
 *
 * A jump within a section may take two bytes, and has no relocation: without decoding
 * the code it can't be distinguished from other bytes. So each hook has a section of
 * its own (__hook in attach.h), and every direct jump that leaves it has a relocation.
 */
static void check_tail_calls(const GElf_Sym *f, const char *ours,
			     const char *hook)
{
	const char *to = neighbour(f, ours);
	Elf_Scn *scn = NULL;
	Elf_Data *data;
	GElf_Shdr sh;
	GElf_Rela r;
	int i;

	if (to) {
		problem("'%s', which replaces '%s', is in one section with '%s': jumps between them can't be seen; declare it __hook",
			ours, hook, to);
		return;
	}
	while ((scn = elf_nextscn(mod.elf, scn))) {
		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_RELA ||
		    sh.sh_info != f->st_shndx)
			continue;
		data = elf_getdata(scn, NULL);
		for (i = 0; data && gelf_getrela(data, i, &r); i++) {
			to = jumps_to(f, &r);
			if (to && strcmp(to, "__x86_return_thunk"))
				problem("'%s', which replaces '%s', jumps to '%s': livepatch does not see tasks that sleep there",
					ours, hook, to);
		}
	}
}

/* Checks the table of struct klp_func, where .new_func directly follows .old_name. */
static void check_table(void)
{
	bool *seen = zalloc(nhooks * sizeof(*seen));
	Elf_Data *rela = NULL;
	Elf_Scn *scn = NULL;
	const char *name, *ours;
	GElf_Sym table, s, f;
	GElf_Addr at, to;
	GElf_Shdr sh;
	size_t i;

	if (ko_symbol(&mod, TABLE, &table) != 1) {
		problem("has no table of klp_funcs (" TABLE ")");
		free(seen);
		return;
	}
	while (!rela && (scn = elf_nextscn(mod.elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_RELA &&
		    !(sh.sh_flags & SHF_RELA_LIVEPATCH) &&
		    sh.sh_info == table.st_shndx)
			rela = elf_getdata(scn, NULL);
	for (at = table.st_value; at < table.st_value + table.st_size;
	     at += 8) {
		name = string_at(rela, at);
		if (!name)
			continue;
		for (i = 0; i < nhooks; i++)
			if (hooks[i] && !strcmp(hooks[i], name))
				break;
		if (i == nhooks)
			problem("klp_func '%s' has no entry in " PLACES, name);
		else if (seen[i])
			problem("klp_func '%s' appears twice", name);
		else
			seen[i] = true;
		at += 8;
		ours = pointer_at(rela, at, &s, &to) ?
			       function_at(&mod, s.st_shndx, to, &f) :
			       NULL;
		if (ours) {
			check_parts(ours, name);
			check_tail_calls(&f, ours, name);
		} else {
			problem("klp_func '%s' is not replaced by a function of this module",
				name);
		}
	}
	for (i = 0; i < nhooks; i++)
		if (hooks[i] && !seen[i])
			problem("hook '%s' has no klp_func", hooks[i]);
	free(seen);
}

static void check_hook(struct target *t, const char *name,
		       const struct place *p)
{
	GElf_Sym sym;
	size_t i;
	int body;

	if (!resolve(t, "hook", name, &sym))
		return;
	body = ko_ftrace_site(&t->ko, &sym);
	if (!is_func(&sym)) {
		problem("hook '%s' is not a function of %s", name, t->object);
		return;
	}
	if (body < 0) {
		problem("hook '%s' has no ftrace site in %s", name, t->ko.path);
		return;
	}
	if (strcmp(ko_section_name(&t->ko, sym.st_shndx), ".text") ||
	    sym.st_value != p->offset || sym.st_size != p->size ||
	    (uint32_t)body != p->body)
		problem("hook '%s' was built for .text+%#x, size %u, body +%u, but in %s it is %s+%#llx, size %llu, body +%d",
			name, p->offset, p->size, p->body, t->ko.path,
			ko_section_name(&t->ko, sym.st_shndx),
			(unsigned long long)sym.st_value,
			(unsigned long long)sym.st_size, body);
	for (i = 0; i < nklps; i++)
		if (klps[i] && klps[i]->target == t &&
		    !strcmp(klps[i]->name, name))
			klps[i]->body = body;
	if (verbose)
		printf("hook %s: .text+%#x size %u body +%u%s\n", name,
		       p->offset, p->size, p->body,
		       !ibt				     ? "" :
		       ko_endbr(&t->ko, &sym)		     ? " endbr" :
		       body == ENDBR_SIZE + FTRACE_SITE_SIZE ? " endbr-sealed" :
							       " no-endbr");
	check_clones(t, name);
}

static void check_hooks(void)
{
	Elf_Data *data = ko_data(&mod, PLACES), *rela;
	struct place place;
	size_t i, j;

	if (!data || data->d_size % sizeof(place)) {
		problem("has no table of hooks (section " PLACES ")");
		return;
	}
	if (!targets) {
		problem("has hooks, but no --target is given");
		return;
	}
	rela = ko_data(&mod, ".rela" PLACES);
	nhooks = data->d_size / sizeof(place);
	hooks = zalloc(nhooks * sizeof(*hooks));
	for (i = 0; i < nhooks; i++) {
		hooks[i] = string_at(rela, i * sizeof(place));
		if (!hooks[i])
			problem("entry %zu of " PLACES
				" does not name a function",
				i);
		for (j = 0; hooks[i] && j < i; j++)
			if (hooks[j] && !strcmp(hooks[i], hooks[j])) {
				problem("hook '%s' appears twice", hooks[i]);
				hooks[i] = NULL;
			}
	}
	for (i = 0; i < nhooks; i++) {
		memcpy(&place, (char *)data->d_buf + i * sizeof(place),
		       sizeof(place));
		if (hooks[i])
			check_hook(targets, hooks[i], &place);
	}
	check_table();
}

static void check_kver(struct ko *ko, const char *kver)
{
	const char *magic = ko_modinfo(ko, "vermagic");
	size_t n = strlen(kver);

	if (!magic || strncmp(magic, kver, n) || (magic[n] && magic[n] != ' '))
		problem("%s is not built for %s but for %.*s",
			ko == &mod ? "it" : ko->path, kver,
			magic ? (int)strcspn(magic, " ") : 9,
			magic ? magic : "no kernel");
}

static void check_modinfo(const char *kver)
{
	const char *livepatch = ko_modinfo(&mod, "livepatch");
	const char *depends = ko_modinfo(&mod, "depends");
	struct target *t;
	const char *p;

	if (!livepatch || livepatch[0] != 'Y')
		problem("is not marked as a livepatch: MODULE_INFO(livepatch, \"Y\")");
	for (t = targets; t; t = t->next) {
		size_t n = strlen(t->object);

		for (p = depends ? depends : ""; *p;
		     p += strcspn(p, ","), p += *p == ',')
			if (strcspn(p, ",") == n && !strncmp(p, t->object, n))
				problem("depends on '%s': modpost has bound it to an export of the target",
					t->object);
		if (kver)
			check_kver(&t->ko, kver);
	}
	if (kver)
		check_kver(&mod, kver);
}

static void list_klps(void)
{
	struct klp *k;
	size_t i;

	for (i = 0; i < nklps; i++) {
		k = klps[i];
		if (!k || !k->name)
			continue;
		printf("klp %s.%s: %u calls, %u relative, %u absolute",
		       k->object, k->name, k->calls, k->relative, k->absolute);
		if (k->bodies)
			printf(", %u to its body", k->bodies);
		if (k->found && k->target && is_func(&k->sym) && ibt)
			printf(", %s", ko_endbr(&k->target->ko, &k->sym) ?
					       "endbr" :
					       "no endbr kept");
		printf("%s\n", k->found		       ? "" :
			       !k->target && !k->calls ? ", looked up at load" :
							 ", NOT FOUND");
	}
}

static struct target *add_target(char *arg)
{
	struct target **p = &targets, *t = zalloc(sizeof(*t));
	char *eq = strchr(arg, '=');

	if (!eq || eq == arg || !eq[1]) {
		complain("--target takes OBJECT=PATH, not '%s'", arg);
		exit(2);
	}
	t->object = must(strndup(arg, eq - arg));
	if (ko_open(&t->ko, eq + 1))
		exit(1);
	while (*p)
		p = &(*p)->next;
	return *p = t;
}

static char *read_text(const char *name)
{
	FILE *f = fopen(name, "r");
	char *all = NULL;
	size_t size = 0;

	if (!f || getdelim(&all, &size, '\0', f) < 0)
		die("%s: %s", name, f ? "is empty" : strerror(errno));
	fclose(f);
	return all;
}

static void __attribute__((noreturn)) usage(void)
{
	fprintf(stderr,
		"usage: klp-check [-v] [--target OBJECT=PATH]... [--symvers Module.symvers]\n"
		"                 [--kver VERSION] [--base VMLINUX] [--want FILE] MODULE.ko\n"
		"The hooks are searched for in the first target.\n");
	exit(2);
}

/* Options of the command line, apart from the globals. */
struct given {
	const char *kver, *base_path;
	char *symvers;
};

static void parse_options(int argc, char **argv, struct given *given)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "symvers", required_argument, NULL, 's' },
		{ "kver", required_argument, NULL, 'k' },
		{ "base", required_argument, NULL, 'b' },
		{ "want", required_argument, NULL, 'w' },
		{ 0 }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "v", options, NULL)) != -1) {
		switch (opt) {
		case 'v':
			verbose = true;
			break;
		case 't':
			add_target(optarg);
			break;
		case 's':
			given->symvers = read_text(optarg);
			break;
		case 'k':
			given->kver = optarg;
			break;
		case 'b':
			given->base_path = optarg;
			break;
		case 'w':
			want_path = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind != argc - 1)
		usage();
	path = argv[optind];
}

int main(int argc, char **argv)
{
	struct given given = { 0 };
	struct btf *base = NULL;
	const char *depends;
	struct target *t;
	Elf_Scn *scn;

	error_context("klp-check");
	parse_options(argc, argv, &given);
	if (want_path)
		want_parse(&want, want_path);
	if (ko_open(&mod, path))
		return 1;
	if (given.base_path)
		base = btf_base_open(given.base_path);
	error_context("klp-check: %s", path);
	scn = ko_symtab(&mod, &syms, &symtab);
	if (!scn)
		die("has no symbol table");
	symtab_index = elf_ndxscn(scn);
	ibt = ko_ibt(&mod);
	for (t = targets; t; t = t->next)
		ibt |= ko_ibt(&t->ko);
	nklps = symtab.sh_size / symtab.sh_entsize;
	klps = zalloc(nklps * sizeof(*klps));

	check_modinfo(given.kver);
	check_symbols(given.symvers, base);
	check_hooks();
	check_relocations();
	check_vmlinux();

	if (verbose) {
		list_klps();
		depends = ko_modinfo(&mod, "depends");
		printf("depends: %s\n",
		       depends && *depends ? depends : "(nothing)");
		printf("%s: %s\n", path, problems ? "REFUSED" : "ok");
	}
	btf__free(base);
	free(given.symvers);
	return problems ? 1 : 0;
}
