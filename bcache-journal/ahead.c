// SPDX-License-Identifier: GPL-2.0
/* Reads ahead of a scan of the ring; see ahead.h. */
#include "ahead.h"

#ifdef __KERNEL__
#include <linux/minmax.h>
#else
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif

static bool is_alone(const struct ahead *a, u32 bucket)
{
	return a->alone[bucket / 8] & 1 << bucket % 8;
}

/* Returns the sectors in the buffer, or NULL if they are not all there. */
static const void *find(const struct ahead *a, u32 bucket, u32 offset,
			u32 sectors)
{
	const struct ahead_piece *p;

	for (p = a->piece; p < a->piece + a->pieces; p++)
		if (p->bucket == bucket && offset >= p->offset &&
		    offset + sectors <= p->offset + p->sectors)
			return a->data +
			       ((size_t)(p->at + offset - p->offset) << 9);
	return NULL;
}

/* Add a piece, if there is room for all of it. */
static bool add_piece(struct ahead *a, u32 bucket, u32 offset, u32 sectors)
{
	u32 at = 0;

	if (a->pieces) {
		const struct ahead_piece *last = &a->piece[a->pieces - 1];

		at = (last->at + last->sectors + AHEAD_ALIGN - 1) /
		     AHEAD_ALIGN * AHEAD_ALIGN;
	}
	if (a->pieces == AHEAD_PIECES || is_alone(a, bucket) ||
	    at > a->sectors || sectors > a->sectors - at)
		return false;
	a->piece[a->pieces++] =
		(struct ahead_piece){ bucket, offset, sectors, at };
	return true;
}

/*
 * Choose what to read together with the place at @offset of @bucket: while ring.c looks for
 * the newest entry in the heads of the buckets, the heads that follow; when it reads a whole
 * bucket, the rest of that; and once the newest entry is known, also the buckets up to it.
 */
static void choose_pieces(struct ahead *a, const struct ring *r, u32 bucket,
			  u32 offset)
{
	u32 size = r->geom.bucket_sectors,
	    head = min(size, r->geom.max_bytes >> 9);
	u32 b = bucket;

	a->pieces = 0;
	if (!r->newest && !r->bucket[bucket].whole) {
		while (b < r->nbuckets && add_piece(a, b, 0, head))
			b++;
		return;
	}
	if (!add_piece(a, bucket, offset, min(size - offset, a->sectors)))
		return;
	while (r->newest && b != r->cur) {
		b = ring_next(r, b);
		if (!add_piece(a, b, 0, size))
			break;
	}
}

/*
 * Read the chosen pieces at once. If that fails, there is no way to tell which of them
 * failed: then read each separately, and drop those that can't be read.
 */
static int fetch_pieces(struct ahead *a)
{
	u32 n = a->pieces, i;
	int ret;

	a->pieces = 0;
	ret = n ? a->fetch(a, a->piece, n) : 0;
	if (!ret)
		a->pieces = n;
	if (ret <= 0)
		return ret;

	for (i = 0; i < n; i++) {
		struct ahead_piece p = a->piece[i];

		ret = n > 1 ? a->fetch(a, &p, 1) : 1;
		if (ret < 0)
			return ret;
		if (ret)
			a->alone[p.bucket / 8] |= 1 << p.bucket % 8;
		else
			a->piece[a->pieces++] = p;
	}
	return 0;
}

/**
 * ahead_read() - read a place in a bucket, and more of the ring along with it
 * @a: the buffer, initialised as described at struct ahead
 * @r: the ring that is being scanned
 * @bucket: index in the ring
 * @offset: in sectors from the start of the bucket
 * @sectors: length, at most jset_geom.max_bytes
 * @data: set to the sectors, which stay valid until the next call
 *
 * For ring_ops.read. A bucket that can't be read as a whole is left to the caller, so that
 * ring.c finds out which of its blocks are readable.
 *
 * Return: 0; 1 if the caller has to read the place itself; or a negative errno of fetch().
 */
int ahead_read(struct ahead *a, const struct ring *r, u32 bucket, u32 offset,
	       u32 sectors, const void **data)
{
	int ret;

	*data = find(a, bucket, offset, sectors);
	if (!*data && a->sectors && !is_alone(a, bucket)) {
		choose_pieces(a, r, bucket, offset);
		ret = fetch_pieces(a);
		if (ret)
			return ret;
		*data = find(a, bucket, offset, sectors);
	}
	return *data ? 0 : 1;
}
