// SPDX-License-Identifier: GPL-2.0
/* Finds the keys that a newer key supersedes; see newest.h. */
#include "newest.h"

/* The inode and the size, which make up an extent together with @low. */
#define EXTENT_BITS 0xfffffffffULL

static bool same_extent(const struct bkey *a, const struct bkey *b)
{
	return a->low == b->low && !((a->high ^ b->high) & EXTENT_BITS);
}

static u32 hash(const struct bkey *k, unsigned int bits)
{
	u64 extent = k->low ^ (k->high & EXTENT_BITS) << 28;

	return extent * 0x9e3779b97f4a7c15ULL >> (64 - bits); /* Knuth, 6.4 */
}

/**
 * newest_add() - record a key that is newer than all before
 * @t: the table
 * @k: a valid key, which stays in memory for as long as the table is in use
 *
 * If its slots are in use, another key is forgotten, and will then not be found to be
 * superseded. So the size of the table only determines how many are found.
 *
 * Return: the key that @k supersedes, or NULL
 */
struct bkey *newest_add(struct newest *t, struct bkey *k)
{
	u32 first = hash(k, t->bits), mask = (1U << t->bits) - 1, i;

	for (i = 0; i < NEWEST_WAYS; i++) {
		struct bkey **slot = &t->slot[(first + i) & mask];
		struct bkey *old = *slot;

		if (!old || same_extent(old, k)) {
			*slot = k;
			return old;
		}
	}
	t->slot[first] = k;
	return NULL;
}
