// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: loading and unloading
 *
 * This file compiles attach/attach.c for this module's target and calls it, so that
 * patch.c, whose tables attach.c reads, need not depend on it.
 *
 * Everything that must exist before the first hook can run is set up at load, and torn
 * down at unload, after the last hook has run.
 */

#include "target.h"
#include "../attach/attach.c"
#include "journal.h"

static int __init bcache_journal_init(void)
{
	int ret = views_init();

	if (ret)
		return ret;

	csum_init();
	journal_retries_init();
	ret = outrigger_arm();
	if (ret)
		views_exit();
	return ret;
}

static void __exit bcache_journal_exit(void)
{
	outrigger_disarm();
	journal_retries_exit();
	views_exit();
}

module_init(bcache_journal_init);
module_exit(bcache_journal_exit);

MODULE_DESCRIPTION("Replacement journal for the stock bcache driver");
MODULE_AUTHOR("The Outrigger authors");
MODULE_LICENSE("GPL");
MODULE_VERSION(OUTRIGGER_VERSION);
MODULE_INFO(livepatch, "Y");
