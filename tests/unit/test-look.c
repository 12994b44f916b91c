// SPDX-License-Identifier: GPL-2.0
/*
 * attach/look.h against livepatch: every interleaving of livepatch's steps with the
 * reads of the module's watch.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct klp_patch {
	bool enabled;
};

static void others(void);

/* Before each access of the watch, livepatch may take further steps. */
#define READ_ONCE(x) (others(), (x))
#define smp_rmb() ((void)0) /* single-threaded */

#include "../../attach/look.h"

/* How often watch() looks before livepatch has finished its steps. */
#define LOOKS 3
#define ACCESSES (5 * LOOKS)

static struct klp_patch patch;
static struct klp_patch *transition;
static unsigned int disables, seen;

/*
 * The steps of livepatch, one character each:
 *   ( begin a transition      ) end it
 *   p pre_unpatch()           0, 1 write this to patch.enabled
 */
static const char *script;

/* The interleaving: before access i of the watch, livepatch takes steps[i] steps. */
static unsigned int steps[ACCESSES], access;

static void step(void)
{
	switch (*script++) {
	case '(':
		transition = &patch;
		break;
	case ')':
		transition = NULL;
		break;
	case 'p':
		disables++;
		break;
	case '0':
	case '1':
		patch.enabled = script[-1] == '1';
		break;
	}
}

static void others(void)
{
	unsigned int i;

	if (access >= ACCESSES)
		return;
	for (i = 0; i < steps[access]; i++)
		step();
	access++;
}

/* The conclusion of attach.c. */
static enum state { ATTACHED, DETACHING, INERT } state;
static enum reason { NONE, DETACHED, REPLACED } reason;
static bool was_replaced;

static void watch(void)
{
	enum patch_look now;

	if (state == ATTACHED) {
		now = patch_look_again(&patch, &disables, seen);
		if (now == PATCH_IN)
			return;
		state = DETACHING;
		reason = now == PATCH_REPLACED ? REPLACED : DETACHED;
		was_replaced |= now == PATCH_REPLACED;
	} else if (state == DETACHING) {
		now = patch_look(&patch, &transition, &disables, &seen);
		if (now == PATCH_IN) {
			state = ATTACHED;
			reason = NONE;
		} else if (now == PATCH_OUT) {
			state = INERT;
		}
	}
}

/* Advance to the next interleaving. Return false after the last one. */
static bool next_order(void)
{
	unsigned int i = 0, rest;

	while (!steps[i])
		i++;
	if (i + 1 == ACCESSES)
		return false;
	rest = steps[i] - 1;
	steps[i] = 0;
	steps[0] = rest;
	steps[i + 1]++;
	return true;
}

static void try_all(const char *text, enum state end, enum reason why)
{
	unsigned int i;

	memset(steps, 0, sizeof(steps));
	steps[0] = strlen(text);
	do {
		script = text;
		patch.enabled = true;
		transition = NULL;
		disables = 0;
		seen = 0;
		state = ATTACHED;
		reason = NONE;
		was_replaced = false;
		access = 0;
		for (i = 0; i < LOOKS; i++)
			watch();
		access = ACCESSES;
		while (*script)
			step();
		for (i = 0; i < 3; i++)
			watch();
		if (state != end || reason != why ||
		    (was_replaced && why != REPLACED))
			fail_msg("%s: state %d, reason %d%s", text, state,
				 reason,
				 was_replaced ? ", called replaced" : "");
	} while (next_order());
}

static void disabled(void **s)
{
	try_all("(p0)", INERT, DETACHED);
}

static void reversed(void **s)
{
	try_all("(p01)", ATTACHED, NONE);
}

static void disabled_again(void **s)
{
	try_all("(p01)(p0)", INERT, DETACHED);
	try_all("(p010)", INERT, DETACHED);
	try_all("(p01010)", INERT, DETACHED);
}

static void enabled_again(void **s)
{
	try_all("(p01)(p01)", ATTACHED, NONE);
}

static void replaced(void **s)
{
	try_all("0", INERT, REPLACED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disabled),
		cmocka_unit_test(reversed),
		cmocka_unit_test(disabled_again),
		cmocka_unit_test(enabled_again),
		cmocka_unit_test(replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
