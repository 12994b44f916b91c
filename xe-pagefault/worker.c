// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the workers
 *
 * A worker takes faults from a queue, has them served, answers them and returns
 * them to the pool, until the queue is empty or its turn is over. While memory changes
 * or is short, it tries again after a pause, with no lock held.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "pagefault.h"
#include "stock.h"
#include "trace.h"

static unsigned int time_slice = 20;
module_param(time_slice, uint, 0644);
MODULE_PARM_DESC(
	time_slice,
	"ms for which one queue is served before the next gets its turn (default 20)");

static unsigned int patience = 3000;
module_param(patience, uint, 0644);
MODULE_PARM_DESC(
	patience,
	"ms for which a fault is tried again while its memory changes or is short (default 3000)");

/*
 * Faults that a queue answers in a turn, if others wait: a few full batches, so that the
 * way through the workqueue costs each of them little.
 */
#define FAULTS_PER_TURN (4 * XPF_BATCH)

/* Pauses before a service is tried again that found no memory, or changed memory. */
#define MEMORY_DELAY_US (20 * USEC_PER_MSEC)
#define CHANGE_DELAY_US USEC_PER_MSEC

/* Poll interval and limit while the CT is down. */
#define CT_POLL_MS 20
#define CT_GIVE_UP (10 * HZ)

/*
 * While the CT is down, no reply can leave, so nothing is served. If it comes up with the
 * same GuC (of a VF that has migrated), the faults still wait for replies; if with another
 * one, they are dropped. So they are if the CT stays down: the device is wedged, or stock
 * failed to start it. A fault that is being served when the CT goes down of a VF that
 * migrates is lost, as it is with stock, which ignores that its reply can't leave.
 */
static void xpf_wait_for_ct(struct xpf_queue *q)
{
	unsigned long end = jiffies + CT_GIVE_UP;
	struct xpf_gt *gt = q->gt;

	while (READ_ONCE(q->faults.head) != XPF_NONE && !xpf_ct_is_up(gt)) {
		if (xe_device_wedged(gt_to_xe(gt->stock)) ||
		    time_after(jiffies, end)) {
			xpf_give_up_ct(gt);
			return;
		}
		msleep(CT_POLL_MS);
		q->until = 0; /* this is not the fault of the memory */
		q->mark = ktime_get_ns();
	}
}

/* May another attempt succeed? */
static bool xpf_is_passing(int err, enum xpf_verdict why)
{
	return err == -EAGAIN ||
	       (err == -ENOMEM && (xpf_port.retry_memory ||
				   why == XPF_USERPTR || why == XPF_SVM));
}

/*
 * Is the oldest fault worth another turn? If patience has run out, the next faults of the
 * queue get one turn each, until one is served. The pause lets others lock the VM.
 *
 * The first attempt counts, unless it took longer than memory that changes can make it take
 * (a second; see xpf_repin()): stock waits 5 s for a context to leave its engine, which it
 * does when its faults are answered.
 */
static bool xpf_try_again(struct xpf_queue *q, int err, enum xpf_verdict why)
{
	unsigned long held =
		min_t(unsigned long, nsecs_to_jiffies(q->held), HZ);

	if (!xpf_is_passing(err, why))
		return false;
	if (!q->until)
		q->until = (jiffies - held +
			    msecs_to_jiffies(READ_ONCE(patience))) |
			   1;
	if (time_after(jiffies, q->until))
		return false;

	fsleep(err == -ENOMEM ? MEMORY_DELAY_US : CHANGE_DELAY_US);
	xpf_stage(q, XPF_PAGES);
	xpf_count_retry(q->gt);
	return true;
}

static enum xpf_verdict xpf_judge(struct xpf_queue *q,
				  const struct xpf_fault *f)
{
	struct xpf_gt *gt = q->gt;
	enum xpf_verdict why = XPF_BIND; /* by default, the last step */
	enum xpf_verdict verdict;
	int err;

	/* Skip faults reported by a GuC that has since been reset. */
	if (f->generation != READ_ONCE(gt->generation))
		return XPF_NO_REPLY;

	/* The fault that was tried last has been answered, or dropped at a reset. */
	if (q->tried != f->number) {
		q->tried = f->number;
		q->again = false;
		q->moved = false;
	}
	err = xpf_service(q, &f->pf, &why);
	if (why == XPF_PARKED)
		return XPF_PARKED;
	q->again = true;
	if (xpf_try_again(q, err, why))
		return XPF_AGAIN;
	if (!err)
		q->until = 0;
	verdict = err ? why : XPF_SERVED;
	trace_xpf_service(gt, &f->pf, verdict, err);
	if (err)
		xpf_refuse(q, &f->pf, verdict, err);
	return verdict;
}

/*
 * Is the turn over while faults are left in the queue? It is after so many faults if any
 * wait in other queues, and after the time slice in any case.
 */
static bool xpf_turn_over(struct xpf_queue *q, unsigned long end)
{
	bool late = time_after(jiffies, end);
	struct xpf_gt *gt = q->gt;
	bool over = false;

	if (q->taken < FAULTS_PER_TURN && !late)
		return false;
	q->taken = 0;
	spin_lock_irq(&gt->lock);
	if (q->faults.head != XPF_NONE) {
		u64 own = q->received - gt->pool[q->faults.head].number;

		over = late || gt->waiting > own;
		gt->stats.turns += over;
	}
	spin_unlock_irq(&gt->lock);
	return over;
}

static u32 xpf_next(struct xpf_queue *q, bool *cured)
{
	xpf_wait_for_ct(q);
	return xpf_queue_take(q, cured);
}

/*
 * If faults are left after its turn, the queue goes to the end of the line. If it is
 * parked, share.c queues it again, perhaps while this still runs.
 */
static void xpf_worker(struct work_struct *work)
{
	struct xpf_queue *q = container_of(work, struct xpf_queue, work);
	struct xpf_gt *gt = q->gt;
	struct xe_device *xe = gt_to_xe(gt->stock);
	unsigned long end = jiffies + msecs_to_jiffies(READ_ONCE(time_slice));
	bool parked = false, cured;
	u32 i;

	/* A VM keeps the device awake, but a fault may outlive its VM. */
	xe_pm_runtime_get(xe);
	q->mark = ktime_get_ns();
	q->taken = 0;
	while ((i = xpf_next(q, &cured)) != XPF_NONE) {
		enum xpf_verdict verdict = cured ? XPF_SERVED :
						   xpf_judge(q, &gt->pool[i]);
		struct pagefault pf = gt->pool[i].pf;

		if (verdict == XPF_AGAIN || verdict == XPF_PARKED) {
			xpf_queue_untake(q, i);
			parked = verdict == XPF_PARKED;
			if (!parked)
				queue_work(gt->wq, work);
			break;
		}
		if (verdict == XPF_SERVED && !cured)
			xpf_queue_join(q, i);
		xpf_reply(q, i, verdict);
		if (xpf_is_refused(verdict))
			xpf_announce(q, &pf, verdict);

		if (xpf_turn_over(q, end)) {
			queue_work(gt->wq, work);
			break;
		}
	}
	if (!parked)
		xpf_share_end(q);
	xe_pm_runtime_put(xe);
}

/**
 * xpf_workers_init - set up the work items of a GT's queues
 * @gt: GT
 */
void xpf_workers_init(struct xpf_gt *gt)
{
	struct xpf_queue *q;

	for (q = gt->queues; q < gt->queues + XPF_QUEUES; q++)
		INIT_WORK(&q->work, xpf_worker);
}
