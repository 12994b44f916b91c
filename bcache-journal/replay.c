// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: mark and replay
 *
 * The keys of the collected jsets may not be in the btree on disk. First, before
 * anything is allocated, they are marked for gc (mark); then they are inserted again,
 * in exactly the order in which they were journalled (replay). Meanwhile each jset
 * holds a pin, which the btree nodes take over.
 *
 * A key is left out if a newer one has the same extent: inserting that one removes
 * whatever the btree holds there. Until its node is on disk, its own jset stays in the
 * journal. So a later recovery finds either, even if the older key's jset is gone.
 *
 * During a livepatch transition, the stock driver may run the step before or after
 * either of these, so both check their input: the list may come from the stock driver's
 * scan.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "explain.h"
#include "journal.h"
#include "newest.h"
#include "trace.h"

/* The table of the newest keys takes 2 KiB to 8 MiB. */
#define NEWEST_MIN_BITS 8
#define NEWEST_MAX_BITS 20

/*
 * The set whose entries bj_journal_mark() has found faulty, or NULL. Marking changes the
 * generations that pointers are compared with, so replay can't find it again. Protected by
 * bch_register_lock.
 */
static const struct cache_set *faulty;

/*
 * Pointers to a bucket are at most BUCKET_GC_GEN_MAX generations older than the bucket. gc
 * sees to that for those in the btree (can_inc_bucket_gen() in alloc.c), of which last_gc
 * is the oldest, stale or not. Those in the journal are not older: to reuse a bucket so
 * often takes far more writes than the ring has entries. A pointer further ahead would
 * give the bucket a generation that makes stale pointers valid; for one further behind,
 * stock warns of its own count when it takes the next bucket.
 */
static bool gens_ok(struct cache_set *c, const struct jset *j,
		    const struct bkey *k)
{
	const struct bucket *buckets = c->cache->buckets, *b;
	int ahead, apart;
	unsigned int i;

	for (i = 0; i < key_ptrs(k); i++) {
		if (ptr_dev(k, i) >= JSET_CACHES)
			continue;
		b = &buckets[ptr_offset(k, i) >> c->bucket_bits];
		ahead = (s8)(ptr_gen(k, i) - b->gen); /* they wrap */
		apart = -ahead;
		if (ahead > 0)
			apart = ahead + (u8)(b->gen - b->last_gc);
		if (apart > (int)BUCKET_GC_GEN_MAX) {
			bj_err(c,
			       "journal entry %llu: a pointer to bucket %zu has generation %u, too far from the bucket's, %u to %u: not replayed\n",
			       j->seq, (size_t)(b - buckets), ptr_gen(k, i),
			       b->last_gc, b->gen);
			return false;
		}
	}
	return true;
}

/*
 * Check an entry again: the list may come from the stock driver's scan, and either scan
 * runs before the buckets have their generations. Both scans verify the checksum.
 */
static bool entry_ok(struct cache_set *c, const struct jset *j)
{
	const struct jset_geom geom = cache_geom(c->cache);
	struct jset_fault fault = {};
	enum jset_verdict v = jset_check_body(j, &geom, j->csum, &fault);
	const struct bkey *k;

	if (v != JSET_OK) {
		bj_err(c, "journal entry %llu: %s (%s): not replayed\n", j->seq,
		       jset_verdict_text(v), fault_text(&fault).text);
		return false;
	}

	jset_for_each_key(k, j)
		if (!gens_ok(c, j, k))
			return false;
	return true;
}

static void pin_push_front(struct journal *j, int holders)
{
	j->pin.front = (j->pin.front - 1) & j->pin.mask;
	atomic_set(pin_front(j), holders);
}

/* Take (1) or release (-1) the buckets of a key: those taken are not reused. */
static void hold_buckets(struct cache_set *c, const struct bkey *k, int n)
{
	unsigned int i;

	for (i = 0; i < key_ptrs(k); i++)
		if (ptr_dev(k, i) < JSET_CACHES)
			atomic_add(n, &c->cache->buckets[ptr_offset(k, i) >>
							 c->bucket_bits]
					       .pin);
}

/**
 * bj_journal_mark - take a pin per jset and mark the jsets' keys for gc
 * @c: the cache set being registered
 * @list: the jsets, from bch_journal_read
 *
 * Stands in for bch_journal_mark. Called by registration; the journal has no other
 * user. As with stock, a jset for which no pin is left is replayed without one; the
 * write path never lets that many jsets be open.
 *
 * Cannot fail: replay refuses a faulty list, and no key after a fault is marked.
 */
__hook void bj_journal_mark(struct cache_set *c, struct list_head *list)
{
	struct journal *j = &c->journal;
	struct journal_replay *i;
	const struct bkey *k;
	u64 next = j->seq + 1; /* the seq whose pin is at the front */
	u64 done = 0;

	list_for_each_entry(i, list, list) {
		i->pin = NULL;
		done++;
	}
	progress_begin(c, RECOVERY_MARK, done);
	done = 0;

	/* All before the first is marked, which changes what they are compared with. */
	faulty = NULL;
	list_for_each_entry(i, list, list) {
		if (!entry_ok(c, &i->j))
			faulty = c;
		cond_resched();
	}

	list_for_each_entry_reverse(i, list, list) {
		if (i->j.seq >= next)
			break;

		/* Missing entries get pins with a count of 0. */
		while (--next != i->j.seq && pin_free(j) > 1)
			pin_push_front(j, 0);

		if (pin_free(j) > 1) {
			pin_push_front(j, 1);
			i->pin = pin_front(j);
		}
		next = i->j.seq;

		cond_resched();
		if (faulty)
			continue;
		jset_for_each_key(k, &i->j) {
			/* Each may be possible, but not with those marked. */
			if (!gens_ok(c, &i->j, k)) {
				faulty = c;
				break;
			}
			hold_buckets(c, k, 1);
			bch_initial_mark_key(c, 0, (struct bkey *)k);
		}
		progress_made(c, ++done);
	}
	progress_end(!faulty);
}

/*
 * Check, before anything is changed, that every entry is present, in order and sound,
 * and count the keys. With @is_judged, the scan has already judged the gaps, knowing the
 * whole ring.
 */
static int bj_check_list(struct cache_set *c, struct list_head *list,
			 bool is_judged, u64 *keys)
{
	struct journal_replay *i =
		list_last_entry(list, struct journal_replay, list);
	u64 start = i->j.last_seq, end = i->j.seq, seq = start;
	const struct bkey *k;

	if (faulty == c) { /* the cause has been logged */
		faulty = NULL;
		return -EIO;
	}

	list_for_each_entry(i, list, list) {
		if (!is_judged && seq == start && i->j.seq > seq &&
		    superblock_discards(c)) {
			bj_info(c,
				"journal entries %llu-%llu were no longer needed and have been discarded (replaying %llu-%llu)\n",
				seq, i->j.seq - 1, start, end);
		} else if (!is_judged && seq != i->j.seq) {
			bj_err(c,
			       "journal entries %llu-%llu are missing (replaying %llu-%llu): not registered, no key was inserted\n",
			       seq, i->j.seq - 1, start, end);
			return -EIO;
		}

		if (!entry_ok(c, &i->j))
			return -EIO;
		jset_for_each_key(k, &i->j)
			(*keys)++;
		cond_resched();
		seq = i->j.seq + 1;
	}
	return 0;
}

/*
 * Drop the keys that a newer one supersedes, and return their number. If there is no memory
 * for that, all keys are inserted.
 */
static unsigned int bj_drop_superseded(struct cache_set *c,
				       struct list_head *list, u64 keys)
{
	struct newest newest = { .bits = clamp(order_base_2(2 * keys),
					       NEWEST_MIN_BITS,
					       NEWEST_MAX_BITS) };
	struct journal_replay *i;
	unsigned int dropped = 0;
	const struct bkey *k;
	struct bkey *old;

	newest.slot = __vmalloc(sizeof(*newest.slot) << newest.bits,
				GFP_KERNEL | __GFP_ZERO | __GFP_NORETRY |
					__GFP_NOWARN);
	if (!newest.slot)
		return 0;

	list_for_each_entry(i, list, list) {
		jset_for_each_key(k, &i->j) {
			old = newest_add(&newest, (struct bkey *)k);
			if (!old)
				continue;
			hold_buckets(c, old, -1);
			key_drop(old);
			dropped++;
		}
		cond_resched();
	}
	vfree(newest.slot);
	return dropped;
}

static int bj_replay_key(struct cache_set *c, struct bkey *k, atomic_t *pin)
{
	struct keylist keys = {};
	int ret;

	stock_trace_journal_replay_key(k);
	keys.keys = k;
	keys.top = (struct bkey *)key_next(k);

	ret = bch_btree_insert(c, &keys, pin, NULL);
	/*
	 * -ESRCH means that a key to be replaced has changed, and there is none. The stock
	 * driver also returns it after a split if the key spans two nodes: the search begins
	 * again at its start, in a node that has its part already.
	 */
	if (ret == -ESRCH)
		ret = 0;
	if (!ret && keys.keys != keys.top)
		ret = -EIO;
	return ret;
}

/*
 * May replay go on with a key of this entry? If the set has been shut down meanwhile, the
 * stock driver would warn about the first node that it can't split. Returns 0 or an errno.
 */
static int may_go_on(const struct cache_set *c, const struct jset *j)
{
	if (fatal_signal_pending(current)) {
		bj_warn(c,
			"the registering process was killed: replay stopped at entry %llu: not registered; register again\n",
			j->seq);
		return -EINTR;
	}
	/* The cause has been logged: no room in the journal, or a failed write. */
	return test_bit(CACHE_SET_IO_DISABLE, &c->flags) ? -EIO : 0;
}

/* Insert the keys of an entry and add their number to *keys. Returns 0 or an errno. */
static int bj_replay_entry(struct cache_set *c, struct journal_replay *i,
			   unsigned int *keys)
{
	unsigned int before = *keys;
	const struct bkey *k;
	int ret;

	jset_for_each_key(k, &i->j) {
		if (key_is_dropped(k))
			continue;
		ret = may_go_on(c, &i->j);
		if (ret)
			return ret;
		ret = bj_replay_key(c, (struct bkey *)k, i->pin);
		if (ret) {
			bj_err(c,
			       "journal entry %llu: key for device %u, sector %llu, %u sectors could not be inserted (%d)\n",
			       i->j.seq, key_inode(k), key_start(k),
			       key_size(k), ret);
			return ret;
		}
		(*keys)++;
		cond_resched();
	}

	trace_bj_replay(c, i->j.seq, *keys - before);
	if (i->pin)
		atomic_dec(i->pin);
	return 0;
}

/* How long registration waits for nodes to be written, and how often it checks. */
#define SETTLE_MS 30000
#define SETTLE_POLL_US 1000

/*
 * Write the nodes that hold entries up to @end, and then an entry whose last_seq is
 * past them. If the operator has accepted a gap in these entries (@lossy), this keeps
 * the next recovery from finding the gap again. Otherwise do it only while the ring is
 * tight, so that no number of crashes during registration can use it up.
 */
static void bj_settle(struct cache_set *c, u64 end, bool lossy)
{
	unsigned long until = jiffies + msecs_to_jiffies(SETTLE_MS);
	struct journal *j = &c->journal;
	struct closure cl;
	atomic_t *pin = NULL;
	bool gone = false;

	spin_lock(&j->lock);
	if (!lossy && !journal_is_short(c, TIGHT_BLOCKS)) {
		spin_unlock(&j->lock);
		return;
	}
	spin_unlock(&j->lock);

	do {
		if (test_bit(CACHE_SET_IO_DISABLE, &c->flags) ||
		    fatal_signal_pending(current))
			break;
		bj_btree_flush_write(c);
		fsleep(SETTLE_POLL_US);
		spin_lock(&j->lock);
		bj_journal_reclaim(c);
		gone = journal_last_seq(j) > end ||
		       (!lossy && !journal_is_short(c, TIGHT_BLOCKS));
		spin_unlock(&j->lock);
	} while (!gone && time_before(jiffies, until));

	closure_init_stack(&cl);
	/* This entry may be deferred, like a new root. */
	while (gone && !(pin = bj_journal(c, NULL, &cl)) &&
	       time_before(jiffies, until) &&
	       !test_bit(CACHE_SET_IO_DISABLE, &c->flags)) {
		bj_btree_flush_write(c);
		fsleep(SETTLE_POLL_US);
	}
	if (pin)
		atomic_dec(pin);
	else if (lossy)
		bj_warn(c,
			"journal entries up to %llu are still needed: if the machine crashes before their keys are written, accept_loss is needed again\n",
			end);
	closure_sync(&cl);
}

/**
 * bj_journal_replay - insert the jsets' keys into the btree again
 * @c: the cache set being registered
 * @list: the jsets, marked; all of them are freed, also on error
 *
 * Stands in for bch_journal_replay. Called by registration with bch_register_lock held;
 * the journal accepts new entries meanwhile (a node may split). On error the set is not
 * registered, and all entries are still on disk, unless room.c had to give up a bucket.
 *
 * Return: 0, -EIO if entries are missing, out of order or damaged, or if the set was
 * shut down meanwhile, -EINTR if the process was killed, or the error of
 * bch_btree_insert().
 */
__hook int bj_journal_replay(struct cache_set *c, struct list_head *list)
{
	struct journal_replay *i =
		list_last_entry(list, struct journal_replay, list);
	u64 end = i->j.seq;
	bool lossy, is_judged = journal_is_judged(c, &lossy);
	unsigned int keys = 0, entries = 0, dropped = 0;
	u64 all_keys = 0;
	ktime_t began = ktime_get();
	int ret;

	journal_judged(NULL, false);
	ret = bj_check_list(c, list, is_judged, &all_keys);
	if (ret)
		goto out;

	dropped = bj_drop_superseded(c, list, all_keys);
	progress_begin(c, RECOVERY_REPLAY, all_keys - dropped);
	list_for_each_entry(i, list, list) {
		ret = bj_replay_entry(c, i, &keys);
		if (ret)
			goto out;
		entries++;
		progress_made(c, keys);
	}
out:
	progress_end(!ret);
	if (!ret)
		bj_info(c,
			"journal replayed in %lld ms: %u keys in %u entries, seq %llu; %u more keys were superseded\n",
			ktime_ms_delta(ktime_get(), began), keys, entries, end,
			dropped);
	if (!ret)
		bj_settle(c, end, lossy);

	while (!list_empty(list)) {
		i = list_first_entry(list, struct journal_replay, list);
		list_del(&i->list);
		kfree(i);
	}
	return ret;
}
