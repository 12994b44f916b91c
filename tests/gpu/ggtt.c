// SPDX-License-Identifier: GPL-2.0
/*
 * The global GTT: one table of 8-byte entries for 4 GiB, in the upper half of BAR 0,
 * which the guest writes directly, without a message to the model.
 *
 * Entries follow drivers/gpu/drm/xe/regs/xe_gtt_defs.h: bit 0 present, bit 1 device
 * memory, bits 51:12 the address.
 */
#include <string.h>

#include "gpu.h"

#define PRESENT BIT64(0)
#define DEVICE_MEMORY BIT64(1)

/**
 * ggtt_lookup() - translate an address
 * @m: the memory
 * @addr: address in the global GTT
 * @p: returns the physical address
 *
 * Return: whether it is mapped. If it is not, this is counted.
 */
bool ggtt_lookup(struct memory *m, u64 addr, struct phys *p)
{
	u64 pte;

	if (addr / PAGE < GGTT_ENTRIES) {
		pte = __atomic_load_n(&m->ggtt[addr / PAGE], __ATOMIC_RELAXED);
		if (pte & PRESENT) {
			p->addr = (pte & PTE_ADDRESS) | addr % PAGE;
			p->vram = pte & DEVICE_MEMORY;
			return true;
		}
	}
	m->ggtt_faults++;
	return false;
}

static size_t in_page(u64 addr, size_t n)
{
	size_t left = PAGE - addr % PAGE;

	return n < left ? n : left;
}

/**
 * ggtt_read() - read through the global GTT; unmapped bytes read as zero
 * @m: the memory
 * @addr: address in the global GTT
 * @to: destination
 * @n: number of bytes
 */
void ggtt_read(struct memory *m, u64 addr, void *to, size_t n)
{
	u8 *b = to;
	struct phys p;

	for (size_t k; n; n -= k, addr += k, b += k) {
		k = in_page(addr, n);
		if (ggtt_lookup(m, addr, &p))
			memory_read(m, p, b, k);
		else
			memset(b, 0, k);
	}
}

/**
 * ggtt_write() - write through the global GTT
 * @m: the memory
 * @addr: address in the global GTT
 * @from: source
 * @n: number of bytes
 */
void ggtt_write(struct memory *m, u64 addr, const void *from, size_t n)
{
	const u8 *b = from;
	struct phys p;

	for (size_t k; n; n -= k, addr += k, b += k) {
		k = in_page(addr, n);
		if (ggtt_lookup(m, addr, &p))
			memory_write(m, p, b, k);
	}
}

/**
 * ggtt_read32() - read a dword
 * @m: the memory
 * @addr: address in the global GTT
 *
 * Return: the dword.
 */
u32 ggtt_read32(struct memory *m, u64 addr)
{
	u32 v;

	ggtt_read(m, addr, &v, 4);
	return v;
}

/**
 * ggtt_write32() - write a dword
 * @m: the memory
 * @addr: address in the global GTT
 * @value: the dword
 */
void ggtt_write32(struct memory *m, u64 addr, u32 value)
{
	ggtt_write(m, addr, &value, 4);
}
