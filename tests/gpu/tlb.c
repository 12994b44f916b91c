// SPDX-License-Identifier: GPL-2.0
/*
 * A TLB that finds missing invalidations.
 *
 * It caches translations. As on hardware, the GPU uses them until they are
 * invalidated, even if the driver has changed the page tables since. After
 * TLB_INVALIDATION_DONE no old translation may be used, because the driver then frees
 * the page. Two violations of this rule are counted as stale:
 *
 * - Using an entry that an acknowledged invalidation should have removed. The model
 *   removes such entries, so this only happens with "ignore", the negative control.
 * - Using an entry that differs from the page tables, after seconds without an
 *   invalidation: the driver forgot it.
 *
 * A stale translation is counted, but not used: a report is more useful than a
 * corrupted guest.
 *
 * The entries of the upper levels are cached too, each for itself. A walk begins below
 * the lowest one that is cached, so that it can see a table that the driver has removed.
 */
#include "gpu.h"

static struct tlb_entry *slot(struct tlb *tlb, u32 asid, u64 root, u64 va)
{
	u64 h = (va / PAGE) * 0x9e3779b97f4a7c15ull ^
		asid * 0xc2b2ae3d27d4eb4full ^ root;

	return &tlb->entry[(h ^ h >> 29) % TLB_ENTRIES];
}

static u64 covered(unsigned int level)
{
	return BIT64(12 + 9 * level);
}

/* The first address that the entry of an address covers */
static u64 first(u64 va, unsigned int level)
{
	return va & ~(covered(level) - 1);
}

static struct tlb_table *table_slot(struct tlb *tlb, u32 asid, u64 root, u64 va,
				    unsigned int level)
{
	u64 h = (va / covered(level)) * 0x9e3779b97f4a7c15ull ^
		(asid * 8ull + level) * 0xc2b2ae3d27d4eb4full ^ root;

	return &tlb->table[(h ^ h >> 29) % TLB_TABLES];
}

static bool is_table(const struct tlb_table *e, u32 asid, u64 root, u64 va,
		     unsigned int level)
{
	return e->used && e->asid == asid && e->root == root &&
	       e->level == level && e->va == first(va, level);
}

/**
 * tlb_walk() - walk the page tables, beginning with the cached entries
 * @tlb: the TLB
 * @m: the memory
 * @asid: the address space
 * @root: its root table
 * @va: the address
 * @t: returns the translation
 * @now: the time in ns
 */
void tlb_walk(struct tlb *tlb, struct memory *m, u32 asid, u64 root, u64 va,
	      struct translation *t, u64 now)
{
	unsigned int level, start;
	struct tlb_table *e;

	va &= VA_MASK;
	ppgtt_walk(m, root, va, t);
	for (start = 1; start < LEVELS; start++) {
		e = table_slot(tlb, asid, root, va, start);
		if (!is_table(e, asid, root, va, start))
			continue;
		if (e->entry == t->table[start]) {
			e->since = 0;
			break;
		}
		if (!e->acknowledged &&
		    (!e->since || now - e->since < TLB_SUSPECT_NS)) {
			if (!e->since)
				e->since = now;
			tlb->late++;
			ppgtt_resume(m, e->entry, start, va, t);
			break;
		}
		tlb->stale++;
		e->used = false;
	}
	for (level = 1; level < start; level++) {
		if (!t->table[level])
			continue;
		e = table_slot(tlb, asid, root, va, level);
		*e = (struct tlb_table){
			.root = root,
			.va = first(va, level),
			.entry = t->table[level],
			.asid = asid,
			.level = level,
			.used = true,
		};
	}
}

static bool same(const struct translation *a, const struct translation *b)
{
	return a->present == b->present && a->null == b->null &&
	       (a->null ||
		(a->page.addr == b->page.addr && a->page.vram == b->page.vram));
}

/**
 * tlb_use() - translate with the TLB
 * @tlb: the TLB
 * @asid: the address space
 * @root: its root table
 * @va: the address
 * @access: kind of access
 * @t: in: the translation from the page tables; out: the one to use
 * @now: the time in ns
 *
 * Return: whether @t allows the access.
 */
bool tlb_use(struct tlb *tlb, u32 asid, u64 root, u64 va, enum access access,
	     struct translation *t, u64 now)
{
	struct tlb_entry *e;

	va &= VA_MASK & ~(u64)(PAGE - 1);
	e = slot(tlb, asid, root, va);
	if (e->used && e->asid == asid && e->root == root && e->va == va &&
	    translation_allows(&e->t, access)) {
		tlb->hits++;
		if (same(&e->t, t) && translation_allows(t, access)) {
			e->since = 0;
			return true;
		}
		if (!e->acknowledged &&
		    (!e->since || now - e->since < TLB_SUSPECT_NS)) {
			if (!e->since)
				e->since = now;
			tlb->late++;
			*t = e->t;
			return true;
		}
		tlb->stale++;
		e->used = false;
	}
	if (!translation_allows(t, access))
		return false;
	tlb->fills++;
	*e = (struct tlb_entry){
		.root = root, .va = va, .asid = asid, .used = true, .t = *t
	};
	return true;
}

/**
 * tlb_invalidate() - drop translations
 * @tlb: the TLB
 * @asid: the address space, or TLB_ALL_SPACES
 * @from: start of the range
 * @size: size of the range in bytes
 */
void tlb_invalidate(struct tlb *tlb, u32 asid, u64 from, u64 size)
{
	struct tlb_table *t;
	struct tlb_entry *e;

	for (t = tlb->table; t < tlb->table + TLB_TABLES; t++) {
		if (!t->used || (asid != TLB_ALL_SPACES && asid != t->asid) ||
		    (t->va < from ? from - t->va >= covered(t->level) :
				    t->va - from >= size))
			continue;
		if (tlb->ignore)
			t->acknowledged = true;
		else
			t->used = false;
	}
	for (e = tlb->entry; e < tlb->entry + TLB_ENTRIES; e++) {
		if (!e->used || (asid != TLB_ALL_SPACES && asid != e->asid) ||
		    e->va < from || e->va - from >= size)
			continue;
		if (tlb->ignore)
			e->acknowledged = true;
		else
			e->used = false;
	}
}
