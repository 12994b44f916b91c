// SPDX-License-Identifier: GPL-2.0
/*
 * bcache-journal-dump: reading past bad sectors, the prediction for the stock driver, and
 * the loss, over images in memory. What it prints is compared by tests/dump/run.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/dump/print.h"
#include "../dump/image.h"

#define DATA_BLOCKS (TI_BYTES / TI_BLOCK)

static bool unreadable[DATA_BLOCKS];
static u32 failed_reads[DATA_BLOCKS]; /* reads of one block that have failed */
static struct survey *s;
static struct image im;
static u32 logical_block; /* of a device; 0 for an image */
static bool discards;
static size_t max_places;
static u64 short_by; /* bytes that the device lacks */
static u64 disk_bytes;

static ssize_t memory_pread(struct image *image, void *buf, size_t bytes,
			    uint64_t at)
{
	size_t i;

	assert_true(at + bytes <= image->bytes);
	assert_true(at % TI_BLOCK == 0 && bytes % TI_BLOCK == 0);
	for (i = at / TI_BLOCK; i < (at + bytes) / TI_BLOCK; i++) {
		if (!unreadable[i])
			continue;
		if (bytes == TI_BLOCK)
			failed_reads[i]++;
		errno = EIO;
		return -1;
	}
	memcpy(buf, ti_data + at, bytes);
	return bytes;
}

static void forget(void)
{
	if (s) {
		survey_free(s);
		free(s);
		free(im.bad);
		free(im.scratch);
		s = NULL;
	}
}

/* Survey ti_data. */
static void survey(void)
{
	forget();
	memset(failed_reads, 0, sizeof(failed_reads));
	im = (struct image){
		.name = "image",
		.pread = memory_pread,
		.fd = -1,
		.bytes = TI_BYTES - short_by,
		.disk_bytes = disk_bytes,
		.logical_block = logical_block,
		.discards = discards,
	};
	s = calloc(1, sizeof(*s));
	s->max_places = max_places;
	assert_int_equal(survey_super(s, &im), SURVEYED);
	assert_int_equal(survey_ring(s), SURVEYED);
}

static int fresh(void **state)
{
	memset(unreadable, 0, sizeof(unreadable));
	logical_block = 0;
	discards = false;
	max_places = 0;
	short_by = 0;
	disk_bytes = 0;
	ti_make(11, 13);
	return 0;
}

static int done(void **state)
{
	forget();
	return 0;
}

static void lose_blocks(u32 bucket, u32 block, u32 blocks)
{
	while (blocks--)
		unreadable[(TI_FIRST + bucket) * TI_BUCKET_BLOCKS + block++] =
			true;
}

static void lose_entry(u64 seq)
{
	lose_blocks(ti_entry[seq].bucket, ti_entry[seq].block,
		    ti_entry[seq].blocks);
}

static void stock_registers(u64 from, u64 to)
{
	enum series n;

	for (n = 0; n < NR_SERIES; n++) {
		assert_int_equal(s->stock[n].outcome, STOCK_REGISTERS);
		assert_int_equal(s->stock[n].from, from);
		assert_int_equal(s->stock[n].to, to);
	}
}

static void stock_is(enum stock_outcome outcome, u64 at)
{
	enum series n;

	for (n = 0; n < NR_SERIES; n++) {
		assert_int_equal(s->stock[n].outcome, outcome);
		assert_int_equal(s->stock[n].at, at);
	}
}

/* Wherever writing has ended, both find all that is needed, and nothing else. */
static void test_sound(void **state)
{
	u32 total, used;

	for (total = 1; total <= 28; total++) {
		for (used = 1; used <= TI_BUCKET_BLOCKS; used++) {
			u64 last_seq;

			ti_make(total, used);
			last_seq = ti_jset(ti_newest)->last_seq;
			survey();
			assert_true(survey_registers(s));
			assert_int_equal(s->ring.newest, ti_newest);
			assert_int_equal(s->ring.first, last_seq);
			stock_registers(last_seq, ti_newest);
			assert_int_equal(s->lost.count, 0);
			assert_int_equal(s->stock_lost[0].count, 0);
		}
	}
}

/* Every entry that is needed, damaged in turn. */
static void test_each_entry(void **state)
{
	u64 seq, first = ti_jset(ti_newest)->last_seq;

	for (seq = first; seq <= ti_newest; seq++) {
		ti_make(11, 13);
		ti_jset(seq)->csum ^= 1;
		survey();
		assert_int_equal(survey_registers(s), seq == ti_newest);
		if (seq == ti_newest) {
			stock_registers(first, seq - 1);
			continue;
		}
		assert_int_equal(s->verdict, RING_MISSING);
		assert_int_equal(s->lost.count, 1);
		assert_int_equal(s->lost.first, seq);
		assert_int_equal(s->lost.unknown, 0);
		assert_true(s->lost.keys > 0);
		assert_int_equal(s->lost.sectors, 8 * s->lost.keys);
	}
}

/* The stock driver goes back to the bucket before, and loses the rest silently. */
static void test_rollback(void **state)
{
	u64 first = ti_first_in(ti_cur());

	assert_true(ti_damage("rollback"));
	survey();
	assert_false(survey_registers(s));
	stock_registers(ti_jset(first - 1)->last_seq, first - 1);
	assert_int_equal(s->stock_lost[0].first, first);
	assert_int_equal(s->stock_lost[0].last, ti_newest);
	assert_int_equal(s->stock_lost[0].count, ti_newest - first + 1);
	assert_int_equal(s->stock_lost[0].unknown, 1);
	assert_int_equal(s->lost.count, 1);
}

static void test_damage_in_newest(void **state)
{
	u64 seq = ti_first_in(ti_cur()) + 2;

	ti_jset(seq)->csum ^= 1;
	survey();
	assert_int_equal(s->verdict, RING_MISSING);
	stock_registers(ti_jset(ti_newest)->last_seq, seq - 1);
	assert_int_equal(s->stock_lost[0].count, ti_newest - seq + 1);
}

/* A bucket without entries ends the stock driver's way back. */
static void test_gone_bucket(void **state)
{
	u64 first = ti_first_in(ti_before(1));

	ti_zero(ti_before(1));
	survey();
	assert_int_equal(s->verdict, RING_MISSING);
	assert_int_equal(s->lost.count, ti_first_in(ti_cur()) - first);
	assert_int_equal(s->lost.unknown, s->lost.count);
	assert_int_equal(s->stock[0].outcome, STOCK_MISSING);
}

static void test_discarded(void **state)
{
	u64 first = ti_jset(ti_newest)->last_seq;

	assert_true(ti_damage("discarded"));
	survey();
	assert_true(survey_registers(s));
	assert_int_equal(s->stock[SERIES_DISCARD].outcome, STOCK_REGISTERS);
	assert_int_equal(s->stock[SERIES_LATER].outcome, STOCK_MISSING);
	assert_int_equal(s->stock[SERIES_LATER].at, first);
	assert_int_equal(s->lost.count, 0);
	assert_int_equal(s->stock_lost[SERIES_DISCARD].count, 0);

	/* On a device, it must be able to discard now. */
	logical_block = 512;
	survey();
	assert_int_equal(s->stock[SERIES_DISCARD].outcome, STOCK_MISSING);
	discards = true;
	survey();
	assert_int_equal(s->stock[SERIES_DISCARD].outcome, STOCK_REGISTERS);
}

/* With discard, the stock driver takes damage at the start for a discarded bucket. */
static void test_start(void **state)
{
	u64 first = ti_jset(ti_newest)->last_seq;

	assert_true(ti_damage("start"));
	survey();
	assert_int_equal(s->verdict, RING_MISSING);
	assert_int_equal(s->stock[SERIES_DISCARD].outcome, STOCK_REGISTERS);
	assert_int_equal(s->stock[SERIES_DISCARD].from,
			 ti_first_in(ti_before(1)));
	assert_int_equal(s->stock_lost[SERIES_DISCARD].first, first);
	assert_int_equal(s->stock_lost[SERIES_DISCARD].last,
			 ti_first_in(ti_before(1)) - 1);
	assert_int_equal(s->stock_lost[SERIES_DISCARD].unknown, 0);
	assert_int_equal(s->stock[SERIES_LATER].outcome, STOCK_MISSING);
	assert_int_equal(s->stock_lost[SERIES_LATER].count, 0);

	/* A bucket that was really discarded is no loss; what follows it is. */
	ti_make(11, 13);
	assert_true(ti_damage("discarded"));
	ti_jset(ti_first_in(ti_before(1)))->csum ^= 1;
	survey();
	assert_int_equal(s->stock[SERIES_DISCARD].outcome, STOCK_REGISTERS);
	assert_true(s->stock_lost[SERIES_DISCARD].count > 0);
}

/* What the stock driver does not check */
static void test_stock_keys(void **state)
{
	struct jset *j = ti_jset(ti_newest - 1);

	((struct bkey *)j->d)->high &= ~(0xffffULL << 20); /* no size */
	ti_seal(j);
	survey();
	assert_int_equal(s->verdict, RING_REJECTED);
	stock_is(STOCK_CRASHES, ti_newest - 1);

	ti_make(11, 13);
	assert_true(ti_damage("key"));
	survey();
	assert_int_equal(s->verdict, RING_REJECTED);
	stock_is(STOCK_BAD_KEY, ti_newest - 1);

	ti_make(11, 13);
	j = ti_jset(ti_newest - 1);
	((struct bkey *)j->d)->high |= 7ULL << 60;
	ti_seal(j);
	survey();
	stock_is(STOCK_CRASHES, ti_newest - 1);

	ti_make(11, 13);
	j = ti_jset(ti_newest);
	j->keys--;
	ti_seal(j);
	survey();
	stock_is(STOCK_CRASHES, ti_newest);
}

static void test_stock_seqs(void **state)
{
	struct jset *j = ti_jset(ti_newest);
	u64 seq = ti_newest;

	j->last_seq = seq + 5;
	ti_seal(j);
	survey();
	assert_int_equal(s->verdict, RING_REJECTED);
	stock_is(STOCK_MISSING, seq + 5);

	ti_make(11, 13);
	j = ti_jset(ti_newest);
	j->seq = ~0ULL;
	ti_seal(j);
	survey();
	assert_false(survey_registers(s));
	stock_is(STOCK_CRASHES, ~0ULL); /* it walks the gap */
}

/* Not all numbers up to a far one are looked at. */
static void test_far(void **state)
{
	u64 seq = ti_newest;

	assert_true(ti_damage("far"));
	survey();
	assert_int_equal(s->verdict, RING_REJECTED);
	assert_true(s->lost.at_least);
	assert_int_equal(s->lost.count, RING_MAX_OPEN);
	assert_int_equal(s->lost.first, seq);
	assert_int_equal(s->lost.last, seq + 1000000);
	assert_true(survey_accepts(s));
}

static void test_root(void **state)
{
	assert_true(ti_damage("root"));
	survey();
	assert_int_equal(s->verdict, RING_OK);
	assert_false(survey_registers(s));
	assert_false(survey_accepts(s));
	stock_is(STOCK_BAD_ROOT, ti_newest);
}

static void test_unreadable_entry(void **state)
{
	u64 seq = ti_newest - 3;
	u32 i;

	lose_entry(seq);
	survey();
	assert_int_equal(s->verdict, RING_MISSING);
	assert_int_equal(s->lost.count, 1);
	assert_int_equal(s->lost.first, seq);
	assert_int_equal(s->lost.unknown, 1);
	assert_int_equal(s->bucket[ti_cur()].state, BUCKET_UNREADABLE);
	assert_int_equal(s->bucket[ti_cur()].unreadable, ti_entry[seq].blocks);
	assert_true(s->stock_errors > 0);
	/* A bad block is tried once: each try may take a disk many seconds. */
	for (i = 0; i < DATA_BLOCKS; i++)
		assert_int_equal(failed_reads[i], unreadable[i]);
}

static void test_unreadable_first_block(void **state)
{
	u64 seq = ti_newest - 3;

	lose_blocks(ti_entry[seq].bucket, ti_entry[seq].block + 1, 1);
	survey();
	assert_int_equal(s->verdict, RING_MISSING);
	assert_int_equal(s->lost.first, seq);
	assert_int_equal(s->ring.damage[0].seq, seq); /* its head is readable */
}

static void test_unreadable_unneeded(void **state)
{
	lose_blocks((ti_cur() + 2) % TI_JOURNAL, 0, TI_BUCKET_BLOCKS);
	survey();
	assert_true(survey_registers(s));
	assert_int_equal(s->ring.unneeded, 1);
	assert_int_equal(s->bucket[(ti_cur() + 2) % TI_JOURNAL].state,
			 BUCKET_UNREADABLE);
}

/* How often the verdict, as text or as JSON, has a text. */
static unsigned int says(void (*print)(FILE *out, struct survey *s,
				       unsigned int show,
				       const struct filter *f),
			 const char *text)
{
	unsigned int n = 0;
	char *out, *p;
	size_t size;
	FILE *f;

	f = open_memstream(&out, &size);
	assert_non_null(f);
	print(f, s, SHOW_VERDICT, NULL);
	fclose(f);
	for (p = strstr(out, text); p; p = strstr(p + 1, text))
		n++;
	free(out);
	return n;
}

/* Any number of entries may be in an unreadable bucket. */
static void test_hidden(void **state)
{
	char json[40], text[40];

	snprintf(json, sizeof(json), "\"unknown_from\": %" PRIu64,
		 (uint64_t)ti_newest + 1);
	snprintf(text, sizeof(text), "any entries from %" PRIu64 " on",
		 (uint64_t)ti_newest + 1);
	lose_blocks((ti_cur() + 1) % TI_JOURNAL, 0, TI_BUCKET_BLOCKS);
	survey();
	assert_int_equal(s->verdict, RING_HIDDEN);
	assert_int_equal(s->lost.count, 0);
	assert_int_equal(says(print_text, text), 3); /* once for each driver */
	assert_int_equal(says(print_json, json), 3);
}

static void test_all_unreadable(void **state)
{
	u32 b;

	for (b = 0; b < TI_JOURNAL; b++)
		lose_blocks(b, 0, TI_BUCKET_BLOCKS);
	survey();
	assert_false(survey_registers(s));
	assert_int_equal(s->verdict, RING_EMPTY);
	stock_is(STOCK_NOTHING, 0);
	assert_int_equal(s->nr_places, TI_JOURNAL); /* one for each bucket */
}

static void test_unreadable_super(void **state)
{
	unreadable[SUPER_AT / TI_BLOCK] = true;
	forget();
	im = (struct image){
		.name = "image",
		.pread = memory_pread,
		.fd = -1,
		.bytes = TI_BYTES,
	};
	s = calloc(1, sizeof(*s));
	assert_int_equal(survey_super(s, &im), NO_SUPER);
}

static const struct place *place_of(u64 seq, enum place_state state)
{
	size_t i;

	for (i = 0; i < s->nr_places; i++)
		if (s->place[i].spot.seq == seq && s->place[i].state == state)
			return &s->place[i];
	return NULL;
}

static void test_places(void **state)
{
	u64 seq, first = ti_jset(ti_newest)->last_seq;
	const struct place *p;

	survey();
	for (seq = first; seq <= ti_newest; seq++) {
		p = place_of(seq, PLACE_NEEDED);
		assert_non_null(p);
		assert_int_equal(p->spot.bucket, ti_entry[seq].bucket);
		assert_int_equal(p->spot.offset, ti_entry[seq].block);
		assert_int_equal(p->spot.sectors, ti_entry[seq].blocks);
		assert_int_equal(p->words, ti_jset(seq)->keys);
		assert_int_equal(p->keys, p->words / 3);
		assert_memory_equal(survey_jset(s, p), ti_jset(seq),
				    jset_bytes(p->words));
	}
	assert_null(place_of(ti_newest + 1, PLACE_NEEDED));
	assert_non_null(place_of(first - 1, PLACE_OLD));

	/* The entry that an earlier round has left in the newest bucket */
	for (seq = 1; seq < first; seq++)
		if (ti_entry[seq].bucket == ti_cur() &&
		    ti_entry[seq].block >= ti_entry[ti_newest].block +
						   ti_entry[ti_newest].blocks)
			break;
	assert_non_null(place_of(seq, PLACE_STALE));
}

/* Places that recovery does not need are left out first. */
static void test_too_many_places(void **state)
{
	size_t all;

	survey();
	all = s->nr_places;
	assert_int_equal(s->left_out, 0);
	max_places = all - 1;
	survey();
	assert_true(s->nr_places < all);
	assert_int_equal(s->nr_places + s->left_out, all);
	assert_non_null(place_of(ti_newest, PLACE_NEEDED));
	max_places = 1;
	survey();
	assert_int_equal(s->nr_places, 1);
	assert_int_equal(s->left_out, all - 1);
	assert_true(survey_registers(s));
}

static void test_foreign(void **state)
{
	assert_true(ti_damage("foreign"));
	survey();
	assert_non_null(place_of(5, PLACE_FOREIGN));
	assert_int_equal(s->bucket[(ti_cur() + 1) % TI_JOURNAL].state,
			 BUCKET_FOREIGN);
}

/* One by one, each field of the superblock that the stock driver checks */
static void test_super(void **state)
{
	static const struct {
		u32 at, bytes;
		u64 value;
		const char *says;
	} fields[] = {
		{ 8, 8, 9, "elsewhere" },
		{ 16, 8, 2, "unknown version" },
		{ 40, 16, 0, "UUID of the device" },
		{ 56, 16, 0, "UUID of the set" },
		{ 184, 8, 100, "not enough buckets" },
		{ 184, 8, 1ULL << 63, "too many buckets" },
		{ 192, 2, 3, "block size" },
		{ 192, 2, 16, "larger than a page" },
		{ 194, 2, 17, "bucket size" },
		{ 194, 2, 4, "smaller than a page" },
		{ 196, 2, 0, "number of the cache" },
		{ 198, 2, 1, "number of the cache" },
		{ 204, 2, 2, "not in sequence" },
		{ 206, 2, 257, "too many journal buckets" },
		{ 216, 8, 7, "not in sequence" },
	};
	struct super sb;
	const char *why;
	size_t i;

	super_decode(&sb, ti_data + SUPER_AT);
	assert_null(super_refused(&sb, TI_BYTES / 512, 512));
	assert_null(super_unusable(&sb));
	assert_non_null(super_refused(&sb, TI_BYTES / 512 - 1, 512));
	assert_non_null(super_refused(&sb, TI_BYTES / 512, 4096));
	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		ti_make(11, 13);
		memset(ti_data + SUPER_AT + fields[i].at, 0, fields[i].bytes);
		memcpy(ti_data + SUPER_AT + fields[i].at, &fields[i].value,
		       fields[i].bytes < 8 ? fields[i].bytes : 8);
		ti_seal_super();
		super_decode(&sb, ti_data + SUPER_AT);
		why = super_refused(&sb, TI_BYTES / 512, 512);
		assert_non_null(why);
		assert_non_null(strstr(why, fields[i].says));
	}
}

/* The stock driver compares with the size of the whole disk. */
static void test_partition(void **state)
{
	logical_block = 512;
	survey();
	assert_null(s->sb_refused);
	assert_false(s->past_end);
	short_by = TI_BLOCK;
	survey();
	assert_non_null(strstr(s->sb_refused, "too small"));
	assert_true(s->past_end);
	disk_bytes = TI_BYTES;
	survey();
	assert_null(s->sb_refused);
	assert_true(survey_registers(s));
	assert_true(s->past_end);
	disk_bytes = TI_BYTES - TI_BLOCK;
	survey();
	assert_non_null(s->sb_refused);

	logical_block = 0; /* an image */
	disk_bytes = 0;
	survey();
	assert_null(s->sb_refused);
	assert_true(s->partial);
	assert_false(s->past_end);
}

/* Buckets of 2^n sectors, as a feature of version 5 */
static void test_large_buckets(void **state)
{
	struct super sb;

	TI_VERSION = 5;
	TI_SUPER(u64, 128) = 2; /* incompat */
	TI_SUPER(u16, 194) = 4;
	ti_seal_super();
	super_decode(&sb, ti_data + SUPER_AT);
	assert_int_equal(sb.bucket_size, 16);
	assert_null(super_refused(&sb, TI_BYTES / 512, 512));
	survey();
	assert_true(survey_registers(s));

	TI_SUPER(u16, 194) = 19;
	ti_seal_super();
	super_decode(&sb, ti_data + SUPER_AT);
	assert_null(super_unusable(&sb));
	TI_SUPER(u16, 194) = 20;
	ti_seal_super();
	super_decode(&sb, ti_data + SUPER_AT);
	assert_non_null(strstr(super_unusable(&sb), "more than 256 MiB"));

	TI_SUPER(u16, 194) = 40;
	ti_seal_super();
	super_decode(&sb, ti_data + SUPER_AT);
	assert_int_equal(sb.bucket_size, 0);
	assert_non_null(super_unusable(&sb));

	TI_SUPER(u64, 128) = 4;
	ti_seal_super();
	super_decode(&sb, ti_data + SUPER_AT);
	assert_non_null(strstr(super_refused(&sb, TI_BYTES / 512, 512),
			       "unknown feature"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sound, fresh),
		cmocka_unit_test_setup(test_each_entry, fresh),
		cmocka_unit_test_setup(test_rollback, fresh),
		cmocka_unit_test_setup(test_damage_in_newest, fresh),
		cmocka_unit_test_setup(test_gone_bucket, fresh),
		cmocka_unit_test_setup(test_discarded, fresh),
		cmocka_unit_test_setup(test_start, fresh),
		cmocka_unit_test_setup(test_stock_keys, fresh),
		cmocka_unit_test_setup(test_stock_seqs, fresh),
		cmocka_unit_test_setup(test_far, fresh),
		cmocka_unit_test_setup(test_root, fresh),
		cmocka_unit_test_setup(test_unreadable_entry, fresh),
		cmocka_unit_test_setup(test_unreadable_first_block, fresh),
		cmocka_unit_test_setup(test_unreadable_unneeded, fresh),
		cmocka_unit_test_setup(test_hidden, fresh),
		cmocka_unit_test_setup(test_all_unreadable, fresh),
		cmocka_unit_test_setup(test_unreadable_super, fresh),
		cmocka_unit_test_setup(test_places, fresh),
		cmocka_unit_test_setup(test_too_many_places, fresh),
		cmocka_unit_test_setup(test_foreign, fresh),
		cmocka_unit_test_setup(test_super, fresh),
		cmocka_unit_test_setup(test_partition, fresh),
		cmocka_unit_test_setup(test_large_buckets, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
