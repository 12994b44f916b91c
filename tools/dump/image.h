/* SPDX-License-Identifier: GPL-2.0 */
/* Reads a device or an image, past its bad sectors, and never writes. */
#ifndef DUMP_IMAGE_H
#define DUMP_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IMAGE_MAX_READ (64 << 10) /* bytes */

/**
 * struct image - a device, or a file with a copy of one
 * @name: for messages
 * @pread: as pread(2), at an offset in bytes from the start of the device; errno is
 *         EIO, or another error that this block has
 * @data: for @pread
 * @fd: for the @pread of image_open()
 * @base: offset of the device in the file
 * @bytes: size, from @base on
 * @disk_bytes: of a partition, the size of the whole disk; otherwise 0
 * @logical_block: of a block device, in bytes; 0 for a file
 * @in_use: bcache is using the device
 * @discards: a block device that can discard
 * @bad: offsets of the blocks that could not be read, sorted
 * @nr_bad: number of them
 * @room: room for so many
 * @scratch: where blocks are read to first
 */
struct image {
	const char *name;
	ssize_t (*pread)(struct image *im, void *buf, size_t bytes,
			 uint64_t at);
	const void *data;
	int fd;
	uint64_t base;
	uint64_t bytes;
	uint64_t disk_bytes;
	uint32_t logical_block;
	bool in_use;
	bool discards;
	uint64_t *bad;
	size_t nr_bad;
	size_t room;
	void *scratch;
};

int image_open(struct image *im, const char *path, uint64_t offset);
void image_close(struct image *im);
uint32_t image_read(struct image *im, void *buf, uint32_t bytes, uint64_t at,
		    uint32_t block);

#endif
