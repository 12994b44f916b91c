// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: from the G2H message to a worker
 *
 * A fault waits in the queue of its ASID, of which there are 64 per GT. One
 * worker at a time serves a queue, so that the faults of one VM, which would
 * wait for each other on its lock anyway, don't take workers from others.
 *
 * All faults come from one pool that is as large as the space of PDATA, by
 * which the GuC tells open faults apart: it can't run dry while the GuC keeps
 * to that. Stock sizes its queues by the number of EUs and loses what does not
 * fit, which leaves the EU waiting for ever.
 */

#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/rcupdate.h>
#include <linux/timekeeping.h>

#include "../attach/attach.h"
#include "pagefault.h"
#include "stock.h"
#include "trace.h"

OUTRIGGER_STOCK_BODY(xe, xe_guc_pagefault_handler);

static unsigned int time_slice = 20;
module_param(time_slice, uint, 0644);
MODULE_PARM_DESC(
	time_slice,
	"ms that a worker may serve one queue before others get a turn (default 20)");

static bool coalesce = true;
module_param(coalesce, bool, 0644);
MODULE_PARM_DESC(
	coalesce,
	"let faults on the same page that wait together share one service (default Y)");

/* How far behind a fault others like it are looked for, under the lock. */
#define COALESCE_DEPTH 64

static void list_push(struct xpf_gt *gt, struct xpf_list *list, u32 i)
{
	gt->pool[i].next = XPF_NONE;
	if (list->head == XPF_NONE)
		list->head = i;
	else
		gt->pool[list->tail].next = i;
	list->tail = i;
}

/* Returns false if the pool is empty. */
static bool queue_put(struct xpf_gt *gt, const u32 *msg)
{
	struct xpf_queue *q = &gt->queues[pagefault_asid(msg) % XPF_QUEUES];
	struct xpf_stats *s = &gt->stats;
	struct xpf_fault *f;
	unsigned long flags;
	u32 i;

	spin_lock_irqsave(&gt->lock, flags);
	i = gt->free;
	if (i == XPF_NONE) {
		s->dropped++;
		spin_unlock_irqrestore(&gt->lock, flags);
		return false;
	}
	f = &gt->pool[i];
	gt->free = f->next;
	memcpy(f->msg, msg, sizeof(f->msg));
	f->received = ktime_get_ns();
	f->generation = xpf_note_guc_start(gt);
	list_push(gt, &q->faults, i);

	s->received[GUC_GET(PFD_ACCESS, msg[2])]++;
	s->types[GUC_GET(PFD_TYPE, msg[2])]++;
	if (xpf_port.prefetch && (msg[2] & PFD_PREFETCH))
		s->prefetches++;
	s->queued_max = max(s->queued_max, ++s->queued);
	spin_unlock_irqrestore(&gt->lock, flags);

	queue_work(gt->wq, &q->work);
	return true;
}

/**
 * xpf_pagefault_handler - G2H REPORT_PAGE_FAULT_REQ_DESC
 * @guc: whose fault it is
 * @msg: payload
 * @len: its length in dwords
 *
 * Stands in for xe_guc_pagefault_handler(). Called in hard IRQ under
 * ct->fast_lock, or in process context under ct->lock, then also from within a
 * send of our own reply: takes but our own irq-safe lock, sends nothing.
 *
 * Return: 0. What can't be queued is reported here; an error would only make
 * the CT print one more line, and end it on a kernel with DRM_XE_DEBUG.
 */
int xpf_pagefault_handler(struct xe_guc *guc, u32 *msg, u32 len)
{
	struct xpf_gt *gt;
	int ret = 0;

	rcu_read_lock();
	gt = xpf_gt_find(guc_to_gt(guc));
	if (!gt) {
		/* Just probed, or on its way out. */
		xpf_look_around();
		ret = stock_xe_guc_pagefault_handler(guc, msg, len);
	} else if (len != PFD_DWORDS) {
		unsigned long flags;

		spin_lock_irqsave(&gt->lock, flags);
		gt->stats.malformed++;
		spin_unlock_irqrestore(&gt->lock, flags);
		xpf_tell(
			gt, err,
			"page fault with %u dwords instead of %u ignored: the GuC is out of order, reset the GT\n",
			len, PFD_DWORDS);
	} else {
		trace_xpf_fault(gt, msg);
		if (!queue_put(gt, msg))
			xpf_tell(
				gt, err,
				"page fault dropped, ASID %u: %u are open already, more than the GuC can tell apart; reset the GT\n",
				pagefault_asid(msg), PFD_PDATA_SPACE);
	}
	rcu_read_unlock();
	return ret;
}

/* May one service answer both? Engine, PDATA and VFID are the reply's matter. */
static bool alike(const struct xpf_fault *a, const struct xpf_fault *b)
{
	return a->generation == b->generation &&
	       !((a->msg[0] ^ b->msg[0]) & PFD_TRTT) &&
	       !((a->msg[1] ^ b->msg[1]) & PFD_ASID) &&
	       !((a->msg[2] ^ b->msg[2]) &
		 (PFD_ACCESS | PFD_PREFETCH | PFD_ADDR_LO)) &&
	       a->msg[3] == b->msg[3];
}

/*
 * Takes the oldest fault, and others just like it. A fault that was reported
 * before the service begins is made good by it just as the first one is; a
 * verdict is never carried over to a later fault.
 *
 * Returns the first of a list linked by xpf_fault.next, at most XPF_BATCH long,
 * which is the caller's; XPF_NONE if the queue is empty.
 */
static u32 queue_take(struct xpf_queue *q)
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
	list_push(gt, &batch, i);

	prev = XPF_NONE;
	for (i = q->faults.head; i != XPF_NONE && READ_ONCE(coalesce) &&
				 taken < XPF_BATCH && looked < COALESCE_DEPTH;
	     looked++) {
		u32 next = gt->pool[i].next;

		if (!alike(&gt->pool[i], &gt->pool[batch.head])) {
			prev = i;
		} else {
			if (prev == XPF_NONE)
				q->faults.head = next;
			else
				gt->pool[prev].next = next;
			if (next == XPF_NONE)
				q->faults.tail = prev;
			list_push(gt, &batch, i);
			taken++;
		}
		i = next;
	}
	gt->stats.coalesced += taken - 1;
out:
	spin_unlock_irq(&gt->lock);
	return batch.head;
}

static enum xpf_cause serve(struct xpf_gt *gt, const u32 *msg)
{
	enum xpf_cause cause = XPF_MALFORMED;
	struct pagefault pf;
	int err = -EPROTO;

	if (pagefault_decode(msg, PFD_DWORDS, xpf_port.prefetch, &pf) ==
	    DECODE_OK)
		err = xpf_service(gt, &pf, &cause);
	trace_xpf_service(gt, &pf, cause, err);
	if (!err)
		return XPF_OK;
	xpf_fault_failed(gt, &pf, cause, err);
	return cause;
}

/* Is the worker's time up, with something left to do? */
static bool slice_over(struct xpf_queue *q, unsigned long end)
{
	struct xpf_gt *gt = q->gt;
	bool over;

	if (time_before_eq(jiffies, end))
		return false;
	spin_lock_irq(&gt->lock);
	over = q->faults.head != XPF_NONE;
	gt->stats.slices += over;
	spin_unlock_irq(&gt->lock);
	return over;
}

/*
 * Serves one queue, until it is empty or the time slice is over; in that case it
 * is queued again, behind the others.
 */
static void queue_work_fn(struct work_struct *work)
{
	struct xpf_queue *q = container_of(work, struct xpf_queue, work);
	struct xpf_gt *gt = q->gt;
	struct xe_device *xe = gt_to_xe(gt->stock);
	unsigned long end = jiffies + msecs_to_jiffies(READ_ONCE(time_slice));
	u32 i;

	/* A VM keeps the device awake; a fault that outlives its VM does not. */
	xe_pm_runtime_get(xe);
	while ((i = queue_take(q)) != XPF_NONE) {
		/* What a GuC asked that is gone is not worth the work. */
		bool ask = gt->pool[i].generation == READ_ONCE(gt->generation);

		xpf_reply(gt, i, ask ? serve(gt, gt->pool[i].msg) : XPF_OK);

		if (slice_over(q, end)) {
			queue_work(gt->wq, work);
			break;
		}
	}
	xe_pm_runtime_put(xe);
}

/**
 * xpf_queues_init - all faults free, all queues empty
 * @gt: with its pool allocated
 */
void xpf_queues_init(struct xpf_gt *gt)
{
	u32 i;

	for (i = 0; i < PFD_PDATA_SPACE; i++)
		gt->pool[i].next = i + 1;
	gt->pool[i - 1].next = XPF_NONE;
	gt->free = 0;

	for (i = 0; i < XPF_QUEUES; i++) {
		struct xpf_queue *q = &gt->queues[i];

		q->gt = gt;
		q->faults.head = XPF_NONE;
		INIT_WORK(&q->work, queue_work_fn);
	}
}
