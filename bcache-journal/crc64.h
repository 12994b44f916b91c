/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The checksum of bcache, computed fast; see crc64.c. Like ondisk.h, this is pure: the
 * module, the unit tests and the benchmark compile the same source.
 */
#ifndef BCACHE_JOURNAL_CRC64_H
#define BCACHE_JOURNAL_CRC64_H

#include <linux/types.h>

#ifndef __KERNEL__
#include <stdbool.h>
#include <stddef.h>

typedef __u64 u64;
typedef __u8 u8;
#endif

typedef u64 crc64_fn(u64 crc, const void *data, size_t bytes);

bool crc64_init(crc64_fn *reference, crc64_fn *by_pclmul);
u64 crc64_by_table(u64 crc, const void *data, size_t bytes);
u64 crc64_by_pclmul(u64 crc, const void *data, size_t bytes);

#endif
