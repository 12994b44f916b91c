// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the pool and the queues of a GT
 *
 * A fault waits in the queue of its ASID, which exists as long as there are such
 * faults. Only one worker at a time serves a queue: the faults of one VM would wait
 * for each other on its lock anyway, and must not take workers from other VMs. If
 * there are faults of more ASIDs than there are queues, some share one.
 *
 * All faults come from one pool that is as large as the PDATA space, by which the
 * GuC distinguishes open faults: the pool can't run out unless the GuC uses one
 * PDATA for two open faults. The stock driver sizes its queues by the number of EUs
 * and loses faults that do not fit, which leaves the EU waiting forever. A GuC that is
 * started again may use every PDATA again, so gt.c then empties the queues.
 */

#include <linux/hash.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "pagefault.h"

static bool coalesce = true;
module_param(coalesce, bool, 0644);
MODULE_PARM_DESC(
	coalesce,
	"answer waiting faults together if one service resolves them (default Y)");

/* The queue of an ASID. Called with gt->lock held. */
static struct xpf_queue *xpf_queue_of(struct xpf_gt *gt, u32 asid)
{
	struct hlist_head *head = &gt->busy[hash_32(asid, XPF_BUSY_BITS)];
	struct xpf_queue *q;

	hlist_for_each_entry(q, head, node)
		if (q->asid == asid)
			return q;

	/* Prefer the same one each time, for what it remembers of the address space. */
	q = &gt->queues[asid % XPF_QUEUES];
	if (!q->idle && gt->idle.first)
		q = hlist_entry(gt->idle.first, struct xpf_queue, node);
	if (!q->idle)
		return q;
	hlist_del(&q->node);
	hlist_add_head(&q->node, head);
	if (q->asid != asid)
		q->restless = 0;
	q->asid = asid;
	q->idle = false;
	return q;
}

/* Called with gt->lock held. The worker may run once more, and finds nothing. */
static void xpf_queue_rest(struct xpf_queue *q)
{
	if (q->idle)
		return;
	hlist_del(&q->node);
	hlist_add_head(&q->node, &q->gt->idle);
	q->idle = true;
	q->until = 0;
	memset(q->spent, 0, sizeof(q->spent)); /* of faults that were dropped */
}

/* See share.c. Called with gt->lock held. */
static bool xpf_is_parked(const struct xpf_queue *q)
{
	return !q->serving && !list_empty(&q->link);
}

/* Append a fault from the pool to a queue. Returns whether that was empty. */
static bool xpf_queue_push(struct xpf_queue *q, u32 i)
{
	bool was_empty = q->faults.head == XPF_NONE;

	if (was_empty)
		q->faults.head = i;
	else
		q->gt->pool[q->faults.tail].next = i;
	q->faults.tail = i;
	return was_empty;
}

/**
 * xpf_queue_put - queue faults
 * @gt: GT that reported them
 * @pfs: the faults
 * @n: number of faults, at most XPF_BATCH
 * @ready: set to the queues that need a worker, and a NULL behind them, at most @n + 1.
 *	The caller must queue their work items
 *
 * A queue that has faults also has a worker that will come back to it. One that is parked
 * gets one with each fault, which finds out whether the process still has its share.
 *
 * Any context, under ct->lock or ct->fast_lock.
 *
 * Return: number of faults that were queued; less than @n if the pool is empty.
 */
unsigned int xpf_queue_put(struct xpf_gt *gt, const struct pagefault *pfs,
			   unsigned int n, struct xpf_queue **ready)
{
	struct xpf_stats *s = &gt->stats;
	struct xpf_queue *q = NULL;
	struct xpf_fault *f;
	unsigned long flags;
	unsigned int k;
	u32 generation, i;
	u64 now = ktime_get_ns();

	spin_lock_irqsave(&gt->lock, flags);
	generation = xpf_note_guc_start(gt);
	for (k = 0; k < n && gt->free != XPF_NONE; k++) {
		const struct pagefault *pf = &pfs[k];

		i = gt->free;
		f = &gt->pool[i];
		gt->free = f->next;
		if (!q || q->asid != pf->asid)
			q = xpf_queue_of(gt, pf->asid);
		f->pf = *pf;
		f->received = now;
		f->number = q->received++;
		f->generation = generation;
		f->next = XPF_NONE;
		if (xpf_queue_push(q, i) || xpf_is_parked(q))
			*ready++ = q;

		s->received[pf->access]++;
		s->types[pf->type]++;
		s->prefetches += pf->prefetch;
	}
	gt->waiting += k;
	s->queued += k;
	s->queued_max = max(s->queued_max, s->queued);
	s->dropped += n - k;
	spin_unlock_irqrestore(&gt->lock, flags);
	*ready = NULL;
	return k;
}

/*
 * Has an earlier service resolved this fault?
 *
 * A service that succeeds has found, after it began, that the whole range is mapped for
 * its kind of access. A fault that was already in the queue when the service began was
 * reported before that, for an access that failed even earlier. So "successful" is the
 * right reply: if repeated now, the access succeeds, unless the mapping has since been
 * removed. In that case it faults again, and the new fault is too late for all services
 * so far: it needs one that begins later.
 *
 * This needs no lock of the VM and compares no clocks: the number of a fault and
 * the number at which a service begins are both assigned under gt->lock. A service for a
 * read resolves only reads. Atomic accesses can require more than a mapping, so none is
 * resolved by another service. Refusals are not remembered.
 *
 * The search starts at the newest service. The others began earlier: if a fault is too
 * late for one, it is too late for all that follow.
 *
 * A service may also have found that the next faults in the queue need none, whatever
 * their bindings: see xpf_queue_peek().
 *
 * Called by the worker of the queue.
 */
static bool xpf_is_cured(const struct xpf_queue *q, const struct xpf_fault *f)
{
	const struct xpf_served *s;
	unsigned int i;

	if (f->number < q->resolved)
		return true;
	if (f->pf.access > PAGEFAULT_WRITE || f->pf.trva_fault ||
	    !READ_ONCE(coalesce))
		return false;
	for (i = 1; i <= XPF_SERVED_RING; i++) {
		s = &q->served[(q->nr_served - i) % XPF_SERVED_RING];
		if (f->number >= s->begin)
			return false;
		if (f->pf.addr - s->start < s->size && f->pf.asid == s->asid &&
		    f->pf.access <= s->access)
			return true;
	}
	return false;
}

/**
 * xpf_queue_served - remember a successful service
 * @q: queue, of whose worker this is called
 * @pf: the fault that was served
 * @start: start of the range in which accesses of this kind succeed now
 * @size: its size
 */
void xpf_queue_served(struct xpf_queue *q, const struct pagefault *pf,
		      u64 start, u64 size)
{
	if (pf->access > PAGEFAULT_WRITE)
		return;
	q->served[q->nr_served++ % XPF_SERVED_RING] = (struct xpf_served){
		.start = start,
		.size = size,
		.begin = q->begin,
		.asid = pf->asid,
		.access = pf->access,
	};
}

/**
 * xpf_queue_peek - copy the next faults, if the first of them needs a service
 * @q: queue, of whose worker this is called
 * @pfs: set to the faults
 * @max: most faults to copy
 *
 * The caller adds to q->resolved how many of the first of them need no service of their
 * own, or none any more.
 *
 * Return: the number of faults.
 */
unsigned int xpf_queue_peek(struct xpf_queue *q, struct pagefault *pfs,
			    unsigned int max)
{
	struct xpf_gt *gt = q->gt;
	unsigned int n = 0;
	u32 i;

	if (READ_ONCE(q->faults.head) == XPF_NONE || !READ_ONCE(coalesce))
		return 0;
	spin_lock_irq(&gt->lock);
	i = q->faults.head;
	if (i != XPF_NONE && !xpf_is_cured(q, &gt->pool[i])) {
		q->resolved = gt->pool[i].number;
		for (; i != XPF_NONE && n < max; i = gt->pool[i].next)
			pfs[n++] = gt->pool[i].pf;
	}
	spin_unlock_irq(&gt->lock);
	return n;
}

/**
 * xpf_queue_has_others - does a fault wait that this service does not resolve?
 * @q: queue, of whose worker this is called
 * @start: start of the range that the service has bound
 * @end: its end
 *
 * At most XPF_BATCH faults are looked at.
 *
 * Return: whether there is one outside of the range.
 */
bool xpf_queue_has_others(struct xpf_queue *q, u64 start, u64 end)
{
	struct xpf_gt *gt = q->gt;
	bool others = false;
	u32 i, n = 0;

	spin_lock_irq(&gt->lock);
	for (i = q->faults.head; i != XPF_NONE && n < XPF_BATCH && !others;
	     n++) {
		others = gt->pool[i].pf.addr < start ||
			 gt->pool[i].pf.addr >= end;
		i = gt->pool[i].next;
	}
	spin_unlock_irq(&gt->lock);
	return others;
}

/*
 * Take the next faults, as long as they need no service, at most @max. Sets *last to the
 * last of them, if any. Called with gt->lock held.
 */
static unsigned int xpf_take_cured(struct xpf_queue *q, unsigned int max,
				   u32 *last)
{
	struct xpf_gt *gt = q->gt;
	u32 next = q->faults.head;
	unsigned int n = 0;

	while (next != XPF_NONE && n < max &&
	       xpf_is_cured(q, &gt->pool[next])) {
		*last = next;
		next = gt->pool[next].next;
		n++;
	}
	q->faults.head = next;
	gt->stats.coalesced += n;
	return n;
}

/* Account for faults that have been taken. Called with gt->lock held. */
static void xpf_taken(struct xpf_queue *q, u32 last, unsigned int n)
{
	q->gt->pool[last].next = XPF_NONE;
	q->gt->waiting -= n;
	q->taken += n;
}

/**
 * xpf_queue_take - take the oldest fault
 * @q: queue, of whose worker this is called
 * @cured: set to whether it needs no service; the next ones that need none are then
 *	taken with it
 *
 * Return: the first of at most XPF_BATCH faults, linked by xpf_fault.next, which the
 * caller must answer with xpf_reply(); one that needs a service can also be
 * returned with xpf_queue_untake(). XPF_NONE if the queue is empty.
 */
u32 xpf_queue_take(struct xpf_queue *q, bool *cured)
{
	struct xpf_gt *gt = q->gt;
	unsigned int n;
	u32 first, last;

	spin_lock_irq(&gt->lock);
	xpf_note_guc_start(gt);
	first = q->faults.head;
	if (first == XPF_NONE) {
		xpf_queue_rest(q);
		goto out;
	}

	q->begin = q->received;
	n = xpf_take_cured(q, XPF_BATCH, &last);
	*cured = n;
	if (!n) {
		last = first;
		q->faults.head = gt->pool[first].next;
		n = 1;
	}
	xpf_taken(q, last, n);
out:
	spin_unlock_irq(&gt->lock);
	return first;
}

/**
 * xpf_queue_join - take the faults that a service has resolved together with its own
 * @q: queue, of whose worker this is called
 * @first: the fault that was served, from xpf_queue_take()
 *
 * They are linked to it, so that they are answered together.
 */
void xpf_queue_join(struct xpf_queue *q, u32 first)
{
	struct xpf_gt *gt = q->gt;
	u32 next, last;
	unsigned int n;

	if (READ_ONCE(q->faults.head) == XPF_NONE)
		return;
	spin_lock_irq(&gt->lock);
	next = q->faults.head;
	n = xpf_take_cured(q, XPF_BATCH - 1, &last);
	if (n) {
		gt->pool[first].next = next;
		xpf_taken(q, last, n);
	}
	spin_unlock_irq(&gt->lock);
}

/**
 * xpf_queue_untake - put a fault back to the front of its queue
 * @q: queue
 * @i: from xpf_queue_take()
 */
void xpf_queue_untake(struct xpf_queue *q, u32 i)
{
	struct xpf_gt *gt = q->gt;

	spin_lock_irq(&gt->lock);
	gt->pool[i].next = q->faults.head;
	if (q->faults.head == XPF_NONE)
		q->faults.tail = i;
	q->faults.head = i;
	gt->waiting++;
	spin_unlock_irq(&gt->lock);
}

/**
 * xpf_queue_free - return answered faults to the pool
 * @gt: GT, with gt->lock held
 * @first: the first of a list of faults
 * @last: the last of them
 * @n: their number
 */
void xpf_queue_free(struct xpf_gt *gt, u32 first, u32 last, unsigned int n)
{
	gt->pool[last].next = gt->free;
	gt->free = first;
	gt->stats.queued -= n;
}

/**
 * xpf_queues_init - put all faults on the free list and empty all queues
 * @gt: GT, with its pool and queues allocated and zeroed
 */
void xpf_queues_init(struct xpf_gt *gt)
{
	u32 i;

	for (i = 0; i < PFD_PDATA_SPACE; i++)
		gt->pool[i].next = i + 1;
	gt->pool[i - 1].next = XPF_NONE;
	gt->free = 0;

	INIT_LIST_HEAD(&gt->serving);
	INIT_LIST_HEAD(&gt->parked);
	for (i = 0; i < XPF_QUEUES; i++) {
		struct xpf_queue *q = &gt->queues[i];

		q->gt = gt;
		q->faults.head = XPF_NONE;
		q->idle = true;
		hlist_add_head(&q->node, &gt->idle);
		INIT_LIST_HEAD(&q->link);
	}
}
