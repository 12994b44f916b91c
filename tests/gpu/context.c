// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts, and the threads that run them.
 *
 * H2G messages register, enable and submit contexts (see guc.c). A context has one
 * LRC, or several in parallel, which get their ring tails through a work queue (see
 * drivers/gpu/drm/xe/abi/guc_scheduler_abi.h and xe_guc_submit.c). Any engine thread
 * can run any context, but only one thread at a time. If a context is disabled, it stops
 * before its next instruction and after the last reply to its faults: an engine cannot
 * be preempted while it waits for a fault. Only then is that reported. Until then, the
 * other contexts of the engine wait.
 */
#include <stdlib.h>

#include "gpu.h"

#define SCHED_CONTEXT_MODE_DONE 0x1002
#define DEREGISTER_CONTEXT_DONE 0x4600
#define NOTIFY_MEMORY_CAT_ERROR 0x6000

#define LRC_REGS 0x1000
#define RING_TAIL 7
#define YIELD_US 100

/* The work queue has a descriptor and items. */
#define WQ_HEAD 0
#define WQ_TAIL 4
#define WQ_TYPE_MULTI_LRC 5

enum guc_class {
	GUC_RENDER,
	GUC_VIDEO,
	GUC_ENHANCE,
	GUC_COPY,
	GUC_COMPUTE,
	GUC_OTHER,
};

/**
 * context_get() - take a reference
 * @c: the context, or NULL
 *
 * Return: the context.
 */
struct context *context_get(struct context *c)
{
	if (c)
		c->refs++;
	return c;
}

/**
 * context_put() - drop a reference
 * @c: the context, or NULL
 */
void context_put(struct context *c)
{
	if (!c || --c->refs)
		return;
	free(c->touch);
	free(c);
}

static struct context **occupant(const struct context *c)
{
	unsigned int bank, bit, instance;
	enum engine_class class;

	context_engine(c, &bank, &bit, &class, &instance);
	return &c->gt->occupant[bank][bit];
}

/*
 * Engines in a group share hardware, see xe_hw_engine_group_types.h. The copy engine
 * that serves the driver itself is in none.
 */
static u32 group(const struct context *c)
{
	switch (c->guc_class) {
	case GUC_RENDER:
	case GUC_COMPUTE:
		return 1;
	case GUC_VIDEO:
	case GUC_ENHANCE:
		return 2;
	case GUC_COPY:
		return c->mask & 1 ? 3 : 0;
	}
	return 0;
}

/* Does a context have to wait for another one? */
static bool blocked(const struct context *c)
{
	struct context *const *o = &c->gt->occupant[0][0];
	u32 i;

	if (!c->registered || c->gt->gpu->blocking == BLOCK_NONE)
		return false;
	if (*occupant(c) && *occupant(c) != c)
		return true;
	if (c->gt->gpu->blocking == BLOCK_ENGINE || !group(c))
		return false;
	for (i = 0; i < IRQ_BANKS * 32; i++)
		if (o[i] && o[i] != c && o[i]->faults &&
		    group(o[i]) == group(c))
			return true;
	return false;
}

/* Free the engine of a context, unless the context still needs it. */
static void leave_engine(struct context *c)
{
	struct context **o = occupant(c);

	if (*o != c || (c->registered && (c->running || c->faults)))
		return;
	*o = NULL;
	pthread_cond_broadcast(&c->gt->gpu->runnable);
}

static void forget(struct gt *gt, u32 id)
{
	struct context *c = gt->context[id];

	if (!c)
		return;
	gt->context[id] = NULL;
	c->registered = false;
	c->enabled = false;
	leave_engine(c);
	context_put(c);
}

/**
 * context_register() - handle REGISTER_CONTEXT and REGISTER_CONTEXT_MULTI_LRC
 * @gt: the GT
 * @dw: the message
 * @n: its length
 * @parallel: whether it has several LRCs
 *
 * Return: whether the message is valid.
 */
bool context_register(struct gt *gt, const u32 *dw, u32 n, bool parallel)
{
	struct context *c;
	u32 i;

	if (n < 12 || dw[2] >= CONTEXTS)
		return false;
	c = calloc(1, sizeof(*c));
	if (!c)
		return true;
	c->gt = gt;
	c->refs = 1;
	c->eu = NO_EU;
	c->id = dw[2];
	c->guc_class = dw[3];
	c->mask = dw[4];
	c->wq_desc = make64(dw[5], dw[6]);
	c->wq_base = make64(dw[7], dw[8]);
	c->wq_size = dw[9];
	c->width = 1;
	if (parallel) {
		c->width = dw[10];
		if (!c->width || c->width > WIDTH_MAX ||
		    n < 11 + 2 * c->width) {
			free(c);
			return false;
		}
	}
	for (i = 0; i < c->width; i++)
		c->lrc[i].addr = dw[parallel + 10 + 2 * i] & ~(PAGE - 1);
	c->registered = true;
	forget(gt, c->id);
	gt->context[c->id] = c;
	gt->gpu->count[COUNT_CONTEXTS]++;
	return true;
}

/**
 * context_deregister() - handle DEREGISTER_CONTEXT
 * @gt: the GT
 * @id: the context
 *
 * Return: whether there is such a context.
 */
bool context_deregister(struct gt *gt, u32 id)
{
	if (id >= CONTEXTS || !gt->context[id])
		return false;
	forget(gt, id);
	guc_event(gt, DEREGISTER_CONTEXT_DONE, &id, 1);
	return true;
}

/**
 * context_forget_all() - drop all contexts, because the GuC was reset
 * @gt: the GT
 */
void context_forget_all(struct gt *gt)
{
	u32 id;

	for (id = 0; id < CONTEXTS; id++)
		forget(gt, id);
}

static void mode_done(struct context *c)
{
	u32 payload[] = { c->id, c->enabled };

	guc_event(c->gt, SCHED_CONTEXT_MODE_DONE, payload, 2);
}

/* Complete the disabling of a context once nothing prevents it. */
static void disabled(struct context *c)
{
	if (!c->disabling || c->running || c->faults)
		return;
	c->disabling = false;
	if (c->registered)
		mode_done(c);
}

/**
 * context_set_mode() - handle SCHED_CONTEXT_MODE_SET
 * @gt: the GT
 * @id: the context
 * @enable: whether it may run
 *
 * Return: whether there is such a context.
 */
bool context_set_mode(struct gt *gt, u32 id, bool enable)
{
	struct context *c = id < CONTEXTS ? gt->context[id] : NULL;

	if (!c)
		return false;
	c->enabled = enable;
	if (!enable) {
		c->disabling = true;
		disabled(c);
	} else {
		mode_done(c);
		context_schedule(c);
	}
	return true;
}

static bool can_run(const struct context *c)
{
	return c->registered && c->enabled && !c->failed &&
	       (!c->faults || (c->touch && c->answered));
}

/**
 * context_schedule() - queue a context that may have work
 * @c: the context
 */
void context_schedule(struct context *c)
{
	struct gpu *gpu = c->gt->gpu;

	if (!can_run(c))
		return;
	if (c->running) {
		c->again = true;
		return;
	}
	if (c->queued)
		return;
	c->queued = true;
	context_get(c);
	c->next = NULL;
	*gpu->run_tail = c;
	gpu->run_tail = &c->next;
	pthread_cond_signal(&gpu->runnable);
}

/**
 * context_answered() - handle the reply to a fault that a context waits for
 * @c: the context
 * @eu: which of its EUs waits, or NO_EU
 * @success: whether the reply was "successful"
 *
 * An EU continues at once. A context with a refused fault fails after the last reply.
 */
void context_answered(struct context *c, u32 eu, bool success)
{
	if (c->faults)
		c->faults--;
	c->answered++;
	if (c->touch && eu < EUS)
		c->touch->state[eu] = EU_READY;
	if (!success)
		c->failed = true;
	if (!c->registered)
		return;
	leave_engine(c);
	if (c->failed && !c->faults) {
		c->failed = false;
		c->enabled = false;
		c->gt->gpu->count[COUNT_CAT_ERRORS]++;
		guc_event(c->gt, NOTIFY_MEMORY_CAT_ERROR, &c->id, 1);
	}
	disabled(c);
	c->resumed = true;
	context_schedule(c);
}

/**
 * context_engine() - find the engine on which a context runs
 * @c: the context
 * @bank: returns the bank of the engine's interrupts
 * @bit: returns its bit in the bank
 * @class: returns the class of the engine
 * @instance: returns its instance
 */
void context_engine(const struct context *c, unsigned int *bank,
		    unsigned int *bit, enum engine_class *class,
		    unsigned int *instance)
{
	unsigned int logical = c->mask ? __builtin_ctz(c->mask) & 7 : 0;

	*bank = 0;
	*instance = logical;
	switch (c->guc_class) {
	case GUC_RENDER:
		*class = CLASS_RENDER;
		*bit = 0;
		*instance = 0;
		break;
	case GUC_VIDEO:
		*class = CLASS_VIDEO;
		*bank = 1;
		*bit = logical;
		break;
	case GUC_ENHANCE:
		*class = CLASS_ENHANCE;
		*bank = 1;
		*bit = 31 - logical;
		break;
	case GUC_COPY: /* BCS0, or BCS8 for the driver itself */
		*class = CLASS_COPY;
		*instance = logical ? 8 : 0;
		*bit = logical ? 23 : 15;
		break;
	case GUC_COMPUTE:
		*class = CLASS_COMPUTE;
		*bit = 4 + logical;
		break;
	default:
		*class = CLASS_OTHER;
		*bank = 1;
		*bit = 24;
		*instance = 6;
	}
}

/* Process an item of the work queue: the ring tails of a parallel context, in qwords. */
static void work_item(struct context *c, u32 at)
{
	struct memory *m = &c->gt->gpu->mem;
	u32 i, dw, tail;

	for (i = 0; i < c->width; i++) {
		dw = i ? 3 + i : 2;
		tail = ggtt_read32(m, c->wq_base + (at + 4 * dw) % c->wq_size);
		if (!i)
			tail = bits(tail, 28, 18);
		ggtt_write32(m, c->lrc[i].addr + LRC_REGS + 4 * RING_TAIL,
			     tail * 8);
	}
}

static void work_queue(struct context *c)
{
	struct memory *m = &c->gt->gpu->mem;
	u32 head, tail, header, n, budget;

	if (c->width < 2 || c->wq_size < 64 || c->wq_size > BIT(20) ||
	    c->wq_size % 4)
		return;
	tail = ggtt_read32(m, c->wq_desc + WQ_TAIL) & ~3u;
	head = ggtt_read32(m, c->wq_desc + WQ_HEAD) & ~3u;
	for (budget = c->wq_size / 4; head != tail && budget; budget--) {
		head %= c->wq_size;
		header = ggtt_read32(m, c->wq_base + head);
		n = bits(header, 26, 16);
		if ((header & 0xff) == WQ_TYPE_MULTI_LRC && n >= c->width + 2)
			work_item(c, head);
		head = (head + 4 + 4 * n) % c->wq_size;
		if (tail == c->wq_size && !head)
			head = tail;
	}
	ggtt_write32(m, c->wq_desc + WQ_HEAD, tail);
}

static enum run run(struct context *c)
{
	enum run result = RUN_IDLE, one;
	u32 i;

	work_queue(c);
	for (i = 0; i < c->width && c->registered && c->enabled; i++) {
		one = engine_run(c, &c->lrc[i]);
		if (one == RUN_FAULTED || one == RUN_STOPPED)
			return one;
		if (one == RUN_YIELDED)
			result = one;
	}
	return result;
}

static void run_one(struct context *c)
{
	struct gpu *gpu = c->gt->gpu;
	enum run result = RUN_STOPPED;
	u32 delay = gpu->opt.delay_us;

	*occupant(c) = c;
	c->running = true;
	c->again = false;
	if (c->resumed && gpu->delay_resume > delay)
		delay = gpu->delay_resume;
	c->resumed = false;
	gpu_delay(gpu, delay);
	if (can_run(c)) {
		c->answered = 0;
		result = run(c);
	}
	c->running = false;
	leave_engine(c);
	disabled(c);
	if (result == RUN_YIELDED || c->again)
		context_schedule(c);
	if (result == RUN_YIELDED)
		gpu_delay(gpu, YIELD_US);
}

/* Take a context that can run out of the queue. */
static struct context *next_to_run(struct gpu *gpu)
{
	struct context **p, *c;

	for (p = &gpu->run; (c = *p); p = &c->next) {
		if (blocked(c))
			continue;
		*p = c->next;
		if (!c->next)
			gpu->run_tail = p;
		c->queued = false;
		return c;
	}
	return NULL;
}

/**
 * context_thread() - main function of an engine thread
 * @arg: the device
 *
 * Return: NULL.
 */
void *context_thread(void *arg)
{
	struct gpu *gpu = arg;
	struct context *c;

	gpu_lock(gpu);
	while (!gpu->quit) {
		c = next_to_run(gpu);
		if (!c) {
			gpu_wait(gpu, &gpu->runnable, 0);
			continue;
		}
		if (can_run(c))
			run_one(c);
		context_put(c);
	}
	gpu_unlock(gpu);
	return NULL;
}
