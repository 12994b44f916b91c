// SPDX-License-Identifier: GPL-2.0
/*
 * The emulated GPU's view of memory: maps, the global GTT, page tables, and the checks
 * of the TLB. Page table entries are written here as plain numbers.
 */
#include "gpu-guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define VRAM_BYTES (2u << 20)
#define SECOND 1000000000ull

static struct memory mem;
static u64 ggtt[GGTT_ENTRIES];
static struct tlb tlb;

static int setup(void **state)
{
	memset(&mem, 0, sizeof(mem));
	memset(&tlb, 0, sizeof(tlb));
	mem.ggtt = ggtt;
	mem.vram_size = VRAM_BYTES;
	mem.vram = calloc(1, VRAM_BYTES);
	guest_memory(&mem);
	guest_identity(ggtt);
	return 0;
}

static int teardown(void **state)
{
	memory_unmap_all(&mem);
	free(mem.vram);
	guest_leave();
	return 0;
}

static struct phys ram(u64 addr)
{
	return (struct phys){ addr, false };
}

static struct phys vram(u64 addr)
{
	return (struct phys){ addr, true };
}

static void maps_refused(void **state)
{
	int fd = guest.fd;

	assert_int_equal(memory_map(&mem, 0, 0, fd, 0, true), -EINVAL);
	assert_int_equal(memory_map(&mem, ~0ull - 4095, 8192, fd, 0, true),
			 -EINVAL);
	assert_int_equal(memory_map(&mem, 0, 8192, fd, ~0ull - 4095, true),
			 -EINVAL);
	assert_int_equal(memory_map(&mem, 0, RAM_BYTES + 4096, fd, 0, true),
			 -EINVAL);
	assert_int_equal(memory_map(&mem, 0, 8192, fd, RAM_BYTES - 4096, true),
			 -EINVAL);
	assert_true(memory_map(&mem, 0, 4096, -1, 0, true) < 0);
	assert_int_equal(mem.maps, 1);
	for (u32 i = 1; i < MEMORY_MAPS; i++)
		assert_int_equal(memory_map(&mem, i * (1ull << 30), 4096, fd, 0,
					    true),
				 0);
	assert_int_equal(memory_map(&mem, 1ull << 50, 4096, fd, 0, true),
			 -ENOSPC);
}

static void maps_bounds(void **state)
{
	u64 v = 1;

	assert_non_null(memory_at(&mem, ram(RAM_BYTES - 8), 8, true));
	assert_int_equal(mem.dma_errors, 0);
	assert_null(memory_at(&mem, ram(RAM_BYTES - 4), 8, true));
	assert_null(memory_at(&mem, ram(RAM_BYTES), 1, true));
	assert_null(memory_at(&mem, ram(~0ull), 8, false));
	assert_int_equal(mem.dma_errors, 3);
	memory_read(&mem, ram(RAM_BYTES), &v, 8);
	assert_int_equal(v, 0);
	assert_int_equal(mem.dma_errors, 4);

	assert_ptr_equal(memory_at(&mem, vram(VRAM_BYTES - 8), 8, true),
			 mem.vram + VRAM_BYTES - 8);
	assert_null(memory_at(&mem, vram(VRAM_BYTES - 4), 8, true));
	assert_null(memory_at(&mem, vram(VRAM_BYTES), 1, true));
	assert_null(memory_at(&mem, vram(~0ull - 3), 8, true));
	assert_int_equal(mem.dma_errors, 7);
}

static void maps_read_only(void **state)
{
	u32 v = 0x12345678, got = 0;

	assert_int_equal(memory_map(&mem, 1 << 30, 4096, guest.fd, 4096, false),
			 0);
	memory_write(&mem, ram(1 << 30), &v, 4);
	assert_int_equal(mem.dma_errors, 1);
	assert_int_equal(*guest_at(4096), 0);
	memory_write(&mem, ram(4096), &v, 4);
	memory_read(&mem, ram(1 << 30), &got, 4);
	assert_int_equal(got, v);
	assert_int_equal(mem.dma_errors, 1);
}

static void maps_unmapped(void **state)
{
	assert_int_equal(memory_map(&mem, 1 << 30, 8192, guest.fd, 0, true), 0);
	assert_int_equal(memory_map(&mem, 2u << 30, 4096, guest.fd, 0, true),
			 0);
	memory_unmap(&mem, 1 << 30, 4096); /* a part, which QEMU never unmaps */
	memory_unmap(&mem, (1 << 30) + 4096, 4096);
	assert_int_equal(mem.maps, 3);
	memory_unmap(&mem, 1 << 30, 8192);
	assert_int_equal(mem.maps, 2);
	assert_null(memory_at(&mem, ram(1 << 30), 4, false));
	assert_non_null(memory_at(&mem, ram(2u << 30), 4, false));
	memory_unmap(&mem, 0, ~0ull);
	assert_int_equal(mem.maps, 0);
}

static void memory_sizes(void **state)
{
	u8 in[16], out[16];

	for (u32 i = 0; i < 16; i++)
		in[i] = i + 1;
	for (u32 at = 0; at < 8; at++) {
		for (u32 n = 1; n <= 16; n++) {
			memset(guest_at(DATA), 0, 64);
			memory_write(&mem, ram(DATA + at), in, n);
			assert_memory_equal(guest.ram + DATA + at, in, n);
			assert_int_equal(guest.ram[DATA + at + n], 0);
			memset(out, 0xff, sizeof(out));
			memory_read(&mem, ram(DATA + at), out, n);
			assert_memory_equal(in, out, n);
			assert_true(n == 16 || out[n] == 0xff);
		}
	}
}

static void ggtt_translates(void **state)
{
	struct phys p;

	ggtt[5] = 0x0000123456789001;
	assert_true(ggtt_lookup(&mem, 0x5abc, &p));
	assert_true(p.addr == 0x123456789abc);
	assert_false(p.vram);
	ggtt[5] = 0x000ffffffffff003;
	assert_true(ggtt_lookup(&mem, 0x5abc, &p));
	assert_true(p.addr == 0xffffffffffabc);
	assert_true(p.vram);
	ggtt[5] = 0xfff0000000007ffd; /* non-address bits */
	assert_true(ggtt_lookup(&mem, 0x5000, &p));
	assert_true(p.addr == 0x7000);
	ggtt[GGTT_ENTRIES - 1] = 0x3001;
	assert_true(ggtt_lookup(&mem, 0xfffff004, &p));
	assert_true(p.addr == 0x3004);
	assert_int_equal(mem.ggtt_faults, 0);

	ggtt[5] = 0x0000123456789002;
	assert_false(ggtt_lookup(&mem, 0x5abc, &p));
	assert_false(ggtt_lookup(&mem, 1ull << 32, &p));
	assert_false(ggtt_lookup(&mem, ~0ull, &p));
	assert_int_equal(mem.ggtt_faults, 3);
}

static void ggtt_across_pages(void **state)
{
	u8 in[PAGE + 64], out[PAGE + 64];

	for (u32 i = 0; i < sizeof(in); i++)
		in[i] = i * 7 + 1;
	ggtt[0x10] = DATA | 1;
	ggtt[0x11] = (DATA + 5 * PAGE) | 1;
	ggtt[0x12] = 0;
	ggtt_write(&mem, 0x10ff0, in, sizeof(in));
	assert_memory_equal(guest.ram + DATA + 0xff0, in, 16);
	assert_memory_equal(guest.ram + DATA + 5 * PAGE, in + 16, PAGE);
	assert_int_equal(mem.ggtt_faults, 1);
	memset(out, 0xee, sizeof(out));
	ggtt_read(&mem, 0x10ff0, out, sizeof(out));
	assert_memory_equal(out, in, PAGE + 16);
	for (u32 i = PAGE + 16; i < sizeof(out); i++)
		assert_int_equal(out[i], 0);
	assert_int_equal(mem.ggtt_faults, 2);
	ggtt_write32(&mem, 0x10ffe, 0x44332211);
	assert_int_equal(ggtt_read32(&mem, 0x10ffe), 0x44332211);
	assert_int_equal(guest.ram[DATA + 0xfff], 0x22);
	assert_int_equal(guest.ram[DATA + 5 * PAGE], 0x33);
}

/* an entry of each size, and an address with all index bits set */
static void walk_leaves(void **state)
{
	static const struct {
		unsigned int level;
		u64 pte, addr;
	} t[] = {
		{ 0, 0x0000123456789003, 0x123456789000 },
		{ 1, 0x0000123456600083, 0x123456600000 | 0x1ff000 },
		{ 2, 0x0000123440000083, 0x123440000000 | 0x3ffff000 },
		/* address bits below the size of the leaf are ignored */
		{ 1, 0x000012345679f083, 0x123456600000 | 0x1ff000 },
		{ 2, 0x000012347ff9f083, 0x123440000000 | 0x3ffff000 },
		{ 0, 0xfff0123456789003, 0x123456789000 },
	};
	struct translation r;

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		memset(guest_at(TABLES), 0, TABLES_END - TABLES);
		guest.tables = TABLES + PAGE;
		guest_map(&mem, 0xffffffffffff, t[i].pte, t[i].level);
		ppgtt_walk(&mem, TABLES, 0xffffffffffff, &r);
		assert_true(r.present && r.writable && r.atomic && !r.null &&
			    !r.page.vram);
		assert_true(r.page.addr == t[i].addr);
		assert_int_equal(r.level, t[i].level);
		/* bits above 47 are ignored */
		ppgtt_walk(&mem, TABLES, ~0ull, &r);
		assert_true(r.page.addr == t[i].addr);
		/* its neighbours, at each level, are not mapped */
		for (u32 l = t[i].level; l < 4; l++) {
			ppgtt_walk(&mem, TABLES,
				   0xffffffffffff ^ 1ull << (12 + 9 * l), &r);
			assert_false(r.present);
			assert_int_equal(r.level, l);
		}
	}
}

static void walk_compact(void **state)
{
	u64 table = TABLES_END - PAGE, va = 0x40000000;
	struct translation r;

	guest_map(&mem, va, table | 0x43, 1);
	guest_table(&mem, table)[1] = 0x0000000320010003;
	guest_table(&mem, table)[31] = 0x00000003567f8003;
	for (u64 in = 0; in < 0x10000; in += PAGE) {
		ppgtt_walk(&mem, TABLES, va + 0x10000 + in, &r);
		assert_true(r.present && r.writable);
		assert_true(r.page.addr == 0x320010000 + in);
		assert_int_equal(r.level, 0);
		ppgtt_walk(&mem, TABLES, va + 0x1f0000 + in, &r);
		assert_true(r.page.addr == 0x3567f0000 + in);
	}
	ppgtt_walk(&mem, TABLES, va + 0x20000, &r);
	assert_false(r.present);
	assert_int_equal(r.level, 0);
	ppgtt_walk(&mem, TABLES, va + 0xf000, &r);
	assert_false(r.present);
	/* the leaf bit takes precedence */
	guest_map(&mem, va, 0x600000 | 0xc3, 1);
	ppgtt_walk(&mem, TABLES, va + 0x10000, &r);
	assert_true(r.page.addr == 0x610000);
	assert_int_equal(r.level, 1);
}

/* above level 2 the leaf bit is ignored */
static void walk_no_larger_leaf(void **state)
{
	struct translation r;

	guest_map(&mem, 0, 0x5003, 0);
	*guest_table(&mem, TABLES) |= 0x80;
	*guest_table(&mem, TABLES + PAGE) |= 0x80;
	ppgtt_walk(&mem, TABLES, 0, &r);
	assert_true(r.present);
	assert_true(r.page.addr == 0x5000);
	assert_int_equal(r.level, 0);
}

static void walk_bits(void **state)
{
	struct translation r;

	guest_map(&mem, 0x1000, 0x5001, 0); /* read only */
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_true(translation_allows(&r, ACCESS_READ));
	assert_false(translation_allows(&r, ACCESS_WRITE));
	assert_false(translation_allows(&r, ACCESS_ATOMIC));
	guest_map(&mem, 0x1000, 0x5803, 0); /* in VRAM */
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_true(r.page.vram);
	assert_true(r.page.addr == 0x5000);
	guest_map(&mem, 0x1000, 0x5203, 0); /* null */
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_true(r.present && r.null && r.writable);
	guest_map(&mem, 0x40000000, 0x283, 2); /* a null page of 1 GiB */
	ppgtt_walk(&mem, TABLES, 0x7ffff000, &r);
	assert_true(r.present && r.null);
	guest_map(&mem, 0x1000, 0x5002, 0);
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_false(translation_allows(&r, ACCESS_READ));
}

/* page tables are in VRAM, and atomics need a bit in the entry */
static void walk_discrete(void **state)
{
	struct translation r;

	mem.discrete = true;
	guest_map(&mem, 0x1000, 0x5003, 0);
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_true(r.present && !r.page.vram);
	assert_true(translation_allows(&r, ACCESS_WRITE));
	assert_false(translation_allows(&r, ACCESS_ATOMIC));
	guest_map(&mem, 0x1000, 0x5403, 0);
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_true(translation_allows(&r, ACCESS_ATOMIC));
	guest_map(&mem, 0x1000, 0x203, 0);
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_true(translation_allows(&r, ACCESS_ATOMIC));
	mem.discrete = false;
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_false(r.present);
}

static void walk_wild(void **state)
{
	struct translation r;

	ppgtt_walk(&mem, 0x000ffffffffff000, 0x1000, &r);
	assert_false(r.present);
	assert_int_equal(r.level, 4);
	assert_int_equal(mem.dma_errors, 1);
	guest_map(&mem, 0, 0x000ffffffffff003, 3);
	ppgtt_walk(&mem, TABLES, 0x1000, &r);
	assert_false(r.present);
	assert_int_equal(r.level, 2);
	assert_int_equal(mem.dma_errors, 2);
	/* a table that is its own child */
	guest_map(&mem, 0, TABLES | 3, 4);
	ppgtt_walk(&mem, TABLES, 0, &r);
	assert_true(r.page.addr == TABLES);
	assert_int_equal(r.level, 0);
}

static struct translation page(u64 addr)
{
	return (struct translation){
		.page = { addr, false },
		.present = true,
		.writable = true,
		.atomic = true,
	};
}

/* Use an address, given its translation. Return the page that was used, or ~0. */
static u64 use(u32 asid, u64 va, u64 addr, u64 now)
{
	struct translation t = addr ? page(addr) : (struct translation){ 0 };

	return tlb_use(&tlb, asid, 0x1000, va, ACCESS_READ, &t, now) ?
		       t.page.addr :
		       ~0ull;
}

static void tlb_keeps(void **state)
{
	assert_true(use(1, 0x5000, 0x9000, 0) == 0x9000);
	assert_true(use(1, 0x5fff, 0x9000, 0) == 0x9000);
	assert_int_equal(tlb.fills, 1);
	assert_int_equal(tlb.hits, 1);
	/* a different page, space or root */
	assert_true(use(1, 0x6000, 0, 0) == ~0ull);
	assert_true(use(2, 0x5000, 0, 0) == ~0ull);
	assert_false(tlb_use(&tlb, 1, 0x2000, 0x5000, ACCESS_READ,
			     &(struct translation){ 0 }, 0));
	assert_int_equal(tlb.hits, 1);
	/* missing entries are not cached */
	assert_true(use(1, 0x6000, 0xa000, 0) == 0xa000);
	assert_int_equal(tlb.stale + tlb.late, 0);
}

static void tlb_late_before_invalidation(void **state)
{
	use(1, 0x5000, 0x9000, 0);
	/* unmapped or moved: the old page is used until the invalidation */
	assert_true(use(1, 0x5000, 0, SECOND) == 0x9000);
	assert_true(use(1, 0x5000, 0xa000, SECOND) == 0x9000);
	assert_int_equal(tlb.late, 2);
	assert_int_equal(tlb.stale, 0);
	tlb_invalidate(&tlb, 1, 0x5000, 0x1000);
	assert_true(use(1, 0x5000, 0, 2 * SECOND) == ~0ull);
	assert_true(use(1, 0x5000, 0xa000, 2 * SECOND) == 0xa000);
	assert_int_equal(tlb.late, 2);
	assert_int_equal(tlb.stale, 0);
}

static void tlb_stale_after_invalidation(void **state)
{
	use(1, 0x5000, 0x9000, 0);
	tlb.ignore = true;
	tlb_invalidate(&tlb, 1, 0x5000, 0x1000);
	/* same translation as in the page tables: not detectable */
	assert_true(use(1, 0x5000, 0x9000, 1) == 0x9000);
	assert_int_equal(tlb.stale, 0);
	/* counted, but the translation of the page tables is used */
	assert_true(use(1, 0x5000, 0xa000, 2) == 0xa000);
	assert_int_equal(tlb.stale, 1);
	assert_int_equal(tlb.late, 0);
	/* the entry was replaced */
	assert_true(use(1, 0x5000, 0xb000, 3) == 0xa000);
	assert_int_equal(tlb.late, 1);
	tlb_invalidate(&tlb, 1, 0x5000, 0x1000);
	assert_true(use(1, 0x5000, 0, 4) == ~0ull);
	assert_int_equal(tlb.stale, 2);
}

static void tlb_forgotten_invalidation(void **state)
{
	use(1, 0x5000, 0x9000, 0);
	assert_true(use(1, 0x5000, 0xa000, 100 * SECOND) == 0x9000);
	assert_true(use(1, 0x5000, 0xa000, 104 * SECOND) == 0x9000);
	assert_int_equal(tlb.stale, 0);
	assert_true(use(1, 0x5000, 0xa000, 106 * SECOND) == 0xa000);
	assert_int_equal(tlb.stale, 1);
	/* a change that was reverted starts over */
	use(2, 0x5000, 0x9000, 0);
	use(2, 0x5000, 0xa000, 100 * SECOND);
	use(2, 0x5000, 0x9000, 101 * SECOND);
	assert_true(use(2, 0x5000, 0xa000, 106 * SECOND) == 0x9000);
	assert_int_equal(tlb.stale, 1);
}

static void tlb_ranges(void **state)
{
	static const struct {
		u32 asid;
		u64 from, size;
		bool gone;
	} t[] = {
		{ 1, 0x5000, 0x1000, true },
		{ 1, 0x4000, 0x1000, false },
		{ 1, 0x6000, 0x1000, false },
		{ 1, 0x4000, 0x2000, true },
		{ 1, 0, 1ull << 48, true },
		{ 1, 0, UINT64_MAX, true },
		{ 2, 0, UINT64_MAX, false },
		{ 0, 0, UINT64_MAX, false },
		{ TLB_ALL_SPACES, 0, UINT64_MAX, true },
		{ TLB_ALL_SPACES, 0x6000, UINT64_MAX, false },
		{ TLB_ALL_SPACES, 0x5000, 1, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		use(1, 0x5000, 0x9000, 0);
		tlb_invalidate(&tlb, t[i].asid, t[i].from, t[i].size);
		assert_true(use(1, 0x5000, 0, 0) ==
			    (t[i].gone ? ~0ull : 0x9000));
		tlb_invalidate(&tlb, TLB_ALL_SPACES, 0, UINT64_MAX);
	}
}

static bool allowed(bool writable, enum access access, u64 *addr)
{
	struct translation t = page(*addr);
	bool ok;

	t.writable = writable;
	ok = tlb_use(&tlb, 1, 0x1000, 0x5000, access, &t, 0);
	*addr = t.page.addr;
	return ok;
}

/* adding rights needs no invalidation, removing rights does */
static void tlb_rights(void **state)
{
	u64 addr = 0x9000;

	assert_true(allowed(false, ACCESS_READ, &addr));
	assert_false(allowed(false, ACCESS_WRITE, &addr));
	assert_true(allowed(true, ACCESS_WRITE, &addr));
	assert_int_equal(tlb.fills, 2);
	assert_int_equal(tlb.late, 0);
	assert_true(allowed(false, ACCESS_WRITE, &addr));
	assert_int_equal(tlb.late, 1);
	tlb_invalidate(&tlb, 1, 0x5000, 0x1000);
	assert_false(allowed(false, ACCESS_WRITE, &addr));
	assert_true(allowed(false, ACCESS_READ, &addr));
	assert_int_equal(tlb.stale, 0);
	/* VRAM and system memory differ; null is the same at any address */
	use(2, 0x5000, 0x9000, 0);
	{
		struct translation t = page(0x9000), null = page(0x1000);

		t.page.vram = true;
		assert_true(
			tlb_use(&tlb, 2, 0x1000, 0x5000, ACCESS_READ, &t, 0));
		assert_false(t.page.vram);
		assert_int_equal(tlb.late, 2);
		null.null = true;
		assert_true(tlb_use(&tlb, 3, 0x1000, 0x5000, ACCESS_READ, &null,
				    0));
		null.page.addr = 0x2000;
		assert_true(tlb_use(&tlb, 3, 0x1000, 0x5000, ACCESS_READ, &null,
				    0));
		assert_int_equal(tlb.late, 2);
	}
}

/* the TLB is too small for all entries, but never mixes them up */
#define WALK_VA 0x123456789000ull
#define OTHER_TABLES (TABLES_END - 5 * PAGE) /* a second tree */

/* The page to which a walk leads, or 0. */
static u64 walk(u64 now)
{
	struct translation t;

	tlb_walk(&tlb, &mem, 1, TABLES, WALK_VA, &t, now);
	return t.present ? t.page.addr : 0;
}

/* Write the entry of an address in a table. */
static void point(u64 table, unsigned int level, u64 value)
{
	*(guest_table(&mem, table) + (WALK_VA >> (12 + 9 * level) & 511)) =
		value;
}

/*
 * the entry of a level leads to another table, and that one to another page: the old
 * table is used until the invalidation
 */
static void tlb_tables(void **state)
{
	u64 since = 10000000000ull;

	for (unsigned int level = 1; level < LEVELS; level++) {
		struct translation t;
		u64 old;

		/* a second tree for the levels below */
		for (unsigned int l = 0; l < level; l++)
			point(OTHER_TABLES + l * PAGE, l,
			      l ? (OTHER_TABLES + (l - 1) * PAGE) | 3 :
				  (DATA + PAGE) | 3);
		memset(&tlb, 0, sizeof(tlb));
		guest_map(&mem, WALK_VA, DATA | 3, 0);
		assert_int_equal(walk(since), DATA);
		ppgtt_walk(&mem, TABLES, WALK_VA, &t);
		old = t.table[level];
		guest_map(&mem, WALK_VA,
			  (OTHER_TABLES + (level - 1) * PAGE) | 3, level);
		assert_int_equal(walk(since), DATA);
		assert_int_equal(tlb.late, 1);
		guest_map(&mem, WALK_VA, 0, level);
		assert_int_equal(walk(since + 1), DATA);
		assert_int_equal(tlb.late, 2);
		/* another page, or address space, keeps the entry */
		tlb_invalidate(&tlb, 2, 0, UINT64_MAX);
		tlb_invalidate(&tlb, 1,
			       (WALK_VA & ~(BIT64(12 + 9 * level) - 1)) - PAGE,
			       PAGE);
		assert_int_equal(walk(since + 2), DATA);
		/* a page that it covers does not */
		tlb_invalidate(&tlb, 1,
			       level == 1 ? WALK_VA & ~(BIT64(21) - 1) :
					    WALK_VA,
			       PAGE);
		assert_int_equal(walk(since + 3), 0);
		guest_map(&mem, WALK_VA,
			  (OTHER_TABLES + (level - 1) * PAGE) | 3, level);
		assert_int_equal(walk(since + 4), DATA + PAGE);
		assert_int_equal(tlb.late, 3);
		assert_int_equal(tlb.stale, 0);
		/* an invalidation that does nothing, and one that never comes */
		tlb.ignore = true;
		tlb_invalidate(&tlb, 1, WALK_VA, PAGE);
		guest_map(&mem, WALK_VA, old, level);
		assert_int_equal(walk(since + 5), DATA);
		assert_true(tlb.stale > 0);
		tlb.stale = 0;
		guest_map(&mem, WALK_VA, 0, level);
		assert_int_equal(walk(since + 6), DATA);
		walk(since + 6000000000);
		assert_int_equal(tlb.stale, 1);
		guest_map(&mem, WALK_VA, old, level);
	}
}

static void tlb_collisions(void **state)
{
	for (u32 round = 0; round < 2; round++)
		for (u64 i = 1; i < 4 * TLB_ENTRIES; i++)
			assert_true(use(i % 7, i * PAGE, i * 0x10000, 0) ==
				    i * 0x10000);
	assert_int_equal(tlb.stale + tlb.late, 0);
	assert_true(tlb.fills > 4 * TLB_ENTRIES && tlb.hits > 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(maps_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(maps_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(maps_read_only, setup,
						teardown),
		cmocka_unit_test_setup_teardown(maps_unmapped, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_sizes, setup, teardown),
		cmocka_unit_test_setup_teardown(ggtt_translates, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ggtt_across_pages, setup,
						teardown),
		cmocka_unit_test_setup_teardown(walk_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(walk_compact, setup, teardown),
		cmocka_unit_test_setup_teardown(walk_no_larger_leaf, setup,
						teardown),
		cmocka_unit_test_setup_teardown(walk_bits, setup, teardown),
		cmocka_unit_test_setup_teardown(walk_discrete, setup, teardown),
		cmocka_unit_test_setup_teardown(walk_wild, setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_keeps, setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_late_before_invalidation,
						setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_stale_after_invalidation,
						setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_forgotten_invalidation,
						setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_rights, setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_tables, setup, teardown),
		cmocka_unit_test_setup_teardown(tlb_collisions, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
