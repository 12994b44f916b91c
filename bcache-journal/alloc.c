// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: buckets for a set that is going down
 *
 * When a set fails, be it that its registration is refused late, bch_bucket_alloc()
 * has no bucket any more: it returns -1 at once. Its allocator thread may be in
 * bch_prio_write() just then, between two of the buckets it needs, and has checked
 * before that they are there: BUG_ON(bucket == -1), with bucket_lock held, and the
 * devices stay busy until the machine is reset. This is stock's race; it is cured
 * here because refusals are what this module is for.
 */

#include <linux/delay.h>

#include "../attach/attach.h"
#include "journal.h"

OUTRIGGER_STOCK_BODY(bcache, bch_bucket_alloc);

/**
 * bj_bucket_alloc - allocate a bucket: stands in for bch_bucket_alloc
 * @ca: the cache
 * @reserve: which reserve may be used
 * @wait: sleep until there is one
 *
 * Called with bucket_lock held, which is dropped while it waits. On a set that is
 * going down bch_prio_write() gets the first journal bucket, with the pin that it
 * will drop again. It is not written: with I/O disabled no bio is submitted, and
 * the set does not come back from that. Without STOPPING, root may have disabled
 * the I/O and may enable it again (io_disable in sysfs): that keeps stock's answer.
 *
 * Return: the bucket, with a pin, or -1.
 */
long bj_bucket_alloc(struct cache *ca, unsigned int reserve, bool wait)
{
	long bucket = stock_bch_bucket_alloc(ca, reserve, wait);
	unsigned long *flags = &ca->set->flags;
	unsigned int ms;

	if (likely(bucket != -1) || reserve != RESERVE_PRIO ||
	    !test_bit(CACHE_SET_IO_DISABLE, flags))
		return bucket;

	/* bch_cache_set_error() sets the one, and then the other. */
	for (ms = 0; ms < 100 && !test_bit(CACHE_SET_STOPPING, flags); ms++)
		fsleep(1000);
	if (!test_bit(CACHE_SET_STOPPING, flags))
		return -1;

	set_bit(CACHE_SET_IO_DISABLE, flags);
	bucket = ca->sb.first_bucket;
	atomic_inc(&ca->buckets[bucket].pin);
	return bucket;
}
