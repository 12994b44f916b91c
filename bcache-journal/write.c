// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: writing a jset, and retrying a failed write
 *
 * A failed write is retried for write_retry seconds: the same jset, to the same place. If
 * the device has a volatile write cache, there is no retry, see bj_is_retriable(). During
 * that time it counts as in flight, for the stock driver too, and the open jset
 * accepts keys. Between two tries the write waits in a work item of this module, which
 * is flushed at module exit. The place of the jset can be derived from the ring, so the
 * stock driver need not know about any extra state: a retry that is still pending after
 * the module has detached is made at once, and ends in the stock journal_write_endio.
 *
 * If all retries fail, the set is shut down and the bios that wait for the jset end
 * with an error. No other bio has been promised to be durable: only the next flush
 * would do that, and it fails.
 */

#include <linux/blk_types.h>
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>

#include "journal.h"
#include "trace.h"

#ifndef CONFIG_VMAP_STACK
#error "VMAP_STACK is needed to tell a closure on a stack from that of a bio"
#endif

static unsigned int write_retry = 30;
module_param(write_retry, uint, 0644);
MODULE_PARM_DESC(
	write_retry,
	"seconds for which a failed journal write is retried (30); 0: no retries");

/* Delay before a retry: longer by one step each time, up to the maximum. */
#define RETRY_STEP (HZ / 10)
#define RETRY_MAX (2 * HZ)

/* Number of sets that can retry a write at the same time. */
#define RETRY_SETS 16

/* Sets whose write is being retried. A set that finds no free slot does not retry. */
static struct write_retry {
	struct cache_set *c;
	struct delayed_work work;
	u64 seq; /* of the jset; stock may have completed the one before it */
	unsigned long began; /* jiffies */
	unsigned int tries;
} retries[RETRY_SETS];

static struct write_retry *retry_of(const struct cache_set *c)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(retries); i++)
		if (READ_ONCE(retries[i].c) == c)
			return &retries[i];
	return NULL;
}

/**
 * journal_fail_waiter - pass an error to the bio that a closure belongs to
 * @cl: the closure that was handed to bch_journal() or bch_journal_meta()
 *
 * The jset that the closure waits for will not become durable. The closure is that of a
 * struct search (for a flush) or that of the data_insert_op in it (for keys): its bio
 * ends with an error, which the stock driver takes from iop.status after the closure
 * was put. A closure on a stack waits for a new root or for prios; for these, shutting
 * down the set is enough. Any context.
 *
 * The bio fails even if the data is on the backing device and the set has no dirty
 * data: the key may have been meant to invalidate an older copy in the cache, which
 * would be read again once the set is back.
 */
void journal_fail_waiter(struct closure *cl)
{
	struct search *s = container_of(cl, struct search, iop.cl);

	if (!cl || is_vmalloc_addr(cl))
		return;
	if (cl->parent != &s->cl)
		s = container_of(cl, struct search, cl);
	s->iop.status = BLK_STS_IOERR;
}

/**
 * journal_wake - wake the waiters on a jset
 * @wait: the waiters; none may be added meanwhile
 * @failed: the jset is not on disk
 *
 * Any context, but without journal.lock: their continuations may run at once.
 */
void journal_wake(struct closure_waitlist *wait, bool failed)
{
	struct closure *waiter;

	if (failed)
		llist_for_each_entry(waiter, wait->list.first, list)
			journal_fail_waiter(waiter);
	__closure_wake_up(wait);
}

/* The place of jset @seq, the last one that was taken for writing. */
static sector_t jset_sector(struct cache_set *c, u64 seq, unsigned int sectors)
{
	const struct journal_device *ja = &c->cache->journal;
	const struct cache_sb *sb = &c->cache->sb;
	unsigned int i = ja->cur_idx;

	if (ja->seq[i] == seq)
		return ptr_offset(journal_key(&c->journal), 0) - sectors;

	/* It is the last jset of its bucket, and the next bucket is already in use. */
	i = (i ? i : sb->njournal_buckets) - 1;
	return bucket_to_sector(c, sb->d[i]) + sb->bucket_size - sectors;
}

/**
 * journal_submit - submit the write of a jset
 * @w: the completed jset; its buffer has no other user
 * @sector: its place on disk
 * @sectors: its length there
 *
 * Called with the right to write, and with a reference on journal.io that is put when
 * the write completes. Process context.
 */
void journal_submit(struct journal_write *w, sector_t sector,
		    unsigned int sectors)
{
	struct cache *ca = w->c->cache;
	struct bio *bio = &ca->journal.bio;

	bio_reset(bio, ca->bdev,
		  REQ_OP_WRITE | REQ_SYNC | REQ_META | REQ_PREFLUSH | REQ_FUA);
	bio->bi_iter.bi_sector = sector;
	bio->bi_end_io = journal_write_endio;
	bio->bi_private = w;
	__bio_add_page(bio, virt_to_page(w->data), sectors << SECTOR_SHIFT,
		       offset_in_page(w->data));

	stock_trace_journal_write(bio, w->data->keys);
	trace_bj_write(w->c, w->data, sector, sectors);
	view_write_begin(w->c, w->data->seq);

	if (unlikely(test_bit(CACHE_SET_IO_DISABLE, &w->c->flags)))
		bio_io_error(bio);
	else
		submit_bio_noacct(bio);
}

static void bj_write_again(struct work_struct *work)
{
	struct write_retry *r =
		container_of(to_delayed_work(work), struct write_retry, work);
	struct cache_set *c = r->c;
	struct journal *j = &c->journal;
	struct journal_write *w;
	unsigned int sectors;
	sector_t sector;

	spin_lock(&j->lock);
	w = journal_written(j);
	sectors = jset_sectors(c, w->data->keys);
	sector = jset_sector(c, w->data->seq, sectors);
	spin_unlock(&j->lock);

	journal_submit(w, sector, sectors);
}

/*
 * A jset is written with PREFLUSH: once it is durable, so is the data that its keys point
 * to. But a device that fails to write its volatile cache, or that loses power, may drop
 * that data and complete the next flush without an error: a retry would acknowledge writes
 * that are lost. No error tells that the cache is intact.
 */
static bool bj_is_retriable(const struct cache_set *c)
{
	return !bdev_write_cache(c->cache->bdev);
}

/* Schedule a retry; returns false if the write is not to be retried. Any context. */
static bool bj_write_later(struct cache_set *c, u64 seq, int error)
{
	unsigned int seconds = READ_ONCE(write_retry);
	struct write_retry *r = retry_of(c);
	size_t i;

	for (i = 0; !r && i < ARRAY_SIZE(retries); i++) {
		if (cmpxchg(&retries[i].c, NULL, c))
			continue;
		r = &retries[i];
		r->seq = 0;
	}
	if (!r)
		return false;

	if (r->seq != seq) {
		r->seq = seq;
		r->began = jiffies;
		r->tries = 0;
	}

	if (test_bit(CACHE_SET_IO_DISABLE, &c->flags) || !seconds ||
	    !bj_is_retriable(c) ||
	    time_after_eq(jiffies, r->began + (unsigned long)seconds * HZ)) {
		WRITE_ONCE(r->c, NULL);
		return false;
	}

	if (!r->tries++)
		pr_warn_ratelimited(
			"%pU: journal: write of entry %llu failed (%d), retrying for up to %u s\n",
			c->set_uuid, seq, error, seconds);
	view_retrying(c, true);
	queue_delayed_work(bch_journal_wq, &r->work,
			   min_t(unsigned long, RETRY_STEP * r->tries,
				 RETRY_MAX));
	return true;
}

/**
 * bj_journal_write_endio - a journal write has completed, or has failed
 * @bio: the write; bi_private is the struct journal_write
 *
 * Hard IRQ or softirq context. During a transition, the interrupted task determines
 * whether this function or the stock one runs.
 */
__hook void bj_journal_write_endio(struct bio *bio)
{
	struct journal_write *w = bio->bi_private;
	struct cache_set *c = w->c;
	int error = blk_status_to_errno(bio->bi_status);
	struct write_retry *r;

	trace_bj_write_done(c, w->data->seq, error);
	view_write_done(c, w->data->seq, error);
	if (error) {
		if (bj_write_later(c, w->data->seq, error))
			return;
		journal_fail_set(
			c,
			"journal: entry %llu could not be written (%d): the writes and flushes waiting for it get an error",
			w->data->seq, error);
	} else {
		r = retry_of(c);
		if (r && r->seq == w->data->seq)
			pr_info_ratelimited(
				"%pU: journal: entry %llu was written after retries, nothing is lost\n",
				c->set_uuid, w->data->seq);
		if (r) {
			WRITE_ONCE(r->c, NULL);
			view_retrying(c, false);
		}
	}
	closure_put(&c->journal.io);
}

/**
 * journal_retry_forget - release the slot of a set that is about to be freed
 * @c: the set
 */
void journal_retry_forget(const struct cache_set *c)
{
	struct write_retry *r = retry_of(c);

	if (r)
		WRITE_ONCE(r->c, NULL);
}

/**
 * journal_retries_init - set up the slots, before the first hook can run
 */
void journal_retries_init(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(retries); i++)
		INIT_DELAYED_WORK(&retries[i].work, bj_write_again);
}

/**
 * journal_retries_exit - make the pending retries now
 *
 * Called after the last hook has run. A set whose write is in flight is not freed, and
 * keeps bcache loaded.
 */
void journal_retries_exit(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(retries); i++)
		flush_delayed_work(&retries[i].work);
}
