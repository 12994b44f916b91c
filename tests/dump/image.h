/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small cache device in memory, with a journal that has gone round, for the tests of
 * bcache-journal-dump: blocks of 512 bytes, 128 buckets of 16 blocks, 8 of them journal.
 */
#ifndef TESTS_DUMP_IMAGE_H
#define TESTS_DUMP_IMAGE_H

#include <stdlib.h>
#include <string.h>

#include "../../bcache-journal/ondisk.h"
#include "../../lib/crc64.h"

#define TI_BLOCK 512
#define TI_BUCKET_BLOCKS 16
#define TI_BUCKETS 128
#define TI_JOURNAL 8
#define TI_FIRST 1
#define TI_BYTES (TI_BUCKETS * TI_BUCKET_BLOCKS * TI_BLOCK)
#define TI_MAX_SEQ 256
#define TI_NEEDED \
	3 /* journal buckets back from the newest that recovery needs */
#define TI_SET 0x0123456789abcdefULL

static u8 ti_data[TI_BYTES] __attribute__((aligned(4096)));

/* Where each entry was written, by seq; ti_newest is the last one. */
static struct {
	u32 bucket, block, blocks;
} ti_entry[TI_MAX_SEQ];
static u64 ti_newest;

/* A field of the superblock. */
#define TI_SUPER(type, at) (*(type *)(ti_data + 4096 + (at)))
#define TI_VERSION TI_SUPER(u64, 16)
#define TI_FLAGS TI_SUPER(u64, 104)
#define TI_NJOURNAL TI_SUPER(u16, 206)

static inline void ti_seal_super(void)
{
	u32 n = TI_NJOURNAL < 256 ? TI_NJOURNAL : 256;

	TI_SUPER(u64, 0) = bcache_crc64(ti_data + 4096 + 8, 200 + 8 * n);
}

static inline void ti_super(void)
{
	static const u8 magic[16] = { 0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a,
				      0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f,
				      0x48, 0xba, 0x6d, 0x81 };
	u32 i;

	TI_SUPER(u64, 8) = 8; /* its own sector */
	TI_VERSION = 3;
	memcpy(ti_data + 4096 + 24, magic, sizeof(magic));
	memset(ti_data + 4096 + 40, 0x55, 16); /* the device's UUID */
	TI_SUPER(u64, 56) = TI_SET;
	TI_SUPER(u64, 64) = 0x1122334455667788ULL;
	strcpy((char *)ti_data + 4096 + 72, "test");
	TI_FLAGS = 1;
	TI_SUPER(u64, 184) = TI_BUCKETS;
	TI_SUPER(u16, 192) = TI_BLOCK / 512;
	TI_SUPER(u16, 194) = TI_BUCKET_BLOCKS * TI_BLOCK / 512;
	TI_SUPER(u16, 196) = 1;
	TI_SUPER(u32, 200) = 1700000000;
	TI_SUPER(u16, 204) = TI_FIRST;
	TI_NJOURNAL = TI_JOURNAL;
	for (i = 0; i < TI_JOURNAL; i++)
		TI_SUPER(u64, 208 + 8 * i) = TI_FIRST + i;
	ti_seal_super();
}

static inline u8 *ti_block(u32 bucket, u32 block)
{
	return ti_data +
	       ((TI_FIRST + bucket) * TI_BUCKET_BLOCKS + block) * TI_BLOCK;
}

static inline struct jset *ti_jset(u64 seq)
{
	return (struct jset *)ti_block(ti_entry[seq].bucket,
				       ti_entry[seq].block);
}

static inline void ti_seal(struct jset *j)
{
	j->csum = bcache_crc64(jset_csum_start(j), jset_csum_bytes(j));
}

/* The key of a metadata bucket; the range of a node ends at @inode and @offset. */
static inline void ti_meta(__u64 *words, u64 bucket, u32 inode, u64 offset)
{
	struct bkey *k = (struct bkey *)words;

	key_make(k, inode, offset, TI_BUCKET_BLOCKS * TI_BLOCK / 512);
	key_set_ptrs(k, 1);
	k->ptr[0] = ptr_make(1, bucket * TI_BUCKET_BLOCKS * TI_BLOCK / 512, 0);
}

/* An entry of some blocks, with as many keys of one block as fit, every other one dirty. */
static inline void ti_write(u64 seq, u64 last_seq, u32 bucket, u32 block,
			    u32 blocks)
{
	struct jset *j = (struct jset *)ti_block(bucket, block);
	u32 words = (blocks * TI_BLOCK - sizeof(*j)) / 8;

	memset(j, 0, blocks * TI_BLOCK);
	j->magic = TI_SET ^ JSET_MAGIC;
	j->seq = seq;
	j->version = JSET_VERSION;
	j->last_seq = last_seq;
	j->btree_level = 1;
	ti_meta(j->btree_root_pad, 20, KEY_MAX_INODE, KEY_MAX_OFFSET);
	ti_meta(j->uuid_bucket_pad, 21, 0, 0);
	j->prio_bucket[0] = 22;
	while (j->keys + KEY_U64S + 1 <= words) {
		struct bkey *k = (struct bkey *)(j->d + j->keys);

		key_make(k, 0, seq * 1000 + j->keys + 8, 8);
		key_set_ptrs(k, 1);
		if (j->keys & 1)
			k->high |= 1ULL << 36;
		k->ptr[0] = ptr_make(
			3, (30 + seq % 90) * TI_BUCKET_BLOCKS * TI_BLOCK / 512,
			0);
		j->keys += key_u64s(k);
	}
	ti_seal(j);
	ti_entry[seq].bucket = bucket;
	ti_entry[seq].block = block;
	ti_entry[seq].blocks = blocks;
}

/*
 * A journal of @total buckets written round and round; @used blocks of the last one are
 * used. Entries have 2, 3, 2, 3... blocks, and a shorter one fills the bucket.
 */
static inline void ti_make(u32 total, u32 used)
{
	u64 first_of[TI_NEEDED] = { 1, 1, 1 };
	u32 i;

	memset(ti_data, 0, sizeof(ti_data));
	ti_super();
	ti_newest = 0;
	for (i = 0; i < total; i++) {
		u32 block = 0, end = i + 1 == total ? used : TI_BUCKET_BLOCKS;

		memmove(first_of + 1, first_of, sizeof(u64) * (TI_NEEDED - 1));
		first_of[0] = ti_newest + 1;
		while (block < end) {
			u32 blocks = 2 + ti_newest % 2;

			if (block + blocks > end)
				blocks = end - block;
			ti_newest++;
			ti_write(ti_newest, first_of[TI_NEEDED - 1],
				 i % TI_JOURNAL, block, blocks);
			block += blocks;
		}
	}
}

static inline void ti_zero(u32 bucket)
{
	memset(ti_block(bucket, 0), 0, TI_BUCKET_BLOCKS * TI_BLOCK);
}

/* The first entry of the last round in a bucket. */
static inline u64 ti_first_in(u32 bucket)
{
	u64 seq;

	for (seq = ti_newest; seq; seq--)
		if (ti_entry[seq].bucket == bucket && !ti_entry[seq].block)
			return seq;
	return 0;
}

static inline u32 ti_cur(void)
{
	return ti_entry[ti_newest].bucket;
}

static inline u32 ti_before(u32 n)
{
	return (ti_cur() + TI_JOURNAL - n) % TI_JOURNAL;
}

/*
 * What can be wrong, by name. "damage" without a name in the table fails.
 *
 * sound      nothing
 * torn       the entry behind the newest one was half written
 * middle     an entry that recovery needs has a wrong checksum
 * rollback   the head of the newest bucket is gone: the stock driver goes back
 * bucket     a needed bucket is empty
 * discarded  the oldest needed bucket was discarded
 * start      the set discards, and the oldest needed entry has a wrong checksum
 * version    the newest entry has a format from the future
 * far        the same, and its number is far ahead
 * later      the newest two entries are damaged
 * twice      an entry is there again, in the bucket behind
 * foreign    a bucket that recovery does not need has entries of another set
 * label      the label has two characters of UTF-8, half a third one, and ESC
 * unused     the set was never in use
 * flags      the replacement policy is unknown
 * root       the newest entry leads to no root
 * key        a needed entry has a key that leads out of the cache
 * sequence   the journal buckets are all the same one
 * csum       the checksum of the superblock is wrong
 * backing    a backing device
 * none       no superblock
 * empty      no entry anywhere
 * noise      a long entry with a wrong checksum begins at each block
 */
static inline bool ti_damage(const char *name)
{
	struct jset *j = ti_jset(ti_newest);
	u64 seq;

	if (!strcmp(name, "sound")) {
	} else if (!strcmp(name, "torn")) {
		ti_write(ti_newest + 1, j->last_seq, ti_cur(),
			 ti_entry[ti_newest].block + ti_entry[ti_newest].blocks,
			 3);
		memset((u8 *)ti_jset(ti_newest + 1) + TI_BLOCK, 0xee, TI_BLOCK);
	} else if (!strcmp(name, "middle")) {
		ti_jset(ti_first_in(ti_before(1)) + 2)->csum ^= 1;
	} else if (!strcmp(name, "rollback")) {
		memset(ti_block(ti_cur(), 0), 0, TI_BLOCK);
	} else if (!strcmp(name, "bucket")) {
		ti_zero(ti_before(1));
	} else if (!strcmp(name, "discarded")) {
		ti_zero(ti_before(2));
		TI_FLAGS |= 2;
		ti_seal_super();
	} else if (!strcmp(name, "start")) {
		ti_jset(j->last_seq)->csum ^= 1;
		TI_FLAGS |= 2;
		ti_seal_super();
	} else if (!strcmp(name, "version")) {
		j->version = 7;
		ti_seal(j);
	} else if (!strcmp(name, "far")) {
		j->version = 7;
		j->seq += 1000000;
		ti_seal(j);
	} else if (!strcmp(name, "later")) {
		j->csum ^= 1;
		ti_jset(ti_newest - 1)->csum ^= 1;
	} else if (!strcmp(name, "twice")) {
		seq = ti_newest - 1;
		ti_write(ti_newest - 2, j->last_seq, ti_cur(),
			 ti_entry[seq].block, ti_entry[seq].blocks);
	} else if (!strcmp(name, "foreign")) {
		ti_zero((ti_cur() + 1) % TI_JOURNAL);
		ti_write(5, 5, (ti_cur() + 1) % TI_JOURNAL, 0, 2);
		ti_jset(5)->magic ^= 0xffff;
		ti_seal(ti_jset(5));
	} else if (!strcmp(name, "label")) {
		strcpy((char *)ti_data + 4096 + 72,
		       "caf\xc3\xa9 \xe2\x82\xac \xe2\x82 \x1b[m");
		ti_seal_super();
	} else if (!strcmp(name, "unused")) {
		TI_FLAGS = 0;
		ti_seal_super();
	} else if (!strcmp(name, "flags")) {
		TI_FLAGS |= 7 << 2;
		ti_seal_super();
	} else if (!strcmp(name, "root")) {
		memset(j->btree_root_pad, 0, sizeof(j->btree_root_pad));
		ti_seal(j);
	} else if (!strcmp(name, "key")) {
		j = ti_jset(ti_newest - 1);
		((struct bkey *)j->d)->ptr[0] = ptr_make(3, 1 << 20, 0);
		ti_seal(j);
	} else if (!strcmp(name, "sequence")) {
		u32 i;

		TI_NJOURNAL = 256;
		for (i = 0; i < 256; i++)
			TI_SUPER(u64, 208 + 8 * i) = TI_FIRST;
		ti_seal_super();
	} else if (!strcmp(name, "csum")) {
		TI_SUPER(u64, 0) ^= 1;
	} else if (!strcmp(name, "backing")) {
		TI_VERSION = 1;
		ti_seal_super();
	} else if (!strcmp(name, "none")) {
		memset(ti_data + 4096, 0, 4096);
	} else if (!strcmp(name, "noise")) {
		u32 b, n;

		for (b = 0; b < TI_JOURNAL; b++) {
			for (n = 0; n < TI_BUCKET_BLOCKS; n++) {
				ti_write(1, 1, b, n, 1);
				j = (struct jset *)ti_block(b, n);
				j->csum ^= 1;
				j->keys = ((TI_BUCKET_BLOCKS - n) * TI_BLOCK -
					   sizeof(*j)) /
					  8;
			}
		}
	} else if (!strcmp(name, "empty")) {
		u32 b;

		for (b = 0; b < TI_JOURNAL; b++)
			ti_zero(b);
	} else {
		return false;
	}
	return true;
}

static const char *const ti_names[] = {
	"sound",    "torn",    "middle", "rollback", "bucket", "discarded",
	"start",    "version", "far",	 "later",    "twice",  "foreign",
	"label",    "unused",  "flags",	 "root",     "key",    "csum",
	"sequence", "backing", "none",	 "noise",    "empty",
};

#endif
