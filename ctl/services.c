// SPDX-License-Identifier: GPL-2.0
/* Finds the page faults that xe_pagefault is serving, in debugfs. */
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* The table in docs/ABI/debugfs-xe-pagefault, "under way"; a line of other text ends it. */
static void look(struct services *s, char *text, FILE *out)
{
	char *line = strstr(text, "\nunder way: "), *heading, *save;
	unsigned long long addr;
	unsigned int asid;
	double seconds;
	int process;

	if (!line)
		return;
	strtok_r(line, "\n", &save);
	heading = strtok_r(NULL, "\n", &save);
	if (!heading || !strstr(heading, "since"))
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
		if (out)
			fprintf(out,
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
	char pattern[PATH_MAX], text[8192], *name;
	glob_t found;
	size_t i;

	memset(s, 0, sizeof(*s));
	at_root(pattern, "/sys/kernel/debug/xe_pagefault/%s", unit);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++) {
		name = strrchr(found.gl_pathv[i], '/') + 1;
		file_read(text, sizeof(text),
			  "/sys/kernel/debug/xe_pagefault/%s", name);
		look(s, text, out);
	}
	globfree(&found);
}
