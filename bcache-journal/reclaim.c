// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: reclaim
 *
 * A journal bucket may be written again when every jset in it is older than last_seq,
 * the oldest jset whose pin is held. A pin is dropped once the btree nodes that hold
 * the jset's keys are on disk, so when the journal is full, the nodes that hold the
 * oldest pin are written.
 *
 * The ring of buckets:  ... free | last_idx ... cur_idx | free ...
 *
 * cur_idx never catches up with last_idx: a full ring would then look like one with
 * only a single bucket in use. Once registration is over (do_reserve), one more bucket
 * is kept in reserve, so that replay after a crash has a bucket to write to.
 */

#include "journal.h"
#include "trace.h"

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

/*
 * Mark @b if it is dirty and holds @pin. The mark keeps the node from being freed:
 * btree_node_free() and mca_reap() wait until it is cleared.
 * Called with bucket_lock held.
 */
static bool bj_node_mark(struct btree *b, const atomic_t *pin)
{
	bool mark;

	mutex_lock(&b->write_lock);
	mark = test_bit(BTREE_NODE_dirty, &b->flags) &&
	       current_write(b)->journal == pin &&
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

/**
 * bj_btree_flush_write - write btree nodes that hold the oldest jset
 * @c: the cache set
 *
 * Stands in for btree_flush_write. Process context; takes bucket_lock and the nodes'
 * write_lock, and does not wait for the I/O it starts. Writes at most BTREE_FLUSH_NR
 * nodes, so that bucket_lock is not held for long. Only one caller is served at a time;
 * the others return at once. The least recently used nodes come first. The root is not
 * on that list, and comes last: in a new cache it is the leaf that gets all keys.
 */
__hook void bj_btree_flush_write(struct cache_set *c)
{
	struct btree *b, *nodes[BTREE_FLUSH_NR];
	struct journal *j = &c->journal;
	unsigned int nr = 0, i;
	atomic_t *oldest;
	bool busy;

	spin_lock(&j->flush_write_lock);
	busy = j->btree_flushing;
	j->btree_flushing = true;
	spin_unlock(&j->flush_write_lock);
	if (busy)
		return;

	spin_lock(&j->lock);
	oldest = pin_front(j);
	spin_unlock(&j->lock);

	/* The count is 0 already: the next reclaim releases the pin. */
	if (atomic_read(oldest) <= 0)
		goto out;

	atomic_long_inc(&c->flush_write);

	mutex_lock(&c->bucket_lock);
	list_for_each_entry_reverse(b, &c->btree_cache, list) {
		/*
		 * Stop when no more nodes can hold the pin, or when it has been
		 * released. The nodes marked so far are written in any case.
		 */
		if (nr == BTREE_FLUSH_NR || (int)nr >= atomic_read(oldest) ||
		    pin_front(j) != oldest)
			break;
		if (bj_node_mark(b, oldest))
			nodes[nr++] = b;
	}
	b = READ_ONCE(c->root);
	if (nr < BTREE_FLUSH_NR && !IS_ERR_OR_NULL(b) &&
	    bj_node_mark(b, oldest))
		nodes[nr++] = b;
	mutex_unlock(&c->bucket_lock);

	for (i = 0; i < nr; i++)
		bj_node_write(nodes[i]);
	trace_bj_flush(c, nr);
out:
	spin_lock(&j->flush_write_lock);
	j->btree_flushing = false;
	spin_unlock(&j->flush_write_lock);
}
