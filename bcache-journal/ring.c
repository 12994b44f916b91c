// SPDX-License-Identifier: GPL-2.0
/* Scans the ring of journal buckets and gives a verdict; see ring.h. */
#include "ring.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/minmax.h>
#else
#include <errno.h>
#define min(a, b) ((a) < (b) ? (a) : (b))
#endif

/* The last read of a walk: sectors [offset, offset + have) are at data. */
struct window {
	const void *data;
	u32 offset;
	u32 have;
	u32 slow_until; /* a long read failed: up to here, read only what is needed */
};

/*
 * Read @want sectors from @offset, and more of the bucket if possible.
 * Returns 0, 1 if they can't be read, or a negative errno.
 */
static int bj_fill(struct ring *r, struct window *w, u32 bucket, u32 offset,
		   u32 want)
{
	u32 n = min(r->geom.bucket_sectors - offset, r->geom.max_bytes >> 9);
	int ret;

	if (w->have && offset >= w->offset &&
	    offset + want <= w->offset + w->have)
		return 0;

	if (offset < w->slow_until)
		n = want;
	ret = r->ops->read(r, bucket, offset, n, &w->data);
	if (ret > 0 && n > want) {
		w->slow_until = offset + n;
		n = want;
		ret = r->ops->read(r, bucket, offset, n, &w->data);
	}
	w->offset = offset;
	w->have = ret ? 0 : n;
	return ret;
}

static const struct jset *window_at(const struct window *w, u32 offset)
{
	return w->data + ((size_t)(offset - w->offset) << 9);
}

/*
 * The stock driver opens the journal of a new set without the lock, while the allocator
 * is already running, so the first entry may be written before it gets its seq. Such an
 * entry is at the start of bucket 1 and has no keys, and the first entry that has
 * waiters comes after it.
 */
static bool too_early(const struct ring_spot *s, const struct jset *j)
{
	return s->verdict == JSET_BAD_SEQ && s->bucket == 1 && !s->offset &&
	       !j->seq && !j->keys;
}

/*
 * Fill in @s for the place at s->offset of s->bucket, and point *j to the entry
 * if there is one. Returns 0 or a negative errno.
 */
static int bj_look_at(struct ring *r, struct window *w, struct ring_spot *s,
		      const struct jset **j)
{
	u32 left =
		min(r->geom.bucket_sectors - s->offset, r->geom.max_bytes >> 9)
		<< 9;
	int ret;

	s->kind = RING_UNREADABLE;
	s->sectors = ring_block(r);
	s->seq = 0;
	s->verdict = JSET_EMPTY;
	s->fault = (struct jset_fault){ .key_index = JSET_NO_KEY };

	ret = bj_fill(r, w, s->bucket, s->offset, s->sectors);
	if (ret)
		return min(ret, 0);

	*j = window_at(w, s->offset);
	s->verdict = jset_check_header(*j, &r->geom, left);
	if (s->verdict == JSET_EMPTY) {
		s->kind = RING_BLANK;
		return 0;
	}

	s->seq = (*j)->seq;
	if (s->verdict == JSET_OK) {
		u32 want = jset_blocks((*j)->keys, &r->geom) * ring_block(r);

		ret = bj_fill(r, w, s->bucket, s->offset, want);
		if (ret)
			return min(ret, 0);
		*j = window_at(w, s->offset);
		s->verdict = jset_check_body(*j, &r->geom, r->ops->csum(*j),
					     &s->fault);
		if (s->verdict == JSET_OK) {
			s->kind = RING_SOUND;
			s->sectors = want;
			return 0;
		}
		if (too_early(s, *j)) {
			s->kind = RING_BLANK;
			return 0;
		}
	} else {
		s->fault.field = "words of keys";
		s->fault.value = (*j)->keys;
	}
	s->kind = RING_BAD;
	return 0;
}

/**
 * ring_walk() - look at each place of a bucket
 * @r: the ring
 * @bucket: the bucket
 * @visit: called for each place, from the start of the bucket, until it returns
 *         RING_STOP or an error
 *
 * Anything but a sound entry advances the walk by one block, since the length of a
 * damaged entry is unknown.
 *
 * Return: 0 or a negative errno of one of the caller's functions.
 */
int ring_walk(struct ring *r, u32 bucket, ring_visit *visit)
{
	struct window w = {};
	struct ring_spot s = { .bucket = bucket };
	int ret;

	while (s.offset + ring_block(r) <= r->geom.bucket_sectors) {
		const struct jset *j = NULL;

		ret = bj_look_at(r, &w, &s, &j);
		if (!ret)
			ret = visit(r, &s, j);
		if (ret)
			return min(ret, 0);
		s.offset += s.sectors;
	}
	return 0;
}

static bool wrong_sum(enum jset_verdict v)
{
	return v == JSET_BAD_CSUM || v == JSET_TOO_BIG;
}

/* Could the set have reached @seq within one more round of the ring? */
static bool plausible(const struct ring *r, u64 seq)
{
	return seq - r->newest <=
	       (u64)r->nbuckets * (r->geom.bucket_sectors / ring_block(r));
}

/* No entry has seq 0, so a bad entry with seq 0 may be any: treat it as the highest. */
static bool later(u64 a, u64 b)
{
	return a - 1 > b - 1;
}

/* Could a damaged place matter to a recovery from last_seq on? */
static bool matters(const struct ring *r, const struct ring_spot *s)
{
	return s->kind == RING_UNREADABLE ||
	       (s->kind == RING_BAD && !later(r->last_seq, s->seq));
}

/* Record the content of a place in struct ring_bucket. */
static int bj_note(struct ring *r, const struct ring_spot *s,
		   const struct jset *j)
{
	struct ring_bucket *b = &r->bucket[s->bucket];
	struct ring_spot *highest;

	if (!s->offset)
		b->head = s->kind;

	switch (s->kind) {
	case RING_BLANK:
		break;
	case RING_SOUND:
		b->sound++;
		if (!s->offset)
			b->head_seq = s->seq;
		if (s->seq <= b->newest)
			break;
		b->newest = s->seq;
		b->last_seq = j->last_seq;
		b->end = s->offset + s->sectors;
		b->behind = 0;
		break;
	case RING_BAD:
		b->bad++;
		if (wrong_sum(s->verdict) && r->newest && !plausible(r, s->seq))
			break;
		highest = wrong_sum(s->verdict) ? &b->claim : &b->rejected;
		if (highest->kind == RING_BLANK || later(s->seq, highest->seq))
			*highest = *s;
		break;
	case RING_UNREADABLE:
		b->unreadable++;
		if (s->offset == b->front)
			b->front += s->sectors;
		if (s->offset == b->end + b->behind)
			b->behind += s->sectors;
		/* seq is known if the first block of the entry was readable */
		if (s->seq > b->claim.seq &&
		    (!r->newest || plausible(r, s->seq)))
			b->claim = *s;
		break;
	}
	return 0;
}

static int bj_note_first(struct ring *r, const struct ring_spot *s,
			 const struct jset *j)
{
	bj_note(r, s, j);
	return RING_STOP;
}

static int bj_read_whole(struct ring *r, u32 bucket, ring_visit *visit)
{
	r->bucket[bucket] = (struct ring_bucket){ .whole = true };
	return ring_walk(r, bucket, visit);
}

static bool damaged(const struct ring_bucket *b)
{
	return b->bad || b->unreadable;
}

/* Returns the bucket of the newest sound entry seen so far, or RING_NONE. */
static u32 newest_bucket(const struct ring *r)
{
	u32 i, found = RING_NONE;
	u64 newest = 0;

	for (i = 0; i < r->nbuckets; i++) {
		if (r->bucket[i].newest > newest) {
			newest = r->bucket[i].newest;
			found = i;
		}
	}
	return found;
}

/*
 * Read the bucket after @b, and further buckets as long as their heads are damaged:
 * writing may have continued in any of them.
 */
static int bj_read_behind(struct ring *r, u32 b)
{
	u32 i = b;
	int ret;

	do {
		i = ring_next(r, i);
		if (i == b)
			return 0;
		ret = bj_read_whole(r, i, bj_note);
		if (ret)
			return ret;
	} while (r->bucket[i].head == RING_BAD ||
		 r->bucket[i].head == RING_UNREADABLE);
	return 0;
}

/* Sets newest, last_seq and cur. Returns 0 or a negative errno. */
static int bj_find_newest(struct ring *r)
{
	u32 i, b;
	int ret;

	for (i = 0; i < r->nbuckets; i++) {
		ret = ring_walk(r, i, bj_note_first);
		if (ret)
			return ret;
	}

	/* If only the first bucket was ever used, its damaged head hides the rest. */
	b = newest_bucket(r);
	for (i = 0; b == RING_NONE && i < r->nbuckets; i++) {
		ret = bj_read_whole(r, i, bj_note);
		if (ret)
			return ret;
	}
	b = newest_bucket(r);
	if (b == RING_NONE)
		return 0;

	/* Each round finds newer entries, unless reads fail that used to succeed. */
	for (i = 0; i < r->nbuckets && b != RING_NONE; i++) {
		r->cur = b;
		ret = bj_read_whole(r, b, bj_note);
		if (!ret)
			ret = bj_read_behind(r, b);
		if (ret)
			return ret;
		b = newest_bucket(r);
		if (b == r->cur)
			break;
	}
	if (i == r->nbuckets)
		return -EIO;

	if (b != RING_NONE) {
		r->newest = r->bucket[b].newest;
		r->last_seq = r->bucket[b].last_seq;
	}
	return 0;
}

/* Remember a damaged place; merge it with an adjacent unreadable one before it. */
static void note_damage(struct ring *r, const struct ring_spot *s)
{
	struct ring_spot *last = NULL;

	if (r->damages && r->damages <= RING_DAMAGES)
		last = &r->damage[r->damages - 1];
	if (last && last->kind == RING_UNREADABLE && s->kind == last->kind &&
	    s->bucket == last->bucket &&
	    s->offset == last->offset + last->sectors) {
		last->sectors += s->sectors;
		return;
	}
	if (r->damages < RING_DAMAGES)
		r->damage[r->damages] = *s;
	r->damages++;
}

/* Record a place, and keep its entry if recovery needs it. */
static int bj_load(struct ring *r, const struct ring_spot *s,
		   const struct jset *j)
{
	u64 bit;
	int ret;

	bj_note(r, s, j);
	if (matters(r, s))
		note_damage(r, s);
	if (s->kind != RING_SOUND || s->seq > r->newest)
		return 0;

	/* Track where the next entry begins, or would have begun. */
	if (!r->hole.sectors && s->seq > r->last_seq &&
	    s->seq > r->behind.seq + 1) {
		r->hole = r->behind;
		r->hole.sectors = ring_block(r);
	}
	if (s->seq > r->behind.seq) {
		r->behind.seq = s->seq;
		r->behind.bucket = s->bucket;
		r->behind.offset = s->offset + s->sectors;
		if (r->behind.offset == r->geom.bucket_sectors) {
			r->behind.bucket = ring_next(r, s->bucket);
			r->behind.offset = 0;
		}
	}
	if (s->seq < r->last_seq)
		return 0;

	bit = s->seq - r->last_seq;
	ret = r->ops->keep(r, s->bucket, j);
	if (ret)
		return ret;
	if (r->have[bit / 8] & 1 << bit % 8) {
		r->twice = *s;
		return 0;
	}
	r->have[bit / 8] |= 1 << bit % 8;
	if (!r->kept++ || s->seq < r->first) {
		r->first = s->seq;
		r->first_at = s->bucket;
	}
	return 0;
}

/**
 * ring_scan() - read the entries that recovery needs
 * @r: the ring, initialised as described at struct ring
 *
 * Process context; sleeps if the caller's functions do. On success, the needed
 * entries have been kept and ring_judge() may be called.
 *
 * Return: 0; the error of one of the caller's functions; -EINVAL if the geometry is
 * out of range; or -EIO, which none of the caller's functions may return, if reads
 * intermittently fail for as many rounds as there are buckets.
 */
int ring_scan(struct ring *r)
{
	u32 b;
	int ret;

	if (!r->geom.max_open || r->geom.max_open > RING_MAX_OPEN ||
	    !r->nbuckets || r->nbuckets > RING_BUCKETS)
		return -EINVAL;

	ret = bj_find_newest(r);
	if (ret || !r->newest)
		return ret;

	/* Read again: with the newest entry known, implausible claims are ignored. */
	ret = bj_read_behind(r, r->cur);
	if (ret)
		return ret;

	/* Go back to the bucket that begins with L or an older entry. */
	b = r->cur;
	while (!r->bucket[b].head_seq || r->bucket[b].head_seq > r->last_seq) {
		b = ring_prev(r, b);
		if (b == r->cur) {
			b = ring_next(r, b);
			break;
		}
	}
	r->start = b;
	r->behind.bucket = b;

	while (1) {
		ret = bj_read_whole(r, b, bj_load);
		if (ret || b == r->cur)
			return ret;
		b = ring_next(r, b);
	}
}

/* Is the bucket one of start..cur, in the order of the ring? */
static bool needed(const struct ring *r, u32 bucket)
{
	return (bucket + r->nbuckets - r->start) % r->nbuckets <=
	       (r->cur + r->nbuckets - r->start) % r->nbuckets;
}

/*
 * Does the gap before the first entry kept consist of whole buckets without any
 * entry of this set? The bucket before them must be an older one, or the newest
 * one if the gap spans the rest of the ring.
 */
static bool start_is_blank(const struct ring *r)
{
	u32 b = r->first_at, blank = 0;

	if (r->bucket[b].head_seq != r->first)
		return false;
	for (b = ring_prev(r, b); b != r->cur; b = ring_prev(r, b)) {
		const struct ring_bucket *k = &r->bucket[b];

		if (!k->whole || damaged(k) || k->sound)
			break;
		blank++;
	}
	return blank && (b == r->cur || (!damaged(&r->bucket[b]) &&
					 r->bucket[b].newest < r->last_seq));
}

/*
 * Was M + 1 being written over the first entries? A write at the start of the next
 * bucket begins only when nothing in that bucket is needed any more, although the
 * last_seq of M, the newest entry on disk, may still refer to it.
 */
static bool start_is_overwritten(const struct ring *r)
{
	u32 behind = ring_next(r, r->cur);
	const struct ring_bucket *b = &r->bucket[behind];

	if (b->head != RING_BAD || b->claim.offset ||
	    b->claim.seq != r->newest + 1)
		return false;
	return r->first_at == behind ||
	       (r->first_at == ring_next(r, behind) &&
		r->bucket[r->first_at].head_seq == r->first);
}

/* Find the missing entries of L..M, and record the bounds of the first gap. */
static void find_gone(struct ring *r)
{
	bool in_first = true;
	u64 bit;

	for (bit = 0; bit <= r->newest - r->last_seq; bit++) {
		if (r->have[bit / 8] & 1 << bit % 8) {
			in_first = !r->gone;
			continue;
		}
		if (!r->gone++)
			r->gone_first = r->last_seq + bit;
		if (in_first)
			r->gone_last = r->last_seq + bit;
	}
}

/*
 * Judge one of the two places for M + 1: after M in its bucket, or in the next
 * bucket. M + 1 would begin at @offset; @hole sectors are unreadable there.
 */
static enum ring_verdict judge_end(struct ring *r, u32 bucket, u32 offset,
				   u32 hole)
{
	const struct ring_bucket *b = &r->bucket[bucket];
	const struct ring_spot *c = &b->claim;

	if (c->seq > r->newest + 1 && plausible(r, c->seq)) {
		r->at = *c;
		return RING_LATER;
	}
	if (hole) {
		struct ring_spot s = {
			.kind = RING_UNREADABLE,
			.bucket = bucket,
			.offset = offset,
			.sectors = hole,
		};

		if (hole > r->geom.max_bytes >> 9) {
			r->at = s;
			return RING_HIDDEN;
		}
		r->torn = s;
	} else if (c->seq == r->newest + 1) {
		r->torn = *c;
	}
	return RING_OK;
}

/* Only one of the two places can hold M + 1. */
static enum ring_verdict judge_ends(struct ring *r)
{
	const struct ring_bucket *b = &r->bucket[r->cur];
	u32 behind = ring_next(r, r->cur);
	struct ring_spot in_cur;
	enum ring_verdict v;

	v = judge_end(r, r->cur, b->end, b->behind);
	in_cur = r->torn;
	if (v != RING_OK || behind == r->cur)
		return v;

	b = &r->bucket[behind];
	v = judge_end(r, behind, 0, b->front);
	if (v == RING_OK && b->front &&
	    (in_cur.kind != RING_BLANK ||
	     b->front + ring_block(r) > r->geom.bucket_sectors)) {
		r->at = r->torn;
		v = RING_HIDDEN;
	}
	return v;
}

/*
 * Look for bad but complete entries in all buckets, and for entries that claim to be
 * later than M + 1 in buckets that recovery does not need. Report the last of the
 * latter.
 */
static enum ring_verdict judge_elsewhere(struct ring *r)
{
	u32 i, behind = ring_next(r, r->cur);
	enum ring_verdict v = RING_OK;

	for (i = 0; i < r->nbuckets; i++) {
		const struct ring_bucket *b = &r->bucket[i];

		if (matters(r, &b->rejected)) {
			r->at = b->rejected;
			return RING_REJECTED;
		}
		if (needed(r, i) || i == behind)
			continue;
		r->unneeded += damaged(b);
		if (b->claim.seq > r->newest + 1 &&
		    plausible(r, b->claim.seq)) {
			r->at = b->claim;
			v = RING_LATER;
		}
	}
	return v;
}

/**
 * ring_judge() - may a set with this ring be registered?
 * @r: the ring, after ring_scan()
 *
 * Sets the details of the verdict: gone_first and the like, at, torn, unneeded.
 *
 * Return: the verdict.
 */
enum ring_verdict ring_judge(struct ring *r)
{
	enum ring_verdict v;

	if (!r->newest)
		return RING_EMPTY;

	v = judge_elsewhere(r);
	if (v == RING_REJECTED)
		return v;

	if (r->twice.seq) {
		r->at = r->twice;
		return RING_TWICE;
	}

	find_gone(r);
	if (r->gone && r->gone_first == r->last_seq &&
	    r->gone == r->first - r->last_seq) {
		r->overwritten = start_is_overwritten(r);
		if (r->overwritten || (r->discards && start_is_blank(r))) {
			r->discarded = r->gone;
			r->gone = 0;
		}
	}
	if (r->gone) {
		r->at = r->hole;
		return RING_MISSING;
	}

	return v == RING_OK ? judge_ends(r) : v;
}

/*
 * If the head of the newest bucket is damaged, only the damaged heads before it
 * lead the scan there. Erasing them would hide that bucket and all its entries
 * until the next entry is written. An entry older than the newest one does no
 * harm if it reappears: its seq is never used again.
 */
static bool leads_to_newest(const struct ring *r, const struct ring_spot *s)
{
	return !s->offset && s->seq < r->newest && s->bucket != r->cur &&
	       s->bucket != ring_next(r, r->cur) &&
	       r->bucket[r->cur].head != RING_SOUND;
}

/*
 * Erase a place. In the bucket in which writing continues, all that follows it is
 * abandoned too: erase that first, from its end, and stop at the first failure. So the
 * next registration finds the same damage, up to the place that can't be overwritten.
 */
static int bj_erase(struct ring *r, const struct ring_spot *s,
		    const struct jset *unused)
{
	u32 blocks = r->geom.bucket_sectors / ring_block(r);
	struct ring_spot last = *s;
	int ret = 0;

	if (!matters(r, s) || leads_to_newest(r, s))
		return 0;
	if (s->bucket != ring_next(r, r->cur) || needed(r, s->bucket))
		return r->ops->erase(r, s);

	last.offset = blocks * ring_block(r);
	while (!ret && last.offset > s->offset) {
		last.offset -= ring_block(r);
		ret = r->ops->erase(r, &last);
	}
	return ret;
}

/**
 * ring_erase() - make sure that abandoned entries do not reappear
 * @r: the ring, after ring_judge(); the user has accepted the loss
 *
 * Overwrites each damaged place, in the buckets that recovery needs and the one after
 * them, where an entry from L on could reappear, because it becomes readable or its
 * checksum happens to match. Sound entries are left alone, except old ones behind such a
 * place in the bucket after the newest one, and so are heads without which the newest
 * entry would not be found again. Begins with that bucket, in which writing continues
 * sooner or later: if it can't be overwritten, no other bucket is changed. Process
 * context.
 *
 * Return: 0, or the error of ops->erase() or ops->read().
 */
int ring_erase(struct ring *r)
{
	u32 behind = ring_next(r, r->cur), b = behind;
	int ret;

	do {
		ret = ring_walk(r, b, bj_erase);
		b = b == r->start && b != behind ? behind : ring_prev(r, b);
	} while (!ret && b != behind);
	return ret;
}
