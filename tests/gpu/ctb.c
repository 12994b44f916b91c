// SPDX-License-Identifier: GPL-2.0
/*
 * Command transport buffers: a ring of dwords and a descriptor for each of the
 * two directions, both in the GGTT.
 *
 * The layout follows drivers/gpu/drm/xe/abi/guc_communication_ctb_abi.h. A message
 * consists of a header (fence, number of dwords) and its dwords; zeros pad the ring up
 * to its end. The model never overwrites messages that the host has not read. It keeps
 * its own end of each ring privately, and writes it to the descriptor only for the host.
 */
#include <string.h>

#include "gpu.h"

#define DESC_HEAD 0
#define DESC_TAIL 4
#define DESC_STATUS 8
#define STATUS_OVERFLOW BIT(0)
#define STATUS_UNDERFLOW BIT(1)

static int broken(struct memory *m, struct ctb *ctb, u32 status)
{
	ctb->broken = true;
	ggtt_write32(m, ctb->desc + DESC_STATUS,
		     ggtt_read32(m, ctb->desc + DESC_STATUS) | status);
	return -1;
}

/**
 * ctb_watch() - check that the host has not overwritten unread messages
 * @m: the memory
 * @ctb: the H2G ring
 *
 * Call this before the head moves, and for each doorbell. The host rings after at
 * most 16 messages, and before it waits for room, so its tail cannot wrap around the
 * ring unnoticed. The head that the host sees is never ahead of the real one, so a
 * correct host never fails this check.
 *
 * Return: false if the tail has passed the head or is invalid, which breaks the ring.
 */
bool ctb_watch(struct memory *m, struct ctb *ctb)
{
	u32 tail = ggtt_read32(m, ctb->desc + DESC_TAIL), room;

	if (ctb->broken)
		return false;
	if (tail >= ctb->size) {
		broken(m, ctb, STATUS_OVERFLOW);
		return false;
	}
	room = (ctb->mine + ctb->size - ctb->seen - 1) % ctb->size;
	if ((tail + ctb->size - ctb->seen) % ctb->size > room) {
		ctb->overwritten = true;
		broken(m, ctb, STATUS_OVERFLOW);
		return false;
	}
	ctb->seen = tail;
	return true;
}

/**
 * ctb_ring() - note that the host has rung the doorbell
 * @m: the memory
 * @ctb: the H2G ring
 *
 * Return: false if the ring is broken, see ctb_watch().
 */
bool ctb_ring(struct memory *m, struct ctb *ctb)
{
	if (!ctb_watch(m, ctb))
		return false;
	ctb->rung = ctb->seen;
	return true;
}

/**
 * ctb_receive() - take the next message out of a ring
 * @m: the memory
 * @ctb: the ring
 * @message: returns its dwords without the header, padded with zeros to CTB_MESSAGE
 * @fence: returns the fence from its header
 *
 * Only messages for which the doorbell has been rung are read. Hardware that is busy
 * may find others too, but a host must not rely on that.
 *
 * Return: the number of its dwords, 0 if there is no message, or -1 if the ring is
 * broken, which is then also noted in its descriptor.
 */
int ctb_receive(struct memory *m, struct ctb *ctb, u32 *message, u16 *fence)
{
	u32 head, tail, header, n, i, at;

	if (!ctb_watch(m, ctb))
		return -1;
	tail = ctb->rung;
	head = ctb->mine;
	while (head != tail) {
		header = ggtt_read32(m, ctb->ring + head * 4);
		head = (head + 1) % ctb->size;
		if (!header)
			continue;
		n = header & 0xff;
		if (!n || n > (tail + ctb->size - head) % ctb->size)
			return broken(m, ctb, STATUS_UNDERFLOW);
		memset(message, 0, CTB_MESSAGE * sizeof(*message));
		for (i = 0; i < n; i++) {
			at = (head + i) % ctb->size;
			message[i] = ggtt_read32(m, ctb->ring + at * 4);
		}
		*fence = header >> 16;
		ctb->mine = (head + n) % ctb->size;
		ggtt_write32(m, ctb->desc + DESC_HEAD, ctb->mine);
		return n;
	}
	ctb->mine = head;
	ggtt_write32(m, ctb->desc + DESC_HEAD, head);
	return 0;
}

/**
 * ctb_holds() - check whether a ring contains a message with a certain action
 * @m: the memory
 * @ctb: the ring
 * @action: the action
 *
 * Return: whether such a message is waiting.
 */
bool ctb_holds(struct memory *m, const struct ctb *ctb, u32 action)
{
	u32 tail = ggtt_read32(m, ctb->desc + DESC_TAIL), head, n;

	if (ctb->broken || tail >= ctb->size)
		return false;
	for (head = ctb->mine; head != tail;
	     head = (head + n + 1) % ctb->size) {
		n = ggtt_read32(m, ctb->ring + head * 4) & 0xff;
		if (n >= (tail + ctb->size - head) % ctb->size)
			return false;
		if (n &&
		    (ggtt_read32(m, ctb->ring + (head + 1) % ctb->size * 4) &
		     0xffff) == action)
			return true;
	}
	return false;
}

/**
 * ctb_room() - determine the free space of a ring
 * @m: the memory
 * @ctb: the ring
 *
 * Return: the number of free dwords; a message needs one more than its length.
 */
u32 ctb_room(struct memory *m, struct ctb *ctb)
{
	u32 head;

	if (ctb->broken)
		return 0;
	head = ggtt_read32(m, ctb->desc + DESC_HEAD);
	if (head >= ctb->size) {
		broken(m, ctb, STATUS_OVERFLOW);
		return 0;
	}
	return (head + ctb->size - ctb->mine - 1) % ctb->size;
}

/**
 * ctb_send() - put a message into a ring
 * @m: the memory
 * @ctb: the ring
 * @fence: fence for its header
 * @dw: its dwords
 * @n: number of dwords
 *
 * Return: false if there is no room for it.
 */
bool ctb_send(struct memory *m, struct ctb *ctb, u16 fence, const u32 *dw,
	      u32 n)
{
	u32 tail, i;

	if (n >= CTB_MESSAGE || n + 1 > ctb_room(m, ctb))
		return false;
	tail = ctb->mine;
	ggtt_write32(m, ctb->ring + tail * 4, (u32)fence << 16 | n);
	for (i = 0; i < n; i++) {
		tail = (tail + 1) % ctb->size;
		ggtt_write32(m, ctb->ring + tail * 4, dw[i]);
	}
	atomic_thread_fence(memory_order_seq_cst);
	ctb->mine = (tail + 1) % ctb->size;
	ggtt_write32(m, ctb->desc + DESC_TAIL, ctb->mine);
	return true;
}
