// SPDX-License-Identifier: GPL-2.0
/* A livepatch of another vendor; with replace=1, it replaces all others. */
#include <linux/livepatch.h>
#include <linux/module.h>

static bool replace;
module_param(replace, bool, 0444);

static int other_sleep(unsigned int seconds)
{
	return 0;
}

static struct klp_func funcs[] = { { .old_name = "victim_sleep",
				     .new_func = other_sleep },
				   {} };

static struct klp_object objs[] = { { .name = "victim", .funcs = funcs }, {} };

static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };

static int __init other_init(void)
{
	patch.replace = replace;
	return klp_enable_patch(&patch);
}
module_init(other_init);

static void __exit other_exit(void)
{
}
module_exit(other_exit);

MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("test: another livepatch");
MODULE_LICENSE("GPL");
