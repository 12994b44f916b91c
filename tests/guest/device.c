// SPDX-License-Identifier: GPL-2.0
/* Read the superblock and the ring of a bcache cache device, or of an image. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"

#define CHUNK (256 * BLOCK)

static int fd;
static bool is_disk;
struct super *sb;
struct jset_geom geom;
struct entry *entries;
unsigned int nr;
struct bucket buckets[MAX_BUCKETS];
unsigned int newest; /* bucket */
u64 newest_seq, newest_last;

/**
 * get() - read from the device, or end the program
 * @at: in bytes
 * @buf: from buffer()
 * @bytes: a multiple of the sector size
 */
void get(u64 at, void *buf, size_t bytes)
{
	if (pread(fd, buf, bytes, at) != (ssize_t)bytes)
		err(1, "read at byte %" PRIu64, (uint64_t)at);
}

/**
 * put() - write to the device and flush it if it is a disk, or end the program
 * @at: in bytes
 * @buf: from buffer()
 * @bytes: a multiple of the sector size
 */
void put(u64 at, const void *buf, size_t bytes)
{
	if (pwrite(fd, buf, bytes, at) != (ssize_t)bytes ||
	    (is_disk && fsync(fd)))
		err(1, "write at byte %" PRIu64, (uint64_t)at);
}

/**
 * device_read_super() - read the superblock, and what follows from it into geom
 *
 * Ends the program if it is damaged, since then the ring can't be found.
 */
void device_read_super(void)
{
	static const u8 magic[16] = { 0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a,
				      0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f,
				      0x48, 0xba, 0x6d, 0x81 };

	sb = buffer(SB_BYTES);
	get(SB_AT, sb, SB_BYTES);
	if (memcmp(sb->magic, magic, sizeof(magic)))
		errx(1, "no superblock of bcache");
	if (sb->njournal > MAX_BUCKETS || sb->csum != csum_super(sb))
		errx(1, "the superblock is damaged");
	geom.magic = sb->set_magic ^ JSET_MAGIC;
	geom.block_bytes = sb->block_size * SECTOR;
	geom.bucket_sectors = sb->bucket_size;
	geom.bucket_bits = __builtin_ctz(sb->bucket_size);
	geom.first_bucket = sb->first_bucket;
	geom.nbuckets = sb->nbuckets;
	geom.max_bytes = MAX_JSET;
	geom.nr_inodes = bucket_bytes() / UUID_ENTRY_BYTES;
}

static void add(const struct entry *e)
{
	if (nr % 1024 == 0) {
		entries = realloc(entries, (nr + 1024) * sizeof(*entries));
		if (!entries)
			errx(2, "no memory");
	}
	entries[nr++] = *e;
}

/* Check every block: sound jsets may follow a damaged one. */
static void read_bucket(unsigned int b, u8 *buf)
{
	struct bucket *k = &buckets[b];
	u32 at = 0, left;
	bool run = true; /* all jsets so far belong to the run */

	get(bucket_start(b) * SECTOR, buf, bucket_bytes());
	k->end = bucket_start(b);
	while (at < bucket_bytes()) {
		const struct jset *j = (const void *)(buf + at);
		struct entry e = {
			.bucket = b,
			.index = -1,
			.sector = bucket_start(b) + at / SECTOR,
			.sectors = geom.block_bytes / SECTOR,
		};
		struct jset_fault fault = {};

		left = bucket_bytes() - at;
		e.verdict = jset_check_header(j, &geom, left);
		if (e.verdict == JSET_OK)
			e.verdict =
				jset_check_body(j, &geom, csum_of(j), &fault);
		if (e.verdict == JSET_OK)
			e.sectors = jset_blocks(j->keys, &geom) *
				    geom.block_bytes / SECTOR;
		at += e.sectors * SECTOR;
		run = run && e.verdict == JSET_OK &&
		      (!k->run || j->seq == k->last + 1);
		if (e.verdict == JSET_EMPTY)
			continue;
		e.seq = j->seq;
		e.last_seq = j->last_seq;
		e.keys = j->keys;
		if (run) {
			e.index = k->run++;
			k->first = e.index ? k->first : e.seq;
			k->last = e.seq;
			k->end = e.sector + e.sectors;
		}
		if (run && e.seq > newest_seq) {
			newest = b;
			newest_seq = e.seq;
			newest_last = e.last_seq;
		}
		add(&e);
	}
}

/**
 * device_read_ring() - read the ring, after device_read_super()
 *
 * Ends the program if there is no jset.
 */
void device_read_ring(void)
{
	u8 *buf = buffer(bucket_bytes());
	unsigned int b;

	for (b = 0; b < sb->njournal; b++)
		read_bucket(b, buf);
	free(buf);
	if (!newest_seq)
		errx(1, "no jset");
}

/**
 * device_open() - open a device or an image, or end the program
 * @path: its name
 * @write: for writing too; udev rescans a device that was open for writing
 * @alone: fail if it is a block device in use
 */
void device_open(const char *path, bool write, bool alone)
{
	int flags = (write ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	struct stat st;

	if (stat(path, &st))
		err(2, "%s", path);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		errx(2, "%s: neither a block device nor a file", path);
	is_disk = S_ISBLK(st.st_mode);
	if (is_disk && alone)
		flags |= O_EXCL;
	fd = open(path, flags | O_DIRECT);
	if (fd < 0 && errno == EINVAL) /* a file system in memory */
		fd = open(path, flags);
	if (fd < 0)
		err(2, "%s", path);
}

/**
 * device_restore() - make the device the same as an image
 * @from: the name of a device or a file of the same size
 *
 * Writes only the blocks that differ.
 */
void device_restore(const char *from)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	u8 *want = buffer(CHUNK), *have = buffer(CHUNK);
	ssize_t n, i;
	off_t at;

	if (in < 0)
		err(2, "%s", from);
	for (at = 0; (n = pread(in, want, CHUNK, at)) > 0; at += n) {
		get(at, have, n);
		for (i = 0; i < n; i += BLOCK)
			if (memcmp(want + i, have + i, BLOCK) &&
			    pwrite(fd, want + i, BLOCK, at + i) != BLOCK)
				err(1, "write at byte %jd", (intmax_t)at + i);
	}
	if (n || close(in))
		err(2, "%s", from);
	free(want);
	free(have);
}
