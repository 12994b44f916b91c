// SPDX-License-Identifier: GPL-2.0
/* Compares both fast ways to compute the CRC-64 with one that takes a bit at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "../../bcache-journal/crc64.h"
#include "../../lib/crc64.h"

#define LENGTHS 601
#define ALIGNMENTS 16

static const u64 seeds[] = { 0, ~0ULL, 1, 1ULL << 63, 0x123456789abcdefULL };
static size_t wrong_at = -1; /* the length at which bitwise() is wrong */

static u64 bitwise(u64 crc, const void *data, size_t bytes)
{
	const u8 *p = data;

	for (size_t i = 0; i < bytes; i++) {
		crc ^= (u64)p[i] << 56;
		for (int bit = 0; bit < 8; bit++)
			crc = crc << 1 ^ (crc >> 63 ? CRC64_ECMA182 : 0);
	}
	return crc ^ (bytes == wrong_at);
}

static crc64_fn *pclmul(void)
{
	return __builtin_cpu_supports("ssse3") &&
			       __builtin_cpu_supports("pclmul") ?
		       crc64_by_pclmul :
		       NULL;
}

/* the last of the bytes is the last of the allocation, where the sanitizer sees overruns */
static u8 *random_bytes(size_t bytes)
{
	u8 *p = malloc(bytes + !bytes);

	for (size_t i = 0; i < bytes; i++)
		p[i] = random() >> 8;
	return p;
}

static void known(void **state)
{
	assert_int_equal(~crc64_by_table(~0ULL, "123456789", 9),
			 0x62ec59e3f1a4f00aULL);
	assert_int_equal(~bitwise(~0ULL, "123456789", 9),
			 bcache_crc64("123456789", 9));
}

static void all_lengths(crc64_fn *fn)
{
	for (size_t at = 0; at < ALIGNMENTS; at++) {
		for (size_t n = 0; n < LENGTHS; n++) {
			u64 seed = seeds[(at + n) % 5] ^ random();
			u8 *p = random_bytes(at + n);

			assert_int_equal(fn(seed, p + at, n),
					 bitwise(seed, p + at, n));
			free(p);
		}
	}
}

/* a single bit, at each place of a message of three rounds and a bit */
static void all_bits(crc64_fn *fn)
{
	u8 p[400] = { 0 };

	for (size_t i = 0; i < 8 * sizeof(p); i++) {
		p[i / 8] = 1 << i % 8;
		assert_int_equal(fn(0, p, sizeof(p)), bitwise(0, p, sizeof(p)));
		p[i / 8] = 0;
	}
}

/* as long as a btree node, at once and in parts */
static void long_and_in_parts(crc64_fn *fn)
{
	const size_t bytes = (512 << 10) - 8;
	u8 *p = random_bytes(bytes);
	u64 whole = bitwise(~0ULL, p, bytes), crc = ~0ULL;

	assert_int_equal(fn(~0ULL, p, bytes), whole);
	for (size_t at = 0, n; at < bytes; at += n) {
		n = random() % 2000;
		if (n > bytes - at)
			n = bytes - at;
		crc = fn(crc, p + at, n);
	}
	assert_int_equal(crc, whole);
	free(p);
}

static void by_table(void **state)
{
	all_lengths(crc64_by_table);
	all_bits(crc64_by_table);
	long_and_in_parts(crc64_by_table);
}

static void by_pclmul(void **state)
{
	if (!pclmul())
		skip();
	all_lengths(crc64_by_pclmul);
	all_bits(crc64_by_pclmul);
	long_and_in_parts(crc64_by_pclmul);
}

/* the check at load must detect a difference at any length that it covers */
static void check_at_load(void **state)
{
	for (wrong_at = 0; wrong_at <= 2 * 8 * 16 + 16; wrong_at++)
		assert_false(crc64_init(bitwise, pclmul()));
	wrong_at = -1;
	assert_true(crc64_init(bitwise, pclmul()));
}

static int setup(void **state)
{
	return !crc64_init(bitwise, pclmul());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(by_table),
		cmocka_unit_test(by_pclmul),
		cmocka_unit_test(check_at_load),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
