/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads ahead of a scan of the ring: chooses which parts of the journal to read together,
 * and finds the ones that were read.
 *
 * Pure like ring.h.
 */
#ifndef BCACHE_JOURNAL_AHEAD_H
#define BCACHE_JOURNAL_AHEAD_H

#include "ring.h"

#define AHEAD_PIECES 64
#define AHEAD_ALIGN 8 /* sectors: each piece begins at a page of the buffer */

/**
 * struct ahead_piece - part of a bucket, in the buffer
 * @bucket: index in the ring
 * @offset: in sectors from the start of the bucket
 * @sectors: length
 * @at: in sectors from the start of the buffer
 */
struct ahead_piece {
	u32 bucket;
	u32 offset;
	u32 sectors;
	u32 at;
};

struct ahead;

/* Read @n pieces. Returns 0, 1 if not all can be read, or a negative errno. */
typedef int ahead_fetch(struct ahead *a, const struct ahead_piece *piece,
			u32 n);

/**
 * struct ahead - sectors that were read ahead of a scan
 * @fetch: the caller's part; the caller sets this, @data and @sectors, and zeroes
 *         everything else
 * @data: the buffer
 * @sectors: its size, at least that of the longest entry; 0 if there is no buffer
 * @piece: its content
 * @pieces: number of pieces
 * @alone: bitmap of the buckets in which a read ahead failed: there is none any more
 */
struct ahead {
	ahead_fetch *fetch;
	void *data;
	u32 sectors;
	struct ahead_piece piece[AHEAD_PIECES];
	u32 pieces;
	u8 alone[RING_BUCKETS / 8];
};

int ahead_read(struct ahead *a, const struct ring *r, u32 bucket, u32 offset,
	       u32 sectors, const void **data);

#endif
