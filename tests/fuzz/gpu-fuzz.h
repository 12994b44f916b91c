/* SPDX-License-Identifier: GPL-2.0 */
/* Shared by the fuzzers of the emulated GPU: reading the input, and checks. */
#ifndef TESTS_FUZZ_GPU_FUZZ_H
#define TESTS_FUZZ_GPU_FUZZ_H

#include "../unit/gpu-machine.h"
#include "must.h"

/* The input, followed by zeros. */
static struct {
	const u8 *at, *end;
} input;

static inline bool more(void)
{
	return input.at < input.end;
}

static inline u64 take(u32 bytes)
{
	u64 v = 0;

	for (u32 i = 0; i < bytes; i++)
		v |= more() ? (u64)*input.at++ << 8 * i : 0;
	return v;
}

static inline u32 take_bytes(void *to, u32 max)
{
	u32 n = max;

	if (n > input.end - input.at)
		n = input.end - input.at;
	memcpy(to, input.at, n);
	input.at += n;
	return n;
}

/* Registers with side effects. */
static const u32 known[] = {
	0xd8c,	  0xfd0,    0x941c,   0xc000,	0xc050,	  0xc314,   0xc340,
	0xa188,	  0xa278,   0xa540,   0xa560,	0xa618,	  0x101010, 0x101018,
	0x138124, 0x190008, 0x190010, 0x190018, 0x19001c, 0x190060, 0x190064,
	0x190070, 0x190074, 0x1901f0, 0x190240, 0x190244, 0x190248, 0x19024c,
	0x190304, 0x190310, 0x190314, 0x190318, 0x19031c, 0x38941c, 0x38c000,
	0x38c314, 0x444e8,  0x130030,
};

/* Check what must hold for any guest; checking whole ledgers (@all) is slow. */
static inline void check_promises(struct gpu *gpu, bool all)
{
	u64 closed = gpu->count[COUNT_REPLIES] + gpu->count[COUNT_MISSING] +
		     gpu->count[COUNT_CLEARED];

	for (u32 i = 0; i < GTS; i++) {
		const struct ledger *l = &gpu->gt[i]->ledger;
		const struct guc *guc = &gpu->gt[i]->guc;
		u32 open = l->open, faults = 0, messages = 0;

		closed += open;
		for (u32 k = 0; k < LEDGER_SLOTS && all; k++) {
			if (l->slot[k].state == SLOT_OPEN)
				open--;
			else
				must(!l->slot[k].context);
		}
		must(!all || !open);
		for (const struct fault *f = guc->faults; f; f = f->next)
			faults++;
		for (const struct message *m = guc->out; m; m = m->next)
			messages++;
		must(faults == guc->waiting && messages == guc->outs);
	}
	/* a raw fault with the key of an open fault does not count */
	must(closed <= gpu->count[COUNT_FAULTS]);
}

#ifdef SEEDS
/* Write a seed: an input with known effects. */
static inline int seed(const char *dir, u32 number, const void *bytes, size_t n)
{
	char name[4096];
	FILE *f;

	snprintf(name, sizeof(name), "%s/%u", dir, number);
	f = fopen(name, "wb");
	return !f || fwrite(bytes, n, 1, f) != 1 || fclose(f);
}
#endif

#endif
