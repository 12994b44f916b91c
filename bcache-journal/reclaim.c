// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: reclaim
 *
 * A journal bucket may be written again when every jset in it is older than last_seq,
 * the oldest jset whose pin is held. A pin is dropped once the btree nodes that hold
 * the jset's keys are on disk. So when few blocks are left, the nodes that hold pins of
 * the oldest bucket are written by a worker, while jsets go on being written. If the
 * journal gets full all the same, the tasks that wait for room write the nodes that hold
 * the oldest pin.
 *
 * The ring of buckets:  ... free | last_idx ... cur_idx | free ...
 *
 * cur_idx never catches up with last_idx: a full ring would then look like one with
 * only a single bucket in use. Once registration is over (do_reserve), one more bucket
 * is kept in reserve, so that replay after a crash has a bucket to write to.
 */

#include <linux/moduleparam.h>
#include <linux/workqueue.h>

#include "journal.h"
#include "trace.h"

/* So many nodes may still be written once the ring is tight: room.c relies on it. */
#define EARLY_NODES_MAX 32

static int bj_percent_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 0, 100);
}

static const struct kernel_param_ops percent_ops = {
	.set = bj_percent_set,
	.get = param_get_uint,
};

static unsigned int early_percent = 25;
module_param_cb(early_percent, &percent_ops, &early_percent, 0644);
MODULE_PARM_DESC(
	early_percent,
	"percent of a bucket left when nodes begin to be written early (25); 0: never");

static int bj_nodes_set(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, EARLY_NODES_MAX);
}

static const struct kernel_param_ops nodes_ops = {
	.set = bj_nodes_set,
	.get = param_get_uint,
};

static unsigned int early_nodes = EARLY_NODES_MAX;
module_param_cb(early_nodes, &nodes_ops, &early_nodes, 0644);
MODULE_PARM_DESC(early_nodes,
		 "nodes that are written early after an entry, 1 to 32 (32)");

/**
 * bj_journal_space_reserve - keep a bucket in reserve from now on
 * @j: the journal
 *
 * Stands in for bch_journal_space_reserve, at the end of registration.
 */
__hook void bj_journal_space_reserve(struct journal *j)
{
	j->do_reserve = true;
}

/**
 * journal_is_short - are fewer blocks left than this?
 * @c: the cache set
 * @blocks: the number, for example TIGHT_BLOCKS
 *
 * Blocks are left if they can be written before a bucket or a pin has to be released. A
 * jset takes one pin, and one block or more. Called with journal.lock held.
 */
bool journal_is_short(const struct cache_set *c, unsigned int blocks)
{
	const struct journal *j = &c->journal;
	u64 left = j->blocks_free +
		   (u64)journal_free_buckets(c, 1 + j->do_reserve) *
			   bucket_blocks(c);

	return min_t(u64, left, max_t(size_t, pin_free(j), 1) - 1) < blocks;
}

/* Let the next jset go to sector @offset of bucket cur_idx. */
static void write_at(struct cache_set *c, unsigned int offset)
{
	const struct cache *ca = c->cache;
	struct bkey *k = journal_key(&c->journal);

	key_make(k, 0, 0, 0);
	key_set_ptrs(k, 1);
	k->ptr[0] = ptr_make(
		0, bucket_to_sector(c, ca->sb.d[ca->journal.cur_idx]) + offset,
		ca->sb.nr_this_dev);
	c->journal.blocks_free = (ca->sb.bucket_size - offset) >> c->block_bits;
}

/**
 * journal_resume - continue writing after the newest jset, not in the next bucket
 * @c: the cache set being registered
 * @newest: the newest jset, which is in bucket cur_idx
 * @end: sectors from the start of that bucket to the end of the jset
 *
 * Called by bj_journal_read() once it is certain that nothing newer is lost: the rest
 * of the bucket will be overwritten. Afterwards the journal looks as if it had been in
 * use all along, to the stock driver too.
 */
void journal_resume(struct cache_set *c, const struct jset *newest,
		    unsigned int end)
{
	size_t i;

	/* As if both buffers had held it, for room_may_defer() and journal_discard(). */
	for (i = 0; i < ARRAY_SIZE(c->journal.w); i++) {
		struct jset *data = c->journal.w[i].data;

		data->magic = newest->magic;
		data->seq = newest->seq;
		data->last_seq = newest->last_seq;
	}
	if (end < c->cache->sb.bucket_size)
		write_at(c, end);
}

/* If the current bucket is full, move on to the next one, but leave @kept free. */
static bool take_bucket(struct cache_set *c, unsigned int kept)
{
	struct cache *ca = c->cache;
	struct journal_device *ja = &ca->journal;

	if (c->journal.blocks_free || !journal_free_buckets(c, kept))
		return false;

	ja->cur_idx = next_bucket(ca, ja->cur_idx);
	write_at(c, 0);
	atomic_long_inc(&c->reclaimed_journal_buckets);
	trace_bj_bucket(c, ja->cur_idx, journal_last_seq(&c->journal));
	return true;
}

/**
 * journal_take_reserve - use the bucket that is reserved for replay
 * @c: the cache set
 *
 * This is the last resort if no room can be made otherwise. Called with journal.lock
 * held.
 */
void journal_take_reserve(struct cache_set *c)
{
	take_bucket(c, 1);
}

/**
 * journal_give_up_bucket - let the oldest bucket be overwritten
 * @c: the cache set being registered
 *
 * Its entries have not been replayed yet, but they are in memory. Called with
 * journal.lock held.
 */
void journal_give_up_bucket(struct cache_set *c)
{
	struct journal_device *ja = &c->cache->journal;

	if (ja->last_idx != ja->cur_idx)
		ja->last_idx = next_bucket(c->cache, ja->last_idx);
	journal_discard(c->cache, true);
}

/**
 * bj_journal_reclaim - release the pins with a count of 0, then the buckets
 * @c: the cache set
 *
 * Stands in for journal_reclaim. Called with journal.lock held. Moves on to the next
 * bucket if the current one is full and another one is free. Wakes the waiters for room
 * only if it has made some: they call this function themselves, and would otherwise
 * keep waking each other.
 */
__hook void bj_journal_reclaim(struct cache_set *c)
{
	struct journal *j = &c->journal;
	struct cache *ca = c->cache;
	struct journal_device *ja = &ca->journal;
	bool gained = false;
	u64 last_seq;

	atomic_long_inc(&c->reclaim);

	/* The count of the open jset's pin is never 0, so this loop terminates. */
	while (pin_used(j) > 1 && !atomic_read(pin_front(j))) {
		j->pin.front = (j->pin.front + 1) & j->pin.mask;
		gained = true;
	}

	last_seq = journal_last_seq(j);
	while (ja->last_idx != ja->cur_idx && ja->seq[ja->last_idx] < last_seq)
		ja->last_idx = next_bucket(ca, ja->last_idx);

	journal_discard(ca, journal_is_short(c, TIGHT_BLOCKS));

	gained |= take_bucket(c, 1 + j->do_reserve);
	if (gained && !journal_full(j))
		__closure_wake_up(&j->wait);
}

static struct btree_write *current_write(struct btree *b)
{
	return &b->writes[test_bit(BTREE_NODE_write_idx, &b->flags)];
}

/* Pins that follow each other: @nr of them from pin.data[@front] on. */
struct pin_range {
	size_t front, nr;
};

/* Pins that are released together before the journal is full, if they run short. */
static size_t early_pins(const struct journal *j)
{
	return j->pin.size / 16;
}

/* Number of blocks before the ring is tight during which nodes are written early. */
static unsigned int early_blocks(const struct cache_set *c)
{
	size_t part = (size_t)bucket_blocks(c) * READ_ONCE(early_percent);

	return min_t(size_t, DIV_ROUND_UP(part, 100), early_pins(&c->journal));
}

/**
 * journal_nodes_are_due - should nodes be written before the journal is full?
 * @c: the cache set
 *
 * While less than early_percent of a bucket is left before the ring is tight. If that is
 * long, only after every fourth jset: to find the nodes, all that are in memory may have
 * to be looked at. Not with a single bucket in use, since the nodes that hold its pins may
 * still be getting keys, and not if free buckets only wait to be discarded. Called with
 * journal.lock held.
 */
bool journal_nodes_are_due(const struct cache_set *c)
{
	const struct journal_device *ja = &c->cache->journal;
	unsigned int early = early_blocks(c);

	return journal_is_short(c, TIGHT_BLOCKS + early) &&
	       !journal_is_short(c, TIGHT_BLOCKS) &&
	       !(c->journal.seq & (early < 32 ? 0 : 3)) &&
	       ja->last_idx != ja->cur_idx &&
	       ja->last_idx == journal_tail(c->cache) &&
	       test_bit(CACHE_SET_RUNNING, &c->flags) &&
	       !test_bit(CACHE_SET_STOPPING, &c->flags) &&
	       !test_bit(CACHE_SET_IO_DISABLE, &c->flags);
}

/*
 * The pins that keep the oldest bucket in use; none if a bucket has been freed since nodes
 * were due. Called with journal.lock held.
 */
static struct pin_range bucket_pins(const struct cache_set *c)
{
	const struct journal_device *ja = &c->cache->journal;
	const struct journal *j = &c->journal;
	u64 first = journal_last_seq(j);
	u64 last =
		clamp(ja->seq[ja->last_idx], first, first + early_pins(j) - 1);

	if (ja->last_idx == ja->cur_idx ||
	    !journal_is_short(c, TIGHT_BLOCKS + early_blocks(c)))
		last = first - 1;
	return (struct pin_range){ j->pin.front, last - first + 1 };
}

/* How often are these pins held? At most so many nodes hold one of them. */
static size_t times_held(const struct journal *j, const struct pin_range *pins)
{
	size_t i, held = 0;

	for (i = 0; i < pins->nr; i++)
		held += atomic_read(
			&j->pin.data[(pins->front + i) & j->pin.mask]);
	return held;
}

/* Is @b dirty, and does it hold one of these pins? Only a hint without write_lock. */
static bool holds_one(struct btree *b, const struct pin_range *pins)
{
	const struct journal *j = &b->c->journal;
	const atomic_t *pin = READ_ONCE(current_write(b)->journal);

	return test_bit(BTREE_NODE_dirty, &b->flags) && pin &&
	       ((pin - j->pin.data - pins->front) & j->pin.mask) < pins->nr;
}

/*
 * Mark @b if it is dirty and holds one of these pins. The mark keeps the node from being
 * freed: btree_node_free() and mca_reap() wait until it is cleared.
 * Called with bucket_lock held.
 */
static bool bj_node_mark(struct btree *b, const struct pin_range *pins)
{
	bool mark;

	if (!holds_one(b, pins))
		return false;
	mutex_lock(&b->write_lock);
	mark = holds_one(b, pins) &&
	       !test_and_set_bit(BTREE_NODE_journal_flush, &b->flags);
	mutex_unlock(&b->write_lock);
	return mark;
}

/* Write a marked node, unless it has been written meanwhile, and clear the mark. */
static void bj_node_write(struct btree *b)
{
	mutex_lock(&b->write_lock);
	if (test_bit(BTREE_NODE_dirty, &b->flags) && current_write(b)->journal)
		bj_btree_node_write(b, NULL);
	clear_bit(BTREE_NODE_journal_flush, &b->flags);
	mutex_unlock(&b->write_lock);
}

/*
 * Write up to @most nodes that hold the oldest pin; or, if @early, any pin of the oldest
 * bucket, but nothing if bucket_lock is not free. Returns how many it has written.
 */
static unsigned int bj_write_nodes(struct cache_set *c, bool early,
				   unsigned int most)
{
	struct btree *b, *nodes[BTREE_FLUSH_NR];
	struct journal *j = &c->journal;
	struct pin_range pins;
	unsigned int nr = 0, i;
	size_t held;
	bool busy;

	spin_lock(&j->flush_write_lock);
	busy = j->btree_flushing;
	j->btree_flushing = true;
	spin_unlock(&j->flush_write_lock);
	if (busy)
		return 0;

	spin_lock(&j->lock);
	pins = early ? bucket_pins(c) : (struct pin_range){ j->pin.front, 1 };
	held = times_held(j, &pins);
	spin_unlock(&j->lock);

	/* The next reclaim releases the pins. */
	if (!held)
		goto out;
	if (!early)
		mutex_lock(&c->bucket_lock);
	else if (!mutex_trylock(&c->bucket_lock))
		goto out;

	atomic_long_inc(&c->flush_write);
	list_for_each_entry_reverse(b, &c->btree_cache, list) {
		/* Stop when no more nodes can hold a pin, as far as is known. */
		if (nr == most || nr == held)
			break;
		if (!early && (READ_ONCE(j->pin.front) != pins.front ||
			       !atomic_read(&j->pin.data[pins.front])))
			break; /* those marked so far are written anyway */
		if (bj_node_mark(b, &pins))
			nodes[nr++] = b;
	}
	b = READ_ONCE(c->root);
	if (nr < most && !IS_ERR_OR_NULL(b) && bj_node_mark(b, &pins))
		nodes[nr++] = b;
	mutex_unlock(&c->bucket_lock);

	for (i = 0; i < nr; i++)
		bj_node_write(nodes[i]);
	trace_bj_flush(c, nr);
out:
	spin_lock(&j->flush_write_lock);
	j->btree_flushing = false;
	spin_unlock(&j->flush_write_lock);
	return nr;
}

/**
 * bj_btree_flush_write - write btree nodes that hold the oldest jset
 * @c: the cache set
 *
 * Stands in for btree_flush_write. Process context; takes bucket_lock and the nodes'
 * write_lock. Does not wait for the I/O it starts, unless memory is short. Writes at most
 * BTREE_FLUSH_NR nodes, so that bucket_lock is not held for long. Only one caller is
 * served at a time; the others return at once. The root is not on the list of nodes, and
 * comes last: in a new cache it is the leaf that gets all keys.
 */
__hook void bj_btree_flush_write(struct cache_set *c)
{
	bj_write_nodes(c, false, BTREE_FLUSH_NR);
}

/**
 * journal_write_nodes - write btree nodes that keep the oldest bucket in use
 * @c: the cache set
 *
 * To be called by the worker of journal.io if journal_nodes_are_due(). Like
 * bj_btree_flush_write(), but for all pins of the bucket: nodes with keys of different
 * jsets need not wait for each other. Writes up to early_nodes, unless the worker is needed
 * for the next jset. (If the closure is not queued, the bit is one of a pointer: 0.)
 */
void journal_write_nodes(struct cache_set *c)
{
	unsigned int left, nr;

	for (left = READ_ONCE(early_nodes);
	     left && !work_pending(&c->journal.io.work); left -= nr) {
		nr = min_t(unsigned int, left, BTREE_FLUSH_NR);
		if (bj_write_nodes(c, true, nr) < nr)
			break;
	}
}
