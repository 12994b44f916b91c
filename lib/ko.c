// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "ko.h"

#include "error.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Compression formats: the first bytes of a file, and the command to unpack it. */
static const struct packer {
	const char *magic;
	size_t len;
	const char *argv[4];
} packers[] = {
	{ "\xfd\x37zXZ", 6, { "xz", "-dcq" } }, /* its 6th byte is 0 */
	{ "\x28\xb5\x2f\xfd", 4, { "zstd", "-dcq" } },
	{ "\x1f\x8b", 2, { "gzip", "-dcq" } },
	{ "\x02\x21\x4c\x18", 4, { "lz4", "-dcq" } },
	{ "BZh", 3, { "bzip2", "-dcq" } },
	{ "\x89LZO", 4, { "lzop", "-dcq" } },
	{ "\x5d\0\0", 3, { "xz", "-dcq", "--format=lzma" } },
};

static int unusable(const struct ko *ko, const char *what)
{
	complain("%s: %s", ko->path, what);
	return -1;
}

static const struct packer *packed_by(const void *data, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(packers) / sizeof(*packers); i++)
		if (size > packers[i].len &&
		    !memcmp(data, packers[i].magic, packers[i].len))
			return &packers[i];
	return NULL;
}

static int map(struct ko *ko, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return unusable(ko, strerror(errno));
	if (!st.st_size)
		return unusable(ko, "is empty");
	ko->size = st.st_size;
	ko->data = mmap(NULL, ko->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			0);
	if (ko->data != MAP_FAILED)
		return 0;
	ko->data = NULL;
	return unusable(ko, strerror(errno));
}

static int write_all(int fd, const char *buf, size_t n)
{
	while (n) {
		ssize_t done = write(fd, buf, n);

		if (done < 0)
			return -1;
		buf += done;
		n -= done;
	}
	return lseek(fd, 0, SEEK_SET);
}

/* Unpacks the @n bytes at @data, inside the image, with @p, and replaces the image. */
static int unpack(struct ko *ko, const struct packer *p, const void *data,
		  size_t n)
{
	int in = memfd_create("packed", MFD_CLOEXEC),
	    out = memfd_create("unpacked", MFD_CLOEXEC);
	posix_spawn_file_actions_t to;
	pid_t pid;
	int err, status, ret = -1;

	if (in < 0 || out < 0 || write_all(in, data, n) < 0) {
		unusable(ko, strerror(errno));
		goto out;
	}
	posix_spawn_file_actions_init(&to);
	posix_spawn_file_actions_adddup2(&to, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&to, out, STDOUT_FILENO);
	err = posix_spawnp(&pid, p->argv[0], &to, NULL, (char **)p->argv,
			   environ);
	posix_spawn_file_actions_destroy(&to);
	if (err) {
		complain("%s: cannot run %s to unpack it: %s", ko->path,
			 p->argv[0], strerror(err));
		goto out;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status) {
		complain("%s: %s cannot unpack it", ko->path, p->argv[0]);
		goto out;
	}
	munmap(ko->data, ko->size);
	ko->data = NULL;
	ko->packed = true;
	ret = map(ko, out);
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return ret;
}

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

/*
 * Field offsets in the boot header of a bzImage, which gives the location of the
 * payload in version 2.08 and later; see Documentation/arch/x86/boot.rst.
 */
#define BOOT_SETUP_SECTS 0x1f1
#define BOOT_HEADER 0x202 /* "HdrS" */
#define BOOT_PAYLOAD_OFFSET 0x248 /* from the end of the setup code */
#define BOOT_PAYLOAD_LENGTH 0x24c
#define BOOT_HEADER_END 0x250
#define BOOT_SECTOR_SIZE 512
#define BOOT_OLD_SETUP_SECTS 4 /* the meaning of 0 in BOOT_SETUP_SECTS */

static bool is_bzimage(const struct ko *ko)
{
	return ko->size > BOOT_HEADER_END &&
	       !memcmp((char *)ko->data + BOOT_HEADER, "HdrS", 4);
}

static int unpack_bzimage(struct ko *ko)
{
	const uint8_t *image = ko->data;
	size_t sects = image[BOOT_SETUP_SECTS] ? image[BOOT_SETUP_SECTS] :
						 BOOT_OLD_SETUP_SECTS;
	size_t start = (1 + sects) * BOOT_SECTOR_SIZE;
	size_t off = le32(image + BOOT_PAYLOAD_OFFSET);
	size_t len = le32(image + BOOT_PAYLOAD_LENGTH);
	const struct packer *p;

	if (ko->size < start || ko->size - start < off ||
	    ko->size - start - off < len || len < 8)
		return unusable(ko, "is a truncated kernel image");
	p = packed_by(image + start + off, len);
	if (!p)
		return unusable(ko,
				"is a kernel image with unknown compression");
	/* Except for gzip, kbuild appends the unpacked size in 4 bytes. */
	return unpack(ko, p, image + start + off,
		      strcmp(p->argv[0], "gzip") ? len - 4 : len);
}

/**
 * ko_open - load a module or a kernel, unpacking it if necessary
 * @ko: filled in
 * @path: .ko (plain, .xz, .zst, .gz ...), vmlinux, or a bzImage; detected by content
 *
 * Returns 0, or -1 after printing an error that names @path.
 */
int ko_open(struct ko *ko, const char *path)
{
	const struct packer *p;
	int fd;

	*ko = (struct ko){ .path = strdup(path) };
	elf_version(EV_CURRENT);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		unusable(ko, strerror(errno));
		goto fail;
	}
	if (map(ko, fd)) {
		close(fd);
		goto fail;
	}
	close(fd);
	p = packed_by(ko->data, ko->size);
	if (p) {
		if (unpack(ko, p, ko->data, ko->size))
			goto fail;
	} else if (is_bzimage(ko)) {
		if (unpack_bzimage(ko))
			goto fail;
	}
	ko->elf = elf_memory(ko->data, ko->size);
	if (!ko->elf || elf_kind(ko->elf) != ELF_K_ELF) {
		unusable(ko, "is not an ELF object");
		goto fail;
	}
	if (gelf_getclass(ko->elf) != ELFCLASS64 ||
	    elf64_getehdr(ko->elf)->e_machine != EM_X86_64) {
		unusable(ko, "is not for x86-64");
		goto fail;
	}
	return 0;
fail:
	ko_close(ko);
	return -1;
}

/**
 * ko_close - free the resources of ko_open(); may be called again
 * @ko: the object
 */
void ko_close(struct ko *ko)
{
	elf_end(ko->elf);
	if (ko->data)
		munmap(ko->data, ko->size);
	free(ko->path);
	*ko = (struct ko){ 0 };
}

/**
 * ko_section_name - return the name of a section
 * @ko: the object
 * @index: its index in the table of sections
 *
 * Returns the name, "" if there is none.
 */
const char *ko_section_name(struct ko *ko, size_t index)
{
	Elf_Scn *scn = elf_getscn(ko->elf, index);
	const char *name = NULL;
	GElf_Shdr sh;
	size_t str;

	if (scn && gelf_getshdr(scn, &sh) && !elf_getshdrstrndx(ko->elf, &str))
		name = elf_strptr(ko->elf, str, sh.sh_name);
	return name ? name : "";
}

/**
 * ko_section - find a section by name
 * @ko: the object
 * @name: the section's name
 * @shdr: set to its header
 *
 * Returns the first section of that name, or NULL.
 */
Elf_Scn *ko_section(struct ko *ko, const char *name, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(ko->elf, scn)))
		if (!strcmp(ko_section_name(ko, elf_ndxscn(scn)), name) &&
		    gelf_getshdr(scn, shdr))
			return scn;
	return NULL;
}

/**
 * ko_data - return the contents of a section
 * @ko: the object
 * @name: the section's name
 *
 * Returns the contents, or NULL if there is no such section or it is empty.
 */
Elf_Data *ko_data(struct ko *ko, const char *name)
{
	GElf_Shdr sh;
	Elf_Scn *scn = ko_section(ko, name, &sh);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;

	return data && data->d_buf && data->d_size ? data : NULL;
}

/**
 * ko_symtab - find the symbol table
 * @ko: the object
 * @data: set to its contents
 * @shdr: set to its header
 *
 * Returns its section, or NULL (a stripped kernel has none).
 */
Elf_Scn *ko_symtab(struct ko *ko, Elf_Data **data, GElf_Shdr *shdr)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(ko->elf, scn))) {
		if (!gelf_getshdr(scn, shdr) || shdr->sh_type != SHT_SYMTAB ||
		    !shdr->sh_entsize)
			continue;
		*data = elf_getdata(scn, NULL);
		if (*data)
			return scn;
	}
	return NULL;
}

/**
 * ko_symbol - look up a defined symbol
 * @ko: the object
 * @name: its exact name
 * @sym: set to the first symbol of that name
 *
 * Returns the number of defined symbols of that name, including local ones. livepatch
 * counts in the same way, and can only resolve a name if this is 1.
 */
int ko_symbol(struct ko *ko, const char *name, GElf_Sym *sym)
{
	Elf_Data *data;
	GElf_Shdr sh;
	GElf_Sym s;
	int i, count = 0;

	if (!ko_symtab(ko, &data, &sh))
		return 0;
	for (i = 1; gelf_getsym(data, i, &s); i++) {
		const char *n = elf_strptr(ko->elf, sh.sh_link, s.st_name);

		if (s.st_shndx == SHN_UNDEF ||
		    GELF_ST_TYPE(s.st_info) == STT_SECTION ||
		    GELF_ST_TYPE(s.st_info) == STT_FILE || !n ||
		    strcmp(n, name))
			continue;
		if (!count++)
			*sym = s;
	}
	return count;
}

/**
 * ko_is_clone - is a symbol a clone that the compiler made of a function?
 * @name: name of the symbol
 * @of: name of the function
 *
 * Returns true for NAME.isra.0, NAME.part.0 and the like; not for NAME.cold, which is
 * not a function.
 */
bool ko_is_clone(const char *name, const char *of)
{
	size_t n = strlen(of);

	return !strncmp(name, of, n) && name[n] == '.' &&
	       !strstr(name + n, ".cold");
}

/**
 * ko_find_clone - find a compiler-made clone of a function that has no symbol
 * @ko: the object
 * @of: the function's name
 *
 * Returns the name of the first clone, or NULL.
 */
const char *ko_find_clone(struct ko *ko, const char *of)
{
	Elf_Data *data;
	GElf_Shdr sh;
	GElf_Sym s;
	int i;

	if (!ko_symtab(ko, &data, &sh))
		return NULL;
	for (i = 1; gelf_getsym(data, i, &s); i++) {
		const char *name = elf_strptr(ko->elf, sh.sh_link, s.st_name);

		if (GELF_ST_TYPE(s.st_info) == STT_FUNC && name &&
		    ko_is_clone(name, of))
			return name;
	}
	return NULL;
}

/**
 * ko_bytes - return a pointer to some bytes of a section
 * @ko: the object
 * @section: index of the section
 * @offset: offset from its start
 * @n: number of bytes
 *
 * Returns the pointer, or NULL if the section ends before @offset + @n.
 */
const void *ko_bytes(struct ko *ko, size_t section, GElf_Addr offset, size_t n)
{
	Elf_Scn *scn = elf_getscn(ko->elf, section);
	Elf_Data *data = scn ? elf_getdata(scn, NULL) : NULL;

	if (!data || !data->d_buf || offset > data->d_size ||
	    data->d_size - offset < n)
		return NULL;
	return (char *)data->d_buf + offset;
}

/* Does a table of code addresses, such as __mcount_loc, list that address? */
static bool listed(struct ko *ko, const char *rela_section, size_t section,
		   GElf_Addr addr)
{
	Elf_Data *syms, *data;
	GElf_Shdr sh;
	GElf_Rela r;
	GElf_Sym s;
	int i;

	if (!ko_symtab(ko, &syms, &sh))
		return false;
	data = ko_data(ko, rela_section);
	for (i = 0; data && gelf_getrela(data, i, &r); i++)
		if (gelf_getsym(syms, GELF_R_SYM(r.r_info), &s) &&
		    s.st_shndx == section && s.st_value + r.r_addend == addr)
			return true;
	return false;
}

/* Checks the instruction itself; a kernel built without IBT has no ENDBR anywhere. */
static bool starts_with_endbr(struct ko *ko, const GElf_Sym *func)
{
	const void *p =
		ko_bytes(ko, func->st_shndx, func->st_value, ENDBR_SIZE);

	return p && !memcmp(p, "\xf3\x0f\x1e\xfa", ENDBR_SIZE);
}

/**
 * ko_ftrace_site - find the end of a function's ftrace site
 * @ko: the object that defines the function
 * @func: its symbol
 *
 * livepatch redirects the function at that site; a direct call just past the site
 * runs the stock body of a patched function.
 *
 * Returns the offset in the function just past the site, or -1 if it has none.
 */
int ko_ftrace_site(struct ko *ko, const GElf_Sym *func)
{
	int at = starts_with_endbr(ko, func) ? ENDBR_SIZE : 0;

	return listed(ko, ".rela__mcount_loc", func->st_shndx,
		      func->st_value + at) ?
		       at + FTRACE_SITE_SIZE :
		       -1;
}

/**
 * ko_ibt - was the object built for indirect branch tracking?
 * @ko: the object
 *
 * Only then does an indirect call need an ENDBR at its destination. Such a kernel
 * has an ENDBR at least in every global function of a module.
 */
bool ko_ibt(struct ko *ko)
{
	Elf_Data *data;
	GElf_Shdr sh;
	GElf_Sym s;
	int i;

	if (ko_section(ko, ".ibt_endbr_seal", &sh))
		return true;
	if (!ko_symtab(ko, &data, &sh))
		return false;
	for (i = 1; gelf_getsym(data, i, &s); i++)
		if (GELF_ST_TYPE(s.st_info) == STT_FUNC &&
		    starts_with_endbr(ko, &s))
			return true;
	return false;
}

/**
 * ko_endbr - may a function be called through a pointer under IBT?
 * @ko: the object that defines the function
 * @func: its symbol
 *
 * Returns true if the function starts with ENDBR64 and is not sealed: the kernel
 * overwrites the ENDBR64 of a function at load time if stock never takes its address.
 */
bool ko_endbr(struct ko *ko, const GElf_Sym *func)
{
	return starts_with_endbr(ko, func) &&
	       !listed(ko, ".rela.ibt_endbr_seal", func->st_shndx,
		       func->st_value);
}

/**
 * ko_modinfo - look up a key in a module's .modinfo section
 * @ko: the module
 * @key: e.g. "vermagic" or "depends"
 *
 * Returns the first value of the key, or NULL.
 */
const char *ko_modinfo(struct ko *ko, const char *key)
{
	Elf_Data *data = ko_data(ko, ".modinfo");
	size_t len = strlen(key);
	const char *p, *end;

	if (!data)
		return NULL;
	p = data->d_buf;
	end = p + data->d_size;
	if (end[-1]) /* not terminated, so not trustworthy */
		return NULL;
	for (; p < end; p += strlen(p) + 1)
		if (!strncmp(p, key, len) && p[len] == '=')
			return p + len + 1;
	return NULL;
}
