// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: one reply per fault
 *
 * A reply is sent with ct->lock held, and only in the generation of its fault, see
 * xpf_note_guc_start(). So it either reaches the GuC that reported the fault, or
 * the CT refuses to send it.
 *
 * The stock driver rings the GuC's doorbell for each message that it puts into the
 * H2G ring. Replies that are ready at the same time share one: the doorbell is held
 * back while they are sent, and rung before ct->lock is released.
 */

#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "../attach/attach.h"
#include "pagefault.h"
#include "stock.h"
#include "trace.h"

/* Dwords of a reply in the H2G ring, with its CT header and its HXG header */
#define REPLY_DWORDS (2 + PFR_DWORDS)

/* Most replies per hold of ct->lock: others wait for it, and the GuC for the doorbell. */
#define MAX_REPLIES 16

enum xpf_outcome {
	SENT,
	STALE, /* the GuC has since been reset, or its CT is disabled */
	UNSENT,
};

OUTRIGGER_STOCK_BODY(xe, xe_guc_notify);

/**
 * xpf_guc_notify - ring the doorbell of a GuC
 * @guc: the GuC
 *
 * Replaces xe_guc_notify(), which the stock driver calls after it has put a message
 * into the H2G ring, with ct->lock held, and for mailbox requests, without it: so the
 * task is compared. Any context. During a transition, livepatch may redirect the calls
 * for replies to the stock function, which rings.
 */
__hook void xpf_guc_notify(struct xe_guc *guc)
{
	struct xpf_gt *gt;

	rcu_read_lock();
	gt = xpf_gt_find(guc_to_gt(guc));
	if (gt && READ_ONCE(gt->replier) == current)
		gt->unrung = true;
	else
		stock_xe_guc_notify(guc);
	rcu_read_unlock();
}

/* Called under ct->lock. */
static void xpf_hold_doorbell(struct xpf_gt *gt)
{
	WRITE_ONCE(gt->replier, current);
}

/* Ring, if the doorbell was held back. Called under ct->lock. */
static void xpf_release_doorbell(struct xpf_gt *gt)
{
	WRITE_ONCE(gt->replier, NULL);
	if (gt->unrung) {
		gt->unrung = false;
		stock_xe_guc_notify(&gt->stock->uc.guc);
	}
}

/*
 * Is there room for another reply in the H2G ring? None may wait for room while the
 * doorbell is held back: that would delay those before it, and the messages that the
 * stock driver sends while it waits.
 *
 * The stock driver subtracts what it writes from info.space, and looks how far the
 * GuC has read only when a message does not fit. So there is at least as much room.
 * If the reply does not fit before the end of the ring, stock leaves fewer dwords
 * unused there than the reply has.
 *
 * Called under ct->lock.
 */
static bool xpf_has_room(const struct xe_guc_ct *ct)
{
	return ct->ctbs.h2g.info.space >= 2 * REPLY_DWORDS;
}

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
	unsigned int n = 0;
	u32 now;

	mutex_lock(&ct->lock);
	spin_lock_irq(&gt->lock);
	now = xpf_note_guc_start(gt);
	spin_unlock_irq(&gt->lock);

	do {
		const struct xpf_fault *f = &gt->pool[i];

		/* A send that may wait for room rings as it does for the stock driver. */
		if (xpf_has_room(ct))
			xpf_hold_doorbell(gt);
		if (verdict == XPF_NO_REPLY || f->generation != now)
			outcome[n++] = STALE;
		else
			outcome[n++] = xpf_send(gt, f, verdict);
		i = f->next;
	} while (i != XPF_NONE && n < MAX_REPLIES && xpf_has_room(ct));
	xpf_release_doorbell(gt);
	mutex_unlock(&ct->lock);
	return n;
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
	u64 begin = ktime_get_ns(), sum = 0, replying = 0, now;
	enum xpf_outcome outcome[MAX_REPLIES];
	struct xpf_gt *gt = q->gt;
	u32 i, next, sent = 0;
	unsigned int k, n;

	for (i = first; i != XPF_NONE; i = next) {
		n = xpf_send_some(gt, i, verdict, outcome);
		now = ktime_get_ns();

		next = i;
		for (k = 0; k < n; k++) {
			const struct xpf_fault *f = &gt->pool[next];

			trace_xpf_ack(gt, &f->pf, xpf_is_refused(verdict),
				      outcome[k] == SENT, now - f->received);
			next = f->next;
		}

		spin_lock_irq(&gt->lock);
		for (k = 0; k < n; k++) {
			const struct xpf_fault *f = &gt->pool[i];
			u64 ns = now - f->received;

			switch (outcome[k]) {
			case SENT:
				xpf_count_latency(gt, ns);
				sent++;
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
			i = f->next;
		}
		spin_unlock_irq(&gt->lock);
	}
	xpf_count_replies(q, first, verdict, sent, sum, replying);
}
