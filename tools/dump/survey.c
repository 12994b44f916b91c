// SPDX-License-Identifier: GPL-2.0
/* Reads all of a journal, and has it judged; see survey.h. */
#include "survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/crc64.h"
#include "../../lib/error.h"

/* The surveys that the two rings of struct survey belong to. */
static struct survey *of_ring(struct ring *r)
{
	size_t before = offsetof(struct survey, ring);

	return (struct survey *)((char *)r - before);
}

static struct survey *of_look(struct ring *r)
{
	size_t before = offsetof(struct survey, look);

	return (struct survey *)((char *)r - before);
}

const char *const place_names[] = {
	[PLACE_NEEDED] = "needed",   [PLACE_OLD] = "old",
	[PLACE_STALE] = "stale",     [PLACE_BEYOND] = "beyond",
	[PLACE_DAMAGED] = "damaged", [PLACE_UNREADABLE] = "unreadable",
	[PLACE_FOREIGN] = "foreign",
};

const char *const bucket_names[] = {
	[BUCKET_EMPTY] = "empty",     [BUCKET_SOUND] = "sound",
	[BUCKET_STALE] = "stale",     [BUCKET_FOREIGN] = "foreign",
	[BUCKET_DAMAGED] = "damaged", [BUCKET_UNREADABLE] = "unreadable",
};

const char *const series_names[NR_SERIES] = {
	[SERIES_DISCARD] = "stock 6.1, 6.12",
	[SERIES_LATER] = "stock 7.2, 7.3",
};

/* A journal of 256 buckets of 512 KiB has no more blocks. */
#define MAX_PLACES (256 << 10)

static u64 csum(const struct jset *j)
{
	return bcache_crc64(jset_csum_start(j), jset_csum_bytes(j));
}

/**
 * survey_sector() - where on the device is a place?
 * @s: the survey
 * @bucket: index in the ring
 * @offset: in sectors from the start of the bucket
 *
 * Return: the sector; the highest there is if the bucket's number is impossible.
 */
u64 survey_sector(const struct survey *s, u32 bucket, u32 offset)
{
	u64 sector;

	if (__builtin_mul_overflow(s->sb.d[bucket], s->sb.bucket_size,
				   &sector) ||
	    sector > (~0ULL >> 9) - s->sb.bucket_size)
		return ~0ULL >> 9;
	return sector + offset;
}

/* Returns the number of blocks that can't be read. */
static u32 read_place(struct survey *s, u32 bucket, u32 offset, u32 sectors,
		      void *buf)
{
	return image_read(s->im, buf, sectors << 9,
			  survey_sector(s, bucket, offset) << 9,
			  s->ring.geom.block_bytes);
}

static void tell_progress(const struct survey *s, const char *what, u32 bucket)
{
	if (s->progress)
		s->progress(what, bucket, s->sb.njournal);
}

/* --- what the judge asks for ------------------------------------------------------ */

static int judge_read(struct ring *r, u32 bucket, u32 offset, u32 sectors,
		      const void **data)
{
	struct survey *s = of_ring(r);

	tell_progress(s, "judging", bucket);
	*data = s->buf;
	return read_place(s, bucket, offset, sectors, s->buf) != 0;
}

/*
 * Count the keys of an entry, which may be damaged, up to the first one that can't be a
 * key, and add their sizes to @sectors. Sets @all if these are all of its keys.
 */
static u32 count_keys(const struct jset *j, const struct jset_geom *g,
		      u64 *sectors, bool *all)
{
	const struct bkey *k;
	struct jset_fault fault;
	u32 used, n = 0;

	*all = false;
	for (used = 0; used < j->keys; used += key_u64s(k)) {
		k = (const struct bkey *)(j->d + used);
		if (j->keys - used < key_u64s(k) ||
		    key_check(k, g, &fault) != JSET_OK)
			return n;
		*sectors += key_size(k);
		n++;
	}
	*all = true;
	return n;
}

static int judge_keep(struct ring *r, u32 bucket, const struct jset *j)
{
	struct survey *s = of_ring(r);
	bool all;

	s->replayed += count_keys(j, &r->geom, &s->replayed_sectors, &all);
	if (j->seq == r->newest) {
		free(s->newest);
		s->newest = must(malloc(jset_bytes(j->keys)));
		memcpy(s->newest, j, jset_bytes(j->keys));
	}
	(void)bucket;
	return 0;
}

static int never_erase(struct ring *r, const struct ring_spot *spot)
{
	(void)r;
	(void)spot;
	return -EROFS;
}

static const struct ring_ops judge_ops = {
	.read = judge_read,
	.csum = csum,
	.keep = judge_keep,
	.erase = never_erase,
};

/* --- the walk over all buckets ---------------------------------------------------- */

static int look_read(struct ring *r, u32 bucket, u32 offset, u32 sectors,
		     const void **data)
{
	struct survey *s = of_look(r);

	tell_progress(s, "listing", bucket);
	*data = s->buf;
	return read_place(s, bucket, offset, sectors, s->buf) != 0;
}

static const struct ring_ops look_ops = {
	.read = look_read,
	.csum = csum,
	.erase = never_erase,
};

static bool is_needless(enum place_state state)
{
	return state == PLACE_OLD || state == PLACE_STALE ||
	       state == PLACE_FOREIGN;
}

/* The place is lost with the next call if there is no room for it. */
static struct place *new_place(struct survey *s, const struct ring_spot *spot,
			       enum place_state state)
{
	struct place *p = &s->spare;

	if (s->nr_places >= s->max_places >> is_needless(state)) {
		s->left_out++;
	} else {
		if (s->nr_places == s->room) {
			s->room = s->room ? 2 * s->room : 256;
			s->place =
				must(realloc(s->place, s->room * sizeof(*p)));
		}
		p = &s->place[s->nr_places++];
	}
	*p = (struct place){ .state = state, .spot = *spot };
	return p;
}

static void note_jset(struct place *p, const struct jset *j,
		      const struct jset_geom *g, bool whole)
{
	p->spot.seq = j->seq;
	p->last_seq = j->last_seq;
	p->version = j->version;
	p->words = j->keys;
	if (whole)
		p->keys = count_keys(j, g, &p->key_sectors, &p->keys_read);
}

/* Is a whole entry of another set here? Its magic number is its set's. */
static bool is_foreign(struct survey *s, const struct ring_spot *spot,
		       const struct jset *j)
{
	u32 left = (s->sb.bucket_size - spot->offset) << 9;
	struct jset_geom g = s->ring.geom;
	u32 sectors;

	g.magic = j->magic;
	if (!j->seq || j->seq > JSET_MAX_SEQ || j->last_seq > j->seq ||
	    j->version > JSET_VERSION ||
	    jset_check_header(j, &g, left < g.max_bytes ? left : g.max_bytes) !=
		    JSET_OK)
		return false;
	sectors = jset_blocks(j->keys, &g) * (g.block_bytes >> 9);
	return !read_place(s, spot->bucket, spot->offset, sectors, s->again) &&
	       ((const struct jset *)s->again)->csum == csum(s->again);
}

static enum place_state sound_state(const struct survey *s,
				    const struct bucket *b, u64 seq)
{
	if (seq > s->ring.newest)
		return PLACE_BEYOND;
	if (seq >= s->ring.last_seq)
		return PLACE_NEEDED;
	return b->last > seq ? PLACE_STALE : PLACE_OLD;
}

static void note_unreadable(struct survey *s, const struct ring_spot *spot)
{
	struct place *last = s->nr_places ? &s->place[s->nr_places - 1] : NULL;

	if (last && last->state == PLACE_UNREADABLE &&
	    last->spot.bucket == spot->bucket &&
	    last->spot.offset + last->spot.sectors == spot->offset)
		last->spot.sectors += spot->sectors;
	else
		new_place(s, spot, PLACE_UNREADABLE);
}

static int look_visit(struct ring *r, const struct ring_spot *spot,
		      const struct jset *j)
{
	struct survey *s = of_look(r);
	struct bucket *b = &s->bucket[spot->bucket];
	enum place_state state;

	switch (spot->kind) {
	case RING_BLANK:
		break;
	case RING_SOUND:
		state = sound_state(s, b, spot->seq);
		note_jset(new_place(s, spot, state), j, &r->geom, true);
		if (state == PLACE_STALE) {
			b->stale++;
			break;
		}
		if (!b->entries++ || spot->seq < b->first)
			b->first = spot->seq;
		if (spot->seq > b->last)
			b->last = spot->seq;
		break;
	case RING_BAD:
		b->damaged++;
		/* All of it was read, unless its length is impossible. */
		note_jset(new_place(s, spot, PLACE_DAMAGED), j, &r->geom,
			  spot->verdict != JSET_TOO_BIG);
		break;
	case RING_UNREADABLE:
		b->unreadable++;
		note_unreadable(s, spot);
		break;
	}
	return 0;
}

/* Foreign entries are looked for where nothing of this set is. */
static int foreign_visit(struct ring *r, const struct ring_spot *spot,
			 const struct jset *j)
{
	struct survey *s = of_look(r);
	struct place *p;

	if (spot->kind != RING_BLANK || !is_foreign(s, spot, j))
		return 0;
	p = new_place(s, spot, PLACE_FOREIGN);
	note_jset(p, s->again, &r->geom, false);
	s->bucket[spot->bucket].foreign++;
	return RING_STOP;
}

static bool is_needed(const struct ring *r, u32 bucket)
{
	return r->newest &&
	       (bucket + r->nbuckets - r->start) % r->nbuckets <=
		       (r->cur + r->nbuckets - r->start) % r->nbuckets;
}

static enum bucket_state bucket_state(const struct survey *s,
				      const struct bucket *b)
{
	if (b->unreadable)
		return BUCKET_UNREADABLE;
	if (b->damaged)
		return BUCKET_DAMAGED;
	if (b->entries)
		return b->last < s->ring.last_seq ? BUCKET_STALE : BUCKET_SOUND;
	if (b->stale)
		return BUCKET_STALE;
	return b->foreign ? BUCKET_FOREIGN : BUCKET_EMPTY;
}

static void look(struct survey *s)
{
	u32 i;

	s->look.ops = &look_ops;
	s->look.geom = s->ring.geom;
	s->look.nbuckets = s->ring.nbuckets;
	for (i = 0; i < s->ring.nbuckets; i++) {
		struct bucket *b = &s->bucket[i];

		ring_walk(&s->look, i, look_visit);
		if (!b->entries && !b->stale && !b->damaged && !b->unreadable)
			ring_walk(&s->look, i, foreign_visit);
		b->needed = is_needed(&s->ring, i);
		b->state = bucket_state(s, b);
	}
}

/* --- what would be lost ----------------------------------------------------------- */

static int compare_seq(const void *a, const void *b)
{
	const struct place *p = *(const struct place *const *)a;
	const struct place *q = *(const struct place *const *)b;

	if (p->spot.seq != q->spot.seq)
		return p->spot.seq < q->spot.seq ? -1 : 1;
	return p < q ? -1 : p > q;
}

static void sort_by_seq(struct survey *s)
{
	size_t i;

	s->by_seq = must(malloc((s->nr_places + 1) * sizeof(*s->by_seq)));
	for (i = 0; i < s->nr_places; i++)
		s->by_seq[i] = &s->place[i];
	qsort(s->by_seq, s->nr_places, sizeof(*s->by_seq), compare_seq);
}

/* Index in by_seq of the first place with @seq or a higher one. */
static size_t seq_index(const struct survey *s, u64 seq)
{
	size_t low = 0, high = s->nr_places;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (s->by_seq[middle]->spot.seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The best that is known of an entry: sound, or damaged but with keys. */
static const struct place *find_seq(const struct survey *s, u64 seq)
{
	const struct place *found = NULL;
	size_t i;

	for (i = seq_index(s, seq); i < s->nr_places; i++) {
		const struct place *p = s->by_seq[i];

		if (p->spot.seq != seq)
			break;
		if (p->state == PLACE_FOREIGN || p->state == PLACE_UNREADABLE)
			continue;
		if (p->state != PLACE_DAMAGED)
			return p;
		if (p->keys || p->keys_read)
			found = p;
	}
	return found;
}

static void lose(const struct survey *s, struct loss *l, u64 seq)
{
	const struct place *p = find_seq(s, seq);

	if (!l->count++)
		l->first = seq;
	l->last = seq;
	if (p) {
		l->keys += p->keys;
		l->sectors += p->key_sectors;
	} else {
		l->unknown++;
	}
}

/* Entries up to @last may be lost, which a hostile entry may put anywhere. */
static void lose_range(const struct survey *s, struct loss *l, u64 first,
		       u64 last)
{
	u64 seq, end = last;

	if (last - first >= RING_MAX_OPEN) {
		end = first + RING_MAX_OPEN - 1;
		l->at_least = true;
	}
	for (seq = first; seq <= end; seq++)
		lose(s, l, seq);
	l->last = last;
}

static bool was_kept(const struct ring *r, u64 seq)
{
	u64 bit = seq - r->last_seq;

	return r->have[bit / 8] & 1 << bit % 8;
}

/* What registration with accept_loss would leave out. */
static void find_lost(struct survey *s)
{
	const struct ring *r = &s->ring;
	u64 seq;

	if (!r->newest || s->verdict == RING_OK)
		return;
	for (seq = r->last_seq + r->discarded; seq <= r->newest; seq++)
		if (!was_kept(r, seq))
			lose(s, &s->lost, seq);
	if (s->verdict == RING_LATER && r->at.seq > r->newest + 1)
		lose_range(s, &s->lost, r->newest + 1, r->at.seq - 1);
	if (s->verdict == RING_REJECTED && r->at.seq > r->newest)
		lose_range(s, &s->lost, r->newest + 1, r->at.seq);
}

/*
 * Entries of last_seq..newest, and of what the judge misses behind them. The driver takes
 * any gap at the start for discarded buckets; only those that were discarded are no loss.
 */
static void find_stock_lost(struct survey *s, enum series n)
{
	const struct stock_verdict *v = &s->stock[n];
	struct loss *l = &s->stock_lost[n];
	const struct ring *r = &s->ring;
	u64 from = r->last_seq + r->discarded, to = r->newest;

	if (v->outcome != STOCK_REGISTERS || !r->newest)
		return;
	if (from < v->needed)
		from = v->needed;
	if (from < v->from)
		lose_range(s, l, from, v->from - 1);
	if (s->verdict == RING_LATER && r->at.seq)
		to = r->at.seq - 1;
	if (s->verdict == RING_REJECTED && r->at.seq > to)
		to = r->at.seq;
	if (to > v->to)
		lose_range(s, l, v->to + 1, to);
}

/* --- the whole -------------------------------------------------------------------- */

static u32 stock_read(struct stock *st, u32 bucket, u32 offset, u32 sectors,
		      void *buf)
{
	tell_progress(st->context, "as the stock driver", bucket);
	return read_place(st->context, bucket, offset, sectors, buf);
}

static void ask_stock(struct survey *s)
{
	struct stock st = {
		.read = stock_read,
		.csum = csum,
		.context = s,
		.geom = s->ring.geom,
		.nbuckets = s->ring.nbuckets,
	};
	/* A device whose superblock says that it discards could discard once. */
	bool discards = s->sb.flags & SUPER_DISCARD &&
			(s->im->discards || !s->im->logical_block);

	if (stock_scan(&st))
		die("out of memory");
	s->stock[SERIES_DISCARD] = stock_judge(&st, discards);
	s->stock[SERIES_LATER] = stock_judge(&st, false);
	s->stock_errors = st.errors;
	stock_free(&st);
}

/**
 * survey_super() - read the superblock
 * @s: the survey, zeroed
 * @im: the device; must stay until survey_free()
 *
 * Return: SURVEYED, or NO_SUPER if there is none, after a message.
 */
enum surveyed survey_super(struct survey *s, struct image *im)
{
	bool too_short;
	u64 sectors;

	s->im = im;
	if (!s->max_places)
		s->max_places = MAX_PLACES;
	s->buf = must(malloc(IMAGE_MAX_READ));
	s->again = must(malloc(IMAGE_MAX_READ));
	if (im->bytes < SUPER_AT + SUPER_BYTES) {
		complain("%s: too short for a superblock", im->name);
		return NO_SUPER;
	}
	if (image_read(im, s->buf, SUPER_BYTES, SUPER_AT, SUPER_BYTES)) {
		complain("%s: the superblock, at sector %u, can't be read",
			 im->name, SUPER_AT >> 9);
		return NO_SUPER;
	}
	super_decode(&s->sb, s->buf);
	if (!s->sb.magic_ok) {
		complain("%s: no superblock of bcache", im->name);
		return NO_SUPER;
	}

	too_short = __builtin_mul_overflow(s->sb.nbuckets, s->sb.bucket_size,
					   &sectors) ||
		    im->bytes >> 9 < sectors;
	s->partial = too_short && !im->logical_block;
	s->past_end = too_short && im->logical_block && !s->sb.backing;
	/* For a partition, the stock driver looks at the size of the whole disk. */
	if (s->partial)
		sectors = SECTORS_UNKNOWN;
	else
		sectors = (im->disk_bytes ? im->disk_bytes : im->bytes) >> 9;
	if (!s->sb.backing)
		s->sb_refused =
			super_refused(&s->sb, sectors, im->logical_block);
	s->sync = s->sb.flags & SUPER_SYNC;
	explain_super(s->sb.njournal, s->sb.flags, &s->ours_refused);
	return SURVEYED;
}

/**
 * survey_ring() - read the journal, and have it judged
 * @s: the survey, after survey_super()
 *
 * Return: SURVEYED, or NO_SUPER if the superblock does not lead to it, after a message.
 */
enum surveyed survey_ring(struct survey *s)
{
	const char *why = super_unusable(&s->sb);
	enum series n;
	u32 i;

	if (why) {
		complain("%s: %s", s->im->name, why);
		return NO_SUPER;
	}
	for (i = 0; i < s->sb.njournal; i++) {
		if (survey_sector(s, i, s->sb.bucket_size) > s->im->bytes >>
		    9) {
			complain("%s: ends before journal bucket %u",
				 s->im->name, i);
			return NO_SUPER;
		}
	}

	s->ring.ops = &judge_ops;
	s->ring.geom = super_geom(&s->sb);
	s->ring.nbuckets = s->sb.njournal;
	s->ring.discards = s->sb.flags & SUPER_DISCARD;
	s->error = ring_scan(&s->ring);
	if (!s->error) {
		s->verdict = ring_judge(&s->ring);
		s->root_ok = s->newest &&
			     stock_root_ok(s->newest, &s->ring.geom);
	}
	look(s);
	sort_by_seq(s);
	ask_stock(s);
	if (!s->error)
		find_lost(s);
	for (n = 0; n < NR_SERIES; n++)
		find_stock_lost(s, n);
	return SURVEYED;
}

/**
 * survey_accepts() - does accept_loss decide whether the set is registered?
 * @s: the survey
 *
 * Return: true if bcache-journal refuses the set, and would register it with accept_loss.
 */
bool survey_accepts(const struct survey *s)
{
	return s->sync && !s->sb_refused && !s->ours_refused.text[0] &&
	       !s->error && s->verdict != RING_OK && s->verdict != RING_EMPTY &&
	       s->root_ok;
}

/**
 * survey_registers() - would bcache-journal register the set?
 * @s: the survey
 *
 * Return: true if it would.
 */
bool survey_registers(const struct survey *s)
{
	if (s->sb_refused)
		return false;
	if (!s->sync)
		return true;
	return !s->ours_refused.text[0] && !s->error && s->verdict == RING_OK &&
	       s->root_ok;
}

/**
 * survey_jset() - read an entry again
 * @s: the survey
 * @p: the place of an entry
 *
 * Return: the entry, until the next read; NULL if it can't be read.
 */
const struct jset *survey_jset(struct survey *s, const struct place *p)
{
	const struct jset *j = s->buf;
	size_t bytes = jset_bytes(p->words);
	u32 sectors = jset_blocks(p->words, &s->ring.geom) *
		      (s->ring.geom.block_bytes >> 9);

	if (bytes > s->ring.geom.max_bytes ||
	    sectors > s->sb.bucket_size - p->spot.offset ||
	    read_place(s, p->spot.bucket, p->spot.offset, sectors, s->buf))
		return NULL;
	return j->keys == p->words ? j : NULL;
}

/**
 * survey_free() - free what a survey holds
 * @s: the survey
 */
void survey_free(struct survey *s)
{
	free(s->newest);
	free(s->place);
	free(s->by_seq);
	free(s->again);
	free(s->buf);
}
