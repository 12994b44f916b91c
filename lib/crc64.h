/* SPDX-License-Identifier: GPL-2.0 */
/* The checksum of bcache's structures, for user space. */
#ifndef OUTRIGGER_CRC64_H
#define OUTRIGGER_CRC64_H

#include <stddef.h>
#include <stdint.h>

#define CRC64_ECMA182 0x42f0e1eba9ea3693ULL

/**
 * crc64_bytewise() - CRC-64, as crc64_be() of kernels up to 6.14 computes it
 * @crc: seed, or the CRC of the data before
 * @data: the data
 * @bytes: its length
 *
 * The polynomial is that of ECMA-182, most significant bit first.
 *
 * Return: the CRC.
 */
static inline uint64_t crc64_bytewise(uint64_t crc, const void *data,
				      size_t bytes)
{
	static uint64_t table[256];
	const unsigned char *p = data;

	if (!table[1]) {
		/* from the end: entry 1 is the mark that all are there */
		for (unsigned int i = 255; i; i--) {
			uint64_t c = (uint64_t)i << 56;

			for (int bit = 0; bit < 8; bit++)
				c = c << 1 ^ (c >> 63 ? CRC64_ECMA182 : 0);
			table[i] = c;
		}
	}

	while (bytes--)
		crc = crc << 8 ^ table[(crc >> 56 ^ *p++) & 0xff];

	return crc;
}

/**
 * bcache_crc64() - what bcache writes into the first field of its structures
 * @data: behind that field
 * @bytes: up to the structure's end
 *
 * Return: the checksum: a CRC-64 that is seeded with ones and inverted at the end.
 */
static inline uint64_t bcache_crc64(const void *data, size_t bytes)
{
	return ~crc64_bytewise(~0ULL, data, bytes);
}

#endif
