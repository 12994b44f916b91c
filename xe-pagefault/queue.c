// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the pool and the queues of a GT
 *
 * A fault waits in one of the 64 queues of its GT, chosen by its ASID. Only one
 * worker at a time serves a queue: the faults of one VM would wait for each other
 * on its lock anyway, and must not take workers from other VMs.
 *
 * All faults come from one pool that is as large as the PDATA space, by which the
 * GuC distinguishes open faults: the pool can't run out unless the GuC uses one
 * PDATA for two open faults. The stock driver sizes its queues by the number of EUs
 * and loses faults that do not fit, which leaves the EU waiting forever.
 */

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
	struct xpf_queue *q = &gt->queues[pf->asid % XPF_QUEUES];
	struct xpf_stats *s = &gt->stats;
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
 * the caller must answer and pass to xpf_queue_free(); or XPF_NONE if the queue is
 * empty.
 */
u32 xpf_queue_take(struct xpf_queue *q)
{
	struct xpf_gt *gt = q->gt;
	struct xpf_list batch = { XPF_NONE };
	unsigned int looked = 0, taken = 1;
	u32 i, prev;

	spin_lock_irq(&gt->lock);
	i = q->faults.head;
	if (i == XPF_NONE)
		goto out;
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

/**
 * xpf_queue_free - return answered faults to the pool
 * @gt: GT
 * @first: from xpf_queue_take()
 */
void xpf_queue_free(struct xpf_gt *gt, u32 first)
{
	u32 last = first, n = 1;

	while (gt->pool[last].next != XPF_NONE) {
		last = gt->pool[last].next;
		n++;
	}

	spin_lock_irq(&gt->lock);
	gt->pool[last].next = gt->free;
	gt->free = first;
	gt->stats.queued -= n;
	spin_unlock_irq(&gt->lock);
}

/**
 * xpf_queues_init - put all faults on the free list and empty all queues
 * @gt: GT, with its pool allocated
 */
void xpf_queues_init(struct xpf_gt *gt)
{
	u32 i;

	for (i = 0; i < PFD_PDATA_SPACE; i++)
		gt->pool[i].next = i + 1;
	gt->pool[i - 1].next = XPF_NONE;
	gt->free = 0;

	for (i = 0; i < XPF_QUEUES; i++) {
		gt->queues[i].gt = gt;
		gt->queues[i].faults.head = XPF_NONE;
	}
}
