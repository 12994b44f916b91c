// SPDX-License-Identifier: GPL-2.0
/*
 * The command streamer of the emulated GPU: its instructions, batches, faults and
 * their replies. No batch may keep it busy forever.
 */
#include "gpu-machine.h"

#include <setjmp.h>

#include <cmocka.h>

#define ASID 7u
#define ROOM 16u /* pages of data, followed by as many unmapped pages */
#define VA 0x20000000ull
#define BATCH 0x1f0000u
#define BATCH_VA 0x10000000u
#define BATCH2 0x1f1000u
#define BATCH2_VA 0x10001000u

#define MI(op, n) ((op) << 23 | (-2 + (n)))
#define GGTT BIT(22)
#define STORE MI(0x20u, 4)
#define END (0x0au << 23)
#define START (MI(0x31u, 3) | 1 << 8)

static struct gpu *gpu;
static u32 dw[CTB_MESSAGE];

static void boot(bool discrete)
{
	gpu = machine_new(discrete);
	machine_boot(0);
	for (u32 i = 0; i < ROOM; i++)
		guest_map(&gpu->mem, VA + i * PAGE, (DATA + i * PAGE) | 3, 0);
	guest_map(&gpu->mem, BATCH_VA, BATCH | 3, 0);
	guest_map(&gpu->mem, BATCH2_VA, BATCH2 | 3, 0);
	machine_register(0, 1, 3, ASID);
	machine_run_anew();
	guest_receive(0, dw);
	assert_int_equal(dw[0], 0x90001002);
}

static int setup(void **state)
{
	boot(false);
	return 0;
}

static int setup_discrete(void **state)
{
	boot(true);
	return 0;
}

static int teardown(void **state)
{
	assert_int_equal(gpu->count[COUNT_BROKEN_RINGS], 0);
	assert_int_equal(gpu->count[COUNT_UNKNOWN], 0);
	machine_free();
	return 0;
}

#define ARGS(...) \
	(const u32[]){ __VA_ARGS__ }, sizeof((u32[]){ __VA_ARGS__ }) / 4

static void run_ring(u32 id, const u32 *ins, u32 n)
{
	machine_submit(0, id, ins, n);
	machine_run_anew();
}

#define ring(...) run_ring(1, ARGS(__VA_ARGS__))

static void fill_batch(u32 addr, const u32 *ins, u32 n)
{
	memset(guest_at(addr), 0, PAGE);
	memcpy(guest_at(addr), ins, n * 4);
}

/* Run these instructions as a batch. */
#define batch(...)                                         \
	do {                                               \
		fill_batch(BATCH, ARGS(__VA_ARGS__, END)); \
		ring(START, BATCH_VA, 0);                  \
	} while (0)

static u32 head(u32 id)
{
	return guest_at(machine_context(id) + 0x1000)[5];
}

static u32 tail(u32 id)
{
	return guest_at(machine_context(id) + 0x1000)[7];
}

static bool idle(void)
{
	return head(1) == tail(1) && !gpu->gt[0]->context[1]->lrc[0].level;
}

static u32 data(u32 at)
{
	return *guest_at(DATA + at);
}

static void set_data(u32 at, u32 value)
{
	*guest_at(DATA + at) = value;
}

/* The next message is a fault of context 1 at an address. */
static void expect_fault(u64 va, u32 access, u32 type, u32 level)
{
	assert_int_equal(guest_receive(0, dw), 5);
	assert_int_equal(dw[0], 0x90006002);
	assert_int_equal(dw[1] & 0x0fffffff, level | 3 << 25);
	assert_int_equal(dw[2] >> 12, ASID);
	assert_true(make64(dw[3] & ~0xfffu, dw[4]) == (va & ~0xfffull));
	assert_int_equal(dw[3] & 0xfff, access | type << 2);
}

/* Answer the fault that was received last. */
static void answer(bool failed)
{
	u32 pdata = dw[1] >> 28 | (dw[2] & 0xfff) << 4;

	machine_h2g(0, 0x6003, (dw[2] & ~0xfffu) | 0x401 | failed << 1,
		    (dw[1] >> 25 & 7) << 13 | (dw[1] >> 19 & 0x3f) << 7 |
			    pdata << 16);
	machine_run_anew();
}

static void expect_silence(void)
{
	assert_int_equal(guest_receive(0, dw), 0);
}

static void store(void **state)
{
	u64 hole = VA + ROOM * PAGE;

	batch(STORE, (u32)VA + 0x10, 0, 0x11111111, /* a dword */
	      MI(0x20u, 5) | 1 << 21, (u32)VA + 0x20, 0, 0x22222222, 0x33333333,
	      MI(0x20u, 7), (u32)VA + 0xff8, 0, 1, 2, 3,
	      4, /* across a page boundary */
	      STORE | GGTT, DATA + 0x30, 0, 0x44444444, MI(0x20u, 3),
	      (u32)VA + 0x40, 0); /* nothing */
	assert_true(idle());
	assert_int_equal(data(0x10), 0x11111111);
	assert_int_equal(data(0x20), 0x22222222);
	assert_int_equal(data(0x24), 0x33333333);
	assert_int_equal(data(0xff8), 1);
	assert_int_equal(data(0x1004), 4);
	assert_int_equal(data(0x30), 0x44444444);
	assert_int_equal(data(0x40), 0);
	expect_silence();

	/* executed completely or not at all */
	batch(MI(0x20u, 5), (u32)hole - 4, 0, 5, 6);
	expect_fault(hole, 1, 0, 0);
	assert_int_equal(data(ROOM * PAGE - 4), 0);
	guest_map(&gpu->mem, hole, (DATA + ROOM * PAGE) | 3, 0);
	answer(false);
	assert_true(idle());
	assert_int_equal(data(ROOM * PAGE - 4), 5);
	assert_int_equal(data(ROOM * PAGE), 6);
	assert_int_equal(gpu->count[COUNT_FAULTS], 1);
	assert_int_equal(gpu->count[COUNT_REPLIES], 1);
}

static void faults(void **state)
{
	u32 va = 0x30001000;

	/* the batch itself */
	ring(START, va, 0);
	expect_fault(va, 0, 0, 1);
	assert_int_equal(head(1), 0);
	/* a reply, but the page is still not mapped */
	answer(false);
	expect_fault(va, 0, 0, 1);
	fill_batch(BATCH, ARGS(STORE, va + 0x1000, 0, 9, END));
	guest_map(&gpu->mem, va, BATCH | 3, 0);
	answer(false);
	expect_fault(va + 0x1000, 1, 0, 0);
	/* a read-only page */
	guest_map(&gpu->mem, va + 0x1000, DATA | 1, 0);
	answer(false);
	expect_fault(va + 0x1000, 1, 1, 0);
	guest_map(&gpu->mem, va + 0x1000, DATA | 3, 0);
	answer(false);
	assert_true(idle());
	assert_int_equal(data(0), 9);
	expect_silence();
	/* missing entries at each level */
	for (u32 level = 2; level < 4; level++) {
		u64 far = 1ull << (12 + 9 * level) | 0x3000;

		batch(STORE, (u32)far, (u32)(far >> 32), 1);
		expect_fault(far, 1, 0, level);
		answer(true);
		assert_int_equal(guest_receive(0, dw), 2);
		assert_int_equal(dw[0], 0x90006000);
		assert_int_equal(dw[1], 1);
		machine_h2g(0, 0x4503, 1);
		machine_register(0, 1, 3, ASID);
		machine_run_anew();
		assert_int_equal(guest_receive(0, dw), 2);
		assert_int_equal(dw[0], 0x90004600);
		assert_int_equal(guest_receive(0, dw), 3);
	}
	assert_int_equal(gpu->count[COUNT_CAT_ERRORS], 2);
	assert_int_equal(gpu->count[COUNT_UNSUCCESSFUL], 2);
}

/* a context whose fault was refused is disabled */
static void refused(void **state)
{
	ring(STORE, 0x30000000, 0, 1, STORE, (u32)VA, 0, 2);
	expect_fault(0x30000000, 1, 0, 1);
	answer(true);
	guest_receive(0, dw);
	assert_int_equal(dw[0], 0x90006000);
	guest_map(&gpu->mem, 0x30000000, DATA | 3, 0);
	ring(0);
	assert_int_equal(data(0), 0);
	expect_silence();
}

/* Answer the fault at VA + ROOM * PAGE + @at @n times with "successful". */
static void mislead(u32 n, u32 at)
{
	while (n--) {
		expect_fault(VA + ROOM * PAGE + at, 1, 0, 0);
		answer(false);
	}
}

/* a driver that always reports success, but maps nothing */
static void livelock(void **state)
{
	u32 hole = (u32)VA + ROOM * PAGE;

	ring(STORE, hole, 0, 1, STORE, hole, 0, 2, STORE, hole + PAGE, 0, 3);
	mislead(998, 0);
	assert_int_equal(gpu->count[COUNT_LIVELOCK], 0);
	mislead(500, 0);
	assert_int_equal(gpu->count[COUNT_LIVELOCK], 1);
	guest_map(&gpu->mem, hole, DATA | 3, 0);
	mislead(1, 0);
	assert_int_equal(data(0), 2);
	assert_int_equal(gpu->retries, 1499);
	mislead(998, PAGE);
	assert_int_equal(gpu->count[COUNT_LIVELOCK], 1);
	/* other addresses, and an access that succeeds, are progress */
	guest_map(&gpu->mem, hole + PAGE, DATA | 3, 0);
	mislead(1, PAGE);
	guest_map(&gpu->mem, hole, 0, 0);
	tlb_invalidate(&gpu->gt[0]->tlb, TLB_ALL_SPACES, 0, UINT64_MAX);
	ring(STORE, hole + PAGE, 0, 4, STORE, hole, 0, 5);
	mislead(998, 0);
	guest_map(&gpu->mem, hole, DATA | 3, 0);
	mislead(1, 0);
	assert_true(idle());
	assert_int_equal(gpu->count[COUNT_LIVELOCK], 1);
}

/* The next message says that context 1 is disabled. */
static void expect_disabled(void)
{
	assert_int_equal(guest_receive(0, dw), 3);
	assert_int_equal(dw[0], 0x90001002);
	assert_int_equal(dw[1], 1);
	assert_int_equal(dw[2], 0);
}

/*
 * a context is disabled while it waits for faults: that is complete after the last
 * reply, and it continues when enabled
 */
static void disabled_meanwhile(void **state)
{
	u32 first[CTB_MESSAGE], second[CTB_MESSAGE];

	batch(MI(0x3eu, 7), 2, 0x30000000, 0, PAGE, 0, 1);
	expect_fault(0x30000000, 1, 0, 1);
	memcpy(first, dw, sizeof(first));
	guest_receive(0, second);
	machine_h2g(0, 0x1001, 1, 0);
	machine_run_anew();
	expect_silence();
	guest_map(&gpu->mem, 0x30000000, DATA | 3, 0);
	guest_map(&gpu->mem, 0x30001000, (DATA + PAGE) | 3, 0);
	memcpy(dw, first, sizeof(dw));
	answer(false);
	expect_silence();
	memcpy(dw, second, sizeof(dw));
	answer(false);
	expect_disabled();
	assert_int_equal(data(0), 0);
	expect_silence();
	machine_h2g(0, 0x1001, 1, 1);
	machine_run_anew();
	assert_int_equal(data(0), 1);
	assert_true(idle());
	/* the same if the fault is refused, after the error */
	ring(STORE, 0x30002000, 0, 1);
	guest_receive(0, dw); /* enabled */
	expect_fault(0x30002000, 1, 0, 0);
	memcpy(first, dw, sizeof(first));
	machine_h2g(0, 0x1001, 1, 0);
	machine_run_anew();
	expect_silence();
	memcpy(dw, first, sizeof(dw));
	answer(true);
	guest_receive(0, dw);
	assert_int_equal(dw[0], 0x90006000);
	expect_disabled();
	expect_silence();
}

/* Submit a store of @value to context @id. */
static void submit_store(u32 id, u32 va, u32 value)
{
	machine_submit(0, id, ARGS(STORE, va, 0, value));
	machine_run_anew();
}

/*
 * while a context waits for a fault, others wait for its engine: 1 and 2 are on BCS0, 3
 * is on BCS8, 4 on CCS0, 5 on RCS0
 */
static void engine_waits(void **state)
{
	static const struct {
		const char *what;
		u32 fault, runs; /* ID; mask of the IDs of contexts that run */
	} t[] = {
		{ "engine", 1, 0x38 }, { "engine", 2, 0x38 },
		{ "engine", 3, 0x36 }, { "engine", 4, 0x2e },
		{ "group", 1, 0x38 },  { "group", 3, 0x36 },
		{ "group", 4, 0x0e },  { "none", 1, 0x3c },
	};
	static const u32 class[] = { 3, 3, 3, 4, 0 };
	char line[64], said[64];
	u32 i, id, runs;

	for (id = 2; id <= 5; id++)
		machine_register(0, id, class[id - 1], ASID);
	machine_run_anew();
	gpu->gt[0]->context[3]->mask = 2;
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		u64 hole = 0x30000000 + i * PAGE;

		while (guest_receive(0, dw))
			;
		snprintf(line, sizeof(line), "block what=%s", t[i].what);
		assert_int_equal(control_line(gpu, line, said, sizeof(said)),
				 0);
		submit_store(t[i].fault, hole, 1);
		assert_int_equal(guest_receive(0, dw), 5);
		for (id = runs = 0; id <= 5; id++)
			set_data(4 * id, 0);
		for (id = 1; id <= 5; id++)
			if (id != t[i].fault)
				submit_store(id, VA + 4 * id, 1);
		for (id = 1; id <= 5; id++)
			runs |= data(4 * id) << id;
		assert_int_equal(runs, t[i].runs);
		guest_map(&gpu->mem, hole, (DATA + PAGE) | 3, 0);
		answer(false);
		for (id = 1; id <= 5; id++)
			assert_int_equal(data(4 * id), id != t[i].fault);
	}
	/* a context that goes away, or is gone, blocks nothing */
	control_line(gpu, strcpy(line, "block what=engine"), said,
		     sizeof(said));
	submit_store(1, 0x31000000, 1);
	submit_store(2, VA, 7);
	assert_int_equal(data(0), 0);
	machine_h2g(0, 0x4503, 1);
	machine_run_anew();
	assert_int_equal(data(0), 7);
}

static void null_page(void **state)
{
	guest_map(&gpu->mem, 0x30000000, DATA | 0x203, 0);
	set_data(0, 0x55);
	set_data(8, 0x66);
	batch(STORE, 0x30000000, 0, 1, MI(0x2eu, 5), (u32)VA + 8, 0, 0x30000000,
	      0, MI(0x2fu, 11) | 5 << 8, 0x30000000, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_true(idle());
	assert_int_equal(data(0), 0x55);
	assert_int_equal(data(8), 0);
	expect_silence();
}

static void flush(void **state)
{
	u32 page = machine_context(1);

	batch(MI(0x26u, 4) | 1 << 14, (u32)VA + 8, 0, 1, MI(0x26u, 5) | 1 << 14,
	      (u32)VA + 0x10, 0, 2, 3, MI(0x26u, 4) | 1 << 14,
	      (DATA + 0x20) | 4, 0, 4,
	      MI(0x26u, 4) | 1 << 14 | 1 << 21 | 3 << 6, 0x40 | 4, 0, 5,
	      MI(0x26u, 4), (u32)VA + 0x30, 0, 6, /* no write */
	      MI(0x26u, 4) | 3 << 14, (u32)VA + 0x38, 0, 7);
	assert_true(idle());
	assert_int_equal(data(8), 1);
	assert_int_equal(data(0xc), 0);
	assert_int_equal(data(0x10), 2);
	assert_int_equal(data(0x14), 3);
	assert_int_equal(data(0x20), 4);
	assert_int_equal(*guest_at(page + 0x40), 5);
	assert_int_equal(data(0x30), 0);
}

static void pipe_control(void **state)
{
	u32 pipe = 0x7a000004, page = machine_context(1);

	batch(pipe, 1 << 14, (u32)VA + 8, 0, 1, 2, pipe, 1 << 14 | 1 << 24,
	      DATA + 0x10, 0, 3, 4, pipe, 1 << 14 | 1 << 21, 0x48, 0, 5, 6,
	      pipe, 1 << 14 | 1 << 23, (u32)VA + 0x18, 0, 7, 8, /* a register */
	      pipe, 0, (u32)VA + 0x20, 0, 9, 10, pipe, 3 << 14, (u32)VA + 0x28,
	      0, 0, 0);
	assert_true(idle());
	assert_int_equal(data(8), 1);
	assert_int_equal(data(0xc), 2);
	assert_int_equal(data(0x10), 3);
	assert_int_equal(*guest_at(page + 0x48), 5);
	assert_int_equal(data(0x18), 0);
	assert_int_equal(data(0x20), 0);
	assert_int_equal(data(0x30), 0);
	machine.clock += 1000000000;
	batch(pipe, 3 << 14, (u32)VA + 0x38, 0, 0, 0);
	assert_true(data(0x38) - data(0x28) >= 19200000);
}

/* The two instructions that also invalidate the TLB. */
static void flush_forgets(void **state)
{
	static const u32 with[2][6] = {
		{ MI(0x26u, 6) | 1 << 18 },
		{ 0x7a000004, 1 << 18 },
	};
	static const u32 without[6] = { MI(0x26u, 6) };

	for (u32 i = 0; i < 2; i++) {
		u32 to = (u32)VA + i * PAGE, other = DATA + (ROOM + 1) * PAGE;

		ring(STORE, to, 0, 1);
		guest_map(&gpu->mem, to, other | 3, 0);
		run_ring(1, without, 6);
		ring(STORE, to + 4, 0, 2); /* still the old page */
		assert_int_equal(data(i * PAGE + 4), 2);
		run_ring(1, with[i], 6);
		ring(STORE, to + 8, 0, 3);
		assert_int_equal(data(i * PAGE + 8), 0);
		assert_int_equal(*guest_at(other + 8), 3);
		set_data((ROOM + 1) * PAGE + 8, 0);
	}
	assert_true(gpu->gt[0]->tlb.late);
	assert_int_equal(gpu->gt[0]->tlb.stale, 0);
}

static void store_register(void **state)
{
	machine.clock += 1000000;
	batch(MI(0x24u, 4), 0x22358, (u32)VA, 0, MI(0x24u, 4), 0x223a8,
	      (u32)VA + 4, 0, MI(0x24u, 4) | GGTT, 0x22358, DATA + 8, 0,
	      MI(0x24u, 4), 0x22000, (u32)VA + 12, 0);
	assert_true(data(0) && data(8) >= data(0));
	assert_int_equal(data(12), 0);
	machine.clock += 1000000000;
	batch(MI(0x24u, 4), 0x22358, (u32)VA + 16, 0);
	assert_true(data(16) - data(0) >= 19200000 &&
		    data(16) - data(0) < 19300000);
}

static void copy_dword(void **state)
{
	set_data(0, 0x12345678);
	batch(MI(0x2eu, 5), (u32)VA + 4, 0, (u32)VA, 0, MI(0x2eu, 5) | GGTT,
	      (u32)VA + 8, 0, DATA, 0, MI(0x2eu, 5) | 1 << 21, DATA + 12, 0,
	      (u32)VA, 0, MI(0x2eu, 5), (u32)VA + 16, 0, 0x30000000, 0);
	assert_int_equal(data(4), 0x12345678);
	assert_int_equal(data(8), 0x12345678);
	assert_int_equal(data(12), 0x12345678);
	expect_fault(0x30000000, 0, 0, 1);
}

static void atomics(void **state)
{
	static const struct {
		u32 op;
		u64 old, a, b, new;
	} t[] = {
		{ 0x04, 5, 9, 0, 9 },
		{ 0x05, ~0ull, 0, 0, 0 },
		{ 0x06, 0, 0, 0, ~0ull },
		{ 0x07, 5, 9, 0, 14 },
		{ 0x08, 5, 9, 0, -4ull },
		{ 0x09, 5, 9, 0, 4 },
		{ 0x0c, 5, 9, 0, 9 },
		{ 0x0c, 9, 5, 0, 9 },
		{ 0x0d, 5, 9, 0, 5 },
		{ 0x0d, 9, 5, 0, 5 },
		{ 0x0e, 5, 5, 7, 7 },
		{ 0x0e, 5, 6, 7, 5 },
		{ 0x10, 0xff, 0x1e, 0, 0x1e },
		{ 0x11, 0xf0, 0x1e, 0, 0xfe },
		{ 0x12, 0xf0, 0x1e, 0, 0xee },
		{ 0x00, 5, 9, 9, 5 },
		/* with all 64 bits */
		{ 0x07, 0xffffffff, 0x100000001, 0, 0x200000000 },
		{ 0x0e, 0x100000005, 0x100000005, 0x200000007, 0x200000007 },
		{ 0x0c, 0x100000000, 0x2, 0, 0x100000000 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		u32 op = MI(0x2fu, 11) | t[i].op << 8 | 1 << 18, a = t[i].a,
		    b = t[i].b;

		set_data(0, t[i].old);
		set_data(4, 0xabababab);
		set_data(8, t[i].old);
		set_data(12, t[i].old >> 32);
		set_data(16, t[i].old);
		batch(op, (u32)VA, 0, a, b, 0, 0, 0, 0, 0, 0, op | 1 << 19,
		      (u32)VA + 8, 0, a, b, t[i].a >> 32, t[i].b >> 32, 0, 0, 0,
		      0, op | GGTT, DATA + 16, 0, a, b, 0, 0, 0, 0, 0, 0);
		assert_true(idle());
		if (t[i].a < 1ull << 32 && t[i].old < 1ull << 32)
			assert_int_equal(data(0), (u32)t[i].new);
		assert_int_equal(data(4), 0xabababab);
		assert_true(make64(data(8), data(12)) == t[i].new);
		assert_int_equal(data(16), data(0));
	}
	assert_int_equal(gpu->count[COUNT_ATOMICS], 3 * ARRAY_SIZE(t));
	batch(MI(0x2fu, 11) | 5 << 8, 0x30000000, 0);
	expect_fault(0x30000000, 2, 0, 1);
}

/* a discrete GPU supports atomics only on pages whose entries allow them */
static void atomics_discrete(void **state)
{
	guest_map(&gpu->mem, 0x30000000, DATA | 3, 0);
	batch(MI(0x2fu, 11) | 5 << 8, 0x30000000, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	expect_fault(0x30000000, 2, 2, 0);
	guest_map(&gpu->mem, 0x30000000, DATA | 0x403, 0);
	answer(false);
	assert_true(idle());
	assert_int_equal(data(0), 1);
	guest_map(&gpu->mem, 0x30000000, DATA | 0xc03, 0); /* in VRAM */
	machine_h2g(0, 0x7000, 1, 0);
	batch(MI(0x2fu, 11) | 5 << 8, 0x30000000, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	assert_int_equal(*(u32 *)(gpu->mem.vram + DATA), 1);
}

static u32 waited;

static void count_pauses(struct gpu *g)
{
	if (++waited == 20)
		set_data(0, 5);
}

/* 6 and 7 are both "not equal" */
static const struct {
	u32 op, memory;
	bool met;
} comparison[] = {
	{ 0, 6, true }, { 0, 5, false }, { 1, 5, true }, { 1, 4, false },
	{ 2, 4, true }, { 2, 5, false }, { 3, 5, true }, { 3, 6, false },
	{ 4, 5, true }, { 4, 6, false }, { 5, 6, true }, { 5, 5, false },
};

static void semaphore(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(comparison); i++) {
		u32 wait = MI(0x1cu, 4) | comparison[i].op << 12;

		set_data(0, comparison[i].memory);
		set_data(4, 0);
		machine_submit(0, 1,
			       ARGS(wait, 5, (u32)VA, 0, STORE, (u32)VA + 4, 0,
				    1));
		machine.budget = 200;
		machine_run(gpu);
		assert_int_equal(data(4), comparison[i].met);
		assert_int_equal(idle(), comparison[i].met);
		for (u32 k = 0; k < 8 && !idle(); k++) { /* every value */
			set_data(0, k);
			ring(0);
		}
		assert_true(idle());
		assert_int_equal(data(4), 1);
	}
	/* the value is set while it polls, through the global GTT */
	waited = 0;
	set_data(0, 0);
	set_data(4, 0);
	machine.meanwhile = count_pauses;
	ring(MI(0x1cu, 4) | 4 << 12 | GGTT, 5, DATA, 0, STORE, (u32)VA + 4, 0,
	     1);
	assert_true(waited >= 20);
	assert_int_equal(data(4), 1);
	/* polling a register does not wait */
	machine.meanwhile = NULL;
	ring(MI(0x1cu, 4) | 1 << 16, 5, 0, 0);
	assert_true(idle());
	ring(MI(0x1cu, 4), 5, 0x30000000, 0);
	expect_fault(0x30000000, 0, 0, 1);
}

static void conditional_end(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(comparison); i++) {
		u32 end = MI(0x36u, 4) | comparison[i].op << 12;

		set_data(0, comparison[i].memory);
		set_data(4, 0);
		batch(end, 5, (u32)VA, 0, STORE, (u32)VA + 4, 0, 1);
		assert_true(idle());
		assert_int_equal(data(4), comparison[i].met);
		batch(end | GGTT, 5, DATA, 0, STORE, (u32)VA + 4, 0, 2);
		assert_int_equal(data(4), comparison[i].met ? 2 : 0);
	}
	batch(MI(0x36u, 4), 5, 0x30000000, 0);
	expect_fault(0x30000000, 0, 0, 1);
}

static void batches(void **state)
{
	/* the second batch is called, and returns */
	fill_batch(BATCH2, ARGS(STORE, (u32)VA, 0, 1, END));
	batch(START | GGTT, BATCH2_VA, 0, STORE, (u32)VA + 4, 0, 2);
	assert_int_equal(data(0), 1);
	assert_int_equal(data(4), 2);
	/* the second batch is chained: its end ends both */
	set_data(0, 0);
	set_data(4, 0);
	batch(START, BATCH2_VA, 0, STORE, (u32)VA + 4, 0, 2);
	assert_true(idle());
	assert_int_equal(data(0), 1);
	assert_int_equal(data(4), 0);
	/* there is no third level: a batch called from the second level is chained */
	fill_batch(BATCH2, ARGS(START | GGTT, BATCH2_VA + 64, 0, STORE,
				(u32)VA + 8, 0, 3));
	memcpy(guest_at(BATCH2 + 64), (const u32[]){ END }, 4);
	batch(START | GGTT, BATCH2_VA, 0, STORE, (u32)VA + 4, 0, 4);
	assert_true(idle());
	assert_int_equal(data(8), 0);
	assert_int_equal(data(4), 4);
	/* a batch in the global GTT; then the ring continues */
	fill_batch(BATCH, ARGS(STORE, (u32)VA + 12, 0, 5, END));
	ring(START & ~(1u << 8), BATCH, 0, STORE, (u32)VA + 16, 0, 6);
	assert_int_equal(data(12), 5);
	assert_int_equal(data(16), 6);
	/* MI_BATCH_BUFFER_END in the ring has no effect */
	ring(END, STORE, (u32)VA + 20, 0, 7);
	assert_int_equal(data(20), 7);
}

static void user_interrupt(void **state)
{
	static const struct {
		u32 class, mask, bank, bit, irq_class, instance;
	} t[] = {
		{ 0, 1, 0, 0, 0, 0 },  { 1, 1, 1, 0, 1, 0 },
		{ 1, 4, 1, 2, 1, 2 },  { 2, 1, 1, 31, 2, 0 },
		{ 3, 1, 0, 15, 3, 0 }, { 3, 2, 0, 23, 3, 8 },
		{ 4, 1, 0, 4, 5, 0 },  { 4, 8, 0, 7, 5, 3 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct context *c = gpu->gt[0]->context[1];

		c->guc_class = t[i].class;
		c->mask = t[i].mask;
		irq_reset(&gpu->irq);
		ring(2 << 23);
		assert_int_equal(gpu->irq.pending[t[i].bank] & 1u << t[i].bit,
				 1u << t[i].bit);
		assert_int_equal(gpu->irq.identity[t[i].bank][t[i].bit],
				 1u << 31 | t[i].instance << 20 |
					 t[i].irq_class << 16 | 1);
	}
}

static void touch_many(void **state)
{
	u32 fault[3][CTB_MESSAGE], va = 0x30000000, i;

	batch(MI(0x3eu, 7), 3, va, 0, 0x2000, 0, 100);
	for (i = 0; i < 3; i++) {
		expect_fault(va + i * 0x2000, 1, 0, 1);
		memcpy(fault[i], dw, sizeof(fault[i]));
		guest_map(&gpu->mem, va + i * 0x2000, (DATA + i * PAGE) | 3, 0);
	}
	expect_silence();
	for (i = 3;
	     i--;) { /* each store is done once its own fault is answered */
		assert_false(idle());
		assert_int_equal(data(i * PAGE), 0);
		memcpy(dw, fault[i], sizeof(fault[i]));
		answer(false);
		assert_int_equal(data(i * PAGE), 100 + i);
	}
	assert_true(idle());
	/* and only once */
	assert_int_equal(gpu->count[COUNT_FAULTS], 3);
	/* an EU faults again and again, while the others proceed */
	va = 0x30010000;
	batch(MI(0x3eu, 7), 2, va, 0, PAGE, 0, 200, STORE, (u32)VA, 0, 202);
	expect_fault(va, 1, 0, 0);
	guest_receive(0, fault[0]);
	for (i = 1; i < 1000; i++) {
		assert_int_equal(gpu->count[COUNT_LIVELOCK], 0);
		answer(false);
		expect_fault(va, 1, 0, 0);
	}
	assert_int_equal(gpu->count[COUNT_LIVELOCK], 1);
	memcpy(fault[1], dw, sizeof(fault[1]));
	guest_map(&gpu->mem, va + PAGE, (DATA + PAGE) | 3, 0);
	memcpy(dw, fault[0], sizeof(fault[0]));
	answer(false);
	assert_int_equal(data(PAGE), 201);
	assert_int_equal(data(0), 100);
	guest_map(&gpu->mem, va, DATA | 3, 0);
	memcpy(dw, fault[1], sizeof(fault[1]));
	answer(false);
	assert_int_equal(data(0), 202);
	assert_true(idle());
	/* never more than 4096 */
	batch(MI(0x3eu, 7), ~0u, 0x31000000, 0, PAGE, 0, 0);
	assert_int_equal(gpu->gt[0]->context[1]->faults, 4096);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 4096);
}

/* one of several faults is refused: the context fails after the last reply */
static void touch_refused(void **state)
{
	u32 first[CTB_MESSAGE];

	batch(MI(0x3eu, 7), 2, 0x30000000, 0, PAGE, 0, 0);
	guest_receive(0, first);
	guest_receive(0, dw);
	answer(true);
	expect_silence();
	memcpy(dw, first, sizeof(dw));
	answer(false);
	guest_receive(0, dw);
	assert_int_equal(dw[0], 0x90006000);
	assert_false(gpu->gt[0]->context[1]->enabled);
}

/* the ring ends within an instruction, or a batch at an unmapped page */
static void truncated(void **state)
{
	u32 hole = (u32)VA + ROOM * PAGE;

	*guest_at(DATA + ROOM * PAGE - 4) = STORE;
	ring(START, hole - 4, 0);
	expect_fault(hole, 0, 0, 0);
	fill_batch(BATCH, ARGS((u32)VA, 0, 1, END));
	guest_map(&gpu->mem, hole, BATCH | 3, 0);
	answer(false);
	assert_true(idle());
	assert_int_equal(data(0), 1);
	/* it may run around the ring forever, but not without pauses */
	machine_submit(0, 1, ARGS(STORE, (u32)VA));
	machine.budget = 500;
	machine_run(gpu);
}

static void ring_wraps(void **state)
{
	for (u32 i = 0; i < 700; i++) {
		ring(STORE, (u32)VA, 0, i + 1, 0);
		assert_int_equal(data(0), i + 1);
		assert_int_equal(head(1), (i + 1) * 20 % 4096);
		assert_true(idle());
	}
	assert_true(guest_at(machine_context(1) + 0x1000)[0x23] > 0);
}

/* any header: the instruction is skipped by its length, or limited to the batch */
static void wild_lengths(void **state)
{
	static const u32 header[] = {
		0x103fffff, 0x10bfffff, 0x137fffff, 0x17ffffff, 0x17bfffff,
		0x1b3fffff, 0x1f0000ff, 0x0e0000ff, 0x122000ff, 0x3fffffff,
		0x508000ff, 0x5100ffff, 0x568000ff, 0x56c000ff, 0x7a0000ff,
		0x7fffffff, 0xffffffff, 0x9fffffff, 0x18800000, 0x13000000,
		0x7a000000, 0x56800000, 0x56c00000, 0x50800000,
	};

	for (u32 i = 0; i < ARRAY_SIZE(header); i++) {
		u32 from = guest_at(machine_context(1) + 0x1000)[7];

		machine_submit(0, 1, &header[i], 1);
		machine.budget = 300;
		machine_run(gpu);
		/* start again */
		machine_mailbox(0, 0x4509, 0, 0, 0);
		memset(guest_at(machine_context(1) + CONTEXT_RING), 0, PAGE);
		memset(guest_at(H2G_DESC), 0, 128);
		machine_mailbox(0, 0x4509, 1, 0, 0);
		machine_register(0, 1, 3, ASID);
		machine_run_anew();
		assert_int_equal(guest_receive(0, dw), 3);
		set_data(0, 0);
		ring(STORE, (u32)VA, 0, from + 1);
		assert_int_equal(data(0), from + 1);
		gpu->count[COUNT_UNKNOWN] = 0;
	}
}

/* a context in an endless loop lets others run, and can be disabled */
static void endless_loop(void **state)
{
	static const u32 level[] = { START, START | GGTT };

	for (u32 i = 0; i < ARRAY_SIZE(level); i++) {
		fill_batch(BATCH, ARGS(level[i], BATCH_VA, 0));
		machine_register(0, 2, 0, ASID);
		machine_submit(0, 1, ARGS(START, BATCH_VA, 0));
		machine_submit(0, 2, ARGS(STORE, (u32)VA, 0, i + 1));
		machine.budget = 5000;
		machine_run(gpu);
		assert_int_equal(machine.budget, 0);
		assert_int_equal(data(0), i + 1);
		machine_h2g(0, 0x1001, 1, 0);
		machine_run_anew();
		assert_true(machine.budget > BUDGET / 2);
		do {
			assert_true(guest_receive(0, dw));
		} while (dw[0] != 0x90001002 || dw[1] != 1 || dw[2]);
		machine_h2g(0, 0x4503, 1);
		machine_register(0, 1, 3, ASID);
		machine_run_anew();
	}
}

static u32 stop_at;

static void stop_it(struct gpu *g)
{
	if (stop_at && !--stop_at) {
		context_set_mode(g->gt[0], 1, false);
		assert_int_equal(g->gt[0]->guc.outs, 0); /* not yet */
	}
}

/* disabled while it runs: it stops, reports that, and later continues there */
static void preempted(void **state)
{
	static const u32 ins[] = { STORE, VA, 0,     1,	     STORE, VA + 4,
				   0,	  2,  STORE, VA + 8, 0,	    3 };

	machine_submit(0, 1, ins, 12);
	machine_run(gpu); /* send the remaining messages */
	set_data(0, 0);
	set_data(4, 0);
	set_data(8, 0);
	machine_submit(0, 1, ins, 12);
	context_schedule(gpu->gt[0]->context[1]);
	stop_at = 2;
	machine.meanwhile = stop_it;
	context_thread(gpu);
	machine.meanwhile = NULL;
	assert_false(gpu->gt[0]->context[1]->enabled);
	assert_int_equal(data(0), 1);
	assert_int_equal(data(8), 0);
	machine_run_anew();
	assert_int_equal(guest_receive(0, dw), 3);
	assert_int_equal(dw[2], 0);
	assert_int_equal(data(8), 0);
	machine_h2g(0, 0x1001, 1, 1);
	machine_run_anew();
	assert_int_equal(data(8), 3);
	assert_true(idle());
}

static void reset_it(struct gpu *g)
{
	if (stop_at && !--stop_at)
		mmio_write(g, 0x941c, 1);
}

/* a reset at any moment: the context is gone, without an error */
static void reset_while_running(void **state)
{
	for (u32 at = 1; at < 12; at++) {
		fill_batch(BATCH, ARGS(0x568c0007, 0x3ffff, 0, 0, 0, (u32)VA, 0,
				       (u32)VA, 0, MI(0x3eu, 7), 8, 0x30000000,
				       0, PAGE, 0, 0));
		machine_submit(0, 1, ARGS(0, 0, START, BATCH_VA, 0));
		stop_at = at;
		machine.meanwhile = reset_it;
		machine_run_anew();
		machine.meanwhile = NULL;
		if (stop_at)
			mmio_write(gpu, 0x941c, 1);
		assert_null(gpu->gt[0]->context[1]);
		assert_int_equal(guc_open_faults(gpu->gt[0]), 0);
		machine_boot(0);
		machine_register(0, 1, 3, ASID);
		machine_run_anew();
	}
	assert_int_equal(gpu->count[COUNT_MISSING], 0);
}

static void blit(void **state)
{
	u32 i;

	for (i = 0; i < 64; i++)
		set_data(4 * i, i + 1);
	/* a line of 8 dwords; a matrix of 3 lines; a page of 256 bytes */
	batch(0x56800007, 31, 0, 0, 0, (u32)VA, 0, (u32)VA + 0x1000, 0,
	      0x56820007, 7, 2, 31, 15, (u32)VA, 0, (u32)VA + 0x2000, 0,
	      0x56880007, 0, 0, 0, 0, (u32)VA, 0, (u32)VA + 0x3000, 0,
	      0x56c00005, 99, 7, 0x1fff, (u32)VA + 0x4ff0, 0, 0xab000000,
	      0x56c20005, 3, 1, 63, (u32)VA + 0x6000, 0, 0xcd000000);
	assert_true(idle());
	assert_int_equal(data(0x101c), 8);
	assert_int_equal(data(0x1020), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(data(0x2000 + 16 * i), 1 + 8 * i);
		assert_int_equal(data(0x2004 + 16 * i), 2 + 8 * i);
		assert_int_equal(data(0x2008 + 16 * i), 0);
	}
	assert_memory_equal(guest_at(DATA), guest_at(DATA + 0x3000), 256);
	assert_int_equal(data(0x3100), 0);
	assert_int_equal(data(0x4fec), 0);
	assert_int_equal(data(0x4ff0), 0xabababab);
	assert_int_equal(data(0x5050), 0xabababab);
	assert_int_equal(data(0x5054), 0);
	assert_int_equal(data(0x6ff0), 0);
	assert_int_equal(data(0x6000), 0xcdcdcdcd);
	assert_int_equal(data(0x6004), 0);
	assert_int_equal(data(0x6040), 0xcdcdcdcd);
	/* 2 lines of 3 pixels: copied, and cleared */
	batch(0x50800008, 64, 0, 2 << 16 | 3, (u32)VA + 0x7000, 0, 0, 32,
	      (u32)VA, 0);
	assert_int_equal(data(0x7008), 3);
	assert_int_equal(data(0x700c), 0);
	assert_int_equal(data(0x7040), 9);
	batch(0x51000004, 63, 0, 2 << 16 | 3, (u32)VA + 0x7000, 0);
	assert_int_equal(data(0x7008), 0);
	assert_int_equal(data(0x7040), 0);
	assert_int_equal(gpu->count[COUNT_COPIES], 4);
	/* too short: no effect */
	batch(0x56800000, 31, 0x50800000, 1, 0x51000000, 2, 0x56c00000, 3);
	assert_true(idle());
	assert_int_equal(gpu->count[COUNT_COPIES], 4);
	/* after a fault, the instruction is executed again */
	set_data(0x7000, 0);
	batch(0x56800007, 31, 0, 0, 0, 0x30000000, 0, (u32)VA + 0x7000, 0);
	expect_fault(0x30000000, 0, 0, 1);
	guest_map(&gpu->mem, 0x30000000, DATA | 3, 0);
	answer(false);
	assert_int_equal(data(0x7000), 1);
	assert_true(idle());
}

static void blit_bounded(void **state)
{
	guest_map(&gpu->mem, 0x40000000, 0x283, 2); /* null, 1 GiB */
	batch(0x56820007, 0xffffff, 0x3ffff, 0, 0, 0x40000000, 0, 0x40000000,
	      0);
	assert_true(idle());
	assert_int_equal(gpu->count[COUNT_UNKNOWN], 1);
	gpu->count[COUNT_UNKNOWN] = 0;
	assert_int_equal(gpu->count[COUNT_COPIES], 0);
}

/* two LRCs that get their tails through the work queue */
static void parallel(void **state)
{
	u32 desc = 0x1e0000, queue = 0x1e1000, *item = guest_at(queue), i;

	for (i = 2; i < 4; i++) {
		u32 *reg = guest_at(machine_context(i) + 0x1000);
		u32 *at = guest_at(machine_context(i) + CONTEXT_RING);

		reg[0x09] = machine_context(i) + CONTEXT_RING;
		reg[0x2f] = ASID;
		reg[0x33] = TABLES;
		at[0] = STORE;
		at[1] = (u32)VA + 4 * i;
		at[3] = i;
	}
	machine_h2g(0, 0x4601, 0, 9, 1, 3, desc, 0, queue, 0, 0x1000, 2,
		    machine_context(2), 0, machine_context(3), 0);
	item[0] = 4 << 16 | 5;
	item[1] = machine_context(2);
	item[2] = 9 | 2 << 18;
	item[4] = 16 / 8;
	guest_at(desc)[1] = 20;
	machine_h2g(0, 0x1001, 9, 1);
	machine_run_anew();
	assert_int_equal(data(8), 2);
	assert_int_equal(data(12), 3);
	assert_int_equal(guest_at(desc)[0], 20);
	assert_int_equal(head(2), 16);
	assert_int_equal(head(3), 16);
	/* two items, wrapping around the end of the queue: the last tail counts */
	guest_at(desc)[0] = 0x1000 - 20;
	guest_at(desc)[1] = 20;
	memcpy(item + 0x1000 / 4 - 5, item, 20);
	memset(guest_at(machine_context(2) + CONTEXT_RING + 16), 0, 16);
	item[2] = 9 | 4 << 18;
	machine_h2g(0, 0x1000, 9);
	machine_run_anew();
	assert_int_equal(head(2), 32);
	assert_int_equal(head(3), 16);
	assert_int_equal(guest_at(desc)[0], 20);
	/* a queue at an invalid address */
	guest_at(desc)[1] = 0xfffffffc;
	machine_h2g(0, 0x1000, 9);
	machine_run_anew();
	assert_true(machine.budget > BUDGET / 2);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(store, setup, teardown),
		cmocka_unit_test_setup_teardown(faults, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(livelock, setup, teardown),
		cmocka_unit_test_setup_teardown(disabled_meanwhile, setup,
						teardown),
		cmocka_unit_test_setup_teardown(engine_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(null_page, setup, teardown),
		cmocka_unit_test_setup_teardown(flush, setup, teardown),
		cmocka_unit_test_setup_teardown(pipe_control, setup, teardown),
		cmocka_unit_test_setup_teardown(flush_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(store_register, setup,
						teardown),
		cmocka_unit_test_setup_teardown(copy_dword, setup, teardown),
		cmocka_unit_test_setup_teardown(atomics, setup, teardown),
		cmocka_unit_test_setup_teardown(atomics_discrete,
						setup_discrete, teardown),
		cmocka_unit_test_setup_teardown(semaphore, setup, teardown),
		cmocka_unit_test_setup_teardown(conditional_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(batches, setup, teardown),
		cmocka_unit_test_setup_teardown(user_interrupt, setup,
						teardown),
		cmocka_unit_test_setup_teardown(touch_many, setup, teardown),
		cmocka_unit_test_setup_teardown(touch_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(truncated, setup, teardown),
		cmocka_unit_test_setup_teardown(ring_wraps, setup, teardown),
		cmocka_unit_test_setup_teardown(wild_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(endless_loop, setup, teardown),
		cmocka_unit_test_setup_teardown(preempted, setup, teardown),
		cmocka_unit_test_setup_teardown(reset_while_running, setup,
						teardown),
		cmocka_unit_test_setup_teardown(blit, setup, teardown),
		cmocka_unit_test_setup_teardown(blit_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(parallel, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
