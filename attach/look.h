/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: what has become of our patch
 *
 * Read from livepatch's own state, without its mutex, while others may disable and
 * enable the patch at any moment.
 *
 * livepatch enters a transition, calls pre_unpatch(), writes enabled, and lets go of
 * the transition at its end. When a transition is reversed it only writes enabled.
 * When a patch with .replace takes ours out, it writes enabled, and nothing else.
 *
 * tests/unit/test-look.c tries every order in which these steps and our reads can
 * meet. It defines what this file takes from the kernel.
 */
#ifndef OUTRIGGER_LOOK_H
#define OUTRIGGER_LOOK_H

enum patch_look {
	PATCH_MOVING, /* in transition */
	PATCH_IN, /* enabled, and all tasks use it */
	PATCH_OUT, /* disabled, and no task uses it */
	PATCH_DISABLED, /* on its way out: somebody wrote to "enabled" */
	PATCH_REPLACED, /* another livepatch has taken it out */
};

/*
 * @disables is how often pre_unpatch() was called; @seen, what it was at this look. It
 * also gives away a transition that began and ended during the look: the first one is
 * that to us, and each later one begins with pre_unpatch().
 */
static inline enum patch_look patch_look(const struct klp_patch *patch,
					 struct klp_patch *const *transition,
					 const unsigned int *disables,
					 unsigned int *seen)
{
	bool moving, enabled;

	*seen = READ_ONCE(*disables);
	smp_rmb(); /* livepatch calls pre_unpatch() before it writes enabled */
	moving = READ_ONCE(*transition) == patch;
	smp_rmb(); /* and writes enabled before it ends the transition */
	enabled = READ_ONCE(patch->enabled);
	smp_rmb(); /* that it starts before either */
	if (moving || READ_ONCE(*transition) == patch ||
	    READ_ONCE(*disables) != *seen)
		return PATCH_MOVING;
	return enabled ? PATCH_IN : PATCH_OUT;
}

/*
 * It was PATCH_IN at the look that gave @seen: PATCH_IN still, PATCH_DISABLED or
 * PATCH_REPLACED.
 */
static inline enum patch_look patch_look_again(const struct klp_patch *patch,
					       const unsigned int *disables,
					       unsigned int seen)
{
	bool enabled = READ_ONCE(patch->enabled);

	smp_rmb(); /* pre_unpatch() comes before livepatch writes enabled */
	if (READ_ONCE(*disables) != seen)
		return PATCH_DISABLED;
	return enabled ? PATCH_IN : PATCH_REPLACED;
}

#endif
