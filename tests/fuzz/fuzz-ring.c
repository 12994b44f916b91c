// SPDX-License-Identifier: GPL-2.0
/*
 * Scans and judges a small ring of journal buckets, and erases it if it was refused. The
 * input determines the damage and the read errors. Properties that must hold for any
 * ring are checked independently of ring.c. Unless read errors come and go, a scan that
 * reads ahead must end like one that does not.
 *
 * The input has HEAD bytes for the ring, then four bytes for each damage (see damage()).
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bcache-journal/ahead.h"
#include "../../bcache-journal/ring.h"
#include "must.h"

#define HEAD 6
#define MAX_BUCKETS 10
#define MAX_BLOCKS 9 /* blocks per bucket */
#define MAX_ENTRY 4 /* blocks per entry */
#define MAX_SEQ (3 * MAX_BUCKETS * MAX_BLOCKS)
#define NEEDED 3 /* recovery needs this many buckets, up to the newest one */

static struct {
	u32 n; /* number of buckets */
	u32 blocks; /* blocks per bucket */
	u32 block; /* bytes per block */
	u8 *data;
	bool unreadable[MAX_BUCKETS * MAX_BLOCKS];
	bool flaky; /* some reads fail, and succeed later */
	bool forged; /* there is damage other than wrong checksums */
	bool renamed; /* there is damage that can change seqs */
	u64 flaky_reads; /* bitmap: which of 64 reads fail */
	u64 true_newest;
	struct ring ring;
	u32 reads;
	u32 kept[RING_MAX_OPEN]; /* how often each entry from last_seq on was kept */
	u32 nr_kept;
	u64 sound[MAX_BUCKETS *
		  MAX_BLOCKS]; /* seq of the sound entry there, or 0 */
	struct ahead ahead;
	u8 *buffer; /* of the size that is read ahead */
	u32 ahead_kept;
} m;

static u32 block_index(u32 bucket, u32 offset)
{
	return bucket * m.blocks + offset / (m.block >> 9);
}

static u8 *block_at(u32 bucket, u32 block)
{
	return m.data + ((size_t)bucket * m.blocks + block) * m.block;
}

/* A cheaper checksum than that of bcache, which is slow unless its table is cached. */
static u64 quick_sum(const struct jset *j)
{
	const u8 *p = jset_csum_start(j);
	size_t n = jset_csum_bytes(j);
	u64 sum = ~0ULL, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		sum = (sum ^ word) * 0x9e3779b97f4a7c15ULL + 1;
	}
	return sum;
}

static bool readable(u32 bucket, u32 offset, u32 sectors)
{
	u32 first = block_index(bucket, offset), i;

	for (i = 0; i < sectors / (m.block >> 9); i++)
		if (m.unreadable[first + i])
			return false;
	return true;
}

static int fuzz_read(struct ring *r, u32 bucket, u32 offset, u32 sectors,
		     const void **data)
{
	must(r == &m.ring && bucket < m.n);
	must(sectors && offset + sectors <= r->geom.bucket_sectors);
	must(sectors <= r->geom.max_bytes >> 9);
	must(!(offset % (m.block >> 9)) && !(sectors % (m.block >> 9)));
	m.reads++;
	if (m.flaky && m.flaky_reads >> m.reads % 64 & 1)
		return 1;
	if (!readable(bucket, offset, sectors))
		return 1;
	*data = block_at(bucket, offset / (m.block >> 9));
	return 0;
}

static bool is_sound(const struct jset *j, const struct jset_geom *g, u32 left)
{
	struct jset_fault fault;

	return jset_check_header(j, g, left) == JSET_OK &&
	       jset_check_body(j, g, quick_sum(j), &fault) == JSET_OK;
}

static int fuzz_keep(struct ring *r, u32 bucket, const struct jset *j)
{
	size_t at = (const u8 *)j - m.data, bytes = (size_t)m.blocks * m.block,
	       left;

	must(bucket < m.n && at / bytes == bucket && !(at % m.block));
	left = bytes - at % bytes;
	if (left > r->geom.max_bytes)
		left = r->geom.max_bytes;
	must(is_sound(j, &r->geom, left));
	must(r->last_seq <= j->seq && j->seq <= r->newest);
	must(j->seq - r->last_seq < r->geom.max_open);
	m.kept[j->seq - r->last_seq]++;
	m.nr_kept++;
	return 0;
}

static int fuzz_erase(struct ring *r, const struct ring_spot *s)
{
	u32 first, i;

	must(s->bucket < m.n && s->sectors);
	must(s->offset + s->sectors <= r->geom.bucket_sectors);
	must(!(s->offset % (m.block >> 9)) && !(s->sectors % (m.block >> 9)));
	/* from the first bucket that recovery needs to the one after the newest */
	must((s->bucket + m.n - r->start) % m.n <=
		     (r->cur + m.n - r->start) % m.n ||
	     s->bucket == ring_next(r, r->cur));
	first = block_index(s->bucket, s->offset);
	for (i = first; i < first + s->sectors / (m.block >> 9); i++) {
		must(m.flaky || !m.sound[i] ||
		     (s->bucket == ring_next(r, r->cur) &&
		      (m.renamed || m.sound[i] < r->last_seq)));
		m.unreadable[i] = false;
		memset(m.data + (size_t)i * m.block, 0, m.block);
	}
	return 0;
}

static const struct ring_ops ops = {
	.read = fuzz_read,
	.csum = quick_sum,
	.keep = fuzz_keep,
	.erase = fuzz_erase,
};

static void write_entry(u64 seq, u64 last_seq, u32 bucket, u32 block,
			u32 blocks)
{
	struct jset *j = (struct jset *)block_at(bucket, block);
	u32 words = (blocks * m.block - sizeof(*j)) / 8;

	memset(j, 0, blocks * m.block);
	j->magic = m.ring.geom.magic;
	j->seq = seq;
	j->version = JSET_VERSION;
	j->last_seq = last_seq;
	while (j->keys + KEY_U64S <= words) {
		key_make((struct bkey *)(j->d + j->keys), 1, seq * 100 + 16, 8);
		j->keys += KEY_U64S;
	}
	j->csum = quick_sum(j);
}

/* Like ring_make() of test-ring.c: wrapped several times, up to any block. */
static void write_ring(const uint8_t *d)
{
	u32 total = 1 + d[2] % (3 * m.n - 1), end, i;
	u64 seq = 0, first_of[NEEDED] = { 1, 1, 1 };

	for (i = 0; i < total; i++) {
		u32 block = 0;

		memmove(first_of + 1, first_of, sizeof(u64) * (NEEDED - 1));
		first_of[0] = seq + 1;
		end = i + 1 == total ? 1 + d[3] % m.blocks : m.blocks;
		while (block < end) {
			u32 size = 1 + ((d[4] >> (seq + i) % 7) & 3);

			if (block + size > end)
				size = end - block;
			seq++;
			write_entry(seq, first_of[NEEDED - 1], i % m.n, block,
				    size);
			block += size;
		}
	}
	m.true_newest = seq;
}

/*
 * Damage a block, or the entry that begins there: kind, bucket, block, value. Kind 0
 * leaves the seq readable, so that no lost entry goes unnoticed.
 */
static void damage(const uint8_t *d)
{
	u32 kind = d[0] % 13, bucket = d[1] % m.n, block = d[2] % m.blocks;
	u32 keys;
	struct jset *j = (struct jset *)block_at(bucket, block);
	bool seal = true;

	m.forged |= kind != 0;
	m.renamed |= kind == 5 || kind == 7 || kind == 8 || kind == 10;
	switch (kind) {
	case 0:
		j->csum ^= 1 + d[3];
		return;
	case 1:
		j->magic ^= 1 + d[3];
		return;
	case 2:
		memset(j, 0, m.block);
		return;
	case 3:
		m.unreadable[bucket * m.blocks + block] = true;
		return;
	case 4:
		m.flaky = true;
		m.flaky_reads |= (u64)d[3] << d[1] % 8 * 8;
		return;
	case 5:
		memcpy(j, block_at(d[3] % m.n, block), m.block);
		return;
	case 6:
		j->keys = d[3] << 2;
		seal = false;
		break;
	case 7:
		j->seq += (int8_t)d[3];
		break;
	case 8:
		j->seq += (int8_t)d[3];
		seal = false;
		break;
	case 9:
		j->last_seq += (int8_t)d[3];
		break;
	case 10:
		j->seq = (u64)(int8_t)d[3] << d[2] % 57;
		break;
	case 11:
		j->version = d[3];
		break;
	case 12:
		j->d[0] ^= 1ULL << d[3] % 64;
		break;
	}
	keys = (m.blocks - block) * m.block;
	if (keys > m.ring.geom.max_bytes)
		keys = m.ring.geom.max_bytes;
	if (seal && jset_bytes(j->keys) <= keys)
		j->csum = quick_sum(j);
}

/* Find the blocks that belong to sound entries. */
static void find_sound(void)
{
	u32 b, i, n;

	memset(m.sound, 0, sizeof(m.sound));
	for (b = 0; b < m.n; b++) {
		for (i = 0; i < m.blocks; i += n) {
			const struct jset *j =
				(const struct jset *)block_at(b, i);
			u32 left = (m.blocks - i) * m.block;

			n = 1;
			if (left > m.ring.geom.max_bytes)
				left = m.ring.geom.max_bytes;
			if (!readable(b, i * (m.block >> 9), m.block >> 9) ||
			    !is_sound(j, &m.ring.geom, left))
				continue;
			left = jset_blocks(j->keys, &m.ring.geom);
			if (!readable(b, i * (m.block >> 9),
				      left * (m.block >> 9)))
				continue;
			n = left;
			for (u32 k = i; k < i + n; k++)
				m.sound[b * m.blocks + k] = j->seq;
		}
	}
}

static int ahead_fetch_pieces(struct ahead *a, const struct ahead_piece *p,
			      u32 n)
{
	int ret = 0;

	for (; n--; p++) {
		must(p->bucket < m.n && p->sectors);
		must(p->offset + p->sectors <= m.ring.geom.bucket_sectors);
		must(!(p->at % AHEAD_ALIGN) &&
		     p->at + p->sectors <= a->sectors);
		ret |= !readable(p->bucket, p->offset, p->sectors);
		memcpy(m.buffer + p->at * 512,
		       block_at(p->bucket, p->offset / (m.block >> 9)),
		       p->sectors * 512);
	}
	return ret;
}

static int fuzz_read_ahead(struct ring *r, u32 bucket, u32 offset, u32 sectors,
			   const void **data)
{
	int ret = ahead_read(&m.ahead, r, bucket, offset, sectors, data);

	return ret > 0 ? fuzz_read(r, bucket, offset, sectors, data) : ret;
}

static int fuzz_keep_ahead(struct ring *r, u32 bucket, const struct jset *j)
{
	must(is_sound(j, &r->geom, r->geom.max_bytes));
	m.ahead_kept++;
	return 0;
}

static const struct ring_ops ahead_ops = {
	.read = fuzz_read_ahead,
	.csum = quick_sum,
	.keep = fuzz_keep_ahead,
};

/* Scan again, ahead with a buffer of @entries times the longest entry. */
static void compare_ahead(u32 entries)
{
	static struct ring seen;

	seen = m.ring;
	memset(&m.ahead, 0, sizeof(m.ahead));
	m.ahead_kept = 0;
	m.ahead.fetch = ahead_fetch_pieces;
	m.ahead.sectors = entries * (m.ring.geom.max_bytes >> 9);
	m.buffer = malloc(m.ahead.sectors * 512);
	must(m.buffer);
	m.ahead.data = m.buffer;

	memset(&m.ring, 0, sizeof(m.ring));
	m.ring.ops = &ahead_ops;
	m.ring.geom = seen.geom;
	m.ring.nbuckets = seen.nbuckets;
	m.ring.discards = seen.discards;
	must(!ring_scan(&m.ring));
	must(m.ahead_kept == m.nr_kept);
	m.ring.ops = seen.ops;
	must(!memcmp(&seen, &m.ring, sizeof(seen)));
	free(m.buffer);
}

static int scan(bool discards)
{
	struct jset_geom geom = m.ring.geom;
	/* a place is read at most four times: long and short, header and rest */
	u32 whole = 4 * m.blocks;

	memset(&m.ring, 0, sizeof(m.ring));
	memset(m.kept, 0, geom.max_open * sizeof(m.kept[0]));
	m.nr_kept = 0;
	m.reads = 0;
	m.ring.ops = &ops;
	m.ring.geom = geom;
	m.ring.nbuckets = m.n;
	m.ring.discards = discards;

	int ret = ring_scan(&m.ring);

	/* heads; all if none is sound; n rounds of all; unneeded and needed buckets */
	must(m.reads <= 4 * m.n + (m.n + m.n * (m.n + 1) + 2 * m.n) * whole);
	must(!ret || (m.flaky && ret == -EIO));
	if (!m.flaky)
		compare_ahead(1 + m.n % 3 * 2);
	return ret;
}

static void check_ok(void)
{
	const struct ring *r = &m.ring;
	u64 bit, needed = r->newest - r->last_seq + 1;

	must(m.nr_kept + r->discarded == needed && r->kept == m.nr_kept);
	for (bit = 0; bit < needed; bit++)
		must(m.kept[bit] == (bit >= r->discarded));
	must(!r->discarded || r->discards || r->overwritten);
	must(r->first == r->last_seq + r->discarded);
	must(r->newest >= m.true_newest - 1 || m.forged);
}

static void check_steady(void)
{
	const struct ring *r = &m.ring;
	u32 b;

	find_sound();
	for (b = 0; b < m.n; b++) {
		const struct jset *j = (const struct jset *)block_at(b, 0);

		must(!m.sound[b * m.blocks] || j->seq <= r->newest);
	}
	must(!r->newest || r->bucket[r->cur].newest == r->newest);
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
	enum ring_verdict v;
	u64 newest;
	size_t i;

	if (size < HEAD)
		return 0;
	memset(&m, 0, sizeof(m));
	m.n = 3 + data[0] % (MAX_BUCKETS - 2);
	m.blocks = 1 + data[1] % MAX_BLOCKS;
	m.block = 512 << (data[5] >> 1 & 1);
	m.data = calloc((size_t)m.n * m.blocks, m.block);
	if (!m.data)
		return 0;
	m.ring.geom = (struct jset_geom){
		.magic = JSET_MAGIC ^ 0x0123456789abcdefULL,
		.block_bytes = m.block,
		.bucket_sectors = m.blocks * (m.block >> 9),
		.first_bucket = 1,
		.nbuckets = 1ULL << 30,
		.max_bytes = MAX_ENTRY * m.block,
		.max_open = MAX_SEQ + 8,
		.nr_inodes = 16,
	};
	write_ring(data);
	for (i = HEAD; i + 4 <= size && i < HEAD + 4 * 64; i += 4)
		damage(data + i);

	if (scan(data[5] & 1))
		goto out;
	v = ring_judge(&m.ring);
	must((v == RING_EMPTY) == !m.ring.newest);
	if (!m.flaky)
		check_steady();
	if (v == RING_OK)
		check_ok();
	if (v == RING_OK || v == RING_EMPTY)
		goto out;

	newest = m.ring.newest;
	find_sound();
	must(!ring_erase(&m.ring));
	if (!m.flaky) {
		must(!scan(data[5] & 1));
		must(m.ring.newest == newest || m.renamed);
	}
out:
	free(m.data);
	return 0;
}

#ifdef SEEDS
/* write the seeds to a directory */
int main(int argc, char **argv)
{
	char path[4096];
	u32 ring, kind;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIR\n", argv[0]);
		return 1;
	}
	for (ring = 0; ring < 8; ring++) {
		for (kind = 0; kind <= 13; kind++) {
			const u8 d[HEAD + 8] = {
				5,	  5,	3 * ring + kind,
				ring,	  0xd2, ring,
				kind,	  ring, kind,
				ring + 1, 3,	1,
				2,	  3
			};
			FILE *f;

			snprintf(path, sizeof(path), "%s/%u-%u", argv[1], ring,
				 kind);
			f = fopen(path, "wb");
			if (!f ||
			    fwrite(d, HEAD + (kind < 13 ? 4 + ring % 2 * 4 : 0),
				   1, f) != 1 ||
			    fclose(f)) {
				perror(path);
				return 1;
			}
		}
	}
	return 0;
}
#endif
