// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: room in the journal, and its last blocks
 *
 * A caller of bch_journal() that passes keys holds no lock while it waits for room,
 * but afterwards it holds a pin until its keys are in the btree. To get them in it may
 * need the lock of the root, which another task holds in bch_btree_set_root(), or a
 * bucket from the allocator, which is in bch_prio_write(). Both of these want a jset
 * of their own written. If there is no room for it each waits for the other: the pins
 * keep the buckets of the ring, and no node that could be written holds these pins.
 *
 * So, when the ring gets tight,
 *
 * - keys, and flushes, are only taken when nobody holds a pin, and, if that is not
 *   long in coming, the allocator has its stock of buckets for nodes;
 * - a new root waits for nothing: the next jset has it, whoever asks for that one;
 * - the allocator may have what is left, in the end also the bucket that is kept for
 *   replay. It needs a few jsets: no node is written for the journal meanwhile, so each
 *   leaf is split or compacted once, by whoever comes first, and the root as often; a
 *   jset brings 1/256 of the buckets, which is half as many as there are leaves in a
 *   cache full of small keys. During replay it lets replay have a go first, which may
 *   make room without a single jset.
 *
 * Until the next jset is on the disk recovery would start from the old root, and
 * nothing that it finds from there may be gone. Its nodes are there: a bucket is given
 * out only after bch_prio_write(), whose jset has the new root. (The allocator goes on
 * without it if there is no bucket for the prios: in its first round only, which is over
 * before a root can change; later RESERVE_PRIO is filled first.) The entries are there
 * too, although their pins may have been dropped since: the next jset goes behind the
 * last one in its bucket, or into a bucket that the last one has already given up, which
 * is what room_may_defer() looks at. All of this holds for stock too, should it take
 * over, but for its discards, which do not wait for that jset. So on a set with discard
 * the root does wait, and may have the reserve.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ratelimit.h>
#include <linux/sched/task_stack.h>

#include "journal.h"

/* How long keys wait for the allocator on a tight ring. */
#define NODES_FIRST HZ
/* How long those that others wait for wait before they take the reserve. */
#define RESERVE_AFTER (HZ / 10)
/* How long it leaves the last blocks to replay. */
#define REPLAY_FIRST (2 * HZ)
/* How long nothing has to come free before that is told. */
#define STUCK_AFTER (30 * HZ)

/* How long a waiter for room sleeps before it looks again by itself. */
#define LOOK_AGAIN_MS 10

/*
 * Is enough left for others if the open jset is written? @sectors is its length on
 * the disk; it fits into the current bucket. If not, it has to be the only one that
 * somebody holds a pin of, be it a caller of bch_journal() that is not done or a btree
 * node.
 */
static bool headroom(struct cache_set *c, unsigned int sectors)
{
	const struct journal *j = &c->journal;
	size_t i;

	if (!journal_is_tight(c, sectors >> c->block_bits))
		return true;

	for (i = j->pin.front; &j->pin.data[i] != pin_back(j);
	     i = (i + 1) & j->pin.mask)
		if (atomic_read(&j->pin.data[i]))
			return false;
	return atomic_read(pin_back(j)) == 1; /* its own */
}

/*
 * Has the allocator its stock of buckets for btree nodes? A hint: the stock is under
 * another lock.
 */
static bool nodes_ready(const struct cache_set *c)
{
	const typeof(c->cache->free[0]) *stock = &c->cache->free[RESERVE_BTREE];

	return ((READ_ONCE(stock->back) - READ_ONCE(stock->front)) &
		stock->mask) == stock->size;
}

/**
 * room_may_defer - may a new root be left to the next jset?
 * @c: the cache set
 *
 * See "the last blocks" above. Called with journal.lock held.
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

	/* The buffer may never have been used, and the driver's is not zeroed. */
	return !j->io_in_flight && last->seq + 1 == j->seq &&
	       last->magic == (c->cache->sb.set_magic ^ JSET_MAGIC) &&
	       ja->seq[next] < last->last_seq;
}

/*
 * A new root, and new prios from the allocator, come with a closure on the stack,
 * new uuids with none, a flush with that of its struct search. Registration's own, with
 * one on the stack too, are counted as a root: they hold nothing, and there is room.
 */
static enum holds what_is_held(const struct cache_set *c, size_t nkeys,
			       const struct closure *parent)
{
	if (nkeys || (parent && !object_is_on_stack(parent)))
		return HOLDS_NOTHING;
	if (parent && current != c->cache->alloc_thread)
		return HOLDS_ROOT;
	return HOLDS_BUCKETS;
}

/**
 * room_wait_begin - a caller of bch_journal() comes for room
 * @r: set up here
 * @c: the cache set
 * @nkeys: u64s of keys that it wants to append
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
}

/**
 * room_fits - do more keys fit into the open jset, and that into the bucket?
 * @c: the cache set
 * @nkeys: u64s of the keys
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
 * @r: the caller that wants to
 *
 * The overview above says who may take what. Called with journal.lock held.
 */
bool room_is_there(struct cache_set *c, const struct room_wait *r)
{
	size_t sectors = jset_sectors(c, c->journal.cur->data->keys + r->nkeys);

	/* Nor into one that can't be written for want of a pin for the next one. */
	if (journal_full(&c->journal) || !room_fits(c, r->nkeys))
		return false;

	switch (r->holds) {
	case HOLDS_ROOT:
		return headroom(c, sectors) || !room_may_defer(c);
	case HOLDS_BUCKETS:
		return test_bit(CACHE_SET_RUNNING, &c->flags) ||
		       !journal_is_tight(c, 0) ||
		       time_after(jiffies, r->began + REPLAY_FIRST);
	default:
		return headroom(c, sectors) &&
		       (!journal_is_tight(c, 0) || nodes_ready(c) ||
			time_after(jiffies, r->began + NODES_FIRST));
	}
}

/*
 * Nothing has come free for long. A set that is being registered is refused then, or,
 * if the operator accepts the loss, replayed at the risk that it takes. Takes
 * journal.lock off meanwhile.
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
				"the journal is full: none of entries %llu-%llu has come free for %u s; if it stays so, reset the machine, no acknowledged write is lost then\n",
				first, last, STUCK_AFTER / HZ);
	} else if (take_acceptance(c)) {
		bj_warn(c,
			"the journal is full: written over as accept_loss says, a power cut before registration has ended loses entries from %llu on\n",
			first);
		give_up = true;
	} else {
		journal_fail_set(
			c,
			"journal: full, entries %llu-%llu need more room to be replayed than is left: not registered",
			first, last);
	}
	spin_lock(&j->lock);
	if (give_up) {
		journal_give_up_bucket(c);
		bj_journal_reclaim(c);
	}
}

/**
 * room_is_stuck - has nothing come free for so long that it has to be told?
 * @c: the cache set
 * @r: the caller that waits
 *
 * If so it is told, and what can be done about it is done. Called with journal.lock
 * held, which is dropped meanwhile.
 */
bool room_is_stuck(struct cache_set *c, struct room_wait *r)
	__must_hold(&c->journal.lock)
{
	const struct journal *j = &c->journal;

	/* A write in flight ends by itself: write.c bounds its tries. */
	if (j->io_in_flight || r->oldest != journal_last_seq(j)) {
		r->oldest = journal_last_seq(j);
		r->changed = jiffies;
		return false;
	}
	if (!time_after(jiffies, r->changed + STUCK_AFTER))
		return false;

	bj_tell_stuck(c);
	r->changed = jiffies;
	return true;
}

/**
 * room_from_reserve - let a caller that others wait for write into the reserve
 * @c: the cache set
 * @r: the caller
 *
 * Called with journal.lock held.
 */
void room_from_reserve(struct cache_set *c, const struct room_wait *r)
{
	if (r->holds != HOLDS_NOTHING &&
	    time_after(jiffies, r->began + RESERVE_AFTER))
		journal_take_reserve(c);
}

/**
 * room_sleep - sleep until there may be room
 * @j: the journal
 * @cl: on the caller's stack, and perhaps on journal.wait
 *
 * Until @cl is woken, but not for long: nobody is woken when a caller of bch_journal()
 * drops its pin. (6.1 has no closure_sync_timeout(); with that of 6.12 the kernel
 * found guard bits set in @cl.)
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
