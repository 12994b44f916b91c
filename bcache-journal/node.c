// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: data before the nodes that point to it
 *
 * A key is inserted into its btree node as soon as bch_journal() returns, which is before
 * its jset is written unless the caller asked for a flush. The data is then in the cache
 * device, but perhaps only in its volatile write cache. The flush before the jset makes
 * it durable, but the node may be written earlier: when a bset is full, when a node is
 * split, or to release an old journal entry.
 *
 * The stock driver writes nodes with FUA alone. If the power fails between such a write
 * and the next flush, the node points to data that is lost, and if the key has replaced
 * that of acknowledged data, the acknowledged data is lost too. So here a flush precedes
 * the write of each node, as it precedes each jset.
 */

/**
 * DOC: a node that can't be written
 *
 * The stock driver counts the error, shuts the set down after some of them, and releases
 * the pins of the node all the same. The journal then gives up the only copy of the keys.
 * Even if the node itself reaches the disk later, the flush that failed with it may have
 * dropped data that other keys point to. So here the first error shuts the set down,
 * before the pins are released: no jset is written after that, and recovery finds all
 * that was acknowledged.
 */

/**
 * DOC: the checksum of a node
 *
 * On 6.1 and 6.12, the stock driver computes it with a crc64_be() that takes a byte at a
 * time: 0.7 ms for a node of 256 KiB, with the node locked and without a chance to preempt
 * it. Livepatch can't replace crc64_be() itself, because the kernel builds lib/ without
 * ftrace sites. So this module replaces the function that writes a node: the compiler
 * inlines the computation of the checksum into it.
 */

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/mm.h>
#include <linux/semaphore.h>

#include "journal.h"
#include "trace.h"

OUTRIGGER_STOCK_BODY(bcache, btree_node_write_endio);

/* The seed is the first pointer, so that the contents of another node do not match. */
static u64 bset_csum(const struct btree *b, const struct bset *i)
{
	const struct bkey *key = (const struct bkey *)b->key_pad;
	const void *end = (const u64 *)(i + 1) + i->keys;

	return ~bj_crc64(key->ptr[0], &i->magic, end - (const void *)&i->magic);
}

/*
 * May the newest bset be written behind the others? Otherwise it would overwrite one, or be
 * ignored when the node is read. The stock driver has a BUG_ON() for each of these.
 */
static bool bset_fits(const struct btree *b, const struct bset *i)
{
	const struct bkey *key = (const struct bkey *)b->key_pad;
	unsigned int blocks = key_size(key) >> b->c->block_bits;

	return b->written < blocks && i->seq == b->keys.set[0].data->seq &&
	       (i->keys || !b->written);
}

static u64 node_bucket(const struct btree *b)
{
	return ptr_offset((const struct bkey *)b->key_pad, 0) >>
	       b->c->bucket_bits;
}

/**
 * bj_btree_node_write_endio - a node write has completed, or has failed
 * @bio: the write; bi_private is the closure of the node's I/O
 *
 * Stands in for btree_node_write_endio. Hard IRQ or softirq context.
 */
__hook void bj_btree_node_write_endio(struct bio *bio)
{
	const struct btree *b = container_of(bio->bi_private, struct btree, io);
	int error = blk_status_to_errno(bio->bi_status);

	if (error && !test_bit(CACHE_SET_IO_DISABLE, &b->c->flags))
		journal_fail_set(
			b->c,
			"btree: the node in bucket %llu could not be written (%d): its keys are still in the journal",
			node_bucket(b), error);
	stock_btree_node_write_endio(bio);
}

/* Add copies of the pages to the bio, so that the node can change while it is written. */
static bool copy_pages(struct bio *bio, void *data)
{
	struct bvec_iter_all iter;
	struct bio_vec *bv;

	bch_bio_map(bio, data);
	if (bch_bio_alloc_pages(bio, GFP_NOWAIT | __GFP_NOWARN)) {
		bio->bi_vcnt = 0;
		return false;
	}

	data = PTR_ALIGN_DOWN(data, PAGE_SIZE);
	bio_for_each_segment_all(bv, bio, iter) {
		memcpy(page_address(bv->bv_page), data, PAGE_SIZE);
		data += PAGE_SIZE;
	}
	return true;
}

/**
 * bj_btree_node_write - write the newest bset: stands in for __bch_btree_node_write
 * @b: a dirty node with room for its newest bset, which has keys or is its first
 * @parent: waits for the write, or NULL
 *
 * Called with b->write_lock held. Process context; waits for the write before this one,
 * and, if there is no memory for a copy, for this one.
 */
__hook void bj_btree_node_write(struct btree *b, struct closure *parent)
{
	struct cache_set *c = b->c;
	struct bset *i = b->keys.set[b->keys.nsets].data;
	size_t at = (void *)i - (void *)b->keys.set[0].data;
	unsigned int blocks = DIV_ROUND_UP(sizeof(*i) + i->keys * sizeof(u64),
					   SECTOR_SIZE << c->block_bits);
	size_t sectors = (size_t)blocks << c->block_bits;
	u64 key_pad[ARRAY_SIZE(b->key_pad)];
	struct bkey *key = (struct bkey *)key_pad;
	struct bio *bio;

	/* The bio then fails, and nothing is written. */
	if (WARN_ON_ONCE(!bset_fits(b, i)))
		journal_fail_set(
			c, "btree: bset %u of bucket %llu can't be written",
			b->keys.nsets, node_bucket(b));

	stock_trace_btree_write(b);
	cancel_delayed_work(&b->work);

	down(&b->io_mutex);
	closure_init(&b->io, parent ?: &c->cl);

	clear_bit(BTREE_NODE_dirty, &b->flags);
	change_bit(BTREE_NODE_write_idx, &b->flags);

	i->version = BCACHE_BSET_VERSION;
	i->csum = bset_csum(b, i);

	bio = bch_bbio_alloc(c);
	bio->bi_opf = REQ_OP_WRITE | REQ_META | REQ_PREFLUSH | REQ_FUA;
	bio->bi_iter.bi_size = sectors << SECTOR_SHIFT;
	bio->bi_end_io = btree_node_write_endio;
	bio->bi_private = &b->io;
	b->bio = bio;

	memcpy(key_pad, b->key_pad, sizeof(key_pad));
	key->ptr[0] += ptr_make(0, at >> SECTOR_SHIFT, 0);

	if (copy_pages(bio, i)) {
		bch_submit_bbio(bio, c, key, 0);
		continue_at(&b->io, btree_node_write_done, NULL);
	} else {
		bch_bio_map(bio, i);
		bch_submit_bbio(bio, c, key, 0);
		closure_sync(&b->io);
		continue_at(&b->io, __btree_node_write_done, NULL);
	}

	atomic_long_add(sectors, &c->cache->btree_sectors_written);
	b->written += blocks;
}
