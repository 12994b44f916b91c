// SPDX-License-Identifier: GPL-2.0
/* Repeatedly prints the figures, and the rates of those that are counters. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define FIGURE_WIDTH 26
#define UNIT_WIDTH 38

struct sample {
	double when;
	struct units u;
};

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static size_t units_per_line(void)
{
	struct winsize w;
	size_t columns = 80;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col)
		columns = w.ws_col;
	return columns < FIGURE_WIDTH + 2 * UNIT_WIDTH ?
		       1 :
		       (columns - FIGURE_WIDTH) / UNIT_WIDTH;
}

/* Prints a figure, and its rate since @before, which may be NULL. */
static void value(char *text, size_t size, const struct kind *kind, size_t i,
		  const struct unit *u, const struct unit *before,
		  double seconds)
{
	long long grown = before ? u->value[i] - before->value[i] : -1;
	int n = snprintf(text, size, "%16lld", u->value[i]);

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

static void print_module(const struct kind *kind, struct sample *before)
{
	struct module m;
	struct sample s;

	module_look(&m, kind);
	s.when = now();
	units_read(&s.u, kind);
	printf("%s: %s%s%s%s%s\n", kind->module, m.state, m.loaded ? " (" : "",
	       m.version, m.loaded ? ")" : "",
	       m.transition ? ", in transition" : "");
	if (*m.reason)
		printf("  %s\n", m.reason);
	else if (s.u.late)
		puts("  no figures: reading them takes too long");
	else if (module_is(&m, "attached") && !s.u.n)
		printf("  no %s\n", kind->units);
	print_units(kind, &s, before);
	units_free(&before->u);
	*before = s;
}

int cmd_watch(const struct options *o)
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
		printf("%soutriggerctl watch, every %g s, at %s%s\n\n",
		       terminal ? "\033[H\033[J" : "", o->interval, clock,
		       terminal ? "; Ctrl-C ends" : "");
		for (i = 0; i < o->n; i++)
			print_module(o->kinds[i], &before[i]);
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
