// SPDX-License-Identifier: GPL-2.0
/*
 * The commands of the control socket, with which tests control the GPU.
 *
 * A line contains a command, words and key=value pairs. The answer is one line that
 * begins with "ok", or "error" and the reason. README.md lists the commands.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "gpu.h"

#define WORDS 24
#define ASIDS 4096
#define CONTEXT_RESET_NOTIFICATION 0x1008
#define ACCESS_COUNTER_NOTIFY 0x6004
#define STORM_AHEAD 4096
#define WAIT_US 100000

/* A parsed line. */
struct words {
	char *word[WORDS];
	bool used[WORDS];
	unsigned int n;
	struct gpu *gpu;
	char *reply;
	size_t size;
	bool bad;
};

static void __attribute__((format(printf, 2, 3)))
say(struct words *w, const char *format, ...)
{
	size_t at = strlen(w->reply);
	va_list args;

	va_start(args, format);
	vsnprintf(w->reply + at, w->size - at, format, args);
	va_end(args);
}

static void __attribute__((format(printf, 2, 3)))
fail(struct words *w, const char *format, ...)
{
	va_list args;
	size_t at;

	if (w->bad)
		return;
	w->bad = true;
	snprintf(w->reply, w->size, "error ");
	at = strlen(w->reply);
	va_start(args, format);
	vsnprintf(w->reply + at, w->size - at, format, args);
	va_end(args);
}

/* Return the value of a key, or NULL. */
static const char *get(struct words *w, const char *key)
{
	size_t n = strlen(key);

	for (unsigned int i = 1; i < w->n; i++) {
		if (!strncmp(w->word[i], key, n) && w->word[i][n] == '=') {
			w->used[i] = true;
			return w->word[i] + n + 1;
		}
	}
	return NULL;
}

static bool flag(struct words *w, const char *name)
{
	for (unsigned int i = 1; i < w->n; i++) {
		if (!strcmp(w->word[i], name)) {
			w->used[i] = true;
			return true;
		}
	}
	return false;
}

static u64 number(struct words *w, const char *key, u64 otherwise)
{
	const char *value = get(w, key);
	char *end;
	u64 v;

	if (!value)
		return otherwise;
	v = strtoull(value, &end, 0);
	if (end == value || *end)
		fail(w, "%s is not a number: %s", key, value);
	return v;
}

/* Parse one of @names, or its number. */
static u32 choice(struct words *w, const char *key, const char *const *names,
		  u32 n, u32 otherwise)
{
	const char *value = get(w, key);

	if (!value)
		return otherwise;
	for (u32 i = 0; i < n; i++)
		if (names[i] && !strcmp(value, names[i]))
			return i;
	return number(w, key, 0);
}

static struct gt *gt_of(struct words *w)
{
	u64 id = number(w, "gt", 0);

	if (id >= GTS) {
		fail(w, "no such GT");
		id = 0;
	}
	return w->gpu->gt[id];
}

static bool on(struct words *w)
{
	bool yes = flag(w, "on"), no = flag(w, "off");

	if (yes == no)
		fail(w, "needs on or off");
	return yes;
}

/* Reject words that no command has used. */
static bool right(struct words *w)
{
	for (unsigned int i = 1; i < w->n && !w->bad; i++)
		if (!w->used[i])
			fail(w, "unknown word \"%s\"", w->word[i]);
	return !w->bad;
}

/* List the ASIDs of the contexts that have run, each once. */
static u32 running_asids(struct gt *gt, u32 *asid)
{
	u32 n = 0, id, i;

	for (id = 0; id < CONTEXTS && n < ASIDS; id++) {
		struct context *c = gt->context[id];

		if (!c || !c->ran || !c->asid)
			continue;
		for (i = 0; i < n && asid[i] != c->asid; i++)
			;
		if (i == n)
			asid[n++] = c->asid;
	}
	return n;
}

/* Parse ASIDs: a number, a list, or "first" or "all" of those that have run. */
static u32 asids(struct words *w, struct gt *gt, u32 *asid)
{
	const char *value = get(w, "asid");
	char *end;
	u32 n = 0;

	if (!value) {
		fail(w, "asid is missing");
		return 0;
	}
	if (!strcmp(value, "all") || !strcmp(value, "first")) {
		n = running_asids(gt, asid);
		if (!n)
			fail(w, "no context has run");
		return n && !strcmp(value, "first") ? 1 : n;
	}
	for (; n < ASIDS; value = end + 1) {
		asid[n++] = strtoull(value, &end, 0) & 0xfffff;
		if (end == value || (*end && *end != ','))
			fail(w, "asid is not a number");
		if (w->bad || *end != ',')
			break;
	}
	return n;
}

static void describe(struct words *w, struct gt *gt, struct fault *f)
{
	static const char *const access[] = { "read", "write", "atomic" };
	static const char *const class[] = { "rcs", "vcs",   "vecs",
					     "bcs", "other", "ccs" };

	*f = (struct fault){
		.va = number(w, "va", 0),
		.access = choice(w, "access", access, ARRAY_SIZE(access),
				 ACCESS_READ),
		.type = number(w, "type", FAULT_NOT_PRESENT),
		.level = number(w, "level", 0),
		.class = choice(w, "class", class, ARRAY_SIZE(class),
				gt->id ? CLASS_VIDEO : CLASS_COMPUTE),
		.instance = number(w, "instance", 0),
		.source = number(w, "source", 0),
		.vfid = number(w, "vfid", 0),
		.trva = number(w, "trva", 0),
		.prefetch = number(w, "prefetch", 0),
	};
}

static void do_stat(struct words *w)
{
	struct gpu *gpu = w->gpu;
	u64 hits = 0, fills = 0, late = 0;
	u32 i, open = 0;

	if (!right(w))
		return;
	judge_settle(gpu);
	for (i = 0; i < GTS; i++)
		open += guc_open_faults(gpu->gt[i]);
	say(w, "ok outstanding=%u", open);
	for (i = 0; i < COUNTERS; i++)
		say(w, " %s=%llu", counter_name[i],
		    (unsigned long long)gpu_count(gpu, i));
	for (i = 0; i < GTS; i++) {
		const struct tlb *tlb = &gpu->gt[i]->tlb;

		hits += tlb->hits;
		fills += tlb->fills;
		late += tlb->late;
	}
	say(w, " retries_max=%u", gpu->retries);
	say(w, " tlb_hits=%llu tlb_fills=%llu tlb_stale=%llu tlb_late=%llu",
	    (unsigned long long)hits, (unsigned long long)fills,
	    (unsigned long long)gpu_count(gpu, COUNT_STALE),
	    (unsigned long long)late);
	for (i = 0; i < GTS; i++) {
		const struct guc *guc = &gpu->gt[i]->guc;
		const struct ctb *h2g = &guc->h2g;
		u32 tail = 0, room = 0;

		if (guc->ct) {
			tail = ggtt_read32(&gpu->mem, h2g->desc + 4) %
			       h2g->size;
			room = (h2g->mine + h2g->size - tail - 1) % h2g->size;
		}
		say(w, " ct%u=%u waiting%u=%u size%u=%u tail%u=%u room%u=%u", i,
		    guc->ct, i, guc->waiting, i, h2g->size, i, tail, i, room);
	}
}

static void do_asids(struct words *w)
{
	struct gt *gt = gt_of(w);
	u32 asid[ASIDS], n;

	if (!right(w))
		return;
	n = running_asids(gt, asid);
	say(w, "ok");
	for (u32 i = 0; i < n; i++)
		say(w, "%c%u", i ? ',' : ' ', asid[i]);
}

static void do_mark(struct words *w)
{
	if (!right(w))
		return;
	w->gpu->latencies = 0;
	say(w, "ok");
}

static int by_value(const void *a, const void *b)
{
	const u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void do_latency(struct words *w)
{
	u32 n = w->gpu->latencies, *v;

	if (!right(w))
		return;
	if (!n) {
		say(w, "ok n=0");
		return;
	}
	v = malloc(n * sizeof(*v));
	if (!v) {
		fail(w, "no memory");
		return;
	}
	memcpy(v, w->gpu->latency, n * sizeof(*v));
	gpu_unlock(w->gpu);
	qsort(v, n, sizeof(*v), by_value);
	gpu_lock(w->gpu);
	say(w, "ok n=%u min=%u median=%u p90=%u p99=%u max=%u", n, v[0],
	    v[n / 2], v[(u64)n * 90 / 100], v[(u64)n * 99 / 100], v[n - 1]);
	free(v);
}

static void do_fault(struct words *w)
{
	struct gt *gt = gt_of(w);
	u32 asid[ASIDS], n, i;
	struct fault f;

	n = asids(w, gt, asid);
	describe(w, gt, &f);
	if (!right(w))
		return;
	for (i = 0; i < n; i++) {
		f.asid = asid[i];
		if (!guc_fault(gt, &f)) {
			fail(w, "the GuC does not accept it");
			return;
		}
	}
	say(w, "ok n=%u", n);
}

static void do_storm(struct words *w)
{
	u64 n = number(w, "n", 0), stride = number(w, "stride", PAGE), sent, va;
	u64 addresses = number(w, "addresses", n);
	struct gt *gt = gt_of(w);
	u32 asid[ASIDS], m, generation = gt->guc.generation;
	struct fault f;

	m = asids(w, gt, asid);
	describe(w, gt, &f);
	if (!right(w))
		return;
	va = f.va;
	for (sent = 0; sent < n; sent++) {
		f.asid = asid[sent % m];
		f.va = va + stride * (sent % (addresses ?: 1));
		while (gt->guc.waiting >= STORM_AHEAD && !w->gpu->quit &&
		       gt->guc.generation == generation)
			gpu_wait(w->gpu, &w->gpu->changed, 1000);
		if (w->gpu->quit || gt->guc.generation != generation ||
		    !guc_fault(gt, &f))
			break;
		if (sent % 64 == 63)
			gpu_breathe(w->gpu);
	}
	say(w, "ok n=%llu", (unsigned long long)sent);
}

static u32 dwords(struct words *w, u32 *dw, u32 max)
{
	const char *value = get(w, "dw");
	char *end;
	u32 n = 0;

	if (!value || !*value)
		return 0;
	for (;; value = end + 1) {
		if (n == max) {
			fail(w, "too many dwords");
			return 0;
		}
		dw[n++] = strtoull(value, &end, 16);
		if (end == value || (*end && *end != ','))
			fail(w, "dw is not hexadecimal");
		if (w->bad || !*end)
			return n;
	}
}

static void do_raw(struct words *w)
{
	struct gt *gt = gt_of(w);
	u32 dw[CTB_MESSAGE - 2], n = dwords(w, dw, ARRAY_SIZE(dw));
	u32 action = number(w, "action", 0);
	bool ledger = number(w, "ledger", 0);
	struct fault f = { .raw = true };

	if (!right(w))
		return;
	if (ledger && n != ARRAY_SIZE(f.dw)) {
		fail(w, "a fault has four dwords");
		return;
	}
	if (ledger)
		memcpy(f.dw, dw, sizeof(f.dw));
	if (ledger ? guc_fault(gt, &f) : guc_event(gt, action, dw, n))
		say(w, "ok");
	else
		fail(w, "the GuC does not accept it");
}

static void do_access_counter(struct words *w)
{
	static const char *const class[] = { "rcs", "vcs",   "vecs",
					     "bcs", "other", "ccs" };
	static const char *const type[] = { "trigger", "notify" };
	struct gt *gt = gt_of(w);
	u32 asid[ASIDS], n = asids(w, gt, asid), i, dw[4];
	struct access_counter a = {
		.va = number(w, "va", 0),
		.sub = number(w, "sub", 1),
		.granularity = number(w, "granularity", 0),
		.class = choice(w, "class", class, ARRAY_SIZE(class),
				CLASS_COMPUTE),
		.instance = number(w, "instance", 0),
		.vfid = number(w, "vfid", 0),
		.notify = choice(w, "type", type, ARRAY_SIZE(type), 0),
	};

	if (!right(w))
		return;
	for (i = 0; i < n; i++) {
		a.asid = asid[i];
		access_counter_encode(&a, dw);
		if (!guc_event(gt, ACCESS_COUNTER_NOTIFY, dw, 4)) {
			fail(w, "the GuC does not accept it");
			return;
		}
		w->gpu->count[COUNT_ACCESS_COUNTERS]++;
	}
	say(w, "ok n=%u", n);
}

static void do_wait(struct words *w)
{
	u64 target = number(w, "outstanding", 0),
	    timeout = number(w, "timeout", 30);
	u64 until = now_ns() + timeout * 1000000000ull;
	u32 open;

	if (!right(w))
		return;
	for (;;) {
		open = guc_open_faults(w->gpu->gt[0]) +
		       guc_open_faults(w->gpu->gt[1]);
		if (open <= target || now_ns() >= until || w->gpu->quit)
			break;
		gpu_wait(w->gpu, &w->gpu->changed, WAIT_US);
	}
	if (open <= target)
		say(w, "ok outstanding=%u", open);
	else
		fail(w, "timeout outstanding=%u", open);
}

static void do_hold(struct words *w)
{
	const char *what = get(w, "what") ?: "";
	struct gt *gt = gt_of(w);
	bool hold = on(w);

	if (!right(w))
		return;
	judge_settle(w->gpu);
	if (!strcmp(what, "irq")) {
		w->gpu->irq.hold = hold;
		irq_kick(&w->gpu->irq);
	} else if (!strcmp(what, "h2g")) {
		gt->guc.hold_h2g = hold;
		gt->ledger.last_reply = now_ns();
		guc_wake(gt);
	} else if (!strcmp(what, "g2h")) {
		gt->guc.hold_g2h = hold;
		guc_wake(gt);
	} else if (!strcmp(what, "boot")) {
		gt->guc.hold_boot = hold;
	} else {
		fail(w, "what must be irq, h2g, g2h or boot");
		return;
	}
	say(w, "ok");
}

static void do_rate(struct words *w)
{
	u64 rate = number(w, "h2g", 0);

	if (!flag(w, "off") && (!rate || rate > UINT32_MAX))
		fail(w, "needs h2g=N, or off");
	if (!right(w))
		return;
	judge_settle(w->gpu);
	w->gpu->opt.rate = rate;
	for (u32 i = 0; i < GTS; i++) {
		w->gpu->gt[i]->guc.due = 0;
		guc_wake(w->gpu->gt[i]);
	}
	say(w, "ok");
}

static void do_fill(struct words *w)
{
	struct gt *gt = gt_of(w);
	u32 leave = number(w, "leave", 16);

	if (right(w))
		say(w, "ok room=%u", guc_fill(gt, leave));
}

static void do_delay(struct words *w)
{
	u32 resume = number(w, "reply-to-resume", w->gpu->delay_resume);
	u32 event = number(w, "event", w->gpu->delay_event);
	u32 threads = number(w, "threads", w->gpu->opt.delay_us);

	if (flag(w, "off")) {
		resume = 0;
		event = 0;
	}
	if (!right(w))
		return;
	w->gpu->delay_resume = resume;
	w->gpu->delay_event = event;
	w->gpu->opt.delay_us = threads;
	say(w, "ok");
}

static void do_ignore(struct words *w)
{
	const char *what = get(w, "what") ?: "";
	bool ignore = on(w);

	if (!right(w))
		return;
	if (!strcmp(what, "tlb-invalidation")) {
		w->gpu->gt[0]->tlb.ignore = ignore;
		w->gpu->gt[1]->tlb.ignore = ignore;
	} else if (!strcmp(what, "page-fault-reply")) {
		w->gpu->ignore_reply = ignore;
	} else {
		fail(w, "what must be tlb-invalidation or page-fault-reply");
		return;
	}
	say(w, "ok");
}

static void do_falsify(struct words *w)
{
	const char *what = get(w, "what") ?: "";
	bool falsify = on(w);

	if (!right(w))
		return;
	if (!strcmp(what, "page-fault-reply")) {
		w->gpu->falsify_reply = falsify;
	} else if (!strcmp(what, "refusal")) {
		w->gpu->falsify_refusal = falsify;
	} else if (!strcmp(what, "request")) {
		w->gpu->falsify_request = falsify;
	} else {
		fail(w, "what must be page-fault-reply, refusal or request");
		return;
	}
	say(w, "ok");
}

static void do_block(struct words *w)
{
	static const char *const names[] = {
		[BLOCK_ENGINE] = "engine",
		[BLOCK_GROUP] = "group",
		[BLOCK_NONE] = "none",
	};
	u32 what = choice(w, "what", names, ARRAY_SIZE(names), BLOCK_NONE + 1);

	if (what > BLOCK_NONE)
		fail(w, "what must be engine, group or none");
	if (!right(w))
		return;
	w->gpu->blocking = what;
	pthread_cond_broadcast(&w->gpu->runnable);
	say(w, "ok");
}

static void do_expect(struct words *w)
{
	u64 n = number(w, "n", 0);
	u32 what = choice(w, "what", counter_name, COUNT_RULES, COUNT_RULES);

	if (what >= COUNT_RULES)
		fail(w, "what must be a counter that can fail a run");
	if (!right(w))
		return;
	w->gpu->expected[what] = n;
	say(w, "ok");
}

static void do_context_reset(struct words *w)
{
	struct gt *gt = gt_of(w);
	u32 id = number(w, "id", CONTEXTS);

	if (id >= CONTEXTS || !gt->context[id])
		fail(w, "no such context");
	if (!right(w))
		return;
	gt->context[id]->enabled = false;
	guc_event(gt, CONTEXT_RESET_NOTIFICATION, &id, 1);
	say(w, "ok");
}

static void do_contexts(struct words *w)
{
	struct gt *gt = gt_of(w);

	if (!right(w))
		return;
	say(w, "ok");
	for (u32 id = 0; id < CONTEXTS; id++) {
		struct context *c = gt->context[id];

		if (c && strlen(w->reply) + 64 < w->size)
			say(w, " %u:asid=%u,class=%u,enabled=%d,faults=%u", id,
			    c->asid, c->guc_class, c->enabled, c->faults);
	}
}

static const struct {
	const char *name;
	void (*run)(struct words *w);
} command[] = {
	{ "stat", do_stat },	     { "asids", do_asids },
	{ "mark", do_mark },	     { "latency", do_latency },
	{ "fault", do_fault },	     { "storm", do_storm },
	{ "raw", do_raw },	     { "access-counter", do_access_counter },
	{ "wait", do_wait },	     { "hold", do_hold },
	{ "fill", do_fill },	     { "delay", do_delay },
	{ "ignore", do_ignore },     { "falsify", do_falsify },
	{ "expect", do_expect },     { "context-reset", do_context_reset },
	{ "contexts", do_contexts }, { "rate", do_rate },
	{ "block", do_block },
};

/**
 * control_line() - execute a command
 * @gpu: the device, not locked
 * @line: the command; is modified
 * @reply: buffer for the answer
 * @size: size of @reply
 *
 * Return: 0 if the answer begins with "ok".
 */
int control_line(struct gpu *gpu, char *line, char *reply, size_t size)
{
	struct words w = { .gpu = gpu, .reply = reply, .size = size };
	char *save, *word;
	size_t i;

	*reply = 0;
	for (word = strtok_r(line, " \t\r\n", &save); word && w.n < WORDS;
	     word = strtok_r(NULL, " \t\r\n", &save))
		w.word[w.n++] = word;
	if (!w.n || word) {
		fail(&w, "%s", w.n ? "too many words" : "no command");
		return -1;
	}
	for (i = 0; i < ARRAY_SIZE(command); i++) {
		if (strcmp(w.word[0], command[i].name))
			continue;
		gpu_lock(gpu);
		trace(gpu, 2, "control: %s %s %s", w.word[0],
		      w.n > 1 ? w.word[1] : "", w.n > 2 ? w.word[2] : "");
		command[i].run(&w);
		gpu_unlock(gpu);
		return w.bad ? -1 : 0;
	}
	fail(&w, "no such command: \"%s\"", w.word[0]);
	return -1;
}
