// SPDX-License-Identifier: GPL-2.0
/* Reads the tables of xe_pagefault in debugfs; see docs/ABI/debugfs-xe-pagefault. */
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* Call @each with the text of the file of each GT that matches. Only root can read them. */
static void each_file(const char *unit,
		      void (*each)(const char *unit, char *text, void *data),
		      void *data)
{
	char pattern[PATH_MAX], text[16384], *name;
	glob_t found;
	size_t i;

	at_root(pattern, "/sys/kernel/debug/xe_pagefault/%s", unit);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++) {
		name = strrchr(found.gl_pathv[i], '/') + 1;
		file_read(text, sizeof(text),
			  "/sys/kernel/debug/xe_pagefault/%s", name);
		each(name, text, data);
	}
	globfree(&found);
}

/* Find a table: the line before its heading, and a word in the heading. Then strtok_r(). */
static bool table(char *text, const char *title, const char *word, char **save)
{
	char *line = strstr(text, title), *heading;

	if (!line)
		return false;
	strtok_r(line, "\n", save);
	heading = strtok_r(NULL, "\n", save);
	return heading && strstr(heading, word);
}

struct listing {
	struct services *s;
	FILE *out;
};

/* A line of other text ends the table. */
static void list_services(const char *unit, char *text, void *data)
{
	const struct listing *l = data;
	struct services *s = l->s;
	unsigned long long addr;
	unsigned int asid;
	char *line, *save;
	double seconds;
	int process;

	(void)unit;
	if (!table(text, "\nunder way: ", "since", &save))
		return;
	while ((line = strtok_r(NULL, "\n", &save)) &&
	       sscanf(line, "%lf %u %llx %n", &seconds, &asid, &addr,
		      &process) == 3) {
		printable(line + process);
		if (!s->n++ || seconds > s->seconds) {
			s->seconds = seconds;
			snprintf(s->longest, sizeof(s->longest),
				 "%s, ASID %u address 0x%llx, for %.0f s",
				 line + process, asid, addr, seconds);
		}
		if (l->out)
			fprintf(l->out,
				"  serving a page fault of %s, ASID %u address 0x%llx, for %.0f s\n",
				line + process, asid, addr, seconds);
	}
}

/**
 * services_under_way - find the page faults that are being served
 * @s: result
 * @unit: device-gtN, or "*" for all
 * @out: where to list them; NULL to only find the longest
 *
 * Only root can see them; the module shows 16 for each GT.
 */
void services_under_way(struct services *s, const char *unit, FILE *out)
{
	struct listing l = { s, out };

	memset(s, 0, sizeof(*s));
	each_file(unit, list_services, &l);
}

/* In the order of xpf_stages[] in the module. */
const char *const stages[STAGES] = { "queue", "VM lock", "memory",
				     "page tables", "reply" };

static void list_accounts(const char *unit, char *text, void *data)
{
	struct accounts *all = data;
	struct account a = { 0 };
	char *line, *save;
	int process;

	snprintf(a.unit, sizeof(a.unit), "%s", unit);
	if (!table(text, "\nbusiest address spaces", "ASID", &save))
		return;
	while (all->n < sizeof(all->list) / sizeof(all->list[0]) &&
	       (line = strtok_r(NULL, "\n", &save)) &&
	       sscanf(line, "%u %lld %lld %lld %lld %lld %lld %lld %n", &a.asid,
		      &a.faults, &a.refused, &a.ms[0], &a.ms[1], &a.ms[2],
		      &a.ms[3], &a.ms[4], &process) == 3 + STAGES) {
		printable(line + process);
		snprintf(a.process, sizeof(a.process), "%s", line + process);
		all->list[all->n++] = a;
	}
}

/**
 * accounts_read - read what the faults of the busiest address spaces have come to
 * @a: result
 *
 * Only root can see them; the module shows 16 for each GT.
 */
void accounts_read(struct accounts *a)
{
	a->n = 0;
	each_file("*", list_accounts, a);
}
