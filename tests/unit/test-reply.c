// SPDX-License-Identifier: GPL-2.0
/*
 * xe-pagefault/reply.c against a GuC that reads the H2G ring only up to its tail at the
 * last doorbell: each reply gets a doorbell before ct->lock is released, and none waits
 * for room while the doorbell is held back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* These headers need the kernel; what reply.c takes from them is below. */
#define OUTRIGGER_ATTACH_H
#define XE_PAGEFAULT_H
#define XE_PAGEFAULT_STOCK_H
#define XE_PAGEFAULT_TRACE_H

typedef uint32_t u32;
typedef uint64_t u64;

#define READ_ONCE(x) (x)
#define WRITE_ONCE(x, value) ((x) = (value))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))
#define OUTRIGGER_STOCK_BODY(obj, fn)
#define __hook
#define rcu_read_lock() ((void)0)
#define rcu_read_unlock() ((void)0)
#define trace_xpf_ack(...) ((void)0)
#define xpf_tell(...) ((void)0)

#define XE_GUC_ACTION_PAGE_FAULT_RES_DESC 0x6003
#define PFR_DWORDS 2
#define XPF_NONE (~0U)

enum xpf_verdict { XPF_SERVED, XPF_VERDICTS, XPF_NO_REPLY = XPF_VERDICTS };

struct task_struct {
	int unused;
};

struct xe_guc_ct {
	int lock;
	struct {
		struct {
			struct {
				u32 size, head, tail, space;
			} info;
		} h2g;
	} ctbs;
};

struct xe_guc {
	struct xe_guc_ct ct;
};

struct xe_gt {
	struct {
		struct xe_guc guc;
	} uc;
};

struct pagefault {
	u32 asid, pdata;
	u64 addr;
};

struct xpf_fault {
	struct pagefault pf;
	u64 received;
	u32 generation, next;
};

struct xpf_gt {
	struct xe_gt *stock;
	int lock;
	struct task_struct *replier;
	bool unrung;
	struct xpf_fault *pool;
	struct {
		u64 stale, unsent;
	} stats;
};

struct xpf_queue {
	struct xpf_gt *gt;
};

#define RING 1024 /* dwords */
#define FAULTS 32 /* XPF_BATCH */
#define GENERATION 7

static struct task_struct me, other, *current = &me;
static struct xe_gt stock;
static struct xe_guc *const guc = &stock.uc.guc;
static struct xpf_fault pool[FAULTS];
static struct xpf_gt gt = { .stock = &stock, .pool = pool };
static bool known; /* the module has a state for the GT */
static bool held, locked; /* ct->lock, gt->lock */
static u32 rung; /* tail of the ring at the last doorbell */
static u32 head; /* of the GuC; stock reads it when its own seems too old */
static unsigned int doorbells, answered, in_hold, most_in_hold;
static unsigned int sent[FAULTS];

/* Percent of the sends that fail, and for which livepatch calls the stock function */
static unsigned int errors, unpatched;
static bool stuck; /* the GuC does not read while somebody waits for room */

void xpf_guc_notify(struct xe_guc *guc);
void xpf_reply(struct xpf_queue *q, u32 first, enum xpf_verdict verdict);

/* Everything in the ring has been rung for. */
static bool all_rung(void)
{
	return rung == guc->ct.ctbs.h2g.info.tail;
}

static void mutex_lock(int *lock)
{
	assert_false(held);
	held = true;
	in_hold = 0;
}

static void mutex_unlock(int *lock)
{
	assert_true(held);
	held = false;
	assert_true(all_rung());
	assert_null(gt.replier);
	if (in_hold > most_in_hold)
		most_in_hold = in_hold;
}

static void spin_lock_irq(int *lock)
{
	assert_false(locked);
	locked = true;
}

static void spin_unlock_irq(int *lock)
{
	locked = false;
}

static u64 ktime_get_ns(void)
{
	static u64 now;

	return now++;
}

static struct xe_gt *guc_to_gt(struct xe_guc *guc)
{
	return &stock;
}

static struct xpf_gt *xpf_gt_find(const struct xe_gt *stock)
{
	return known ? &gt : NULL;
}

static u32 xpf_note_guc_start(struct xpf_gt *gt)
{
	assert_true(locked);
	return GENERATION;
}

static bool xpf_is_refused(enum xpf_verdict verdict)
{
	return false;
}

static void xpf_count_latency(struct xpf_gt *gt, u64 ns)
{
	assert_true(locked);
}

static void xpf_count_replies(struct xpf_queue *q, u32 first,
			      enum xpf_verdict verdict, u32 n, u64 ns,
			      u64 replying)
{
	answered += n;
}

static void pagefault_reply(const struct pagefault *pf, bool refused, u32 *dw)
{
	dw[0] = 0;
	dw[1] = pf->pdata;
}

static void stock_xe_guc_notify(struct xe_guc *guc)
{
	assert_true(held);
	doorbells++;
	rung = guc->ct.ctbs.h2g.info.tail;
}

static void guc_reads(unsigned int dwords)
{
	for (; dwords && head != rung; dwords--)
		head = (head + 1) % RING;
}

static bool has_room(u32 len)
{
	typeof(guc->ct.ctbs.h2g.info) *ring = &guc->ct.ctbs.h2g.info;

	if (len > ring->space) {
		ring->head = head;
		ring->space = (head - ring->tail - 1) % RING;
	}
	return len <= ring->space;
}

/* As __guc_ct_send_locked() and guc_ct_send_locked() of the stock driver */
static int put(u32 len)
{
	typeof(guc->ct.ctbs.h2g.info) *ring = &guc->ct.ctbs.h2g.info;
	unsigned int tries = 0;

	for (;;) {
		while (!has_room(len)) {
			assert_true(all_rung());
			assert_null(
				gt.replier); /* messages of others may be sent meanwhile */
			if (stuck && ++tries == 10)
				return -EDEADLK;
			guc_reads(stuck ? 0 : rand() % 32);
		}
		if (ring->tail + len <= RING)
			break;
		ring->space -= RING - ring->tail;
		if (all_rung())
			rung = 0; /* there is nothing to read in the rest */
		ring->tail = 0;
	}
	ring->tail = (ring->tail + len) % RING;
	ring->space -= len;
	assert_true(ring->space < RING);
	return 0;
}

/* A mailbox request of another task rings, whatever is held back for this one. */
static void mailbox_request(void)
{
	unsigned int before = doorbells, was = rung;

	current = &other;
	xpf_guc_notify(guc);
	assert_int_equal(doorbells, before + 1);
	current = &me;
	doorbells = before;
	rung = was;
}

static int xe_guc_ct_send_locked(struct xe_guc_ct *ct, const u32 *action,
				 u32 len, u32 g2h_len, u32 num_g2h)
{
	static const int codes[] = { -ECANCELED, -ENODEV, -EPIPE,
				     -ENOTRECOVERABLE };
	int err;

	assert_true(held);
	assert_false(locked);
	mailbox_request();
	if ((unsigned int)rand() % 100 < errors)
		return codes[rand() % 4];
	err = put(len + 1);
	if (err)
		return err;
	in_hold++;
	sent[action[2]]++;
	if ((unsigned int)rand() % 100 < unpatched)
		stock_xe_guc_notify(guc);
	else
		xpf_guc_notify(guc);
	return 0;
}

#include "../../xe-pagefault/reply.c"

static int reset(void **state)
{
	typeof(guc->ct.ctbs.h2g.info) *ring = &guc->ct.ctbs.h2g.info;

	memset(ring, 0, sizeof(*ring));
	ring->size = RING;
	ring->space = RING - 1;
	gt.replier = NULL;
	gt.unrung = false;
	memset(&gt.stats, 0, sizeof(gt.stats));
	rung = 0;
	head = 0;
	doorbells = 0;
	answered = 0;
	most_in_hold = 0;
	errors = 0;
	unpatched = 0;
	stuck = false;
	known = true;
	return 0;
}

/* Answer n faults, and check that each was counted as what became of it. */
static void reply(unsigned int n, u32 generation, enum xpf_verdict verdict)
{
	u64 before = answered + gt.stats.stale + gt.stats.unsent;
	unsigned int i, sum = 0, was = answered;
	struct xpf_queue q = { .gt = &gt };

	memset(sent, 0, sizeof(sent));
	for (i = 0; i < n; i++)
		pool[i] = (struct xpf_fault){
			.pf.pdata = i,
			.generation = generation,
			.next = i + 1 < n ? i + 1 : XPF_NONE,
		};
	xpf_reply(&q, 0, verdict);
	for (i = 0; i < n; i++) {
		assert_in_range(sent[i], 0, 1);
		sum += sent[i];
	}
	assert_int_equal(sum, answered - was);
	assert_int_equal(answered + gt.stats.stale + gt.stats.unsent,
			 before + n);
}

static void one_fault_one_doorbell(void **state)
{
	reply(1, GENERATION, XPF_SERVED);
	assert_int_equal(answered, 1);
	assert_int_equal(doorbells, 1);
}

static void group_shares_a_doorbell(void **state)
{
	reply(FAULTS, GENERATION, XPF_SERVED);
	assert_int_equal(answered, FAULTS);
	assert_int_equal(doorbells, FAULTS / 16);
	assert_int_equal(most_in_hold, 16);
}

static void no_reply_no_doorbell(void **state)
{
	reply(FAULTS, GENERATION - 1, XPF_SERVED);
	reply(1, GENERATION, XPF_NO_REPLY);
	assert_int_equal(gt.stats.stale, FAULTS + 1);
	assert_int_equal(doorbells, 0);
}

static void unknown_gt_rings_for_each(void **state)
{
	known = false;
	reply(FAULTS, GENERATION, XPF_SERVED);
	assert_int_equal(doorbells, FAULTS);
}

static void messages_of_others_ring(void **state)
{
	mutex_lock(&guc->ct.lock);
	put(5);
	xpf_guc_notify(guc);
	mutex_unlock(&guc->ct.lock);
	assert_int_equal(doorbells, 1);
}

/* Groups of any size, other messages between them, and a GuC of any speed */
static void storm(void)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		reply(rand() % 4 ? 1 + rand() % FAULTS : 1, GENERATION,
		      XPF_SERVED);
		if (rand() % 4 == 0) {
			mutex_lock(&guc->ct.lock);
			if (!put(3 + rand() % 8))
				xpf_guc_notify(guc);
			mutex_unlock(&guc->ct.lock);
		}
		guc_reads(rand() % 100);
		if (stuck && rand() % 100 == 0)
			guc_reads(RING);
	}
	assert_int_equal(most_in_hold, 16);
}

static void slow_guc(void **state)
{
	storm();
	assert_int_equal(gt.stats.unsent, 0);
	assert_true(doorbells < answered / 2);
}

static void guc_that_stops_reading(void **state)
{
	stuck = true;
	storm();
	assert_true(gt.stats.unsent > 0);
}

static void sends_that_fail(void **state)
{
	errors = 10;
	storm();
	assert_true(gt.stats.unsent > 0);
	assert_true(gt.stats.stale > 0);
}

static void transition(void **state)
{
	unpatched = 50;
	errors = 3;
	storm();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_fault_one_doorbell, reset),
		cmocka_unit_test_setup(group_shares_a_doorbell, reset),
		cmocka_unit_test_setup(no_reply_no_doorbell, reset),
		cmocka_unit_test_setup(unknown_gt_rings_for_each, reset),
		cmocka_unit_test_setup(messages_of_others_ring, reset),
		cmocka_unit_test_setup(slow_guc, reset),
		cmocka_unit_test_setup(guc_that_stops_reading, reset),
		cmocka_unit_test_setup(sends_that_fail, reset),
		cmocka_unit_test_setup(transition, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
