/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: bcache-journal
 *
 * The journal of bcache, on the stock driver's own structures. The files, in the
 * order in which a jset passes through them:
 *
 *   journal.c  allocates and frees a journal; opens a jset and takes its pin
 *   commit.c   collects keys in the open jset and takes it for writing
 *   room.c     decides which callers may use a journal that is nearly full
 *   reclaim.c  releases unused pins, then buckets; writes btree nodes to free pins
 *   discard.c  discards free buckets, where the stock driver does
 *   csum.c     computes its checksum with crc64.c, where the kernel's is slow
 *   write.c    writes a jset, and retries a write that failed
 *   node.c     writes a btree node, after the data that its keys point to
 *   prios.c    writes priorities, and keeps those of a jset from getting ahead of its root
 *
 * and at registration:
 *
 *   scan.c     reads the ring of buckets and collects the jsets
 *   ahead.c    chooses which parts of the ring to read together
 *   ring.c     judges what the ring holds
 *   explain.c  says it in words
 *   accept.c   remembers which set may lose entries
 *   replay.c   marks the keys for gc and inserts them again
 *   threads.c  keeps threads from using the registering task's stack once it has returned
 *   progress.c shows how far recovery is
 *
 * view.c exposes each set through sysfs.c and debugfs.c, which access the set through
 * set.c. trace.c has the tracepoints, patch.c the table of replaced functions; fasten.c
 * loads and unloads the module. ondisk.c is the only validator of entries from a disk.
 *
 * The stock driver and this module may take turns at any moment: during a livepatch
 * transition some tasks run the stock functions and some run the functions of this
 * module, on the same journal. So whenever a lock is released, the journal must be in
 * a state in which the stock driver could have left it. Every function pointer that
 * outlives a call points to a stock function, which livepatch redirects to this module
 * while it is attached. Exclusion uses the stock driver's own tokens:
 *
 *   journal.lock                  the open jset, the pins (not their counts), indices
 *   journal.io, io_in_flight      the right to write the open jset; the cache's bio
 *   btree_flushing                the right to look for nodes to write
 *   BTREE_NODE_journal_flush      set on a node that is about to be written to free a
 *                                 pin; the node is not freed until it is cleared
 *   discard_in_flight             the right to use discard_bio
 */
#ifndef BCACHE_JOURNAL_H
#define BCACHE_JOURNAL_H

#include <linux/crc64.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../attach/attach.h"
#include "ondisk.h"
#include "target.h"
#include "closure.h"
#include "latency.h"

/*
 * Closure debugging adds work to inline functions that closure.h does not have. Lock
 * debugging is supported: no lock or work item of the stock driver is initialised with a
 * lock class of this module, since the pointer to it would outlive the module.
 */
#if defined(CONFIG_BCACHE_CLOSURES_DEBUG) || defined(CONFIG_DEBUG_CLOSURES)
#error "kernels with closure debugging are not supported"
#endif

#define JSET_BYTES (PAGE_SIZE << JSET_BITS)

/* Messages name the set first. */
#define bj_err(c, fmt, ...) pr_err("%pU: " fmt, (c)->set_uuid, ##__VA_ARGS__)
#define bj_warn(c, fmt, ...) pr_warn("%pU: " fmt, (c)->set_uuid, ##__VA_ARGS__)
#define bj_info(c, fmt, ...) pr_info("%pU: " fmt, (c)->set_uuid, ##__VA_ARGS__)

/*
 * The fifo of pins: data[front] belongs to the oldest jset that is still needed,
 * data[back - 1] to the open one. A pin's count is decremented without a lock;
 * journal.lock protects everything else. There are mask + 1 slots, of which at most
 * size are in use.
 */
static inline size_t pin_used(const struct journal *j)
{
	return (j->pin.back - j->pin.front) & j->pin.mask;
}

static inline size_t pin_free(const struct journal *j)
{
	return j->pin.size - pin_used(j);
}

static inline atomic_t *pin_front(const struct journal *j)
{
	return &j->pin.data[j->pin.front];
}

static inline atomic_t *pin_back(const struct journal *j)
{
	return &j->pin.data[(j->pin.back - 1) & j->pin.mask];
}

/* The oldest entry that recovery would need now. */
static inline u64 journal_last_seq(const struct journal *j)
{
	return j->seq - pin_used(j) + 1;
}

/* No room for a jset, or no pin for the one after it. */
static inline bool journal_full(const struct journal *j)
{
	return !j->blocks_free || pin_free(j) <= 1;
}

/* The jset buffer that is not open: it is being written, or was the last one written. */
static inline struct journal_write *journal_written(struct journal *j)
{
	return j->cur == &j->w[0] ? &j->w[1] : &j->w[0];
}

static inline struct bkey *journal_key(struct journal *j)
{
	return (struct bkey *)j->key_pad;
}

static inline sector_t bucket_to_sector(const struct cache_set *c, u64 bucket)
{
	return (sector_t)bucket << c->bucket_bits;
}

/* Number of buckets in one of the allocator's reserves. */
static inline size_t reserve_used(const struct cache *ca,
				  enum alloc_reserve reserve)
{
	const typeof(ca->free[0]) *stock = &ca->free[reserve];

	return (READ_ONCE(stock->back) - READ_ONCE(stock->front)) & stock->mask;
}

static inline unsigned int next_bucket(const struct cache *ca, unsigned int i)
{
	return (i + 1) % ca->sb.njournal_buckets;
}

static inline struct jset_geom cache_geom(const struct cache *ca)
{
	return (struct jset_geom){
		.magic = ca->sb.set_magic ^ JSET_MAGIC,
		.block_bytes = (u32)ca->sb.block_size << SECTOR_SHIFT,
		.bucket_sectors = ca->sb.bucket_size,
		.bucket_bits = ca->set->bucket_bits,
		.first_bucket = ca->sb.first_bucket,
		.nbuckets = ca->sb.nbuckets,
		.max_bytes = JSET_BYTES,
		.nr_inodes = ca->set->nr_uuids,
		.max_open = ca->set->journal.pin.size,
	};
}

/*
 * Does the superblock say that journal buckets may have been discarded? If so, the
 * oldest entries may be gone before an entry whose last_seq reflects this is on disk.
 * The flag stays in the superblock on kernels that no longer discard.
 */
static inline bool superblock_discards(const struct cache_set *c)
{
	return c->cache->sb.flags & BIT_ULL(CACHE_DISCARD);
}

static inline unsigned int bucket_blocks(const struct cache_set *c)
{
	return c->cache->sb.bucket_size >> c->block_bits;
}

/* On-disk length of a jset with @keys u64s of keys. */
static inline unsigned int jset_sectors(const struct cache_set *c, u32 keys)
{
	const struct jset_geom g = cache_geom(c->cache);

	return jset_blocks(keys, &g) * c->cache->sb.block_size;
}

/*
 * A bit of cache_set.flags that the stock driver does not use: prios.c is writing new
 * priorities, and jsets keep the previous ones.
 */
#define PRIOS_AHEAD (BITS_PER_LONG - 1)

/*
 * The first bucket of the priorities that a jset has. Called with journal.lock held. A
 * new set has no previous priorities.
 */
static inline u64 prios_of_jset(const struct cache_set *c)
{
	const struct cache *ca = c->cache;

	if (test_bit(PRIOS_AHEAD, &c->flags) && ca->prio_last_buckets[0])
		return ca->prio_last_buckets[0];
	return ca->prio_buckets[0];
}

/* csum.c */
#ifdef CONFIG_CRC64_ARCH
#define csum_init()
#define bj_crc64 crc64_be
#else
void csum_init(void);
u64 bj_crc64(u64 crc, const void *data, size_t bytes);
#endif

/* journal.c */
u64 jset_csum(const struct jset *j);
int bj_journal_alloc(struct cache_set *c);
void bj_journal_next(struct journal *j);
void bj_journal_free(struct cache_set *c);
long bj_bucket_alloc(struct cache *ca, unsigned int reserve, bool wait);

/* room.c */
/* Resources that a caller of bch_journal() holds while it waits for room. */
enum holds {
	HOLDS_NOTHING, /* appends keys, or flushes */
	HOLDS_ROOT, /* the lock of the root: bch_btree_set_root() */
	HOLDS_BUCKETS, /* buckets or a lock that other callers need */
};

/* A caller of bch_journal() that waits for room. */
struct room_wait {
	size_t nkeys; /* u64s */
	enum holds holds;
	unsigned long began; /* jiffies */
	unsigned long changed; /* jiffies when @oldest last changed */
	u64 oldest; /* last_seq of the journal at that time */
	bool stalled; /* has had to wait */
	u32 counted; /* by view_wait_begin() */
	bool told; /* counted as stuck */
};

void room_wait_begin(struct room_wait *r, const struct cache_set *c,
		     size_t nkeys, const struct closure *parent);
void room_stalls(struct room_wait *r, const struct cache_set *c);
void room_wait_end(const struct room_wait *r, const struct cache_set *c);
bool room_fits(struct cache_set *c, size_t nkeys);
bool room_is_there(struct cache_set *c, const struct room_wait *r);
bool room_may_defer(struct cache_set *c);
bool room_is_stuck(struct cache_set *c, struct room_wait *r)
	__must_hold(&c->journal.lock);
bool room_is_for_pins(struct cache_set *c);
void room_from_reserve(struct cache_set *c, const struct room_wait *r);
void room_sleep(struct journal *j, struct closure *cl);
int bj_cache_miss(struct btree *b, struct search *s, struct bio *bio,
		  unsigned int sectors);

/* commit.c */
atomic_t *bj_journal(struct cache_set *c, struct keylist *keys,
		     struct closure *parent);
void bj_request_endio(struct bio *bio);
void bj_journal_meta(struct cache_set *c, struct closure *cl);
CLOSURE_CALLBACK(bj_journal_write);
CLOSURE_CALLBACK(bj_journal_write_unlocked) __releases(journal.lock);
CLOSURE_CALLBACK(bj_journal_write_unlock);
CLOSURE_CALLBACK(bj_journal_write_done);
void bj_journal_write_work(struct work_struct *work);
void bj_journal_try_write(struct cache_set *c) __releases(journal.lock);

/* write.c */
void journal_retries_init(void);
void journal_retries_exit(void);
void journal_retry_forget(const struct cache_set *c);
void journal_fail_waiter(struct closure *cl);
void journal_wake(struct closure_waitlist *wait, bool failed);
void journal_submit(struct journal_write *w, sector_t sector,
		    unsigned int sectors);
void bj_journal_write_endio(struct bio *bio);

/* node.c */
void bj_btree_node_write(struct btree *b, struct closure *parent);
void bj_btree_node_write_endio(struct bio *bio);

/* prios.c */
int bj_prio_write(struct cache *ca, bool wait);

/* reclaim.c */
/* With fewer blocks left, the ring is tight: room.c has to choose among callers. */
#define TIGHT_BLOCKS 16
/* With fewer, new roots may need all of them. */
#define LAST_BLOCKS (TIGHT_BLOCKS / 2)

void bj_journal_space_reserve(struct journal *j);
bool journal_is_short(const struct cache_set *c, unsigned int blocks);
bool journal_nodes_are_due(const struct cache_set *c);
void journal_take_reserve(struct cache_set *c);
void journal_give_up_bucket(struct cache_set *c);
void journal_resume(struct cache_set *c, const struct jset *newest,
		    unsigned int end);
void bj_journal_reclaim(struct cache_set *c);
void bj_btree_flush_write(struct cache_set *c);
void journal_write_nodes(struct cache_set *c);

/* discard.c */
void journal_discard(struct cache *ca, bool tight);
bool journal_discards(const struct cache *ca);
unsigned int journal_tail(const struct cache *ca);
unsigned int journal_free_buckets(const struct cache_set *c, unsigned int kept);
#ifdef HAVE_HOOK_JOURNAL_DISCARD_WORK
void bj_journal_discard_endio(struct bio *bio);
void bj_journal_discard_work(struct work_struct *work);
#endif

/* accept.c */
bool take_acceptance(const struct cache_set *c);
void journal_judged(const struct cache_set *c, bool lossy);
bool journal_is_judged(const struct cache_set *c, bool *lossy);
void journal_forget(const struct cache_set *c);

/* progress.c */
enum recovery_phase {
	RECOVERY_HEADS, /* scan: find the newest jset */
	RECOVERY_ENTRIES, /* scan: read the jsets */
	RECOVERY_MARK,
	RECOVERY_REPLAY,
	RECOVERY_PHASES
};

void progress_begin(const struct cache_set *c, enum recovery_phase phase,
		    u64 total);
void progress_made(const struct cache_set *c, u64 done);
void progress_end(bool complete);

/* scan.c */
int bj_journal_read(struct cache_set *c, struct list_head *list);

/* replay.c */
void bj_journal_mark(struct cache_set *c, struct list_head *list);
int bj_journal_replay(struct cache_set *c, struct list_head *list);

/* threads.c */
int bj_btree_check_thread(void *arg);
int bj_dirty_init_thread(void *arg);

/* set.c */
void sets_show(bool show);
bool sets_are_shown(void);
int set_get(struct cache_set *c);
void set_put(void);

/* view.c */
enum journal_health { JOURNAL_STUCK, JOURNAL_RETRYING, JOURNAL_FAILED };

struct set_view {
	struct kobject kobj; /* /sys/fs/bcache/<set>/journal */
	struct cache_set *c;
	struct hlist_node node;
	struct dentry *dir;
	unsigned long *born; /* jiffies when each pin's slot was taken, or 0 */
	u32 id; /* never 0, and not that of an earlier view */

	/* Callers that wait for room. Protected by journal.lock; times in ns. */
	u32 waiting, stuck;
	u64 stalls, stalled, stalled_since, longest_stall;

	/* Writes of jsets. One is in flight at a time. */
	u64 write_seq; /* the last one that was submitted */
	u64 write_began; /* ns, CLOCK_MONOTONIC */
	u64 write_total; /* us */
	u64 write_errors;
	struct latency writes;

	/* Flushes that needed no jset. Several may end at once. */
	spinlock_t flush_lock;
	u64 flush_total; /* us */
	struct latency flushes;

	unsigned long health; /* bits of enum journal_health */
	struct work_struct uevent;
};

int views_init(void);
void views_exit(void);
void views_start(void);
void views_stop(void);
void view_drop(struct cache_set *c);
void view_pin_taken(struct journal *j);
u32 view_wait_begin(const struct cache_set *c);
bool view_wait_stuck(const struct cache_set *c, u32 counted);
void view_wait_end(const struct cache_set *c, u32 counted, bool stuck);
void view_write_begin(const struct cache_set *c, u64 seq);
void view_write_done(const struct cache_set *c, u64 seq, int error);
void view_flush_done(const struct cache_set *c, u32 us);
void view_retrying(const struct cache_set *c, bool retrying);
void journal_fail_set(struct cache_set *c, const char *fmt, ...) __printf(2, 3);

/* sysfs.c */
extern const struct sysfs_ops view_sysfs_ops;
extern const struct attribute_group view_group;

/* debugfs.c */
void view_debugfs_add(struct set_view *v);
int view_debugfs_init(void);
void view_debugfs_exit(void);

#endif
