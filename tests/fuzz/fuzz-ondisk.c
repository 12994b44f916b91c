// SPDX-License-Identifier: GPL-2.0
/*
 * Walks arbitrary bytes as a journal bucket, like the recovery scan: only the validator
 * decides which of them to use.
 *
 * The first four bytes of the input select the geometry, the rest is the bucket. The
 * buffer has exactly that length, so the address sanitizer detects any access beyond
 * it. Each entry is checked twice: with its real checksum, and as if the checksum
 * matched, because the fuzzer cannot compute one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/image.h"
#include "must.h"

#define HEAD 4

/* check the properties that other code relies on, independently of the validator */
static void check_promises(const struct jset *j, const struct jset_geom *g,
			   u32 left)
{
	const __u64 *end = j->d + j->keys;
	const struct bkey *k;

	must(jset_bytes(j->keys) <= left &&
	     jset_bytes(j->keys) <= g->max_bytes);
	must(j->seq && j->last_seq <= j->seq &&
	     j->seq - j->last_seq < g->max_open);
	must(j->btree_level < 256);
	must(((j->btree_root_pad[0] >> 60) & 7) <= 6 &&
	     ((j->uuid_bucket_pad[0] >> 60) & 7) <= 6);

	jset_for_each_key(k, j) {
		u64 size = (k->high >> 20) & 0xffff;

		must(k->ptr <= end && k->ptr + key_ptrs(k) <= end);
		must(size && size <= k->low && !(k->low >> 63));
		must((k->high & 0xfffff) < g->nr_inodes);
		for (u32 i = 0; i < key_ptrs(k); i++) {
			u64 first = (k->ptr[i] >> 8) & 0x7ffffffffff,
			    last = first + size - 1;

			if (((k->ptr[i] >> 51) & 0xfff) >= 8)
				continue;
			must(first / g->bucket_sectors ==
			     last / g->bucket_sectors);
			must(first / g->bucket_sectors >= g->first_bucket);
			must(last / g->bucket_sectors < g->nbuckets);
		}
	}
	must((const __u64 *)k == end);
}

static void walk(const u8 *bucket, u32 bytes, const struct jset_geom *g)
{
	u32 offset = 0;

	while (offset < bytes) {
		const struct jset *j = (const struct jset *)(bucket + offset);
		struct jset_fault where = { 0 };
		enum jset_verdict v;
		u64 csum;

		v = jset_check_header(j, g, bytes - offset);
		must(*jset_verdict_text(v));
		if (v != JSET_OK)
			return;

		csum = bcache_crc64(jset_csum_start(j), jset_csum_bytes(j));
		v = jset_check_body(j, g, csum, &where);
		must((v == JSET_BAD_CSUM) == (csum != j->csum));
		if (v == JSET_BAD_CSUM)
			v = jset_check_body(j, g, j->csum, &where);

		if (v == JSET_OK)
			check_promises(j, g, bytes - offset);
		else
			must(where.field && *jset_verdict_text(v));

		must(jset_blocks(j->keys, g));
		offset += jset_blocks(j->keys, g) * g->block_bytes;
	}
}

/**
 * LLVMFuzzerTestOneInput() - entry point for libFuzzer
 * @data: the input
 * @size: its length
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct jset_geom g = image_geom;
	u8 *bucket;
	u32 bytes;

	if (size < HEAD)
		return 0;

	/* blocks of 512 to 4096 bytes, buckets of 4 KiB to 1 MiB */
	g.block_bytes = 512 << (data[0] & 3);
	g.bucket_bits = 3 + data[1] % 9;
	g.bucket_sectors = 1 << g.bucket_bits;
	g.first_bucket = data[2];
	g.nbuckets = 128 + data[3] * 16;

	bytes = size - HEAD;
	if (bytes > g.bucket_sectors * 512)
		bytes = g.bucket_sectors * 512;
	bytes -= bytes % g.block_bytes;

	bucket = malloc(bytes);
	if (!bucket)
		return 0;
	memcpy(bucket, data + HEAD, bytes);
	walk(bucket, bytes, &g);
	free(bucket);
	return 0;
}

#ifdef SEEDS
static void seed(const char *dir, const char *name, const struct jset *j,
		 u32 bytes)
{
	/* like image_geom: blocks of 4 KiB, buckets of 256 sectors, 1024 buckets from 1 on */
	static const u8 head[HEAD] = { 3, 5, 1, 56 };
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(head, HEAD, 1, f) != 1 ||
	    fwrite(j, bytes, 1, f) != 1 || fclose(f)) {
		perror(path);
		exit(1);
	}
}

/* write the seeds to a directory */
int main(int argc, char **argv)
{
	struct jset *j, *next;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIR\n", argv[0]);
		return 1;
	}

	j = image_new(1);
	seed(argv[1], "empty-entry", j, 4096);

	for (u32 ptrs = 0; ptrs <= KEY_MAX_PTRS; ptrs++)
		image_key(j, ptrs, 1000 * (ptrs + 1), 8 << ptrs % 5, ptrs);
	seed(argv[1], "keys", j, 4096);

	next = image_new(2);
	image_key(next, 3, 1 << 20, 128, 1)->ptr[0] =
		ptr_make(9, 77 << 8 | 128, 0);
	memcpy((u8 *)j + 4096, next, 4096);
	seed(argv[1], "two-entries", j, 8192);

	free(next);
	next = image_new(3);
	while (next->keys + 3 <= image_max_keys())
		image_key(next, 5, 8 + next->keys, 8, 1);
	memcpy((u8 *)j + 8192, next, image_geom.max_bytes);
	seed(argv[1], "three-entries", j, 8192 + image_geom.max_bytes);

	key_set_ptrs((struct bkey *)next->d, 7);
	image_seal(next);
	seed(argv[1], "bad-key", next, image_geom.max_bytes);
	free(next);
	free(j);
	return 0;
}
#endif
