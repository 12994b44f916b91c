// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: discard of journal buckets
 *
 * Up to 6.12, if discard is enabled for the cache device, the stock driver discards
 * reclaimed buckets one at a time, and reuses them only afterwards: the ring is free up
 * to discard_idx, not up to last_idx. discard_in_flight guards the only bio:
 *
 *	DISCARD_READY      the bio is not in use
 *	DISCARD_IN_FLIGHT  the discard is in flight
 *	DISCARD_DONE       it has completed; discard_idx has yet to advance
 */

#include <linux/blkdev.h>

#include "journal.h"

/* The stock driver must have all three of these, or none. */
#ifdef HAVE_HOOK_JOURNAL_DISCARD_WORK
#if !defined(HAVE_HOOK_JOURNAL_DISCARD_ENDIO) || \
	!defined(HAVE_JOURNAL_DEVICE_DISCARD_IDX)
#error "only part of the code that discards journal buckets is in the stock driver"
#endif
#elif defined(HAVE_HOOK_JOURNAL_DISCARD_ENDIO) || \
	defined(HAVE_JOURNAL_DEVICE_DISCARD_IDX)
#error "only part of the code that discards journal buckets is in the stock driver"
#endif

#ifdef HAVE_HOOK_JOURNAL_DISCARD_WORK

/**
 * bj_journal_discard_endio - a discard has completed, successfully or not
 * @bio: discard_bio of a struct journal_device
 *
 * Hard IRQ or softirq context.
 */
__hook void bj_journal_discard_endio(struct bio *bio)
{
	struct cache *ca = container_of(bio, struct cache, journal.discard_bio);
	struct cache_set *c = ca->set;

	atomic_set(&ca->journal.discard_in_flight, DISCARD_DONE);
	closure_wake_up(&c->journal.wait);
	closure_put(&c->cl);
}

/**
 * bj_journal_discard_work - submit a discard, which may sleep
 * @work: discard_work of a struct journal_device
 */
__hook void bj_journal_discard_work(struct work_struct *work)
{
	struct journal_device *ja =
		container_of(work, struct journal_device, discard_work);

	submit_bio(&ja->discard_bio);
}

/*
 * Does a jset on disk say that the bucket at discard_idx is no longer needed? Until
 * the open jset is filled in, its buffer still has the last_seq of the jset that used
 * it before, with the stock driver too. That jset is on disk, or I/O is disabled.
 */
static bool given_up(const struct cache *ca)
{
	const struct journal_device *ja = &ca->journal;
	const struct jset *before = ca->set->journal.cur->data;

	/* The stock driver does not zero the buffer, which may never have been used. */
	return before->magic == (ca->sb.set_magic ^ JSET_MAGIC) &&
	       ja->seq[ja->discard_idx] < before->last_seq &&
	       !test_bit(CACHE_SET_IO_DISABLE, &ca->set->flags);
}

/**
 * journal_discard - discard the next free bucket
 * @ca: the cache
 * @tight: skip the discard rather than wait until the bucket may be discarded
 *
 * Called with journal.lock held. If discard is disabled, discard_idx catches up with
 * last_idx, but does not pass a bucket whose discard is still in flight.
 *
 * Unlike stock, do not discard a bucket that the newest jset on disk still needs:
 * after a crash, the stock driver would refuse the set on 7.3, and on any kernel if
 * discard was disabled in the meantime.
 *
 * Unlike stock, complete a finished discard even if discard was disabled in the
 * meantime: otherwise it moves discard_idx past last_idx once discard is enabled again,
 * and live buckets are discarded.
 */
void journal_discard(struct cache *ca, bool tight)
{
	struct journal_device *ja = &ca->journal;
	struct bio *bio = &ja->discard_bio;

	switch (atomic_read(&ja->discard_in_flight)) {
	case DISCARD_IN_FLIGHT:
		return;
	case DISCARD_DONE:
		if (ja->discard_idx != ja->last_idx)
			ja->discard_idx = next_bucket(ca, ja->discard_idx);
		atomic_set(&ja->discard_in_flight, DISCARD_READY);
		break;
	}

	if (!ca->discard || (tight && !given_up(ca)))
		ja->discard_idx = ja->last_idx;
	if (ja->discard_idx == ja->last_idx || !given_up(ca))
		return;

	atomic_set(&ja->discard_in_flight, DISCARD_IN_FLIGHT);
	bio_init(bio, ca->bdev, &ja->discard_bv, 1, REQ_OP_DISCARD);
	bio->bi_iter.bi_sector =
		bucket_to_sector(ca->set, ca->sb.d[ja->discard_idx]);
	bio->bi_iter.bi_size = ca->sb.bucket_size << SECTOR_SHIFT;
	bio->bi_end_io = journal_discard_endio;

	closure_get(&ca->set->cl);
	INIT_WORK(&ja->discard_work, journal_discard_work);
#ifdef CONFIG_LOCKDEP
	/* The work outlives this call, and may outlive the lock class of INIT_WORK(). */
	lockdep_copy_map(&ja->discard_work.lockdep_map,
			 &ca->set->journal.work.work.lockdep_map);
#endif
	queue_work(bch_journal_wq, &ja->discard_work);
}

/**
 * journal_tail - the first bucket of the ring that may not be written yet
 * @ca: the cache
 */
unsigned int journal_tail(const struct cache *ca)
{
	return ca->journal.discard_idx;
}

/**
 * journal_discards - could the stock driver discard a bucket that recovery may need?
 * @ca: the cache
 */
bool journal_discards(const struct cache *ca)
{
	return ca->discard;
}

#else

void journal_discard(struct cache *ca, bool tight)
{
}

unsigned int journal_tail(const struct cache *ca)
{
	return ca->journal.last_idx;
}

bool journal_discards(const struct cache *ca)
{
	return false;
}

#endif

/**
 * journal_free_buckets - number of buckets that can be taken without a reclaim
 * @c: the cache set
 * @kept: number of free buckets that are to stay free
 *
 * Called with journal.lock held.
 */
unsigned int journal_free_buckets(const struct cache_set *c, unsigned int kept)
{
	const struct cache *ca = c->cache;
	unsigned int n = ca->sb.njournal_buckets;
	unsigned int tail = journal_tail(ca), cur = ca->journal.cur_idx;
	unsigned int free = cur >= tail ? n + tail - cur : tail - cur;

	return free > kept ? free - kept : 0;
}
