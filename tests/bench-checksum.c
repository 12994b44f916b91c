// SPDX-License-Identifier: GPL-2.0
/*
 * Times the CRC-64 of 32 KiB, one jset: a byte at a time, as kernels up to 6.14 compute it,
 * and the two ways of bcache-journal. Prints the shortest of many runs, which other load on
 * the machine disturbs least.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../bcache-journal/crc64.h"
#include "../lib/crc64.h"

#define RUNS 2000

static u8 jset[32768];

static u64 bytewise(u64 crc, const void *data, size_t bytes)
{
	return crc64_bytewise(crc, data, bytes);
}

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long shortest(crc64_fn *fn)
{
	long long ns, min = 0;
	u64 crc = ~0ULL;

	for (int i = 0; i < RUNS; i++) {
		ns = now();
		crc = fn(crc, jset, sizeof(jset));
		ns = now() - ns;
		if (!i || ns < min)
			min = ns;
	}
	*(volatile u64 *)jset = crc; /* so that it is computed */
	return min;
}

static void compare(const char *row, crc64_fn *fn)
{
	printf("row=%s side=stock ns=%lld\n", row, shortest(bytewise));
	printf("row=%s side=ours ns=%lld\n", row, shortest(fn));
}

int main(void)
{
	bool pclmul = __builtin_cpu_supports("ssse3") &&
		      __builtin_cpu_supports("pclmul");

	for (size_t i = 0; i < sizeof(jset); i++)
		jset[i] = random() >> 8;

	if (!crc64_init(bytewise, pclmul ? crc64_by_pclmul : NULL)) {
		fprintf(stderr, "the checksums differ\n");
		return 1;
	}
	compare("tables", crc64_by_table);
	if (pclmul)
		compare("pclmul", crc64_by_pclmul);
	else
		fprintf(stderr, "this CPU has no PCLMULQDQ\n");
	return 0;
}
