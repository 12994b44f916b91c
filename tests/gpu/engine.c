// SPDX-License-Identifier: GPL-2.0
/*
 * The command streamer executes the ring of a context and the batches that it starts.
 *
 * The context image follows drivers/gpu/drm/xe/regs/xe_lrc_layout.h, the instructions
 * follow instructions/xe_mi_commands.h and xe_gpu_commands.h. Instructions that only
 * matter for rendering are skipped by their length. An instruction is executed
 * completely or not at all: if it faults, it is executed again after the reply.
 * Therefore it touches all memory that it will write before it writes.
 *
 * One instruction exists only in the model, to test many faults at once: MI opcode
 * 0x3e, seven dwords: header, n (up to 4096), address (low, high), stride (low, high),
 * value. For all i < n, an EU stores value + i at address + i * stride. Each EU whose
 * address is not mapped raises a fault, and continues after the reply to it, whether or
 * not the others still wait.
 */
#include <stdlib.h>
#include <string.h>

#include "gpu.h"

#define LRC_REGS 0x1000
#define CTX_RING_HEAD 0x05
#define CTX_RING_TAIL 0x07
#define CTX_RING_START 0x09
#define CTX_RING_CTL 0x0b
#define CTX_TIMESTAMP 0x23
#define CTX_TIMESTAMP_UDW 0x25
#define CTX_ASID 0x2f
#define CTX_PDP0_UDW 0x31
#define CTX_PDP0_LDW 0x33

#define TYPE_MI 0
#define TYPE_BLITTER 2
#define TYPE_PIPE 3

#define MI_USER_INTERRUPT 0x02
#define MI_BATCH_BUFFER_END 0x0a
#define MI_SEMAPHORE_WAIT 0x1c
#define MI_STORE_DATA_IMM 0x20
#define MI_STORE_REGISTER_MEM 0x24
#define MI_FLUSH_DW 0x26
#define MI_COPY_MEM_MEM 0x2e
#define MI_ATOMIC 0x2f
#define MI_BATCH_BUFFER_START 0x31
#define MI_CONDITIONAL_BATCH_BUFFER_END 0x36
#define MI_TOUCH_MANY 0x3e

#define PIPE_CONTROL 0x7a

/* After this many instructions or jumps, an engine turns to other contexts. */
#define SLICE_INSTRUCTIONS 4096
#define SLICE_JUMPS 64

#define INSTRUCTION_MAX 1026
#define TIMESTAMP_HZ 19200000ull

static bool live(const struct context *c)
{
	return c->registered && c->enabled && !c->gt->gpu->quit;
}

static void raise_fault(struct context *c, u64 va, enum access access,
			const struct translation *t)
{
	unsigned int bank, bit, instance;
	enum engine_class class;
	struct fault f = {
		.context = c,
		.va = va & VA_MASK,
		.asid = c->asid,
		.eu = c->eu,
		.access = access,
		.type = !t->present  ? FAULT_NOT_PRESENT :
			!t->writable ? FAULT_WRITE :
				       FAULT_ATOMIC,
		.level = t->level,
	};

	context_engine(c, &bank, &bit, &class, &instance);
	f.class = class;
	f.instance = instance;
	trace(c->gt->gpu, 2,
	      "GuC%u: context %u asid %u faults at %#llx, access %u type %u level %u",
	      c->gt->id, c->id, c->asid, (unsigned long long)f.va, f.access,
	      f.type, f.level);
	if (!guc_fault(c->gt, &f))
		return;
	c->faults++;
	judge_retry(c->gt->gpu,
		    c->eu < EUS ? &c->touch->retry[c->eu] : &c->retry, va,
		    access);
}

/* Translate an address. If it is not accessible, raise a fault and return false. */
static bool translate(struct context *c, u64 va, enum access access,
		      struct translation *t)
{
	u64 now = now_ns();

	tlb_walk(&c->gt->tlb, &c->gt->gpu->mem, c->asid, c->root, va, t, now);
	if (tlb_use(&c->gt->tlb, c->asid, c->root, va, access, t, now))
		return true;
	raise_fault(c, va, access, t);
	return false;
}

static u64 in_page(u64 va, u64 n)
{
	u64 left = PAGE - va % PAGE;

	return n < left ? n : left;
}

static struct phys at(const struct translation *t, u64 va)
{
	return (struct phys){ t->page.addr | va % PAGE, t->page.vram };
}

/**
 * engine_probe() - touch memory of a context
 * @c: the context
 * @va: address of the first byte
 * @n: number of bytes
 * @access: kind of access
 *
 * Return: false if it raised a fault.
 */
bool engine_probe(struct context *c, u64 va, u64 n, enum access access)
{
	struct translation t;

	for (u64 k; n; n -= k, va += k) {
		k = in_page(va, n);
		if (!translate(c, va, access, &t))
			return false;
	}
	return true;
}

/**
 * engine_read() - read memory of a context
 * @c: the context
 * @va: address of the first byte
 * @to: destination
 * @n: number of bytes
 *
 * Return: false if it raised a fault.
 */
bool engine_read(struct context *c, u64 va, void *to, u64 n)
{
	struct translation t;
	u8 *b = to;

	for (u64 k; n; n -= k, va += k, b += k) {
		k = in_page(va, n);
		if (!translate(c, va, ACCESS_READ, &t))
			return false;
		if (t.null)
			memset(b, 0, k);
		else
			memory_read(&c->gt->gpu->mem, at(&t, va), b, k);
	}
	return true;
}

/**
 * engine_write() - write memory of a context
 * @c: the context
 * @va: address of the first byte
 * @from: source
 * @n: number of bytes
 *
 * Return: false if it raised a fault; then nothing beyond that page was written.
 */
bool engine_write(struct context *c, u64 va, const void *from, u64 n)
{
	const u8 *b = from;
	struct translation t;

	for (u64 k; n; n -= k, va += k, b += k) {
		k = in_page(va, n);
		if (!translate(c, va, ACCESS_WRITE, &t))
			return false;
		if (!t.null)
			memory_write(&c->gt->gpu->mem, at(&t, va), b, k);
	}
	return true;
}

static bool read_either(struct context *c, bool ggtt, u64 addr, void *to, u64 n)
{
	if (!ggtt)
		return engine_read(c, addr, to, n);
	ggtt_read(&c->gt->gpu->mem, addr & UINT32_MAX, to, n);
	return true;
}

static bool write_either(struct context *c, bool ggtt, u64 addr,
			 const void *from, u64 n)
{
	if (!ggtt)
		return engine_write(c, addr, from, n);
	ggtt_write(&c->gt->gpu->mem, addr & UINT32_MAX, from, n);
	return true;
}

static enum step done(bool ok)
{
	return ok ? STEP_NEXT : STEP_FAULT;
}

static u64 ticks(u64 ns)
{
	return ns / 1000 * (TIMESTAMP_HZ / 1000) / 1000;
}

/* Read a register for MI_STORE_REGISTER_MEM: only clocks are supported. */
static u32 read_register(struct context *c, u32 reg)
{
	u64 now = now_ns();

	switch (reg & 0xfff) {
	case 0x358:
		return ticks(now - c->gt->gpu->started);
	case 0x35c:
		return ticks(now - c->gt->gpu->started) >> 32;
	case 0x3a8:
		return c->timestamp + ticks(now - c->started);
	case 0x3ac:
		return (c->timestamp + ticks(now - c->started)) >> 32;
	}
	return 0;
}

static bool compare(u32 op, u32 memory, u32 data)
{
	switch (op & 7) {
	case 0:
		return memory > data;
	case 1:
		return memory >= data;
	case 2:
		return memory < data;
	case 3:
		return memory <= data;
	case 4:
		return memory == data;
	default:
		return memory != data;
	}
}

static u64 operate(u32 op, u64 old, u64 a, u64 b)
{
	switch (op) {
	case 0x04:
		return a;
	case 0x05:
		return old + 1;
	case 0x06:
		return old - 1;
	case 0x07:
		return old + a;
	case 0x08:
		return old - a;
	case 0x09:
		return a - old;
	case 0x0c:
		return old > a ? old : a;
	case 0x0d:
		return old < a ? old : a;
	case 0x0e:
		return old == a ? b : old;
	case 0x10:
		return old & a;
	case 0x11:
		return old | a;
	case 0x12:
		return old ^ a;
	}
	return old;
}

/* Use real atomics: the guest's CPUs may access the same memory. */
static void operate32(u32 *to, u32 op, u32 a, u32 b)
{
	u32 old = __atomic_load_n(to, __ATOMIC_RELAXED), new;

	do {
		new = operate(op, old, a, b);
	} while (!__atomic_compare_exchange_n(
		to, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

static void operate64(u64 *to, u32 op, u64 a, u64 b)
{
	u64 old = __atomic_load_n(to, __ATOMIC_RELAXED), new;

	do {
		new = operate(op, old, a, b);
	} while (!__atomic_compare_exchange_n(
		to, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

static enum step atomic(struct context *c, const u32 *ins)
{
	struct memory *m = &c->gt->gpu->mem;
	u32 op = bits(ins[0], 12, 8);
	bool wide = bits(ins[0], 20, 19) == 1;
	u64 va = make64(ins[1], ins[2]) & ~(wide ? 7ull : 3ull), a = ins[3],
	    b = ins[4];
	struct translation t;
	struct phys p;
	void *to;

	if (wide) {
		a = make64(ins[3], ins[5]);
		b = make64(ins[4], ins[6]);
	}
	if (ins[0] & BIT(22)) {
		if (!ggtt_lookup(m, va & UINT32_MAX, &p))
			return STEP_NEXT;
	} else {
		if (!translate(c, va, ACCESS_ATOMIC, &t))
			return STEP_FAULT;
		if (t.null)
			return STEP_NEXT;
		p = at(&t, va);
	}
	c->gt->gpu->count[COUNT_ATOMICS]++;
	to = memory_at(m, p, wide ? 8 : 4, true);
	if (to && wide)
		operate64(to, op, a, b);
	else if (to)
		operate32(to, op, a, b);
	return STEP_NEXT;
}

/* Let the EUs that are ready execute. */
static enum step touch_more(struct context *c)
{
	struct touch *t = c->touch;
	u32 i, value, faults;

	for (i = 0; i < t->n; i++) {
		if (t->state[i] != EU_READY)
			continue;
		c->eu = i;
		value = t->value + i;
		faults = c->faults;
		if (engine_write(c, t->va + i * t->stride, &value, 4)) {
			t->state[i] = EU_DONE;
			t->done++;
		} else if (c->faults > faults) {
			t->state[i] = EU_WAITS;
		}
	}
	c->eu = NO_EU;
	if (t->done < t->n)
		return STEP_FAULT;
	t->lrc->pc[t->lrc->level] = t->next;
	c->touch = NULL;
	free(t);
	return STEP_JUMPED;
}

static enum step touch_many(struct context *c, struct lrc *lrc, const u32 *ins,
			    u64 next)
{
	struct touch *t = c->touch ? NULL : calloc(1, sizeof(*t));

	if (!t)
		return STEP_YIELD;
	t->lrc = lrc;
	t->n = ins[1] < EUS ? ins[1] : EUS;
	t->va = make64(ins[2], ins[3]);
	t->stride = make64(ins[4], ins[5]);
	t->value = ins[6];
	t->next = next;
	c->touch = t;
	return touch_more(c);
}

static void flush_tlb(struct context *c)
{
	tlb_invalidate(&c->gt->tlb, c->asid, 0, UINT64_MAX);
}

static enum step flush_dw(struct context *c, struct lrc *lrc, const u32 *ins,
			  u32 n)
{
	bool ggtt = ins[1] & BIT(2);
	u64 addr = make64(ins[1] & ~7u, ins[2]);

	if (ins[0] & BIT(18))
		flush_tlb(c);
	if (bits(ins[0], 15, 14) != 1 || n < 4)
		return STEP_NEXT;
	if (ins[0] & BIT(21)) { /* an index into the PPHWSP */
		addr = lrc->addr + (ins[1] & 0xff8);
		ggtt = true;
	}
	return done(write_either(c, ggtt, addr, ins + 3, 4 * (n < 5 ? 1 : 2)));
}

static enum step pipe_control(struct context *c, struct lrc *lrc,
			      const u32 *ins)
{
	bool ggtt = ins[1] & BIT(24);
	u64 addr = make64(ins[2] & ~3u, ins[3]), value = make64(ins[4], ins[5]);
	u32 op = bits(ins[1], 15, 14);

	if (ins[1] & BIT(18))
		flush_tlb(c);
	if (!op || ins[1] & BIT(23)) /* none, or to a register */
		return STEP_NEXT;
	if (op == 3)
		value = ticks(now_ns() - c->gt->gpu->started);
	if (ins[1] & BIT(21)) {
		addr = lrc->addr + (ins[2] & 0xffc);
		ggtt = true;
	}
	return done(write_either(c, ggtt, addr, &value, 8));
}

/* Jump into a batch. At its end the caller continues, unless the batch is chained. */
static enum step start_batch(struct lrc *lrc, const u32 *ins, u64 next)
{
	u32 level = lrc->level;

	lrc->pc[level] = next;
	if (!level || (level == 1 && ins[0] & BIT(22)))
		level++;
	lrc->level = level;
	lrc->pc[level] = make64(ins[1], ins[2]) & VA_MASK & ~3ull;
	lrc->ppgtt[level] = ins[0] & BIT(8);
	return STEP_JUMPED;
}

static enum step mi(struct context *c, struct lrc *lrc, const u32 *ins, u32 n,
		    u64 next)
{
	bool ggtt = ins[0] & BIT(22);
	unsigned int bank, bit, instance;
	enum engine_class class;
	u32 v;

	switch (bits(ins[0], 28, 23)) {
	case MI_USER_INTERRUPT:
		context_engine(c, &bank, &bit, &class, &instance);
		irq_raise(&c->gt->gpu->irq, bank, bit, class, instance, BIT(0));
		return STEP_NEXT;
	case MI_BATCH_BUFFER_END:
		if (!lrc->level)
			return STEP_NEXT;
		lrc->level--;
		return STEP_JUMPED;
	case MI_BATCH_BUFFER_START:
		return start_batch(lrc, ins, next);
	case MI_CONDITIONAL_BATCH_BUFFER_END:
		if (!read_either(c, ggtt, make64(ins[2] & ~3u, ins[3]), &v, 4))
			return STEP_FAULT;
		if (compare(bits(ins[0], 14, 12), v, ins[1]) || !lrc->level)
			return STEP_NEXT;
		lrc->level--;
		return STEP_JUMPED;
	case MI_SEMAPHORE_WAIT:
		if (ins[0] & BIT(16)) /* polls a register */
			return STEP_NEXT;
		if (!read_either(c, ggtt, make64(ins[2] & ~3u, ins[3]), &v, 4))
			return STEP_FAULT;
		return compare(bits(ins[0], 14, 12), v, ins[1]) ? STEP_NEXT :
								  STEP_YIELD;
	case MI_STORE_DATA_IMM:
		if (n < 4)
			return STEP_NEXT;
		if (!ggtt && !engine_probe(c, make64(ins[1], ins[2]),
					   4 * (n - 3), ACCESS_WRITE))
			return STEP_FAULT;
		return done(write_either(c, ggtt, make64(ins[1], ins[2]),
					 ins + 3, 4 * (n - 3)));
	case MI_FLUSH_DW:
		return flush_dw(c, lrc, ins, n);
	case MI_STORE_REGISTER_MEM:
		v = read_register(c, ins[1]);
		return done(write_either(c, ggtt, make64(ins[2] & ~3u, ins[3]),
					 &v, 4));
	case MI_COPY_MEM_MEM:
		return done(read_either(c, ggtt, make64(ins[3] & ~3u, ins[4]),
					&v, 4) &&
			    write_either(c, ins[0] & BIT(21),
					 make64(ins[1] & ~3u, ins[2]), &v, 4));
	case MI_ATOMIC:
		return atomic(c, ins);
	case MI_TOUCH_MANY:
		return touch_many(c, lrc, ins, next);
	}
	return STEP_NEXT;
}

static u32 length(u32 header)
{
	u32 op = bits(header, 28, 23);

	switch (header >> 29) {
	case TYPE_MI:
		if (op < 0x10)
			return 1;
		if (op == MI_STORE_DATA_IMM)
			return bits(header, 9, 0) + 2;
		if (op == MI_FLUSH_DW)
			return bits(header, 5, 0) + 2;
		break;
	case TYPE_PIPE:
		if (bits(header, 28, 27) == 1)
			return 1;
		break;
	}
	return bits(header, 7, 0) + 2;
}

struct ring {
	u64 start;
	u32 size, tail;
};

static bool fetch(struct context *c, struct lrc *lrc, const struct ring *ring,
		  u64 pc, u32 *to, u32 n)
{
	if (lrc->level)
		return read_either(c, !lrc->ppgtt[lrc->level], pc, to, 4 * n);
	for (u32 i = 0; i < n; i++)
		to[i] = ggtt_read32(&c->gt->gpu->mem,
				    ring->start + (pc + 4 * i) % ring->size);
	return true;
}

static enum step one(struct context *c, struct lrc *lrc,
		     const struct ring *ring)
{
	u32 ins[INSTRUCTION_MAX], n, level = lrc->level;
	u64 pc = lrc->pc[level], next;
	enum step step = STEP_NEXT;

	if (c->touch && c->touch->lrc == lrc)
		return touch_more(c);
	if (!fetch(c, lrc, ring, pc, ins, 1))
		return STEP_FAULT;
	n = length(ins[0]);
	if (n > 1 && !fetch(c, lrc, ring, pc + 4, ins + 1, n - 1))
		return STEP_FAULT;
	if (n < 16)
		memset(ins + n, 0, 4 * (16 - n));
	next = pc + 4 * n;
	if (!level)
		next %= ring->size;
	trace(c->gt->gpu, 4,
	      "CS%u context %u level %u %#llx: %08x %08x %08x %08x", c->gt->id,
	      c->id, level, (unsigned long long)pc, ins[0], ins[1], ins[2],
	      ins[3]);
	switch (ins[0] >> 29) {
	case TYPE_MI:
		step = mi(c, lrc, ins, n, next);
		break;
	case TYPE_BLITTER:
		step = blitter_step(c, ins, n);
		break;
	case TYPE_PIPE:
		if (ins[0] >> 24 == PIPE_CONTROL)
			step = pipe_control(c, lrc, ins);
		break;
	}
	if (step == STEP_NEXT)
		lrc->pc[level] = next;
	return step;
}

static enum run slice(struct context *c, struct lrc *lrc,
		      const struct ring *ring)
{
	struct memory *m = &c->gt->gpu->mem;
	u32 instructions = 0, jumps = 0;
	enum step step;

	while (lrc->level || lrc->pc[0] != ring->tail) {
		if (!live(c))
			return RUN_STOPPED;
		step = one(c, lrc, ring);
		if (step == STEP_FAULT)
			return c->faults ? RUN_FAULTED : RUN_YIELDED;
		c->retry.n = 0;
		if (!live(c))
			return RUN_STOPPED;
		if (!lrc->level)
			ggtt_write32(m,
				     lrc->addr + LRC_REGS + 4 * CTX_RING_HEAD,
				     lrc->pc[0]);
		if (step == STEP_YIELD)
			return RUN_YIELDED;
		if (step == STEP_JUMPED && lrc->level && ++jumps > SLICE_JUMPS)
			return RUN_YIELDED;
		if (++instructions > SLICE_INSTRUCTIONS)
			return RUN_YIELDED;
		gpu_breathe(c->gt->gpu);
	}
	return RUN_IDLE;
}

/**
 * engine_run() - run a context for one slice
 * @c: the context
 * @lrc: one of its LRCs
 *
 * Return: why it stopped.
 */
enum run engine_run(struct context *c, struct lrc *lrc)
{
	struct memory *m = &c->gt->gpu->mem;
	u64 regs = lrc->addr + LRC_REGS;
	u32 reg[CTX_PDP0_LDW + 1];
	struct ring ring;
	enum run run;

	ggtt_read(m, regs, reg, sizeof(reg));
	c->root = make64(reg[CTX_PDP0_LDW], reg[CTX_PDP0_UDW]) & PTE_ADDRESS;
	c->asid = reg[CTX_ASID] & 0xfffff;
	judge_space(c->gt->gpu, c->asid, c->root);
	c->timestamp = make64(reg[CTX_TIMESTAMP], reg[CTX_TIMESTAMP_UDW]);
	c->started = now_ns();
	c->ran = true;
	ring.start = reg[CTX_RING_START];
	ring.size = (reg[CTX_RING_CTL] & 0x1ff000) + PAGE;
	ring.tail = reg[CTX_RING_TAIL] % ring.size & ~3u;
	if (!lrc->level)
		lrc->pc[0] = reg[CTX_RING_HEAD] % ring.size & ~3u;
	trace(c->gt->gpu, 3,
	      "CS%u context %u asid %u ring %#llx head %#x tail %#x level %u",
	      c->gt->id, c->id, c->asid, (unsigned long long)ring.start,
	      (u32)lrc->pc[0], ring.tail, lrc->level);
	run = slice(c, lrc, &ring);
	if (c->registered) {
		c->timestamp += ticks(now_ns() - c->started) + 1;
		ggtt_write32(m, regs + 4 * CTX_TIMESTAMP, c->timestamp);
		ggtt_write32(m, regs + 4 * CTX_TIMESTAMP_UDW,
			     c->timestamp >> 32);
	}
	return run;
}
