// SPDX-License-Identifier: GPL-2.0
/*
 * The page tables of a process on the GPU: five levels of 512 entries.
 *
 * Entries follow drivers/gpu/drm/xe/regs/xe_gtt_defs.h: bit 0 present, 1 write, 7 a
 * leaf of 2 MiB or 1 GiB (in level 1 or 2), 9 null (reads as zero, ignores writes),
 * 10 device atomics, 11 device memory, 51:12 the address. In an entry of level 1, bit 6
 * marks a compact table: 32 entries of 64 KiB. A discrete GPU has all page tables in
 * VRAM, without a bit that says so.
 */
#include "gpu.h"

#define PRESENT BIT64(0)
#define WRITE BIT64(1)
#define COMPACT BIT64(6)
#define LEAF BIT64(7)
#define NULL_PAGE BIT64(9)
#define ATOMIC BIT64(10)
#define DEVICE_MEMORY BIT64(11)

#define HUGE_LEVEL 2

static u64 entry(struct memory *m, u64 table, u64 index)
{
	u64 pte;

	memory_read(m,
		    (struct phys){ (table & PTE_ADDRESS) + index * 8,
				   m->discrete },
		    &pte, 8);
	return pte;
}

static void leaf(const struct memory *m, u64 pte, unsigned int shift, u64 va,
		 struct translation *t)
{
	u64 inside = BIT64(shift) - 1;

	t->present = true;
	t->null = pte & NULL_PAGE;
	t->writable = pte & WRITE;
	/* An integrated GPU supports atomics on all memory. */
	t->atomic = !m->discrete || (pte & ATOMIC) || t->null;
	t->page.addr = (pte & PTE_ADDRESS & ~inside) |
		       (va & inside & ~(u64)(PAGE - 1));
	t->page.vram = pte & DEVICE_MEMORY;
}

/**
 * ppgtt_resume() - translate an address, beginning below an entry
 * @m: the memory
 * @table: the entry, which points to a table; or the address of the root table
 * @level: the level of the entry, or LEVELS
 * @va: the virtual address
 * @t: returns the translation
 */
void ppgtt_resume(struct memory *m, u64 table, unsigned int level, u64 va,
		  struct translation *t)
{
	unsigned int shift;
	bool compact;
	u64 pte;

	*t = (struct translation){ 0 };
	va &= VA_MASK;
	while (level--) {
		compact = !level && (table & COMPACT);
		shift = compact ? 16 : 12 + 9 * level;
		t->level = level;
		pte = entry(m, table,
			    bits(va, compact ? 20 : shift + 8, shift));
		if (!(pte & PRESENT))
			return;
		if (!level || (level <= HUGE_LEVEL && (pte & LEAF))) {
			leaf(m, pte, shift, va, t);
			return;
		}
		t->table[level] = pte;
		table = pte;
	}
}

/**
 * ppgtt_walk() - translate an address
 * @m: the memory
 * @root: the address of the root table
 * @va: the virtual address
 * @t: returns the translation
 */
void ppgtt_walk(struct memory *m, u64 root, u64 va, struct translation *t)
{
	ppgtt_resume(m, root, LEVELS, va, t);
}
