/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: tracepoints
 *
 * This module's tracepoints (system bcache_journal), and a way to fire the stock
 * driver's.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM bcache_journal

#if !defined(BCACHE_JOURNAL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BCACHE_JOURNAL_TRACE_H

#include <linux/tracepoint.h>

#include "journal.h"

/* A jset is submitted. */
TRACE_EVENT(bj_write,
	TP_PROTO(const struct cache_set *c, const struct jset *j, u64 sector,
		 unsigned int sectors),
	TP_ARGS(c, j, sector, sectors),
	TP_STRUCT__entry(
		__array(u8, uuid, 16)
		__field(u64, seq)
		__field(u64, last_seq)
		__field(u64, sector)
		__field(unsigned int, sectors)
		__field(unsigned int, keys)
	),
	TP_fast_assign(
		memcpy(__entry->uuid, c->set_uuid, 16);
		__entry->seq = j->seq;
		__entry->last_seq = j->last_seq;
		__entry->sector = sector;
		__entry->sectors = sectors;
		__entry->keys = j->keys;
	),
	TP_printk("%pU seq %llu last_seq %llu sector %llu + %u, %u words of keys",
		  __entry->uuid, __entry->seq, __entry->last_seq,
		  __entry->sector, __entry->sectors, __entry->keys)
);

/* The write of a jset has completed, or has failed with error. */
TRACE_EVENT(bj_write_done,
	TP_PROTO(const struct cache_set *c, u64 seq, int error),
	TP_ARGS(c, seq, error),
	TP_STRUCT__entry(
		__array(u8, uuid, 16)
		__field(u64, seq)
		__field(int, error)
	),
	TP_fast_assign(
		memcpy(__entry->uuid, c->set_uuid, 16);
		__entry->seq = seq;
		__entry->error = error;
	),
	TP_printk("%pU seq %llu error %d", __entry->uuid, __entry->seq,
		  __entry->error)
);

/* Writing continues in the next bucket of the ring. */
TRACE_EVENT(bj_bucket,
	TP_PROTO(const struct cache_set *c, unsigned int bucket, u64 last_seq),
	TP_ARGS(c, bucket, last_seq),
	TP_STRUCT__entry(
		__array(u8, uuid, 16)
		__field(unsigned int, bucket)
		__field(u64, last_seq)
	),
	TP_fast_assign(
		memcpy(__entry->uuid, c->set_uuid, 16);
		__entry->bucket = bucket;
		__entry->last_seq = last_seq;
	),
	TP_printk("%pU bucket %u last_seq %llu", __entry->uuid,
		  __entry->bucket, __entry->last_seq)
);

/* Btree nodes that hold the oldest entries were written. */
TRACE_EVENT(bj_flush,
	TP_PROTO(const struct cache_set *c, unsigned int nodes),
	TP_ARGS(c, nodes),
	TP_STRUCT__entry(
		__array(u8, uuid, 16)
		__field(unsigned int, nodes)
	),
	TP_fast_assign(
		memcpy(__entry->uuid, c->set_uuid, 16);
		__entry->nodes = nodes;
	),
	TP_printk("%pU %u nodes", __entry->uuid, __entry->nodes)
);

/* A caller no longer waits for room in the journal. */
TRACE_EVENT(bj_full,
	TP_PROTO(const struct cache_set *c, u64 first, u64 last,
		 unsigned int blocks, unsigned int ms),
	TP_ARGS(c, first, last, blocks, ms),
	TP_STRUCT__entry(
		__array(u8, uuid, 16)
		__field(u64, first)
		__field(u64, last)
		__field(unsigned int, blocks)
		__field(unsigned int, ms)
	),
	TP_fast_assign(
		memcpy(__entry->uuid, c->set_uuid, 16);
		__entry->first = first;
		__entry->last = last;
		__entry->blocks = blocks;
		__entry->ms = ms;
	),
	TP_printk("%pU %u ms, now seq %llu-%llu are in use and %u blocks free",
		  __entry->uuid, __entry->ms, __entry->first, __entry->last,
		  __entry->blocks)
);

/* The keys of a jset have been inserted again, except superseded ones. */
TRACE_EVENT(bj_replay,
	TP_PROTO(const struct cache_set *c, u64 seq, unsigned int keys),
	TP_ARGS(c, seq, keys),
	TP_STRUCT__entry(
		__array(u8, uuid, 16)
		__field(u64, seq)
		__field(unsigned int, keys)
	),
	TP_fast_assign(
		memcpy(__entry->uuid, c->set_uuid, 16);
		__entry->seq = seq;
		__entry->keys = keys;
	),
	TP_printk("%pU seq %llu, %u keys", __entry->uuid, __entry->seq,
		  __entry->keys)
);

#ifndef BCACHE_JOURNAL_STOCK_TRACE
#define BCACHE_JOURNAL_STOCK_TRACE

#include "../attach/compat.h"

/*
 * The stock driver's tracepoints keep firing, for scripts that use them. trace_xxx()
 * would put a jump label of this module on a key of the stock driver, which livepatch
 * cannot relocate; so read the key and call the iterator directly.
 */
#define STOCK_TRACE(event, proto, args...)				\
static inline void stock_trace_##event(proto)				\
{									\
	if (static_key_enabled(&__tracepoint_bcache_##event.key))	\
		OUTRIGGER_CALL_PROBES(					\
			__traceiter_bcache_##event(NULL, args));	\
}

STOCK_TRACE(journal_replay_key, struct bkey *k, k)
STOCK_TRACE(journal_full, struct cache_set *c, c)
STOCK_TRACE(btree_write, struct btree *b, b)
STOCK_TRACE(journal_entry_full, struct cache_set *c, c)

#define BIO_AND_KEYS struct bio *bio, u32 keys
STOCK_TRACE(journal_write, BIO_AND_KEYS, bio, keys)
#undef BIO_AND_KEYS

#endif

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
