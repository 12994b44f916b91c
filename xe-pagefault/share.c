// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the share of each process
 *
 * A worker sleeps while it waits for memory: for a page to be read from a file, for
 * example, which with FUSE can take as long as the owner of the file likes. So there
 * may be many services at the same time, but only some for each process: the process
 * that opened the device. The queues of a process that has its share are parked,
 * without a worker, until one of its queues has had its turn.
 */

#include <linux/container_of.h>
#include <linux/ctype.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "pagefault.h"

static unsigned int per_process = 16;
module_param(per_process, uint, 0644);
MODULE_PARM_DESC(
	per_process,
	"services that a process may have under way on a GT (default 16)");

/* How often parked queues get a worker, in case their VM has been closed. */
#define PARKED_POLL (HZ / 10)

/* How often to look, and to log, what the end of the services waits for. */
#define WAIT_POLL_MS 20
#define WAIT_LOG (10 * HZ)

/* Called with gt->lock held. Only as many contexts can wait as the GPU has engines. */
static bool xpf_is_full(const struct xpf_gt *gt, pid_t pid)
{
	unsigned int most = max(READ_ONCE(per_process), 1U), n = 0;
	const struct xpf_queue *q;

	list_for_each_entry(q, &gt->serving, link)
		if (q->owner.pid == pid && ++n >= most)
			return true;
	return false;
}

/* Called with gt->lock held. */
static struct xpf_queue *xpf_first_parked(struct xpf_gt *gt, pid_t pid)
{
	struct xpf_queue *q;

	list_for_each_entry(q, &gt->parked, link)
		if (q->owner.pid == pid)
			return q;
	return NULL;
}

/*
 * Give a queue its part of the share. The time for which it was parked does not count
 * against the patience with its faults. Called with gt->lock held.
 */
static void xpf_admit(struct xpf_queue *q)
{
	if (q->until && !list_empty(&q->link))
		q->until = (q->until + (jiffies - q->since)) | 1;
	q->serving = true;
	q->since = jiffies;
	list_move_tail(&q->link, &q->gt->serving);
}

/*
 * Let parked queues of a process go on while it has less than its share. They get their
 * part of the share here, not when they run, and pass it on whatever becomes of their
 * faults: so there is no parked queue without another that will come here.
 */
static void xpf_unpark(struct xpf_gt *gt, pid_t pid)
{
	struct xpf_queue *q;

	do {
		spin_lock_irq(&gt->lock);
		q = xpf_is_full(gt, pid) ? NULL : xpf_first_parked(gt, pid);
		if (q)
			xpf_admit(q);
		spin_unlock_irq(&gt->lock);
		if (q)
			queue_work(gt->wq, &q->work);
	} while (q);
}

/*
 * Copy the name of the process, which is freed with the VM. As long as a queue serves the
 * same address space of the same process, it is copied once. Called with gt->lock held.
 */
static void xpf_name_owner(struct xpf_queue *q, const struct xe_file *file)
{
	char *c;

	q->named_asid = q->asid;
	q->named_pid = q->owner.pid;
	strscpy(q->owner.comm,
		file && file->process_name ? file->process_name : "?",
		sizeof(q->owner.comm));
	/* A name may have a newline, which would end a line of the table in debugfs. */
	for (c = q->owner.comm; *c; c++)
		if (iscntrl(*c))
			*c = '?';
}

/*
 * A fault of a closed VM is refused, which needs no share; but nothing tells when a VM is
 * closed. So let the workers of all parked queues look. Without the lock, an idle queue
 * may be taken for a parked one: its worker then finds nothing.
 */
static void xpf_look_at_parked(struct work_struct *work)
{
	struct xpf_gt *gt = container_of(work, struct xpf_gt, parked_work.work);
	struct xpf_queue *q;
	bool any = false;

	for (q = gt->queues; q < gt->queues + XPF_QUEUES; q++) {
		if (list_empty_careful(&q->link) || READ_ONCE(q->serving))
			continue;
		queue_work(gt->wq, &q->work);
		any = true;
	}
	if (any)
		queue_delayed_work(gt->wq, &gt->parked_work, PARKED_POLL);
}

/**
 * xpf_share_init - set up a GT before its first fault
 * @gt: GT
 */
void xpf_share_init(struct xpf_gt *gt)
{
	INIT_DELAYED_WORK(&gt->parked_work, xpf_look_at_parked);
}

/**
 * xpf_share_begin - begin a service
 * @q: queue of the fault
 * @vm: VM of the fault
 * @addr: address of the fault
 *
 * Called by the worker of the queue, without locks. The file of the VM keeps the name
 * and the PID of its process, which may have ended.
 *
 * Return: true if the fault may be served. False if the process already has its share:
 * the queue is parked, and the worker returns the fault to it and ends.
 */
bool xpf_share_begin(struct xpf_queue *q, const struct xe_vm *vm, u64 addr)
{
	const struct xe_file *file = vm->xef;
	pid_t pid = file ? file->pid : 0;
	struct xpf_gt *gt = q->gt;
	bool serving;

	/*
	 * The ASID has been used again, by another process. This worker alone puts the queue
	 * on a list and takes it off; others only move it.
	 */
	if (q->owner.pid != pid && !list_empty(&q->link))
		xpf_share_end(q);

	spin_lock_irq(&gt->lock);
	q->addr = addr;
	if (q->serving) { /* and its owner is known */
		q->since = jiffies;
		goto out;
	}

	q->owner.pid = pid;
	if (q->named_asid != q->asid || q->named_pid != pid)
		xpf_name_owner(q, file);
	if (!xpf_is_full(gt, pid)) {
		xpf_admit(q);
	} else if (list_empty(&q->link)) {
		gt->stats.parked++;
		q->since = jiffies;
		list_add_tail(&q->link, &gt->parked);
	}
out:
	serving = q->serving;
	spin_unlock_irq(&gt->lock);
	if (!serving)
		queue_delayed_work(gt->wq, &gt->parked_work, PARKED_POLL);
	return serving;
}

/**
 * xpf_share_end - end the services of a queue for now
 * @q: the queue
 *
 * Called by its worker, without locks, unless it ends because the queue is parked. Then
 * it is the turn of the parked queue of the process that has waited longest.
 */
void xpf_share_end(struct xpf_queue *q)
{
	pid_t pid = q->owner.pid;
	struct xpf_gt *gt = q->gt;
	bool unpark;

	spin_lock_irq(&gt->lock);
	unpark = q->serving && !list_empty(&gt->parked);
	q->serving = false;
	q->owner.pid = 0;
	list_del_init(&q->link);
	spin_unlock_irq(&gt->lock);
	if (unpark)
		xpf_unpark(gt, pid);
}

/* Name the service that has been under way for longest, unless that is not long. */
static void xpf_log_oldest(struct xpf_gt *gt)
{
	struct xpf_queue *q, *oldest = NULL;
	struct xpf_owner owner = {};
	unsigned long since = 0;
	u64 addr = 0;
	u32 asid = 0;

	spin_lock_irq(&gt->lock);
	list_for_each_entry(q, &gt->serving, link)
		if (!oldest || time_before(q->since, oldest->since))
			oldest = q;
	if (oldest) {
		owner = oldest->owner;
		since = oldest->since;
		addr = oldest->addr;
		asid = oldest->asid;
	}
	spin_unlock_irq(&gt->lock);

	if (oldest && time_after(jiffies, since + WAIT_LOG))
		dev_warn(
			gt->drm->dev,
			"GT%u: waiting for a page fault of %s[%d], ASID %u address 0x%llx: its memory has not been available for %u s; whatever provides it, such as a FUSE server, must answer or end\n",
			gt->id, owner.comm, owner.pid, asid, addr,
			jiffies_to_msecs(jiffies - since) / 1000);
}

/**
 * xpf_share_wait - wait until every fault is answered, and log what that waits for
 * @gt: GT that receives no more faults
 *
 * Process context. Nothing can be done but wait: a worker that waits for a page can't be
 * interrupted.
 */
void xpf_share_wait(struct xpf_gt *gt)
{
	unsigned long log = jiffies + WAIT_LOG;

	while (READ_ONCE(gt->stats.queued)) {
		if (time_after(jiffies, log)) {
			log = jiffies + WAIT_LOG;
			xpf_log_oldest(gt);
		}
		msleep(WAIT_POLL_MS);
	}
	cancel_delayed_work_sync(&gt->parked_work);
}
