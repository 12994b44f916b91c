// SPDX-License-Identifier: GPL-2.0
/* Decodes a superblock, and predicts whether the stock driver accepts it. */
#include <endian.h>
#include <string.h>

#include "../../lib/crc64.h"
#include "super.h"

#define SUPER_SECTOR 8
#define PAGE_SECTORS 8 /* of amd64 */
#define MIN_NBUCKETS 128
/* Far more than anyone uses; it bounds the time that a hostile image takes. */
#define MAX_BUCKET_SECTORS (256 << 11)

#define VERSION_CDEV 0
#define VERSION_BDEV 1
#define VERSION_CDEV_WITH_UUID 3
#define VERSION_BDEV_WITH_OFFSET 4
#define VERSION_CDEV_WITH_FEATURES 5
#define VERSION_BDEV_WITH_FEATURES 6

#define INCOMPAT_OBSOLETE_LARGE_BUCKET 1ULL
#define INCOMPAT_LOG_BUCKET_SIZE 2ULL
#define INCOMPAT_KNOWN \
	(INCOMPAT_OBSOLETE_LARGE_BUCKET | INCOMPAT_LOG_BUCKET_SIZE)

/* What the stock driver allocates for a journal, on amd64. */
#define JSET_MAX_BYTES (8 * 4096)
#define JSET_MAX_OPEN 20000
/* The longest area for the table of devices, and an entry of it. */
#define UUIDS_MAX_BYTES (4 << 20)
#define UUID_BYTES 128

/* The superblock on the disk; all fields are little-endian. */
struct super_disk {
	__u64 csum;
	__u64 offset;
	__u64 version;
	__u8 magic[16];
	__u8 uuid[16];
	__u8 set_uuid[16];
	__u8 label[32];
	__u64 flags;
	__u64 seq;
	__u64 feature_compat;
	__u64 feature_incompat;
	__u64 feature_ro_compat;
	__u64 pad[5];
	__u64 nbuckets;
	__u16 block_size;
	__u16 bucket_size;
	__u16 nr_in_set;
	__u16 nr_this_dev;
	__u32 last_mount;
	__u16 first_bucket;
	__u16 njournal;
	__u64 d[RING_BUCKETS];
	__u16 bucket_size_high;
};

_Static_assert(sizeof(struct super_disk) <= SUPER_BYTES, "superblock");
_Static_assert(offsetof(struct super_disk, d) == SUPER_MIN_BYTES, "superblock");

static const u8 bcache_magic[16] = { 0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a,
				     0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f,
				     0x48, 0xba, 0x6d, 0x81 };

/* Sectors, or 0 if they don't fit into 32 bits. */
static u32 bucket_size(const struct super *sb, const struct super_disk *s)
{
	u32 size = le16toh(s->bucket_size);

	if (sb->version < VERSION_CDEV_WITH_FEATURES)
		return size;
	if (sb->feature_incompat & INCOMPAT_LOG_BUCKET_SIZE)
		return size < 32 ? 1U << size : 0;
	if (sb->feature_incompat & INCOMPAT_OBSOLETE_LARGE_BUCKET)
		return size + ((u32)le16toh(s->bucket_size_high) << 16);
	return size;
}

/**
 * super_decode() - decode a superblock
 * @sb: gets the fields; nothing is checked
 * @block: SUPER_BYTES from SUPER_AT of the device
 */
void super_decode(struct super *sb, const void *block)
{
	const struct super_disk *s = block;
	unsigned int i;

	*sb = (struct super){
		.csum = le64toh(s->csum),
		.magic_ok = !memcmp(s->magic, bcache_magic, sizeof(s->magic)),
		.offset = le64toh(s->offset),
		.version = le64toh(s->version),
		.flags = le64toh(s->flags),
		.seq = le64toh(s->seq),
		.feature_compat = le64toh(s->feature_compat),
		.feature_incompat = le64toh(s->feature_incompat),
		.feature_ro_compat = le64toh(s->feature_ro_compat),
		.nbuckets = le64toh(s->nbuckets),
		.block_size = le16toh(s->block_size),
		.nr_in_set = le16toh(s->nr_in_set),
		.nr_this_dev = le16toh(s->nr_this_dev),
		.last_mount = le32toh(s->last_mount),
		.first_bucket = le16toh(s->first_bucket),
		.njournal = le16toh(s->njournal),
	};
	memcpy(sb->uuid, s->uuid, sizeof(sb->uuid));
	memcpy(sb->set_uuid, s->set_uuid, sizeof(sb->set_uuid));
	memcpy(&sb->set_magic, s->set_uuid, sizeof(sb->set_magic));
	sb->set_magic = le64toh(sb->set_magic);
	memcpy(sb->label, s->label, sizeof(s->label));
	for (i = 0; i < RING_BUCKETS; i++)
		sb->d[i] = le64toh(s->d[i]);
	sb->bucket_size = bucket_size(sb, s);
	sb->backing = sb->version == VERSION_BDEV ||
		      sb->version == VERSION_BDEV_WITH_OFFSET ||
		      sb->version == VERSION_BDEV_WITH_FEATURES;
	if (sb->njournal <= RING_BUCKETS)
		sb->csum_right = bcache_crc64(
			&s->offset,
			SUPER_MIN_BYTES - sizeof(s->csum) + 8 * sb->njournal);
}

static bool is_zero(const u8 *p, unsigned int n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

static bool power_of_2(u32 n)
{
	return n && !(n & (n - 1));
}

/* The stock driver has never written or accepted anything else. */
static bool in_sequence(const struct super *sb)
{
	unsigned int i;

	for (i = 0; i < sb->njournal; i++)
		if (sb->d[i] != sb->first_bucket + i)
			return false;
	return true;
}

static const char *refused_geometry(const struct super *sb, u64 device_sectors)
{
	if (sb->nbuckets > INT64_MAX)
		return "too many buckets";
	if (sb->nbuckets < MIN_NBUCKETS)
		return "not enough buckets";
	if (!power_of_2(sb->block_size))
		return "the block size is not a power of two";
	if (sb->block_size > PAGE_SECTORS)
		return "a block is larger than a page";
	if (!power_of_2(sb->bucket_size))
		return "the bucket size is not a power of two";
	if (sb->bucket_size < PAGE_SECTORS)
		return "a bucket is smaller than a page";
	/* The product may wrap in the stock driver. */
	if (device_sectors < (u64)sb->bucket_size * sb->nbuckets)
		return "the device is too small for its buckets";
	if (is_zero(sb->set_uuid, sizeof(sb->set_uuid)))
		return "the UUID of the set is zero";
	if (!sb->nr_in_set || sb->nr_in_set <= sb->nr_this_dev ||
	    sb->nr_in_set > JSET_CACHES)
		return "the number of the cache in its set is impossible";
	if (!in_sequence(sb))
		return "the journal buckets are not in sequence";
	if (sb->first_bucket + sb->njournal > sb->nbuckets)
		return "the journal buckets don't fit on the device";
	if ((u64)sb->first_bucket * sb->bucket_size < 2 * SUPER_SECTOR)
		return "the first bucket overlaps the superblock";
	return NULL;
}

/**
 * super_refused() - would the stock driver refuse this superblock?
 * @sb: a superblock
 * @device_sectors: size of the device, or SECTORS_UNKNOWN
 * @logical_block: size of its logical blocks in bytes, or 0 if that is not known
 *
 * Models read_super() of the stock driver, which is the same in all vetted series and
 * which bcache-journal does not replace.
 *
 * Return: the reason, or NULL.
 */
const char *super_refused(const struct super *sb, u64 device_sectors,
			  u32 logical_block)
{
	if (sb->offset != SUPER_SECTOR)
		return "it says that it is elsewhere";
	if (!sb->magic_ok)
		return "it has no magic number of bcache";
	if (sb->njournal > RING_BUCKETS)
		return "too many journal buckets";
	if (sb->csum != sb->csum_right)
		return "its checksum is wrong";
	if (is_zero(sb->uuid, sizeof(sb->uuid)))
		return "the UUID of the device is zero";
	if (sb->block_size << 9 < logical_block)
		return "a block is smaller than a block of the device";

	switch (sb->version) {
	case VERSION_CDEV:
	case VERSION_CDEV_WITH_UUID:
		break;
	case VERSION_CDEV_WITH_FEATURES:
		if (sb->feature_compat || sb->feature_ro_compat ||
		    sb->feature_incompat & ~INCOMPAT_KNOWN)
			return "it has an unknown feature";
		break;
	default:
		return "it has an unknown version";
	}
	return refused_geometry(sb, device_sectors);
}

/**
 * super_unusable() - is the journal impossible to find with this superblock?
 * @sb: a superblock
 *
 * Unlike super_refused(), allows anything that the ring can be read with.
 *
 * Return: the reason, or NULL.
 */
const char *super_unusable(const struct super *sb)
{
	if (!sb->magic_ok)
		return "no superblock of bcache";
	if (sb->backing)
		return "a backing device, which has no journal";
	if (!sb->njournal)
		return "the superblock has no journal buckets";
	if (sb->njournal > RING_BUCKETS)
		return "the superblock has too many journal buckets";
	if (!power_of_2(sb->block_size) || sb->block_size > PAGE_SECTORS)
		return "the superblock has an impossible block size";
	if (!power_of_2(sb->bucket_size) || sb->bucket_size < PAGE_SECTORS)
		return "the superblock has an impossible bucket size";
	if (sb->bucket_size > MAX_BUCKET_SECTORS)
		return "the superblock has buckets of more than 256 MiB, which are not read";
	if (!in_sequence(sb))
		return "the superblock has journal buckets that are not in sequence";
	return NULL;
}

/**
 * super_geom() - the geometry for the validator, as the kernel module computes it
 * @sb: a superblock that is not super_unusable()
 *
 * Return: the geometry.
 */
struct jset_geom super_geom(const struct super *sb)
{
	u64 uuids = (u64)sb->bucket_size << 9;

	if (uuids > UUIDS_MAX_BYTES)
		uuids = UUIDS_MAX_BYTES;
	return (struct jset_geom){
		.magic = sb->set_magic ^ JSET_MAGIC,
		.block_bytes = sb->block_size << 9,
		.bucket_sectors = sb->bucket_size,
		.bucket_bits = __builtin_ctz(sb->bucket_size),
		.first_bucket = sb->first_bucket,
		.nbuckets = sb->nbuckets,
		.max_bytes = JSET_MAX_BYTES,
		.max_open = JSET_MAX_OPEN,
		.nr_inodes = uuids / UUID_BYTES,
	};
}

/**
 * super_policy() - the name of the replacement policy
 * @sb: a superblock
 *
 * Return: the name.
 */
const char *super_policy(const struct super *sb)
{
	static const char *const names[] = { "lru", "fifo", "random" };
	unsigned int n = sb->flags >> 2 & 7;

	return n < 3 ? names[n] : "unknown";
}
