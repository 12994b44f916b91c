// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: G2H handlers
 *
 * These functions replace the stock driver's handlers of G2H messages. A page
 * fault goes to the queue of its ASID, an access-counter notification to the ring
 * of its GT. The stock driver serves any GT that this module has no state for.
 *
 * The handlers run in hard IRQ under ct->fast_lock, or in process context under
 * ct->lock, possibly while this module sends a reply. So they take only the GT's
 * irq-safe lock, and send nothing.
 *
 * 6.12 has a handler for access counters. Newer kernels treat that message as
 * unexpected; there the module intercepts it in g2h_read(), through which every G2H
 * message passes. In its place, dequeue_one_g2h() gets a message that it ignores and
 * that, like the original, releases no credit. On 6.12, replacing g2h_read() would only
 * slow down every fault.
 */

#include <linux/rcupdate.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "../attach/attach.h"
#include "pagefault.h"
#include "stock.h"
#include "trace.h"

OUTRIGGER_STOCK_BODY(xe, xe_guc_pagefault_handler);

static void xpf_queue_faults(struct xpf_gt *gt, u32 (*descs)[PFD_DWORDS],
			     unsigned int n)
{
	struct xpf_queue *ready[XPF_BATCH + 1] __uninitialized, **q;
	struct pagefault pfs[XPF_BATCH] __uninitialized;
	unsigned int i;

	for (i = 0; i < n; i++) {
		/* A reserved access can be answered: xpf_service() refuses it. */
		pagefault_decode(descs[i], PFD_DWORDS, xpf_port.prefetch,
				 &pfs[i]);
		trace_xpf_fault(gt, &pfs[i]);
	}
	i = xpf_queue_put(gt, pfs, n, ready);
	for (q = ready; *q; q++)
		queue_work(gt->wq, &(*q)->work);
	for (; i < n; i++)
		xpf_tell(
			gt, err,
			"page fault dropped, ASID %u: %u are open already, which is as many as the GuC can tell apart; reset the GT\n",
			pfs[i].asid, PFD_PDATA_SPACE);
}

/* Take a fault and, in an interrupt, those that follow it in the G2H ring. */
static void xpf_take_faults(struct xpf_gt *gt, const u32 *msg, u32 len)
{
	struct xe_guc_ct *ct = &gt->stock->uc.guc.ct;
	u32 descs[XPF_BATCH][PFD_DWORDS] __uninitialized;
	unsigned int n = 1, max = 1;
	bool more;

	if (len != PFD_DWORDS) {
		xpf_count_malformed(gt);
		xpf_tell(
			gt, err,
			"page fault with %u dwords instead of %u ignored: the GuC is misbehaving, reset the GT\n",
			len, PFD_DWORDS);
		return;
	}

	/* xe_guc_ct_fast_path(), which uses this buffer, holds ct->fast_lock. */
	if (msg == ct->fast_msg + CT_PAYLOAD)
		max = XPF_BATCH;
	memcpy(descs[0], msg, sizeof(*descs));
	do {
		if (n < max)
			n += xpf_ct_read_faults(ct, descs + n, max - n);
		xpf_queue_faults(gt, descs, n);
		more = n == XPF_BATCH;
		n = 0;
	} while (more);
}

/**
 * xpf_pagefault_handler - handle G2H REPORT_PAGE_FAULT_REQ_DESC
 * @guc: GuC that reports the fault
 * @msg: payload
 * @len: its length in dwords
 *
 * Replaces xe_guc_pagefault_handler(). In an interrupt, it also takes the faults behind
 * this one out of the ring, so that the stock driver and livepatch do not have to bring
 * them here one by one.
 *
 * Return: 0. A fault that can't be queued is logged here; an error would only
 * make the CT log it again, and kill the CT on a kernel with DRM_XE_DEBUG.
 */
__hook int xpf_pagefault_handler(struct xe_guc *guc, u32 *msg, u32 len)
{
	struct xpf_gt *gt;
	int ret = 0;

	rcu_read_lock();
	gt = xpf_gt_find(guc_to_gt(guc));
	if (gt) {
		xpf_take_faults(gt, msg, len);
	} else {
		/* The device was just probed, or is about to be removed. */
		xpf_look_around();
		ret = stock_xe_guc_pagefault_handler(guc, msg, len);
	}
	rcu_read_unlock();
	return ret;
}

/* Returns false if there is no state for the GT. */
static bool xpf_take_access_counter(const struct xe_gt *stock, const u32 *msg,
				    u32 len)
{
	struct xpf_gt *gt;

	rcu_read_lock();
	gt = xpf_gt_find(stock);
	if (gt)
		xpf_access_counter_put(gt, msg, len);
	rcu_read_unlock();
	return gt;
}

#ifdef HAVE_HOOK_G2H_READ
OUTRIGGER_STOCK_BODY(xe, g2h_read);

#define MAX_PASSED 16 /* for each urgent message: interrupts are off */

static bool xpf_is_access_counter(const u32 *msg)
{
	return GUC_GET(HXG_TYPE, msg[CT_HXG]) == HXG_TYPE_EVENT &&
	       GUC_GET(HXG_ACTION, msg[CT_HXG]) ==
		       XE_GUC_ACTION_ACCESS_COUNTER_NOTIFY;
}

/*
 * On the fast path, stock's body copies the message at the head of the ring, and leaves it
 * there if it is not urgent. All messages behind it then wait for a worker and ct->lock.
 * Take access counters out of their way: no credit is released for them, so nothing else
 * needs to see them. Called in an RCU read-side section.
 */
static int xpf_g2h_read_fast(struct xe_guc_ct *ct, u32 *msg)
{
	struct xpf_gt *gt = xpf_gt_find(ct_to_gt(ct));
	unsigned int i;
	int len;

	for (i = 0;; i++) {
		msg[CT_HXG] = 0; /* the buffer may hold an earlier message */
		len = stock_g2h_read(ct, msg, true);
		if (len || !gt || i == MAX_PASSED ||
		    !xpf_is_access_counter(msg))
			return len;
		len = stock_g2h_read(ct, msg, false);
		if (len < CT_PAYLOAD)
			return len;
		xpf_access_counter_put(gt, msg + CT_PAYLOAD, len - CT_PAYLOAD);
	}
}

/**
 * xpf_g2h_read - read the next G2H message
 * @ct: channel
 * @msg: buffer for the message, its CT header first
 * @fast_path: read only urgent messages: faults, and invalidations that are done
 *
 * Replaces g2h_read(), but calls its body. Called under ct->fast_lock with
 * interrupts off.
 *
 * Return: length of the message in dwords, 0 or a negative errno.
 */
__hook int xpf_g2h_read(struct xe_guc_ct *ct, u32 *msg, bool fast_path)
{
	int len;

	if (fast_path) {
		rcu_read_lock();
		len = xpf_g2h_read_fast(ct, msg);
		rcu_read_unlock();
		return len;
	}

	len = stock_g2h_read(ct, msg, false);
	if (len >= CT_PAYLOAD && xpf_is_access_counter(msg) &&
	    xpf_take_access_counter(ct_to_gt(ct), msg + CT_PAYLOAD,
				    len - CT_PAYLOAD))
		msg[CT_HXG] = (msg[CT_HXG] & ~HXG_ACTION) |
			      XE_GUC_ACTION_NOTIFY_FLUSH_LOG_BUFFER_TO_FILE;
	return len;
}
#else
OUTRIGGER_STOCK_BODY(xe, xe_guc_access_counter_notify_handler);

/**
 * xpf_access_counter_handler - handle G2H ACCESS_COUNTER_NOTIFY
 * @guc: GuC that sends the notification
 * @msg: payload
 * @len: its length in dwords
 *
 * Replaces xe_guc_access_counter_notify_handler(). Called in process context
 * under ct->lock.
 *
 * Return: 0, for the same reason as xpf_pagefault_handler().
 */
__hook int xpf_access_counter_handler(struct xe_guc *guc, u32 *msg, u32 len)
{
	if (xpf_take_access_counter(guc_to_gt(guc), msg, len))
		return 0;
	return stock_xe_guc_access_counter_notify_handler(guc, msg, len);
}
#endif
