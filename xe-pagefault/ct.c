// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the rings of the CT
 *
 * For each message, the stock driver checks the channel, copies piece by piece, makes
 * the copy visible, updates the descriptor and rings the doorbell. In a storm of
 * faults, that is most of the work. The functions here read or write several messages
 * at once, but only if nothing is special: the channel is up, the messages are those
 * that are expected, they lie in one piece in the ring, and there is room for them.
 * Otherwise they do nothing, and the stock driver handles the message: only the stock
 * driver waits for room, wraps, and deals with errors. So it does while somebody
 * traces the messages with its tracepoints; and on a kernel with CONFIG_DRM_XE_DEBUG,
 * where its functions also keep a record of each message and check the rings.
 *
 * These functions write the following fields of the stock driver, in the same way as
 * its own functions do. All readers of these fields (6.12, 7.2, 7.3):
 *
 * - info.tail and info.space of the H2G ring, and fence_seqno: the functions that
 *   send, under ct->lock, as here; and those that set up the channel, while it is
 *   down, when nothing is written here. Dumps for debugfs and coredumps read
 *   info.tail without the lock, also while the stock driver sends. So does, on 7.2
 *   and later, the recovery of a virtual function that has migrated; in a virtual
 *   function, nothing is written here.
 * - info.head of the G2H ring: g2h_read(), under ct->fast_lock, as here. A sender
 *   that waits for room in the G2H ring compares it with the tail without that lock,
 *   to see whether there is a message, also while the stock driver reads. So do
 *   dumps.
 */

#include <linux/iosys-map.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/static_key.h>
#include <linux/string.h>
#include <linux/tracepoint-defs.h>
#include <asm/barrier.h>

#include "pagefault.h"
#include "stock.h"

#define desc_rd(ctb, field) \
	iosys_map_rd_field(&(ctb)->desc, 0, struct guc_ct_buffer_desc, field)
#define desc_wr(ctb, field, value)                                            \
	iosys_map_wr_field(&(ctb)->desc, 0, struct guc_ct_buffer_desc, field, \
			   value)

/**
 * xpf_ct_room - number of replies for which there is room in the H2G ring
 * @ct: channel, with ct->lock held
 *
 * The stock driver subtracts what it writes from info.space, and looks how far the
 * GuC has read only when a message does not fit. So there is at least as much room.
 *
 * Return: the most that may be passed to xpf_ct_write() before ct->lock is released. If
 * 0, the stock driver must send the next one.
 */
unsigned int xpf_ct_room(struct xe_guc_ct *ct)
{
	const struct xe_device *xe = gt_to_xe(ct_to_gt(ct));
	const struct guc_ctb *h2g = &ct->ctbs.h2g;

	lockdep_assert_held(&ct->lock);
	if (IS_ENABLED(CONFIG_DRM_XE_DEBUG) ||
	    ct->state != XE_GUC_CT_STATE_ENABLED || h2g->info.broken ||
	    xe->sriov.__mode == XE_SRIOV_MODE_VF || xe_device_wedged(xe) ||
	    static_key_enabled(&__tracepoint_xe_guc_ctb_h2g.key) ||
	    desc_rd(h2g, status))
		return 0;
	return min(h2g->info.space, h2g->info.size - h2g->info.tail) /
	       XPF_REPLY_DWORDS;
}

/**
 * xpf_ct_write - send replies
 * @ct: channel, with ct->lock held
 * @msgs: the replies; their headers are filled in
 * @n: number of replies, for which there is room
 */
void xpf_ct_write(struct xe_guc_ct *ct, u32 (*msgs)[XPF_REPLY_DWORDS],
		  unsigned int n)
{
	struct guc_ctb *h2g = &ct->ctbs.h2g;
	u32 tail = h2g->info.tail + n * XPF_REPLY_DWORDS;
	unsigned int i;

	lockdep_assert_held(&ct->lock);
	for (i = 0; i < n; i++) {
		u32 fence = (ct->fence_seqno++ & CT_SEQNO_MASK) |
			    CT_SEQNO_UNTRACKED;

		msgs[i][0] = GUC_PUT(CT_FENCE, fence) |
			     GUC_PUT(CT_DWORDS, XPF_REPLY_DWORDS - 1);
		msgs[i][CT_HXG] = GUC_PUT(HXG_TYPE, HXG_TYPE_FAST_REQUEST) |
				  XE_GUC_ACTION_PAGE_FAULT_RES_DESC;
	}
	iosys_map_memcpy_to(&h2g->cmds, h2g->info.tail * sizeof(u32), msgs,
			    n * sizeof(*msgs));
	xe_device_wmb(gt_to_xe(ct_to_gt(ct)));

	h2g->info.tail = tail < h2g->info.size ? tail : 0;
	h2g->info.space -= n * XPF_REPLY_DWORDS;
	desc_wr(h2g, tail, h2g->info.tail);
	xe_guc_notify(&ct_to_gt(ct)->uc.guc);
}

#define FAULT_DWORDS (CT_PAYLOAD + PFD_DWORDS)

static bool is_fault(const u32 *msg)
{
	return (msg[0] & (CT_FORMAT | CT_DWORDS)) ==
		       GUC_PUT(CT_DWORDS, FAULT_DWORDS - 1) &&
	       (msg[CT_HXG] & (HXG_ORIGIN_GUC | HXG_TYPE | HXG_ACTION)) ==
		       (HXG_ORIGIN_GUC | GUC_PUT(HXG_TYPE, HXG_TYPE_EVENT) |
			XE_GUC_ACTION_REPORT_PAGE_FAULT_REQ_DESC);
}

/**
 * xpf_ct_read_faults - take the page faults at the head of the G2H ring
 * @ct: channel; ct->fast_lock has been held since the stock driver read a message
 * @descs: set to the payloads
 * @max: most faults to take
 *
 * Return: number of faults. If 0, the next message, if any, is for the stock driver.
 */
unsigned int xpf_ct_read_faults(struct xe_guc_ct *ct, u32 (*descs)[PFD_DWORDS],
				unsigned int max)
{
	struct guc_ctb *g2h = &ct->ctbs.g2h;
	u32 head = g2h->info.head, size = g2h->info.size, tail;
	u32 msg[FAULT_DWORDS];
	unsigned int n;

	lockdep_assert_held(&ct->fast_lock);
	if (IS_ENABLED(CONFIG_DRM_XE_DEBUG) || g2h->info.broken ||
	    xe_device_wedged(gt_to_xe(ct_to_gt(ct))) ||
	    static_key_enabled(&__tracepoint_xe_guc_ctb_g2h.key) ||
	    desc_rd(g2h, status))
		return 0;

	tail = desc_rd(g2h, tail);
	if (head >= size || tail >= size)
		return 0;
	if (tail < head)
		tail = size; /* what is behind the end must wait */
	dma_rmb(); /* the messages are older than the tail */

	for (n = 0; n < max && tail - head >= FAULT_DWORDS; n++) {
		iosys_map_memcpy_from(msg, &g2h->cmds, head * sizeof(u32),
				      sizeof(msg));
		if (!is_fault(msg))
			break;
		memcpy(descs[n], msg + CT_PAYLOAD, sizeof(*descs));
		head += FAULT_DWORDS;
	}
	if (n) {
		g2h->info.head = head < size ? head : 0;
		desc_wr(g2h, head, g2h->info.head);
	}
	return n;
}
