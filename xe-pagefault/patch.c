// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the replaced functions of stock xe
 *
 * The tables that attach.c reads: the functions to replace, and those to call after
 * attaching and when detaching.
 */

#include <linux/livepatch.h>

#include "../attach/attach.h"
#include "pagefault.h"

struct klp_func outrigger_hooks[] = {
	OUTRIGGER_HOOK(xe_guc_pagefault_handler, xpf_pagefault_handler),
#ifdef HAVE_HOOK_G2H_READ
	OUTRIGGER_HOOK(g2h_read, xpf_g2h_read),
#else
	OUTRIGGER_HOOK(xe_guc_access_counter_notify_handler,
		       xpf_access_counter_handler),
#endif
#ifdef HAVE_HOOK_XE_PAGEFAULT_FINI
	OUTRIGGER_HOOK(xe_pagefault_fini, xpf_pagefault_fini),
#endif
	{}
};

static_assert(ARRAY_SIZE(outrigger_hooks) == OUTRIGGER_NR_PLACES + 1,
	      "xe.want and the table of hooks disagree");

const struct outrigger outrigger = {
	.start = xpf_start,
	.stop = xpf_stop,
};
