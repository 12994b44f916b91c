// SPDX-License-Identifier: GPL-2.0
/*
 * The GuC of a GT: its start, its mailbox, and the actions it supports.
 *
 * The headers are in drivers/gpu/drm/xe/abi: guc_actions_abi.h and guc_actions_slpc_abi.h
 * for actions, guc_communication_mmio_abi.h for the mailbox, guc_klvs_abi.h for keys,
 * guc_messages_abi.h for messages, and guc_errors_abi.h for errors.
 *
 * Each GuC has a thread that reads the H2G ring when the doorbell rings, and fills the
 * G2H ring. Messages that do not fit wait in two queues: answers and events in one,
 * page faults in the other, so that a test can hold back only the faults. While many
 * answers are waiting, the H2G ring is not read.
 */
#include <stdlib.h>
#include <string.h>

#include "gpu.h"

#define ORIGIN_GUC BIT(31)
#define TYPE_REQUEST 0
#define TYPE_EVENT 1
#define TYPE_FAST_REQUEST 2
#define TYPE_RESPONSE_FAILURE 6
#define TYPE_RESPONSE_SUCCESS 7

#define ERROR_INVALID_PARAMS 0x60

#define STATUS_IN_RESET 0x1
#define STATUS_RUNNING (2u << 30 | 0xf0 << 8 | 0x76 << 1)

#define VF_SW_FLAG 0x190240
#define MED_VF_SW_FLAG 0x190310

/* mailbox */
#define SELF_CFG 0x0508
#define CONTROL_CTB 0x4509
#define GET_HWCONFIG 0x4100
#define CLIENT_SOFT_RESET 0x5507

/* H2G */
#define UPDATE_SCHEDULING_POLICIES 0x0509
#define GLOBAL_SCHED_POLICY_CHANGE 0x0506
#define SCHED_CONTEXT 0x1000
#define SCHED_CONTEXT_MODE_SET 0x1001
#define UPDATE_CONTEXT_POLICIES 0x100b
#define SLPC_REQUEST 0x3003
#define SETUP_PC_GUCRC 0x3004
#define REGISTER_CONTEXT 0x4502
#define DEREGISTER_CONTEXT 0x4503
#define REGISTER_CONTEXT_MULTI_LRC 0x4601
#define SET_ENG_UTIL_BUFF 0x550a
#define SET_DEVICE_ENGINE_ACTIVITY_BUFFER 0x550c
#define SET_FUNCTION_ENGINE_ACTIVITY_BUFFER 0x550d
#define OPT_IN_FEATURE 0x550e
#define PAGE_FAULT_RES_DESC 0x6003
#define TLB_INVALIDATION 0x7000
#define TLB_INVALIDATION_ALL 0x7002
#define PAGE_RECLAMATION 0x7003

/* G2H */
#define PAGE_FAULT_REQ_DESC 0x6002
#define TLB_INVALIDATION_DONE 0x7001
#define PAGE_RECLAMATION_DONE 0x7004
#define NOTIFY_FLUSH_LOG_BUFFER_TO_FILE 0x8003 /* the driver ignores it */

#define KLV_FIRST 0x0902
#define OUTS_MAX 512 /* with more answers waiting, H2G is not read */
#define OUTS_LIMIT 16384
#define RING_MAX BIT(20)
#define POLL_US 200
#define FORGOTTEN_NS 5000000000ull

/**
 * guc_init() - initialize a GuC, in reset
 * @gt: its GT
 */
void guc_init(struct gt *gt)
{
	struct guc *guc = &gt->guc;
	pthread_condattr_t attr;

	guc->status = STATUS_IN_RESET;
	guc->out_tail = &guc->out;
	guc->faults_tail = &guc->faults;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&guc->wake, &attr);
	pthread_condattr_destroy(&attr);
}

static void forget_messages(struct guc *guc)
{
	struct message *msg;
	struct fault *f;

	while ((msg = guc->out)) {
		guc->out = msg->next;
		free(msg);
	}
	guc->out_tail = &guc->out;
	guc->outs = 0;
	while ((f = guc->faults)) {
		guc->faults = f->next;
		context_put(f->context);
		free(f);
	}
	guc->faults_tail = &guc->faults;
	guc->waiting = 0;
}

/* Clear the ledger. If the driver was not replying, open faults count as missing. */
static void forget_faults(struct gt *gt)
{
	struct ledger *l = &gt->ledger;
	u64 now = now_ns();
	struct slot *s;

	for (s = l->slot; s < l->slot + LEDGER_SLOTS; s++) {
		if (s->state == SLOT_ANSWERED)
			s->state = SLOT_FREE;
		if (s->state != SLOT_OPEN)
			continue;
		s->state = SLOT_BEFORE;
		context_put(s->context);
		s->context = NULL;
		if (!gt->guc.hold_h2g && !gt->gpu->opt.rate &&
		    now - s->sent > FORGOTTEN_NS &&
		    now - l->last_reply > FORGOTTEN_NS)
			gt->gpu->count[COUNT_MISSING]++;
		else
			gt->gpu->count[COUNT_CLEARED]++;
	}
	l->open = 0;
}

static void stop(struct gt *gt)
{
	struct guc *guc = &gt->guc;

	guc->ct = false;
	guc->reading = false;
	guc->due = 0;
	guc->stalled = false;
	guc->generation++;
	context_forget_all(gt);
	forget_messages(guc);
	forget_faults(gt);
	tlb_invalidate(&gt->tlb, TLB_ALL_SPACES, 0, UINT64_MAX);
	judge_forget(gt->gpu);
	pthread_cond_broadcast(&gt->gpu->changed);
}

/**
 * guc_free() - free the resources of a GuC
 * @gt: its GT
 */
void guc_free(struct gt *gt)
{
	stop(gt);
	pthread_cond_destroy(&gt->guc.wake);
}

/**
 * guc_reset() - put the GuC into reset, and drop its state
 * @gt: its GT
 */
void guc_reset(struct gt *gt)
{
	trace(gt->gpu, 2, "GuC%u: reset, %u faults open", gt->id,
	      gt->ledger.open);
	stop(gt);
	gt->guc.status = STATUS_IN_RESET;
	gt->guc.mailbox = false;
	gt->guc.slpc = false;
	gt->guc.hold_h2g = false; /* the new GuC needs its messages */
	gt->guc.hold_g2h = false;
	memset(gt->guc.klv, 0, sizeof(gt->guc.klv));
	gt->gpu->count[COUNT_RESETS]++;
}

/**
 * guc_boot() - start the GuC after its firmware was loaded
 * @gt: its GT
 */
void guc_boot(struct gt *gt)
{
	if (gt->guc.hold_boot)
		return;
	trace(gt->gpu, 2, "GuC%u: firmware runs", gt->id);
	stop(gt);
	memset(gt->guc.klv, 0, sizeof(gt->guc.klv));
	gt->guc.status = STATUS_RUNNING;
}

/**
 * guc_wake() - wake the thread of a GuC
 * @gt: its GT
 */
void guc_wake(struct gt *gt)
{
	pthread_cond_signal(&gt->guc.wake);
}

/* Queue a message to be sent, in order. */
static bool enqueue(struct gt *gt, u16 fence, const u32 *dw, u32 n)
{
	struct guc *guc = &gt->guc;
	struct message *msg;

	if (!guc->ct || guc->outs >= OUTS_LIMIT)
		return false;
	msg = malloc(sizeof(*msg) + n * sizeof(u32));
	if (!msg)
		return false;
	msg->next = NULL;
	msg->fence = fence;
	msg->n = n;
	memcpy(msg->dw, dw, n * sizeof(u32));
	*guc->out_tail = msg;
	guc->out_tail = &msg->next;
	guc->outs++;
	guc_wake(gt);
	return true;
}

/**
 * guc_event() - send an event to the host
 * @gt: the GT
 * @action: the action
 * @payload: the dwords after the action
 * @n: number of these dwords
 *
 * Return: whether it could be queued.
 */
bool guc_event(struct gt *gt, u32 action, const u32 *payload, u32 n)
{
	u32 dw[CTB_MESSAGE] = { ORIGIN_GUC | TYPE_EVENT << 28 | action };

	if (n > CTB_MESSAGE - 2)
		return false;
	if (n)
		memcpy(dw + 1, payload, n * sizeof(u32));
	return enqueue(gt, 0, dw, n + 1);
}

/**
 * guc_fault() - send a page fault to the host, as soon as there is room
 * @gt: the GT
 * @f: the fault; takes another reference to its context, if any
 *
 * Return: false if too many faults are waiting.
 */
bool guc_fault(struct gt *gt, const struct fault *f)
{
	struct guc *guc = &gt->guc;
	struct fault *copy;

	if (!guc->ct || guc->waiting >= GUC_FAULTS_MAX)
		return false;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return false;
	*copy = *f;
	copy->next = NULL;
	context_get(copy->context);
	*guc->faults_tail = copy;
	guc->faults_tail = &copy->next;
	guc->waiting++;
	guc_wake(gt);
	return true;
}

/**
 * guc_open_faults() - count the faults without a reply
 * @gt: the GT
 *
 * Return: the number of faults that were sent or wait for room.
 */
u32 guc_open_faults(const struct gt *gt)
{
	return gt->ledger.open + gt->guc.waiting;
}

static void notify(struct gt *gt)
{
	if (gt->id)
		irq_raise(&gt->gpu->irq, 0, 24, CLASS_OTHER, 16, BIT(15));
	else
		irq_raise(&gt->gpu->irq, 0, 25, CLASS_OTHER, 0, BIT(15));
}

static bool send(struct gt *gt, u16 fence, const u32 *dw, u32 n)
{
	struct guc *guc = &gt->guc;
	struct gpu *gpu = gt->gpu;

	if (!ctb_send(&gpu->mem, &guc->g2h, fence, dw, n)) {
		if (guc->g2h.broken) {
			gpu->count[COUNT_BROKEN_RINGS]++;
			guc->ct = false;
		} else if (!guc->stalled) {
			gpu->count[COUNT_G2H_STALLED]++;
		}
		guc->stalled = true;
		return false;
	}
	guc->stalled = false;
	gpu->count[COUNT_G2H]++;
	trace(gpu, 2, "GuC%u G2H %04x %08x %08x %08x %08x %08x (%u)", gt->id,
	      fence, dw[0], n > 1 ? dw[1] : 0, n > 2 ? dw[2] : 0,
	      n > 3 ? dw[3] : 0, n > 4 ? dw[4] : 0, n);
	notify(gt);
	return true;
}

/**
 * guc_fill() - fill the G2H ring with messages that the driver ignores
 * @gt: the GT
 * @leave: number of dwords to leave free
 *
 * Return: number of free dwords.
 */
u32 guc_fill(struct gt *gt, u32 leave)
{
	static const u32 dw[32] = {
		ORIGIN_GUC | TYPE_EVENT << 28 | NOTIFY_FLUSH_LOG_BUFFER_TO_FILE,
	};
	struct guc *guc = &gt->guc;
	u32 room, n;

	while (guc->ct) {
		room = ctb_room(&gt->gpu->mem, &guc->g2h);
		if (room < leave + 2)
			return room;
		n = room - leave;
		if (n > 32) /* never leave a single dword */
			n = n == 33 ? 31 : 32;
		if (!send(gt, 0, dw, n - 1))
			break;
	}
	return 0;
}

static bool send_fault(struct gt *gt, struct fault *f)
{
	struct gpu *gpu = gt->gpu;
	struct slot *slot;
	u32 dw[5], pdata;

	if (f->raw)
		fault_decode(f, &pdata);
	else if (!ledger_next(&gt->ledger, &pdata))
		return false;
	dw[0] = ORIGIN_GUC | TYPE_EVENT << 28 | PAGE_FAULT_REQ_DESC;
	fault_encode(f, pdata, dw + 1);
	if (f->raw)
		memcpy(dw + 1, f->dw, sizeof(f->dw));
	if (!send(gt, 0, dw, 5))
		return false;
	gpu->count[COUNT_FAULTS]++;
	slot = ledger_open(&gt->ledger, f, pdata, now_ns());
	if (!slot) /* a raw descriptor whose key is in use */
		context_put(f->context);
	return true;
}

static bool unsent(const struct guc *guc)
{
	return guc->ct && (guc->out || (guc->faults && !guc->hold_g2h));
}

/* Send waiting messages while there is room. Return whether any was sent. */
static bool flush(struct gt *gt)
{
	struct guc *guc = &gt->guc;
	bool sent = false;
	struct message *msg;
	struct fault *f;

	if (!unsent(guc))
		return false;
	if (gt->gpu->delay_event && !guc->stalled)
		gpu_delay(gt->gpu, gt->gpu->delay_event);
	while (guc->ct && (msg = guc->out) &&
	       send(gt, msg->fence, msg->dw, msg->n)) {
		guc->out = msg->next;
		if (!guc->out)
			guc->out_tail = &guc->out;
		guc->outs--;
		free(msg);
		sent = true;
	}
	while (guc->ct && !guc->out && !guc->hold_g2h && (f = guc->faults) &&
	       send_fault(gt, f)) {
		guc->faults = f->next;
		if (!guc->faults)
			guc->faults_tail = &guc->faults;
		guc->waiting--;
		free(f);
		sent = true;
	}
	return sent;
}

static u32 get_hwconfig(struct gt *gt, const u32 *request)
{
	/* entries of key, length, value: one slice, eight subslices */
	static const u32 table[] = { 1, 1, 1, 70, 1, 8 };

	if (request[3])
		ggtt_write(&gt->gpu->mem, make64(request[1], request[2]), table,
			   request[3] < sizeof(table) ? request[3] :
							sizeof(table));
	return sizeof(table);
}

static void enable_ct(struct gt *gt)
{
	struct guc *guc = &gt->guc;
	u64 *klv = guc->klv;

	stop(gt);
	guc->h2g = (struct ctb){ .ring = klv[KLV_H2G_RING],
				 .desc = klv[KLV_H2G_DESC],
				 .size = klv[KLV_H2G_SIZE] % RING_MAX / 4 };
	guc->g2h = (struct ctb){ .ring = klv[KLV_G2H_RING],
				 .desc = klv[KLV_G2H_DESC],
				 .size = klv[KLV_G2H_SIZE] % RING_MAX / 4 };
	guc->ct = guc->h2g.size && guc->g2h.size;
	trace(gt->gpu, 2, "GuC%u: CT %s, H2G %#llx %u, G2H %#llx %u", gt->id,
	      guc->ct ? "enabled" : "refused",
	      (unsigned long long)guc->h2g.ring, guc->h2g.size,
	      (unsigned long long)guc->g2h.ring, guc->g2h.size);
}

static void mailbox(struct gt *gt)
{
	u32 *flag = &gt->gpu->regs[(gt->id ? MED_VF_SW_FLAG : VF_SW_FLAG) / 4];
	u32 request[4], data0 = 0, key;

	memcpy(request, flag, sizeof(request));
	trace(gt->gpu, 2, "GuC%u mailbox %08x %08x %08x %08x", gt->id,
	      request[0], request[1], request[2], request[3]);
	switch (request[0] & 0xffff) {
	case SELF_CFG:
		key = request[1] >> 16;
		if (key >= KLV_FIRST && key - KLV_FIRST < KLVS) {
			gt->guc.klv[key - KLV_FIRST] =
				make64(request[2], request[3]);
			data0 = 1;
		}
		break;
	case CONTROL_CTB:
		if (request[1] & 1)
			enable_ct(gt);
		else
			stop(gt);
		break;
	case GET_HWCONFIG:
		data0 = get_hwconfig(gt, request);
		break;
	case CLIENT_SOFT_RESET:
		stop(gt);
		break;
	default:
		gt->gpu->count[COUNT_UNKNOWN]++;
	}
	memset(flag, 0, sizeof(request));
	flag[0] = ORIGIN_GUC | (u32)TYPE_RESPONSE_SUCCESS << 28 | data0;
}

/* Handle an SLPC request: report frequencies, in units of 50/3 MHz. */
static void slpc(struct gt *gt, const u32 *dw)
{
	struct memory *m = &gt->gpu->mem;
	u32 event = bits(dw[1], 15, 8);

	if (event != 0 && event != 5) /* reset, query task state */
		return;
	gt->guc.slpc = true;
	ggtt_write32(m, (u64)dw[2] + 4, 3); /* running */
	ggtt_write32(m, (u64)dw[2] + 128, 1);
	ggtt_write32(m, (u64)dw[2] + 132,
		     120 | 24 << 8 | 120 << 16 | 24u << 24);
}

/* Payload: seqno, operation; for ranges also ASID, address, order of the size. */
static void invalidate(struct gt *gt, const u32 *dw, u32 n)
{
	u32 asid = TLB_ALL_SPACES, order = dw[6] & 0x3f;
	u64 from = 0, size = UINT64_MAX;

	switch (n < 3 ? 0 : dw[2] & 0xff) {
	case 0:
		break;
	case 2: /* the translations of a context */
	case 1:
		if ((dw[2] & 0xff) == 1)
			asid = dw[3] & 0xfffff;
		else if (dw[3] < CONTEXTS && gt->context[dw[3]])
			asid = gt->context[dw[3]]->asid;
		from = make64(dw[4], dw[5]);
		if (order <= 51)
			size = BIT64(12 + order);
		break;
	default: /* the GuC's own TLB: the model does not cache the GGTT */
		size = 0;
		break;
	}
	tlb_invalidate(&gt->tlb, asid, from, size);
	judge_invalidation(gt->gpu, asid, from, size);
	guc_event(gt, TLB_INVALIDATION_DONE, dw + 1, 1);
}

static void page_fault_reply(struct gt *gt, u32 dw0, u32 dw1)
{
	static const enum counter counter[] = {
		[REPLY_MATCHED] = COUNT_REPLIES,
		[REPLY_STRAY] = COUNT_STRAY,
		[REPLY_DOUBLED] = COUNT_DOUBLED,
		[REPLY_MISMATCHED] = COUNT_MISMATCHED,
		[REPLY_MALFORMED] = COUNT_MALFORMED,
	};
	struct gpu *gpu = gt->gpu;
	bool success = !(dw0 & BIT(1));
	struct context *c;
	struct slot *slot;
	enum verdict v;

	if (gpu->ignore_reply)
		return;
	if (gpu->falsify_reply)
		dw1 ^= BIT(31);
	success |= gpu->falsify_refusal;
	v = ledger_reply(&gt->ledger, dw0, dw1, &slot);
	gpu->count[counter[v]]++;
	gt->ledger.last_reply = now_ns();
	pthread_cond_broadcast(&gpu->changed);
	if (v != REPLY_MATCHED) {
		trace(gpu, 1, "GuC%u: %s reply %08x %08x", gt->id,
		      counter_name[counter[v]], dw0, dw1);
		return;
	}
	if (success)
		judge_success(gt, slot);
	else
		gpu->count[COUNT_UNSUCCESSFUL]++;
	if (gpu->latencies < LATENCIES)
		gpu->latency[gpu->latencies++] =
			(gt->ledger.last_reply - slot->sent) / 1000;
	c = slot->context;
	slot->context = NULL;
	if (c)
		context_answered(c, slot->eu, success);
	context_put(c);
}

/* Perform an action. Return whether it is valid. */
static bool perform(struct gt *gt, u32 action, const u32 *dw, u32 n)
{
	switch (action) {
	case REGISTER_CONTEXT:
	case REGISTER_CONTEXT_MULTI_LRC:
		return context_register(gt, dw, n,
					action == REGISTER_CONTEXT_MULTI_LRC);
	case DEREGISTER_CONTEXT:
		return context_deregister(gt, dw[1]);
	case SCHED_CONTEXT_MODE_SET:
		return context_set_mode(gt, dw[1], dw[2] == 1);
	case SCHED_CONTEXT:
		if (dw[1] >= CONTEXTS || !gt->context[dw[1]])
			return false;
		context_schedule(gt->context[dw[1]]);
		return true;
	case SLPC_REQUEST:
		slpc(gt, dw);
		return true;
	case TLB_INVALIDATION_ALL:
	case TLB_INVALIDATION:
		invalidate(gt, dw, action == TLB_INVALIDATION ? n : 0);
		return true;
	case PAGE_RECLAMATION:
		guc_event(gt, PAGE_RECLAMATION_DONE, dw + 1, 1);
		return true;
	case PAGE_FAULT_RES_DESC:
		if (n == 3)
			page_fault_reply(gt, dw[1], dw[2]);
		else
			gt->gpu->count[COUNT_MALFORMED]++;
		return true;
	case GLOBAL_SCHED_POLICY_CHANGE:
	case UPDATE_SCHEDULING_POLICIES:
	case UPDATE_CONTEXT_POLICIES:
	case SETUP_PC_GUCRC:
	case SET_ENG_UTIL_BUFF:
	case SET_DEVICE_ENGINE_ACTIVITY_BUFFER:
	case SET_FUNCTION_ENGINE_ACTIVITY_BUFFER:
	case OPT_IN_FEATURE:
		return true;
	}
	return false;
}

/*
 * A request is answered. A fast request is answered only if it fails, which the driver
 * takes for a fatal error.
 */
static void handle(struct gt *gt, const u32 *dw, u32 n, u16 fence)
{
	struct gpu *gpu = gt->gpu;
	u32 response = ORIGIN_GUC | (u32)TYPE_RESPONSE_SUCCESS << 28;
	u32 action = dw[0] & 0xffff, type = bits(dw[0], 30, 28);

	gpu->count[COUNT_H2G]++;
	trace(gpu, 2, "GuC%u H2G %04x %08x %08x %08x %08x %08x (%u)", gt->id,
	      fence, dw[0], dw[1], dw[2], dw[3], dw[4], n);
	if (gpu->falsify_request && type == TYPE_FAST_REQUEST)
		action = 0;
	if (!perform(gt, action, dw, n)) {
		gpu->count[COUNT_UNKNOWN]++;
		trace(gpu, 1, "GuC%u: invalid request %08x %08x", gt->id, dw[0],
		      dw[1]);
		response = ORIGIN_GUC | (u32)TYPE_RESPONSE_FAILURE << 28 |
			   ERROR_INVALID_PARAMS;
		if (type == TYPE_FAST_REQUEST)
			enqueue(gt, fence, &response, 1);
	}
	if (type == TYPE_REQUEST)
		enqueue(gt, fence, &response, 1);
}

/* Stop reading an H2G ring that is broken. */
static void h2g_broken(struct gt *gt)
{
	struct guc *guc = &gt->guc;

	gt->gpu->count[guc->h2g.overwritten ? COUNT_OVERWRITTEN :
					      COUNT_BROKEN_RINGS]++;
	trace(gt->gpu, 1, "GuC%u: H2G ring %s: head %u, tail %u, then %u",
	      gt->id, guc->h2g.overwritten ? "overwritten" : "broken",
	      guc->h2g.mine, guc->h2g.seen,
	      ggtt_read32(&gt->gpu->mem, guc->h2g.desc + 4));
	guc->ct = false;
	guc->reading = false;
}

static bool receive(struct gt *gt)
{
	struct guc *guc = &gt->guc;
	u32 dw[CTB_MESSAGE];
	u16 fence;
	int n;

	if (!guc->ct || !guc->reading || guc->hold_h2g || guc->outs > OUTS_MAX)
		return false;
	if (gt->gpu->opt.delay_us && gpu_random(gt->gpu) % 8 == 0) {
		gpu_delay(gt->gpu, gt->gpu->opt.delay_us);
		if (!guc->ct || guc->hold_h2g)
			return true;
	}
	n = ctb_receive(&gt->gpu->mem, &guc->h2g, dw, &fence);
	if (n <= 0) {
		guc->reading = false;
		if (n < 0)
			h2g_broken(gt);
		return false;
	}
	if (gt->gpu->opt.rate)
		guc->due = now_ns() + 1000000000ull / gt->gpu->opt.rate;
	handle(gt, dw, n, fence);
	return true;
}

/**
 * guc_doorbell() - handle a write to the doorbell
 * @gt: the GT
 *
 * Requests with a short timeout are handled before the register write completes: the
 * driver gives the mailbox 50 ms and, on 6.12, the start of SLPC 5 ms, during which a
 * busy host may not run the GuC's thread even once.
 */
void guc_doorbell(struct gt *gt)
{
	struct guc *guc = &gt->guc;

	gt->gpu->count[COUNT_DOORBELLS]++;
	if (guc->mailbox) {
		guc->mailbox = false;
		mailbox(gt);
	} else if (guc->ct && !ctb_ring(&gt->gpu->mem, &guc->h2g)) {
		h2g_broken(gt);
	}
	guc->reading = guc->ct;
	while (!guc->slpc && guc->ct &&
	       ctb_holds(&gt->gpu->mem, &guc->h2g, SLPC_REQUEST) && receive(gt))
		;
	guc_wake(gt);
}

/* Return the time in us until the next message may be read. */
static u32 slowness(const struct guc *guc)
{
	u64 now = guc->reading && guc->due ? now_ns() : 0;

	return guc->due > now && now ? (guc->due - now) / 1000 + 1 : 0;
}

/**
 * guc_thread() - main function of the thread of a GuC
 * @arg: its GT
 *
 * Return: NULL.
 */
void *guc_thread(void *arg)
{
	struct gt *gt = arg;
	struct gpu *gpu = gt->gpu;
	struct guc *guc = &gt->guc;
	bool busy;
	u32 us;

	gpu_lock(gpu);
	while (!gpu->quit) {
		busy = flush(gt);
		us = slowness(guc);
		if (!us)
			busy |= receive(gt);
		/* poll: the host does not report when a ring has room again */
		if (unsent(guc) && (!us || us > POLL_US))
			us = POLL_US;
		if (busy)
			gpu_breathe(gpu);
		else
			gpu_wait(gpu, &guc->wake, us);
	}
	gpu_unlock(gpu);
	return NULL;
}
