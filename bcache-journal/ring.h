/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The judgement on a whole ring of journal buckets: may recovery go on?
 *
 * Pure like ondisk.h: the kernel module, the tools and the unit tests compile the very
 * same file. The caller reads blocks and keeps entries.
 */
#ifndef BCACHE_JOURNAL_RING_H
#define BCACHE_JOURNAL_RING_H

#include "ondisk.h"

/**
 * DOC: what is refused, and what is not
 *
 * An entry N is written only after N - 1 is on the disk, and one write is in
 * flight at a time. So if the newest sound entry anywhere in the ring is M, its
 * last_seq is L, and the power failed, then
 *
 * - every entry L..M must be there and sound. One that is missing was
 *   acknowledged: refuse. The exception is a gap that begins at L and consists
 *   of whole buckets without any entry of this set, on a set that discards: these
 *   buckets were reclaimed and discarded before an entry that says so was
 *   written. The other exception is a gap that begins at L, in the next bucket,
 *   where a torn M + 1 stands at the front: that bucket was reclaimed before.
 * - M + 1 may be torn: damaged or unreadable, right behind M or at the start of
 *   the next bucket. It was never acknowledged.
 * - nothing of M + 2 can exist. If a damaged entry claims such a seq, M + 1 was
 *   complete: refuse. An unreadable stretch longer than one entry, in the place
 *   of M + 1, may hide acknowledged entries too: refuse. So may one that fills
 *   the next bucket, or one in each of the two places.
 * - an entry from L on whose checksum is right but which the validator rejects
 *   was written like that: refuse.
 * - damage elsewhere does not matter.
 *
 * The order of the ring says where to look. Entries follow one another from
 * bucket to bucket, so the heads of all buckets give M but for what is newer
 * inside the bucket of the newest head, or in the buckets behind it as far as
 * their heads are damaged. These are read whole, and again from wherever that
 * leads.
 */

#define RING_BUCKETS 256 /* SB_JOURNAL_BUCKETS */
#define RING_MAX_OPEN 32768 /* entries between last_seq and seq, see max_open */
#define RING_DAMAGES 8 /* damaged places that are remembered for a message */
#define RING_NONE (~0U) /* no bucket */

/**
 * enum ring_kind - what a place in a bucket holds
 * @RING_BLANK: a block at which no entry of this set begins
 * @RING_SOUND: an entry that has passed the validator
 * @RING_BAD: a block with the magic of an entry that has not passed
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
 * @kind: what it holds
 * @bucket: index in the ring
 * @offset: in sectors from the start of the bucket
 * @sectors: length; a block unless the entry is sound
 * @verdict: of the validator, for an entry
 * @fault: what exactly is wrong with a bad one
 * @seq: what an entry, sound or bad, claims to be; else 0
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
 * struct ring_bucket - what is known of a bucket
 * @whole: it was read to its end, not only its first place
 * @head: what the first place holds
 * @head_seq: seq of a sound entry there, or 0
 * @sound: sound entries seen
 * @bad: bad ones
 * @unreadable: unreadable blocks
 * @newest: seq of the newest sound entry, or 0
 * @last_seq: what that one says is needed
 * @end: offset behind it
 * @behind: unreadable sectors right there
 * @front: unreadable sectors at the start of the bucket
 * @claim: the bad entry with a wrong checksum that claims the highest seq; once
 *         the newest entry is known, the highest one that can follow it
 * @rejected: the bad entry with a right checksum that has the highest seq
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
 * @RING_MISSING: an entry that recovery needs is not there
 * @RING_REJECTED: an entry that recovery needs, or one newer than all sound
 *                 ones, is complete and can't be used
 * @RING_LATER: a damaged entry shows that another one, now lost, was complete
 * @RING_HIDDEN: entries newer than all sound ones may be where nothing can be
 *               read
 * @RING_TWICE: two entries have the same seq: a part of the history was
 *              abandoned once, and then written anew
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
 * @read: make @sectors from @offset of @bucket readable and point to them; valid
 *        until the next call. At most jset_geom.max_bytes, and within the bucket.
 *        0; 1 if they can't all be read; a negative errno ends the scan
 * @csum: the checksum of an entry, see jset_csum_start()
 * @keep: an entry of L..M, in the order of the ring; instead of an earlier one of
 *        the same seq. 0, or a negative errno, which ends the scan
 * @erase: overwrite with zeroes what @spot covers. 0 or a negative errno
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
 * @ops: the caller's part; this, @geom, @nbuckets and @discards are the caller's
 *       to set, all else begins as zeroes
 * @geom: geometry of the cache
 * @nbuckets: journal buckets, at most RING_BUCKETS
 * @discards: the superblock says that journal buckets may be discarded
 * @bucket: what is known of each
 * @newest: seq of the newest sound entry (M), 0 if there is none
 * @last_seq: the oldest that it needs (L)
 * @cur: the bucket of @newest
 * @start: bucket from which on entries were kept
 * @have: which of L..M were kept; bit 0 is L
 * @kept: how many
 * @first: the oldest of them
 * @first_at: its bucket
 * @gone_first: first entry that is missing, 0 if none is
 * @gone_last: the last one of that gap
 * @gone: how many are missing in all
 * @discarded: entries from L on that a discard, or M + 1, has taken, see above
 * @overwritten: it was M + 1
 * @torn: the place of an entry that was being written; kind RING_BLANK if none is
 * @at: what the verdict is about; where the first missing entry would have begun
 * @behind: where the entry after the newest one that was kept so far begins
 * @hole: the same in front of the first gap; sectors 0 if there is none
 * @twice: an entry whose seq was there already; seq 0 if there is none
 * @damage: damaged places among what recovery needs
 * @damages: how many there are; more than RING_DAMAGES are not remembered
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
