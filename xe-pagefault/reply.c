// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: one reply per fault
 *
 * A reply is sent with ct->lock held, and only in the generation of its fault, see
 * xpf_note_guc_start(). So it either reaches the GuC that reported the fault, or
 * the CT refuses to send it.
 */

#include <linux/mutex.h>
#include <linux/timekeeping.h>

#include "pagefault.h"
#include "trace.h"

enum xpf_outcome {
	SENT,
	STALE, /* the GuC has since been reset, or its CT is disabled */
	UNSENT,
};

/*
 * Called under ct->lock. A failed send is not retried: it has already waited a
 * second or more for room in the H2G ring, and has then started a reset of the GT.
 */
static enum xpf_outcome xpf_send(struct xpf_gt *gt, const struct xpf_fault *f,
				 enum xpf_verdict verdict)
{
	u32 action[1 + PFR_DWORDS] = { XE_GUC_ACTION_PAGE_FAULT_RES_DESC };
	u32 now;
	int ret;

	spin_lock_irq(&gt->lock);
	now = xpf_note_guc_start(gt);
	spin_unlock_irq(&gt->lock);
	if (verdict == XPF_NO_REPLY || f->generation != now)
		return STALE;

	pagefault_reply(&f->pf, xpf_is_refused(verdict), action + 1);
	ret = xe_guc_ct_send_locked(&gt->stock->uc.guc.ct, action,
				    ARRAY_SIZE(action), 0, 0);
	switch (ret) {
	case 0:
		return SENT;
	case -ECANCELED: /* stopped for a reset */
	case -ENODEV: /* suspended, or the device is being removed */
	case -ENOTRECOVERABLE: /* the device is wedged */
		return STALE;
	}
	/* -EDEADLK: the send started a reset; -EPIPE: the CT waits for one */
	xpf_tell(
		gt, err,
		"page fault not answered, ASID %u address 0x%llx PDATA 0x%04x: sending failed (%d); its engine waits until the GT is reset\n",
		f->pf.asid, f->pf.addr, f->pf.pdata, ret);
	return UNSENT;
}

/**
 * xpf_reply - answer a list of faults
 * @q: their queue, in whose worker this is called
 * @first: from xpf_queue_take()
 * @verdict: the verdict on all of them
 *
 * Called with no lock held. Sending waits for room in the H2G ring,
 * and may run the G2H handlers.
 */
void xpf_reply(struct xpf_queue *q, u32 first, enum xpf_verdict verdict)
{
	struct xpf_gt *gt = q->gt;
	struct xe_guc_ct *ct = &gt->stock->uc.guc.ct;
	u64 begin = ktime_get_ns(), sum = 0, replying = 0;
	u32 i, n = 0;

	for (i = first; i != XPF_NONE; i = gt->pool[i].next) {
		const struct xpf_fault *f = &gt->pool[i];
		enum xpf_outcome outcome;
		u64 now, ns;

		mutex_lock(&ct->lock);
		outcome = xpf_send(gt, f, verdict);
		mutex_unlock(&ct->lock);

		now = ktime_get_ns();
		ns = now - f->received;
		trace_xpf_ack(gt, &f->pf, xpf_is_refused(verdict),
			      outcome == SENT, ns);

		spin_lock_irq(&gt->lock);
		switch (outcome) {
		case SENT:
			xpf_count_latency(gt, ns);
			n++;
			sum += ns;
			replying += now - begin;
			break;
		case STALE:
			gt->stats.stale++;
			break;
		case UNSENT:
			gt->stats.unsent++;
			break;
		}
		spin_unlock_irq(&gt->lock);
	}
	xpf_count_replies(q, first, verdict, n, sum, replying);
}
