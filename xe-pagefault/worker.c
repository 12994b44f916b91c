// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the workers
 *
 * A worker takes faults from a queue, has them served, answers them and returns
 * them to the pool, until the queue is empty or its time slice is over.
 */

#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/workqueue.h>

#include "pagefault.h"
#include "stock.h"
#include "trace.h"

static unsigned int time_slice = 20;
module_param(time_slice, uint, 0644);
MODULE_PARM_DESC(
	time_slice,
	"ms for which one queue is served before the next gets its turn (default 20)");

static enum xpf_verdict xpf_judge(struct xpf_gt *gt, const struct xpf_fault *f)
{
	enum xpf_verdict why = XPF_BIND; /* by default, the last step */
	enum xpf_verdict verdict;
	int err;

	/* Skip faults reported by a GuC that has since been reset. */
	if (f->generation != READ_ONCE(gt->generation))
		return XPF_NO_REPLY;

	err = xpf_service(gt, &f->pf, &why);
	verdict = err ? why : XPF_SERVED;
	trace_xpf_service(gt, &f->pf, verdict, err);
	if (err)
		xpf_refuse(gt, &f->pf, verdict, err);
	return verdict;
}

/* Is the time slice over while faults are left in the queue? */
static bool xpf_slice_over(struct xpf_queue *q, unsigned long end)
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

/* If faults are left after the time slice, the queue goes to the end of the line. */
static void xpf_worker(struct work_struct *work)
{
	struct xpf_queue *q = container_of(work, struct xpf_queue, work);
	struct xpf_gt *gt = q->gt;
	struct xe_device *xe = gt_to_xe(gt->stock);
	unsigned long end = jiffies + msecs_to_jiffies(READ_ONCE(time_slice));
	u32 i;

	/* A VM keeps the device awake, but a fault may outlive its VM. */
	xe_pm_runtime_get(xe);
	while ((i = xpf_queue_take(q)) != XPF_NONE) {
		xpf_reply(gt, i, xpf_judge(gt, &gt->pool[i]));
		xpf_queue_free(gt, i);

		if (xpf_slice_over(q, end)) {
			queue_work(gt->wq, work);
			break;
		}
	}
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
