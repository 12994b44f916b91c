// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: loading and unloading
 *
 * Includes attach/attach.c, to compile it for this module's target, and calls it. A
 * separate file, so that patch.c, whose tables attach.c reads, does not depend on it.
 */

#include "target.h"
#include "../attach/attach.c"
#include "pagefault.h"

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
