/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest of the emulated GPU, for unit tests and fuzzers: some RAM, with the data that
 * a driver puts there. The global GTT maps its first pages to their own addresses.
 */
#ifndef TESTS_UNIT_GPU_GUEST_H
#define TESTS_UNIT_GPU_GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../gpu/gpu.h"

/* The layout of RAM; the second GT's part is GT_BYTES further on. */
#define RAM_BYTES (4u << 20)
#define GT_BYTES 0x10000u
#define H2G_RING 0x10000u
#define H2G_DWORDS 1024u
#define H2G_DESC 0x12000u
#define G2H_DESC 0x12040u
#define G2H_RING 0x14000u
#define G2H_DWORDS 1024u
#define CONTEXT 0x40000u /* CONTEXT_BYTES for each: the LRC, then its ring */
#define CONTEXT_BYTES 0x8000u
#define CONTEXT_RING 0x4000u
#define TABLES 0x100000u /* the first one is the root */
#define TABLES_END 0x180000u
#define DATA 0x200000u

static struct {
	u8 *ram;
	int fd;
	u64 tables; /* the next free page table */
	u16 fence;
} guest;

static inline u32 *guest_at(u32 addr)
{
	return (u32 *)(guest.ram + addr);
}

static inline u64 *guest_table(struct memory *m, u64 addr)
{
	return (u64 *)((m->discrete ? m->vram : guest.ram) + addr);
}

/* Write the entry of an address in the table of a level, and all entries above it. */
static inline void guest_map(struct memory *m, u64 va, u64 pte,
			     unsigned int level)
{
	u64 table = TABLES, *e;
	unsigned int l;

	for (l = 4;; l--) {
		e = guest_table(m, table) + (va >> (12 + 9 * l) & 511);
		if (l == level)
			break;
		if (!(*e & 1)) {
			if (guest.tables == TABLES_END)
				return;
			*e = guest.tables | 3;
			guest.tables += PAGE;
		}
		table = *e & ~0xfffull;
		if (table < TABLES || table >= TABLES_END) /* a wild pointer */
			return;
	}
	*e = pte;
}

static inline void guest_memory(struct memory *m)
{
	guest.fd = memfd_create("guest", MFD_CLOEXEC);
	if (guest.fd < 0 || ftruncate(guest.fd, RAM_BYTES))
		abort();
	guest.ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
			 guest.fd, 0);
	if (guest.ram == MAP_FAILED ||
	    memory_map(m, 0, RAM_BYTES, guest.fd, 0, true))
		abort();
	guest.tables = TABLES + PAGE;
	guest.fence = 0;
}

static inline void guest_identity(u64 *ggtt)
{
	for (u32 i = 0; i < RAM_BYTES / PAGE; i++)
		ggtt[i] = (u64)i * PAGE | 1;
}

static inline void guest_leave(void)
{
	munmap(guest.ram, RAM_BYTES);
	close(guest.fd);
}

/* Write a message into the H2G ring, if there is room. */
static inline void guest_send(u32 gt, u16 fence, const u32 *dw, u32 n)
{
	u32 *desc = guest_at(H2G_DESC + gt * GT_BYTES);
	u32 *ring = guest_at(H2G_RING + gt * GT_BYTES),
	    tail = desc[1] % H2G_DWORDS;

	ring[tail] = (u32)fence << 16 | n;
	for (u32 i = 0; i < n; i++) {
		tail = (tail + 1) % H2G_DWORDS;
		ring[tail] = dw[i];
	}
	desc[1] = (tail + 1) % H2G_DWORDS;
}

/* Take a message out of the G2H ring, padded with zeros. Return its length. */
static inline u32 guest_receive(u32 gt, u32 *dw)
{
	u32 *desc = guest_at(G2H_DESC + gt * GT_BYTES);
	u32 *ring = guest_at(G2H_RING + gt * GT_BYTES),
	    head = desc[0] % G2H_DWORDS, n;

	memset(dw, 0, CTB_MESSAGE * 4);
	if (head == desc[1])
		return 0;
	n = ring[head] & 0xff;
	guest.fence = ring[head] >> 16;
	for (u32 i = 0; i < n; i++) {
		head = (head + 1) % G2H_DWORDS;
		dw[i] = ring[head];
	}
	desc[0] = (head + 1) % G2H_DWORDS;
	return n;
}

#endif
