// SPDX-License-Identifier: GPL-2.0
/* Runs the journal's validator on valid entries, and on one entry with each defect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image.h"

#define BUCKET_BYTES (image_geom.bucket_sectors * 512)

static enum jset_verdict header(const struct jset *j)
{
	return jset_check_header(j, &image_geom, BUCKET_BYTES);
}

static enum jset_verdict body(const struct jset *j, struct jset_fault *where)
{
	u64 csum = bcache_crc64(jset_csum_start(j), jset_csum_bytes(j));

	*where = (struct jset_fault){ 0 };
	return jset_check_body(j, &image_geom, csum, where);
}

/* seal the entry, check it, compare verdict and place, and free it */
static void expect(struct jset *j, enum jset_verdict v, u32 key,
		   const char *field, u64 value)
{
	struct jset_fault where;

	image_seal(j);
	assert_int_equal(header(j), JSET_OK);
	assert_int_equal(body(j, &where), v);
	if (v != JSET_OK) {
		assert_int_equal(where.key_index, key);
		assert_string_equal(where.field, field);
		assert_int_equal(where.value, value);
	}
	free(j);
}

/* an entry with two valid keys, and a third one for the test to damage */
static struct jset *with_key(struct bkey **k, u32 inode, u64 offset, u32 size,
			     u32 ptrs)
{
	struct jset *j = image_new(7);

	image_key(j, 0, 1000, 8, 1);
	image_key(j, 1, 2000, 256, 2);
	*k = image_key(j, inode, offset, size, ptrs);
	return j;
}

static void format(void **state)
{
	struct bkey *k;
	struct jset *j = with_key(&k, 0xabcde, 0x123456789abULL, 0xfedc, 2);

	assert_int_equal(sizeof(struct bkey), 16);
	assert_int_equal(sizeof(struct jset), 240);
	assert_int_equal(offsetof(struct jset, magic), 8);
	assert_int_equal(offsetof(struct jset, seq), 16);
	assert_int_equal(offsetof(struct jset, version), 24);
	assert_int_equal(offsetof(struct jset, keys), 28);
	assert_int_equal(offsetof(struct jset, last_seq), 32);
	assert_int_equal(offsetof(struct jset, uuid_bucket_pad), 40);
	assert_int_equal(offsetof(struct jset, btree_root_pad), 104);
	assert_int_equal(offsetof(struct jset, btree_level), 168);
	assert_int_equal(offsetof(struct jset, prio_bucket), 176);
	assert_int_equal(offsetof(struct jset, d), 240);

	/* compare u64s: a mistake in both reading and writing would cancel out */
	k->ptr[1] = ptr_make(0x5a, 0x6543210fedcULL, 7);
	assert_int_equal(k->high,
			 1ULL << 63 | 2ULL << 60 | 0xfedcULL << 20 | 0xabcde);
	assert_int_equal(k->low, 0x123456789abULL);
	assert_int_equal(k->ptr[1], 7ULL << 51 | 0x6543210fedcULL << 8 | 0x5a);

	assert_int_equal(key_ptrs(k), 2);
	assert_int_equal(key_u64s(k), 4);
	assert_int_equal(key_size(k), 0xfedc);
	assert_int_equal(key_inode(k), 0xabcde);
	assert_int_equal(key_offset(k), 0x123456789abULL);
	assert_int_equal(key_start(k), 0x123456789abULL - 0xfedc);
	assert_int_equal(ptr_dev(k, 1), 7);
	assert_int_equal(ptr_offset(k, 1), 0x6543210fedcULL);
	assert_int_equal(ptr_gen(k, 1), 0x5a);
	assert_int_equal(ptr_bucket(k, 1, &image_geom), 0x6543210fedcULL >> 8);

	k->ptr[0] = ~0ULL;
	assert_int_equal(ptr_dev(k, 0), 0xfff);
	assert_int_equal(ptr_offset(k, 0), (1ULL << 43) - 1);
	assert_int_equal(ptr_gen(k, 0), 0xff);
	free(j);
}

static void checksum(void **state)
{
	/* the published check value for this variant of CRC-64 */
	assert_int_equal(bcache_crc64("123456789", 9), 0x62ec59e3f1a4f00aULL);
	assert_int_equal(bcache_crc64("", 0), 0);
}

static void lengths(void **state)
{
	assert_int_equal(jset_bytes(0), 240);
	assert_int_equal(jset_bytes(3), 264);
	assert_int_equal(jset_bytes(~0U), 240 + 8 * 0xffffffffULL);
	assert_int_equal(jset_blocks(0, &image_geom), 1);
	assert_int_equal(jset_blocks((4096 - 240) / 8, &image_geom), 1);
	assert_int_equal(jset_blocks((4096 - 240) / 8 + 1, &image_geom), 2);
	assert_int_equal(jset_bytes(image_max_keys()), image_geom.max_bytes);
}

static void good(void **state)
{
	struct jset_fault where;
	struct jset *j = image_new(1);
	const struct bkey *k;
	unsigned int n = 0;

	assert_int_equal(header(j), JSET_OK);
	assert_int_equal(body(j, &where), JSET_OK);
	jset_for_each_key(k, j)
		n++;
	assert_int_equal(n, 0);

	/* up to the maximum number of pointers; none means an invalidated extent */
	for (u32 ptrs = 0; ptrs <= KEY_MAX_PTRS; ptrs++)
		image_key(j, 1023, KEY_MAX_OFFSET, 256, ptrs);
	assert_int_equal(body(j, &where), JSET_OK);
	jset_for_each_key(k, j)
		assert_int_equal(key_ptrs(k), n++);
	assert_int_equal(n, KEY_MAX_PTRS + 1);
	free(j);

	/* filled to the last u64 */
	j = image_new(20000);
	j->last_seq = 1;
	while (j->keys + 3 <= image_max_keys())
		image_key(j, 5, 8, 8, 1);
	while (j->keys + 2 <= image_max_keys())
		image_key(j, 5, 8, 8, 0);
	assert_int_equal(header(j), JSET_OK);
	assert_int_equal(body(j, &where), JSET_OK);
	free(j);
}

static void header_empty(void **state)
{
	struct jset *j = image_new(1);

	assert_int_equal(jset_check_header(j, &image_geom, 0), JSET_EMPTY);
	j->magic ^= 1;
	assert_int_equal(header(j), JSET_EMPTY);
	memset(j, 0, sizeof(*j));
	assert_int_equal(header(j), JSET_EMPTY);
	free(j);
}

static void header_too_big(void **state)
{
	struct jset *j = image_new(1);

	j->keys = image_max_keys();
	assert_int_equal(header(j), JSET_OK);
	assert_int_equal(jset_check_header(j, &image_geom,
					   image_geom.max_bytes - 4096),
			 JSET_TOO_BIG);
	j->keys++;
	assert_int_equal(header(j), JSET_TOO_BIG);
	/* a size that would wrap around to a small one in 32 bits */
	j->keys = 0x20000000;
	assert_int_equal(header(j), JSET_TOO_BIG);
	j->keys = ~0U;
	assert_int_equal(header(j), JSET_TOO_BIG);
	free(j);
}

static void csum(void **state)
{
	struct jset_fault where;
	struct jset *j = image_new(1);

	image_key(j, 0, 8, 8, 1);
	assert_int_equal(body(j, &where), JSET_OK);

	/* the checksum covers every byte up to the last key */
	for (size_t i = offsetof(struct jset, magic); i < jset_bytes(j->keys);
	     i++) {
		if (i >= offsetof(struct jset, keys) &&
		    i < offsetof(struct jset, last_seq))
			continue;
		((u8 *)j)[i] ^= 0x10;
		assert_int_equal(body(j, &where), JSET_BAD_CSUM);
		assert_int_equal(where.key_index, JSET_NO_KEY);
		assert_int_equal(where.value, j->csum);
		((u8 *)j)[i] ^= 0x10;
	}
	j->d[j->keys] = ~0ULL;
	assert_int_equal(body(j, &where), JSET_OK);
	free(j);
}

static void version(void **state)
{
	struct jset *j = image_new(1);

	j->version = 0;
	expect(j, JSET_OK, 0, NULL, 0);

	j = image_new(1);
	j->version = JSET_VERSION + 1;
	expect(j, JSET_BAD_VERSION, JSET_NO_KEY, "version", JSET_VERSION + 1);
}

static void seq(void **state)
{
	struct jset *j = image_new(0);

	expect(j, JSET_BAD_SEQ, JSET_NO_KEY, "seq", 0);

	j = image_new(50);
	j->last_seq = 51;
	expect(j, JSET_BAD_SEQ, JSET_NO_KEY, "last_seq", 51);

	j = image_new(20001);
	j->last_seq = 2;
	expect(j, JSET_OK, 0, NULL, 0);

	j = image_new(20001);
	j->last_seq = 1;
	expect(j, JSET_BAD_SEQ, JSET_NO_KEY, "last_seq", 1);
}

static void unknown_limits(void **state)
{
	struct jset_geom g = image_geom;
	struct jset_fault where;
	struct bkey *k;
	struct jset *j = with_key(&k, 0xfffff, 100, 8, 1);

	j->seq = JSET_MAX_SEQ;
	j->last_seq = 1;
	g.max_open = 0;
	g.nr_inodes = 0;
	assert_int_equal(jset_check_body(j, &g, j->csum, &where), JSET_OK);
	j->seq = JSET_MAX_SEQ + 1; /* this limit always applies */
	assert_int_equal(jset_check_body(j, &g, j->csum, &where), JSET_BAD_SEQ);
	j->seq = 5;
	j->last_seq = 6;
	assert_int_equal(jset_check_body(j, &g, j->csum, &where), JSET_BAD_SEQ);
	free(j);
}

static void root_and_uuid(void **state)
{
	struct jset *j = image_new(1);

	key_set_ptrs((struct bkey *)j->btree_root_pad, 7);
	expect(j, JSET_BAD_ROOT, JSET_NO_KEY, "btree_root's pointer count", 7);

	j = image_new(1);
	((struct bkey *)j->btree_root_pad)->low--;
	expect(j, JSET_BAD_ROOT, JSET_NO_KEY, "end of btree_root's range",
	       KEY_MAX_OFFSET - 1);

	j = image_new(1);
	((struct bkey *)j->btree_root_pad)->high--;
	expect(j, JSET_BAD_ROOT, JSET_NO_KEY, "end of btree_root's range",
	       KEY_MAX_OFFSET);

	/* no root, which the stock driver refuses if it is the newest one */
	j = image_new(1);
	memset(j->btree_root_pad, 0, sizeof(j->btree_root_pad));
	expect(j, JSET_OK, 0, NULL, 0);

	j = image_new(1);
	key_set_ptrs((struct bkey *)j->uuid_bucket_pad, 7);
	expect(j, JSET_BAD_UUID, JSET_NO_KEY, "uuid_bucket's pointer count", 7);

	j = image_new(1);
	j->btree_level = JSET_MAX_LEVEL;
	expect(j, JSET_OK, 0, NULL, 0);

	j = image_new(1);
	j->btree_level = 256;
	expect(j, JSET_BAD_LEVEL, JSET_NO_KEY, "btree_level", 256);
}

static void key_cut(void **state)
{
	struct bkey *k;
	struct jset *j = with_key(&k, 0, 100, 8, 2);

	j->keys -= 1;
	expect(j, JSET_CUT_KEY, 2, "u64s left for the key", 3);

	j = with_key(&k, 0, 100, 8, 2);
	j->keys -= 3;
	expect(j, JSET_CUT_KEY, 2, "u64s left for the key", 1);
}

static void key_bad(void **state)
{
	struct bkey *k;
	struct jset *j = with_key(&k, 0, 100, 8, 6);

	key_set_ptrs(k, 7);
	j->keys++;
	expect(j, JSET_BAD_KEY, 2, "key's pointer count", 7);

	j = with_key(&k, 1023, 100, 8, 1);
	expect(j, JSET_OK, 0, NULL, 0);
	j = with_key(&k, 1024, 100, 8, 1);
	expect(j, JSET_BAD_INODE, 2, "key's inode", 1024);

	j = with_key(&k, 0, 100, 0, 1);
	expect(j, JSET_BAD_EXTENT, 2, "key's size", 0);

	j = with_key(&k, 0, 8, 8, 1);
	expect(j, JSET_OK, 0, NULL, 0);
	j = with_key(&k, 0, 7, 8, 1);
	expect(j, JSET_BAD_EXTENT, 2, "key's offset", 7);
	j = with_key(&k, 0, 1ULL << 63, 8, 1);
	expect(j, JSET_BAD_EXTENT, 2, "key's offset", 1ULL << 63);
}

static void ptr_bad(void **state)
{
	const u64 edge = image_geom.nbuckets << image_geom.bucket_bits;
	struct bkey *k;
	struct jset *j = with_key(&k, 0, 1000, 8, 2);

	k->ptr[1] = ptr_make(0, 256, 0);
	expect(j, JSET_OK, 0, NULL, 0);
	j = with_key(&k, 0, 1000, 8, 2);
	k->ptr[1] = ptr_make(0, 255, 0);
	expect(j, JSET_BAD_PTR, 2, "pointer's bucket", 0);

	j = with_key(&k, 0, 1000, 8, 2);
	k->ptr[1] = ptr_make(0, edge - 8, 0);
	expect(j, JSET_OK, 0, NULL, 0);
	j = with_key(&k, 0, 1000, 8, 2);
	k->ptr[1] = ptr_make(0, edge - 7, 0);
	expect(j, JSET_BAD_PTR, 2, "pointer's offset", edge - 7);
	j = with_key(&k, 0, 1000, 8, 2);
	k->ptr[1] = ptr_make(0, edge, 0);
	expect(j, JSET_BAD_PTR, 2, "pointer's bucket", 1024);
	j = with_key(&k, 0, 1000, 8, 2);
	k->ptr[1] = ptr_make(0, (1ULL << 43) - 1, 7);
	expect(j, JSET_BAD_PTR, 2, "pointer's bucket", (1ULL << 35) - 1);

	/* longer than a bucket, so no offset is valid */
	j = with_key(&k, 0, 1000, 257, 1);
	expect(j, JSET_BAD_PTR, 2, "pointer's offset", 100 << 8);

	/* pointers to other cache devices are skipped, as the stock driver does */
	j = with_key(&k, 0, 1000, 8, 2);
	k->ptr[0] = ptr_make(0, 0, 0xfff);
	k->ptr[1] = ptr_make(0, 0, JSET_CACHES);
	expect(j, JSET_OK, 0, NULL, 0);
}

static void verdict_texts(void **state)
{
	for (int v = JSET_OK; v <= JSET_BAD_PTR; v++) {
		assert_string_not_equal(jset_verdict_text(v),
					"has an unknown fault");
		for (int w = JSET_OK; w < v; w++)
			assert_string_not_equal(jset_verdict_text(v),
						jset_verdict_text(w));
	}
	assert_string_equal(jset_verdict_text(JSET_BAD_PTR + 1),
			    "has an unknown fault");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format),
		cmocka_unit_test(checksum),
		cmocka_unit_test(lengths),
		cmocka_unit_test(good),
		cmocka_unit_test(header_empty),
		cmocka_unit_test(header_too_big),
		cmocka_unit_test(csum),
		cmocka_unit_test(version),
		cmocka_unit_test(seq),
		cmocka_unit_test(unknown_limits),
		cmocka_unit_test(root_and_uuid),
		cmocka_unit_test(key_cut),
		cmocka_unit_test(key_bad),
		cmocka_unit_test(ptr_bad),
		cmocka_unit_test(verdict_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
