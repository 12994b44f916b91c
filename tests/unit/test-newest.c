// SPDX-License-Identifier: GPL-2.0
/*
 * Which keys of a journal need not be replayed: with and without them, each sector ends up
 * with the same key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bcache-journal/newest.h"

#define KEYS 600
#define INODES 2
#define SECTORS 96

static struct bkey *key(u32 inode, u64 start, u32 size)
{
	/* as long as a key with one pointer */
	struct bkey *k = test_calloc(1, sizeof(*k) + sizeof(u64));

	key_make(k, inode, start + size, size);
	key_set_ptrs(k, 1);
	return k;
}

static struct newest table(unsigned int bits)
{
	struct newest t = { .bits = bits };

	t.slot = test_calloc(1U << bits, sizeof(*t.slot));
	return t;
}

static void only_the_same_extent(void **state)
{
	struct newest t = table(6);
	struct bkey *k[] = {
		key(1, 8, 8),	    key(2, 8, 8),  key(1, 8, 16),
		key(1, 0, 8),	    key(1, 0, 16), key(1, 16, 8),
		key(1, 8, 8),	    key(1, 8, 8),  key(1, 0, 1 << 15),
		key(1, 0, 1 << 15),
	};

	for (size_t i = 0; i < 6; i++)
		assert_null(newest_add(&t, k[i]));
	assert_ptr_equal(newest_add(&t, k[6]), k[0]);
	assert_ptr_equal(newest_add(&t, k[7]), k[6]);
	assert_null(newest_add(&t, k[8]));
	assert_ptr_equal(newest_add(&t, k[9]), k[8]);

	/* flags, pointers and generations do not make another extent */
	k[8]->high |= 1ULL << 36;
	key_set_ptrs(k[8], 0);
	assert_ptr_equal(newest_add(&t, k[8]), k[9]);

	for (size_t i = 0; i < sizeof(k) / sizeof(*k); i++)
		test_free(k[i]);
	test_free(t.slot);
}

/* Keys whose inode, size or offset differs in any one bit have different extents. */
static void any_bit_makes_a_difference(void **state)
{
	struct bkey *a = key(0, 0, 0), *b = key(0, 0, 0);
	struct newest t = table(2);

	for (int bit = 0; bit < 36 + 64; bit++) {
		memset(t.slot, 0, sizeof(*t.slot) << t.bits);
		key_make(a, 0x12345, 0x123456789abcdef0, 0x6789);
		key_make(b, 0x12345, 0x123456789abcdef0, 0x6789);
		if (bit < 36)
			b->high ^= 1ULL << bit;
		else
			b->low ^= 1ULL << (bit - 36);
		assert_null(newest_add(&t, a));
		assert_null(newest_add(&t, b));
	}
	test_free(a);
	test_free(b);
	test_free(t.slot);
}

static void a_dropped_key_keeps_its_length(void **state)
{
	struct bkey *k = key(7, 1ULL << 40, 0xffff);
	struct bkey before = *k;

	assert_false(key_is_dropped(k));
	key_drop(k);
	assert_true(key_is_dropped(k));
	assert_int_equal(key_u64s(k), 3); /* the next key is still found */
	assert_int_equal(key_inode(k), 7);
	assert_int_equal(k->high | 0xffffULL << 20, before.high);
	test_free(k);
}

/* What each sector of the btree holds: the number of a key. */
struct btree {
	size_t key[INODES][SECTORS];
};

static void replay(struct btree *b, struct bkey **k, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++)
		for (u32 s = 0; s < key_size(k[i]); s++)
			b->key[key_inode(k[i])][key_start(k[i]) + s] = i;
}

static void drop(struct bkey **k, size_t from, unsigned int bits, u32 *n)
{
	struct newest t = table(bits);

	for (size_t i = from; i < KEYS; i++) {
		struct bkey *old = newest_add(&t, k[i]);

		if (!old)
			continue;
		assert_false(key_is_dropped(old));
		key_drop(old);
		++*n;
	}
	test_free(t.slot);
}

/*
 * Keys of random extents, which overlap in every way. A crash interrupts replay, at a point
 * at which the journal has already given up its first keys; then the others are replayed.
 * Returns how many were dropped the first time.
 */
static u32 check(u32 seed, unsigned int bits, u32 places)
{
	struct btree want = { 0 }, got = { 0 };
	struct bkey *k[KEYS], *again[KEYS];
	size_t crash, given_up;
	u32 n = 0, unused = 0;

	srand(seed);
	for (size_t i = 0; i < KEYS; i++) {
		u32 start = (u32)rand() % places;
		u32 most = rand() % 4 ? 2 : SECTORS - start;
		u32 inode = (u32)rand() % INODES;

		k[i] = key(inode, start, 1 + (u32)rand() % most);
		again[i] = key(inode, start, key_size(k[i]));
	}
	crash = (u32)rand() % (KEYS + 1);
	given_up = (u32)rand() % (crash + 1);

	replay(&want, k, 0, KEYS);
	drop(k, 0, bits, &n);
	replay(&got, k, 0, crash);
	drop(again, given_up, bits, &unused);
	replay(&got, again, given_up, KEYS);
	assert_memory_equal(&want, &got, sizeof(want));

	for (size_t i = 0; i < KEYS; i++) {
		test_free(k[i]);
		test_free(again[i]);
	}
	return n;
}

static void the_same_result_after_replay(void **state)
{
	u32 found = 0, few = 0;

	for (u32 seed = 1; seed <= 300; seed++) {
		found += check(seed, 12, 20);
		few += check(seed, 2, 20);
		check(seed, 5, SECTORS - 1);
	}
	assert_true(few > 0 && few < found);
}

/* With twice as many slots as extents, nearly all of 16 writes of each are found. */
static void most_are_found_in_hot_places(void **state)
{
	struct newest t = table(13);
	struct bkey **k = test_calloc(65536, sizeof(*k));
	u32 n = 0;

	for (u32 i = 0; i < 65536; i++) {
		k[i] = key(1, i % 4096 * 2654435761 % (1U << 30) * 8, 8);
		n += !!newest_add(&t, k[i]);
	}
	assert_true(n > 61440 * 9 / 10);
	for (u32 i = 0; i < 65536; i++)
		test_free(k[i]);
	test_free(k);
	test_free(t.slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_same_extent),
		cmocka_unit_test(any_bit_makes_a_difference),
		cmocka_unit_test(a_dropped_key_keeps_its_length),
		cmocka_unit_test(the_same_result_after_replay),
		cmocka_unit_test(most_are_found_in_hot_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
