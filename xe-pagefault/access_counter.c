// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: access counters
 *
 * ACCESS_COUNTER_NOTIFY reports that the GPU often accesses a range, and which of the
 * range's 32 blocks. In response, xe moves the BOs in these blocks to the memory that
 * the GPU accesses best. Nothing waits for this: there is no reply, and a
 * notification that finds no room is dropped. So the worker, of which a GT has one,
 * never waits for the lock of a VM, which a fault may hold for long: it serves the
 * other notifications, and tries again later. The stock driver never arms the
 * counters; user space can do so by writing them into its context.
 */

#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/rwsem.h>

#include "pagefault.h"
#include "stock.h"
#include "trace.h"

/* How often, and for how long, to look whether the lock of a VM is free. */
#define LOCKED_POLL_MS 20
#define LOCKED_GIVE_UP (3 * HZ)

/**
 * xpf_access_counter_put - queue an access-counter notification
 * @gt: GT that sent it
 * @msg: payload of ACCESS_COUNTER_NOTIFY
 * @len: its length in dwords
 *
 * Any context, under ct->lock or ct->fast_lock.
 */
void xpf_access_counter_put(struct xpf_gt *gt, const u32 *msg, u32 len)
{
	enum decode_result bad;
	struct access_counter ac;
	struct xpf_count *c, *late;
	unsigned long flags;

	bad = access_counter_decode(msg, len, &ac);
	if (bad) {
		xpf_count_malformed(gt);
		xpf_tell(gt, err, "access-counter notification ignored: %s\n",
			 decode_error(bad));
		return;
	}

	spin_lock_irqsave(&gt->lock, flags);
	xpf_note_guc_start(gt);
	c = list_first_entry_or_null(&gt->acc_free, struct xpf_count, node);
	if (!c) {
		/* one VM that stays locked must not use up the room of all others */
		list_for_each_entry(late, &gt->acc_waiting, node) {
			if (!late->until)
				continue;
			gt->stats.acc_ignored++;
			c = late;
			break;
		}
	}
	if (c) {
		list_move_tail(&c->node, &gt->acc_waiting);
		c->ac = ac;
		c->from = ac.base;
		c->until = 0;
		c->found = false;
		c->moved = false;
		c->err = 0;
		gt->stats.acc++;
	} else {
		gt->stats.acc_dropped++;
	}
	spin_unlock_irqrestore(&gt->lock, flags);
	if (c)
		mod_delayed_work(gt->wq, &gt->acc_work, 0);
}

static void xpf_acc_fail(struct xpf_count *c, int err, enum xpf_verdict why)
{
	if (c->err)
		return;
	c->err = err;
	c->why = why;
}

/* Serve the next VMA in the blocks from c->from to @end. vm->lock is held. */
static void xpf_acc_step(struct xpf_gt *gt, struct xpf_count *c,
			 struct xe_vm *vm, u64 end)
{
	u64 last = min(end, vm->size);
	struct xe_vma *vma = NULL;
	int ret;

	if (!vm->size)
		xpf_acc_fail(c, -EINVAL, XPF_VM_CLOSED);
	else if (c->from < last)
		vma = xe_vm_find_overlapping_vma(vm, c->from, last - c->from);
	if (!vma) {
		c->from = end;
		return;
	}

	c->found = true;
	c->from = vma->gpuva.va.addr + vma->gpuva.va.range;
	/* Only BOs can be moved. */
	if (!vma_to_bo(vma))
		return;

	stock_trace_xe_vma_acc(vma);
	ret = xpf_port.migrate(gt->stock, vma);
	c->moved |= ret > 0;
	/* The BO may not be in VRAM, or can't be moved now. */
	if (ret < 0 && ret != -EINVAL && ret != -EBUSY)
		xpf_acc_fail(c, ret, XPF_MEMORY);
}

/* Returns false if the VM is locked. Drops the lock after each VMA: faults need it. */
static bool xpf_acc_serve(struct xpf_gt *gt, struct xpf_count *c)
{
	enum xpf_verdict why = XPF_UNKNOWN_ASID;
	bool locked = false;
	struct xe_vm *vm;
	u64 end;

	if (c->ac.notify)
		return true;

	vm = xpf_vm_get(gt_to_xe(gt->stock), c->ac.asid, &why);
	if (!vm) {
		xpf_acc_fail(c, -EINVAL, why);
		return true;
	}
	while (!locked && access_counter_next(&c->ac, &c->from, &end)) {
		locked = !down_read_trylock(&vm->lock);
		if (!locked) {
			xpf_acc_step(gt, c, vm, end);
			up_read(&vm->lock);
		}
	}
	xpf_vm_put(vm);

	if (!locked && !c->found)
		xpf_acc_fail(c, -EINVAL, XPF_NO_VMA);
	return !locked;
}

/* Returns false if it should be tried again. Otherwise the outcome is counted. */
static bool xpf_acc_handle(struct xpf_gt *gt, struct xpf_count *c)
{
	int ret;

	if (!xpf_acc_serve(gt, c)) {
		if (!c->until)
			c->until = (jiffies + LOCKED_GIVE_UP) | 1;
		if (time_before(jiffies, c->until))
			return false;
	}

	ret = c->err ?: c->moved;
	trace_xpf_count(gt, &c->ac, ret);
	if (ret < 0)
		xpf_tell(
			gt, info,
			"hot range at 0x%llx of ASID %u not migrated: %s (%d)\n",
			c->ac.base, c->ac.asid, xpf_verdict_name(c->why), ret);

	spin_lock_irq(&gt->lock);
	gt->stats.acc_refused += ret < 0;
	gt->stats.acc_migrated += ret > 0;
	gt->stats.acc_ignored += !ret;
	spin_unlock_irq(&gt->lock);
	return true;
}

/* A suspended device is not woken: nothing accesses its ranges any more. */
static void xpf_acc_worker(struct work_struct *work)
{
	struct xpf_gt *gt =
		container_of(to_delayed_work(work), struct xpf_gt, acc_work);
	struct xe_device *xe = gt_to_xe(gt->stock);
	bool awake = xe_pm_runtime_get_if_active(xe);
	bool locked = false, more;
	struct xpf_count *c;
	size_t left;

	spin_lock_irq(&gt->lock);
	for (left = list_count_nodes(&gt->acc_waiting); left; left--) {
		c = list_first_entry_or_null(&gt->acc_waiting, struct xpf_count,
					     node);
		if (!c)
			break;
		list_del_init(&c->node);
		gt->stats.acc_ignored += !awake;
		spin_unlock_irq(&gt->lock);
		more = awake && !xpf_acc_handle(gt, c);
		locked |= more;
		spin_lock_irq(&gt->lock);
		list_add_tail(&c->node,
			      more ? &gt->acc_waiting : &gt->acc_free);
	}
	more = !list_empty(&gt->acc_waiting);
	spin_unlock_irq(&gt->lock);

	if (more)
		queue_delayed_work(gt->wq, &gt->acc_work,
				   locked ? msecs_to_jiffies(LOCKED_POLL_MS) :
					    0);
	if (awake)
		xe_pm_runtime_put(xe);
}

/**
 * xpf_access_counters_init - set up the access counters of a GT
 * @gt: GT, zeroed
 */
void xpf_access_counters_init(struct xpf_gt *gt)
{
	struct xpf_count *c;

	INIT_LIST_HEAD(&gt->acc_waiting);
	INIT_LIST_HEAD(&gt->acc_free);
	for (c = gt->acc; c < gt->acc + XPF_ACCESS_COUNTERS; c++)
		list_add_tail(&c->node, &gt->acc_free);
	INIT_DELAYED_WORK(&gt->acc_work, xpf_acc_worker);
}
