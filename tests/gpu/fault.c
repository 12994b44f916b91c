// SPDX-License-Identifier: GPL-2.0
/*
 * Page faults: their descriptors, and the ledger of the faults that were sent.
 *
 * The descriptors follow drivers/gpu/drm/xe/xe_guc_fwif.h (PFD_, PFR_): a request has
 * four dwords, a reply two. The host returns PDATA, 16 bits of the request, to identify
 * the fault. So PDATA is the key of the ledger, and is not reused while its fault is
 * open.
 *
 * Every fault must get exactly one reply, or none if its GuC is reset before the reply.
 */
#include "gpu.h"

#define PFR_VALID BIT(0)
#define FAULT_RESPONSE_DESC 1

const char *const counter_name[COUNTERS] = {
	[COUNT_STRAY] = "stray",
	[COUNT_DOUBLED] = "doubled",
	[COUNT_MISMATCHED] = "mismatched",
	[COUNT_MALFORMED] = "malformed",
	[COUNT_MISSING] = "missing",
	[COUNT_STALE] = "stale",
	[COUNT_UNFOUNDED] = "unfounded",
	[COUNT_LIVELOCK] = "livelock",
	[COUNT_GGTT_FAULTS] = "ggtt_faults",
	[COUNT_DMA_ERRORS] = "dma_errors",
	[COUNT_BROKEN_RINGS] = "broken_rings",
	[COUNT_OVERWRITTEN] = "overwritten",
	[COUNT_UNKNOWN] = "unknown",
	[COUNT_FAULTS] = "faults",
	[COUNT_REPLIES] = "replies",
	[COUNT_UNSUCCESSFUL] = "unsuccessful",
	[COUNT_CLEARED] = "cleared",
	[COUNT_ACCESS_COUNTERS] = "access_counters",
	[COUNT_G2H] = "g2h",
	[COUNT_H2G] = "h2g",
	[COUNT_G2H_STALLED] = "g2h_stalled",
	[COUNT_RESETS] = "resets",
	[COUNT_CONTEXTS] = "contexts",
	[COUNT_CAT_ERRORS] = "cat_errors",
	[COUNT_COPIES] = "copies",
	[COUNT_ATOMICS] = "atomics",
	[COUNT_DOORBELLS] = "doorbells",
};

/**
 * fault_encode() - encode the descriptor of a fault
 * @f: the fault
 * @pdata: its key
 * @dw: returns four dwords
 */
void fault_encode(const struct fault *f, u32 pdata, u32 *dw)
{
	dw[0] = (f->level & 7) | f->source << 3 | f->trva << 18 |
		(f->instance & 0x3f) << 19 | (f->class & 7) << 25 |
		(pdata & 0xf) << 28;
	dw[1] = (pdata >> 4 & 0xfff) | f->asid << 12;
	dw[2] = (f->access & 3) | (f->type & 3) << 2 | (f->vfid & 0x3f) << 4 |
		f->prefetch << 11 | ((u32)f->va & 0xfffff000);
	dw[3] = f->va >> 32;
}

/**
 * fault_decode() - decode a raw descriptor
 * @f: the fault, with the dwords set
 * @pdata: returns its key
 */
void fault_decode(struct fault *f, u32 *pdata)
{
	const u32 *dw = f->dw;

	f->level = bits(dw[0], 2, 0);
	f->source = bits(dw[0], 10, 3);
	f->trva = bits(dw[0], 18, 18);
	f->instance = bits(dw[0], 24, 19);
	f->class = bits(dw[0], 27, 25);
	f->asid = bits(dw[1], 31, 12);
	f->access = bits(dw[2], 1, 0);
	f->type = bits(dw[2], 3, 2);
	f->vfid = bits(dw[2], 9, 4);
	f->prefetch = bits(dw[2], 11, 11);
	f->va = make64(dw[2] & 0xfffff000, dw[3]);
	*pdata = bits(dw[0], 31, 28) | bits(dw[1], 11, 0) << 4;
}

/**
 * ledger_next() - find a key that no open fault uses
 * @l: the ledger
 * @pdata: returns the key
 *
 * Prefer keys of faults that were not open at a reset: a late reply to the old fault
 * would look like one to the new fault.
 *
 * Return: false if all keys are in use.
 */
bool ledger_next(const struct ledger *l, u32 *pdata)
{
	u32 i, before = LEDGER_SLOTS;

	for (i = 0; i < LEDGER_SLOTS; i++) {
		*pdata = (l->next + i) % LEDGER_SLOTS;
		if (l->slot[*pdata].state == SLOT_BEFORE &&
		    before == LEDGER_SLOTS)
			before = *pdata;
		else if (l->slot[*pdata].state == SLOT_FREE ||
			 l->slot[*pdata].state == SLOT_ANSWERED)
			return true;
	}
	*pdata = before;
	return before < LEDGER_SLOTS;
}

/**
 * ledger_open() - add a fault that is being sent
 * @l: the ledger
 * @f: the fault; the ledger takes over its reference to a context
 * @pdata: its key
 * @now: the time in ns
 *
 * Return: its slot in the ledger, or NULL if an open fault uses the key.
 */
struct slot *ledger_open(struct ledger *l, const struct fault *f, u32 pdata,
			 u64 now)
{
	struct slot *slot = &l->slot[pdata % LEDGER_SLOTS];

	if (slot->state == SLOT_OPEN)
		return NULL;
	*slot = (struct slot){
		.sent = now,
		.va = f->va & VA_MASK & ~(u64)(PAGE - 1),
		.context = f->context,
		.asid = f->asid & 0xfffff,
		.eu = f->eu,
		.state = SLOT_OPEN,
		.access = f->access,
		.class = f->class & 7,
		.instance = f->instance & 0x3f,
		.vfid = f->vfid & 0x3f,
	};
	l->open++;
	l->next = (pdata + 1) % LEDGER_SLOTS;
	return slot;
}

/**
 * ledger_reply() - judge a reply
 * @l: the ledger
 * @dw0: its first dword
 * @dw1: its second dword
 * @slot: if it matches, returns the slot of its fault, closed, with its context
 *
 * Return: the verdict.
 */
enum verdict ledger_reply(struct ledger *l, u32 dw0, u32 dw1,
			  struct slot **slot)
{
	struct slot *s = &l->slot[bits(dw1, 31, 16)];

	*slot = NULL;
	if (!(dw0 & PFR_VALID) || bits(dw0, 11, 10) != FAULT_RESPONSE_DESC)
		return REPLY_MALFORMED;
	if (s->state == SLOT_FREE || s->state == SLOT_BEFORE)
		return REPLY_STRAY;
	if (bits(dw0, 31, 12) != s->asid || bits(dw1, 5, 0) != s->vfid ||
	    bits(dw1, 12, 7) != s->instance || bits(dw1, 15, 13) != s->class)
		return REPLY_MISMATCHED;
	if (s->state == SLOT_ANSWERED)
		return REPLY_DOUBLED;
	s->state = SLOT_ANSWERED;
	l->open--;
	*slot = s;
	return REPLY_MATCHED;
}
