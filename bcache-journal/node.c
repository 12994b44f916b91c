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

#include <linux/bio.h>

#include "journal.h"

/* The operation of btree node writes, and of no other write of bcache. */
#define NODE_WRITE (REQ_OP_WRITE | REQ_META | REQ_FUA)

OUTRIGGER_STOCK_BODY(bcache, bch_bio_map);

/**
 * bj_bio_map - add the pages of a buffer to a bio: stands in for bch_bio_map
 * @bio: a bio without pages, with its size and operation set
 * @base: the buffer, or NULL to leave the pages to the caller
 *
 * do_btree_node_write() calls this after setting the operation and before submitting the
 * bio: the one place where a flush can be added to every write of a node. Any context.
 */
__hook void bj_bio_map(struct bio *bio, void *base)
{
	if (bio->bi_opf == NODE_WRITE)
		bio->bi_opf |= REQ_PREFLUSH;
	stock_bch_bio_map(bio, base);
}
