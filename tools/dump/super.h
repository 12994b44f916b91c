/* SPDX-License-Identifier: GPL-2.0 */
/* The superblock of a cache device. Pure: only memory is looked at. */
#ifndef DUMP_SUPER_H
#define DUMP_SUPER_H

#include <stdbool.h>
#include <stdint.h>

#include "../../bcache-journal/ring.h"

#define SUPER_AT 4096 /* bytes from the start of the device */
#define SUPER_BYTES 4096
#define SUPER_MIN_BYTES 208 /* without the list of journal buckets */

#define SUPER_SYNC 1ULL /* flags: the set has been in use, and has a journal */
#define SUPER_DISCARD 2ULL

/* The fields of struct cache_sb_disk, in the byte order of this machine. */
struct super {
	bool magic_ok;
	bool backing; /* a backing device, which has no journal */
	u64 csum;
	u64 csum_right; /* what it should be; 0 if njournal is out of range */
	u64 offset;
	u64 version;
	u8 uuid[16];
	u8 set_uuid[16];
	u64 set_magic;
	char label[33];
	u64 flags;
	u64 seq;
	u64 feature_compat;
	u64 feature_incompat;
	u64 feature_ro_compat;
	u64 nbuckets;
	u32 block_size;
	u32 bucket_size; /* in sectors; 0 if it does not fit */
	u32 nr_in_set;
	u32 nr_this_dev;
	u32 last_mount;
	u32 first_bucket;
	u32 njournal;
	u64 d[RING_BUCKETS];
};

/* The size of a device that is not known. */
#define SECTORS_UNKNOWN (~0ULL)

void super_decode(struct super *sb, const void *block);
const char *super_refused(const struct super *sb, u64 device_sectors,
			  u32 logical_block);
const char *super_unusable(const struct super *sb);
struct jset_geom super_geom(const struct super *sb);
const char *super_policy(const struct super *sb);

#endif
