// SPDX-License-Identifier: GPL-2.0
/*
 * The judge of the journal's ring, for every pair of newest bucket and damaged bucket
 * and every kind of damage, in rings of 8 to 256 buckets, wrapped and not wrapped.
 *
 * The rings are images in memory, block by block, and the judge sees only these. An
 * oracle, which knows what was written and acknowledged, has the expected verdict.
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
#include "../../bcache-journal/ring.h"

#define BLOCK 512
#define BLOCKS 6 /* blocks per bucket */
#define MAX_BLOCKS 4 /* maximum number of blocks of an entry */
#define NEEDED 3 /* recovery needs this many buckets, up to the newest one */

static const struct jset_geom geom = {
	.magic = JSET_MAGIC ^ 0x0123456789abcdefULL,
	.block_bytes = BLOCK,
	.bucket_sectors = BLOCKS * BLOCK / 512,
	.bucket_bits = 0,
	.first_bucket = 1,
	.nbuckets = 1ULL << 30,
	.max_bytes = MAX_BLOCKS * BLOCK,
	.max_open = RING_MAX_OPEN - 1,
	.nr_inodes = 16,
};

/* What the oracle knows about an entry. */
struct entry {
	u64 seq;
	u32 bucket, block, blocks;
};

static struct {
	u32 n; /* number of buckets */
	u8 *data;
	bool *unreadable; /* by block */
	struct entry *entries; /* by seq; [0] is unused */
	u64 newest;
	struct ring ring;
	bool *kept; /* by seq */
	u32 erased;
	u64 reads;
	bool flaky; /* the bucket taken for the newest one can't be read again */
	u32 worn; /* the bucket that can't be overwritten, or RING_NONE, */
	u32 worn_block; /* only this block of it, or RING_NONE: all */
} m;

#define AHEAD \
	(3 * AHEAD_ALIGN) /* sectors: room for three buckets, or three heads */

static struct {
	struct ahead a;
	u8 data[AHEAD * 512];
	u32 fetches;
} ahead;

static u8 *block_at(u32 bucket, u32 block)
{
	return m.data + ((size_t)bucket * BLOCKS + block) * BLOCK;
}

/* A cheap checksum of only some words, to read millions of rings within seconds. */
static u64 quick_sum(const struct jset *j)
{
	const u64 *p = jset_csum_start(j);
	size_t n = 8;
	u64 sum = ~0ULL;

	while (n--)
		sum = (sum ^ *p++) * 0x9e3779b97f4a7c15ULL + 1;
	return sum;
}

static int model_read(struct ring *r, u32 bucket, u32 offset, u32 sectors,
		      const void **data)
{
	u32 first = offset / (BLOCK / 512), i;

	assert_true(bucket < m.n);
	assert_true(offset + sectors <= geom.bucket_sectors);
	assert_true(sectors <= geom.max_bytes >> 9);
	m.reads++;
	if (m.flaky && bucket == r->cur)
		return 1;
	for (i = 0; i < sectors / (BLOCK / 512); i++)
		if (m.unreadable[bucket * BLOCKS + first + i])
			return 1;
	*data = block_at(bucket, first);
	return 0;
}

/* Like a disk: what is in the buffer after a read that failed is anyone's guess. */
static int model_fetch(struct ahead *a, const struct ahead_piece *p, u32 n)
{
	const struct ahead_piece *end = p + n;
	u32 at = 0, i;
	int ret = 0;

	ahead.fetches++;
	for (; p < end; p++) {
		assert_true(p->bucket < m.n && p->sectors);
		assert_true(p->offset + p->sectors <= geom.bucket_sectors);
		assert_true(!(p->at % AHEAD_ALIGN) && (n == 1 || p->at >= at));
		at = p->at + p->sectors;
		assert_true(at <= AHEAD);
		for (i = 0; i < p->sectors; i++)
			ret |= m.unreadable[p->bucket * BLOCKS + p->offset + i];
		memcpy(ahead.data + p->at * 512, block_at(p->bucket, p->offset),
		       p->sectors * 512);
	}
	if (ret && n > 1)
		memset(ahead.data, 0xa5, sizeof(ahead.data));
	return ret;
}

static int ahead_model_read(struct ring *r, u32 bucket, u32 offset, u32 sectors,
			    const void **data)
{
	int ret = ahead_read(&ahead.a, r, bucket, offset, sectors, data);

	return ret > 0 ? model_read(r, bucket, offset, sectors, data) : ret;
}

static int model_keep(struct ring *r, u32 bucket, const struct jset *j)
{
	assert_true(j->seq <= m.newest);
	m.kept[j->seq] = true;
	return 0;
}

static int model_erase(struct ring *r, const struct ring_spot *s)
{
	u32 first = s->offset / (BLOCK / 512), i;

	for (i = 0; i < s->sectors / (BLOCK / 512); i++) {
		if (s->bucket == m.worn &&
		    (m.worn_block == RING_NONE || m.worn_block == first + i))
			return -EIO;
		memset(block_at(s->bucket, first + i), 0, BLOCK);
		m.unreadable[s->bucket * BLOCKS + first + i] = false;
	}
	m.erased++;
	return 0;
}

static const struct ring_ops ops = {
	.read = model_read,
	.csum = quick_sum,
	.keep = model_keep,
	.erase = model_erase,
};

static const struct ring_ops ahead_ops = {
	.read = ahead_model_read,
	.csum = quick_sum,
	.keep = model_keep,
	.erase = model_erase,
};

static struct jset *jset_of(u64 seq)
{
	const struct entry *e = &m.entries[seq];

	return (struct jset *)block_at(e->bucket, e->block);
}

static void seal(struct jset *j)
{
	j->csum = quick_sum(j);
}

static void write_entry(u64 seq, u64 last_seq, u32 bucket, u32 block,
			u32 blocks)
{
	struct jset *j = (struct jset *)block_at(bucket, block);

	memset(j, 0, blocks * BLOCK);
	j->magic = geom.magic;
	j->seq = seq;
	j->version = JSET_VERSION;
	j->last_seq = last_seq;
	do { /* no more keys than it takes: the judge checks each */
		key_make((struct bkey *)(j->d + j->keys), 1, seq * 100 + 16, 8);
		j->keys += KEY_U64S;
	} while (jset_blocks(j->keys, &geom) < blocks);
	seal(j);
	m.entries[seq] = (struct entry){ seq, bucket, block, blocks };
}

static void ring_free(void)
{
	free(m.data);
	free(m.unreadable);
	free(m.entries);
	free(m.kept);
	memset(&m, 0, sizeof(m));
}

/*
 * Create a ring of @n buckets that has wrapped around @rounds times and was then written
 * up to bucket @newest, of which @blocks blocks are used. Even buckets hold entries of
 * one block, odd buckets hold entries of 2, 1 and 3 blocks.
 */
static void ring_make(u32 n, u32 newest, u32 rounds, u32 blocks)
{
	static const u32 odd[] = { 2, 1, 3 };
	u32 total = rounds * n + newest + 1, i;
	u64 seq = 0, first_of[4] = { 1, 1, 1, 1 };

	ring_free();
	m.n = n;
	m.worn = RING_NONE;
	m.worn_block = RING_NONE;
	m.data = calloc(n, BLOCKS * BLOCK);
	m.unreadable = calloc(n, BLOCKS * sizeof(bool));
	m.entries = calloc(total * BLOCKS + 2, sizeof(struct entry));
	m.kept = calloc(total * BLOCKS + 2, sizeof(bool));
	if (!m.data || !m.unreadable || !m.entries || !m.kept)
		abort();

	for (i = 0; i < total; i++) {
		u32 block = 0, k = 0, end = i + 1 == total ? blocks : BLOCKS;

		memmove(first_of + 1, first_of, 3 * sizeof(u64));
		first_of[0] = seq + 1;
		while (block < end) {
			u32 size = i % n % 2 ? odd[k++ % 3] : 1;

			if (block + size > end)
				size = end - block;
			/* needed from the start of the bucket NEEDED - 1 back */
			write_entry(seq + 1, first_of[NEEDED - 1], i % n, block,
				    size);
			seq++;
			block += size;
		}
	}
	m.newest = seq;
}

static enum ring_verdict judge_with(const struct ring_ops *how, bool discards)
{
	memset(&m.ring, 0, sizeof(m.ring));
	memset(m.kept, 0, (m.newest + 1) * sizeof(bool));
	m.ring.ops = how;
	m.ring.geom = geom;
	m.ring.nbuckets = m.n;
	m.ring.discards = discards;
	assert_int_equal(ring_scan(&m.ring), 0);
	return ring_judge(&m.ring);
}

/* Read ahead with a buffer for at least one entry, or for two or three buckets. */
static enum ring_verdict judge_ahead(bool discards, u32 sectors)
{
	memset(&ahead, 0, sizeof(ahead));
	ahead.a.fetch = model_fetch;
	ahead.a.data = ahead.data;
	ahead.a.sectors = sectors;
	return judge_with(&ahead_ops, discards);
}

/*
 * Judge the ring twice: reading ahead must change nothing about the verdict and its
 * details. The largest rings are judged in either way in turn.
 */
static enum ring_verdict judge(bool discards)
{
	static const u32 sizes[] = { MAX_BLOCKS, 2 * AHEAD_ALIGN, AHEAD };
	static struct ring seen;
	static bool kept[1024];
	static u32 turn;
	enum ring_verdict v;

	turn++;
	if (m.n == 256 && turn % 4 == 3)
		return judge_with(&ops, discards);
	v = judge_ahead(discards, sizes[turn % 4 % 3]);
	if (m.n == 256)
		return v;

	assert_true(m.newest < sizeof(kept));
	memcpy(kept, m.kept, m.newest + 1);
	seen = m.ring;
	seen.ops = &ops;
	assert_int_equal(judge_with(&ops, discards), v);
	/* assert_memory_equal() takes longer than the judge */
	assert_true(!memcmp(kept, m.kept, m.newest + 1));
	assert_true(!memcmp(&seen, &m.ring, sizeof(seen)));
	return v;
}

/* --- every pair ------------------------------------------------------------------ */

enum damage {
	HEAD_SUM, /* first entry of the bucket: wrong checksum */
	HEAD_MAGIC,
	HEAD_ZERO, /* its first block zeroed */
	HEAD_UNREADABLE,
	HEAD_VERSION, /* with a valid checksum */
	HEAD_INODE, /* with a valid checksum */
	HEAD_LENGTH, /* an impossible length */
	MIDDLE_SUM, /* an entry in the middle */
	MIDDLE_ZERO,
	MIDDLE_UNREADABLE,
	MIDDLE_VERSION,
	LAST_SUM, /* the last entry of the bucket */
	LAST_ZERO,
	LAST_UNREADABLE,
	LAST_INODE,
	ALL_SUM, /* each entry */
	ALL_MAGIC,
	ALL_UNREADABLE,
	DAMAGES
};

static const char *const damage_names[] = {
	"first entry: checksum", "first entry: magic",
	"first block zeroed",	 "first block unreadable",
	"first entry: version",	 "first entry: inode",
	"first entry: length",	 "middle entry: checksum",
	"middle entry zeroed",	 "middle entry unreadable",
	"middle entry: version", "last entry: checksum",
	"last entry zeroed",	 "last entry unreadable",
	"last entry: inode",	 "all entries: checksum",
	"all entries: magic",	 "whole bucket unreadable",
};

/* Find the entries that a bucket now contains, seqs first..last, if any. */
static bool entries_in(u32 bucket, u64 *first, u64 *last)
{
	u64 seq;

	*first = *last = 0;
	for (seq = m.newest; seq && seq + 2 * m.n * BLOCKS > m.newest; seq--) {
		const struct jset *j = jset_of(seq);

		if (m.entries[seq].bucket != bucket || j->seq != seq)
			continue;
		if (!*last)
			*last = seq;
		if (*first && *first != seq + 1)
			break; /* from an older round */
		*first = seq;
	}
	return *last;
}

static void spoil(u64 seq, enum damage kind)
{
	const struct entry *e = &m.entries[seq];
	struct jset *j = jset_of(seq);

	switch (kind) {
	case HEAD_SUM:
	case MIDDLE_SUM:
	case LAST_SUM:
	case ALL_SUM:
		j->csum ^= 1;
		break;
	case HEAD_MAGIC:
	case ALL_MAGIC:
		j->magic ^= 1;
		break;
	case HEAD_ZERO:
	case MIDDLE_ZERO:
	case LAST_ZERO:
		memset(j, 0, BLOCK);
		break;
	case HEAD_UNREADABLE:
	case MIDDLE_UNREADABLE:
	case LAST_UNREADABLE:
	case ALL_UNREADABLE:
		m.unreadable[e->bucket * BLOCKS + e->block] = true;
		break;
	case HEAD_VERSION:
	case MIDDLE_VERSION:
		j->version = 99;
		seal(j);
		break;
	case HEAD_INODE:
	case LAST_INODE:
		((struct bkey *)j->d)->high |= 0xfffff;
		seal(j);
		break;
	case HEAD_LENGTH:
		j->keys = 1 << 30;
		break;
	default:
		abort();
	}
}

struct tally {
	unsigned long tried, refused, registered, torn, traceless;
};

/*
 * Test one kind of damage in one bucket. The expected verdict:
 *
 * - Entries of the newest three buckets are acknowledged and needed. If one of them is
 *   damaged, the ring is refused, with one exception.
 * - The exception is the newest entry if it is missing or unreadable, or if its checksum
 *   is wrong, since a power cut can cause this. Registration then loses only this entry.
 *   (If it is zeroed or its magic is wrong, it looks as if it was never written.)
 * - Damage in other buckets is no reason to refuse the ring.
 */
static void one(u32 bucket, enum damage kind, struct tally *t)
{
	u8 saved[BLOCKS * BLOCK];
	u64 first, last, from, to, seq, lost = 0, needed;
	enum ring_verdict v;
	bool refuse = false, whole;

	if (!entries_in(bucket, &first, &last))
		return;
	from = first;
	if (kind >= MIDDLE_SUM && kind <= MIDDLE_VERSION)
		from = first + (last - first) / 2;
	if (kind >= LAST_SUM && kind <= LAST_INODE)
		from = last;
	to = kind >= ALL_SUM ? last : from;

	needed = jset_of(m.newest)->last_seq;
	memcpy(saved, block_at(bucket, 0), sizeof(saved));
	for (seq = from; seq <= to; seq++)
		spoil(seq, kind);
	whole = kind == ALL_UNREADABLE;
	if (whole)
		for (u32 i = 0; i < BLOCKS; i++)
			m.unreadable[bucket * BLOCKS + i] = true;

	/* judge only by what the damaged ring shows */
	if (to >= needed) {
		refuse = true;
		if (from == m.newest && to == m.newest && !whole &&
		    kind != HEAD_VERSION && kind != HEAD_INODE &&
		    kind != MIDDLE_VERSION && kind != LAST_INODE) {
			refuse = false;
			lost = m.newest;
		}
		/*
		 * Without magic, the entries of a bucket look as if they were never
		 * written. That goes unnoticed if they were the newest ones, and if
		 * older needed ones are left.
		 */
		if (kind == ALL_MAGIC && to == m.newest && from > needed) {
			refuse = false;
			lost = from;
		}
	} else if (whole && bucket == (m.entries[m.newest].bucket + 1) % m.n) {
		/* the bucket could contain entries newer than all readable ones */
		refuse = true;
	}

	v = judge(false);
	t->tried++;
	if (refuse == !v)
		fail_msg(
			"%u buckets, newest %u (entry %llu), %s in bucket %u (entries %llu-%llu): verdict %d",
			m.n, m.entries[m.newest].bucket,
			(unsigned long long)m.newest, damage_names[kind],
			bucket, (unsigned long long)from,
			(unsigned long long)to, v);
	if (v == RING_OK) {
		u64 end = lost ? lost - 1 : m.newest;

		t->registered++;
		t->torn += lost && lost == to && from == to;
		t->traceless += lost && kind == ALL_MAGIC;
		assert_int_equal(m.ring.newest, end);
		for (seq = jset_of(end)->last_seq; seq <= end; seq++)
			if (!m.kept[seq])
				fail_msg("entry %llu silently lost",
					 (unsigned long long)seq);
	} else {
		t->refused++;
	}

	memcpy(block_at(bucket, 0), saved, sizeof(saved));
	memset(m.unreadable + bucket * BLOCKS, 0, BLOCKS * sizeof(bool));
}

static void pairs(u32 n)
{
	for (int wrapped = 0; wrapped < 2; wrapped++) {
		struct tally t = { 0 };

		for (u32 newest = 0; newest < n; newest++) {
			/* the newest bucket is full, or has room behind the newest entry */
			ring_make(n, newest, wrapped, newest % 2 ? 3 : BLOCKS);
			assert_int_equal(judge(false), RING_OK);
			assert_int_equal(m.ring.newest, m.newest);
			for (u32 bucket = 0; bucket < n; bucket++)
				for (int kind = 0; kind < DAMAGES; kind++)
					one(bucket, kind, &t);
		}
		print_message(
			"%3u buckets, %s: %lu combinations: %lu registered, %lu refused; newest entry considered torn in %lu, loss of the newest bucket unnoticeable in %lu, others lost in 0\n",
			n, wrapped ? "wrapped    " : "not wrapped", t.tried,
			t.registered, t.refused, t.torn, t.traceless);
	}
	ring_free();
}

static void pairs_8(void **state)
{
	pairs(8);
}

static void pairs_16(void **state)
{
	pairs(16);
}

static void pairs_32(void **state)
{
	pairs(32);
}

static void pairs_64(void **state)
{
	pairs(64);
}

static void pairs_256(void **state)
{
	pairs(256);
}

/* --- special cases ---------------------------------------------------------------- */

/* A torn write behind the newest entry, and one whose seq skips an entry. */
static void behind_newest(void **state)
{
	struct jset *j;

	ring_make(8, 3, 1, 3);
	m.newest++;
	write_entry(m.newest, m.newest - 5, 3, 3, 1);
	j = jset_of(m.newest);
	j->csum ^= 1;
	assert_int_equal(judge(false), RING_OK);
	assert_int_equal(m.ring.torn.seq, m.newest);
	assert_int_equal(m.ring.torn.bucket, 3);
	assert_int_equal(m.ring.torn.offset, 3);

	j->seq++; /* so the entry before it was complete, and is lost */
	m.newest++;
	assert_int_equal(judge(false), RING_LATER);
	assert_int_equal(m.ring.at.seq, m.newest);
	ring_free();
}

/* The same at the head of the next bucket. */
static void head_of_next(void **state)
{
	ring_make(8, 3, 1, BLOCKS);
	m.newest++;
	write_entry(m.newest, m.newest - 5, 4, 0, 2);
	jset_of(m.newest)->csum ^= 1;
	assert_int_equal(judge(false), RING_OK);
	assert_int_equal(m.ring.torn.bucket, 4);
	jset_of(m.newest)->seq++;
	m.newest++;
	assert_int_equal(judge(false), RING_LATER);
	ring_free();
}

/* After a recovery, writing continued in the next bucket: the torn entry is harmless. */
static void torn_once(void **state)
{
	ring_make(8, 3, 1, 3);
	m.newest++;
	write_entry(m.newest, m.newest - 5, 3, 3, 1);
	jset_of(m.newest)->csum ^= 1;
	write_entry(m.newest, m.newest - 5, 4, 0, 1);
	m.newest++;
	write_entry(m.newest, m.newest - 5, 4, 1, 1);
	assert_int_equal(judge(false), RING_OK);
	assert_int_equal(m.ring.newest, m.newest);
	assert_int_equal(m.ring.torn.kind, RING_BLANK);
	ring_free();
}

/* Unreadable blocks behind the newest entry: as long as the longest entry, and longer. */
static void unreadable_end(void **state)
{
	u32 i;

	ring_make(8, 3, 1, 1);
	for (i = 1; i <= MAX_BLOCKS; i++)
		m.unreadable[3 * BLOCKS + i] = true;
	assert_int_equal(judge(false), RING_OK);
	assert_int_equal(m.ring.torn.kind, RING_UNREADABLE);
	assert_int_equal(m.ring.torn.sectors, MAX_BLOCKS);
	m.unreadable[3 * BLOCKS + i] = true;
	assert_int_equal(judge(false), RING_HIDDEN);
	ring_free();
}

/* Read errors in the free part of the ring are ignored. */
static void unreadable_free(void **state)
{
	ring_make(16, 3, 1, 3);
	for (u32 b = 5; b < 16; b++) {
		memset(m.unreadable, 0, 16 * BLOCKS * sizeof(bool));
		for (u32 i = 0; i < BLOCKS; i++)
			m.unreadable[b * BLOCKS + i] = true;
		assert_int_equal(judge(false), RING_OK);
		assert_int_equal(m.ring.unneeded, 1);
	}
	ring_free();
}

/* Entry M + 1 may be in two places, or in a whole unreadable bucket, with others. */
static void two_holes(void **state)
{
	ring_make(8, 3, 1, 3);
	m.unreadable[3 * BLOCKS + 3] = true;
	assert_int_equal(judge(false), RING_OK);
	m.unreadable[4 * BLOCKS] = true;
	assert_int_equal(judge(false), RING_HIDDEN);
	m.unreadable[3 * BLOCKS + 3] = false;
	assert_int_equal(judge(false), RING_OK);
	assert_int_equal(m.ring.torn.bucket, 4);
	ring_free();
}

/* Damaged M + 1 in one bucket and M + 2 in the next, as short boots leave them. */
static void two_heads(void **state)
{
	ring_make(8, 3, 1, 3);
	write_entry(m.newest + 1, m.newest - 5, 4, 0, 1);
	jset_of(m.newest + 1)->csum ^= 1;
	assert_int_equal(judge(false), RING_OK);
	write_entry(m.newest + 2, m.newest - 5, 5, 0, 1);
	jset_of(m.newest + 2)->csum ^= 1;
	assert_int_equal(judge(false), RING_LATER);

	/* a sound entry behind the unreadable one */
	memset(jset_of(m.newest + 2), 0, BLOCK);
	m.unreadable[5 * BLOCKS] = true;
	write_entry(m.newest + 3, m.newest - 5, 5, 1, 1);
	m.newest += 3;
	assert_int_equal(judge(false), RING_MISSING);
	ring_free();
}

/* Only the first block of M + 2 is readable, or its neighbour has an impossible seq. */
static void later_headers(void **state)
{
	ring_make(8, 3, 1, 1);
	write_entry(m.newest + 1, m.newest - 5, 3, 1, 1);
	jset_of(m.newest + 1)->csum ^= 1;
	write_entry(m.newest + 2, m.newest - 5, 3, 2, 2);
	m.unreadable[3 * BLOCKS + 3] = true;
	assert_int_equal(judge(false), RING_LATER);

	m.unreadable[3 * BLOCKS + 3] = false;
	jset_of(m.newest + 2)->csum ^= 1;
	jset_of(m.newest + 1)->seq ^= 1ULL << 40;
	assert_int_equal(judge(false), RING_LATER);
	jset_of(m.newest + 1)->seq = 0;
	assert_int_equal(judge(false), RING_LATER);
	ring_free();
}

/* Discarded buckets at the start, with and without the discard flag. */
static void discarded_start(void **state)
{
	u64 first, last;

	for (u32 newest = 0; newest < 16; newest++) {
		u32 oldest = (newest + 16 - NEEDED + 1) % 16;

		ring_make(16, newest, 1, BLOCKS);
		assert_true(entries_in(oldest, &first, &last));
		memset(block_at(oldest, 0), 0, BLOCKS * BLOCK);
		assert_int_equal(judge(true), RING_OK);
		assert_int_equal(m.ring.discarded, last - first + 1);
		assert_int_equal(judge(false), RING_MISSING);
		assert_int_equal(m.ring.gone_first, first);
		assert_int_equal(m.ring.gone_last, last);

		/* two discarded buckets, and older ones before them */
		oldest = (oldest + 1) % 16;
		memset(block_at(oldest, 0), 0, BLOCKS * BLOCK);
		memset(block_at((newest + 5) % 16, 0), 0, BLOCKS * BLOCK);
		assert_int_equal(judge(true), RING_OK);

		/* only a part of a bucket */
		ring_make(16, newest, 1, BLOCKS);
		oldest = (newest + 16 - NEEDED + 1) % 16;
		assert_true(entries_in(oldest, &first, &last));
		memset(jset_of(first), 0, BLOCK);
		assert_int_equal(judge(true), RING_MISSING);

		/* not at the start */
		ring_make(16, newest, 1, BLOCKS);
		memset(block_at((oldest + 1) % 16, 0), 0, BLOCKS * BLOCK);
		assert_int_equal(judge(true), RING_MISSING);
	}
	ring_free();
}

/*
 * The newest entry needs the whole ring, and the power failed while the next entry, of 1
 * to MAX_BLOCKS blocks, was overwriting the oldest bucket.
 */
static void overwritten_start(void **state)
{
	u64 first, last;

	for (u32 newest = 0; newest < 8; newest++) {
		for (u32 blocks = 1; blocks <= MAX_BLOCKS; blocks++) {
			u32 next = (newest + 1) % 8;
			struct jset *j;

			ring_make(8, newest, 1, BLOCKS);
			if (!entries_in(next, &first, &last))
				continue;
			j = jset_of(m.newest);
			j->last_seq = first;
			seal(j);
			assert_int_equal(judge(false), RING_OK);
			assert_int_equal(m.ring.discarded, 0);

			write_entry(m.newest + 1, m.newest - 5, next, 0,
				    blocks);
			jset_of(m.newest + 1)->csum ^= 1;
			assert_int_equal(judge(false), RING_OK);
			assert_true(m.ring.overwritten);
			assert_true(m.ring.discarded > 0);
			assert_int_equal(m.ring.torn.seq, m.newest + 1);

			/* the bucket after it is missing too */
			memset(block_at((next + 1) % 8, 0), 0, BLOCKS * BLOCK);
			assert_int_equal(judge(false), RING_MISSING);

			/* an entry other than M + 1 is there, or none */
			ring_make(8, newest, 1, BLOCKS);
			j = jset_of(m.newest);
			j->last_seq = first;
			seal(j);
			j = (struct jset *)block_at(next, 0);
			j->csum ^= 1;
			assert_int_equal(judge(false), RING_MISSING);
			memset(j, 0, BLOCK);
			assert_int_equal(judge(false), RING_MISSING);
			assert_int_equal(judge(true), RING_MISSING);
		}
	}
	ring_free();
}

/* An abandoned run of entries, rewritten elsewhere with the same seqs. */
static void rewritten_run(void **state)
{
	u64 seq;

	ring_make(8, 3, 1, BLOCKS);
	seq = m.newest - 2;
	write_entry(seq, seq - 4, 4, 0, 1);
	((struct bkey *)jset_of(seq)->d)->low++;
	seal(jset_of(seq));
	assert_int_equal(judge(false), RING_OK); /* bucket 4 is not read */
	write_entry(m.newest + 1, m.newest - 5, 4, 1, 1);
	m.newest++;
	assert_int_equal(judge(false), RING_TWICE);
	assert_int_equal(m.ring.at.seq, seq);
	ring_free();
}

static void empty(void **state)
{
	ring_make(8, 3, 1, BLOCKS);
	memset(m.data, 0, 8 * BLOCKS * BLOCK);
	assert_int_equal(judge(false), RING_EMPTY);
	ring_free();
}

/* the highest possible seq, after which none can follow, and a seq of 0 */
static void hostile_seq(void **state)
{
	struct jset *j;

	ring_make(8, 3, 1, 3);
	j = jset_of(m.newest);
	j->seq = ~0ULL;
	j->last_seq = ~0ULL;
	seal(j);
	assert_int_equal(judge(false), RING_REJECTED);
	assert_int_equal(m.ring.at.verdict, JSET_BAD_SEQ);
	j->seq = 0;
	j->last_seq = 0;
	seal(j);
	assert_int_equal(judge(false), RING_REJECTED);
	ring_free();
}

/* The first entry of a set, written before it got its seq: a race of the stock driver. */
static void seq_not_set(void **state)
{
	struct jset *j;

	ring_make(8, 6, 0, 3);
	j = (void *)m.data + BLOCKS * BLOCK;
	j->seq = 0;
	j->last_seq = 1;
	j->keys = 0;
	seal(j);
	assert_int_equal(judge(false), RING_OK);
	j->keys = 3;
	seal(j);
	assert_int_equal(judge(false), RING_REJECTED);
	ring_free();
}

/* An entry is zeroed: the verdict still names the place where it began. */
static void missing_entry_place(void **state)
{
	for (u32 i = 1; i < 14; i++) {
		u64 seq;

		ring_make(16, 3, 1, 3);
		seq = m.newest - i;
		memset(jset_of(seq), 0, BLOCK);
		if (seq < jset_of(m.newest)->last_seq)
			break;
		assert_int_equal(judge(false), RING_MISSING);
		assert_int_equal(m.ring.gone_first, seq);
		assert_int_equal(m.ring.at.bucket, m.entries[seq].bucket);
		assert_int_equal(m.ring.at.offset, m.entries[seq].block);
	}
	ring_free();
}

/* After a loss was accepted and the damaged entries were erased, none are left. */
static void erased(void **state)
{
	ring_make(16, 3, 1, 3);
	jset_of(m.newest - 4)->csum ^= 1;
	for (u32 i = 0; i < BLOCKS; i++)
		m.unreadable[4 * BLOCKS + i] = true;
	assert_int_equal(judge(false), RING_MISSING);
	assert_int_equal(m.ring.damages, 1);
	assert_int_equal(m.ring.damage[0].seq, m.newest - 4);
	assert_int_equal(ring_erase(&m.ring), 0);
	assert_int_equal(m.erased, 1 + BLOCKS);
	assert_int_equal(judge(false), RING_MISSING);
	assert_int_equal(m.ring.damages, 0);
	assert_int_equal(m.ring.gone, 1);
	assert_true(m.kept[m.newest]);
	ring_free();
}

/* All buckets are needed, and each has an unreadable block: all are overwritten. */
static void erased_everywhere(void **state)
{
	ring_make(8, 3, 1, BLOCKS);
	jset_of(m.newest)->last_seq = m.newest - 6 * BLOCKS;
	seal(jset_of(m.newest));
	for (u32 b = 0; b < m.n; b++)
		m.unreadable[b * BLOCKS + 1] = true;
	assert_int_equal(judge(false), RING_MISSING);
	assert_int_equal(ring_erase(&m.ring), 0);
	for (u32 b = 0; b < m.n; b++)
		assert_false(m.unreadable[b * BLOCKS + 1]);
	ring_free();
}

/* Where writing continues nothing can be overwritten: then nothing else is. */
static void worn_next(void **state)
{
	ring_make(16, 3, 1, 3);
	jset_of(m.newest - 4)->csum ^= 1;
	m.unreadable[4 * BLOCKS + 2] = true;
	m.worn = 4;
	assert_int_equal(judge(false), RING_MISSING);
	assert_int_equal(ring_erase(&m.ring), -EIO);
	assert_int_equal(m.erased, 0);
	m.worn = 5; /* this is not where it continues */
	assert_int_equal(ring_erase(&m.ring), 0);
	assert_int_equal(m.erased, 1 + BLOCKS - 2);
	ring_free();
}

/*
 * Where writing continues all is unreadable, and all but one block can be overwritten: the
 * next registration must meet that block again.
 */
static void worn_in_the_middle(void **state)
{
	ring_make(16, 3, 1, BLOCKS);
	for (u32 i = 0; i < BLOCKS; i++)
		m.unreadable[4 * BLOCKS + i] = true;
	assert_int_equal(judge(false), RING_HIDDEN);
	m.worn = 4;
	m.worn_block = BLOCKS - 2;
	assert_int_equal(ring_erase(&m.ring), -EIO);
	assert_int_equal(judge(false), RING_HIDDEN);
	m.worn_block = MAX_BLOCKS - 1;
	assert_int_equal(ring_erase(&m.ring), -EIO);
	assert_int_equal(judge(false), RING_OK);
	assert_int_equal(m.ring.torn.kind, RING_UNREADABLE);
	assert_int_equal(m.ring.torn.bucket, 4);
	assert_int_equal(m.ring.torn.offset, 0);
	assert_int_equal(m.ring.torn.sectors, MAX_BLOCKS * (BLOCK / 512));
	ring_free();
}

/* The newest bucket's head and all entries of the bucket before it are damaged. */
static void erased_before_headless(void **state)
{
	u64 first, last;

	ring_make(16, 3, 1, BLOCKS);
	assert_true(entries_in(2, &first, &last));
	for (u64 seq = first; seq <= last; seq++)
		jset_of(seq)->csum ^= 1;
	memset(jset_of(last + 1), 0, BLOCK);
	assert_int_equal(judge(false), RING_MISSING);
	assert_int_equal(m.ring.newest, m.newest);
	assert_int_equal(ring_erase(&m.ring), 0);
	assert_int_equal(m.erased, last - first);
	assert_int_equal(judge(false), RING_MISSING);
	assert_int_equal(m.ring.newest, m.newest);
	assert_true(m.kept[m.newest]);
	ring_free();
}

/* With reads that fail now and then, the scan gives up after one round per bucket. */
static void flaky_reads(void **state)
{
	for (u32 n = 8; n <= 256; n *= 2) {
		ring_make(n, 3, 1, BLOCKS);
		assert_int_equal(judge(false), RING_OK);
		memset(&m.ring, 0, sizeof(m.ring));
		m.ring.ops = &ops;
		m.ring.geom = geom;
		m.ring.nbuckets = m.n;
		m.flaky = true;
		m.reads = 0;
		assert_int_equal(ring_scan(&m.ring), -EIO);
		assert_true(m.reads < 2 * n + n * 6 * BLOCKS);
		m.flaky = false;
		assert_int_equal(judge(false), RING_OK);
	}
	ring_free();
}

/* Each head is read once; only the needed buckets and the next one are read whole. */
static void few_reads(void **state)
{
	ring_make(256, 100, 1, 3);
	m.reads = 0;
	assert_int_equal(judge_with(&ops, false), RING_OK);
	assert_true(m.reads <= 256 + 2 * (NEEDED + 2) * 3);

	/* three heads at once; the newest bucket, the next one, and three at once */
	m.reads = 0;
	assert_int_equal(judge_ahead(false, AHEAD), RING_OK);
	assert_int_equal(m.reads, 0);
	assert_true(ahead.fetches <= (256 + 2) / 3 + 4);

	/* in vain with its neighbours, then alone, and never again: its blocks are next */
	m.unreadable[99 * BLOCKS + 3] = true;
	assert_int_equal(judge_ahead(false, AHEAD), RING_MISSING);
	assert_true(m.reads && m.reads <= 2 * BLOCKS);
	assert_true(ahead.fetches <= (256 + 2) / 3 + 4 + 4);
	ring_free();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(behind_newest),
		cmocka_unit_test(head_of_next),
		cmocka_unit_test(torn_once),
		cmocka_unit_test(unreadable_end),
		cmocka_unit_test(unreadable_free),
		cmocka_unit_test(two_holes),
		cmocka_unit_test(two_heads),
		cmocka_unit_test(later_headers),
		cmocka_unit_test(discarded_start),
		cmocka_unit_test(overwritten_start),
		cmocka_unit_test(rewritten_run),
		cmocka_unit_test(empty),
		cmocka_unit_test(hostile_seq),
		cmocka_unit_test(seq_not_set),
		cmocka_unit_test(missing_entry_place),
		cmocka_unit_test(erased),
		cmocka_unit_test(erased_everywhere),
		cmocka_unit_test(worn_next),
		cmocka_unit_test(worn_in_the_middle),
		cmocka_unit_test(erased_before_headless),
		cmocka_unit_test(flaky_reads),
		cmocka_unit_test(few_reads),
		cmocka_unit_test(pairs_8),
		cmocka_unit_test(pairs_16),
		cmocka_unit_test(pairs_32),
		cmocka_unit_test(pairs_64),
		cmocka_unit_test(pairs_256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
