// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: priorities, and the btree that they fit
 *
 * The priorities on disk include the generation of each bucket. When a btree node is
 * replaced, the generation of its bucket is incremented at once, so that keys pointing
 * to it are stale. The stock driver writes no priorities until the node that points to
 * the replacement is on disk (prio_blocked); but that node may itself be new: a
 * replacement of the root, or of an inner node, to which nothing on disk points yet.
 * If priorities are written at that moment, and a jset has them together with the old
 * root, recovery finds a key in the old tree whose generation is too small. It drops the
 * key, and with it everything that the replaced node contained.
 *
 * A task that replaces nodes holds the lock of the root for writing from before it
 * increments a generation until the root, or a node reachable from it, points to the
 * last replacement. So while priorities are being written, each jset keeps the previous
 * ones, which remain on disk until bch_prio_write() returns. The jset for which that
 * function waits has the new ones, and is preceded by a moment at which no task held the
 * lock of the root, or at which garbage collection, which has it for a whole pass, was
 * between two replacements: whoever incremented a generation before the priorities were
 * written has finished. The wait for that moment has a limit, see SETTLE.
 *
 * As bj_prio_write() is on the stack, livepatch does not switch the task in between.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/rwsem.h>

#include "journal.h"

/*
 * How long to wait for the lock of the root. There must be a limit, since its holder may
 * need the allocator: if others have used up the reserve of buckets for nodes since it
 * checked it, or if it waits for room in a full journal.
 */
#define SETTLE HZ

/* A bit of cache_set.flags that the stock driver does not use. */
#define PRIOS_AHEAD (BITS_PER_LONG - 1)

/* A bit of the count of a rw_semaphore; kernel/locking/rwsem.c. */
#ifndef RWSEM_WRITER_LOCKED
#define RWSEM_WRITER_LOCKED 1
#endif

OUTRIGGER_STOCK_BODY(bcache, bch_prio_write);

/* Under journal.lock, so that prios_of_jset() finds the flag and the buckets in step. */
static void prios_ahead(struct cache_set *c, bool ahead)
{
	spin_lock(&c->journal.lock);
	assign_bit(PRIOS_AHEAD, &c->flags, ahead);
	spin_unlock(&c->journal.lock);
}

/**
 * bj_prio_write - write the priorities of a cache: stands in for bch_prio_write
 * @ca: the cache
 * @wait: whether to wait for buckets
 *
 * Called with bucket_lock held, and drops it while waiting. Process context: the
 * allocator, or registration for a new set.
 *
 * Return: 0, or -ENOMEM if there are not enough buckets.
 */
__hook int bj_prio_write(struct cache *ca, bool wait)
{
	int ret;

	/*
	 * Only the allocator does not wait. It may run before bch_cache_allocator_start()
	 * has stored alloc_thread, by which bj_journal_meta() recognises it.
	 */
	if (!wait)
		WRITE_ONCE(ca->alloc_thread, current);

	prios_ahead(ca->set, true);
	ret = stock_bch_prio_write(ca, wait);
	prios_ahead(ca->set, false);
	return ret;
}

/*
 * Does the task that held the lock of the root for writing still have it? btree.seq changes
 * when a writer has the lock, before it does anything, and when it is done. Garbage
 * collection has the lock for a whole pass; there gc_done changes between replacements.
 */
static bool prios_may_lead(const struct cache_set *c, const struct btree *root,
			   unsigned long seq, const struct bkey *gc_done)
{
	const struct bkey *now = &c->gc_done;
	u64 high = READ_ONCE(now->high), low = READ_ONCE(now->low);

	if ((high || low) && (high != gc_done->high || low != gc_done->low))
		return false;
	return atomic_long_read(&root->lock.count) & RWSEM_WRITER_LOCKED &&
	       READ_ONCE(root->seq) == seq && READ_ONCE(c->root) == root &&
	       !test_bit(CACHE_SET_IO_DISABLE, &c->flags);
}

/**
 * prios_settle - wait until the priorities just written fit the root
 * @c: the cache set
 *
 * Called in bch_prio_write() before it journals the priorities, without locks. From then
 * on, jsets have the new priorities. See the overview above.
 */
void prios_settle(struct cache_set *c)
{
	const struct btree *root = READ_ONCE(c->root);
	unsigned long end = jiffies + SETTLE;

	/*
	 * A struct btree is freed only with its set. A root without children is locked
	 * for each key, and its replacement increments no generation.
	 */
	if (!IS_ERR_OR_NULL(root) && root->level) {
		const struct bkey gc_done = {
			.high = READ_ONCE(c->gc_done.high),
			.low = READ_ONCE(c->gc_done.low)
		};
		unsigned long seq = READ_ONCE(root->seq);

		while (prios_may_lead(c, root, seq, &gc_done)) {
			if (time_after(jiffies, end)) {
				pr_warn_ratelimited(
					"%pU: the btree root has been locked for a second; if the power fails before it is released, a btree node may be lost\n",
					c->set_uuid);
				break;
			}
			fsleep(USEC_PER_MSEC);
		}
	}
	prios_ahead(c, false);
}

/**
 * prios_of_jset - the first bucket of the priorities that a jset has
 * @c: the cache set
 *
 * Called with journal.lock held. A new set has no previous priorities.
 */
u64 prios_of_jset(const struct cache_set *c)
{
	const struct cache *ca = c->cache;

	if (test_bit(PRIOS_AHEAD, &c->flags) && ca->prio_last_buckets[0])
		return ca->prio_last_buckets[0];
	return ca->prio_buckets[0];
}
