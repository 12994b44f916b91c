// SPDX-License-Identifier: GPL-2.0
/* The counters of the modules in /sys: see docs/ABI. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "ctl.h"

static const struct figure bcache_journal[] = {
	{ "seq", "opened_entries_total",
	  "Sequence number of the open journal entry; grows by one with each entry.",
	  true },
	{ "last_seq", "reclaimed_entries_total",
	  "Sequence number of the oldest journal entry that recovery would need.",
	  true },
	{ "entries", "entries", "Journal entries that recovery would need.",
	  false },
	{ "entries_max", "entries_max", "Maximum number of journal entries.",
	  false },
	{ "buckets", "buckets", "Buckets of the journal's ring.", false },
	{ "buckets_free", "free_buckets", "Buckets of the ring that are free.",
	  false },
	{ "full", "full",
	  "Whether the journal is full, so that writers have to wait.", false },
	{ "oldest_age_ms", "oldest_entry_age_seconds",
	  "Age of the oldest journal entry that recovery would need.", false },
	{ "stalls", "stalls_total",
	  "Number of times that the full journal made writers wait.", true },
	{ "stalled_ms", "stalled_seconds_total",
	  "Time during which the full journal made writers wait.", true },
	{ "longest_stall_ms", "longest_stall_seconds",
	  "The longest time that the full journal made writers wait.", false },
	{ "writes", "writes_total",
	  "Journal entries written since the module attached.", true },
	{ "write_p50_us", "write_p50_seconds",
	  "Time in which half of the journal entries were written.", false },
	{ "write_p99_us", "write_p99_seconds",
	  "Time in which 99 % of the journal entries were written.", false },
	{ "write_max_us", "write_max_seconds",
	  "The longest time that it took to write a journal entry.", false },
	{ "write_total_us", "write_seconds_total",
	  "Sum of the times that it took to write the journal entries.", true },
	{ "write_errors", "write_errors_total",
	  "Number of times that a write of a journal entry failed.", true },
	{ "flushes", "flushes_total",
	  "Flushes since the module attached that needed no journal entry.",
	  true },
	{ "flush_p50_us", "flush_p50_seconds",
	  "Time in which half of these flushes were done.", false },
	{ "flush_p99_us", "flush_p99_seconds",
	  "Time in which 99 % of these flushes were done.", false },
	{ "flush_max_us", "flush_max_seconds",
	  "The longest time that such a flush took.", false },
	{ "flush_total_us", "flush_seconds_total",
	  "Sum of the times that these flushes took.", true },
};

static const struct figure xe_pagefault[] = {
	{ "faults", "faults_total", "Page faults that the GuC reported.",
	  true },
	{ "served", "served_total", "Page faults answered \"successful\".",
	  true },
	{ "refused", "refused_total", "Page faults answered \"unsuccessful\".",
	  true },
	{ "replies", "replies_total",
	  "Replies to page faults: served and refused.", true },
	{ "coalesced", "coalesced_total",
	  "Page faults that needed no service of their own.", true },
	{ "malformed", "malformed_total",
	  "Messages of the GuC that were ignored because they were malformed.",
	  true },
	{ "dropped", "dropped_total",
	  "Page faults that were dropped for lack of room.", true },
	{ "stale", "stale_total",
	  "Page faults without a reply because their GuC was reset or is down.",
	  true },
	{ "unsent", "unsent_total",
	  "Page faults without a reply because sending it failed.", true },
	{ "queued", "queued", "Page faults that are open now.", false },
	{ "queued_max", "queued_max",
	  "Maximum number of page faults open at once.", false },
	{ "guc_starts", "guc_starts_total",
	  "Number of times that the GuC was restarted.", true },
	{ "access_counters", "access_counters_total",
	  "Access-counter notifications that were queued.", true },
	{ "access_counters_migrated", "access_counters_migrated_total",
	  "Access-counter notifications that caused a buffer object to be moved.",
	  true },
	{ "access_counters_ignored", "access_counters_ignored_total",
	  "Access-counter notifications that required no action.", true },
	{ "access_counters_refused", "access_counters_refused_total",
	  "Access-counter notifications that could not be served.", true },
	{ "access_counters_dropped", "access_counters_dropped_total",
	  "Access-counter notifications that were dropped for lack of room.",
	  true },
};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof(*(array)))

_Static_assert(ARRAY_SIZE(bcache_journal) <= FIGURES_MAX, "FIGURES_MAX");
_Static_assert(ARRAY_SIZE(xe_pagefault) <= FIGURES_MAX, "FIGURES_MAX");

const struct kind kinds[KINDS] = {
	[BCACHE_JOURNAL] = { "bcache_journal", "bcache", "sets", bcache_journal,
			     ARRAY_SIZE(bcache_journal) },
	[XE_PAGEFAULT] = { "xe_pagefault", "xe", "gts", xe_pagefault,
			   ARRAY_SIZE(xe_pagefault) },
};

unsigned int patience_ms = 5000;

static volatile sig_atomic_t late;

static void on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

/*
 * While any set is being registered, reading a file of a cache set waits up to a second
 * and then fails with EAGAIN; with an older version of the module, it waits until the
 * registration ends. So let a signal end the read (no SA_RESTART), and repeat the
 * signal, since it may arrive just before a read begins. @ms 0 stops the signals.
 */
static void hurry(unsigned int ms)
{
	const struct sigaction on = { .sa_handler = on_alarm };
	const struct itimerval t = {
		.it_value = { ms / 1000, ms % 1000 * 1000 },
		.it_interval = { 0, 100000 },
	};

	sigaction(SIGALRM, &on, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

/*
 * A module that is older than this program may lack some files. The first one is read last:
 * if it is missing, the unit is gone.
 */
static bool unit_read(struct unit *u, const struct kind *kind, const char *dir)
{
	size_t i;

	for (i = kind->nr_figures; i--;) {
		if (file_number(&u->value[i], "%s/%s", dir,
				kind->figures[i].file))
			continue;
		if (errno != ENOENT || !i)
			return false;
		u->value[i] = MISSING;
	}
	return true;
}

/* @dir is /sys/fs/bcache/SET/journal or /sys/.../DEVICE/xe_pagefault-gtN. */
static void unit_name(struct unit *u, const struct kind *kind, const char *dir)
{
	const char *last = strrchr(dir, '/'), *owner = last;

	while (owner[-1] != '/')
		owner--;
	snprintf(u->device, sizeof(u->device), "%.*s", (int)(last - owner),
		 owner);
	if (kind == &kinds[XE_PAGEFAULT])
		snprintf(u->gt, sizeof(u->gt), "%s", strstr(last, "-gt") + 3);
	snprintf(u->name, sizeof(u->name), *u->gt ? "%.50s-gt%s" : "%s",
		 u->device, u->gt);
}

/**
 * units_read - read the figures of all sets or GTs
 * @u: result, to be freed
 * @kind: the module
 *
 * Omits units that disappear while they are read, and those that can't be read in
 * time; then @u->late is set.
 */
void units_read(struct units *u, const struct kind *kind)
{
	char pattern[PATH_MAX], root[PATH_MAX];
	glob_t found;
	size_t i;

	memset(u, 0, sizeof(*u));
	at_root(pattern, kind == &kinds[XE_PAGEFAULT] ?
				 "/sys/bus/pci/devices/*/xe_pagefault-gt*" :
				 "/sys/fs/bcache/*-*/journal");
	if (glob(pattern, 0, NULL, &found))
		return;
	u->list = calloc(found.gl_pathc, sizeof(*u->list));
	late = 0;
	hurry(patience_ms);
	for (i = 0; u->list && !late && i < found.gl_pathc; i++) {
		const char *dir =
			found.gl_pathv[i] + strlen(at_root(root, "%s", ""));

		unit_name(&u->list[u->n], kind, dir);
		if (unit_read(&u->list[u->n], kind, dir))
			u->n++;
		else if (errno == EAGAIN)
			late = 1;
	}
	hurry(0);
	u->late = late;
	globfree(&found);
}

void units_free(struct units *u)
{
	free(u->list);
	memset(u, 0, sizeof(*u));
}

const struct unit *units_find(const struct units *u, const char *name)
{
	size_t i;

	for (i = 0; i < u->n; i++)
		if (!strcmp(u->list[i].name, name))
			return &u->list[i];
	return NULL;
}

static size_t figure_index(const struct kind *kind, const char *file)
{
	size_t i;

	for (i = 0; i < kind->nr_figures; i++)
		if (!strcmp(kind->figures[i].file, file))
			break;
	return i;
}

bool has_figure(const struct kind *kind, const struct unit *u, const char *file)
{
	return u->value[figure_index(kind, file)] != MISSING;
}

/* Returns 0 if the module does not have it. */
long long figure(const struct kind *kind, const struct unit *u,
		 const char *file)
{
	return has_figure(kind, u, file) ? u->value[figure_index(kind, file)] :
					   0;
}
