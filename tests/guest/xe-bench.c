// SPDX-License-Identifier: GPL-2.0
/*
 * xe-client bench PORT ROW [RUNS]: page faults, for guest/bench-faults.sh
 *
 * PORT is the control port of the emulated GPU, which injects the faults. The machine has
 * one CPU, whose time stamp counter counts instructions, 1 ns each. Prints a line with the
 * median of the RUNS.
 *
 * Instructions per fault: all faults are in the G2H ring before the GPU raises the
 * interrupt. Meanwhile this program spins with idle priority, so that the CPU is never
 * idle. What the turns of its loop do not account for is what the kernel has spent on the
 * faults.
 *
 * Latency: from the entry of the interrupt handler to each reply, or, if the trace that the
 * script has set up has doorbells, to the doorbell for the reply. The stock driver's replies
 * are traced before their doorbells, those of the module behind them.
 *
 * Rate: until the worker ends. A trace of each reply would cost the two sides differently.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include "xe.h"

#define PAGE 4096ul
#define HUGE (2ul << 20)
#define VA 0x100000000ull
#define PATIENCE 60.0
#define SPACES 64
#define FAULTS 512
#define CROWD \
	896 /* as many as the queue of the stock driver can hold, with some room */
#define SINGLES 21
#define MAX_RUNS 100
#define TRACING "/sys/kernel/tracing/"

static int port;
static struct xe_space space[SPACES];
static char *memory[SPACES];
static unsigned int asid[SPACES];
static double
	turn; /* instructions for a turn of the loop, if nothing else runs */

static void __attribute__((format(printf, 1, 2), noreturn))
die(const char *fmt, ...)
{
	va_list ap;

	fputs("not ok bench: ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

static void must(const char *what, int err)
{
	if (err)
		die("%s: %s", what, strerror(-err));
}

/* --- the GPU ------------------------------------------------------------------ */

static char answer[8192];
static size_t have;
static unsigned int lines; /* in the answer */

/* Read what has arrived. */
static void hear(void)
{
	ssize_t n = read(port, answer + have, sizeof(answer) - 1 - have);

	for (; n > 0; n--)
		lines += answer[have++] == '\n';
}

static void ask(const char *what)
{
	have = 0;
	lines = 0;
	memset(answer, 0, sizeof(answer));
	if (write(port, what, strlen(what)) != (ssize_t)strlen(what))
		die("the GPU's port: %s", strerror(errno));
}

static void check(void)
{
	const char *p = answer;

	for (; *p; p = strchr(p, '\n') + 1)
		if (strncmp(p, "ok", 2))
			die("the GPU: %s", p);
}

static const char *__attribute__((format(printf, 1, 2)))
gpu(const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	strcat(line, "\n");
	ask(line);
	for (hear(); !lines; hear())
		usleep(200);
	check();
	return answer;
}

static unsigned long count(const char *key)
{
	char word[40];
	const char *p;

	snprintf(word, sizeof(word), " %s=", key);
	p = strstr(gpu("stat"), word);
	if (!p)
		die("the GPU does not count %s", key);
	return strtoul(p + strlen(word), NULL, 10);
}

/* --- address spaces ----------------------------------------------------------- */

/*
 * Make N address spaces with SIZE bytes of memory, in bindings of EACH bytes. Each runs
 * once, so that the GPU knows its page tables.
 */
static void make(int n, size_t size, size_t each)
{
	static const uint16_t classes[] = { DRM_XE_ENGINE_CLASS_COMPUTE,
					    DRM_XE_ENGINE_CLASS_COPY,
					    DRM_XE_ENGINE_CLASS_RENDER };
	size_t at;
	char *p;
	int i;

	for (i = 0; i < n; i++) {
		struct drm_xe_engine_class_instance engine = {
			.engine_class = classes[i % 3],
		};

		must("space", xe_space_new(&space[i], XE_FAULT_MODE, &engine));
		p = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			die("no memory");
		p = (char *)(((uintptr_t)p + HUGE - 1) & ~(HUGE - 1));
		madvise(p, size, MADV_NOHUGEPAGE);
		memset(p, 1, size);
		memory[i] = p;
		for (at = 0; at < size; at += each)
			must("bind",
			     xe_bind(&space[i], DRM_XE_VM_BIND_OP_MAP_USERPTR,
				     0, 0, p + at, VA + at, each));
		xe_store(&space[i], VA, 1);
		must("submit", xe_submit(&space[i], 0));
		must("wait", xe_wait(&space[i], PATIENCE));
	}
}

/* Learn the ASIDs, when those of earlier processes are gone. */
static void learn(int n)
{
	int i, tries;
	char *p;

	for (tries = 0; tries < 100; tries++) {
		p = strchr(gpu("asids"), ' ');
		for (i = 0; p && *p != '\n'; i++)
			asid[i % SPACES] = (unsigned int)strtoul(p + 1, &p, 10);
		if (i == n)
			return;
		usleep(100000);
	}
	die("the GPU knows %d address spaces, not %d", i, n);
}

/* --- instructions ------------------------------------------------------------- */

/*
 * Send commands to the GPU, and spin until so many lines have arrived; or, if none are to
 * come, for a while. Return the instructions for each turn, or those that the turns do not
 * account for. The interrupt may arrive before the commands have even been sent.
 */
static double spin(const char *what, unsigned int until)
{
	uint64_t start = __rdtsc(), time;
	unsigned int i, turns = 0;

	if (until)
		ask(what);
	do {
		for (i = 0; i < 1000; i++)
			__asm__ volatile("");
		hear();
		turns++;
	} while (until ? lines < until : turns < 30000);
	time = __rdtsc() - start;
	return until ? (double)time - turns * turn : (double)time / turns;
}

static void calibrate(void)
{
	struct sched_param param = {};

	if (mlockall(MCL_CURRENT) || sched_setscheduler(0, SCHED_IDLE, &param))
		die("idle priority: %s", strerror(errno));
	turn = spin(NULL, 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double percentile(double *v, unsigned int n, unsigned int percent)
{
	unsigned int i = n * percent / 100;

	if (!n)
		die("nothing was measured");
	qsort(v, n, sizeof(*v), by_value);
	return v[i < n ? i : n - 1];
}

/* The instructions that N faults take, the port and the interrupt included. */
static double take(unsigned int n, const char *who, unsigned int addresses)
{
	double used;

	gpu("hold what=irq on");
	gpu("storm n=%u asid=%s va=0x%llx addresses=%u access=write", n, who,
	    VA, addresses);
	used = spin("hold what=irq off\nwait outstanding=0 timeout=100\n", 2);
	check();
	return used;
}

static void instructions(int spaces, size_t size, size_t each,
			 unsigned int addresses, bool bind, unsigned int runs)
{
	const char *who = spaces > 1 ? "all" : "first";
	double v[MAX_RUNS], nothing[MAX_RUNS];
	unsigned long replies, doorbells;
	unsigned int r;
	int i;

	make(spaces, size, each);
	learn(spaces);
	take(FAULTS, who, addresses); /* a first time for everything */
	replies = count("replies");
	doorbells = count("doorbells");
	for (r = 0; r < runs; r++) {
		nothing[r] = take(0, who, 1);
		for (i = 0; bind && i < spaces; i++)
			madvise(memory[i], size, MADV_DONTNEED);
		v[r] = take(FAULTS, who, addresses);
	}
	replies = count("replies") - replies;
	doorbells = count("doorbells") - doorbells;
	printf("instructions=%.0f doorbells=%.3f\n",
	       (percentile(v, runs, 50) - percentile(nothing, runs, 50)) /
		       FAULTS,
	       (double)doorbells / (double)replies);
}

/* --- latency ------------------------------------------------------------------ */

static void put(const char *file, const char *text)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", file);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die("%s: %s", path, strerror(errno));
	close(fd);
}

/* Is this the end of a worker that serves faults? */
static bool is_end(const char *line)
{
	return strstr(line, " workqueue_execute_end:") &&
	       (strstr(line, " xpf_worker") ||
		strstr(line, " pf_queue_work_func") ||
		strstr(line, " xe_pagefault_queue_work"));
}

/*
 * Begin the trace, or end it and get the latencies of an address space, or the times at
 * which workers ended, in us.
 */
static void trace_begin(void)
{
	put("trace", "");
	put("tracing_on", "1");
}

static unsigned int trace_end(unsigned int who, double *v, unsigned int max)
{
	unsigned long long start = 0, when, bell = 0;
	unsigned int a, d, n = 0, rung = 0;
	char line[400], *p;
	FILE *f;

	put("tracing_on", "0");
	f = fopen(TRACING "trace", "r");
	while (f && fgets(line, sizeof(line), f)) {
		p = strchr(line, ']');
		if (line[0] == '#' || !p ||
		    sscanf(p, "] %*s %llu:", &when) != 1)
			continue;
		if (!start && strstr(p, "irq_handler_entry"))
			start = when;
		if (!start || n == max)
			continue;
		if (strstr(p, " bell:")) {
			bell = when;
			for (; rung < n; rung++)
				v[rung] = (double)(bell - start) / 1000;
		} else if (strstr(p, " xpf_ack:")) {
			p = strstr(p, " ASID ");
			if (p && sscanf(p, " ASID %u", &a) == 1 && a == who)
				v[n++] =
					(double)((bell ?: when) - start) / 1000;
			rung = n;
		} else if (is_end(p)) {
			v[n++] = (double)(when - start) / 1000;
		} else {
			p = strstr(p, " a=0x");
			if (p && sscanf(p, " a=0x%x d=0x%x", &a, &d) == 2 &&
			    (a & 0xffff) == 0x6003 && d >> 12 == who)
				v[n++] = (double)(when - start) / 1000;
		}
	}
	if (f)
		fclose(f);
	return n;
}

static void single(unsigned int runs)
{
	double v[MAX_RUNS * SINGLES];
	unsigned int i, n = 0;

	make(1, PAGE, PAGE);
	learn(1);
	for (i = 0; i < runs * SINGLES; i++) {
		trace_begin();
		gpu("storm n=1 asid=first va=0x%llx access=write", VA);
		gpu("wait outstanding=0");
		n += trace_end(asid[0], v + n, 1);
	}
	printf("replies=%u p50=%.2f\n", n, percentile(v, n, 50));
}

/* One fault in 64 is the victim's, all others are of another address space. */
static void victim(bool same, unsigned int runs)
{
	unsigned int i = 1, r, n, replies = 0;
	double v[CROWD], p50[MAX_RUNS], p99[MAX_RUNS];
	char list[1000];
	int at;

	/* The stock driver has a queue for each remainder. */
	make(5, 16 * PAGE, 16 * PAGE);
	learn(5);
	while (i < 4 && (asid[0] % 4 == asid[i] % 4) != same)
		i++;
	if ((asid[0] % 4 == asid[i] % 4) != same)
		die("no such ASID");
	for (r = 0, at = 0; r < 63; r++)
		at += sprintf(list + at, "%u,", asid[0]);
	sprintf(list + at, "%u", asid[i]);
	for (r = 0; r < runs; r++) {
		gpu("hold what=irq on");
		gpu("storm n=%u asid=%s va=0x%llx addresses=16 access=write",
		    CROWD, list, VA);
		trace_begin();
		gpu("hold what=irq off");
		gpu("wait outstanding=0 timeout=100");
		n = trace_end(asid[i], v, CROWD);
		p50[r] = percentile(v, n, 50);
		p99[r] = percentile(v, n, 99);
		replies += n;
	}
	printf("replies=%u p50=%.0f p99=%.0f\n", replies,
	       percentile(p50, runs, 50), percentile(p99, runs, 50));
}

/* Faults on the pages of one binding, answered per second. */
static void rate(unsigned int runs)
{
	double v[CROWD], us[MAX_RUNS];
	unsigned int r, n;

	make(1, HUGE, HUGE);
	learn(1);
	for (r = 0; r < runs; r++) {
		gpu("hold what=irq on");
		gpu("storm n=%u asid=first va=0x%llx addresses=%u access=write",
		    FAULTS, VA, FAULTS);
		trace_begin();
		gpu("hold what=irq off");
		gpu("wait outstanding=0 timeout=100");
		usleep(10000); /* the worker ends after its last reply */
		n = trace_end(0, v, CROWD);
		us[r] = percentile(v, n, 100);
	}
	printf("rate=%.0f\n", FAULTS * 1e6 / percentile(us, runs, 50));
}

/* What a process notices of its own faults. */
static void noticed(unsigned int runs)
{
	double v[MAX_RUNS], start;
	unsigned int i;

	make(1, PAGE, PAGE);
	for (i = 0; i < runs; i++) {
		madvise(memory[0], PAGE, MADV_DONTNEED);
		start = xe_now();
		xe_store(&space[0], VA, i);
		must("submit", xe_submit(&space[0], 0));
		must("wait", xe_wait(&space[0], PATIENCE));
		v[i] = (xe_now() - start) * 1e6;
	}
	printf("replies=%u p50=%.0f p99=%.0f\n", runs, percentile(v, runs, 50),
	       percentile(v, runs, 99));
}

/* --- a burst ------------------------------------------------------------------ */

/* More faults at once than the queues can hold: wait until no more are answered. */
static void burst(unsigned int n)
{
	unsigned long first, now, before = 0;
	int quiet = 0;

	make(1, HUGE, HUGE);
	learn(1);
	first = count("replies");
	gpu("hold what=irq on");
	/* the ring has no room for more, so that the GPU would wait for itself */
	gpu("storm n=4000 asid=first va=0x%llx addresses=512 access=write", VA);
	gpu("hold what=irq off");
	if (n > 4000)
		gpu("storm n=%u asid=first va=0x%llx addresses=512 access=write",
		    n - 4000, VA);
	while (quiet < 5 && (now = count("replies") - first) < n) {
		quiet = now == before ? quiet + 1 : 0;
		before = now;
		sleep(1);
	}
	printf("answered=%lu of=%u\n", count("replies") - first, n);
	fflush(stdout);
	close(port);
	if (now < n) /* its context can't be disabled any more */
		pause();
}

int bench_main(int argc, char **argv)
{
	unsigned int runs = argc > 4 ? (unsigned int)atoi(argv[4]) : 1;
	const char *row = argc > 3 ? argv[3] : "";

	if (!runs || (runs > MAX_RUNS && strcmp(row, "burst")))
		die("runs");
	port = open(argc > 2 ? argv[2] : "", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port < 0)
		die("the GPU's port: %s", strerror(errno));
	must("GPU", xe_open());
	calibrate();
	if (!strcmp(row, "one-page"))
		instructions(1, PAGE, PAGE, 1, false, runs);
	else if (!strcmp(row, "one-page-bind"))
		instructions(1, PAGE, PAGE, 1, true, runs);
	else if (!strcmp(row, "pages"))
		instructions(1, HUGE, HUGE, FAULTS, false, runs);
	else if (!strcmp(row, "bindings"))
		instructions(1, HUGE, PAGE, FAULTS, false, runs);
	else if (!strcmp(row, "bindings-bind"))
		instructions(1, HUGE, PAGE, FAULTS, true, runs);
	else if (!strcmp(row, "spaces"))
		instructions(SPACES, 16 * PAGE, 16 * PAGE, 16, false, runs);
	else if (!strcmp(row, "single"))
		single(runs);
	else if (!strcmp(row, "same-queue"))
		victim(true, runs);
	else if (!strcmp(row, "other-queue"))
		victim(false, runs);
	else if (!strcmp(row, "rate"))
		rate(runs);
	else if (!strcmp(row, "slow-memory"))
		noticed(runs);
	else if (!strcmp(row, "burst"))
		burst(runs);
	else
		die("no row %s", row);
	return 0;
}
