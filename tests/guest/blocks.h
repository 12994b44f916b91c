/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks whose content follows from their number and a count: half a write, or one to
 * another block, cannot pass for a whole one. For ackwrite.c and crash.c.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <err.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK 4096
#define WORDS (BLOCK / sizeof(uint64_t))

static inline uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static inline void fill(uint64_t *buf, uint64_t block, uint64_t seq)
{
	uint64_t word = mix(block << 32 ^ seq ^ 0x6f75747269676772ull);

	buf[0] = block;
	buf[1] = seq;
	for (size_t i = 2; i < WORDS; i++)
		buf[i] = word += 0x9e3779b97f4a7c15ull;
}

/* A buffer for O_DIRECT. */
static inline void *buffer(size_t bytes)
{
	void *buf;

	if (posix_memalign(&buf, BLOCK, bytes))
		errx(2, "no memory");
	return buf;
}

#endif
