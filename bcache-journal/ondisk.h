/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The on-disk format of the bcache journal, and its only validator.
 *
 * This file and ondisk.c are pure: the kernel module, the tools, the unit tests
 * and the fuzzer all compile the same source. Nothing here allocates, sleeps,
 * logs or takes a lock, so all functions may be called from any context.
 */
#ifndef BCACHE_JOURNAL_ONDISK_H
#define BCACHE_JOURNAL_ONDISK_H

#include <linux/types.h>

#ifndef __KERNEL__
#include <stdbool.h>
#include <stddef.h>

typedef __u64 u64;
typedef __u32 u32;
typedef __u16 u16;
typedef __u8 u8;
#endif

/**
 * DOC: the format of the journal
 *
 * The journal is a ring of buckets. A bucket is filled from its start with
 * consecutive jsets. Each begins at a block boundary and stays inside the
 * bucket; the rest of the bucket is left over from an earlier round. A jset is
 * a header followed by an array of u64s that holds the journalled keys
 * back to back: two u64s for each key and one more for each of its pointers.
 *
 * All numbers are in the byte order of the machine that wrote them. Sizes and
 * offsets in keys and pointers are in sectors of 512 bytes.
 *
 * A jset can only be trusted after three steps, in this order:
 *
 * 1. jset_check_header() on the first block: is there a jset, and how long is it?
 * 2. The caller reads all its jset_bytes() into memory and computes the checksum
 *    of the jset_csum_bytes() that start at jset_csum_start().
 * 3. jset_check_body(): are all fields and keys safe for bcache to use?
 *
 * Only then is jset_for_each_key() safe.
 */

#define JSET_MAGIC 0x245235c1a3625032ULL /* xored with the set's own magic */
#define JSET_VERSION \
	1 /* the newest; version 0 differs only in its older uuid format */
#define JSET_CACHES \
	8 /* caches in a set, and so the limit for a pointer's device */
#define JSET_MAX_LEVEL 15 /* a tree of 2^40 buckets of 4 KiB is 8 levels deep */
/* Out of reach: 146,000 years at one entry per microsecond. */
#define JSET_MAX_SEQ 0x4000000000000000ULL
#define JSET_NO_KEY (~0U) /* jset_fault.key_index of a fault in the header */

#define KEY_U64S 2 /* length of a key without pointers */
#define KEY_MAX_PTRS 6
#define KEY_PADDED_U64S (KEY_U64S + KEY_MAX_PTRS)
#define KEY_MAX_INODE 0xfffff
#define KEY_MAX_OFFSET \
	(~0ULL >> 1) /* bcache compares offsets as signed numbers */

/**
 * struct bkey - an extent of a device and its location in the cache
 * @high: inode, size, flags and the number of pointers, see key_inode() and so on
 * @low: the first sector after the extent, see key_offset()
 * @ptr: one u64 per pointer, see ptr_dev(), ptr_offset() and ptr_gen()
 */
struct bkey {
	__u64 high;
	__u64 low;
	__u64 ptr[];
};

/**
 * struct jset - a journal entry
 * @csum: checksum of everything after this field, up to the last key
 * @magic: JSET_MAGIC ^ the set's magic
 * @seq: number of the entry, one more than that of the entry before it
 * @version: version of the format
 * @keys: length of @d in u64s (not in keys)
 * @last_seq: oldest entry that recovery needed when this one was written
 * @uuid_bucket_pad: the key of the bucket with the uuids of the backing devices
 * @btree_root_pad: the key of the btree's root
 * @btree_level: the root's level; 0 is a leaf
 * @pad: unused
 * @prio_bucket: the first bucket with priorities, for each cache of the set
 * @d: the keys
 */
struct jset {
	__u64 csum;
	__u64 magic;
	__u64 seq;
	__u32 version;
	__u32 keys;
	__u64 last_seq;
	__u64 uuid_bucket_pad[KEY_PADDED_U64S];
	__u64 btree_root_pad[KEY_PADDED_U64S];
	__u16 btree_level;
	__u16 pad[3];
	__u64 prio_bucket[JSET_CACHES];
	__u64 d[];
};

/**
 * struct jset_geom - the geometry of the cache, as the validator needs it
 * @magic: JSET_MAGIC ^ the set's magic
 * @block_bytes: size of a block; a power of two
 * @bucket_sectors: size of a bucket; a power of two, at least one block
 * @bucket_bits: log2 of @bucket_sectors
 * @first_bucket: first bucket that a pointer may name
 * @nbuckets: number of buckets; a pointer must name one below this
 * @max_bytes: longest jset that bcache writes or reads (PAGE_SIZE << JSET_BITS)
 * @max_open: maximum number of entries open at once, the length of the fifo of
 *            pins; 0 if unknown, in which case it is not checked
 * @nr_inodes: number of devices that the set has room for; 0 if unknown, in which
 *             case it is not checked
 */
struct jset_geom {
	u64 magic;
	u32 block_bytes;
	u32 bucket_sectors;
	u32 bucket_bits;
	u32 first_bucket;
	u64 nbuckets;
	u32 max_bytes;
	u32 max_open;
	u32 nr_inodes;
};

/**
 * enum jset_verdict - the verdict of the validator on a jset
 * @JSET_OK: nothing is wrong
 * @JSET_EMPTY: no jset of this set begins here: end of the used part of the bucket
 * @JSET_TOO_BIG: longer than a jset can be, or than the rest of the bucket
 * @JSET_BAD_CSUM: damaged, or not completely written
 * @JSET_BAD_VERSION: a format newer than JSET_VERSION
 * @JSET_BAD_SEQ: @seq is 0 or too high, or @last_seq is after it or too far
 *                before it
 * @JSET_BAD_LEVEL: the level is too high for a btree
 * @JSET_BAD_UUID: the uuid bucket's key has more pointers than fit
 * @JSET_BAD_ROOT: the root's key has more pointers than fit, or its range does not end
 *                 behind all keys
 * @JSET_BAD_KEY: a key has more pointers than a key can have
 * @JSET_CUT_KEY: the last key is incomplete
 * @JSET_BAD_INODE: a key is for a device that the set has no room for
 * @JSET_BAD_EXTENT: a key is empty, begins before 0, or ends beyond KEY_MAX_OFFSET
 * @JSET_BAD_PTR: a pointer leads outside the cache or past the end of a bucket
 */
enum jset_verdict {
	JSET_OK,
	JSET_EMPTY,
	JSET_TOO_BIG,
	JSET_BAD_CSUM,
	JSET_BAD_VERSION,
	JSET_BAD_SEQ,
	JSET_BAD_LEVEL,
	JSET_BAD_UUID,
	JSET_BAD_ROOT,
	JSET_BAD_KEY,
	JSET_CUT_KEY,
	JSET_BAD_INODE,
	JSET_BAD_EXTENT,
	JSET_BAD_PTR,
};

/**
 * struct jset_fault - the details of a fault, for a message
 * @key_index: index of the key in the jset, from 0, or JSET_NO_KEY
 * @value: the value found
 * @field: the name of the field
 */
struct jset_fault {
	u32 key_index;
	u64 value;
	const char *field;
};

enum jset_verdict jset_check_header(const struct jset *j,
				    const struct jset_geom *g,
				    u32 bytes_left_in_bucket);
enum jset_verdict jset_check_body(const struct jset *j,
				  const struct jset_geom *g, u64 csum_computed,
				  struct jset_fault *where);
enum jset_verdict key_check(const struct bkey *k, const struct jset_geom *g,
			    struct jset_fault *where);
const char *jset_verdict_text(enum jset_verdict v);

/* Keys: the accessors read only the key's own u64s. */

static inline unsigned int key_ptrs(const struct bkey *k)
{
	return (k->high >> 60) & 7;
}

static inline unsigned int key_size(const struct bkey *k)
{
	return (k->high >> 20) & 0xffff;
}

static inline unsigned int key_inode(const struct bkey *k)
{
	return k->high & 0xfffff;
}

/* the cache has data that the backing device lacks */
static inline bool key_dirty(const struct bkey *k)
{
	return k->high >> 36 & 1;
}

/* bcache identifies a key by the end of its extent: the first sector after it */
static inline u64 key_offset(const struct bkey *k)
{
	return k->low;
}

static inline u64 key_start(const struct bkey *k)
{
	return key_offset(k) - key_size(k);
}

static inline unsigned int key_u64s(const struct bkey *k)
{
	return KEY_U64S + key_ptrs(k);
}

static inline const struct bkey *key_next(const struct bkey *k)
{
	return (const struct bkey *)((const __u64 *)k + key_u64s(k));
}

/* makes a key without pointers; bit 63 is always set and has no meaning */
static inline void key_make(struct bkey *k, u32 inode, u64 offset, u32 size)
{
	k->high = 1ULL << 63 | (u64)size << 20 | inode;
	k->low = offset;
}

static inline void key_set_ptrs(struct bkey *k, unsigned int ptrs)
{
	k->high = (k->high & ~(7ULL << 60)) | (u64)ptrs << 60;
}

/* Pointers */

static inline unsigned int ptr_dev(const struct bkey *k, unsigned int i)
{
	return (k->ptr[i] >> 51) & 0xfff;
}

static inline u64 ptr_offset(const struct bkey *k, unsigned int i)
{
	return (k->ptr[i] >> 8) & (~0ULL >> 21);
}

static inline unsigned int ptr_gen(const struct bkey *k, unsigned int i)
{
	return k->ptr[i] & 0xff;
}

static inline u64 ptr_make(unsigned int gen, u64 offset, unsigned int dev)
{
	return (u64)dev << 51 | offset << 8 | gen;
}

static inline u64 ptr_bucket(const struct bkey *k, unsigned int i,
			     const struct jset_geom *g)
{
	return ptr_offset(k, i) >> g->bucket_bits;
}

/* jsets */

static inline size_t jset_bytes(u32 keys)
{
	return sizeof(struct jset) + (size_t)keys * sizeof(__u64);
}

static inline size_t jset_blocks(u32 keys, const struct jset_geom *g)
{
	return (jset_bytes(keys) + g->block_bytes - 1) / g->block_bytes;
}

/* The checksum is crc64 (ECMA-182, not reflected), seeded with ~0 and inverted. */
static inline const void *jset_csum_start(const struct jset *j)
{
	return &j->magic;
}

static inline size_t jset_csum_bytes(const struct jset *j)
{
	return jset_bytes(j->keys) - offsetof(struct jset, magic);
}

static inline const struct bkey *jset_first_key(const struct jset *j)
{
	return (const struct bkey *)j->d;
}

static inline const struct bkey *jset_end(const struct jset *j)
{
	return (const struct bkey *)(j->d + j->keys);
}

/* Only for a jset that has passed jset_check_body(). */
#define jset_for_each_key(k, j) \
	for ((k) = jset_first_key(j); (k) < jset_end(j); (k) = key_next(k))

#endif
