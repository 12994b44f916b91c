/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: Livepatch symbols and relocations
 *
 * Written by klp-link and read by klp-check. The source refers to an unexported
 * symbol of the stock object OBJ by the assembler name __klp_OBJ__NAME. In the
 * finished module this becomes the symbol .klp.sym.OBJ.NAME,0, and the relocations
 * that use it are in .klp.rela.OBJ.SECTION.
 */
#ifndef OUTRIGGER_KLP_H
#define OUTRIGGER_KLP_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define KLP_PREFIX "__klp_"
#define KLP_SYM ".klp.sym."
#define KLP_RELA ".klp.rela."
#define KLP_OBJ_MAX 55 /* the width in the kernel's sscanf() */

#ifndef SHN_LIVEPATCH
#define SHN_LIVEPATCH 0xff20
#endif
#ifndef SHF_RELA_LIVEPATCH
#define SHF_RELA_LIVEPATCH 0x00100000
#endif

/**
 * klp_reference - is it the name of a symbol for klp-link?
 * @name: name of an undefined symbol
 *
 * The kernel exports one function whose name has the prefix too: cond_resched() calls it
 * on kernels without PREEMPT_DYNAMIC.
 */
static inline bool klp_reference(const char *name)
{
	return !strncmp(name, KLP_PREFIX, strlen(KLP_PREFIX)) &&
	       strcmp(name, KLP_PREFIX "sched_try_switch");
}

/**
 * klp_type_size - the number of bytes that a relocation writes
 * @type: R_X86_64_*
 *
 * Returns 0 for a type that livepatch can't write.
 */
static inline size_t klp_type_size(unsigned int type)
{
	switch (type) {
	case R_X86_64_64:
	case R_X86_64_PC64:
		return 8;
	case R_X86_64_32:
	case R_X86_64_32S:
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		return 4;
	default:
		return 0;
	}
}

/**
 * klp_section_ok - may a klp relocation write to this section?
 * @name: name of the section
 *
 * Allows only sections that only the module's own code reads. By the time the
 * relocation is written, the kernel has already read the tables that it uses while
 * loading the module (jump labels, static calls, alternatives, unwind tables ...)
 * and copied per-CPU data, and .init.* may be freed.
 */
static inline bool klp_section_ok(const char *name)
{
	static const char *const ok[] = {
		".text",      ".noinstr.text", ".sched.text", ".ref.text",
		".exit.text", ".data",	       ".rodata",     ".ref.data",
	};
	size_t i, n;

	if (!strncmp(name, ".data..percpu", 13))
		return false;
	for (i = 0; i < sizeof(ok) / sizeof(*ok); i++) {
		n = strlen(ok[i]);
		if (!strncmp(name, ok[i], n) && (!name[n] || name[n] == '.'))
			return true;
	}
	return false;
}

#endif
