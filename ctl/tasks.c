// SPDX-License-Identifier: GPL-2.0
/* Finds tasks that block a transition; see Documentation/livepatch/livepatch.rst. */
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

/*
 * Does the function in this line of a stack keep the task from switching? When
 * detaching, it is one of the module's functions; when attaching, one that the module
 * replaces. The last such line of a stack is the outermost frame.
 */
static bool keeps(const char *line, const struct kind *kind,
		  enum transition transition)
{
	char name[128], path[PATH_MAX];
	glob_t found;
	bool yes;

	if (transition == UNPATCHING) {
		snprintf(name, sizeof(name), "[%s]", kind->module);
		return strstr(line, name);
	}
	line += strspn(line, " ");
	if (*line == '[')
		line += strcspn(line, " ") + 1;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, "+ "), line);
	if (!*name)
		return false;
	at_root(path, "/sys/kernel/livepatch/%s/%s/%s,*", kind->module,
		kind->target, name);
	yes = !glob(path, 0, NULL, &found);
	if (yes)
		globfree(&found);
	return yes;
}

/* Skips the address in "[<0>] closure_sync+0x1/0x2 [closure]". */
static const char *frame(const char *line)
{
	const char *p = strchr(line, ']');

	return *line == '[' && p && p[1] == ' ' ? p + 2 : line;
}

/*
 * Prints a task if a function on its stack keeps it from switching; with @any, also if
 * it just has not reached a point where it could switch. Returns whether it was
 * printed.
 */
static bool print_task(FILE *out, const char *dir, const struct kind *kind,
		       enum transition transition, bool any)
{
	char comm[NAME_MAX_LEN], stack[8192], *line, *next, *held = NULL;

	file_read(stack, sizeof(stack), "%s/stack", dir);
	for (line = stack; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (keeps(line, kind, transition))
			held = line;
	}
	if (!held && !any)
		return false;
	file_read(comm, sizeof(comm), "%s/comm", dir);
	fprintf(out, "  waiting for task %s, pid %s", printable(comm),
		strrchr(dir, '/') + 1);
	if (*stack)
		fprintf(out, ", in %s", frame(stack));
	else
		fputs(", which is running", out);
	if (held && held != stack)
		fprintf(out, ", called by %s", frame(held));
	fputc('\n', out);
	return true;
}

static size_t list_tasks(struct waiting *w, const struct kind *kind,
			 enum transition transition, FILE *out, bool any)
{
	char pattern[PATH_MAX], root[PATH_MAX], state[8];
	/* the patch_state of a task that has not switched yet */
	const char *old = transition == UNPATCHING ? "1" : "0";
	size_t i, told = 0;
	glob_t found;
	long tid;

	memset(w, 0, sizeof(*w));
	at_root(pattern, "/proc/[0-9]*/task/[0-9]*/patch_state");
	if (glob(pattern, 0, NULL, &found))
		return 0;
	for (i = 0; i < found.gl_pathc; i++) {
		char *dir = found.gl_pathv[i] + strlen(at_root(root, "%s", ""));

		*strrchr(dir, '/') = '\0';
		file_read(state, sizeof(state), "%s/patch_state", dir);
		tid = strtol(strrchr(dir, '/') + 1, NULL, 10);
		if (strcmp(state, old) || tid == getpid())
			continue;
		w->n++;
		w->who = w->who * 31 + tid;
		if (out && told < 10)
			told += print_task(out, dir, kind, transition, any);
	}
	globfree(&found);
	return told;
}

/**
 * tasks_waited_for - find the tasks that a transition waits for
 * @w: result
 * @kind: the module that is in transition
 * @transition: its direction
 * @out: where to list the first ten; NULL to only count
 *
 * Lists only tasks with such a function on their stack, if there are any. Only root can
 * see other users' tasks, and stacks.
 */
void tasks_waited_for(struct waiting *w, const struct kind *kind,
		      enum transition transition, FILE *out)
{
	size_t told = list_tasks(w, kind, transition, out, false);

	if (out && !told)
		told = list_tasks(w, kind, transition, out, true);
	if (out && w->n > told)
		fprintf(out, "  and for %zu more\n", w->n - told);
}
