// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: one reply per fault
 *
 * A reply is sent with ct->lock held, and only in the generation of its fault, see
 * xpf_note_guc_start(). So it either reaches the GuC that reported the fault, or
 * the CT refuses to send it.
 *
 * The stock driver rings the GuC's doorbell for each message that it puts into the H2G
 * ring. Replies that are ready at the same time are put there together and share one.
 */

#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/timekeeping.h>

#include "pagefault.h"
#include "stock.h"
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
	int ret;

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

/*
 * Answer the first of a list of faults, and as many more as there is room for. Sets
 * their outcomes and returns their number. Only the first may have to wait for room.
 *
 * While ct->lock is held, the CT does not come up with another GuC: one look at the
 * generation is enough.
 */
static unsigned int xpf_send_some(struct xpf_gt *gt, u32 i,
				  enum xpf_verdict verdict,
				  enum xpf_outcome *outcome)
{
	struct xe_guc_ct *ct = &gt->stock->uc.guc.ct;
	u32 msgs[XPF_BATCH][XPF_REPLY_DWORDS] __uninitialized;
	unsigned int n = 0, ready = 0, room;
	u32 now;

	mutex_lock(&ct->lock);
	spin_lock_irq(&gt->lock);
	now = xpf_note_guc_start(gt);
	spin_unlock_irq(&gt->lock);

	room = min(xpf_ct_room(ct), XPF_BATCH);
	do {
		const struct xpf_fault *f = &gt->pool[i];

		if (verdict == XPF_NO_REPLY || f->generation != now) {
			outcome[n] = STALE;
		} else if (room) {
			pagefault_reply(&f->pf, xpf_is_refused(verdict),
					msgs[ready++] + CT_PAYLOAD);
			outcome[n] = SENT;
		} else {
			outcome[n] = xpf_send(gt, f, verdict);
		}
		n++;
		i = f->next;
	} while (i != XPF_NONE && n < room);
	if (ready)
		xpf_ct_write(ct, msgs, ready);
	mutex_unlock(&ct->lock);
	return n;
}

static void xpf_trace_acks(const struct xpf_gt *gt, u32 i, unsigned int n,
			   const enum xpf_outcome *outcome,
			   enum xpf_verdict verdict, u64 now)
{
	const struct xpf_fault *f;
	unsigned int k;

	for (k = 0; k < n; k++, i = f->next) {
		f = &gt->pool[i];
		trace_xpf_ack(gt, &f->pf, xpf_is_refused(verdict),
			      outcome[k] == SENT, now - f->received);
	}
}

/**
 * xpf_reply - answer a list of faults, and return them to the pool
 * @q: their queue, in whose worker this is called
 * @first: from xpf_queue_take()
 * @verdict: the verdict on all of them
 *
 * Called with no lock held. Sending waits for room in the H2G ring,
 * and may run the G2H handlers.
 */
void xpf_reply(struct xpf_queue *q, u32 first, enum xpf_verdict verdict)
{
	enum xpf_outcome outcome[XPF_BATCH] __uninitialized;
	struct xpf_gt *gt = q->gt;
	u32 asid = gt->pool[first].pf.asid;
	u64 begin = q->mark;
	unsigned int k, n;
	u32 i = first, last;
	u64 now;

	do {
		u64 sum = 0;
		u32 sent = 0;

		n = xpf_send_some(gt, first, verdict, outcome);
		now = ktime_get_ns();
		if (trace_xpf_ack_enabled())
			xpf_trace_acks(gt, first, n, outcome, verdict, now);

		spin_lock_irq(&gt->lock);
		for (k = 0; k < n; k++) {
			const struct xpf_fault *f = &gt->pool[i];
			u64 ns = now - f->received;

			switch (outcome[k]) {
			case SENT:
				xpf_count_latency(gt, ns);
				sent++;
				sum += ns;
				break;
			case STALE:
				gt->stats.stale++;
				break;
			case UNSENT:
				gt->stats.unsent++;
				break;
			}
			last = i;
			i = f->next;
		}
		xpf_count_replies(q, asid, verdict, sent, sum,
				  sent * (now - begin));
		xpf_queue_free(gt, first, last, n);
		spin_unlock_irq(&gt->lock);
		first = i;
	} while (i != XPF_NONE);
	q->mark = now;
}
