// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: room in the journal, and its last blocks
 *
 * A caller of bch_journal() that passes keys holds no lock while it waits for room, but
 * afterwards it holds a pin until its keys are in the btree. To insert them it may need
 * the lock of the root, which another task holds in bch_btree_set_root(), or a bucket
 * from the allocator, which is in bch_prio_write(). Each of these two needs a jset of
 * its own to be written. If there is no room for that jset, they deadlock: the pins
 * keep the buckets of the ring in use, and no node that could be written holds the
 * pins.
 *
 * So when the ring gets tight,
 *
 * - keys and flushes are accepted only when no pin is held and the allocator's reserve
 *   of buckets for nodes is full (they wait for the latter only for a limited time);
 * - keys are accepted only when no task waits for the lock of the root (again, only for
 *   a limited time). Others who insert without a pin may queue up for it later, before
 *   that caller does, and split nodes;
 * - a new root does not wait: it goes into the next jset that is written;
 * - while a pin is held, reads that miss bypass the cache, and garbage collection gets no
 *   buckets for nodes: it leaves the nodes as they are until a later pass. Both insert
 *   without a pin, and as many keys or nodes as they like. If the task that holds the pin
 *   is not scheduled for a second, they would otherwise take each bucket that the
 *   allocator frees until it has used up the journal. Others that insert without a pin
 *   are limited: misses and moves that have begun, and writeback, which takes buckets for
 *   nodes only, by the keys that are dirty;
 * - the allocator may use the remaining blocks, and in the end the bucket that is
 *   reserved for replay. While the set is in use, it uses the last of them only if its
 *   reserve of buckets for nodes is low: callers that hold a pin need no other buckets.
 *   It needs only a few jsets: no node is written to free pins in the meantime (apart
 *   from up to 32 that were due before the ring got tight, see reclaim.c), so each
 *   leaf is split or compacted once, by the first caller that needs it, and the root as
 *   often; a jset yields 1/256 of the buckets, which is half the number of leaves in a
 *   cache full of small keys. During registration the allocator lets replay go first,
 *   since that may make room without a single jset.
 *
 * The last block must not be used up before the pins are released: after that, a new root
 * can't be left to the next jset, which would overwrite entries that the last one needs.
 * Its task then waits for the pins, and the callers that hold them wait for the lock of
 * the root.
 *
 * Until the next jset is on disk, recovery would start from the old root, so
 * everything reachable from it must still exist. The nodes do: a bucket is handed out
 * only after bch_prio_write(), whose jset has the new root. (The allocator skips that
 * if it has no bucket for the prios, but only in its first round, which is over before
 * a root can change; later RESERVE_PRIO is filled first.) The entries still exist too,
 * although their pins may have been dropped since: the next jset goes after the last
 * one in its bucket, or into a bucket that the last one no longer needs;
 * room_may_defer() checks that. All of this also holds if the stock driver takes over,
 * except for its discards, which do not wait for that jset. So on a set with discard a
 * new root does wait, and may use the reserve.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ratelimit.h>
#include <linux/sched/task_stack.h>

#include "journal.h"
#include "trace.h"

OUTRIGGER_STOCK_BODY(bcache, cached_dev_cache_miss);

/* How long keys wait for the allocator when the ring is tight. */
#define NODES_FIRST HZ
/* How long keys wait while other tasks queue for the lock of the root. */
#define ROOT_FIRST (5 * HZ)
/* How long callers that block others wait before they use the reserve. */
#define RESERVE_AFTER (HZ / 10)
/* How long the allocator leaves the last blocks to replay. */
#define REPLAY_FIRST (2 * HZ)
/* The journal is stuck if no pin has been released for this long. */
#define STUCK_AFTER (30 * HZ)

/* How long a waiter for room sleeps before it checks again without being woken. */
#define LOOK_AGAIN_MS 10

/* Is there a pin that callers of bch_journal() or btree nodes hold? */
static bool pin_is_held(const struct journal *j)
{
	size_t i;

	for (i = j->pin.front; &j->pin.data[i] != pin_back(j);
	     i = (i + 1) & j->pin.mask)
		if (atomic_read(&j->pin.data[i]))
			return true;
	return atomic_read(pin_back(j)) != 1; /* the open jset's own */
}

/*
 * Would there be enough room for others after the open jset is written? It is @sectors
 * long on disk and fits into the current bucket. If not, it may still be written if its
 * own pin is the only one held.
 */
static bool headroom(struct cache_set *c, unsigned int sectors)
{
	unsigned int blocks = sectors >> c->block_bits;

	return !journal_is_short(c, TIGHT_BLOCKS + blocks) ||
	       !pin_is_held(&c->journal);
}

/*
 * Number of buckets in the allocator's reserve for btree nodes. This is only a hint: a
 * different lock protects the reserve.
 */
static size_t nodes_free(const struct cache_set *c)
{
	return reserve_used(c->cache, RESERVE_BTREE);
}

/* Is that reserve full? */
static bool nodes_ready(const struct cache_set *c)
{
	return nodes_free(c) == c->cache->free[RESERVE_BTREE].size;
}

/*
 * Are so few of them left that an insertion may have to wait for more? It begins only if
 * there are as many as btree_check_reserve() wants.
 */
static bool nodes_are_short(const struct cache_set *c)
{
	size_t half = c->cache->free[RESERVE_BTREE].size / 2;
	size_t need = 2 * READ_ONCE(c->root)->level + 1;

	return nodes_free(c) < max(half, need);
}

/*
 * Does the caller have to leave the last blocks to those that hold a pin? Only the allocator
 * does, unless they may need buckets for nodes from it: to write new uuids, which holds
 * buckets too, takes just one jset, and is rare.
 */
static bool must_stand_back(struct cache_set *c, unsigned int sectors)
{
	unsigned int blocks = sectors >> c->block_bits;

	return test_bit(CACHE_SET_RUNNING, &c->flags) &&
	       current == READ_ONCE(c->cache->alloc_thread) &&
	       !nodes_are_short(c) &&
	       journal_is_short(c, LAST_BLOCKS + blocks) &&
	       pin_is_held(&c->journal);
}

/*
 * Is any task waiting for the lock of the root? Called with journal.lock held. The root
 * may safely be replaced in the meantime: bcache frees the memory that a struct btree
 * points to, but the struct itself only with the set. (On PREEMPT_RT, which is refused,
 * this would be true whenever the lock is held for writing.)
 */
static bool root_contended(const struct cache_set *c)
{
	struct btree *root = READ_ONCE(c->root);

	return rwsem_is_contended(&root->lock);
}

/**
 * room_may_defer - may a new root be left to the next jset?
 * @c: the cache set
 *
 * See the overview above. Called with journal.lock held.
 */
bool room_may_defer(struct cache_set *c)
{
	const struct journal_device *ja = &c->cache->journal;
	const struct journal *j = &c->journal;
	const struct jset *last = journal_written(&c->journal)->data;
	unsigned int next = ja->cur_idx;

	if (journal_discards(c->cache))
		return false;
	if (j->blocks_free && j->blocks_free < bucket_blocks(c))
		return true;
	if (!j->blocks_free)
		next = next_bucket(c->cache, next);

	/* The stock driver does not zero the buffer, which may never have been used. */
	return !j->io_in_flight && last->seq + 1 == j->seq &&
	       last->magic == (c->cache->sb.set_magic ^ JSET_MAGIC) &&
	       ja->seq[next] < last->last_seq;
}

/*
 * The closure tells the callers apart: a new root, and new prios from the allocator,
 * come with one on the stack, new uuids with none, a flush with that of its struct
 * search. Registration also uses one on the stack and is treated like a new root: it
 * holds nothing, and there is room.
 */
static enum holds what_is_held(const struct cache_set *c, size_t nkeys,
			       const struct closure *parent)
{
	if (nkeys || (parent && !object_is_on_stack(parent)))
		return HOLDS_NOTHING;
	if (parent && current != READ_ONCE(c->cache->alloc_thread))
		return HOLDS_ROOT;
	return HOLDS_BUCKETS;
}

/**
 * room_wait_begin - set up the wait of a caller of bch_journal()
 * @r: the wait
 * @c: the cache set
 * @nkeys: number of u64s that it wants to append
 * @parent: its closure, or NULL
 */
void room_wait_begin(struct room_wait *r, const struct cache_set *c,
		     size_t nkeys, const struct closure *parent)
{
	r->nkeys = nkeys;
	r->holds = what_is_held(c, nkeys, parent);
	r->began = jiffies;
	r->changed = r->began;
	r->oldest = 0;
	r->stalled = false;
	r->counted = 0;
	r->told = false;
}

/**
 * room_stalls - count the caller among those that a full journal stalls
 * @r: the wait
 * @c: the cache set
 *
 * Called with journal.lock held.
 */
void room_stalls(struct room_wait *r, const struct cache_set *c)
{
	r->stalled = true;
	if (!r->counted) /* the view may be made while the caller waits */
		r->counted = view_wait_begin(c);
}

/**
 * room_wait_end - end a wait, whether or not there is room
 * @r: the wait
 * @c: the cache set
 *
 * Called with journal.lock held.
 */
void room_wait_end(const struct room_wait *r, const struct cache_set *c)
{
	const struct journal *j = &c->journal;

	if (!r->stalled)
		return;
	view_wait_end(c, r->counted, r->told);
	trace_bj_full(c, journal_last_seq(j), j->seq, j->blocks_free,
		      jiffies_to_msecs(jiffies - r->began));
}

/**
 * room_fits - do more keys fit into the open jset, and the jset into the bucket?
 * @c: the cache set
 * @nkeys: number of u64s of the keys
 *
 * Called with journal.lock held.
 */
bool room_fits(struct cache_set *c, size_t nkeys)
{
	const struct journal *j = &c->journal;
	size_t sectors = jset_sectors(c, j->cur->data->keys + nkeys);

	return sectors <= JSET_BYTES >> SECTOR_SHIFT &&
	       sectors <= (size_t)j->blocks_free * c->cache->sb.block_size;
}

/**
 * room_is_there - may the keys be appended to the open jset now?
 * @c: the cache set
 * @r: the wait of the caller
 *
 * Applies the rules in the overview above. Called with journal.lock held.
 */
bool room_is_there(struct cache_set *c, const struct room_wait *r)
{
	size_t sectors = jset_sectors(c, c->journal.cur->data->keys + r->nkeys);

	/* A jset cannot be written if there is no pin for the next one. */
	if (journal_full(&c->journal) || !room_fits(c, r->nkeys))
		return false;

	switch (r->holds) {
	case HOLDS_ROOT:
		return headroom(c, sectors) || !room_may_defer(c);
	case HOLDS_BUCKETS:
		if (test_bit(CACHE_SET_RUNNING, &c->flags))
			return !must_stand_back(c, sectors);
		return !journal_is_short(c, TIGHT_BLOCKS) ||
		       time_after(jiffies, r->began + REPLAY_FIRST);
	default:
		if (!headroom(c, sectors))
			return false;
		if (!journal_is_short(c, TIGHT_BLOCKS))
			return true;
		if (r->nkeys && root_contended(c) &&
		    time_before(jiffies, r->began + ROOT_FIRST))
			return false;
		return nodes_ready(c) ||
		       time_after(jiffies, r->began + NODES_FIRST);
	}
}

/**
 * room_is_for_pins - is the rest of the journal left to callers that hold a pin?
 * @c: the cache set
 *
 * See the overview above. Any context that may take journal.lock.
 */
bool room_is_for_pins(struct cache_set *c)
{
	bool stand_back;

	spin_lock(&c->journal.lock);
	stand_back = test_bit(CACHE_SET_RUNNING, &c->flags) && !headroom(c, 0);
	spin_unlock(&c->journal.lock);
	return stand_back;
}

/*
 * No pin has been released for STUCK_AFTER: log it. If the set is being registered,
 * refuse it, or give up its oldest bucket if the operator accepts the loss. Drops
 * journal.lock and takes it again.
 */
static void bj_tell_stuck(struct cache_set *c) __must_hold(&c->journal.lock)
{
	static DEFINE_RATELIMIT_STATE(once, STUCK_AFTER, 1);
	struct journal *j = &c->journal;
	u64 first = journal_last_seq(j), last = j->seq;
	bool give_up = false;

	spin_unlock(&j->lock);
	if (test_bit(CACHE_SET_RUNNING, &c->flags)) {
		if (__ratelimit(&once))
			bj_warn(c,
				"the journal is full: none of entries %llu-%llu has been released for %u s; if this persists, reset the machine: no acknowledged write will be lost\n",
				first, last, STUCK_AFTER / HZ);
	} else if (take_acceptance(c)) {
		bj_warn(c,
			"the journal is full: its oldest bucket will be overwritten because of accept_loss; if this registration does not complete, entries from %llu on are lost\n",
			first);
		give_up = true;
	} else {
		journal_fail_set(
			c,
			"journal: full, replaying entries %llu-%llu needs more room than is left: not registered",
			first, last);
	}
	spin_lock(&j->lock);
	if (give_up) {
		journal_give_up_bucket(c);
		bj_journal_reclaim(c);
	}
}

/**
 * room_is_stuck - has no pin been released for too long?
 * @c: the cache set
 * @r: the wait of the caller
 *
 * If so, logs it and acts on it, see bj_tell_stuck(). Called with journal.lock held;
 * drops it and takes it again.
 */
bool room_is_stuck(struct cache_set *c, struct room_wait *r)
	__must_hold(&c->journal.lock)
{
	const struct journal *j = &c->journal;

	/* A write in flight will end: write.c limits its retries. */
	if (j->io_in_flight || r->oldest != journal_last_seq(j)) {
		r->oldest = journal_last_seq(j);
		r->changed = jiffies;
		return false;
	}
	if (!time_after(jiffies, r->changed + STUCK_AFTER))
		return false;

	bj_tell_stuck(c);
	if (!r->told)
		r->told = view_wait_stuck(c, r->counted);
	r->changed = jiffies;
	return true;
}

/**
 * room_from_reserve - use the reserve for a caller that has blocked others for too long
 * @c: the cache set
 * @r: the wait of the caller
 *
 * Called with journal.lock held.
 */
void room_from_reserve(struct cache_set *c, const struct room_wait *r)
{
	if (r->holds != HOLDS_NOTHING && !must_stand_back(c, 0) &&
	    time_after(jiffies, r->began + RESERVE_AFTER))
		journal_take_reserve(c);
}

/**
 * room_sleep - sleep until there may be room
 * @j: the journal
 * @cl: on the caller's stack, and perhaps on journal.wait
 *
 * Returns when @cl is woken, or after LOOK_AGAIN_MS: a caller of bch_journal() that
 * drops its pin does not wake the waiters. (6.1 has no closure_sync_timeout(), and that
 * of 6.12 made the kernel report guard bits set in @cl.)
 */
void room_sleep(struct journal *j, struct closure *cl)
{
	int ms;

	for (ms = 0; ms < LOOK_AGAIN_MS; ms++) {
		if ((atomic_read(&cl->remaining) & CLOSURE_REMAINING_MASK) == 1)
			return;
		fsleep(USEC_PER_MSEC);
	}
	closure_wake_up(&j->wait); /* takes @cl off the list */
	closure_sync(cl);
}

/**
 * bj_cache_miss - read data that is not in the cache: stands in for cached_dev_cache_miss
 * @b: the leaf that lacks it, locked
 * @s: the request
 * @bio: the rest of the request
 * @sectors: length of the gap
 *
 * Bypasses the cache if the rest of the journal is left to callers that hold a pin, but not
 * if an earlier gap of this request is already being filled: then the stock driver does not
 * fill this one, and the flag would invalidate what it adds for the other. Process context.
 *
 * Return: MAP_DONE, MAP_CONTINUE or a negative errno.
 */
__hook int bj_cache_miss(struct btree *b, struct search *s, struct bio *bio,
			 unsigned int sectors)
{
	if (!s->cache_miss && room_is_for_pins(s->iop.c))
		data_insert_op_set_bypass(&s->iop, true);
	return stock_cached_dev_cache_miss(b, s, bio, sectors);
}
