// SPDX-License-Identifier: GPL-2.0
/*
 * journal mutate DEV SEED: make one to three random changes to the ring or to the
 * superblock of a cache device. The seed alone determines them on the same image.
 *
 * Prints a line "seen WHAT" or "hidden WHAT" for each change. "seen": the checksum is
 * correct, or was made so, and the reader has to deal with the content. "hidden": the
 * checksum is wrong, or nothing has one. A line "unreadable SECTOR SECTORS" asks the
 * caller to make reads of these sectors fail.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "device.h"

#define FLAG_SYNC 1ULL
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static u64 state;

static u64 any(void)
{
	return mix(state += 0x9e3779b97f4a7c15ULL);
}

static u64 below(u64 n)
{
	return any() % n;
}

/* one time in @n */
static bool rarely(u64 n)
{
	return !below(n);
}

static void did(bool seen, const char *fmt, ...)
{
	va_list ap;

	printf("%s ", seen ? "seen" : "hidden");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* A value that may well be wrong, in place of @now. */
static u64 extreme(u64 now)
{
	const u64 limits[] = {
		0,
		1,
		2,
		0x7f,
		0xff,
		0x7fff,
		0xffff,
		0x7fffffff,
		0xffffffff,
		~0ULL >> 1,
		1ULL << 63,
		~0ULL,
		JSET_MAX_SEQ,
		newest_seq,
		newest_last,
		sb->nbuckets,
		sb->njournal,
		sb->first_bucket,
		geom.bucket_sectors,
		sb->nbuckets * geom.bucket_sectors,
	};
	u64 limit = limits[below(LENGTH(limits))];

	switch (below(6)) {
	case 0:
		return now + 1 + below(2);
	case 1:
		return now - 1 - below(2);
	case 2:
		return now ^ 1ULL << below(64);
	case 3:
		return any() >> below(64);
	case 4:
		return limit + below(3) - 1;
	default:
		return limit;
	}
}

struct field {
	const char *name;
	size_t at, size;
	u32 count;
};

#define FIELD(type, name)                                    \
	{                                                    \
#name, offsetof(struct type, name),          \
			sizeof(((struct type *)0)->name), 1, \
	}
#define ARRAY(type, name, count)                                    \
	{                                                           \
#name, offsetof(struct type, name),                 \
			sizeof(((struct type *)0)->name[0]), count, \
	}

/* Change a field, and describe it in @what. All numbers are little-endian. */
static void change(void *base, const struct field *f, char what[64])
{
	u8 *at = (u8 *)base + f->at + f->size * below(f->count);
	u64 old = 0, now;

	memcpy(&old, at, f->size);
	now = extreme(old);
	memcpy(at, &now, f->size);
	now = 0;
	memcpy(&now, at, f->size);
	snprintf(what, 64, "%s %#" PRIx64 " to %#" PRIx64, f->name,
		 (uint64_t)old, (uint64_t)now);
}

/* --- entries ---------------------------------------------------------------- */

/* An entry, with what follows it in its bucket. */
struct place {
	const struct entry *e;
	u32 bytes; /* to the end of the bucket */
	struct jset *j;
};

static void load(struct place *p, const struct entry *e)
{
	p->e = e;
	p->bytes = bucket_bytes() -
		   (e->sector * SECTOR - bucket_start(e->bucket) * SECTOR);
	p->j = buffer(bucket_bytes());
	get(e->sector * SECTOR, p->j, p->bytes);
}

static u32 room(const struct place *p)
{
	return (p->bytes - sizeof(struct jset)) / sizeof(u64);
}

/* Correct the checksum, if the entry is short enough to have one. */
static bool seal(struct place *p)
{
	if (p->j->keys > room(p))
		return false;
	p->j->csum = csum_of(p->j);
	return true;
}

static void store(struct place *p)
{
	put(p->e->sector * SECTOR, p->j, p->bytes);
	free(p->j);
}

/* Mostly one that recovery needs, and often the newest one. */
static const struct entry *pick(void)
{
	u64 tries = below(4) ? 64 : 0;
	bool last = rarely(3);

	while (tries--) {
		const struct entry *e = &entries[below(nr)];

		if (e->index >= 0 && e->seq >= newest_last &&
		    (!last || e->seq + 2 > newest_seq))
			return e;
	}
	return &entries[below(nr)];
}

static void end(struct place *p, bool want_seen, const char *what)
{
	bool seen = want_seen && seal(p);

	did(seen, "entry %" PRIu64 " in bucket %u: %s", (uint64_t)p->e->seq,
	    p->e->bucket, what);
	store(p);
}

static void flip(void)
{
	u32 bits = 1 << below(5), n, bytes;
	struct place p;
	char what[64];

	load(&p, pick());
	bytes = p.j->keys <= room(&p) ? jset_bytes(p.j->keys) : p.bytes;
	for (n = 0; n < bits; n++)
		((u8 *)p.j)[below(bytes)] ^= 1 << below(8);
	snprintf(what, sizeof(what), "%u bits flipped", bits);
	end(&p, below(2), what);
}

static void header(void)
{
	static const struct field fields[] = {
		FIELD(jset, magic),
		FIELD(jset, seq),
		FIELD(jset, seq),
		FIELD(jset, version),
		FIELD(jset, keys),
		FIELD(jset, last_seq),
		FIELD(jset, last_seq),
		ARRAY(jset, uuid_bucket_pad, KEY_PADDED_U64S),
		ARRAY(jset, btree_root_pad, KEY_PADDED_U64S),
		FIELD(jset, btree_level),
		ARRAY(jset, pad, 3),
		ARRAY(jset, prio_bucket, JSET_CACHES),
	};
	struct place p;
	char what[64];

	load(&p, pick());
	change(p.j, &fields[below(LENGTH(fields))], what);
	end(&p, !rarely(8), what);
}

/* Give the entry another length that fits. */
static void length(void)
{
	struct place p;
	char what[64];
	u32 old;

	load(&p, pick());
	old = p.j->keys;
	p.j->keys = below(rarely(4) || !old ? room(&p) + 1 : old);
	snprintf(what, sizeof(what), "%u words of keys cut to %u", old,
		 p.j->keys);
	end(&p, !rarely(4), what);
}

/* Change a field of @k, which has at most @ptrs pointers. */
static void change_key(struct bkey *k, u32 ptrs, char what[64])
{
	u32 i = ptrs ? below(ptrs) : 0;
	u64 dev, offset, gen;

	if (!ptrs || rarely(2)) {
		switch (below(5)) {
		case 0:
			key_set_ptrs(k, below(8));
			break;
		case 1: /* inode */
			k->high = (k->high & ~0xfffffULL) |
				  (extreme(k->high) & 0xfffff);
			break;
		case 2: /* size */
			k->high = (k->high & ~(0xffffULL << 20)) |
				  (extreme(key_size(k)) & 0xffff) << 20;
			break;
		case 3: /* flags */
			k->high ^= 1ULL << (36 + below(24));
			break;
		case 4:
			k->low = extreme(k->low);
			break;
		}
		snprintf(what, 64, "to %#" PRIx64 " %#" PRIx64,
			 (uint64_t)k->high, (uint64_t)k->low);
		return;
	}

	dev = ptr_dev(k, i);
	offset = ptr_offset(k, i);
	gen = ptr_gen(k, i);
	switch (below(4)) {
	case 0:
		dev = extreme(dev) & 0xfff;
		break;
	case 1: /* its own bucket, or any */
		offset = extreme(offset) & ~0ULL >> 21;
		break;
	case 2:
		offset = below(sb->nbuckets) * geom.bucket_sectors +
			 offset % geom.bucket_sectors;
		break;
	case 3:
		gen = extreme(gen) & 0xff;
		break;
	}
	k->ptr[i] = ptr_make(gen, offset, dev);
	snprintf(what, 64, "pointer to %#" PRIx64, (uint64_t)k->ptr[i]);
}

/* The key at which the @n-th step from the first one arrives, within the entry. */
static struct bkey *nth_key(struct place *p, u32 n, u32 *ptrs)
{
	u32 at = 0, keys = p->j->keys < room(p) ? p->j->keys : room(p);
	struct bkey *k;

	if (keys < KEY_U64S)
		return NULL;
	while (true) {
		k = (struct bkey *)(p->j->d + at);
		*ptrs = key_ptrs(k);
		if (*ptrs > keys - at - KEY_U64S)
			*ptrs = keys - at - KEY_U64S;
		at += KEY_U64S + *ptrs;
		if (!n-- || keys - at < KEY_U64S)
			return k;
	}
}

static void key(void)
{
	char what[64], line[128];
	const char *of = "key";
	struct bkey *k = NULL;
	struct place p;
	u32 ptrs = 0;

	load(&p, pick());
	if (!rarely(4))
		k = nth_key(&p, below(8), &ptrs);
	if (!k) {
		bool root = below(2);

		of = root ? "btree_root" : "uuid_bucket";
		k = (struct bkey *)(root ? p.j->btree_root_pad :
					   p.j->uuid_bucket_pad);
		ptrs = key_ptrs(k) < KEY_MAX_PTRS ? key_ptrs(k) : KEY_MAX_PTRS;
	}
	change_key(k, ptrs, what);
	snprintf(line, sizeof(line), "%s %s", of, what);
	end(&p, !rarely(8), line);
}

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

static void swap(void)
{
	struct place a, b;
	u8 *was;
	u32 n;

	load(&a, pick());
	load(&b, pick());
	n = least(a.bytes, b.bytes);
	n = least(n, least(a.e->sectors, b.e->sectors) * SECTOR);
	was = buffer(n);
	memcpy(was, a.j, n);
	did(a.e->sectors == b.e->sectors,
	    "entry %" PRIu64 " in bucket %u swapped with %" PRIu64
	    " in bucket %u",
	    (uint64_t)a.e->seq, a.e->bucket, (uint64_t)b.e->seq, b.e->bucket);
	/* only their own blocks: both may be in the same bucket */
	put(a.e->sector * SECTOR, b.j, n);
	put(b.e->sector * SECTOR, was, n);
	free(was);
	free(a.j);
	free(b.j);
}

/* Write an entry in the place of another one, with its own seq or another. */
static void duplicate(void)
{
	const struct entry *from = pick();
	struct place p;
	char what[64];
	u64 seq;
	u32 n;

	load(&p, pick());
	n = least(p.bytes, from->sectors * SECTOR);
	get(from->sector * SECTOR, p.j, n);
	if (below(2)) {
		seq = rarely(2) ? p.e->seq : from->seq + below(9) - 4;
		p.j->seq = seq;
	}
	snprintf(what, sizeof(what), "entry %" PRIu64 " is there, as %" PRIu64,
		 (uint64_t)from->seq, (uint64_t)p.j->seq);
	end(&p, !rarely(4), what);
}

/* Write an entry behind the newest one, or at the start of the next bucket. */
static void append(void)
{
	struct entry at = { .bucket = newest };
	const struct entry *from = pick();
	struct place p;
	char what[64];

	at.sector = buckets[newest].end;
	if (rarely(3) ||
	    at.sector == bucket_start(newest) + geom.bucket_sectors) {
		at.bucket = (newest + 1) % sb->njournal;
		at.sector = bucket_start(at.bucket);
	}
	load(&p, &at);
	get(from->sector * SECTOR, p.j, least(p.bytes, from->sectors * SECTOR));
	at.seq = rarely(3) ? extreme(newest_seq) : newest_seq + 1 + below(3);
	p.j->seq = at.seq;
	if (rarely(3))
		p.j->last_seq = extreme(p.j->last_seq);
	snprintf(what, sizeof(what), "is entry %" PRIu64, (uint64_t)from->seq);
	end(&p, !rarely(3), what);
}

/* --- places ----------------------------------------------------------------- */

/* Zeroes, or noise, in some sectors: a write that got torn, or a lost place. */
static void blot(void)
{
	const struct entry *e = pick();
	u32 left = bucket_start(e->bucket) + geom.bucket_sectors - e->sector;
	u32 n = 1 + below(rarely(8) ? left : least(left, 4)), i;
	u32 skip = below(left - n + 1);
	bool noise = below(2);
	u8 *buf;

	if (skip > 2)
		skip = below(3);
	n = least(n, left - skip);
	buf = buffer(n * SECTOR);
	for (i = 0; i < n * SECTOR; i++)
		buf[i] = noise ? any() : 0;
	put((e->sector + skip) * SECTOR, buf, n * SECTOR);
	did(false, "%u sectors from %u of entry %" PRIu64 " in bucket %u: %s",
	    n, skip, (uint64_t)e->seq, e->bucket, noise ? "noise" : "zeroes");
	free(buf);
}

/* Whole buckets: swapped, copied, or empty. */
static void whole_bucket(void)
{
	u32 a = rarely(2) ? newest : below(sb->njournal);
	u32 b = below(sb->njournal), way = below(3);
	u8 *in_a = buffer(bucket_bytes()), *in_b = buffer(bucket_bytes());

	get(bucket_start(a) * SECTOR, in_a, bucket_bytes());
	get(bucket_start(b) * SECTOR, in_b, bucket_bytes());
	if (!way)
		memset(in_b, 0, bucket_bytes());
	put(bucket_start(a) * SECTOR, in_b, bucket_bytes());
	if (way == 2)
		put(bucket_start(b) * SECTOR, in_a, bucket_bytes());
	if (way)
		did(true, "bucket %u %s bucket %u", a,
		    way == 1 ? "is a copy of" : "swapped with", b);
	else
		did(false, "bucket %u is empty", a);
	free(in_a);
	free(in_b);
}

static void super_field(void)
{
	static const struct field fields[] = {
		FIELD(super, offset),	    FIELD(super, version),
		ARRAY(super, magic, 16),    ARRAY(super, uuid, 16),
		FIELD(super, set_magic),    ARRAY(super, label, 32),
		FIELD(super, flags),	    FIELD(super, flags),
		FIELD(super, seq),	    ARRAY(super, features, 3),
		FIELD(super, nbuckets),	    FIELD(super, block_size),
		FIELD(super, bucket_size),  FIELD(super, nr_in_set),
		FIELD(super, nr_this_dev),  FIELD(super, last_mount),
		FIELD(super, first_bucket), FIELD(super, njournal),
		FIELD(super, njournal),	    ARRAY(super, d, MAX_BUCKETS),
	};
	struct super *s = buffer(SB_BYTES);
	bool seen = !rarely(8);
	struct field f = fields[below(LENGTH(fields))];
	char what[64];

	get(SB_AT, s, SB_BYTES);
	if (f.at == offsetof(struct super, d) && !rarely(8))
		f.count = sb->njournal;
	change(s, &f, what);
	/*
	 * The product with the bucket size must not overflow: the stock driver does not
	 * check that, and warns of the memory it can't get before the journal is read.
	 * Without the flag the set counts as new, and nothing of it is read.
	 */
	s->nbuckets &= ~0ULL >> 16;
	s->flags |= FLAG_SYNC;
	if (seen)
		s->csum = csum_super(s);
	put(SB_AT, s, SB_BYTES);
	did(seen, "superblock: %s", what);
	free(s);
}

/* Some sectors of the ring, or anywhere on the device. */
static void unreadable(void)
{
	const struct entry *e = pick();
	u64 from = e->sector;
	u32 n = rarely(4) ? geom.bucket_sectors : 1 + below(16);

	switch (below(8)) {
	case 0:
		from = below(sb->nbuckets * geom.bucket_sectors - n);
		break;
	case 1:
		from = buckets[newest].end;
		break;
	case 2:
	case 3:
		from = bucket_start(e->bucket);
		break;
	}
	printf("unreadable %" PRIu64 " %u\n", (uint64_t)from, n);
}

/**
 * mutate() - change a device at random
 * @seed: determines the changes
 */
void mutate(uint64_t seed)
{
	static void (*const kinds[])(void) = {
		flip,	     flip,	 header,    header,	  header,
		header,	     length,	 key,	    key,	  key,
		swap,	     duplicate,	 duplicate, append,	  append,
		blot,	     blot,	 blot,	    whole_bucket, super_field,
		super_field, unreadable,
	};
	u32 n;

	state = mix(seed + 1);
	for (n = 1 + below(3); n; n--)
		kinds[below(LENGTH(kinds))]();
}
