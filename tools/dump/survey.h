/* SPDX-License-Identifier: GPL-2.0 */
/* All there is to say about the journal of a device. */
#ifndef DUMP_SURVEY_H
#define DUMP_SURVEY_H

#include "../../bcache-journal/explain.h"
#include "image.h"
#include "stock.h"
#include "super.h"

/**
 * enum place_state - what a place in a bucket is to recovery
 * @PLACE_NEEDED: a sound entry of last_seq..seq of the newest one
 * @PLACE_OLD: a sound entry that recovery does not need any more
 * @PLACE_STALE: the same, left behind a newer entry of its bucket by an earlier round
 * @PLACE_BEYOND: a sound entry newer than the newest one, which the scan does not see
 * @PLACE_DAMAGED: an entry that fails validation
 * @PLACE_UNREADABLE: blocks that can't be read
 * @PLACE_FOREIGN: a sound entry of another set
 */
enum place_state {
	PLACE_NEEDED,
	PLACE_OLD,
	PLACE_STALE,
	PLACE_BEYOND,
	PLACE_DAMAGED,
	PLACE_UNREADABLE,
	PLACE_FOREIGN,
};

/**
 * struct place - a place in a bucket that is not blank
 * @state: what it is to recovery
 * @spot: as the judge sees it; a run of unreadable blocks is one place
 * @last_seq: of an entry
 * @version: of an entry
 * @words: u64s of keys of an entry
 * @keys: number of keys of an entry; of a damaged one, as far as they make sense
 * @keys_read: these are all of its keys
 * @key_sectors: the sum of their sizes
 */
struct place {
	enum place_state state;
	struct ring_spot spot;
	u64 last_seq;
	u32 version;
	u32 words;
	u32 keys;
	bool keys_read;
	u64 key_sectors;
};

/**
 * enum bucket_state - the worst that a bucket has
 * @BUCKET_EMPTY: no entry of this set
 * @BUCKET_SOUND: entries that recovery needs, all sound
 * @BUCKET_STALE: entries that recovery does not need, all sound
 * @BUCKET_FOREIGN: entries of another set only
 * @BUCKET_DAMAGED: an entry fails validation
 * @BUCKET_UNREADABLE: a block can't be read
 */
enum bucket_state {
	BUCKET_EMPTY,
	BUCKET_SOUND,
	BUCKET_STALE,
	BUCKET_FOREIGN,
	BUCKET_DAMAGED,
	BUCKET_UNREADABLE,
};

/**
 * struct bucket - a bucket of the ring
 * @state: the worst that it has
 * @needed: recovery reads it
 * @entries: sound entries of its last round
 * @first: the lowest seq among them
 * @last: the highest seq among them
 * @stale: sound entries left by earlier rounds
 * @damaged: places that fail validation
 * @unreadable: blocks that can't be read
 * @foreign: sound entries of other sets
 */
struct bucket {
	enum bucket_state state;
	bool needed;
	u32 entries;
	u64 first;
	u64 last;
	u32 stale;
	u32 damaged;
	u32 unreadable;
	u32 foreign;
};

/**
 * struct loss - entries that a recovery would leave out
 * @count: number of entries
 * @first: the first one
 * @last: the last one; others between them may be kept
 * @keys: keys in those that can be read, also in damaged ones as far as they make sense
 * @sectors: the sum of their sizes
 * @unknown: entries whose keys can't be read
 * @at_least: there may be more than @count, between @first and @last
 */
struct loss {
	u64 count;
	u64 first;
	u64 last;
	u64 keys;
	u64 sectors;
	u64 unknown;
	bool at_least;
};

/* The series of stock drivers that differ in what they make of a journal. */
enum series {
	SERIES_DISCARD, /* accept a gap at the start, with discard */
	SERIES_LATER,
	NR_SERIES
};

/**
 * struct survey - all there is to say
 * @im: the device
 * @sb: its superblock
 * @sb_refused: why the stock driver refuses that, or NULL
 * @ours_refused: why bcache-journal refuses it, if not empty
 * @sync: the set has been in use; otherwise nothing reads its journal
 * @partial: the image is shorter than the device was
 * @past_end: buckets lie past the end of the device, which the stock driver accepts if
 *            this is a partition of a large enough disk
 * @ring: the ring as the judge left it
 * @error: the scan was given up with this errno, or 0
 * @verdict: of the judge
 * @root_ok: the newest entry leads to a root of the btree
 * @newest: a copy of the newest entry, or NULL
 * @bucket: the buckets
 * @place: the places that are not blank, in the order of the ring
 * @nr_places: number of them
 * @room: room for so many
 * @max_places: keep no more than that, and half as many that recovery does not need; the
 *              caller may set it, otherwise survey_super() does
 * @left_out: places that were not kept
 * @spare: where those go
 * @by_seq: the places in the order of their seq
 * @replayed: keys in the entries that recovery uses
 * @replayed_sectors: the sum of their sizes
 * @lost: what is lost if the user accepts it; count is 0 if nothing is
 * @stock: what the stock drivers would do
 * @stock_lost: what they would lose
 * @stock_errors: blocks whose read errors the stock driver would not notice
 * @progress: called now and then, may be NULL
 * @buf: the last read for the walks
 * @again: the last read of a place that a walk is at
 * @look: for the walk over all buckets
 */
struct survey {
	struct image *im;
	struct super sb;
	const char *sb_refused;
	struct sentence ours_refused;
	bool sync;
	bool partial;
	bool past_end;
	struct ring ring;
	int error;
	enum ring_verdict verdict;
	bool root_ok;
	struct jset *newest;
	struct bucket bucket[RING_BUCKETS];
	struct place *place;
	size_t nr_places;
	size_t room;
	size_t max_places;
	u64 left_out;
	struct place spare;
	const struct place **by_seq;
	u64 replayed;
	u64 replayed_sectors;
	struct loss lost;
	struct stock_verdict stock[NR_SERIES];
	struct loss stock_lost[NR_SERIES];
	u64 stock_errors;
	void (*progress)(const char *what, u32 bucket, u32 of);
	void *buf;
	void *again;
	struct ring look;
};

enum surveyed {
	SURVEYED,
	NO_SUPER, /* after a message */
};

enum surveyed survey_super(struct survey *s, struct image *im);
enum surveyed survey_ring(struct survey *s);
void survey_free(struct survey *s);
bool survey_accepts(const struct survey *s);
bool survey_registers(const struct survey *s);
u64 survey_sector(const struct survey *s, u32 bucket, u32 offset);
const struct jset *survey_jset(struct survey *s, const struct place *p);

extern const char *const place_names[];
extern const char *const bucket_names[];
extern const char *const series_names[NR_SERIES];

#endif
