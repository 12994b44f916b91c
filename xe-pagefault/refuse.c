// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: refused faults
 *
 * A refused fault is remembered for debugfs, reported to the stock driver if it
 * records such faults for user space, and logged.
 */

#include <linux/timekeeping.h>

#include "pagefault.h"

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
	struct xpf_owner owner = { .comm = "unknown" };
	struct xpf_gt *gt = q->gt;
	struct xpf_refused *f;

	spin_lock_irq(&gt->lock);
	if (q->asid == pf->asid && q->owner.pid)
		owner = q->owner;
	f = &gt->refused[gt->nr_refused++ % XPF_REFUSED];
	f->when = ktime_get_mono_fast_ns();
	f->pf = *pf;
	f->owner = owner;
	f->verdict = verdict;
	f->err = err;
	spin_unlock_irq(&gt->lock);

	if (xpf_port.refused)
		xpf_port.refused(gt->stock, pf);

	/* A refused prefetch does no harm: do not log it. */
	if (pf->prefetch)
		return;
	xpf_tell(
		gt, info,
		"page fault refused, %s[%d] ASID %u address 0x%llx: %s (%d); %s, %s, level %u, engine class %u instance %u\n",
		owner.comm, owner.pid, pf->asid, pf->addr,
		xpf_verdict_name(verdict), err, xpf_accesses[pf->access],
		xpf_types[pf->type], pf->level, pf->engine_class,
		pf->engine_instance);
}
