// SPDX-License-Identifier: GPL-2.0
/* Reads a device or an image; see image.h. */
#define _GNU_SOURCE
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "../../lib/error.h"

/*
 * bcache writes past the page cache, so a set in use must be read past it too. Some file
 * systems, and images that begin at an odd offset, do not allow that; they are not in use.
 */
static ssize_t file_pread(struct image *im, void *buf, size_t bytes,
			  uint64_t at)
{
	ssize_t n = pread(im->fd, buf, bytes, im->base + at);
	int flags;

	if (n >= 0 || errno != EINVAL)
		return n;
	flags = fcntl(im->fd, F_GETFL);
	if (flags < 0 || !(flags & O_DIRECT) ||
	    fcntl(im->fd, F_SETFL, flags & ~O_DIRECT)) {
		errno = EINVAL;
		return -1;
	}
	return pread(im->fd, buf, bytes, im->base + at);
}

/* Sets @path to a file in sysfs of the block device. */
static void in_sysfs(char *path, size_t size, dev_t dev, const char *file)
{
	snprintf(path, size, "/sys/dev/block/%u:%u/%s", major(dev), minor(dev),
		 file);
}

/* Reads a number from a file in sysfs of the block device. */
static bool sysfs_number(dev_t dev, const char *file, unsigned long long *value)
{
	char path[PATH_MAX];
	bool ok;
	FILE *f;

	in_sysfs(path, sizeof(path), dev, file);
	f = fopen(path, "re");
	if (!f)
		return false;
	ok = fscanf(f, "%llu", value) == 1;
	fclose(f);
	return ok;
}

static bool device_discards(dev_t dev)
{
	unsigned long long bytes = 0;

	if (!sysfs_number(dev, "queue/discard_max_bytes", &bytes))
		sysfs_number(dev, "../queue/discard_max_bytes", &bytes);
	return bytes;
}

static int device_info(struct image *im, const struct stat *st)
{
	unsigned long long number;
	char path[PATH_MAX];
	uint64_t bytes;
	int block;

	if (ioctl(im->fd, BLKGETSIZE64, &bytes) ||
	    ioctl(im->fd, BLKSSZGET, &block))
		return -1;
	im->bytes = bytes;
	im->logical_block = block;
	/* In sysfs, a partition is below its disk; sizes are in sectors of 512 bytes. */
	if (sysfs_number(st->st_rdev, "partition", &number) &&
	    sysfs_number(st->st_rdev, "../size", &number))
		im->disk_bytes = number << 9;
	in_sysfs(path, sizeof(path), st->st_rdev, "bcache");
	im->in_use = !access(path, F_OK);
	im->discards = device_discards(st->st_rdev);
	return 0;
}

/**
 * image_open() - open a device or an image for reading
 * @im: the image
 * @path: its path
 * @offset: of the device in the file, in bytes
 *
 * Return: 0, or -1 after a message.
 */
int image_open(struct image *im, const char *path, uint64_t offset)
{
	/* Neither wait for a writer of a FIFO nor take over a terminal, but refuse them. */
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct stat st;

	*im = (struct image){ .name = path,
			      .pread = file_pread,
			      .base = offset };
	im->fd = open(path, flags | O_DIRECT);
	if (im->fd < 0 && errno == EINVAL)
		im->fd = open(path, flags);
	if (im->fd < 0 || fstat(im->fd, &st)) {
		complain("%s: %s", path, strerror(errno));
		goto fail;
	}
	im->bytes = st.st_size;
	if (S_ISBLK(st.st_mode)) {
		if (device_info(im, &st)) {
			complain("%s: %s", path, strerror(errno));
			goto fail;
		}
	} else if (!S_ISREG(st.st_mode)) {
		complain("%s: neither a block device nor a file", path);
		goto fail;
	}
	if (offset > im->bytes) {
		complain("%s: ends before byte %llu", path,
			 (unsigned long long)offset);
		goto fail;
	}
	im->bytes -= offset;
	return 0;
fail:
	if (im->fd >= 0)
		close(im->fd);
	return -1;
}

/**
 * image_close() - undo image_open()
 * @im: the image
 */
void image_close(struct image *im)
{
	free(im->scratch);
	free(im->bad);
	if (im->fd >= 0)
		close(im->fd);
}

/* Index of the first bad block at or behind @at. */
static size_t bad_index(const struct image *im, uint64_t at)
{
	size_t low = 0, high = im->nr_bad;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (im->bad[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void note_bad(struct image *im, uint64_t at)
{
	size_t i = bad_index(im, at);

	if (i < im->nr_bad && im->bad[i] == at)
		return;
	if (im->nr_bad == im->room) {
		im->room = im->room ? 2 * im->room : 64;
		im->bad = must(realloc(im->bad, im->room * sizeof(*im->bad)));
	}
	memmove(im->bad + i + 1, im->bad + i,
		(im->nr_bad - i) * sizeof(*im->bad));
	im->bad[i] = at;
	im->nr_bad++;
}

/* O_DIRECT wants buffers like that. */
static void *aligned(size_t bytes)
{
	void *p;

	return must(posix_memalign(&p, 4096, bytes) ? NULL : p);
}

/* Returns false if not all can be read. */
static bool read_all(struct image *im, void *buf, uint32_t bytes, uint64_t at)
{
	uint32_t got = 0;

	if (at > im->bytes || bytes > im->bytes - at)
		return false;
	while (got < bytes) {
		ssize_t n =
			im->pread(im, (char *)buf + got, bytes - got, at + got);

		if (n <= 0) {
			if (n < 0 && errno == EINTR)
				continue;
			return false;
		}
		got += n;
	}
	return true;
}

static bool has_bad(const struct image *im, uint64_t at, uint32_t bytes)
{
	size_t i = bad_index(im, at);

	return i < im->nr_bad && im->bad[i] < at + bytes;
}

/**
 * image_read() - read blocks
 * @im: the image
 * @buf: the place of a bad block is left alone
 * @bytes: a multiple of @block, at most IMAGE_MAX_READ
 * @at: where to begin
 * @block: size of a block; a block that can't be read is bad, and is not tried again
 *
 * Return: the number of bad blocks.
 */
uint32_t image_read(struct image *im, void *buf, uint32_t bytes, uint64_t at,
		    uint32_t block)
{
	uint32_t i, bad = 0;

	if (!im->scratch)
		im->scratch = aligned(IMAGE_MAX_READ);
	if (!has_bad(im, at, bytes) && read_all(im, im->scratch, bytes, at)) {
		memcpy(buf, im->scratch, bytes);
		return 0;
	}
	for (i = 0; i < bytes; i += block) {
		if (!has_bad(im, at + i, block) &&
		    read_all(im, im->scratch, block, at + i)) {
			memcpy((char *)buf + i, im->scratch, block);
		} else {
			note_bad(im, at + i);
			bad++;
		}
	}
	return bad;
}
