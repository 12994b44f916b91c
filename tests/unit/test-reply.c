// SPDX-License-Identifier: GPL-2.0
/*
 * xe-pagefault/reply.c and ct.c against a GuC that reads the H2G ring only up to its
 * tail at the last doorbell, and checks what it finds there: each reply is in the
 * ring once, and gets a doorbell before ct->lock is released. And against one that
 * fills the G2H ring with faults and other messages: ct.c takes only the faults that
 * are next.
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

/* These headers need the kernel; what the files take from them is below. */
#define XE_PAGEFAULT_H
#define XE_PAGEFAULT_STOCK_H
#define XE_PAGEFAULT_TRACE_H

#include "../../xe-pagefault/decode.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof(*(a)))
#define min(a, b) ((a) < (b) ? (a) : (b))
#define dma_rmb() ((void)0)
#define __uninitialized
#define lockdep_assert_held(lock) assert_int_equal(*(lock), 1)
#define IS_ENABLED(CONFIG_OPTION) 0
#define static_key_enabled(key) (*(key))
#define trace_xpf_ack(...) ((void)0)
#define trace_xpf_ack_enabled() false
#define xpf_tell(...) ((void)0)

#define XE_GUC_ACTION_REPORT_PAGE_FAULT_REQ_DESC 0x6002
#define XE_GUC_ACTION_PAGE_FAULT_RES_DESC 0x6003
#define CT_SEQNO_MASK 0x7fff
#define CT_SEQNO_UNTRACKED 0x8000
#define XPF_BATCH 16
#define XPF_REPLY_DWORDS (CT_PAYLOAD + PFR_DWORDS)
#define XPF_NONE (~0U)

enum { XE_GUC_CT_STATE_DISABLED, XE_GUC_CT_STATE_ENABLED };
enum { XE_SRIOV_MODE_NONE, XE_SRIOV_MODE_VF };
enum xpf_verdict { XPF_SERVED, XPF_VERDICTS, XPF_NO_REPLY = XPF_VERDICTS };

static struct {
	bool key;
} __tracepoint_xe_guc_ctb_h2g, __tracepoint_xe_guc_ctb_g2h;

struct iosys_map {
	void *vaddr;
	size_t size; /* for the checks below */
};

struct guc_ct_buffer_desc {
	u32 head, tail, status;
};

struct guc_ctb {
	struct iosys_map desc, cmds;
	struct {
		u32 size, head, tail, space;
		bool broken;
	} info;
};

struct xe_guc_ct {
	int lock, fast_lock;
	struct {
		struct guc_ctb h2g, g2h;
	} ctbs;
	int state;
	u32 fence_seqno;
};

struct xe_guc {
	struct xe_guc_ct ct;
};

struct xe_device {
	struct {
		int __mode;
	} sriov;
	bool wedged;
};

struct xe_gt {
	struct {
		struct xe_guc guc;
	} uc;
};

struct xpf_fault {
	struct pagefault pf;
	u64 received;
	u32 generation, next;
};

struct xpf_gt {
	struct xe_gt *stock;
	int lock;
	struct xpf_fault *pool;
	struct {
		u64 stale, unsent;
	} stats;
};

struct xpf_queue {
	struct xpf_gt *gt;
	u64 mark;
};

#define RING 1024 /* dwords */
#define GENERATION 7

static struct xe_device xe;
static struct xe_gt stock;
static struct xe_guc_ct *const ct = &stock.uc.guc.ct;
static struct guc_ctb *const h2g = &stock.uc.guc.ct.ctbs.h2g;
static struct guc_ctb *const g2h = &stock.uc.guc.ct.ctbs.g2h;
static struct guc_ct_buffer_desc h2g_desc, g2h_desc;
static u32 h2g_ring[RING], g2h_ring[RING];
static struct xpf_fault pool[XPF_BATCH];
static struct xpf_gt gt = { .stock = &stock, .pool = pool };
static bool visible; /* what has been written to the H2G ring */
static u32 rung; /* tail of the H2G ring at the last doorbell */
static u16 fence; /* of the next message that the GuC reads */
static unsigned int doorbells, answered, by_stock, in_hold, most_in_hold;
static unsigned int read_by_guc[XPF_BATCH];
static unsigned int freed; /* of the faults that are being answered */

/* Percent of the stock driver's sends that fail */
static unsigned int errors;
static bool stuck; /* the GuC does not read while somebody waits for room */

unsigned int xpf_ct_room(struct xe_guc_ct *ct);
void xpf_ct_write(struct xe_guc_ct *ct, u32 (*msgs)[XPF_REPLY_DWORDS],
		  unsigned int n);
unsigned int xpf_ct_read_faults(struct xe_guc_ct *ct, u32 (*descs)[PFD_DWORDS],
				unsigned int max);
void xpf_reply(struct xpf_queue *q, u32 first, enum xpf_verdict verdict);

#define iosys_map_rd_field(map, offset, type, field) \
	(((type *)(map)->vaddr)->field)
#define iosys_map_wr_field(map, offset, type, field, value)  \
	do {                                                 \
		assert_true(visible || (map) != &h2g->desc); \
		((type *)(map)->vaddr)->field = (value);     \
	} while (0)

static void iosys_map_memcpy_to(struct iosys_map *map, size_t at,
				const void *from, size_t size)
{
	assert_true(at + size <= map->size);
	memcpy((char *)map->vaddr + at, from, size);
	visible = false;
}

static void iosys_map_memcpy_from(void *to, const struct iosys_map *map,
				  size_t at, size_t size)
{
	assert_true(at + size <= map->size);
	memcpy(to, (const char *)map->vaddr + at, size);
}

static void xe_device_wmb(struct xe_device *xe)
{
	visible = true;
}

static struct xe_gt *ct_to_gt(struct xe_guc_ct *ct)
{
	return &stock;
}

static struct xe_device *gt_to_xe(const struct xe_gt *gt)
{
	return &xe;
}

static bool xe_device_wedged(const struct xe_device *xe)
{
	return xe->wedged;
}

static void mutex_lock(int *lock)
{
	assert_int_equal(*lock, 0);
	*lock = 1;
	in_hold = 0;
}

static void mutex_unlock(int *lock)
{
	assert_int_equal(*lock, 1);
	*lock = 0;
	/* Everything in the ring has been rung for. */
	assert_int_equal(rung, h2g_desc.tail);
	assert_int_equal(h2g_desc.tail, h2g->info.tail);
	assert_in_range(h2g_desc.tail, 0, RING - 1);
	if (in_hold > most_in_hold)
		most_in_hold = in_hold;
}

static void spin_lock_irq(int *lock)
{
	assert_int_equal(*lock, 0);
	*lock = 1;
}

static void spin_unlock_irq(int *lock)
{
	*lock = 0;
}

static u64 ktime_get_ns(void)
{
	static u64 now;

	return now++;
}

static u32 xpf_note_guc_start(struct xpf_gt *gt)
{
	lockdep_assert_held(&gt->lock);
	return GENERATION;
}

static bool xpf_is_refused(enum xpf_verdict verdict)
{
	return false;
}

static void xpf_count_latency(struct xpf_gt *gt, u64 ns)
{
	lockdep_assert_held(&gt->lock);
}

static void xpf_count_replies(struct xpf_queue *q, u32 asid,
			      enum xpf_verdict verdict, u32 n, u64 ns,
			      u64 replying)
{
	lockdep_assert_held(&gt.lock);
	answered += n;
}

static void xpf_queue_free(struct xpf_gt *gt, u32 first, u32 last,
			   unsigned int n)
{
	lockdep_assert_held(&gt->lock);
	freed += n;
	for (; n > 1; n--)
		first = gt->pool[first].next;
	assert_int_equal(first, last);
}

static void xe_guc_notify(struct xe_guc *guc)
{
	lockdep_assert_held(&guc->ct.lock);
	doorbells++;
	rung = h2g_desc.tail;
}

/* The GuC reads about so many dwords: whole messages, with consecutive fences. */
static void guc_reads(unsigned int dwords)
{
	u32 *msg, left, n;

	for (; h2g_desc.head != rung; dwords -= n) {
		msg = h2g_ring + h2g_desc.head;
		left = (h2g_desc.head < rung ? rung : RING) - h2g_desc.head;
		n = msg[0] ? 1 + GUC_GET(CT_DWORDS, msg[0]) : 1;
		assert_true(n <= left);
		if (n > dwords)
			break;
		if (msg[0]) {
			assert_int_equal(GUC_GET(CT_FENCE, msg[0]),
					 fence++ | 0x8000);
			assert_int_equal(msg[0] & 0xff00, 0);
			assert_int_equal(msg[CT_HXG] & ~HXG_ACTION,
					 2u << 28); /* HXG_TYPE_FAST_REQUEST */
		}
		if (msg[0] && GUC_GET(HXG_ACTION, msg[CT_HXG]) == 0x6003) {
			assert_int_equal(n, 4);
			assert_in_range(GUC_GET(PFR_PDATA, msg[3]), 0,
					XPF_BATCH - 1);
			read_by_guc[GUC_GET(PFR_PDATA, msg[3])]++;
		}
		memset(msg, 0xff, n * sizeof(*msg));
		h2g_desc.head = (h2g_desc.head + n) % RING;
	}
}

static bool has_room(u32 len)
{
	if (len > h2g->info.space) {
		h2g->info.head = h2g_desc.head;
		h2g->info.space = (h2g->info.head - h2g->info.tail - 1) % RING;
	}
	return len <= h2g->info.space;
}

/* As guc_ct_send_locked() of the stock driver; @action without a header */
static int send(const u32 *action, u32 len)
{
	unsigned int tries = 0;
	u32 *msg;

	assert_true(len < RING / 2);
	for (;;) {
		while (!has_room(len + 1)) {
			assert_int_equal(rung, h2g_desc.tail);
			if (stuck && ++tries == 10)
				return -EDEADLK;
			guc_reads(stuck ? 0 : rand() % 32);
		}
		if (h2g->info.tail + len + 1 <= RING)
			break;
		memset(h2g_ring + h2g->info.tail, 0,
		       (RING - h2g->info.tail) * sizeof(u32));
		h2g->info.space -= RING - h2g->info.tail;
		h2g->info.tail = 0;
		h2g_desc.tail = 0;
		rung = 0; /* there is nothing to read in the rest */
	}
	msg = h2g_ring + h2g->info.tail;
	msg[0] = GUC_PUT(CT_FENCE, (ct->fence_seqno++ & 0x7fff) | 0x8000) | len;
	msg[1] = 2u << 28 | action[0];
	memcpy(msg + 2, action + 1, (len - 1) * sizeof(u32));
	h2g->info.tail = (h2g->info.tail + len + 1) % RING;
	h2g_desc.tail = h2g->info.tail;
	h2g->info.space -= len + 1;
	assert_true(h2g->info.space < RING);
	xe_guc_notify(&stock.uc.guc);
	return 0;
}

static int xe_guc_ct_send_locked(struct xe_guc_ct *ct, const u32 *action,
				 u32 len, u32 g2h_len, u32 num_g2h)
{
	static const int codes[] = { -ECANCELED, -ENODEV, -EPIPE,
				     -ENOTRECOVERABLE };

	lockdep_assert_held(&ct->lock);
	assert_int_equal(gt.lock, 0);
	by_stock++;
	if ((unsigned int)rand() % 100 < errors)
		return codes[rand() % 4];
	return send(action, len);
}

#include "../../xe-pagefault/ct.c"

static void count_writes(struct xe_guc_ct *ct, u32 (*msgs)[XPF_REPLY_DWORDS],
			 unsigned int n)
{
	assert_in_range(n, 1, XPF_BATCH);
	in_hold += n;
	xpf_ct_write(ct, msgs, n);
}

#define xpf_ct_write count_writes
#include "../../xe-pagefault/reply.c"

static void make_ring(struct guc_ctb *ctb, struct guc_ct_buffer_desc *desc,
		      u32 *ring)
{
	memset(desc, 0, sizeof(*desc));
	*ctb = (struct guc_ctb){
		.desc = { desc, sizeof(*desc) },
		.cmds = { ring, RING * sizeof(u32) },
		.info = { .size = RING, .space = RING - 1 },
	};
}

static int reset(void **state)
{
	make_ring(h2g, &h2g_desc, h2g_ring);
	make_ring(g2h, &g2h_desc, g2h_ring);
	ct->state = XE_GUC_CT_STATE_ENABLED;
	ct->fence_seqno = 0;
	memset(&gt.stats, 0, sizeof(gt.stats));
	memset(&xe, 0, sizeof(xe));
	__tracepoint_xe_guc_ctb_h2g.key = false;
	__tracepoint_xe_guc_ctb_g2h.key = false;
	visible = true;
	fence = 0;
	rung = 0;
	doorbells = 0;
	answered = 0;
	by_stock = 0;
	most_in_hold = 0;
	errors = 0;
	stuck = false;
	return 0;
}

/* Answer n faults, and check that each was counted as what became of it. */
static void reply(unsigned int n, u32 generation, enum xpf_verdict verdict)
{
	u64 before = answered + gt.stats.stale + gt.stats.unsent;
	unsigned int i;
	struct xpf_queue q = { .gt = &gt };

	for (i = 0; i < n; i++)
		pool[i] = (struct xpf_fault){
			.pf.pdata = i,
			.generation = generation,
			.next = i + 1 < n ? i + 1 : XPF_NONE,
		};
	freed = 0;
	xpf_reply(&q, 0, verdict);
	assert_int_equal(freed, n);
	assert_int_equal(answered + gt.stats.stale + gt.stats.unsent,
			 before + n);
}

/* The GuC has read as many replies as were counted, and no other message's dwords. */
static void all_is_read(void)
{
	unsigned int i, sum = 0;

	guc_reads(~0U);
	for (i = 0; i < XPF_BATCH; i++) {
		sum += read_by_guc[i];
		read_by_guc[i] = 0;
	}
	assert_int_equal(sum, answered);
}

static void one_fault_one_doorbell(void **state)
{
	reply(1, GENERATION, XPF_SERVED);
	assert_int_equal(answered, 1);
	assert_int_equal(doorbells, 1);
	all_is_read();
}

static void group_shares_a_doorbell(void **state)
{
	reply(XPF_BATCH, GENERATION, XPF_SERVED);
	assert_int_equal(answered, XPF_BATCH);
	assert_int_equal(doorbells, 1);
	assert_int_equal(by_stock, 0);
	all_is_read();
}

static void no_reply_no_doorbell(void **state)
{
	reply(XPF_BATCH, GENERATION - 1, XPF_SERVED);
	reply(1, GENERATION, XPF_NO_REPLY);
	assert_int_equal(gt.stats.stale, XPF_BATCH + 1);
	assert_int_equal(doorbells, 0);
	assert_int_equal(h2g_desc.tail, 0);
}

/* Where anything is special, the stock driver sends. */
static void left_to_stock(void)
{
	by_stock = 0;
	reply(XPF_BATCH, GENERATION, XPF_SERVED);
	assert_int_equal(by_stock, XPF_BATCH);
}

static void special_cases(void **state)
{
	ct->state = XE_GUC_CT_STATE_DISABLED;
	left_to_stock();
	reset(NULL);
	h2g->info.broken = true;
	left_to_stock();
	reset(NULL);
	h2g_desc.status = 1;
	left_to_stock();
	reset(NULL);
	xe.wedged = true;
	left_to_stock();
	reset(NULL);
	xe.sriov.__mode = XE_SRIOV_MODE_VF;
	left_to_stock();
	reset(NULL);
	__tracepoint_xe_guc_ctb_h2g.key = true;
	left_to_stock();
	memset(read_by_guc, 0, sizeof(read_by_guc));
}

/* Groups of any size, other messages between them, and a GuC of any speed */
static void storm(void)
{
	static const u32 other[16] = { 0x1000 };
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		reply(rand() % 4 ? 1 + rand() % XPF_BATCH : 1, GENERATION,
		      XPF_SERVED);
		if (rand() % 4 == 0) {
			mutex_lock(&ct->lock);
			send(other, 2 + rand() % 8);
			mutex_unlock(&ct->lock);
		}
		guc_reads(rand() % (stuck ? 20 : 100));
		if (stuck && rand() % 100 == 0)
			guc_reads(RING);
	}
	assert_int_equal(most_in_hold, XPF_BATCH);
	all_is_read();
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

/* --- G2H ---------------------------------------------------------------------- */

static u32 written,
	taken; /* messages; the second dword of a payload has its number */

/* The GuC sends a message, over the end of the ring if need be. */
static void guc_sends(u32 header, u32 hxg, u32 dwords)
{
	u32 i, at = g2h_desc.tail;

	for (i = 0; i <= dwords; i++, at = (at + 1) % RING)
		g2h_ring[at] = i == 0 ? header | dwords :
			       i == 1 ? hxg :
			       i == 3 ? written :
					0;
	g2h_desc.tail = at;
	written++;
}

#define FAULT 0x90006002

static void guc_sends_fault(void)
{
	guc_sends(0, FAULT, 5);
}

static unsigned int take(unsigned int max)
{
	u32 descs[XPF_BATCH][PFD_DWORDS];
	unsigned int i, n;

	ct->fast_lock = 1;
	n = xpf_ct_read_faults(ct, descs, max);
	ct->fast_lock = 0;
	assert_in_range(n, 0, max);
	for (i = 0; i < n; i++)
		assert_int_equal(descs[i][1], taken++);
	assert_int_equal(g2h->info.head, g2h_desc.head);
	return n;
}

/* The stock driver reads the next message; returns whether it is a fault. */
static bool stock_reads(void)
{
	u32 head = g2h->info.head, n = 1 + (g2h_ring[head] & 0xff);
	bool fault = g2h_ring[(head + 1) % RING] == FAULT && n == 6;

	assert_int_equal(g2h_ring[(head + 3) % RING], taken++);
	g2h->info.head = (head + n) % RING;
	g2h_desc.head = g2h->info.head;
	return fault;
}

static int reset_g2h(void **state)
{
	written = 0;
	taken = 0;
	return reset(state);
}

static void faults_are_taken(void **state)
{
	int i;

	assert_int_equal(take(XPF_BATCH), 0);
	for (i = 0; i < 20; i++)
		guc_sends_fault();
	assert_int_equal(take(XPF_BATCH), XPF_BATCH);
	assert_int_equal(take(3), 3);
	assert_int_equal(take(XPF_BATCH), 1);
	assert_int_equal(take(XPF_BATCH), 0);
}

/* A message other than a fault, or one that is not as it should be, stays. */
static void others_stay(void **state)
{
	static const u32 msgs[][3] = {
		{ 0, 0x90007001, 3 }, { 0, 0x90006004, 5 },
		{ 0, FAULT, 4 },      { 0, FAULT, 6 },
		{ 0x1000, FAULT, 5 }, { 0, 0x10006002, 5 },
		{ 0, 0xa0006002, 5 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(msgs); i++) {
		guc_sends_fault();
		guc_sends(msgs[i][0], msgs[i][1], msgs[i][2]);
		guc_sends_fault();
		assert_int_equal(take(XPF_BATCH), 1);
		assert_int_equal(take(XPF_BATCH), 0);
		stock_reads();
		assert_int_equal(take(XPF_BATCH), 1);
	}

	guc_sends_fault();
	__tracepoint_xe_guc_ctb_g2h.key = true;
	assert_int_equal(take(XPF_BATCH), 0);
	__tracepoint_xe_guc_ctb_g2h.key = false;
	ct->ctbs.g2h.info.broken = true;
	assert_int_equal(take(XPF_BATCH), 0);
	ct->ctbs.g2h.info.broken = false;
	xe.wedged = true;
	assert_int_equal(take(XPF_BATCH), 0);
	xe.wedged = false;
	g2h_desc.status = 1;
	assert_int_equal(take(XPF_BATCH), 0);
	g2h_desc.status = 0;
	g2h_desc.tail += RING; /* the GuC is broken */
	assert_int_equal(take(XPF_BATCH), 0);
	g2h_desc.tail -= RING + 1; /* half a message */
	assert_int_equal(take(XPF_BATCH), 0);
	g2h_desc.tail++;
	assert_int_equal(take(XPF_BATCH), 1);
}

/* Of a storm, the stock driver gets those that lie across the end of the ring. */
static void storm_of_faults(void **state)
{
	unsigned int i, n, by_stock = 0;

	for (i = 0; i < 20000; i++) {
		for (n = rand() % 100; n; n--)
			if (rand() % 50)
				guc_sends_fault();
			else
				guc_sends(0, 0x90007001, 3 + rand() % 5);
		while (taken < written) {
			while (take(1 + rand() % XPF_BATCH))
				;
			if (taken < written)
				by_stock += stock_reads();
		}
	}
	assert_int_equal(g2h_desc.head, g2h_desc.tail);
	assert_true(by_stock < written / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_fault_one_doorbell, reset),
		cmocka_unit_test_setup(group_shares_a_doorbell, reset),
		cmocka_unit_test_setup(no_reply_no_doorbell, reset),
		cmocka_unit_test_setup(special_cases, reset),
		cmocka_unit_test_setup(slow_guc, reset),
		cmocka_unit_test_setup(guc_that_stops_reading, reset),
		cmocka_unit_test_setup(sends_that_fail, reset),
		cmocka_unit_test_setup(faults_are_taken, reset_g2h),
		cmocka_unit_test_setup(others_stay, reset_g2h),
		cmocka_unit_test_setup(storm_of_faults, reset_g2h),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
