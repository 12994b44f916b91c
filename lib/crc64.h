/* SPDX-License-Identifier: GPL-2.0 */
/* The checksum of bcache's structures, for user space. */
#ifndef OUTRIGGER_CRC64_H
#define OUTRIGGER_CRC64_H

#include <stddef.h>
#include <stdint.h>

#define CRC64_ECMA182 0x42f0e1eba9ea3693ULL

/**
 * bcache_crc64() - what bcache writes into the first field of its structures
 * @data: behind that field
 * @bytes: up to the structure's end
 *
 * CRC-64 with the ECMA-182 polynomial, most significant bit first, seeded with
 * ones and inverted at the end.
 *
 * Return: the checksum.
 */
static inline uint64_t bcache_crc64(const void *data, size_t bytes)
{
	static uint64_t table[256];
	const unsigned char *p = data;
	uint64_t crc = ~0ULL;

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

	return ~crc;
}

#endif
