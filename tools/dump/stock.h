/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the stock driver would make of a journal. Pure: the caller reads.
 *
 * This models the scan and the checks of replay in the vetted series, not the text of
 * their source. tests/cases/dump.sh compares it with the real drivers.
 */
#ifndef DUMP_STOCK_H
#define DUMP_STOCK_H

#include "../../bcache-journal/ring.h"

/**
 * DOC: the stock driver's scan
 *
 * The driver looks for one bucket with an entry, in an order that spreads over the ring;
 * from there it searches for the newest bucket by bisection, and then reads backwards
 * from that bucket until one has nothing new. A bucket is read up to the first place
 * that is not a sound entry. Entries that an entry found later does not need, by its
 * last_seq, are dropped. A read error is not noticed: the driver looks at whatever the
 * buffer holds, usually the entries that were read before.
 *
 * Replay starts from the newest entry found, and needs all of its last_seq..seq. On 6.1
 * and 6.12, a gap at the start is accepted if the set and the device discard.
 */

/**
 * enum stock_outcome - what the stock driver would do
 * @STOCK_REGISTERS: replay the entries that it has found
 * @STOCK_NOTHING: refuse, since it finds no entry
 * @STOCK_MISSING: refuse, since an entry is missing
 * @STOCK_BAD_ROOT: refuse, since the newest entry has an impossible key for the root of
 *                  the btree, or for the uuids
 * @STOCK_BAD_KEY: fail in the middle of registration, since a key is impossible
 * @STOCK_CRASHES: a BUG, a memory error or an endless loop: it does not check this
 */
enum stock_outcome {
	STOCK_REGISTERS,
	STOCK_NOTHING,
	STOCK_MISSING,
	STOCK_BAD_ROOT,
	STOCK_BAD_KEY,
	STOCK_CRASHES,
};

/* What the keys of an entry do to the stock driver; the worst one counts. */
enum stock_keys {
	STOCK_KEYS_OK,
	STOCK_KEYS_FAIL,
	STOCK_KEYS_CRASH,
};

/* An entry that the stock driver has found. */
struct stock_entry {
	u64 seq;
	u64 last_seq;
	u32 bucket;
	enum stock_keys keys;
	bool root_ok;
};

/**
 * struct stock - a scan by the stock driver
 * @read: read @sectors from @offset of @bucket into @buf, and leave the place of a block
 *        that can't be read alone. Returns the number of such blocks
 * @csum: compute the checksum of an entry
 * @context: for @read
 * @geom: the geometry; the caller sets the fields up to here, and zeroes the rest
 * @nbuckets: the number of journal buckets
 * @list: the entries found, by seq
 * @first: index of the first one
 * @end: index behind the last one
 * @room: room of @list
 * @buf: the last read
 * @seen: the buckets that were read
 * @errors: number of blocks that could not be read, which the driver does not notice
 * @no_memory: out of memory
 */
struct stock {
	u32 (*read)(struct stock *s, u32 bucket, u32 offset, u32 sectors,
		    void *buf);
	u64 (*csum)(const struct jset *j);
	void *context;
	struct jset_geom geom;
	u32 nbuckets;

	struct stock_entry *list;
	u32 first;
	u32 end;
	u32 room;
	void *buf;
	bool seen[RING_BUCKETS];
	u64 errors;
	bool no_memory;
};

/**
 * struct stock_verdict - what follows from what it has found
 * @outcome: what the driver would do
 * @from: the first entry that it replays, or would
 * @to: the last one
 * @needed: the first entry that it needs
 * @at: the entry that the outcome is about; for STOCK_MISSING, the first one missing
 */
struct stock_verdict {
	enum stock_outcome outcome;
	u64 from;
	u64 to;
	u64 needed;
	u64 at;
};

int stock_scan(struct stock *s);
struct stock_verdict stock_judge(const struct stock *s, bool discards);
void stock_free(struct stock *s);
bool stock_root_ok(const struct jset *j, const struct jset_geom *g);

#endif
