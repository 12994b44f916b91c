/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Judges a whole ring of journal buckets: is recovery safe?
 *
 * Pure like ondisk.h: the kernel module, the tools and the unit tests all compile this
 * file. The caller reads the blocks and keeps the entries.
 */
#ifndef BCACHE_JOURNAL_RING_H
#define BCACHE_JOURNAL_RING_H

#include "ondisk.h"

/**
 * DOC: when a set is refused
 *
 * Entry N is written only after N - 1 is on disk, and only one write is in
 * flight at a time. So after a power failure, if M is the newest sound entry
 * anywhere in the ring and L is its last_seq, then
 *
 * - all of L..M must be present and sound. A missing entry was acknowledged:
 *   refuse. There are two exceptions. On a set that discards, a gap may begin
 *   at L and consist of whole buckets without any entry of this set: these
 *   buckets were reclaimed and discarded before the entry that records this was
 *   written. A gap may also begin at L, in the next bucket, if a torn M + 1 is at
 *   the start of that bucket: the bucket was reclaimed first.
 * - M + 1 may be torn: damaged or unreadable, directly after M or at the start
 *   of the next bucket. It was never acknowledged.
 * - no part of M + 2 can exist. If a damaged entry claims such a seq, M + 1 was
 *   complete: refuse. An unreadable area longer than one entry in the place of
 *   M + 1 may also hide acknowledged entries: refuse. The same goes for one that
 *   fills the next bucket, and for one in each of the two places.
 * - an entry from L on that has a correct checksum but fails validation was
 *   written that way: refuse.
 * - damage elsewhere does not matter.
 *
 * The order of the ring determines where to look. Entries continue from bucket to
 * bucket, so the bucket with the newest head also holds M, unless M is in one of
 * the buckets after it whose heads are damaged. Read these buckets whole, and
 * repeat from any newer bucket that this finds.
 */

#define RING_BUCKETS 256 /* SB_JOURNAL_BUCKETS */
#define RING_MAX_OPEN 32768 /* entries between last_seq and seq, see max_open */
#define RING_DAMAGES 8 /* damaged places to remember for a message */
#define RING_NONE (~0U) /* no bucket */

/**
 * enum ring_kind - the content of a place in a bucket
 * @RING_BLANK: a block at which no entry of this set begins
 * @RING_SOUND: an entry that passes validation
 * @RING_BAD: a block with the magic of an entry that fails validation
 * @RING_UNREADABLE: a block that can't be read
 */
enum ring_kind {
	RING_BLANK,
	RING_SOUND,
	RING_BAD,
	RING_UNREADABLE,
};

/**
 * struct ring_spot - a place in a bucket
 * @kind: its content
 * @bucket: index in the ring
 * @offset: in sectors from the start of the bucket
 * @sectors: length; one block unless it holds a sound entry
 * @verdict: the validator's verdict on an entry
 * @fault: details of the fault of a bad entry
 * @seq: the seq that an entry, sound or bad, claims to have; else 0
 */
struct ring_spot {
	enum ring_kind kind;
	u32 bucket;
	u32 offset;
	u32 sectors;
	enum jset_verdict verdict;
	struct jset_fault fault;
	u64 seq;
};

/**
 * struct ring_bucket - the state of a bucket, as far as it was read
 * @whole: read to its end, not only its first place
 * @head: the content of the first place
 * @head_seq: seq of a sound entry in the first place, or 0
 * @sound: number of sound entries
 * @bad: number of bad entries
 * @unreadable: number of unreadable blocks
 * @newest: seq of the newest sound entry, or 0
 * @last_seq: last_seq of that entry
 * @end: offset of the end of that entry
 * @behind: unreadable sectors from @end on
 * @front: unreadable sectors at the start of the bucket
 * @claim: the bad entry with a wrong checksum that claims the highest seq; once
 *         the newest entry is known, the highest seq that can follow it
 * @rejected: the bad entry with a correct checksum that has the highest seq
 */
struct ring_bucket {
	bool whole;
	enum ring_kind head;
	u64 head_seq;
	u32 sound;
	u32 bad;
	u32 unreadable;
	u64 newest;
	u64 last_seq;
	u32 end;
	u32 behind;
	u32 front;
	struct ring_spot claim;
	struct ring_spot rejected;
};

/**
 * enum ring_verdict - may the set be registered?
 * @RING_OK: yes
 * @RING_EMPTY: there is no sound entry in the ring
 * @RING_MISSING: an entry that recovery needs is missing
 * @RING_REJECTED: an entry that recovery needs, or one newer than all sound
 *                 ones, is complete but unusable
 * @RING_LATER: a damaged entry shows that another one, now lost, was complete
 * @RING_HIDDEN: an unreadable area may hold entries newer than all sound ones
 * @RING_TWICE: two entries have the same seq: part of the history was once
 *              abandoned, then rewritten
 */
enum ring_verdict {
	RING_OK,
	RING_EMPTY,
	RING_MISSING,
	RING_REJECTED,
	RING_LATER,
	RING_HIDDEN,
	RING_TWICE,
};

struct ring;

/**
 * struct ring_ops - the caller's part
 * @read: read @sectors from @offset of @bucket and set @data to them, valid until
 *        the next call. At most jset_geom.max_bytes, and within the bucket.
 *        Returns 0, 1 if not all sectors can be read, or a negative errno, which
 *        ends the scan
 * @csum: compute the checksum of an entry, see jset_csum_start()
 * @keep: keep an entry of L..M, in place of any earlier one with the same seq;
 *        called in the order of the ring. Returns 0, or a negative errno, which
 *        ends the scan
 * @erase: overwrite @spot with zeroes. Returns 0 or a negative errno
 */
struct ring_ops {
	int (*read)(struct ring *r, u32 bucket, u32 offset, u32 sectors,
		    const void **data);
	u64 (*csum)(const struct jset *j);
	int (*keep)(struct ring *r, u32 bucket, const struct jset *j);
	int (*erase)(struct ring *r, const struct ring_spot *spot);
};

/**
 * struct ring - a scan of a ring
 * @ops: the caller's part; the caller sets this, @geom, @nbuckets and @discards,
 *       and zeroes everything else
 * @geom: geometry of the cache
 * @nbuckets: number of journal buckets, at most RING_BUCKETS
 * @discards: the superblock says that journal buckets may be discarded
 * @bucket: the state of each bucket
 * @newest: seq of the newest sound entry (M), 0 if there is none
 * @last_seq: the oldest entry that @newest needs (L)
 * @cur: the bucket of @newest
 * @start: the first bucket from which entries were kept
 * @have: bitmap of the entries L..M that were kept; bit 0 is L
 * @kept: number of entries kept
 * @first: seq of the oldest entry kept
 * @first_at: its bucket
 * @gone_first: seq of the first missing entry, 0 if none is missing
 * @gone_last: seq of the last entry of that gap
 * @gone: total number of missing entries
 * @discarded: entries from L on lost to a discard or to M + 1, see above
 * @overwritten: those were lost to M + 1
 * @torn: the place of an entry that was being written, or kind RING_BLANK
 * @at: the place that the verdict is about; for a missing entry, where the first
 *      one would have begun
 * @behind: where the entry after the newest one seen so far begins
 * @hole: the same for the entry before the first gap; sectors is 0 if there is none
 * @twice: an entry whose seq was already kept; seq 0 if there is none
 * @damage: damaged places that may matter to recovery
 * @damages: number of such places, which may exceed RING_DAMAGES
 * @unneeded: damaged buckets that recovery does not need
 */
struct ring {
	const struct ring_ops *ops;
	struct jset_geom geom;
	u32 nbuckets;
	bool discards;

	struct ring_bucket bucket[RING_BUCKETS];
	u64 newest;
	u64 last_seq;
	u32 cur;
	u32 start;
	u8 have[RING_MAX_OPEN / 8];
	u32 kept;
	u64 first;
	u32 first_at;
	u64 gone_first;
	u64 gone_last;
	u64 gone;
	u64 discarded;
	bool overwritten;
	struct ring_spot torn;
	struct ring_spot at;
	struct ring_spot behind;
	struct ring_spot hole;
	struct ring_spot twice;
	struct ring_spot damage[RING_DAMAGES];
	u32 damages;
	u32 unneeded;
};

/* A ring_visit returns this to end the walk of a bucket. */
#define RING_STOP 1

/*
 * Called with a place, and with the block or the entry that is there, or NULL if that
 * is unreadable. Returns 0, RING_STOP or a negative errno.
 */
typedef int ring_visit(struct ring *r, const struct ring_spot *s,
		       const struct jset *j);

int ring_walk(struct ring *r, u32 bucket, ring_visit *visit);
int ring_scan(struct ring *r);
enum ring_verdict ring_judge(struct ring *r);
int ring_erase(struct ring *r);

static inline u32 ring_next(const struct ring *r, u32 bucket)
{
	return bucket + 1 < r->nbuckets ? bucket + 1 : 0;
}

static inline u32 ring_prev(const struct ring *r, u32 bucket)
{
	return (bucket ? bucket : r->nbuckets) - 1;
}

static inline u32 ring_block(const struct ring *r)
{
	return r->geom.block_bytes >> 9;
}

#endif
