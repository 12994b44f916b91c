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
 * and loses faults that do not fit, which leaves the EU waiting forever.
 */

#include <linux/hash.h>
#include <linux/moduleparam.h>
#include <linux/timekeeping.h>

#include "pagefault.h"

static bool coalesce = true;
module_param(coalesce, bool, 0644);
MODULE_PARM_DESC(coalesce,
		 "serve waiting faults on the same page together (default Y)");

/* Number of faults to compare with the oldest one; limits how long the lock is held. */
#define COALESCE_DEPTH 64

static void xpf_list_push(struct xpf_gt *gt, struct xpf_list *list, u32 i)
{
	gt->pool[i].next = XPF_NONE;
	if (list->head == XPF_NONE)
		list->head = i;
	else
		gt->pool[list->tail].next = i;
	list->tail = i;
}

/* The queue of an ASID. Called with gt->lock held. */
static struct xpf_queue *xpf_queue_of(struct xpf_gt *gt, u32 asid)
{
	struct hlist_head *head = &gt->busy[hash_32(asid, XPF_BUSY_BITS)];
	struct xpf_queue *q;

	hlist_for_each_entry(q, head, node)
		if (q->asid == asid)
			return q;

	q = hlist_entry_safe(gt->idle.first, struct xpf_queue, node);
	if (!q)
		return &gt->queues[asid % XPF_QUEUES];
	hlist_del(&q->node);
	hlist_add_head(&q->node, head);
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
}

/**
 * xpf_queue_put - queue a fault
 * @gt: GT that reported it
 * @pf: the fault
 *
 * Any context, under ct->lock or ct->fast_lock.
 *
 * Return: the queue for a worker to serve, or NULL if the pool is empty.
 */
struct xpf_queue *xpf_queue_put(struct xpf_gt *gt, const struct pagefault *pf)
{
	struct xpf_stats *s = &gt->stats;
	struct xpf_queue *q;
	struct xpf_fault *f;
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&gt->lock, flags);
	i = gt->free;
	if (i == XPF_NONE) {
		s->dropped++;
		spin_unlock_irqrestore(&gt->lock, flags);
		return NULL;
	}
	f = &gt->pool[i];
	gt->free = f->next;
	f->pf = *pf;
	f->received = ktime_get_ns();
	f->generation = xpf_note_guc_start(gt);
	q = xpf_queue_of(gt, pf->asid);
	xpf_list_push(gt, &q->faults, i);

	s->received[pf->access]++;
	s->types[pf->type]++;
	s->prefetches += pf->prefetch;
	s->queued_max = max(s->queued_max, ++s->queued);
	spin_unlock_irqrestore(&gt->lock, flags);
	return q;
}

/* Does one service resolve both? Engine, PDATA and VFID matter only to the reply. */
static bool xpf_alike(const struct xpf_fault *a, const struct xpf_fault *b)
{
	return a->generation == b->generation && a->pf.asid == b->pf.asid &&
	       a->pf.addr == b->pf.addr && a->pf.access == b->pf.access &&
	       a->pf.trva_fault == b->pf.trva_fault &&
	       a->pf.prefetch == b->pf.prefetch;
}

/**
 * xpf_queue_take - take the oldest fault, and others like it
 * @q: queue
 *
 * Serving a fault resolves all faults like it that were reported before the
 * service begins. A verdict never applies to a later fault.
 *
 * Return: the first of at most XPF_BATCH faults, linked by xpf_fault.next, which
 * the caller must answer and pass to xpf_queue_free(), or return with
 * xpf_queue_untake(); or XPF_NONE if the queue is empty.
 */
u32 xpf_queue_take(struct xpf_queue *q)
{
	struct xpf_gt *gt = q->gt;
	struct xpf_list batch = { XPF_NONE };
	unsigned int looked = 0, taken = 1;
	u32 i, prev;

	spin_lock_irq(&gt->lock);
	i = q->faults.head;
	if (i == XPF_NONE) {
		xpf_queue_rest(q);
		goto out;
	}
	q->faults.head = gt->pool[i].next;
	xpf_list_push(gt, &batch, i);

	prev = XPF_NONE;
	for (i = q->faults.head; i != XPF_NONE && READ_ONCE(coalesce) &&
				 taken < XPF_BATCH && looked < COALESCE_DEPTH;
	     looked++) {
		u32 next = gt->pool[i].next;

		if (!xpf_alike(&gt->pool[i], &gt->pool[batch.head])) {
			prev = i;
		} else {
			if (prev == XPF_NONE)
				q->faults.head = next;
			else
				gt->pool[prev].next = next;
			if (next == XPF_NONE)
				q->faults.tail = prev;
			xpf_list_push(gt, &batch, i);
			taken++;
		}
		i = next;
	}
	gt->stats.coalesced += taken - 1;
out:
	spin_unlock_irq(&gt->lock);
	return batch.head;
}

/* The last of a list of faults that no queue has, and their number. */
static u32 xpf_last(const struct xpf_gt *gt, u32 i, u32 *n)
{
	for (*n = 1; gt->pool[i].next != XPF_NONE; i = gt->pool[i].next)
		++*n;
	return i;
}

/**
 * xpf_queue_untake - put faults back to the front of their queue
 * @q: queue
 * @first: from xpf_queue_take()
 */
void xpf_queue_untake(struct xpf_queue *q, u32 first)
{
	struct xpf_gt *gt = q->gt;
	u32 n, last = xpf_last(gt, first, &n);

	spin_lock_irq(&gt->lock);
	gt->pool[last].next = q->faults.head;
	if (q->faults.head == XPF_NONE)
		q->faults.tail = last;
	q->faults.head = first;
	gt->stats.coalesced -= n - 1;
	spin_unlock_irq(&gt->lock);
}

/**
 * xpf_queue_free - return answered faults to the pool
 * @gt: GT
 * @first: from xpf_queue_take()
 */
void xpf_queue_free(struct xpf_gt *gt, u32 first)
{
	u32 n, last = xpf_last(gt, first, &n);

	spin_lock_irq(&gt->lock);
	gt->pool[last].next = gt->free;
	gt->free = first;
	gt->stats.queued -= n;
	spin_unlock_irq(&gt->lock);
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
