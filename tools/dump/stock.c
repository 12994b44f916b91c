// SPDX-License-Identifier: GPL-2.0
/* Models the stock driver's scan of the journal; see stock.h. */
#include "stock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The order in which the ring is probed: steps of the golden ratio of 2^32. */
#define PROBE_STEP 2654435769U

/* The driver walks a gap between two entries one by one. */
#define MAX_WALK 0x100000000ULL

static u64 newest(const struct stock *s)
{
	return s->list[s->end - 1].seq;
}

static bool empty(const struct stock *s)
{
	return s->first == s->end;
}

/* Could the driver use a key that leads to metadata? It checks it like that. */
static bool metadata_key_ok(const struct bkey *k, const struct jset_geom *g)
{
	__u64 words[KEY_PADDED_U64S];
	struct jset_fault fault;

	if (!key_ptrs(k) || key_ptrs(k) > KEY_MAX_PTRS || !key_size(k) ||
	    key_dirty(k))
		return false;
	/* The offset of such a key means nothing, but key_check() looks at it. */
	memcpy(words, k, key_u64s(k) * sizeof(__u64));
	words[1] = key_size(k);
	return key_check((struct bkey *)words, g, &fault) == JSET_OK;
}

/**
 * stock_root_ok() - can registration use the btree's root and the uuids of an entry?
 * @j: the newest entry
 * @g: the geometry
 *
 * bcache-journal leaves this check to the stock driver.
 *
 * Return: true if it can.
 */
bool stock_root_ok(const struct jset *j, const struct jset_geom *g)
{
	struct jset_geom any = *g;

	any.nr_inodes = 0;
	return metadata_key_ok((const struct bkey *)j->btree_root_pad, &any) &&
	       metadata_key_ok((const struct bkey *)j->uuid_bucket_pad, &any);
}

static enum stock_keys check_keys(const struct stock *s, const struct jset *j)
{
	enum stock_keys worst = STOCK_KEYS_OK;
	struct jset_geom g = s->geom;
	const struct bkey *k;
	u32 used;

	g.nr_inodes =
		0; /* not checked, but a device that isn't there does no harm */
	for (used = 0; used < j->keys; used += key_u64s(k)) {
		struct jset_fault fault;

		k = (const struct bkey *)(j->d + used);
		if (j->keys - used < key_u64s(k) || !key_size(k) ||
		    key_ptrs(k) > KEY_MAX_PTRS ||
		    key_offset(k) > KEY_MAX_OFFSET)
			return STOCK_KEYS_CRASH;
		if (key_check(k, &g, &fault) != JSET_OK)
			worst = STOCK_KEYS_FAIL;
	}
	return worst;
}

/* Make room for one more entry at the end. Returns false without memory. */
static bool more_room(struct stock *s)
{
	struct stock_entry *list;
	u32 room = s->room ? 2 * s->room : 256;

	if (s->end < s->room)
		return true;
	if (s->first > s->room / 2) {
		memmove(s->list, s->list + s->first,
			(s->end - s->first) * sizeof(*s->list));
		s->end -= s->first;
		s->first = 0;
		return true;
	}
	list = realloc(s->list, room * sizeof(*list));
	if (!list)
		return false;
	s->list = list;
	s->room = room;
	return true;
}

/* Returns true if the entry is new to the list and was inserted. */
static bool add(struct stock *s, u32 bucket, const struct jset *j)
{
	u32 at;

	while (!empty(s) && s->list[s->first].seq < j->last_seq)
		s->first++;

	for (at = s->end; at > s->first; at--) {
		const struct stock_entry *e = &s->list[at - 1];

		if (j->seq == e->seq || j->seq < e->last_seq)
			return false;
		if (j->seq > e->seq)
			break;
	}
	at -= s->first;
	if (!more_room(s)) {
		s->no_memory = true;
		return false;
	}
	at += s->first;
	memmove(s->list + at + 1, s->list + at,
		(s->end - at) * sizeof(*s->list));
	s->list[at] = (struct stock_entry){
		.seq = j->seq,
		.last_seq = j->last_seq,
		.bucket = bucket,
		.keys = check_keys(s, j),
		.root_ok = stock_root_ok(j, &s->geom),
	};
	s->end++;
	return true;
}

/*
 * Read a bucket up to the first place without a sound entry. Returns true if an entry
 * was added to the list.
 */
static bool read_bucket(struct stock *s, u32 bucket)
{
	const u32 max = s->geom.max_bytes >> 9;
	u32 offset = 0;
	bool added = false;

	s->seen[bucket] = true;
	while (offset < s->geom.bucket_sectors) {
		u32 left = s->geom.bucket_sectors - offset;
		u32 len = left < max ? left : max;
		const u8 *at = s->buf;

		s->errors += s->read(s, bucket, offset, len, s->buf);
		while (len) {
			const struct jset *j = (const struct jset *)at;
			size_t bytes = jset_bytes(j->keys);
			u32 sectors;

			if (j->magic != s->geom.magic ||
			    bytes > (size_t)left << 9 ||
			    bytes > s->geom.max_bytes)
				return added;
			if (bytes > (size_t)len << 9)
				break; /* read again, from here on */
			if (j->csum != s->csum(j))
				return added;
			added |= add(s, bucket, j);
			sectors = jset_blocks(j->keys, &s->geom) *
				  (s->geom.block_bytes >> 9);
			offset += sectors;
			len -= sectors;
			at += (size_t)sectors << 9;
		}
	}
	return added;
}

/* Find a bucket with an entry. Returns nbuckets if there is none. */
static u32 probe(struct stock *s)
{
	u32 i, b;

	for (i = 0; i < s->nbuckets; i++) {
		b = i * PROBE_STEP % s->nbuckets;
		if (s->seen[b])
			break;
		if (read_bucket(s, b))
			return b;
	}
	for (b = 0; b < s->nbuckets; b++)
		if (!s->seen[b] && read_bucket(s, b))
			return b;
	return s->nbuckets;
}

/* From a bucket with an entry, find the newest one between it and the next one read. */
static u32 bisect(struct stock *s, u32 low)
{
	u32 high = low + 1, middle = low;
	u64 seq;

	while (high < s->nbuckets && !s->seen[high])
		high++;
	while (low + 1 < high) {
		seq = newest(s);
		middle = (low + high) / 2;
		read_bucket(s, middle);
		if (newest(s) != seq)
			low = middle;
		else
			high = middle;
	}
	return middle;
}

/**
 * stock_scan() - find the entries that the stock driver would find
 * @s: the scan, initialised as described at struct stock
 *
 * Return: 0, or -ENOMEM.
 */
int stock_scan(struct stock *s)
{
	u32 b, middle;

	/* The driver's own buffer has zeroes at first where the kernel clears new pages. */
	s->buf = calloc(1, s->geom.max_bytes);
	if (!s->buf)
		return -ENOMEM;

	b = probe(s);
	if (b < s->nbuckets && !empty(s)) {
		middle = bisect(s, b);
		b = middle;
		while (1) {
			b = b ? b - 1 : s->nbuckets - 1;
			if (b == middle || (!s->seen[b] && !read_bucket(s, b)))
				break;
		}
	}
	return s->no_memory ? -ENOMEM : 0;
}

/**
 * stock_judge() - what would the stock driver do with the entries found?
 * @s: the scan, after stock_scan()
 * @discards: a series that accepts a gap at the start, a set that discards, and a device
 *            that can
 *
 * Leaves out what does not depend on the journal alone, such as the generations of
 * buckets and the btree.
 *
 * Return: the verdict.
 */
struct stock_verdict stock_judge(const struct stock *s, bool discards)
{
	struct stock_verdict v = { .outcome = STOCK_NOTHING };
	const struct stock_entry *last;
	u64 next;
	u32 i;

	if (empty(s))
		return v;

	last = &s->list[s->end - 1];
	v.from = s->list[s->first].seq;
	v.to = last->seq;
	v.needed = last->last_seq;
	v.at = last->seq;
	if (!last->root_ok) {
		v.outcome = STOCK_BAD_ROOT;
		return v;
	}

	/* All keys are looked at before the first gap is. */
	for (i = s->first; i < s->end; i++) {
		const struct stock_entry *e = &s->list[i];

		if (e->keys == STOCK_KEYS_FAIL) {
			v.outcome = STOCK_BAD_KEY;
			v.at = e->seq;
		} else if (e->keys == STOCK_KEYS_CRASH ||
			   (i > s->first && e->seq - e[-1].seq > MAX_WALK)) {
			v.outcome = STOCK_CRASHES;
			v.at = e->seq;
			return v;
		}
	}
	if (v.outcome == STOCK_BAD_KEY)
		return v;

	v.outcome = STOCK_REGISTERS;
	next = v.needed;
	for (i = s->first; i < s->end; i++) {
		const struct stock_entry *e = &s->list[i];

		if (e->seq != next && (next != v.needed || !discards)) {
			v.outcome = STOCK_MISSING;
			v.at = next;
			break;
		}
		next = e->seq + 1;
	}
	return v;
}

/**
 * stock_free() - free what a scan has allocated
 * @s: the scan
 */
void stock_free(struct stock *s)
{
	free(s->list);
	free(s->buf);
}
