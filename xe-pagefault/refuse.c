// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: refused faults
 *
 * A refused fault is remembered for debugfs, reported to the stock driver if it
 * records such faults for user space, logged, and announced by a uevent.
 */

#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/timekeeping.h>

#include "pagefault.h"

/* The process that created the VM of a fault that has just been served or refused. */
static struct xpf_owner xpf_owner_of(const struct xpf_queue *q,
				     const struct pagefault *pf)
{
	struct xpf_owner owner = { .comm = "unknown" };

	spin_lock_irq(&q->gt->lock);
	if (q->asid == pf->asid && q->owner.pid)
		owner = q->owner;
	spin_unlock_irq(&q->gt->lock);
	return owner;
}

/* Where a fault is in relation to the nearest VMA, for the log. */
static void xpf_describe_near(char *text, size_t size,
			      const struct xpf_refused *f)
{
	const struct xpf_near *near = &f->near;
	u64 addr = f->pf.addr;

	if (!near->kind)
		*text = '\0';
	else if (addr < near->start)
		snprintf(text, size, "; 0x%llx below %s 0x%llx-0x%llx",
			 near->start - addr, near->kind, near->start,
			 near->end - 1);
	else if (addr >= near->end)
		snprintf(text, size, "; 0x%llx above %s 0x%llx-0x%llx",
			 addr - near->end + 1, near->kind, near->start,
			 near->end - 1);
	else
		snprintf(text, size, "; in %s 0x%llx-0x%llx", near->kind,
			 near->start, near->end - 1);
}

/**
 * xpf_refuse - remember and report a refused fault
 * @q: queue of the fault
 * @pf: the fault
 * @verdict: the cause
 * @err: errno
 *
 * Called in a worker, without locks. The caller sends the reply.
 */
void xpf_refuse(struct xpf_queue *q, const struct pagefault *pf,
		enum xpf_verdict verdict, int err)
{
	struct xpf_refused f = {
		.when = ktime_get_mono_fast_ns(),
		.pf = *pf,
		.owner = xpf_owner_of(q, pf),
		.near = q->near,
		.verdict = verdict,
		.err = err,
	};
	struct xpf_gt *gt = q->gt;
	char near[80];

	spin_lock_irq(&gt->lock);
	gt->refused[gt->nr_refused++ % XPF_REFUSED] = f;
	spin_unlock_irq(&gt->lock);

	if (xpf_port.refused)
		xpf_port.refused(gt->stock, pf);

	/* A refused prefetch does no harm: do not log it. */
	if (pf->prefetch)
		return;
	xpf_describe_near(near, sizeof(near), &f);
	xpf_tell(
		gt, info,
		"page fault refused, %s[%d] ASID %u address 0x%llx: %s (%d)%s; %s, %s, level %u, engine class %u instance %u\n",
		f.owner.comm, f.owner.pid, pf->asid, pf->addr,
		xpf_verdict_name(verdict), err, near, xpf_accesses[pf->access],
		xpf_types[pf->type], pf->level, pf->engine_class,
		pf->engine_instance);
}

/**
 * xpf_announce - tell user space that a fault was refused
 * @q: queue of the fault
 * @pf: the fault, which has been answered
 * @verdict: the cause
 *
 * A uevent of this module: the directory of a GT is no device, so one of the GT would be
 * dropped. Any user can read uevents: so the address is left out, which may be a pointer
 * of the process. Called in the queue's worker, without locks.
 */
void xpf_announce(struct xpf_queue *q, const struct pagefault *pf,
		  enum xpf_verdict verdict)
{
	struct xpf_gt *gt = q->gt;
	char text[5][48];
	char *env[7] = { "PAGE_FAULT=refused",
			 text[0],
			 text[1],
			 text[2],
			 text[3],
			 text[4],
			 NULL };

	if (pf->prefetch || !__ratelimit(&gt->uevent_limit))
		return;
	snprintf(text[0], sizeof(*text), "DEVICE=%s", dev_name(gt->drm->dev));
	snprintf(text[1], sizeof(*text), "GT=%u", gt->id);
	snprintf(text[2], sizeof(*text), "ASID=%u", pf->asid);
	snprintf(text[3], sizeof(*text), "PID=%d", xpf_owner_of(q, pf).pid);
	snprintf(text[4], sizeof(*text), "CAUSE=%s", xpf_verdict_name(verdict));
	kobject_uevent_env(&THIS_MODULE->mkobj.kobj, KOBJ_CHANGE, env);
}
