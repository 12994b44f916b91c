// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: commit
 *
 * There are two jset buffers. Keys are appended to the open one (journal.cur) under
 * journal.lock. It is written when a caller waits for it (the @parent of bch_journal),
 * when it is full, or journal_delay_ms after its first key. One write is in flight at a
 * time: the closure journal.io and io_in_flight stand for the right to write. The step
 * that takes a jset for writing opens the other buffer as the next jset, so keys are
 * accepted while the write is in flight.
 *
 * The open jset holds a pin from the time it is opened. Each caller of bch_journal gets
 * one more count on that pin; the btree node that the keys are inserted into takes the
 * count over, and drops it once it is on disk.
 *
 * The functions below are in the order of a jset's life: keys are appended, a write is
 * requested, the jset is taken and written, its waiters are woken, and the right to
 * write is released.
 */

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/sched/task_stack.h>

#include "journal.h"
#include "trace.h"

OUTRIGGER_STOCK_BODY(bcache, request_endio);

/*
 * @nkeys u64s do not fit even into an empty jset. The stock driver keeps key lists
 * within a block (bch_keylist_realloc()), so this is a bug. Drops journal.lock and takes
 * it again.
 */
static void bj_never_fits(struct cache_set *c, size_t nkeys)
	__must_hold(&c->journal.lock)
{
	spin_unlock(&c->journal.lock);
	journal_fail_set(c, "journal: %zu words of keys don't fit", nkeys);
	spin_lock(&c->journal.lock);
}

/* The loop of bj_wait_for_room(). Called with journal.lock held, which it may drop. */
static struct journal_write *bj_look_for_room(struct cache_set *c,
					      struct room_wait *room)
	__must_hold(&c->journal.lock)
{
	struct journal *j = &c->journal;
	struct closure cl;
	bool waited = false;

	closure_init_stack(&cl);

	while (!room_is_there(c, room)) {
		const struct journal_write *w = j->cur;

		if (test_bit(CACHE_SET_IO_DISABLE, &c->flags) ||
		    (room->holds == HOLDS_ROOT && room_may_defer(c)))
			return NULL;

		if (room_is_stuck(c, room))
			continue;

		if (!room_fits(c, room->nkeys) && !journal_full(j)) {
			if (!w->data->keys && !w->need_write) {
				bj_never_fits(c, room->nkeys);
				return NULL;
			}
			if (waited) {
				stock_trace_journal_entry_full(c);
				closure_wait(&j->wait, &cl);
			}
			bj_journal_try_write(c);
			closure_sync(&cl); /* woken when the next jset opens */
		} else {
			if (waited) {
				stock_trace_journal_full(c);
				room_stalls(room, c);
				closure_wait(&j->wait, &cl);
			}
			bj_journal_reclaim(c);
			room_from_reserve(c, room);
			spin_unlock(&j->lock);
			bj_btree_flush_write(c);
			if (waited)
				room_sleep(j, &cl);
		}
		spin_lock(&j->lock);
		waited = true;
	}
	return j->cur;
}

/*
 * Wait until @nkeys u64s may be appended to the open jset, and return it. Return NULL
 * if they can never be appended, or if a new root is left to the next jset. In both
 * cases journal.lock is held on return.
 */
static struct journal_write *bj_wait_for_room(struct cache_set *c, size_t nkeys,
					      const struct closure *parent)
	__acquires(&c->journal.lock)
{
	struct journal_write *w;
	struct room_wait room;

	room_wait_begin(&room, c, nkeys, parent);
	spin_lock(&c->journal.lock);
	w = bj_look_for_room(c, &room);
	room_wait_end(&room, c);
	return w;
}

/**
 * bj_journal - append keys to the journal: stands in for bch_journal
 * @c: the cache set
 * @keys: the keys; at most a block of them
 * @parent: if not NULL, a closure that is put once they are on disk
 *
 * Process context, may sleep until there is room. The keys are not in the btree yet:
 * the caller inserts them and passes the returned pin on. If the set is shut down, the
 * bio that @parent belongs to, if any, ends with an error.
 *
 * Return: the pin of the entry, with one count for the caller; or NULL if the set does
 * not journal (it is not synchronous, is being created, or was shut down after an I/O
 * error), or if a new root is left to the next jset.
 */
__hook atomic_t *bj_journal(struct cache_set *c, struct keylist *keys,
			    struct closure *parent)
{
	size_t nkeys = keys ? keys->top_p - keys->keys_p : 0;
	struct journal *j = &c->journal;
	struct journal_write *w;
	atomic_t *pin;

	if (unlikely(test_bit(CACHE_SET_IO_DISABLE, &c->flags))) {
		journal_fail_waiter(parent);
		return NULL;
	}

	if (!(c->cache->sb.flags & BIT_ULL(CACHE_SYNC)))
		return NULL;

	/* This is the allocator of a new set: its prios go into the set's first jset. */
	if (!smp_load_acquire(&j->cur)) /* pairs with bj_journal_next() */
		return NULL;

	w = bj_wait_for_room(c, nkeys, parent);
	if (!w) {
		spin_unlock(&j->lock);
		if (test_bit(CACHE_SET_IO_DISABLE, &c->flags))
			journal_fail_waiter(parent);
		return NULL;
	}

	if (nkeys)
		memcpy(w->data->d + w->data->keys, keys->keys_p,
		       nkeys * sizeof(u64));
	w->data->keys += nkeys;

	pin = pin_back(j);
	atomic_inc(pin);

	if (parent) {
		closure_wait(&w->wait, parent);
		bj_journal_try_write(c);
		return pin;
	}

	if (!w->dirty) {
		w->dirty = true;
		queue_delayed_work(bch_flush_wq, &j->work,
				   msecs_to_jiffies(c->journal_delay_ms));
	}
	spin_unlock(&j->lock);
	return pin;
}

/* Copy a key into a padded one, and zero the padding. */
static void copy_padded(__u64 *to, const void *from)
{
	const struct bkey *k = from;
	size_t n = min_t(size_t, key_u64s(k), KEY_PADDED_U64S);

	memcpy(to, k, n * sizeof(*to));
	memset(to + n, 0, (KEY_PADDED_U64S - n) * sizeof(*to));
}

/*
 * Set the fields that recovery reads besides the keys. Called with journal.lock held.
 *
 * No lock keeps c->root from changing: bch_btree_set_root() stores it and then calls
 * bch_journal_meta(). So read the pointer once: otherwise key and level may come from
 * different nodes. The node itself does not change: its key and level are set before
 * it becomes the root, and it is freed only after bch_journal_meta(), which takes
 * journal.lock. (It does not if the set is shut down, but then this jset is not
 * submitted.) New uuids and prios are likewise stored before bch_journal_meta().
 */
static void jset_fill(struct cache_set *c, struct jset *data)
{
	const struct btree *root = READ_ONCE(c->root);
	struct cache *ca = c->cache;

	data->magic = ca->sb.set_magic ^ JSET_MAGIC;
	data->version = JSET_VERSION;
	data->last_seq = journal_last_seq(&c->journal);
	copy_padded(data->uuid_bucket_pad, c->uuid_bucket_pad);
	copy_padded(data->btree_root_pad, root->key_pad);
	data->btree_level = root->level;
	memset(data->pad, 0, sizeof(data->pad));
	memset(data->prio_bucket, 0, sizeof(data->prio_bucket));
	data->prio_bucket[ca->sb.nr_this_dev] = prios_of_jset(c);
}

/*
 * Two marks on a jset that has been taken for writing, in fields that mean something
 * only while it is open: need_write is false if this module took it, dirty is false once
 * it is on the disk. The stock driver leaves need_write true, and clears both fields when
 * it opens the buffer again.
 */
static void bj_mark_taken(struct journal_write *w)
{
	w->dirty = true;
	w->need_write = false;
}

static void bj_mark_durable(struct journal_write *w)
{
	smp_store_release(&w->dirty, false); /* pairs with bj_is_durable() */
}

static bool bj_is_durable(const struct journal_write *w)
{
	/* Pairs with bj_mark_durable(). */
	return !w->need_write && !smp_load_acquire(&w->dirty);
}

/* Was this the last jset that was taken? The buffers of a new journal may hold anything. */
static bool bj_is_last(const struct cache_set *c, const struct jset *data)
{
	return data->magic == (c->cache->sb.set_magic ^ JSET_MAGIC) &&
	       data->seq + 1 == c->journal.seq;
}

/*
 * Would a jset written now say nothing that the last one does not say?
 *
 * A flush promises that every write which completed before it is durable. A write
 * completes after bch_data_insert_keys() has appended its keys to a jset, and they were
 * appended after its data had reached the device. If the open jset has no keys, those of
 * all completed writes are in older jsets; if the last of these is on the disk, so are
 * the others, since one is written at a time. In request.c of 6.1, 6.12, 7.2 and 7.3:
 *
 * - a cached write (writeback, writethrough, a volume without a backing device) appends
 *   its keys in bch_data_insert_keys(), which runs when its data has been written. With
 *   writethrough, the data is on the backing device as well, which is flushed too;
 * - a bypassed write or a discard, and writethrough if there is no bucket, appends keys
 *   without pointers, which hide what the cache has, in bch_data_invalidate();
 *   bch_data_insert_error() does so for writethrough that failed on the cache device;
 * - a write with data and REQ_PREFLUSH or REQ_FUA waits for the jset of its own keys. It
 *   does not come here: the keys of all writes before it are in that jset or an older one;
 * - keys that are not journalled fill the cache on a miss, move data, or clean it after
 *   writeback: they promise nothing, and what they replace stays valid until its bucket
 *   is reused, after the next jset at the earliest.
 *
 * What differs in request.c, read line by line: from 6.1 to 6.12, the prototypes of closure
 * functions, writes that bypass a full cache of clean data wake garbage collection, and a
 * device without a set passes on a clone of the bio; from 6.12 to 7.2, a check of that clone
 * is gone; from 7.2 to 7.3, nothing. No change concerns keys, or the order of these steps.
 * Nor do those of movinggc.c and writeback.c.
 *
 * So no jset is needed, only what precedes it: a flush of the cache device. It is needed
 * although one preceded the last jset too. Since then, data may have been filled in or
 * moved that is still volatile. If the module is then detached, the stock driver writes
 * the nodes with those keys without a flush. The superblock may be volatile as well.
 *
 * Called with journal.lock held, by a caller that adds no keys.
 */
static bool bj_nothing_new(struct cache_set *c)
{
	struct journal *j = &c->journal;
	const struct journal_write *w = journal_written(j);
	struct jset now;

	if (j->cur->data->keys || j->cur->dirty || j->cur->need_write ||
	    !bj_is_durable(w) || !bj_is_last(c, w->data))
		return false;

	jset_fill(c, &now);
	return !memcmp(&now.uuid_bucket_pad, &w->data->uuid_bucket_pad,
		       sizeof(now) - offsetof(struct jset, uuid_bucket_pad));
}

/* The bios of cache_set.bio_split are each part of a struct bbio. */
static struct bbio *to_bbio(const struct bio *bio)
{
	return container_of(bio, struct bbio, bio);
}

static u32 now_us(void)
{
	return ktime_to_us(ktime_get());
}

/* If the device has no volatile cache, the block layer has removed REQ_PREFLUSH. */
static void bj_flush_done(struct cache_set *c, const struct bio *bio)
{
	int error = blk_status_to_errno(bio->bi_status);

	if (likely(!error))
		view_flush_done(c, now_us() - to_bbio(bio)->submit_time_us);
	else if (!test_bit(CACHE_SET_IO_DISABLE, &c->flags))
		journal_fail_set(
			c,
			"journal: the cache device could not be flushed (%d)",
			error);
}

/**
 * bj_request_endio - an I/O for a request has completed, or has failed
 * @bio: the I/O; bi_private is the closure of a struct search
 *
 * Stands in for request_endio, which passes an error on. Of the bios that end here, only
 * that of bj_flush() is a flush. If it fails, the device may have dropped data to which
 * keys of the open jset point, so that jset must not be written. Any context.
 */
__hook void bj_request_endio(struct bio *bio)
{
	struct search *s = container_of(bio->bi_private, struct search, cl);

	if (bio->bi_opf & REQ_PREFLUSH)
		bj_flush_done(s->iop.c, bio);
	stock_request_endio(bio);
}

/*
 * Flush the cache device for the closure of a struct search, while the caller goes on to
 * flush the backing device. The endio belongs to the stock driver, since it may run after
 * this module is gone; that one ignores the time.
 *
 * The bio comes from a pool whose bios wait for nothing but the cache device. Swap and the
 * file systems share that of bio_alloc(): if memory is short, its last bios may be waiting
 * in bcache for the very worker that would wait for one here.
 */
static void bj_flush(struct cache_set *c, struct closure *cl)
{
	struct bio *bio = bio_alloc_bioset(c->cache->bdev, 0,
					   REQ_OP_WRITE | REQ_PREFLUSH,
					   GFP_NOIO, &c->bio_split);

	bio->bi_end_io = request_endio;
	bio->bi_private = cl;
	closure_get(cl);
	to_bbio(bio)->submit_time_us = now_us();
	submit_bio(bio);
}

/**
 * bj_journal_meta - journal the root, uuid bucket and prio bucket
 * @c: the cache set
 * @cl: a closure that is put once they are on disk, or NULL not to wait
 *
 * Stands in for bch_journal_meta, which the stock driver also calls for a flush, with the
 * closure of a struct search. If a jset would say nothing new then, the cache device is
 * flushed instead. Process context, may sleep.
 */
__hook void bj_journal_meta(struct cache_set *c, struct closure *cl)
{
	struct journal *j = &c->journal;
	bool flush = false;
	atomic_t *pin;

	/* Pairs with bj_journal_next(). */
	if (cl && !object_is_on_stack(cl) && smp_load_acquire(&j->cur) &&
	    !test_bit(CACHE_SET_IO_DISABLE, &c->flags)) {
		spin_lock(&j->lock);
		flush = bj_nothing_new(c);
		spin_unlock(&j->lock);
	}
	if (flush) {
		bj_flush(c, cl);
		return;
	}

	pin = bj_journal(c, NULL, cl);
	if (pin)
		atomic_dec(pin);
}

/**
 * bj_journal_write_work - write a jset journal_delay_ms after its first key
 * @work: journal.work
 */
__hook void bj_journal_write_work(struct work_struct *work)
{
	struct cache_set *c = container_of(to_delayed_work(work),
					   struct cache_set, journal.work);

	spin_lock(&c->journal.lock);
	if (c->journal.cur->dirty)
		bj_journal_try_write(c);
	else
		spin_unlock(&c->journal.lock);
}

/**
 * bj_journal_try_write - write the open jset, now or after the one in flight
 * @c: the cache set
 *
 * Called with journal.lock held, releases it. Process context, may sleep.
 */
__hook void bj_journal_try_write(struct cache_set *c)
	__releases(c->journal.lock)
{
	struct journal *j = &c->journal;

	j->cur->need_write = true;

	if (j->io_in_flight) {
		spin_unlock(&j->lock);
		return;
	}

	j->io_in_flight = 1;
	closure_init(&j->io, &c->cl);
	bj_journal_write_unlocked(closure_arg(&j->io));
}

/*
 * bj_journal_write - closure function of journal.io: continue with the next jset
 *
 * Runs from bch_journal_wq, with the right to write. If nodes are due, writes them while
 * the jset is being written; then it needs the set longer than it has the right.
 */
__hook CLOSURE_CALLBACK(bj_journal_write)
{
	closure_type(c, struct cache_set, journal.io);
	bool due;

	spin_lock(&c->journal.lock);
	due = journal_nodes_are_due(c);
	if (due)
		closure_get(&c->cl);
	bj_journal_write_unlocked(closure_arg(cl));
	if (due) {
		journal_write_nodes(c);
		closure_put(&c->cl);
	}
}

/*
 * Abandon the open jset: it will not be written, and its waiters get an error. Drops
 * journal.lock and takes it again.
 */
static void bj_drop_jset(struct cache_set *c, struct journal_write *w)
	__must_hold(&c->journal.lock)
{
	struct closure_waitlist wait = { w->wait.list };
	struct journal *j = &c->journal;

	init_llist_head(&w->wait.list);
	w->need_write = false;
	w->dirty = false;
	spin_unlock(&j->lock);
	journal_wake(&wait, true);
	spin_lock(&j->lock);
	__closure_wake_up(&j->wait);
}

/*
 * Take the open jset for writing, and open the next one. Sets *@sector to its place on
 * the disk and returns its length in sectors. Called with journal.lock held.
 */
static unsigned int bj_take_jset(struct cache_set *c, struct jset *data,
				 sector_t *sector)
{
	struct journal *j = &c->journal;
	struct cache *ca = c->cache;
	struct journal_device *ja = &ca->journal;
	struct bkey *k = journal_key(j);
	unsigned int sectors;

	jset_fill(c, data);
	bj_mark_taken(j->cur);

	sectors = jset_sectors(c, data->keys);
	*sector = ptr_offset(k, 0);
	j->blocks_free -= sectors / ca->sb.block_size;
	k->ptr[0] = ptr_make(ptr_gen(k, 0), *sector + sectors, ptr_dev(k, 0));
	ja->seq[ja->cur_idx] = data->seq;
	atomic_long_add(sectors, &ca->meta_sectors_written);

	atomic_dec(pin_back(j));
	bj_journal_next(j);
	bj_journal_reclaim(c);
	__closure_wake_up(&j->wait); /* the new jset is empty */
	return sectors;
}

/* Delay before a write is tried again when the journal is full. */
#define FULL_BACKOFF_US 100

/*
 * bj_journal_write_unlocked - write the open jset if a write was requested
 *
 * Closure function of journal.io, with the right to write. Called with journal.lock
 * held, releases it. Process context. If the journal is full, makes room and tries
 * again through journal_write.
 */
__hook CLOSURE_CALLBACK(bj_journal_write_unlocked) __releases(c->journal.lock)
{
	closure_type(c, struct cache_set, journal.io);
	struct journal *j = &c->journal;
	struct journal_write *w = j->cur;
	struct jset *data = w->data;
	unsigned int sectors;
	sector_t sector;

	/* With I/O disabled, nothing is written and no room can be made. */
	if (unlikely(test_bit(CACHE_SET_IO_DISABLE, &c->flags)) &&
	    journal_full(j))
		bj_drop_jset(c, w);

	if (!w->need_write) {
		closure_return_with_destructor(cl, journal_write_unlock);
		__release(&j->lock); /* released by journal_write_unlock */
		return;
	}

	if (journal_full(j)) {
		bool still_full;

		bj_journal_reclaim(c);
		still_full = journal_full(j);
		spin_unlock(&j->lock);

		bj_btree_flush_write(c);
		/* The pins are dropped once the nodes are on disk: do not spin. */
		if (still_full)
			fsleep(FULL_BACKOFF_US);
		continue_at(cl, journal_write, bch_journal_wq);
		return;
	}

	sectors = bj_take_jset(c, data, &sector);
	spin_unlock(&j->lock);

	/*
	 * This buffer has no other user until the write has ended: the open jset is
	 * in the other one, and this task has the right to write.
	 */
	memset((void *)data + jset_bytes(data->keys), 0,
	       ((size_t)sectors << SECTOR_SHIFT) - jset_bytes(data->keys));
	data->csum = jset_csum(data);

	closure_get(cl);
	journal_submit(w, sector, sectors);

	continue_at(cl, journal_write_done, NULL);
}

/*
 * bj_journal_write_done - wake the waiters on the jset just written
 *
 * Closure function of journal.io, in the context of the last closure_put():
 * hard IRQ, softirq or process.
 */
__hook CLOSURE_CALLBACK(bj_journal_write_done)
{
	closure_type(j, struct journal, io);
	struct cache_set *c = container_of(j, struct cache_set, journal);
	bool failed = c->cache->journal.bio.bi_status;

	/* The stock endio may have run: it ignores errors of a set that is stopping. */
	if (failed)
		set_bit(CACHE_SET_IO_DISABLE, &c->flags);
	else
		bj_mark_durable(journal_written(j));
	journal_wake(&journal_written(j)->wait, failed);

	/*
	 * Usually nothing else is to be written yet. Then no worker is needed to give up
	 * the right to write, and the next writer need not wait for one. This may be an
	 * interrupt of a task that holds the lock; without SMP, a trylock can't tell. If
	 * the set is being shut down, the worker wakes those who wait for room.
	 */
	if (IS_ENABLED(CONFIG_SMP) &&
	    !test_bit(CACHE_SET_IO_DISABLE, &c->flags) &&
	    spin_trylock(&j->lock)) {
		if (!j->cur->need_write && (!journal_nodes_are_due(c) ||
					    READ_ONCE(j->btree_flushing))) {
			closure_return_with_destructor(cl,
						       journal_write_unlock);
			__release(&j->lock); /* by journal_write_unlock */
			return;
		}
		spin_unlock(&j->lock);
	}
	continue_at(cl, journal_write, bch_journal_wq);
}

/*
 * bj_journal_write_unlock - release the right to write
 *
 * Destructor of journal.io; releases journal.lock.
 */
__hook CLOSURE_CALLBACK(bj_journal_write_unlock) __releases(&c->journal.lock)
{
	closure_type(c, struct cache_set, journal.io);

	c->journal.io_in_flight = 0;
	spin_unlock(&c->journal.lock);
}
