/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Attaches a module to a stock driver through livepatch; shared by both modules.
 * See attach.c for the life of a module.
 */
#ifndef OUTRIGGER_ATTACH_H
#define OUTRIGGER_ATTACH_H

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/stringify.h>
#include <linux/types.h>

/**
 * struct outrigger_place - the location of a patched function in the stock module
 * @name:	symbol, unique in the stock module
 * @offset:	offset in its .text
 * @size:	st_size of the symbol
 * @body:	offset in the function of the first byte past its ftrace site
 * @pad:	unused
 *
 * Written by tools/btf-want from the file that the module is built for, and
 * checked by tools/klp-check in section .outrigger.places.
 */
struct outrigger_place {
	const char *name;
	u32 offset;
	u32 size;
	u32 body;
	u32 pad;
};

/**
 * struct outrigger - the callbacks of the module that attach.c is linked into
 * @start:	called once the transition to the module's functions is complete
 * @stop:	undoes @start; called when the patch is being disabled, or else at
 *		module exit
 *
 * @start and @stop run in process context, never at the same time, with no lock
 * held. Once @stop has returned, only the module's hooks may access the target:
 * the reference on it is dropped next.
 */
struct outrigger {
	void (*start)(void);
	void (*stop)(void);
};

/* Defined in the module's patch.c; its want file lists the same hooks. */
extern const struct outrigger outrigger;
extern struct klp_func outrigger_hooks[];

int outrigger_arm(void);
void outrigger_disarm(void);

/* Number of hooks in target.h, which must be included first. */
#define OUTRIGGER_NR_PLACES                                             \
	(sizeof((const struct outrigger_place[]){ OUTRIGGER_PLACES }) / \
	 sizeof(struct outrigger_place))

/*
 * A reference to an unexported symbol of @obj (a module, or vmlinux) that
 * tools/klp-link turns into a livepatch relocation. __weak silences modpost for
 * this symbol only.
 */
#define OUTRIGGER_KLP(obj, sym) __asm__("__klp_" #obj "__" #sym) __weak

/*
 * Declares stock_<fn>(): the body of a hooked function, entered just past its
 * ftrace site. A call by the function's own name would reach the replacement
 * instead. The name works only in a direct call: it is pasted to the end of a line of
 * assembly, and an indirect call would need an ENDBR at that place.
 */
#define OUTRIGGER_STOCK_BODY(obj, fn)                                        \
	extern typeof(fn) stock_##fn __asm__(                                \
		"__klp_" #obj "__" #fn                                       \
		"+" __stringify(OUTRIGGER_BODY_##fn) "\n\t.weak __klp_" #obj \
						     "__" #fn)

/*
 * Gives a replacement a section of its own, so that a jump out of it has a relocation,
 * in which tools/klp-check sees it. A kernel may merge .text.*, but not .text..*.
 */
#define __hook \
	__section(".text..hook." KBUILD_BASENAME "." __stringify(__COUNTER__))

/* An entry of the klp_func table; a replacement of another type does not compile. */
#define OUTRIGGER_HOOK(stock, ours)                                          \
	{                                                                    \
		.old_name = #stock,                                          \
		.new_func = (void *)(ours) +                                 \
			    BUILD_BUG_ON_ZERO(!__builtin_types_compatible_p( \
				    typeof(stock), typeof(ours))),           \
	}

#endif
