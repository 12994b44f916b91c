// SPDX-License-Identifier: GPL-2.0
/*
 * How often the scan of a journal waits for the disk, with reads ahead and without, in
 * geometries that bcache has. test-ring.c shows that the verdicts are the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bcache-journal/ahead.h"

#define BUFFER 4096 /* sectors */

static struct {
	u8 *data;
	bool *unreadable; /* by sector */
	struct ring ring;
	struct ahead ahead;
	u32 reads, fetches, kept;
} m;

static u64 quick_sum(const struct jset *j)
{
	return j->seq * 77 + 1;
}

static size_t sector_of(u32 bucket, u32 offset)
{
	return (size_t)bucket * m.ring.geom.bucket_sectors + offset;
}

static bool readable(u32 bucket, u32 offset, u32 sectors)
{
	assert_true(bucket < m.ring.nbuckets && sectors);
	assert_true(offset + sectors <= m.ring.geom.bucket_sectors);
	return !memchr(m.unreadable + sector_of(bucket, offset), true, sectors);
}

static int model_read(struct ring *r, u32 bucket, u32 offset, u32 sectors,
		      const void **data)
{
	m.reads++;
	*data = m.data + sector_of(bucket, offset) * 512;
	return !readable(bucket, offset, sectors);
}

static int model_fetch(struct ahead *a, const struct ahead_piece *p, u32 n)
{
	int ret = 0;

	m.fetches++;
	for (; n--; p++) {
		assert_true(p->at + p->sectors <= a->sectors);
		ret |= !readable(p->bucket, p->offset, p->sectors);
		memcpy(a->data + p->at * 512,
		       m.data + sector_of(p->bucket, p->offset) * 512,
		       p->sectors * 512);
	}
	return ret;
}

static int model_read_ahead(struct ring *r, u32 bucket, u32 offset, u32 sectors,
			    const void **data)
{
	int ret = ahead_read(&m.ahead, r, bucket, offset, sectors, data);

	return ret > 0 ? model_read(r, bucket, offset, sectors, data) : ret;
}

static int model_keep(struct ring *r, u32 bucket, const struct jset *j)
{
	m.kept++;
	return 0;
}

static const struct ring_ops ops = {
	.read = model_read_ahead,
	.csum = quick_sum,
	.keep = model_keep,
};

/* Entries of one block fill the first @live of @n buckets. */
static void make(u32 block, u32 bucket_kib, u32 n, u32 live)
{
	u32 size = bucket_kib * 2, b, at;
	u64 seq = 0;

	memset(&m, 0, sizeof(m));
	m.ring.nbuckets = n;
	m.ring.geom = (struct jset_geom){
		.magic = JSET_MAGIC ^ 5,
		.block_bytes = block,
		.bucket_sectors = size,
		.first_bucket = 1,
		.nbuckets = 1ULL << 30,
		.max_bytes = 32768,
		.max_open = RING_MAX_OPEN - 1,
		.nr_inodes = 16,
	};
	m.data = calloc(n, size * 512);
	m.unreadable = calloc(n, size);
	m.ahead.data = malloc(BUFFER * 512);
	assert_true(m.data && m.unreadable && m.ahead.data);
	for (b = 0; b < live; b++) {
		for (at = 0; at + block / 512 <= size; at += block / 512) {
			struct jset *j =
				(void *)(m.data + sector_of(b, at) * 512);

			j->magic = m.ring.geom.magic;
			j->seq = ++seq;
			j->version = JSET_VERSION;
			j->last_seq = 1;
			j->keys = KEY_U64S;
			key_make((struct bkey *)j->d, 1, seq * 8 + 8, 8);
			j->csum = quick_sum(j);
		}
	}
}

static void destroy(void)
{
	free(m.data);
	free(m.unreadable);
	free(m.ahead.data);
}

/* Scan with a buffer of @sectors, or without one, and return how often this waited. */
static u32 scan(u32 sectors, enum ring_verdict verdict)
{
	struct jset_geom geom = m.ring.geom;
	u32 n = m.ring.nbuckets;
	void *buffer = m.ahead.data;

	memset(&m.ring, 0, sizeof(m.ring));
	memset(&m.ahead, 0, sizeof(m.ahead));
	m.reads = 0;
	m.fetches = 0;
	m.kept = 0;
	m.ring.geom = geom;
	m.ring.nbuckets = n;
	m.ring.ops = &ops;
	m.ahead.fetch = model_fetch;
	m.ahead.data = buffer;
	m.ahead.sectors = sectors;
	assert_int_equal(ring_scan(&m.ring), 0);
	assert_int_equal(ring_judge(&m.ring), verdict);
	return m.reads + m.fetches;
}

static void few_waits(void **state)
{
	static const struct {
		u32 block, bucket_kib, n, live, waits, ahead;
	} tests[] = {
		/* a large cache, and a small one */
		{ 4096, 512, 256, 149, 2688, 44 },
		{ 512, 64, 64, 32, 134, 4 },
		/* the smallest buckets, and some that are larger than the buffer */
		{ 512, 8, 256, 200, 459, 8 },
		{ 4096, 8192, 16, 10, 3344, 53 },
	};

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		u32 waits, ahead, kept;

		make(tests[i].block, tests[i].bucket_kib, tests[i].n,
		     tests[i].live);
		waits = scan(0, RING_OK);
		kept = m.kept;
		ahead = scan(BUFFER, RING_OK);
		assert_int_equal(m.kept, kept);
		assert_int_equal(m.reads, 0);
		print_message(
			"%u of %u buckets of %u KiB: %u waits, with reads ahead %u\n",
			tests[i].live, tests[i].n, tests[i].bucket_kib, waits,
			ahead);
		assert_int_equal(waits, tests[i].waits);
		assert_int_equal(ahead, tests[i].ahead);
		destroy();
	}
}

/* One bad sector: its bucket is read block by block where necessary, all others ahead. */
static void one_bad_sector(void **state)
{
	u32 waits, reads;

	make(4096, 512, 256, 149);
	waits = scan(BUFFER, RING_OK);
	m.unreadable[sector_of(70, 501)] = true;
	scan(0, RING_MISSING);
	reads = m.reads;
	assert_true(scan(BUFFER, RING_MISSING) <= waits + 32);
	assert_int_equal(m.ring.at.bucket, 70);
	assert_int_equal(m.ring.at.offset, 496);
	assert_true(m.reads && m.reads < reads);

	destroy();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_waits),
		cmocka_unit_test(one_bad_sector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
