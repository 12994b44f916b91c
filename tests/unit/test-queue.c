// SPDX-License-Identifier: GPL-2.0
/*
 * xe-pagefault/queue.c: which faults are taken, and answered, together. A fault is taken
 * once, in order; behind one that has a service, only those that the service resolves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* This header needs the kernel; what queue.c takes from it is below. */
#define XE_PAGEFAULT_H

#include "../../xe-pagefault/decode.h"

#define XPF_QUEUES 4
#define XPF_BUSY_BITS 2
#define XPF_BATCH 16
#define XPF_SERVED_RING 8
#define XPF_NONE (~0U)

#define READ_ONCE(x) (x)
#define max(a, b) ((a) > (b) ? (a) : (b))
#define hash_32(value, bits) ((value) % (1U << (bits)))
#define module_param(...) _Static_assert(1, "")
#define MODULE_PARM_DESC(...) _Static_assert(1, "")
#define spin_lock_irq(lock) assert_int_equal((*(lock))++, 0)
#define spin_unlock_irq(lock) assert_int_equal(--(*(lock)), 0)
#define spin_lock_irqsave(lock, flags) ((flags) = 0, spin_lock_irq(lock))
#define spin_unlock_irqrestore(lock, flags) \
	((void)(flags), spin_unlock_irq(lock))
#define ktime_get_ns() 1

struct list_head {
	struct list_head *next, *prev;
};

#define INIT_LIST_HEAD(head) ((head)->next = (head)->prev = (head))
#define list_empty(head) ((head)->next == (head))

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#define hlist_entry(at, type, member) queue_of(at)
#define hlist_for_each_entry(q, head, member)       \
	for (struct hlist_node *at = (head)->first; \
	     at && (q = queue_of(at), true); at = at->next)

static void hlist_del(struct hlist_node *node)
{
	*node->pprev = node->next;
	if (node->next)
		node->next->pprev = node->pprev;
}

static void hlist_add_head(struct hlist_node *node, struct hlist_head *head)
{
	node->next = head->first;
	if (head->first)
		head->first->pprev = &node->next;
	head->first = node;
	node->pprev = &head->first;
}

struct xpf_fault {
	struct pagefault pf;
	u64 received, number;
	u32 generation, next;
};

struct xpf_list {
	u32 head, tail;
};

struct xpf_served {
	u64 start, size, begin;
	u32 asid, access;
};

struct xpf_gt;

struct xpf_queue {
	struct xpf_gt *gt;
	u32 asid;
	bool idle, serving;
	struct hlist_node node;
	struct list_head link;
	struct xpf_list faults;
	u64 received, begin, resolved;
	struct xpf_served served[XPF_SERVED_RING];
	unsigned int nr_served, taken;
	unsigned long until;
	u64 restless, spent[1];
};

static struct xpf_queue *queue_of(struct hlist_node *node)
{
	char *at = (char *)node;

	return (struct xpf_queue *)(at - offsetof(struct xpf_queue, node));
}

struct xpf_stats {
	u64 received[PAGEFAULT_ACCESSES + 1], types[PFD_TYPES];
	u64 prefetches, coalesced, dropped;
	u32 queued, queued_max;
};

struct xpf_gt {
	int lock;
	struct xpf_fault *pool;
	u32 free, waiting;
	struct xpf_queue *queues;
	struct hlist_head busy[1 << XPF_BUSY_BITS], idle;
	struct list_head serving, parked;
	struct xpf_stats stats;
};

static struct xpf_fault pool[PFD_PDATA_SPACE];
static struct xpf_queue queues[XPF_QUEUES];
static struct xpf_gt gt;

static u32 xpf_note_guc_start(struct xpf_gt *gt)
{
	assert_int_equal(gt->lock, 1);
	return 1;
}

#include "../../xe-pagefault/queue.c"

#define ASID 5
#define PAGE 0x1000ull

static struct xpf_queue *queue;
static unsigned int reported, answered;

static int setup(void **state)
{
	memset(&gt, 0, sizeof(gt));
	memset(queues, 0, sizeof(queues));
	memset(pool, 0, sizeof(pool));
	gt.pool = pool;
	gt.queues = queues;
	xpf_queues_init(&gt);
	reported = 0;
	answered = 0;
	return 0;
}

/* N more faults, each on the next page; PDATA counts them. */
static void report(unsigned int n)
{
	struct xpf_queue *ready[2];
	struct pagefault pf;

	while (n--) {
		pf = (struct pagefault){ .asid = ASID,
					 .addr = reported * PAGE,
					 .access = PAGEFAULT_WRITE,
					 .pdata = (u16)reported++ };
		assert_int_equal(xpf_queue_put(&gt, &pf, 1, ready), 1);
		if (ready[0])
			queue = ready[0];
	}
}

/* Answer the faults that were taken: N, the next ones in order. */
static void answer(u32 first, unsigned int n)
{
	unsigned int k = 0;
	u32 i, last = first;

	for (i = first; i != XPF_NONE; i = pool[i].next, k++) {
		assert_int_equal(pool[i].pf.pdata, answered++);
		last = i;
	}
	assert_int_equal(k, n);
	gt.lock = 1;
	xpf_queue_free(&gt, first, last, n);
	gt.lock = 0;
	assert_int_equal(gt.stats.queued, reported - answered);
	assert_int_equal(gt.waiting, reported - answered);
}

static u32 take(bool cured)
{
	bool is_cured;
	u32 i = xpf_queue_take(queue, &is_cured);

	assert_int_not_equal(i, XPF_NONE);
	assert_int_equal(is_cured, cured);
	return i;
}

/* A service that resolves N of the faults behind its own; returns how many it sees. */
static unsigned int serve(u32 i, unsigned int n)
{
	struct pagefault pfs[XPF_BATCH - 1];
	unsigned int seen;

	xpf_queue_served(queue, &pool[i].pf, pool[i].pf.addr, PAGE);
	seen = xpf_queue_peek(queue, pfs, XPF_BATCH - 1);
	for (u32 k = 0; k < seen; k++)
		assert_int_equal(pfs[k].pdata, answered + 1 + k);
	assert_true(n <= seen);
	queue->resolved += n;
	return seen;
}

static void nothing_left(void)
{
	bool cured;

	assert_int_equal(xpf_queue_take(queue, &cured), XPF_NONE);
	assert_true(queue->idle);
	assert_int_equal(gt.waiting, 0);
}

static void test_alone(void **state)
{
	u32 i;

	report(1);
	i = take(false);
	assert_int_equal(serve(i, 0), 0);
	xpf_queue_join(queue, i);
	answer(i, 1);
	nothing_left();
	assert_int_equal(gt.stats.coalesced, 0);
}

static void test_together(void **state)
{
	u32 i;

	report(40);
	for (unsigned int n = 0; n < 32; n += XPF_BATCH) {
		i = take(false);
		assert_int_equal(serve(i, XPF_BATCH - 1), XPF_BATCH - 1);
		xpf_queue_join(queue, i);
		answer(i, XPF_BATCH);
	}
	i = take(false);
	assert_int_equal(serve(i, 7), 7);
	xpf_queue_join(queue, i);
	answer(i, 8);
	assert_int_equal(gt.stats.coalesced, 37);
	assert_int_equal(queue->taken, 40);

	/* the queue works on when it has been emptied like this */
	report(2);
	i = take(false);
	answer(i, 1);
	answer(take(false), 1);
	nothing_left();
}

/* The first fault that was not resolved has a service of its own, as do those behind it. */
static void test_stops(void **state)
{
	u32 i;

	report(10);
	i = take(false);
	serve(i, 3);
	xpf_queue_join(queue, i);
	answer(i, 4);
	i = take(false);
	serve(i, 0);
	xpf_queue_join(queue, i);
	answer(i, 1);
	answer(take(false), 1);
	assert_int_equal(gt.stats.coalesced, 3);
}

/* A fault that is reported while the bindings are mapped is not resolved by that. */
static void test_late(void **state)
{
	struct pagefault pfs[XPF_BATCH - 1];
	unsigned int n;
	u32 i;

	report(5);
	i = take(false);
	n = xpf_queue_peek(queue, pfs, XPF_BATCH - 1);
	assert_int_equal(n, 4);
	report(3);
	queue->resolved += n;
	xpf_queue_join(queue, i);
	answer(i, 5);
	answer(take(false), 1);
}

/* A service that must be tried again takes nothing with it, and keeps its place. */
static void test_again(void **state)
{
	u32 i;

	report(3);
	i = take(false);
	xpf_queue_untake(queue, i);
	assert_int_equal(gt.waiting, 3);
	i = take(false);
	serve(i, 2);
	xpf_queue_join(queue, i);
	answer(i, 3);
	nothing_left();
}

/* Faults on the range of a service join it without a look at them. */
static void test_range(void **state)
{
	u32 i;

	report(20);
	i = take(false);
	xpf_queue_served(queue, &pool[i].pf, 0, 18 * PAGE);
	xpf_queue_join(queue, i);
	answer(i, XPF_BATCH);
	answer(take(true), 2);
	answer(take(false), 1);
	coalesce = false;
	assert_int_equal(xpf_queue_peek(queue, &(struct pagefault){}, 1), 0);
	coalesce = true;
	answer(take(false), 1);
	nothing_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_alone, setup),
		cmocka_unit_test_setup(test_together, setup),
		cmocka_unit_test_setup(test_stops, setup),
		cmocka_unit_test_setup(test_late, setup),
		cmocka_unit_test_setup(test_again, setup),
		cmocka_unit_test_setup(test_range, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
