// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: loading and unloading
 *
 * This file compiles attach/attach.c for this module's target and calls it, so that
 * patch.c, whose tables attach.c reads, need not depend on it.
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
	"Replacement page-fault and access-counter service for the stock xe driver");
MODULE_AUTHOR("The Outrigger authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(OUTRIGGER_VERSION);
MODULE_INFO(livepatch, "Y");
