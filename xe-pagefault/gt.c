// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the GTs, and the generations of their GuCs
 *
 * The lowest layer: finds the state of a GT, counts the starts of its GuC, and
 * frees the state. Nothing here calls another file of the module.
 */

#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <drm/drm_drv.h>

#include "pagefault.h"

/*
 * The list is changed under the lock and read with RCU. device.c holds the lock
 * until the last fault of a GT is answered, so that unbind waits for it, whichever
 * path started the removal. Lock order: device_lock, xpf_gts_lock.
 */
LIST_HEAD(xpf_gts);
DEFINE_MUTEX(xpf_gts_lock); /* guards xpf_gts */

/**
 * xpf_gt_find - find the state of a GT
 * @stock: the stock driver's GT
 *
 * Any context, in an RCU read-side section or under xpf_gts_lock. A machine has
 * only a few GTs, so a list is fast enough.
 *
 * Return: the state or NULL.
 */
struct xpf_gt *xpf_gt_find(const struct xe_gt *stock)
{
	struct xpf_gt *gt;

	list_for_each_entry_rcu(gt, &xpf_gts, node,
				lockdep_is_held(&xpf_gts_lock))
		if (gt->stock == stock)
			return gt;
	return NULL;
}

/*
 * Empty all queues of a GT, with gt->lock held. There may be 65536 faults, so do not look
 * at each; xpf_ack is not traced for them.
 */
static void xpf_drop_queued(struct xpf_gt *gt)
{
	struct xpf_queue *q;
	unsigned int i;

	if (!gt->waiting)
		return;
	for (i = 0; i < ARRAY_SIZE(gt->busy); i++) {
		hlist_for_each_entry(q, &gt->busy[i], node) {
			if (q->faults.head == XPF_NONE)
				continue;
			gt->pool[q->faults.tail].next = gt->free;
			gt->free = q->faults.head;
			q->faults.head = XPF_NONE;
		}
	}
	gt->stats.stale += gt->waiting;
	gt->stats.queued -= gt->waiting;
	gt->waiting = 0;
}

#define GUC_SEEN 1 /* the mark: any value but 0 */

/**
 * xpf_note_guc_start - begin a new generation if the GuC was started
 * @gt: GT, with gt->lock held
 *
 * No reply can leave to a fault of the previous GuC: those in the queues are dropped.
 *
 * The stock driver sets info.tail of the G2H ring to 0 when it registers the ring
 * with a GuC that has just been started. If this function finds the 0, it writes
 * GUC_SEEN there and begins a new generation. This also detects a start that
 * happened while the module attached or detached.
 *
 * Why this field: the tail of the G2H ring belongs to the GuC, and the stock
 * driver reads it from the descriptor in memory. It uses the copy in info.tail
 * only in (the same in 6.12, 7.2 and 7.3):
 *
 * - guc_ct_ctb_g2h_init(), which sets it to 0 and computes info.space from it
 * - guc_ctb_snapshot_capture() and guc_ctb_snapshot_print(), for debugfs and
 *   coredumps, which show 1 instead of 0
 *
 * Worst race: device.c, or the worker of a fault from before the start, writes
 * the mark between the two steps of guc_ct_ctb_g2h_init(). If the compiler makes that
 * function read the field back, which it has no reason to do, info.space is one
 * dword too small until the next start: the stock driver has one fewer of its
 * 16,383 credits. info.space can't become too large, and nothing underflows. (7.2
 * and later check it at runtime suspend, in kernels with DRM_XE_DEBUG.) If the 0 is
 * written after the mark, the start is counted twice, which makes no fault stale:
 * the GuC reports none in between.
 *
 * The CT is disabled when the stock driver registers the ring, and is enabled
 * under both ct->lock and ct->fast_lock. So a caller that holds one of them and
 * finds the CT enabled sees the generation of the running GuC.
 *
 * Return: the current generation.
 */
u32 xpf_note_guc_start(struct xpf_gt *gt)
{
	u32 *mark = &gt->stock->uc.guc.ct.ctbs.g2h.info.tail;

	lockdep_assert_held(&gt->lock);
	if (!READ_ONCE(*mark)) {
		WRITE_ONCE(*mark, GUC_SEEN);
		gt->stats.guc_starts++;
		gt->stats.acc_ignored += list_count_nodes(&gt->acc_waiting);
		list_splice_init(&gt->acc_waiting, &gt->acc_free);
		gt->generation++;
		xpf_drop_queued(gt);
	}
	return gt->generation;
}

/**
 * xpf_ct_is_up - can replies leave?
 * @gt: GT
 *
 * Any context. The answer may change at once, unless the caller holds ct->lock; but a
 * caller that holds gt->lock and is told that the CT is down knows that no fault of a
 * later GuC is in a queue: the handlers only run while the CT is up.
 */
bool xpf_ct_is_up(const struct xpf_gt *gt)
{
	return READ_ONCE(gt->stock->uc.guc.ct.state) == XE_GUC_CT_STATE_ENABLED;
}

/**
 * xpf_give_up_ct - drop the queued faults, unless the CT is up after all
 * @gt: GT, without gt->lock held
 */
void xpf_give_up_ct(struct xpf_gt *gt)
{
	spin_lock_irq(&gt->lock);
	if (!xpf_ct_is_up(gt))
		xpf_drop_queued(gt);
	spin_unlock_irq(&gt->lock);
}

/**
 * xpf_gt_release - free the state of a GT
 * @gt: state with no references left
 */
void xpf_gt_release(struct xpf_gt *gt)
{
	vfree(gt->pool);
	kvfree(gt->queues);
	kvfree(gt->accounts);
	drm_dev_put(gt->drm);
	kfree(gt);
}
