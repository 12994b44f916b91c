/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Walks of a process through its memory. Pure, like decode.h: the unit test compiles the
 * same source.
 */
#ifndef XE_PAGEFAULT_WALK_H
#define XE_PAGEFAULT_WALK_H

#include "decode.h"

#define XPF_WALKS 4 /* most walks of an address space at once */
#define XPF_AHEAD 7 /* most ranges that are bound ahead of a walk at once */

/**
 * struct xpf_walk - a walk through memory
 * @from:	start of what has been bound; empty if the structure is not used
 * @to:		its end
 * @steps:	faults next to it, in the same direction, since it began or turned round
 * @ahead:	ranges that its last service bound ahead of it
 * @hole:	start of the probe, a range in between that has been left unbound, until
 *		its fault has come
 * @hole_end:	its end, or 0
 * @skip:	which of the ranges to bind ahead is to be left unbound, from 1 on, or 0
 * @full:	its last service was to bind ahead as many as may be
 * @odd:	an odd number of such services
 * @down:	towards lower addresses
 */
struct xpf_walk {
	u64 from;
	u64 to;
	u32 steps;
	u32 ahead;
	u64 hole;
	u64 hole_end;
	u32 skip;
	bool full;
	bool odd;
	bool down;
};

/**
 * struct xpf_walks - the walks of an address space
 * @asid:	the address space
 * @wasted:	number of walks that ended without use of the ranges bound ahead of them,
 *		less the number of full batches that were used, between 0 and 8
 * @walk:	the walks, the last that made a step first
 *
 * These are only hints.
 */
struct xpf_walks {
	u32 asid;
	u32 wasted;
	struct xpf_walk walk[XPF_WALKS];
};

u32 xpf_walk_step(struct xpf_walks *w, u32 asid, u64 start, u64 end, u32 most,
		  u32 *used);
void xpf_walk_ahead(struct xpf_walks *w, u64 start, u64 end);

#endif
