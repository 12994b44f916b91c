/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: the state of the module's livepatch
 *
 * Reads livepatch's own state without its mutex, while users may disable and enable
 * the patch at any moment.
 *
 * To disable a patch, livepatch enters a transition, calls pre_unpatch(), writes
 * enabled, and clears the transition at its end. To reverse a transition, it only
 * writes enabled. When a patch with .replace replaces the module's patch, livepatch
 * also only writes enabled.
 *
 * tests/unit/test-look.c tries all interleavings of these steps with the reads here.
 * It supplies the kernel's definitions that this file uses.
 */
#ifndef OUTRIGGER_LOOK_H
#define OUTRIGGER_LOOK_H

enum patch_look {
	PATCH_MOVING, /* in transition */
	PATCH_IN, /* enabled, and all tasks use it */
	PATCH_OUT, /* disabled, and no task uses it */
	PATCH_DISABLED, /* being disabled: a user wrote to "enabled" */
	PATCH_REPLACED, /* replaced by another livepatch */
};

/*
 * @disables counts the calls of pre_unpatch(); @seen is set to its value at this look.
 * It also reveals a transition that began and ended between the reads: only the first
 * one, which enables the patch, does not begin with pre_unpatch().
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
	smp_rmb(); /* and starts the transition before both */
	if (moving || READ_ONCE(*transition) == patch ||
	    READ_ONCE(*disables) != *seen)
		return PATCH_MOVING;
	return enabled ? PATCH_IN : PATCH_OUT;
}

/*
 * The patch was PATCH_IN at the look that set @seen. Returns PATCH_IN if it still is,
 * or else PATCH_DISABLED or PATCH_REPLACED.
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
