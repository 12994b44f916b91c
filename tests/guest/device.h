/* SPDX-License-Identifier: GPL-2.0 */
/* The superblock and the ring of a cache device, as device.c has read them. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stddef.h>

#include "../../bcache-journal/ondisk.h"
#include "../../lib/crc64.h"
#include "blocks.h"
#include "mutate.h"

#define SECTOR 512
#define SB_BYTES 4096
#define SB_AT 4096
#define MAX_BUCKETS 256
#define MAX_JSET (8 * 4096)
#define UUID_ENTRY_BYTES 128

/* the start of struct cache_sb_disk */
struct super {
	u64 csum;
	u64 offset;
	u64 version;
	u8 magic[16];
	u8 uuid[16];
	u64 set_magic; /* the first half of the set's UUID */
	u64 set_uuid_rest;
	u8 label[32];
	u64 flags;
	u64 seq;
	u64 features[3];
	u64 pad[5];
	u64 nbuckets;
	u16 block_size;
	u16 bucket_size;
	u16 nr_in_set;
	u16 nr_this_dev;
	u32 last_mount;
	u16 first_bucket;
	u16 njournal;
	u64 d[MAX_BUCKETS];
};

/* a jset of the ring, damaged or not */
struct entry {
	unsigned int bucket;
	int index; /* in the bucket's run, or -1 */
	u64 sector;
	u32 sectors;
	u64 seq;
	u64 last_seq;
	u32 keys;
	enum jset_verdict verdict;
};

struct bucket {
	unsigned int run; /* number of consecutive jsets from the start */
	u64 first, last; /* their seqs */
	u64 end; /* the sector behind them */
};

extern struct super *sb;
extern struct jset_geom geom;
extern struct entry *entries;
extern unsigned int nr;
extern struct bucket buckets[MAX_BUCKETS];
extern unsigned int newest; /* bucket */
extern u64 newest_seq, newest_last;

void get(u64 at, void *buf, size_t bytes);
void put(u64 at, const void *buf, size_t bytes);

static inline u32 bucket_bytes(void)
{
	return geom.bucket_sectors * SECTOR;
}

static inline u64 bucket_start(unsigned int b)
{
	return sb->d[b] * geom.bucket_sectors;
}

static inline u64 csum_of(const struct jset *j)
{
	return bcache_crc64(jset_csum_start(j), jset_csum_bytes(j));
}

/* The checksum of a superblock covers everything from offset to the last d[]. */
static inline u64 csum_super(const struct super *s)
{
	u32 n = s->njournal < MAX_BUCKETS ? s->njournal : MAX_BUCKETS;

	return bcache_crc64(&s->offset, offsetof(struct super, d) + n * 8 - 8);
}

#endif
