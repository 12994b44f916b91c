// SPDX-License-Identifier: GPL-2.0
/*
 * xe-pagefault: the table of what is replaced in stock xe, and the life of the
 * module. See pagefault.h for where is what, ../attach/attach.c for how the
 * module attaches.
 */

#include <linux/livepatch.h>
#include <linux/module.h>

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

static int __init xe_pagefault_init(void)
{
	int ret;

	xpf_debugfs_init();
	ret = outrigger_arm();
	if (ret)
		xpf_debugfs_exit();
	return ret;
}

static void __exit xe_pagefault_exit(void)
{
	outrigger_disarm();
	xpf_debugfs_exit();
}

module_init(xe_pagefault_init);
module_exit(xe_pagefault_exit);

MODULE_DESCRIPTION(
	"Page faults and access counters of xe, for the stock driver");
MODULE_AUTHOR("The Outrigger authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(OUTRIGGER_VERSION);
MODULE_INFO(livepatch, "Y");
