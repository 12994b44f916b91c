/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finds the keys of a journal that a newer key of the journal supersedes: one of exactly the
 * same extent. Superseded keys need not be replayed: whatever the btree holds for the extent,
 * the newest key replaces it.
 *
 * Pure like ondisk.h.
 */
#ifndef BCACHE_JOURNAL_NEWEST_H
#define BCACHE_JOURNAL_NEWEST_H

#include "ondisk.h"

#define NEWEST_WAYS 4 /* slots in which a key may be */

/**
 * struct newest - the newest key of each extent, as far as there is room
 * @slot: the keys, and NULL where there is none
 * @bits: log2 of the number of slots, at least that of NEWEST_WAYS and less than 32
 */
struct newest {
	struct bkey **slot;
	unsigned int bits;
};

/* A valid key is never empty. */
static inline bool key_is_dropped(const struct bkey *k)
{
	return !key_size(k);
}

static inline void key_drop(struct bkey *k)
{
	k->high &= ~(0xffffULL << 20);
}

struct bkey *newest_add(struct newest *t, struct bkey *k);

#endif
