// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: a set's journal: its life, its pins, its checksum
 *
 * The journal's memory comes with the set (bch_journal_alloc) and goes with it
 * (bch_journal_free). In between, each jset that is opened takes a pin
 * (bch_journal_next).
 */

/**
 * DOC: buckets for a set that is going down
 *
 * When a set fails, be it that its registration is refused late, bch_bucket_alloc()
 * has no bucket any more: it returns -1 at once. Its allocator thread may be in
 * bch_prio_write() just then, between two of the buckets it needs, and has checked
 * before that they are there: BUG_ON(bucket == -1), with bucket_lock held, and the
 * devices stay busy until the machine is reset. This is stock's race; it is cured
 * here because refusals are what this module is for.
 */

#include <linux/crc64.h>
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/mm.h>

#include "../attach/attach.h"
#include "journal.h"

/* How long keys wait for others before their jset is written; journal_delay_ms. */
#define JOURNAL_DELAY_MS 100

/* How long bch_cache_set_error() may take from the one flag to the other. */
#define STOPPING_WAIT_MS 100

OUTRIGGER_STOCK_BODY(bcache, bch_bucket_alloc);

/**
 * jset_csum - checksum of a jset, as stock computes it
 * @j: the jset, jset_bytes(@j->keys) of which are in memory
 *
 * Any context.
 */
u64 jset_csum(const struct jset *j)
{
	return ~crc64_be(~0ULL, jset_csum_start(j), jset_csum_bytes(j));
}

/**
 * bj_journal_alloc - allocate a set's journal: stands in for bch_journal_alloc
 * @c: a cache set that is being made, all zero so far
 *
 * What was allocated when this fails is freed by bch_journal_free, which stock
 * calls then too. The buffers start as zeroes: not all of a jset is written.
 *
 * Return: 0 or -ENOMEM.
 */
int bj_journal_alloc(struct cache_set *c)
{
	struct journal *j = &c->journal;
	size_t slots = roundup_pow_of_two(JOURNAL_PIN);
	int i;

	spin_lock_init(&j->lock);
	spin_lock_init(&j->flush_write_lock);
	INIT_DELAYED_WORK(&j->work, journal_write_work);
	c->journal_delay_ms = JOURNAL_DELAY_MS;

	/* One slot stays free, or a full fifo would look like an empty one. */
	j->pin.size = slots - 1;
	j->pin.mask = slots - 1;
	j->pin.front = 0;
	j->pin.back = 0;
	j->pin.data = kvmalloc_array(slots, sizeof(*j->pin.data), GFP_KERNEL);
	if (!j->pin.data)
		return -ENOMEM;

	for (i = 0; i < ARRAY_SIZE(j->w); i++) {
		j->w[i].c = c;
		j->w[i].data = (void *)__get_free_pages(
			GFP_KERNEL | __GFP_COMP | __GFP_ZERO, JSET_BITS);
		if (!j->w[i].data)
			return -ENOMEM;
	}
	return 0;
}

/**
 * bj_journal_next - open the next jset: stands in for bch_journal_next
 * @j: the journal
 *
 * Called with journal.lock held, or once by registration. The allocator of a new set
 * is running by then, and must not see an open jset that has no seq: journal.cur is
 * set last. Taking the pin and counting up seq belong together, since
 * last_seq is computed from both.
 */
void bj_journal_next(struct journal *j)
{
	struct cache_set *c = container_of(j, struct cache_set, journal);
	struct journal_write *w = journal_written(j);

	if (!pin_free(j)) {
		/* mark and the write path both leave one pin free */
		journal_fail_set(c, "journal: no pin left for entry %llu",
				 j->seq + 1);
		return;
	}

	j->pin.data[j->pin.back] = (atomic_t)ATOMIC_INIT(1);
	j->pin.back = (j->pin.back + 1) & j->pin.mask;
	view_pin_taken(j);

	w->data->seq = ++j->seq;
	w->data->keys = 0;
	w->dirty = false;
	w->need_write = false;
	smp_store_release(&j->cur, w); /* all of it before */
}

/**
 * bj_journal_free - free the journal's memory: stands in for bch_journal_free
 * @c: the cache set, which nobody uses any more
 */
void bj_journal_free(struct cache_set *c)
{
	struct journal *j = &c->journal;

	view_drop(c);
	journal_forget(c);
	journal_retry_forget(c);
	free_pages((unsigned long)j->w[1].data, JSET_BITS);
	free_pages((unsigned long)j->w[0].data, JSET_BITS);
	kvfree(j->pin.data);
	j->pin.data = NULL;
}

/**
 * bj_bucket_alloc - allocate a bucket: stands in for bch_bucket_alloc
 * @ca: the cache
 * @reserve: which reserve may be used
 * @wait: sleep until there is one
 *
 * Called with bucket_lock held, which is dropped while it waits. On a set that is
 * going down bch_prio_write() gets the first journal bucket, with the pin that it
 * will drop again. It is not written: with I/O disabled no bio is submitted, and
 * the set does not come back from that. Without STOPPING, root may have disabled
 * the I/O and may enable it again (io_disable in sysfs): that keeps stock's answer.
 *
 * Return: the bucket, with a pin, or -1.
 */
long bj_bucket_alloc(struct cache *ca, unsigned int reserve, bool wait)
{
	long bucket = stock_bch_bucket_alloc(ca, reserve, wait);
	unsigned long *flags = &ca->set->flags;
	unsigned int ms;

	if (likely(bucket != -1) || reserve != RESERVE_PRIO ||
	    !test_bit(CACHE_SET_IO_DISABLE, flags))
		return bucket;

	/* bch_cache_set_error() sets the one, and then the other. */
	for (ms = 0;
	     ms < STOPPING_WAIT_MS && !test_bit(CACHE_SET_STOPPING, flags);
	     ms++)
		fsleep(USEC_PER_MSEC);
	if (!test_bit(CACHE_SET_STOPPING, flags))
		return -1;

	set_bit(CACHE_SET_IO_DISABLE, flags);
	bucket = ca->sb.first_bucket;
	atomic_inc(&ca->buckets[bucket].pin);
	return bucket;
}
