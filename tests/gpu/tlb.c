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
 */
#include "gpu.h"

static struct tlb_entry *slot(struct tlb *tlb, u32 asid, u64 root, u64 va)
{
	u64 h = (va / PAGE) * 0x9e3779b97f4a7c15ull ^
		asid * 0xc2b2ae3d27d4eb4full ^ root;

	return &tlb->entry[(h ^ h >> 29) % TLB_ENTRIES];
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
	struct tlb_entry *e;

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
