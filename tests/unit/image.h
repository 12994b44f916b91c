/* SPDX-License-Identifier: GPL-2.0 */
/* Builds journal entries in memory, for the unit tests and the fuzzer's seeds. */
#ifndef TESTS_UNIT_IMAGE_H
#define TESTS_UNIT_IMAGE_H

#include <stdlib.h>
#include <string.h>

#include "../../bcache-journal/ondisk.h"
#include "../../lib/crc64.h"

/* A small cache: 4 KiB blocks, 1024 buckets of 128 KiB. */
static const struct jset_geom image_geom = {
	.magic = JSET_MAGIC ^ 0x0123456789abcdefULL,
	.block_bytes = 4096,
	.bucket_sectors = 256,
	.bucket_bits = 8,
	.first_bucket = 1,
	.nbuckets = 1024,
	.max_bytes = 8 * 4096,
	.max_open = 20000,
	.nr_inodes = 1024,
};

/* the maximum number of u64s for the keys of an entry */
static inline u32 image_max_keys(void)
{
	return (image_geom.max_bytes - sizeof(struct jset)) / sizeof(__u64);
}

static inline void image_seal(struct jset *j)
{
	j->csum = bcache_crc64(jset_csum_start(j), jset_csum_bytes(j));
}

/* create a valid entry without keys at the start of a zeroed bucket */
static inline struct jset *image_new(u64 seq)
{
	struct jset *j = calloc(image_geom.bucket_sectors, 512);
	struct bkey *root, *uuid;

	if (!j)
		abort();
	root = (struct bkey *)j->btree_root_pad;
	uuid = (struct bkey *)j->uuid_bucket_pad;

	j->magic = image_geom.magic;
	j->version = JSET_VERSION;
	j->seq = seq;
	j->last_seq = seq;
	j->btree_level = 1;
	key_make(root, KEY_MAX_INODE, KEY_MAX_OFFSET,
		 image_geom.bucket_sectors);
	key_set_ptrs(root, 1);
	root->ptr[0] = ptr_make(0, 40ULL << image_geom.bucket_bits, 0);
	key_make(uuid, 0, 0, image_geom.bucket_sectors);
	key_set_ptrs(uuid, 1);
	uuid->ptr[0] = ptr_make(0, 41ULL << image_geom.bucket_bits, 0);
	j->prio_bucket[0] = 42;
	image_seal(j);
	return j;
}

/* append a key whose pointers refer to the starts of buckets 100, 101, ... */
static inline struct bkey *image_key(struct jset *j, u32 inode, u64 offset,
				     u32 size, u32 ptrs)
{
	struct bkey *k = (struct bkey *)(j->d + j->keys);

	key_make(k, inode, offset, size);
	key_set_ptrs(k, ptrs);
	for (u32 i = 0; i < ptrs; i++)
		k->ptr[i] =
			ptr_make(3, (100ULL + i) << image_geom.bucket_bits, 0);
	j->keys += key_u64s(k);
	image_seal(j);
	return k;
}

#endif
