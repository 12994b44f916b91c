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

/**
 * DOC: priorities of a set that is being shut down
 *
 * Once a set has failed, for example because its registration was refused late, its
 * allocator gets no more buckets. If it is between two of those that it needs for the
 * priorities, having checked beforehand that they are available, the stock driver hits a
 * BUG_ON() with bucket_lock held, and the devices stay busy until the machine is reset.
 * Here writing the priorities then fails. The previous ones remain valid: nothing on disk
 * points to those that have been written.
 *
 * It also fails if the jset with the new priorities is not written. The buckets that the
 * allocator has invalidated meanwhile are then still in use on disk, so nothing may discard
 * or overwrite them: the set is shut down if it is not yet.
 */

/**
 * DOC: the checksum of the priorities
 *
 * Each of their buckets is written as a whole. On 6.1 and 6.12 the stock driver takes 1 ms
 * or more for the checksum of 512 KiB, see csum.c, and holds bucket_lock meanwhile: writes
 * that need a new bucket wait. Here the lock is not held.
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

/* A bit of the count of a rw_semaphore; kernel/locking/rwsem.c. */
#ifndef RWSEM_WRITER_LOCKED
#define RWSEM_WRITER_LOCKED 1
#endif

/* Xored with the set's own magic. */
#define PRIO_SET_MAGIC 0x6750e15f87337f91ULL

/* Bytes of a bucket that the driver uses for metadata. */
static size_t meta_bytes(const struct cache *ca)
{
	unsigned int pages = ca->sb.bucket_size / PAGE_SECTORS;

	return (size_t)min3(pages, 32768U / PAGE_SECTORS,
			    (unsigned int)MAX_ORDER_NR_PAGES)
	       << PAGE_SHIFT;
}

/* Number of buckets whose priorities fit into one. */
static size_t prios_per_bucket(const struct cache *ca)
{
	return (meta_bytes(ca) - sizeof(struct prio_set)) /
	       sizeof(struct bucket_disk);
}

/*
 * Copy the priorities that go into the @i-th bucket to ca->disk_buckets, which belongs to
 * the allocator. Called with bucket_lock held.
 */
static void prios_collect(struct cache *ca, unsigned int i)
{
	size_t n = prios_per_bucket(ca), at = i * n, end;
	struct prio_set *p = ca->disk_buckets;
	struct bucket_disk *d = p->data;

	end = min_t(u64, at + n, ca->sb.nbuckets);
	for (; at < end; at++, d++) {
		d->prio = ca->buckets[at].prio;
		d->gen = ca->buckets[at].gen;
	}
	p->next_bucket = ca->prio_buckets[i + 1];
	p->magic = ca->sb.set_magic ^ PRIO_SET_MAGIC;
}

/* Write ca->disk_buckets to @bucket. Called with bucket_lock held, drops it meanwhile. */
static void prios_submit(struct cache *ca, long bucket)
	__must_hold(&ca->set->bucket_lock)
{
	struct prio_set *p = ca->disk_buckets;

	mutex_unlock(&ca->set->bucket_lock);
	p->csum = ~bj_crc64(~0ULL, &p->magic, meta_bytes(ca) - sizeof(p->csum));
	prio_io(ca, bucket, REQ_OP_WRITE);
	mutex_lock(&ca->set->bucket_lock);
}

/* Under journal.lock, so that prios_of_jset() finds the flag and the buckets in step. */
static void prios_ahead(struct cache_set *c, bool ahead)
{
	spin_lock(&c->journal.lock);
	assign_bit(PRIOS_AHEAD, &c->flags, ahead);
	spin_unlock(&c->journal.lock);
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

/*
 * Wait until the priorities just written fit the root. From then on, jsets have them. See
 * the overview above. Called without locks.
 */
static void prios_settle(struct cache_set *c)
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

/*
 * The new priorities are not on disk. The allocator will hand out the buckets that it has
 * invalidated, to a set whose I/O is disabled, but it would discard them all the same (6.1
 * and 6.12). The flag's other readers are reclaim, which no longer writes, and sysfs; the
 * next registration sets it again.
 */
static int prios_lost(struct cache *ca)
{
	prios_ahead(ca->set, false);
#ifdef HAVE_CACHE_DISCARD
	WRITE_ONCE(ca->discard, false);
#endif
	if (!test_bit(CACHE_SET_STOPPING, &ca->set->flags))
		journal_fail_set(ca->set,
				 "bucket priorities could not be written");
	return -ENOMEM;
}

/**
 * bj_prio_write - write the priorities of a cache: stands in for bch_prio_write
 * @ca: the cache
 * @wait: whether to wait for buckets
 *
 * Called with bucket_lock held, and drops it while waiting. Process context: the
 * allocator, or registration for a new set.
 *
 * Return: 0, or -ENOMEM if there are not enough buckets, or the set is shut down.
 */
__hook int bj_prio_write(struct cache *ca, bool wait)
{
	unsigned int nr = ca->free[RESERVE_PRIO].size; /* just enough */
	struct cache_set *c = ca->set;
	struct closure cl;
	unsigned int i;
	long bucket;

	/* Rather fail now than between two of them. */
	if (!wait &&
	    reserve_used(ca, RESERVE_PRIO) + reserve_used(ca, RESERVE_NONE) <
		    nr)
		return -ENOMEM;

	/*
	 * Only the allocator does not wait. It may run before bch_cache_allocator_start()
	 * has stored alloc_thread, by which room.c recognises it.
	 */
	if (!wait)
		WRITE_ONCE(ca->alloc_thread, current);

	ca->disk_buckets->seq++;
	atomic_long_add(ca->sb.bucket_size * nr, &ca->meta_sectors_written);

	/* From the last on: each names the next one. */
	prios_ahead(c, true);
	for (i = nr; i--;) {
		prios_collect(ca, i);
		bucket = bj_bucket_alloc(ca, RESERVE_PRIO, wait);
		if (bucket == -1)
			return prios_lost(ca);
		prios_submit(ca, bucket);
		ca->prio_buckets[i] = bucket;
		atomic_dec(&ca->buckets[bucket].pin);
	}
	mutex_unlock(&c->bucket_lock);

	prios_settle(c);
	closure_init_stack(&cl);
	bj_journal_meta(c, &cl);
	closure_sync(&cl);

	mutex_lock(&c->bucket_lock);
	/* Set before the waiters on a jset that is not written are woken. */
	if (test_bit(CACHE_SET_IO_DISABLE, &c->flags))
		return prios_lost(ca);

	for (i = 0; i < nr; i++) {
		if (ca->prio_last_buckets[i])
			__bch_bucket_free(
				ca, &ca->buckets[ca->prio_last_buckets[i]]);
		ca->prio_last_buckets[i] = ca->prio_buckets[i];
	}
	return 0;
}
