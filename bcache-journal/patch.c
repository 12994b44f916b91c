// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: replaced functions of the stock driver
 *
 * The functions of bcache that livepatch redirects to this module, and the
 * functions that ../attach/attach.c calls after attaching and when detaching.
 */

#include <linux/livepatch.h>
#include <linux/module.h>

#include "journal.h"

struct klp_func outrigger_hooks[] = {
	OUTRIGGER_HOOK(bch_journal, bj_journal),
	OUTRIGGER_HOOK(bch_journal_meta, bj_journal_meta),
	OUTRIGGER_HOOK(bch_journal_read, bj_journal_read),
	OUTRIGGER_HOOK(bch_journal_mark, bj_journal_mark),
	OUTRIGGER_HOOK(bch_journal_replay, bj_journal_replay),
	OUTRIGGER_HOOK(bch_journal_next, bj_journal_next),
	OUTRIGGER_HOOK(bch_journal_alloc, bj_journal_alloc),
	OUTRIGGER_HOOK(bch_journal_free, bj_journal_free),
	OUTRIGGER_HOOK(bch_journal_space_reserve, bj_journal_space_reserve),
	OUTRIGGER_HOOK(__bch_btree_node_write, bj_btree_node_write),
	OUTRIGGER_HOOK(btree_node_write_endio, bj_btree_node_write_endio),
	OUTRIGGER_HOOK(request_endio, bj_request_endio),
	OUTRIGGER_HOOK(cached_dev_cache_miss, bj_cache_miss),
	OUTRIGGER_HOOK(bch_bucket_alloc, bj_bucket_alloc),
	OUTRIGGER_HOOK(bch_prio_write, bj_prio_write),
	OUTRIGGER_HOOK(btree_flush_write, bj_btree_flush_write),
	OUTRIGGER_HOOK(journal_reclaim, bj_journal_reclaim),
	OUTRIGGER_HOOK(journal_write, bj_journal_write),
	OUTRIGGER_HOOK(journal_write_done, bj_journal_write_done),
	OUTRIGGER_HOOK(journal_write_endio, bj_journal_write_endio),
	OUTRIGGER_HOOK(journal_write_unlock, bj_journal_write_unlock),
	OUTRIGGER_HOOK(journal_write_unlocked, bj_journal_write_unlocked),
	OUTRIGGER_HOOK(journal_write_work, bj_journal_write_work),
	OUTRIGGER_HOOK(bch_btree_check_thread, bj_btree_check_thread),
	OUTRIGGER_HOOK(bch_dirty_init_thread, bj_dirty_init_thread),
#ifdef HAVE_HOOK_JOURNAL_TRY_WRITE
	OUTRIGGER_HOOK(journal_try_write, bj_journal_try_write),
#endif
#ifdef HAVE_HOOK_JOURNAL_DISCARD_WORK
	OUTRIGGER_HOOK(journal_discard_endio, bj_journal_discard_endio),
	OUTRIGGER_HOOK(journal_discard_work, bj_journal_discard_work),
#endif
	{}
};

static_assert(ARRAY_SIZE(outrigger_hooks) == OUTRIGGER_NR_PLACES + 1,
	      "bcache.want and the table of hooks disagree");

const struct outrigger outrigger = {
	.start = views_start,
	.stop = views_stop,
};
