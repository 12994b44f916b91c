// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: access counters
 *
 * ACCESS_COUNTER_NOTIFY reports that the GPU often accesses a range. In response,
 * xe moves the BO in that range to the memory that the GPU accesses best. Nothing
 * waits for this: there is no reply, and a notification that does not fit into the
 * ring is dropped. The stock driver never arms the counters; user space can do so by
 * writing them into its context.
 */

#include <linux/rwsem.h>

#include "pagefault.h"
#include "stock.h"
#include "trace.h"

static void xpf_ignore(struct xpf_gt *gt, enum decode_result what)
{
	xpf_count_malformed(gt);
	xpf_tell(gt, err, "access-counter notification ignored: %s\n",
		 decode_error(what));
}

/**
 * xpf_access_counter_put - queue an access-counter notification
 * @gt: GT that sent it
 * @msg: payload of ACCESS_COUNTER_NOTIFY
 * @len: its length in dwords
 *
 * Any context.
 */
void xpf_access_counter_put(struct xpf_gt *gt, const u32 *msg, u32 len)
{
	unsigned long flags;
	bool room;

	if (len != ACC_DWORDS) {
		xpf_ignore(gt, DECODE_LENGTH);
		return;
	}

	spin_lock_irqsave(&gt->lock, flags);
	room = gt->acc_used < XPF_ACCESS_COUNTERS;
	if (room) {
		memcpy(gt->acc[gt->acc_head], msg, sizeof(gt->acc[0]));
		gt->acc_head = (gt->acc_head + 1) % XPF_ACCESS_COUNTERS;
		gt->acc_used++;
		gt->stats.acc++;
	} else {
		gt->stats.acc_dropped++;
	}
	spin_unlock_irqrestore(&gt->lock, flags);
	if (room)
		queue_work(gt->wq, &gt->acc_work);
}

/* Returns 1 if a BO moved, 0 if there was no need, or an error with *why set. */
static int xpf_access_counter_serve(struct xpf_gt *gt,
				    const struct access_counter *ac,
				    enum xpf_verdict *why)
{
	struct xe_vm *vm = xpf_vm_get(gt_to_xe(gt->stock), ac->asid, why);
	struct xe_vma *vma = NULL;
	int ret = 0;

	if (!vm)
		return -EINVAL;

	down_read(&vm->lock);
	if (vm->size)
		vma = xe_vm_find_overlapping_vma(vm, access_counter_addr(ac),
						 SZ_4K);
	if (!vma) {
		*why = vm->size ? XPF_NO_VMA : XPF_VM_CLOSED;
		ret = -EINVAL;
	} else if (vma_to_bo(vma)) {
		/* Only BOs can be moved. */
		stock_trace_xe_vma_acc(vma);
		*why = XPF_MEMORY;
		ret = xpf_port.migrate(gt->stock, vma);
		/* The BO may not be in VRAM, or can't be moved now. */
		if (ret == -EINVAL || ret == -EBUSY)
			ret = 0;
	}
	up_read(&vm->lock);

	xpf_vm_put(vm);
	return ret;
}

static void xpf_access_counter_handle(struct xpf_gt *gt, const u32 *msg)
{
	enum xpf_verdict why = XPF_MALFORMED;
	struct access_counter ac;
	enum decode_result bad;
	int ret;

	bad = access_counter_decode(msg, ACC_DWORDS, &ac);
	if (bad) {
		xpf_ignore(gt, bad);
		return;
	}

	ret = ac.notify ? 0 : xpf_access_counter_serve(gt, &ac, &why);
	trace_xpf_count(gt, &ac, ret);
	if (ret < 0)
		xpf_tell(
			gt, info,
			"hot range at 0x%llx of ASID %u not migrated: %s (%d)\n",
			access_counter_addr(&ac), ac.asid,
			xpf_verdict_name(why), ret);

	spin_lock_irq(&gt->lock);
	gt->stats.acc_refused += ret < 0;
	gt->stats.acc_migrated += ret > 0;
	gt->stats.acc_ignored += !ret;
	spin_unlock_irq(&gt->lock);
}

/**
 * xpf_access_counter_work - serve the notifications in the ring of a GT
 * @work: xpf_gt.acc_work
 *
 * A suspended device is not woken for them: nothing accesses its ranges any more.
 */
void xpf_access_counter_work(struct work_struct *work)
{
	struct xpf_gt *gt = container_of(work, struct xpf_gt, acc_work);
	struct xe_device *xe = gt_to_xe(gt->stock);
	unsigned int left = XPF_ACCESS_COUNTERS;
	bool awake = xe_pm_runtime_get_if_active(xe);

	while (left--) {
		u32 msg[ACC_DWORDS];
		unsigned int used;

		spin_lock_irq(&gt->lock);
		used = gt->acc_used;
		if (used) {
			gt->stats.acc_ignored += !awake;
			memcpy(msg,
			       gt->acc[(gt->acc_head - used) %
				       XPF_ACCESS_COUNTERS],
			       sizeof(msg));
			gt->acc_used--;
		}
		spin_unlock_irq(&gt->lock);
		if (!used)
			break;
		if (awake)
			xpf_access_counter_handle(gt, msg);
	}
	if (READ_ONCE(gt->acc_used))
		queue_work(gt->wq, work);
	if (awake)
		xe_pm_runtime_put(xe);
}
