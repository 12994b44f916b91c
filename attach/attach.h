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
 * @start:	called once the transition to us is complete
 * @stop:	called when the patch is on its way out, and again at module
 *		exit if need be: takes down whatever @start put up
 *
 * @start and @stop run in process context on a workqueue, never at the same
 * time, with no lock held. When @stop has returned, nothing of the module but
 * its hooks may touch the target: the reference on it is dropped next.
 */
struct outrigger {
	void (*start)(void);
	void (*stop)(void);
};

/* Defined by the module's patch.c; the hooks as in its want file. */
extern const struct outrigger outrigger;
extern struct klp_func outrigger_hooks[];

int outrigger_arm(void);
void outrigger_disarm(void);

/* How many hooks target.h, to be included before, has. */
#define OUTRIGGER_NR_PLACES                                             \
	(sizeof((const struct outrigger_place[]){ OUTRIGGER_PLACES }) / \
	 sizeof(struct outrigger_place))

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
