// SPDX-License-Identifier: GPL-2.0
/*
 * Repeatedly prints the figures, and the rates of those that are counters: all of them, or
 * the most important ones with a line for each unit.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define FIGURE_WIDTH 26
#define UNIT_WIDTH 38

struct sample {
	double when;
	struct units u;
	struct accounts accounts; /* for "top" */
};

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static size_t units_per_line(void)
{
	size_t columns = terminal_width();

	if (!columns)
		columns = 80;
	return columns < FIGURE_WIDTH + 2 * UNIT_WIDTH ?
		       1 :
		       (columns - FIGURE_WIDTH) / UNIT_WIDTH;
}

/* Prints a figure, and its rate since @before, which may be NULL. */
static void value(char *text, size_t size, const struct kind *kind, size_t i,
		  const struct unit *u, const struct unit *before,
		  double seconds)
{
	long long grown = -1;
	int n;

	if (u->value[i] == MISSING) {
		snprintf(text, size, "%16s", "-");
		return;
	}
	if (before && before->value[i] != MISSING)
		grown = u->value[i] - before->value[i];
	n = snprintf(text, size, "%16lld", u->value[i]);
	/* a counter that has shrunk was reset: no rate */
	if (kind->figures[i].counter && grown >= 0 && seconds > 0)
		snprintf(text + n, size - n, " %12.1f/s", grown / seconds);
}

static void print_units(const struct kind *kind, const struct sample *s,
			const struct sample *before)
{
	size_t first, last, i, j, at_once = units_per_line();
	char text[64];

	for (first = 0; first < s->u.n; first = last) {
		last = first + at_once < s->u.n ? first + at_once : s->u.n;
		printf("%-*s", FIGURE_WIDTH, "");
		for (j = first; j < last; j++)
			printf("%-*s", j + 1 < last ? UNIT_WIDTH : 0,
			       s->u.list[j].name);
		putchar('\n');
		for (i = 0; i < kind->nr_figures; i++) {
			printf("  %-*s", FIGURE_WIDTH - 2,
			       kind->figures[i].file);
			for (j = first; j < last; j++) {
				const struct unit *u = &s->u.list[j];

				value(text, sizeof(text), kind, i, u,
				      units_find(&before->u, u->name),
				      s->when - before->when);
				printf("%-*s", j + 1 < last ? UNIT_WIDTH : 0,
				       text);
			}
			putchar('\n');
		}
		putchar('\n');
	}
}

/* The increase of a counter since @before, which may be NULL, per second. */
static double rate(const struct kind *kind, const struct unit *u,
		   const struct unit *before, double seconds, const char *file)
{
	long long grown =
		before ? figure(kind, u, file) - figure(kind, before, file) : 0;

	return grown > 0 && seconds > 0 ? grown / seconds : 0;
}

struct row {
	const struct unit *u, *before;
	double busy; /* per second */
};

static int busier(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->busy < y->busy ? 1 :
	       x->busy > y->busy ? -1 :
				   strcmp(x->u->name, y->u->name);
}

static void print_set(const struct row *r, double seconds)
{
	const struct kind *kind = &kinds[BCACHE_JOURNAL];
	long long buckets = figure(kind, r->u, "buckets");
	double stalled =
		rate(kind, r->u, r->before, seconds, "stalled_ms") / 10;
	double us = rate(kind, r->u, r->before, seconds, "write_total_us");

	printf("%-36s", r->u->name);
	if (has_figure(kind, r->u, "writes"))
		printf(" %8.0f %7.0f %6lld %4.0f%% %8lld", r->busy,
		       r->busy > 0 ? us / r->busy : 0,
		       figure(kind, r->u, "write_p99_us"),
		       stalled > 100 ? 100 : stalled,
		       figure(kind, r->u, "oldest_age_ms") / 1000);
	else
		printf(" %8s %7s %6s %5s %8s", "-", "-", "-", "-", "-");
	printf(" %3lld%%\n",
	       buckets ? 100 - 100 * figure(kind, r->u, "buckets_free") /
					 buckets :
			 0);
}

static void print_gt(const struct row *r, double seconds)
{
	const struct kind *kind = &kinds[XE_PAGEFAULT];

	printf("%-36s %8.0f %10.0f %10.0f %8lld\n", r->u->name, r->busy,
	       rate(kind, r->u, r->before, seconds, "coalesced"),
	       rate(kind, r->u, r->before, seconds, "refused"),
	       figure(kind, r->u, "queued"));
}

/* The faults that a process had answered since @before, per second. */
struct share {
	const struct account *a;
	double faults, refused;
	double us; /* that a fault took on average */
	const char *stage; /* where most of this time went */
};

/* Fails if a figure is less than before: another address space has this number now. */
static bool share_of(struct share *s, const struct account *a,
		     const struct account *was, double seconds)
{
	long long ms, all = 0, most = 0;
	size_t i;

	if (a->faults <= was->faults || a->refused < was->refused)
		return false;
	*s = (struct share){ .a = a, .stage = "-" };
	for (i = 0; i < STAGES; i++) {
		ms = a->ms[i] - was->ms[i];
		if (ms < 0)
			return false;
		all += ms;
		if (ms <= most)
			continue;
		most = ms;
		s->stage = stages[i];
	}
	s->faults = (a->faults - was->faults) / seconds;
	s->refused = (a->refused - was->refused) / seconds;
	s->us = all * 1e3 / (a->faults - was->faults);
	return true;
}

static int greater(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return x->faults < y->faults ? 1 : x->faults > y->faults ? -1 : 0;
}

#define PROCESSES_SHOWN 5

/* The processes whose faults were most, of this GT. */
static void print_processes(const char *unit, const struct sample *s,
			    const struct sample *before)
{
	struct share
		shares[sizeof(s->accounts.list) / sizeof(s->accounts.list[0])];
	double seconds = s->when - before->when;
	size_t i, j, n = 0;

	for (i = 0; i < s->accounts.n; i++) {
		const struct account *a = &s->accounts.list[i], *was = NULL;

		for (j = 0; j < before->accounts.n && !was; j++)
			if (before->accounts.list[j].asid == a->asid &&
			    !strcmp(before->accounts.list[j].unit, a->unit))
				was = &before->accounts.list[j];
		if (was && !strcmp(a->unit, unit) &&
		    !strcmp(a->process, was->process) &&
		    share_of(&shares[n], a, was, seconds))
			n++;
	}
	qsort(shares, n, sizeof(shares[0]), greater);
	if (n)
		printf("  %-7s %-26s %8s %10s %10s  %s\n", "ASID", "PROCESS",
		       "FAULTS/S", "MEAN US", "REFUSED", "MOSTLY IN");
	for (i = 0; i < n && i < PROCESSES_SHOWN; i++)
		printf("  %-7u %-26.26s %8.0f %10.0f %10.0f  %s\n",
		       shares[i].a->asid, shares[i].a->process,
		       shares[i].faults, shares[i].us, shares[i].refused,
		       shares[i].stage);
}

static void print_rows(const struct kind *kind, const struct sample *s,
		       const struct sample *before)
{
	const char *busy = kind == &kinds[XE_PAGEFAULT] ? "faults" : "writes";
	double seconds = s->when - before->when;
	struct row *rows = calloc(s->u.n, sizeof(*rows));
	size_t i;

	if (!rows)
		return;
	for (i = 0; i < s->u.n; i++) {
		rows[i].u = &s->u.list[i];
		rows[i].before = units_find(&before->u, rows[i].u->name);
		rows[i].busy =
			rate(kind, rows[i].u, rows[i].before, seconds, busy);
	}
	qsort(rows, s->u.n, sizeof(*rows), busier);
	if (kind == &kinds[XE_PAGEFAULT])
		printf("%-36s %8s %10s %10s %8s\n", "GT", "FAULTS/S",
		       "COALESCED", "REFUSED", "OPEN");
	else
		printf("%-36s %8s %7s %6s %5s %8s %4s\n", "CACHE SET",
		       "WRITES/S", "MEAN US", "P99 US", "STALL", "OLDEST S",
		       "RING");
	for (i = 0; i < s->u.n; i++)
		if (kind == &kinds[XE_PAGEFAULT]) {
			print_gt(&rows[i], seconds);
			print_processes(rows[i].u->name, s, before);
		} else {
			print_set(&rows[i], seconds);
		}
	putchar('\n');
	free(rows);
}

typedef void print_fn(const struct kind *kind, const struct sample *s,
		      const struct sample *before);

static void print_module(const struct kind *kind, struct sample *before,
			 print_fn *print)
{
	struct module m;
	struct sample s;

	module_look(&m, kind);
	s.when = now();
	units_read(&s.u, kind);
	s.accounts.n = 0;
	if (kind == &kinds[XE_PAGEFAULT])
		accounts_read(&s.accounts);
	printf("%s: %s%s%s%s%s\n", kind->module, m.state, m.loaded ? " (" : "",
	       m.version, m.loaded ? ")" : "",
	       m.transition ? ", in transition" : "");
	if (*m.reason)
		printf("  %s\n", m.reason);
	else if (s.u.late)
		puts("  no figures: reading them takes too long");
	else if (module_is(&m, "attached") && !s.u.n)
		printf("  no %s\n", kind->units);
	if (s.u.n)
		print(kind, &s, before);
	units_free(&before->u);
	*before = s;
}

static int repeat(const struct options *o, const char *command, print_fn *print)
{
	struct sigaction on_end = { .sa_handler = end };
	struct sample before[KINDS] = { 0 };
	bool terminal = isatty(STDOUT_FILENO);
	struct timespec gap = { (time_t)o->interval,
				(o->interval - (time_t)o->interval) * 1e9 };
	char clock[16];
	long round;
	size_t i;
	time_t t;

	sigaction(SIGINT, &on_end, NULL);
	sigaction(SIGTERM, &on_end, NULL);
	/* write each screen at once, to avoid flicker */
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (terminal)
		fputs("\033[?25l", stdout);
	for (round = 1; !ended; round++) {
		t = time(NULL);
		strftime(clock, sizeof(clock), "%T", localtime(&t));
		printf("%soutriggerctl %s, every %g s, at %s%s\n\n",
		       terminal ? "\033[H\033[J" : "", command, o->interval,
		       clock, terminal ? "; Ctrl-C ends" : "");
		for (i = 0; i < o->n; i++)
			print_module(o->kinds[i], &before[i], print);
		if (fflush(stdout) || round == o->count)
			break;
		nanosleep(&gap, NULL);
	}
	if (terminal)
		fputs("\033[?25h", stdout);
	for (i = 0; i < o->n; i++)
		units_free(&before[i].u);
	return DONE;
}

int cmd_watch(const struct options *o)
{
	return repeat(o, "watch", print_units);
}

int cmd_top(const struct options *o)
{
	return repeat(o, "top", print_rows);
}
