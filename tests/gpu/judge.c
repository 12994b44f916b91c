// SPDX-License-Identifier: GPL-2.0
/*
 * The judge of the replies "successful": such a reply promises that the access works.
 *
 * When the GuC reads the reply, the page tables must allow the access. If they do not,
 * there is one excuse: the driver has removed the mapping again. It then invalidates
 * the TLBs there. A reply without that excuse is unfounded.
 *
 * The invalidation can be later than the reply, because the driver first clears the
 * page tables. It can also be earlier than the fault: until the driver learns that the
 * invalidation is done, it may consider the mapping valid (stock 6.12 does). A busy
 * host can take seconds for either, so the judge waits for JUDGE_NS.
 *
 * The GPU repeats an access after such a reply. If the repetitions of one access fault
 * LIVELOCK_RETRIES times in a row, whatever the reason, that is a livelock.
 */
#include "gpu.h"

static bool covers(const struct invalidation *i, u32 asid, u64 va)
{
	return (i->asid == TLB_ALL_SPACES || i->asid == asid) &&
	       va >= i->from && va - i->from < i->size;
}

/* Is there an invalidation at an address since @since, or too many to know? */
static bool invalidated(const struct judge *j, u32 asid, u64 va, u64 since)
{
	for (u32 i = 1; i <= INVALIDATIONS; i++) {
		const struct invalidation *inv =
			&j->invalidation[(j->next - i) % INVALIDATIONS];

		if (inv->when < since)
			return false;
		if (covers(inv, asid, va))
			return true;
	}
	return true;
}

/* Can an invalidation be stuck in an H2G ring? */
static bool slow(const struct gpu *gpu)
{
	bool is = gpu->opt.rate;

	for (u32 i = 0; i < GTS; i++)
		is |= gpu->gt[i] && gpu->gt[i]->guc.hold_h2g;
	return is;
}

/**
 * judge_settle() - count the replies for which no excuse has arrived in time
 * @gpu: the device, locked
 *
 * Call this before the H2G rings become slower or faster: time does not count while
 * they are slow.
 */
void judge_settle(struct gpu *gpu)
{
	struct judge *j = &gpu->judge;
	bool is_slow = slow(gpu);
	u64 now = now_ns();
	struct doubt *d;

	for (d = j->doubt; d < j->doubt + j->doubts; d++) {
		if (is_slow)
			d->when = now;
		if (d->proven || now - d->when < JUDGE_NS)
			continue;
		d->proven = true;
		gpu->count[COUNT_UNFOUNDED]++;
		trace(gpu, 1,
		      "unfounded: asid %u %#llx, access %u: \"successful\", but not mapped",
		      d->asid, (unsigned long long)d->va, d->access);
	}
}

/**
 * judge_space() - learn the page tables of an address space
 * @gpu: the device, locked
 * @asid: the address space
 * @root: its root table
 */
void judge_space(struct gpu *gpu, u32 asid, u64 root)
{
	gpu->judge.space[asid % SPACES] = (struct space){ asid, root };
}

/**
 * judge_invalidation() - an invalidation was requested, which excuses replies
 * @gpu: the device, locked
 * @asid: the address space, or TLB_ALL_SPACES
 * @from: start of the range
 * @size: size of the range in bytes
 */
void judge_invalidation(struct gpu *gpu, u32 asid, u64 from, u64 size)
{
	struct judge *j = &gpu->judge;
	struct invalidation *i = &j->invalidation[j->next++ % INVALIDATIONS];
	struct doubt *d = j->doubt;

	judge_settle(gpu);
	*i = (struct invalidation){ now_ns(), from, size, asid };
	while (d < j->doubt + j->doubts) {
		if (covers(i, d->asid, d->va))
			*d = j->doubt[--j->doubts];
		else
			d++;
	}
}

/**
 * judge_success() - judge a reply "successful"
 * @gt: the GT
 * @slot: the fault
 *
 * Faults of an address space that has not run are not judged, because its page tables
 * are not known.
 */
void judge_success(struct gt *gt, const struct slot *slot)
{
	struct judge *j = &gt->gpu->judge;
	const struct space *s = &j->space[slot->asid % SPACES];
	struct memory *m = &gt->gpu->mem;
	u64 errors = m->dma_errors;
	struct translation t;
	struct doubt *d;

	judge_settle(gt->gpu);
	if (!s->root || s->asid != slot->asid || slot->access > ACCESS_ATOMIC ||
	    (slot->context && !slot->context->registered))
		return;
	ppgtt_walk(m, s->root, slot->va, &t);
	m->dma_errors = errors; /* the tables of a closed VM may be gone */
	if (translation_allows(&t, slot->access) ||
	    invalidated(j, slot->asid, slot->va,
			slot->sent > JUDGE_NS ? slot->sent - JUDGE_NS : 0))
		return;
	for (d = j->doubt; d < j->doubt + j->doubts; d++)
		if (d->asid == slot->asid && d->va == slot->va &&
		    d->access == slot->access)
			return;
	if (j->doubts < DOUBTS)
		j->doubt[j->doubts++] = (struct doubt){
			.when = now_ns(),
			.va = slot->va,
			.asid = slot->asid,
			.access = slot->access,
		};
}

/**
 * judge_forget() - a GuC was reset, and with it its TLBs
 * @gpu: the device, locked
 */
void judge_forget(struct gpu *gpu)
{
	judge_invalidation(gpu, TLB_ALL_SPACES, 0, UINT64_MAX);
	for (u32 i = 0; i < SPACES; i++)
		gpu->judge.space[i].root = 0;
}

/**
 * judge_retry() - an access faults; "unsuccessful" replies end its repetitions
 * @gpu: the device, locked
 * @r: the access of this kind that faulted last; r->n is 0 if it has succeeded since
 * @va: the address
 * @access: kind of access
 */
void judge_retry(struct gpu *gpu, struct retry *r, u64 va, enum access access)
{
	va &= VA_MASK;
	if (!r->n || r->va != va || r->access != access)
		*r = (struct retry){ .va = va, .access = access };
	r->n++;
	if (r->n > gpu->retries)
		gpu->retries = r->n;
	if (r->n != LIVELOCK_RETRIES)
		return;
	gpu->count[COUNT_LIVELOCK]++;
	trace(gpu, 1, "livelock: %#llx, access %u", (unsigned long long)va,
	      access);
}
