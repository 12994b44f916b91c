// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: klp-link - make livepatch relocations
 *
 * Turns a module's references to unexported symbols of stock objects into livepatch
 * relocations (see klp.h). ld -r would drop the result, so this is the last ELF step;
 * only signing comes after it. Replaces the file as a whole or not at all.
 */
#define _GNU_SOURCE
#include "klp.h"

#include "../lib/error.h"
#include "../lib/ko.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A future .klp.rela section: relocations moved out of one section, for one object. */
struct moved {
	struct moved *next;
	char object[KLP_OBJ_MAX + 1];
	size_t from; /* the SHT_RELA section they were in */
	Elf64_Word name; /* offset in the new .shstrtab */
	Elf64_Shdr shdr;
	Elf64_Rela *rela;
	size_t count;
};

/* Strings to append to an existing string table, whose old part does not change. */
struct strings {
	size_t base, len;
	char *buf;
};

static struct ko in;
static const char *path;
static bool verbose;

struct klp {
	char *object; /* NULL: an ordinary symbol */
	const char *name; /* as in the source */
};

static struct klp *klp; /* by symbol index */
static size_t symtab, strtab, shstrtab;
static Elf64_Sym *syms;
static size_t nsyms;
static struct strings sym_strings, section_strings;
static struct moved *moved;

static void __attribute__((noreturn)) die_elf(void)
{
	die("%s", elf_errmsg(-1));
}

static Elf_Data *section_data(size_t index)
{
	Elf_Scn *scn = elf_getscn(in.elf, index);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;

	if (!data)
		die_elf();
	return data;
}

static Elf64_Word add_string(struct strings *s, const char *string)
{
	size_t n = strlen(string) + 1, at = s->len;

	s->buf = must(realloc(s->buf, s->len + n));
	memcpy(s->buf + at, string, n);
	s->len += n;
	return s->base + at;
}

/* __klp_OBJ__NAME, undefined, becomes .klp.sym.OBJ.NAME,0 */
static void rename_symbol(size_t i)
{
	const char *name = elf_strptr(in.elf, strtab, syms[i].st_name), *object,
		   *sep;
	char *linked;

	if (!name)
		die_elf();
	if (!klp_reference(name)) {
		if (ELF64_ST_BIND(syms[i].st_info) == STB_WEAK)
			die("weak undefined symbol '%s' without the prefix " KLP_PREFIX
			    "<object>__ would be 0 at run time",
			    name);
		return;
	}
	object = name + strlen(KLP_PREFIX);
	sep = strstr(object, "__");
	if (!sep || sep == object || !sep[2] || strchr(sep, ','))
		die("symbol '%s' is not of the form " KLP_PREFIX
		    "<object>__<name>",
		    name);
	if (memchr(object, '.', sep - object))
		die("symbol '%s': an object name can't contain a dot", name);
	if (sep - object > KLP_OBJ_MAX)
		die("symbol '%s': an object name can have at most %d characters",
		    name, KLP_OBJ_MAX);

	klp[i].name = name;
	klp[i].object = must(strndup(object, sep - object));
	linked = text(KLP_SYM "%s.%s,0", klp[i].object, sep + 2);
	if (verbose)
		printf("%s: %s -> %s\n", path, name, linked);
	syms[i].st_name = add_string(&sym_strings, linked);
	syms[i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
	syms[i].st_shndx = SHN_LIVEPATCH;
	syms[i].st_value = 0;
	syms[i].st_size = 0;
	free(linked);
}

static void move(size_t section, const GElf_Shdr *shdr, const char *object,
		 const Elf64_Rela *r)
{
	struct moved **p = &moved, *m;
	char *name;

	while ((m = *p) && (m->from != section || strcmp(m->object, object)))
		p = &m->next;
	if (!m) {
		*p = m = zalloc(sizeof(*m));
		strcpy(m->object, object);
		m->from = section;
		m->rela = must(malloc(shdr->sh_size)); /* enough for all */
		name = text(KLP_RELA "%s.%s", object,
			    ko_section_name(&in, shdr->sh_info));
		m->name = add_string(&section_strings, name);
		m->shdr = (Elf64_Shdr){
			.sh_type = SHT_RELA,
			.sh_flags = SHF_ALLOC | SHF_INFO_LINK |
				    SHF_RELA_LIVEPATCH,
			.sh_link = symtab,
			.sh_info = shdr->sh_info,
			.sh_addralign = 8,
			.sh_entsize = sizeof(Elf64_Rela),
		};
		free(name);
	}
	m->rela[m->count++] = *r;
}

/* Moves relocations against klp symbols out of a section; the others stay in order. */
static void split_relocations(size_t section, const GElf_Shdr *shdr)
{
	Elf_Data *data = section_data(section);
	size_t i, kept = 0, n = data->d_size / sizeof(Elf64_Rela);
	const char *place = ko_section_name(&in, shdr->sh_info);
	Elf64_Rela *rela = data->d_buf;
	GElf_Shdr target;

	/* The kernel does not relocate debug data, which it does not load. */
	if (!gelf_getshdr(elf_getscn(in.elf, shdr->sh_info), &target))
		die_elf();
	if (!(target.sh_flags & SHF_ALLOC))
		return;

	for (i = 0; i < n; i++) {
		size_t sym = ELF64_R_SYM(rela[i].r_info);
		unsigned int type = ELF64_R_TYPE(rela[i].r_info);

		if (sym >= nsyms)
			die("relocation %zu of %s has no symbol", i, place);
		if (!klp[sym].object) {
			rela[kept++] = rela[i];
			continue;
		}
		if (!klp_section_ok(place))
			die("%s uses '%s', but the kernel can't write a livepatch relocation there",
			    place, klp[sym].name);
		if (!klp_type_size(type))
			die("%s+%#" PRIx64
			    " uses '%s' by relocation type %u, which livepatch does not support",
			    place, rela[i].r_offset, klp[sym].name, type);
		move(section, shdr, klp[sym].object, &rela[i]);
	}
	data->d_size = kept * sizeof(Elf64_Rela);
}

static void find_tables(void)
{
	Elf_Data *data;
	GElf_Shdr shdr;
	Elf_Scn *scn = ko_symtab(&in, &data, &shdr);

	if (!scn || elf_getshdrstrndx(in.elf, &shstrtab))
		die("has no symbol table");
	symtab = elf_ndxscn(scn);
	strtab = shdr.sh_link;
	if (strtab == shstrtab)
		die("keeps symbol and section names in one table");
	syms = data->d_buf;
	nsyms = data->d_size / sizeof(*syms);
	klp = zalloc(nsyms * sizeof(*klp));
	sym_strings.base = section_data(strtab)->d_size;
	section_strings.base = section_data(shstrtab)->d_size;
}

static void append(Elf_Scn *scn, void *buf, size_t size, Elf_Type type,
		   size_t align)
{
	Elf_Data *data = elf_newdata(scn);

	if (!data)
		die_elf();
	data->d_buf = buf;
	data->d_size = size;
	data->d_type = type;
	data->d_align = align;
	data->d_version = EV_CURRENT;
}

/* Writes the same sections with the same indices, followed by the new ones. */
static void write_elf(int fd)
{
	Elf *out = elf_begin(fd, ELF_C_WRITE, NULL);
	Elf_Scn *from = NULL, *to;
	GElf_Ehdr ehdr;
	GElf_Shdr shdr;
	struct moved *m;
	Elf_Data *data;

	if (!out || !gelf_newehdr(out, ELFCLASS64) ||
	    !gelf_getehdr(in.elf, &ehdr) || !gelf_update_ehdr(out, &ehdr))
		die_elf();

	while ((from = elf_nextscn(in.elf, from))) {
		size_t index = elf_ndxscn(from);

		to = elf_newscn(out);
		data = elf_getdata(from, NULL);
		if (!to || !data || !gelf_getshdr(from, &shdr) ||
		    !gelf_update_shdr(to, &shdr))
			die_elf();
		append(to, data->d_buf, data->d_size, data->d_type,
		       data->d_align);
		if (index == strtab)
			append(to, sym_strings.buf, sym_strings.len, ELF_T_BYTE,
			       1);
		if (index == shstrtab)
			append(to, section_strings.buf, section_strings.len,
			       ELF_T_BYTE, 1);
	}
	for (m = moved; m; m = m->next) {
		to = elf_newscn(out);
		m->shdr.sh_name = m->name;
		if (!to || !gelf_update_shdr(to, &m->shdr))
			die_elf();
		append(to, m->rela, m->count * sizeof(*m->rela), ELF_T_RELA, 8);
		if (verbose)
			printf("%s: " KLP_RELA "%s.%s: %zu relocations\n", path,
			       m->object, ko_section_name(&in, m->shdr.sh_info),
			       m->count);
	}
	if (elf_update(out, ELF_C_WRITE) < 0)
		die_elf();
	elf_end(out);
}

static void replace_file(void)
{
	char *temp = text("%s.XXXXXX", path);
	int fd = mkstemp(temp);
	struct stat st;

	if (fd < 0)
		die("can't create a temporary file next to it: %s",
		    strerror(errno));
	error_remove(temp);
	write_elf(fd);
	if (stat(path, &st) || fchmod(fd, st.st_mode & 07777) || close(fd) ||
	    rename(temp, path))
		die("cannot replace it: %s", strerror(errno));
	error_remove(NULL);
	free(temp);
}

static bool is_signed(void)
{
	static const char magic[] = "~Module signature appended~\n";
	size_t n = sizeof(magic) - 1;

	return in.size > n && !memcmp((char *)in.data + in.size - n, magic, n);
}

int main(int argc, char **argv)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr shdr;
	size_t i;
	int opt;

	while ((opt = getopt(argc, argv, "v")) == 'v')
		verbose = true;
	if (opt != -1 || optind != argc - 1) {
		fprintf(stderr, "usage: klp-link [-v] MODULE.ko\n");
		return 2;
	}
	path = argv[optind];
	error_context("klp-link");
	if (ko_open(&in, path))
		return 1;
	error_context("klp-link: %s", path);
	if (in.packed)
		die("is compressed: link it before compressing it");
	if (is_signed())
		die("is signed: link it before signing it");
	find_tables();

	for (i = 1; i < nsyms; i++)
		if (syms[i].st_shndx == SHN_UNDEF)
			rename_symbol(i);
	while ((scn = elf_nextscn(in.elf, scn)))
		if (gelf_getshdr(scn, &shdr) && shdr.sh_type == SHT_RELA &&
		    !(shdr.sh_flags & SHF_RELA_LIVEPATCH))
			split_relocations(elf_ndxscn(scn), &shdr);

	if (sym_strings.len) /* else it is already linked, or needs no linking */
		replace_file();
	ko_close(&in);
	return 0;
}
