// SPDX-License-Identifier: GPL-2.0
/*
 * A TLB that checks.
 *
 * It caches what page tables said, and the GPU uses that, as hardware does: also
 * when the driver has changed the tables meanwhile, until the invalidation.
 * After TLB_INVALIDATION_DONE no old translation may be used: the driver frees
 * the page then.  Two things break this rule and are counted as stale:
 *
 * - an entry is used that an acknowledged invalidation should have removed.  The
 *   model removes them, so this happens only with "ignore", the control that
 *   shows that the check works.
 * - an entry that differs from the tables is used, and for seconds no
 *   invalidation came: the driver forgot it.
 *
 * A stale translation is counted, but not used: a corrupted guest would say less.
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
 * @access: what for
 * @t: in: what the tables say; out: what the GPU is to use
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
 * tlb_invalidate() - forget translations
 * @tlb: the TLB
 * @asid: of this address space, or TLB_ALL_SPACES
 * @from: from this address
 * @size: of so many bytes
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
