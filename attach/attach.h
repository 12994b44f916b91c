/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fastening a module to a stock driver through livepatch: what both modules
 * share. See attach.c for the life of a module.
 */
#ifndef OUTRIGGER_ATTACH_H
#define OUTRIGGER_ATTACH_H

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/stringify.h>
#include <linux/types.h>

/**
 * struct outrigger_place - where a patched function lies in the stock module
 * @name:	symbol, unique in the stock module
 * @offset:	offset in its .text
 * @size:	st_size of the symbol
 * @body:	offset in the function of the first byte past its ftrace site
 * @pad:	unused
 *
 * Written by tools/btf-want from the very file the module is built for and
 * read again by tools/klp-check from section .outrigger.places.
 */
struct outrigger_place {
	const char *name;
	u32 offset;
	u32 size;
	u32 body;
	u32 pad;
};

/**
 * struct outrigger - what attach.c must know of the module it is linked into
 * @target:	name of the stock module
 * @built_for:	kernel release the module was built for
 * @places:	the hook table made at build
 * @nr_places:	number of entries in @places
 * @patch:	the livepatch, with one object named @target
 * @start:	called once the transition to us is complete
 * @stop:	called when the patch is on its way out, and again at module
 *		exit if need be: takes down whatever @start put up
 *
 * @start and @stop run in process context on a workqueue of our own, never at
 * the same time, with no lock held.
 */
struct outrigger {
	const char *target;
	const char *built_for;
	const struct outrigger_place *places;
	unsigned int nr_places;
	struct klp_patch *patch;
	void (*start)(void);
	void (*stop)(void);
};

/* Defined by the module's patch.c. */
extern const struct outrigger outrigger;

int outrigger_arm(void);
void outrigger_disarm(void);

/* The table of places as section that klp-check can find in the .ko. */
#define OUTRIGGER_PLACES_SECTION __used __section(".outrigger.places")

/*
 * A reference to an unexported symbol of @obj (a module, or vmlinux) that
 * tools/klp-link turns into a livepatch relocation. Weak keeps modpost quiet
 * about this symbol and no other.
 */
#define OUTRIGGER_KLP(obj, sym) __asm__("__klp_" #obj "__" #sym) __weak

/*
 * Declares stock_<fn>(): the body of a function that we hook, entered just past
 * its ftrace site. A call by the function's own name would lead back to us. As
 * the name ends a line of assembly, a direct call is all that it is good for;
 * any other would need an ENDBR there.
 */
#define OUTRIGGER_STOCK_BODY(obj, fn)                                        \
	extern typeof(fn) stock_##fn __asm__(                                \
		"__klp_" #obj "__" #fn                                       \
		"+" __stringify(OUTRIGGER_BODY_##fn) "\n\t.weak __klp_" #obj \
						     "__" #fn)

/* One entry of the klp_func table; refuses a replacement of another type. */
#define OUTRIGGER_HOOK(stock, ours)                                          \
	{                                                                    \
		.old_name = #stock,                                          \
		.new_func = (void *)(ours) +                                 \
			    BUILD_BUG_ON_ZERO(!__builtin_types_compatible_p( \
				    typeof(stock), typeof(ours))),           \
	}

#endif
