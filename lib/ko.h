/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Kernel objects
 *
 * A kernel object (module or vmlinux) as the tools and outriggerctl see it: its
 * ELF image in memory, unpacked if the file is packed, and functions to query it.
 */
#ifndef OUTRIGGER_KO_H
#define OUTRIGGER_KO_H

#include <gelf.h>
#include <stdbool.h>
#include <stddef.h>

#define ENDBR_SIZE 4
#define FTRACE_SITE_SIZE 5 /* of the call, or of the nop in its place */

struct ko {
	char *path;
	void *data; /* private and writable */
	size_t size;
	Elf *elf;
	bool packed; /* the image was unpacked from the file */
};

int ko_open(struct ko *ko, const char *path);
void ko_close(struct ko *ko);

Elf_Scn *ko_section(struct ko *ko, const char *name, GElf_Shdr *shdr);
Elf_Data *ko_data(struct ko *ko, const char *name);
const char *ko_section_name(struct ko *ko, size_t index);
Elf_Scn *ko_symtab(struct ko *ko, Elf_Data **data, GElf_Shdr *shdr);
int ko_symbol(struct ko *ko, const char *name, GElf_Sym *sym);
bool ko_is_clone(const char *name, const char *of);
const char *ko_find_clone(struct ko *ko, const char *of);
const void *ko_bytes(struct ko *ko, size_t section, GElf_Addr offset, size_t n);

int ko_ftrace_site(struct ko *ko, const GElf_Sym *func);
bool ko_ibt(struct ko *ko);
bool ko_endbr(struct ko *ko, const GElf_Sym *func);
const char *ko_modinfo(struct ko *ko, const char *key);

#endif
