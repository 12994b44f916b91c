/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: histogram of latencies
 *
 * Counts durations in microseconds, in classes that become wider: four for each power of
 * two, so that a quantile is at most 25 % too high. The width of a class needs no table.
 * Pure, as ondisk.h is.
 */
#ifndef BCACHE_JOURNAL_LATENCY_H
#define BCACHE_JOURNAL_LATENCY_H

#include "ondisk.h"

#define LATENCY_CLASSES \
	124 /* the last one begins at 3.5 * 2^30 us, and has no end */

struct latency {
	u64 count[LATENCY_CLASSES];
	u64 max; /* us */
};

/* The class of a duration. */
static inline unsigned int latency_class(u64 us)
{
	unsigned int octave;

	if (us < 4)
		return us;
	octave = 63 - __builtin_clzll(us);
	if (octave > LATENCY_CLASSES / 4)
		return LATENCY_CLASSES - 1;
	return (octave - 1) * 4 + ((us >> (octave - 2)) & 3);
}

/* The shortest duration of a class. */
static inline u64 latency_from(unsigned int class)
{
	if (class < 4)
		return class;
	return (4ULL + (class & 3)) << (class / 4 - 1);
}

static inline void latency_add(struct latency *l, u64 us)
{
	l->count[latency_class(us)]++;
	if (us > l->max)
		l->max = us;
}

static inline u64 latency_total(const struct latency *l)
{
	u64 total = 0;
	unsigned int i;

	for (i = 0; i < LATENCY_CLASSES; i++)
		total += l->count[i];
	return total;
}

/*
 * The duration that a fraction of all, in 1/1000, did not exceed: the end of its class, but
 * no more than the maximum. 0 if nothing was counted.
 */
static inline u64 latency_quantile(const struct latency *l,
				   unsigned int permille)
{
	u64 total = latency_total(l), seen = 0, end;
	unsigned int i;

	for (i = 0; total && i < LATENCY_CLASSES; i++) {
		seen += l->count[i];
		if (seen * 1000 < total * permille)
			continue;
		end = latency_from(i + 1) - 1;
		return i + 1 < LATENCY_CLASSES && end < l->max ? end : l->max;
	}
	return 0;
}

#endif
