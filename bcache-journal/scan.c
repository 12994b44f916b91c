// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: scan
 *
 * Registration begins with a scan for the jsets that recovery needs. ring.c decides
 * what to read and whether the set may be registered; this file reads for it, keeps the
 * jsets, and logs the verdict. ring.c asks for at most one jset at a time; ahead.c chooses
 * what to read along with it.
 *
 * The jsets are kept in a list of struct journal_replay, sorted by seq. Each is
 * allocated separately with kmalloc(), since the stock driver frees them one by one.
 *
 * If possible, a set is refused here, before it has an allocator, a root or a pin.
 */

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "ahead.h"
#include "explain.h"
#include "journal.h"
#include "ring.h"

static_assert(RING_BUCKETS == ARRAY_SIZE(((struct journal_device *)0)->seq));
static_assert(SUPER_POLICY_SHIFT == CACHE_REPLACEMENT_SHIFT &&
	      SUPER_POLICY_MASK == CACHE_REPLACEMENT_MASK &&
	      SUPER_POLICY_RANDOM == CACHE_REPLACEMENT_RANDOM);

/* The size of the buffer for reading ahead, which also bounds the reads in flight. */
#define AHEAD_BYTES SZ_2M
#define BIO_SECTORS (BIO_MAX_VECS * PAGE_SECTORS)
static_assert(AHEAD_BYTES >= JSET_BYTES && AHEAD_ALIGN == PAGE_SECTORS);

struct scan {
	struct ring ring;
	struct cache_set *c;
	struct cache *ca;
	struct list_head *list;
	bool lossy; /* the operator accepts that entries are missing */
	struct ahead ahead;
};

static sector_t spot_sector(const struct scan *s, u32 bucket, u32 offset)
{
	return bucket_to_sector(s->c, s->ca->sb.d[bucket]) + offset;
}

/* Read into @data, which is physically contiguous, and wait for it. */
static int bj_read_sectors(struct cache *ca, sector_t sector, void *data,
			   unsigned int sectors)
{
	struct bio_vec bv;
	struct bio bio;
	int ret;

	bio_init(&bio, ca->bdev, &bv, 1, REQ_OP_READ | REQ_META);
	bio.bi_iter.bi_sector = sector;
	__bio_add_page(&bio, virt_to_page(data), sectors << SECTOR_SHIFT,
		       offset_in_page(data));
	ret = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return ret;
}

/*
 * Start reading a piece. @last is the bio before it, or NULL: it is chained to the next bio
 * and submitted. Returns the last bio of the piece, which has not been submitted yet. So
 * only one bio is waited for in the end, and none has a completion function in this module.
 */
static struct bio *bj_start_piece(struct scan *s, const struct ahead_piece *p,
				  struct bio *last)
{
	u32 done, n, i;

	for (done = 0; done < p->sectors; done += n) {
		void *data = s->ahead.data + ((p->at + done) << SECTOR_SHIFT);
		struct bio *bio;

		n = min_t(u32, p->sectors - done, BIO_SECTORS);
		bio = bio_alloc(s->ca->bdev, DIV_ROUND_UP(n, PAGE_SECTORS),
				REQ_OP_READ | REQ_META, GFP_KERNEL);
		bio->bi_iter.bi_sector =
			spot_sector(s, p->bucket, p->offset) + done;
		for (i = 0; i < n; i += PAGE_SECTORS, data += PAGE_SIZE)
			__bio_add_page(bio, vmalloc_to_page(data),
				       min_t(u32, n - i, PAGE_SECTORS)
					       << SECTOR_SHIFT,
				       0);
		if (last) {
			bio_chain(last, bio);
			submit_bio(last);
		}
		last = bio;
	}
	return last;
}

static int bj_scan_fetch(struct ahead *a, const struct ahead_piece *piece,
			 u32 n)
{
	struct scan *s = container_of(a, struct scan, ahead);
	struct bio *bio = NULL;
	int ret;

	if (fatal_signal_pending(current))
		return -EINTR;
	while (n--)
		bio = bj_start_piece(s, piece++, bio);
	ret = submit_bio_wait(bio);
	bio_put(bio);
	return ret != 0;
}

/* Number of buckets from @a to @b, in the order of the ring. */
static u32 distance(const struct ring *r, u32 a, u32 b)
{
	return (b + r->nbuckets - a) % r->nbuckets;
}

static int bj_scan_read(struct ring *r, u32 bucket, u32 offset, u32 sectors,
			const void **data)
{
	struct scan *s = container_of(r, struct scan, ring);
	void *buf = s->c->journal.w[0].data;
	int ret;

	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	if (!r->newest && !r->bucket[bucket].whole)
		progress_made(s->c, bucket);
	else if (r->kept)
		progress_made(s->c, distance(r, r->start, bucket));

	ret = ahead_read(&s->ahead, r, bucket, offset, sectors, data);
	if (ret <= 0)
		return ret;

	*data = buf;
	ret = bj_read_sectors(s->ca, spot_sector(s, bucket, offset), buf,
			      sectors);
	return ret == -ENOMEM ? ret : ret != 0;
}

/* Insert by seq, which in a sound ring means at the end. */
static int bj_scan_keep(struct ring *r, u32 bucket, const struct jset *j)
{
	struct scan *s = container_of(r, struct scan, ring);
	struct journal_device *ja = &s->ca->journal;
	size_t bytes = jset_bytes(j->keys);
	struct journal_replay *i, *before;

	if (!r->kept)
		progress_begin(s->c, RECOVERY_ENTRIES,
			       distance(r, r->start, r->cur) + 1);
	progress_made(s->c, distance(r, r->start, bucket));

	i = kmalloc(offsetof(struct journal_replay, j) + bytes, GFP_KERNEL);
	if (!i)
		return -ENOMEM;
	memcpy((void *)i + offsetof(struct journal_replay, j), j, bytes);
	i->pin = NULL;

	list_for_each_entry_reverse(before, s->list, list)
		if (before->j.seq <= j->seq)
			break;
	list_add(&i->list, &before->list);
	if (!list_entry_is_head(before, s->list, list) &&
	    before->j.seq == j->seq) {
		list_del(&before->list);
		kfree(before);
	}

	if (j->seq > ja->seq[bucket])
		ja->seq[bucket] = j->seq;
	cond_resched();
	return 0;
}

static int bj_scan_erase(struct ring *r, const struct ring_spot *spot)
{
	struct scan *s = container_of(r, struct scan, ring);
	sector_t sector = spot_sector(s, spot->bucket, spot->offset);
	int ret = blkdev_issue_zeroout(s->ca->bdev, sector, spot->sectors,
				       GFP_KERNEL, 0);
	bool is_next = spot->bucket == ring_next(r, r->cur);
	const char *then = "entries there would reappear";

	if (!ret)
		return 0;

	/*
	 * An unreadable place will probably stay unreadable. That is good enough, except
	 * where writing goes on: the first entry that is written there would shut the set
	 * down, and it has the seq of an abandoned one.
	 */
	if (is_next)
		then = "the next journal entries belong there";
	else if (spot->kind == RING_UNREADABLE)
		then = "write the dirty data back before the journal gets there";
	bj_warn(s->c,
		"journal bucket %u, sector %llu: can't be overwritten (%d): %s\n",
		spot->bucket, (u64)sector, ret, then);
	return is_next || spot->kind != RING_UNREADABLE ? ret : 0;
}

static const struct ring_ops scan_ops = {
	.read = bj_scan_read,
	.csum = jset_csum,
	.keep = bj_scan_keep,
	.erase = bj_scan_erase,
};

static void tell_spot(const struct scan *s, const struct ring_spot *at)
{
	bj_warn(s->c, "%s\n",
		explain_spot(at, spot_sector(s, at->bucket, at->offset)).text);
}

/* Log the cause of a refusal, and then @outcome. */
static void tell_refusal(const struct scan *s, enum ring_verdict v,
			 const char *outcome)
{
	const struct ring *r = &s->ring;
	u32 i;

	for (i = 0; i < min_t(u32, r->damages, RING_DAMAGES); i++)
		if (r->damage[i].bucket != r->at.bucket ||
		    r->damage[i].offset != r->at.offset || v == RING_MISSING)
			tell_spot(s, &r->damage[i]);
	if (r->damages > RING_DAMAGES)
		bj_warn(s->c, "%u more damaged places in the journal\n",
			r->damages - RING_DAMAGES);
	if (v != RING_MISSING)
		tell_spot(s, &r->at);

	bj_err(s->c, "%s: %s\n",
	       explain_refusal(r, v, spot_sector(s, r->at.bucket, r->at.offset))
		       .text,
	       outcome);
}

/* Log oddities that are no reason to refuse the set. */
static void tell_harmless(const struct scan *s)
{
	const struct ring *r = &s->ring;

	if (r->torn.kind != RING_BLANK) {
		tell_spot(s, &r->torn);
		bj_info(s->c, "%s\n", explain_torn(r).text);
	}
	if (r->discarded)
		bj_info(s->c, "%s\n", explain_discarded(r).text);
	if (r->unneeded)
		bj_warn(s->c, "%s\n", explain_unneeded(r).text);
}

/* Offset in the newest bucket at which writing continues; its size if in the next one. */
static u32 resume_at(const struct scan *s)
{
	const struct ring_bucket *newest = &s->ring.bucket[s->ring.cur];

	return newest->unreadable ? s->ca->sb.bucket_size : newest->end;
}

/* Judge the ring, and log the verdict. Returns 0 or a negative errno. */
static int bj_judge(struct scan *s)
{
	struct ring *r = &s->ring;
	enum ring_verdict v = ring_judge(r);
	int ret = 0;

	switch (v) {
	case RING_EMPTY:
		bj_warn(s->c, "%s\n", explain_refusal(r, v, 0).text);
		return 0; /* the stock driver refuses an empty list */
	case RING_OK:
		tell_harmless(s);
		/* The next entry will have the same seq. */
		if (r->torn.kind == RING_UNREADABLE)
			ret = bj_scan_erase(r, &r->torn);
		/* There may be room for other entries before that place. */
		if (!ret || resume_at(s) < s->ca->sb.bucket_size)
			return 0;
		bj_err(s->c,
		       "writing can't continue: not registered, nothing else was changed; copy the cache device to a good one, and register the copy\n");
		return ret;
	default:
		break;
	}

	if (!take_acceptance(s->c)) {
		tell_refusal(
			s, v,
			"not registered, nothing was changed; to accept the loss, write the UUID of the set to /sys/module/bcache_journal/parameters/accept_loss and register again");
		return v == RING_REJECTED ? -EINVAL : -EIO;
	}

	ret = ring_erase(r);
	if (!ret)
		ret = blkdev_issue_flush(s->ca->bdev);
	if (!ret)
		tell_refusal(
			s, v,
			"registered anyway because of accept_loss; run fsck");
	else if (ret == -EINTR || ret == -ENOMEM)
		tell_refusal(
			s, v,
			"not registered: overwriting damaged places was interrupted; set accept_loss again and register again");
	else
		tell_refusal(
			s, v,
			"not registered despite accept_loss, which is cleared: damaged places can't be overwritten; copy the cache device to a good one, and register the copy");
	s->lossy = !ret;
	return ret;
}

/* Number of buckets read to their end; of the others only the first entry was read. */
static u32 buckets_read(const struct ring *r)
{
	u32 i, n = 0;

	for (i = 0; i < r->nbuckets; i++)
		n += r->bucket[i].whole;
	return n;
}

static const struct jset *newest_jset(const struct list_head *list)
{
	return &list_last_entry(list, struct journal_replay, list)->j;
}

/* Set the journal up so that writing continues after the newest jset. */
static void bj_resume(struct scan *s)
{
	struct journal_device *ja = &s->ca->journal;

	ja->cur_idx = s->ring.cur;
	ja->last_idx = next_bucket(s->ca, ja->cur_idx);
#ifdef HAVE_JOURNAL_DEVICE_DISCARD_IDX
	ja->discard_idx = ja->last_idx;
#endif
	s->c->journal.seq = s->ring.newest;
	journal_resume(s->c, newest_jset(s->list), resume_at(s));
	journal_judged(s->c, s->lossy);
}

static int check_super(const struct cache_set *c)
{
	const struct cache_sb *sb = &c->cache->sb;
	struct sentence why;

	if (explain_super(sb->njournal_buckets, sb->flags, &why))
		return 0;
	bj_err(c, "%s: not registered\n", why.text);
	return -EINVAL;
}

static struct scan *bj_scan_new(struct cache_set *c, struct list_head *list)
{
	struct scan *s;

	s = kvzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return NULL;
	s->c = c;
	s->ca = c->cache;
	s->list = list;
	s->ring.ops = &scan_ops;
	s->ring.geom = cache_geom(c->cache);
	s->ring.nbuckets = c->cache->sb.njournal_buckets;
	s->ring.discards = superblock_discards(c);
	s->ahead.fetch = bj_scan_fetch;
	s->ahead.data = __vmalloc(AHEAD_BYTES,
				  GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
	if (s->ahead.data)
		s->ahead.sectors = AHEAD_BYTES >> SECTOR_SHIFT;
	return s;
}

static void bj_scan_free(struct scan *s)
{
	vfree(s->ahead.data);
	kvfree(s);
}

/* Log why the scan was aborted. */
static void tell_given_up(const struct scan *s, int ret)
{
	const char *then = "free some memory and register again";
	struct sentence why;

	if (ret == -EIO)
		then = "check the cache device (its own messages, cables) and register again";
	if (ret == -EINTR)
		bj_warn(s->c,
			"the registering process was killed while reading the journal: not registered, nothing was changed; register again\n");
	else if (explain_given_up(&s->ring, ret, &why))
		bj_err(s->c, "%s: not registered, nothing was changed; %s\n",
		       why.text, then);
}

/**
 * bj_journal_read - collect the jsets that recovery needs
 * @c: the cache set being registered
 * @list: empty; gets one struct journal_replay per jset, oldest first
 *
 * Stands in for bch_journal_read. Called by registration with bch_register_lock held;
 * the journal has no other user yet. Sets journal.seq and the indices of the ring. On
 * error the caller frees the entries of @list.
 *
 * Return: 0 (also if there is no jset at all), -EINVAL, -EIO, -ENOMEM, or -EINTR
 * if the registering process was killed.
 */
__hook int bj_journal_read(struct cache_set *c, struct list_head *list)
{
	ktime_t began = ktime_get();
	struct scan *s;
	int ret;

	journal_judged(NULL, false);
	ret = check_super(c);
	if (ret)
		return ret;

	s = bj_scan_new(c, list);
	if (!s) {
		bj_err(c,
		       "not enough memory to read the journal: not registered, nothing was changed; free some memory and register again\n");
		return -ENOMEM;
	}

	progress_begin(c, RECOVERY_HEADS, s->ring.nbuckets);
	ret = ring_scan(&s->ring);
	progress_end(!ret);
	if (!ret)
		ret = bj_judge(s);
	else
		tell_given_up(s, ret);
	if (!ret && s->ring.newest) {
		bj_resume(s);
		bj_info(c,
			"journal read in %lld ms: entries %llu-%llu, %u of %u buckets read whole\n",
			ktime_ms_delta(ktime_get(), began), s->ring.first,
			c->journal.seq, buckets_read(&s->ring),
			s->ring.nbuckets);
	}

	bj_scan_free(s);
	return ret;
}
