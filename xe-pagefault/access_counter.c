// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: access counters
 *
 * The GuC tells by ACCESS_COUNTER_NOTIFY that a range is touched often, and xe
 * moves the BO there to where its GPU accesses it best. Nobody waits for that:
 * there is no reply, and what does not fit into the ring is dropped. Stock never
 * arms the counters; who does is user space that writes them into its context.
 *
 * 6.12 has a handler for the message. Newer kernels call it unexpected; there it
 * is taken out of the stream where every G2H message passes, g2h_read().
 * dequeue_one_g2h() then sees in its place one that stock ignores, and with
 * which no credit is released either.
 */

#include <linux/rcupdate.h>
#include <linux/rwsem.h>

#include "../attach/attach.h"
#include "pagefault.h"
#include "stock.h"
#include "trace.h"

static void count_malformed(struct xpf_gt *gt, enum decode_result what)
{
	unsigned long flags;

	spin_lock_irqsave(&gt->lock, flags);
	gt->stats.malformed++;
	spin_unlock_irqrestore(&gt->lock, flags);
	xpf_tell(gt, err, "access-counter notification ignored: %s\n",
		 decode_error(what));
}

static void count_put(struct xpf_gt *gt, const u32 *msg)
{
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&gt->lock, flags);
	room = gt->counts_used < XPF_COUNTS;
	if (room) {
		memcpy(gt->counts[gt->counts_head], msg, sizeof(gt->counts[0]));
		gt->counts_head = (gt->counts_head + 1) % XPF_COUNTS;
		gt->counts_used++;
		gt->stats.counts++;
	} else {
		gt->stats.counts_dropped++;
	}
	spin_unlock_irqrestore(&gt->lock, flags);
	if (room)
		queue_work(gt->wq, &gt->counts_work);
}

/* Any context. Returns false if the GT is not ours. */
static bool take(const struct xe_gt *stock, const u32 *msg, u32 len)
{
	struct xpf_gt *gt;

	rcu_read_lock();
	gt = xpf_gt_find(stock);
	if (gt) {
		if (len == ACC_DWORDS)
			count_put(gt, msg);
		else
			count_malformed(gt, DECODE_LENGTH);
	}
	rcu_read_unlock();
	return gt;
}

#ifdef HAVE_HOOK_G2H_READ
OUTRIGGER_STOCK_BODY(xe, g2h_read);

/* The HXG header: abi/guc_messages_abi.h of xe */
#define HXG_TYPE GUC_BITS(30, 28)
#define HXG_TYPE_EVENT 1
#define HXG_ACTION GUC_BITS(15, 0)

/**
 * xpf_g2h_read - read the next G2H message
 * @ct: channel
 * @msg: for the message, its CT header first
 * @fast_path: only what is urgent, which access counters are not
 *
 * Stands in for g2h_read(), whose body does the work. Called under
 * ct->fast_lock with interrupts off.
 *
 * Return: length of the message in dwords, 0 or a negative errno.
 */
int xpf_g2h_read(struct xe_guc_ct *ct, u32 *msg, bool fast_path)
{
	int len = stock_g2h_read(ct, msg, fast_path);

	if (!fast_path && len >= 2 &&
	    GUC_GET(HXG_TYPE, msg[1]) == HXG_TYPE_EVENT &&
	    GUC_GET(HXG_ACTION, msg[1]) ==
		    XE_GUC_ACTION_ACCESS_COUNTER_NOTIFY &&
	    take(ct_to_gt(ct), msg + 2, len - 2))
		msg[1] = (msg[1] & ~HXG_ACTION) |
			 XE_GUC_ACTION_NOTIFY_FLUSH_LOG_BUFFER_TO_FILE;
	return len;
}
#else
OUTRIGGER_STOCK_BODY(xe, xe_guc_access_counter_notify_handler);

/**
 * xpf_access_counter_handler - G2H ACCESS_COUNTER_NOTIFY
 * @guc: whose it is
 * @msg: payload
 * @len: its length in dwords
 *
 * Stands in for xe_guc_access_counter_notify_handler(). Called in process
 * context under ct->lock.
 *
 * Return: 0, as xpf_pagefault_handler().
 */
int xpf_access_counter_handler(struct xe_guc *guc, u32 *msg, u32 len)
{
	if (take(guc_to_gt(guc), msg, len))
		return 0;
	return stock_xe_guc_access_counter_notify_handler(guc, msg, len);
}
#endif

/* Returns 1 if something moved, 0 if there was no need, or an error. */
static int serve(struct xpf_gt *gt, const struct access_count *ac,
		 enum xpf_cause *cause)
{
	struct xe_vm *vm = xpf_vm_get(gt_to_xe(gt->stock), ac->asid, cause);
	struct xe_vma *vma = NULL;
	int ret = 0;

	if (!vm)
		return -EINVAL;

	down_read(&vm->lock);
	if (vm->size)
		vma = xe_vm_find_overlapping_vma(vm, access_count_addr(ac),
						 SZ_4K);
	if (!vma) {
		*cause = vm->size ? XPF_NO_VMA : XPF_VM_CLOSED;
		ret = -EINVAL;
	} else if (vma_to_bo(vma)) {
		/* There is nothing else that could be moved. */
		stock_trace_xe_vma_acc(vma);
		*cause = XPF_MEMORY;
		ret = xpf_port.migrate(gt->stock, vma);
		/* It may not be in VRAM, or not move now: so be it. */
		if (ret == -EINVAL || ret == -EBUSY)
			ret = 0;
	}
	up_read(&vm->lock);

	xpf_vm_put(vm);
	return ret;
}

static void serve_message(struct xpf_gt *gt, const u32 *msg)
{
	enum xpf_cause cause = XPF_MALFORMED;
	struct access_count ac;
	enum decode_result bad;
	int ret;

	bad = access_count_decode(msg, ACC_DWORDS, &ac);
	if (bad) {
		count_malformed(gt, bad);
		return;
	}

	ret = ac.notify ? 0 : serve(gt, &ac, &cause);
	trace_xpf_count(gt, &ac, ret);
	if (ret < 0)
		xpf_tell(
			gt, info,
			"hot range at 0x%llx of ASID %u not migrated: %s (%d)\n",
			access_count_addr(&ac), ac.asid, xpf_cause_name(cause),
			ret);

	spin_lock_irq(&gt->lock);
	gt->stats.counts_refused += ret < 0;
	gt->stats.counts_migrated += ret > 0;
	gt->stats.counts_ignored += !ret;
	spin_unlock_irq(&gt->lock);
}

/**
 * xpf_count_work - serve the access-counter notifications of a GT
 * @work: xpf_gt.counts_work
 *
 * A device that sleeps is not woken for them: nothing is hot there any more.
 */
void xpf_count_work(struct work_struct *work)
{
	struct xpf_gt *gt = container_of(work, struct xpf_gt, counts_work);
	struct xe_device *xe = gt_to_xe(gt->stock);
	unsigned int left = XPF_COUNTS;
	bool awake = xe_pm_runtime_get_if_active(xe);

	while (left--) {
		u32 msg[ACC_DWORDS];
		unsigned int used;

		spin_lock_irq(&gt->lock);
		used = gt->counts_used;
		if (used) {
			gt->stats.counts_ignored += !awake;
			memcpy(msg,
			       gt->counts[(gt->counts_head - used) % XPF_COUNTS],
			       sizeof(msg));
			gt->counts_used--;
		}
		spin_unlock_irq(&gt->lock);
		if (!used)
			break;
		if (awake)
			serve_message(gt, msg);
	}
	if (READ_ONCE(gt->counts_used))
		queue_work(gt->wq, work);
	if (awake)
		xe_pm_runtime_put(xe);
}
