// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the life of a journal
 *
 * A journal is allocated with its set (bch_journal_alloc) and freed with it
 * (bch_journal_free). In between, each jset takes a pin when it is opened
 * (bch_journal_next), and gets a checksum before it is written.
 */

#include <linux/gfp.h>
#include <linux/mm.h>

#include "../attach/compat.h"
#include "journal.h"

OUTRIGGER_STOCK_BODY(bcache, bch_bucket_alloc);
OUTRIGGER_STOCK_BODY(bcache, bch_journal_alloc);

/**
 * jset_csum - checksum of a jset, as the stock driver computes it
 * @j: the jset, jset_bytes(@j->keys) of which are in memory
 *
 * Any context.
 */
u64 jset_csum(const struct jset *j)
{
	return ~bj_crc64(~0ULL, jset_csum_start(j), jset_csum_bytes(j));
}

/**
 * bj_journal_alloc - allocate a set's journal: stands in for bch_journal_alloc
 * @c: a cache set that is being created, still zeroed
 *
 * Runs the stock body, so that the lock classes of what it initialises are the stock
 * driver's. On failure bch_journal_free, which the stock driver then calls, frees what
 * was allocated. Then clears the buffers, since the stock write path does not set every
 * field of a jset.
 *
 * Return: 0 or -ENOMEM.
 */
__hook int bj_journal_alloc(struct cache_set *c)
{
	struct journal *j = &c->journal;
	int ret = stock_bch_journal_alloc(c);
	int i;

	for (i = 0; !ret && i < ARRAY_SIZE(j->w); i++)
		memset(j->w[i].data, 0, JSET_BYTES);
	return ret;
}

/**
 * bj_journal_next - open the next jset: stands in for bch_journal_next
 * @j: the journal
 *
 * Called with journal.lock held, or once by registration without it. In the latter case
 * the allocator of a new set is already running and must not see an open jset without a
 * seq, so journal.cur is set last. The pin and seq must change together, since last_seq
 * is computed from both.
 */
__hook void bj_journal_next(struct journal *j)
{
	struct cache_set *c = container_of(j, struct cache_set, journal);
	struct journal_write *w = journal_written(j);

	if (!pin_free(j)) {
		/* bj_journal_mark() and the write path each leave one pin free. */
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
	smp_store_release(&j->cur, w); /* pairs with bj_journal() */
}

/**
 * bj_journal_free - free the journal's memory: stands in for bch_journal_free
 * @c: the cache set, which is no longer in use
 */
__hook void bj_journal_free(struct cache_set *c)
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
 * @wait: sleep until one is available
 *
 * Called with bucket_lock held, and drops it while waiting; takes journal.lock. While
 * the rest of the journal is left to callers that hold a pin, garbage collection gets
 * no bucket for a node, see room.c.
 *
 * Return: the bucket, with a pin, or -1.
 */
__hook long bj_bucket_alloc(struct cache *ca, unsigned int reserve, bool wait)
{
	/* Only garbage collection does not wait for a bucket for a node. */
	if (OUTRIGGER_GC_NEEDS_NO_BUCKET && reserve == RESERVE_BTREE && !wait &&
	    room_is_for_pins(ca->set))
		return -1;
	return stock_bch_bucket_alloc(ca, reserve, wait);
}
