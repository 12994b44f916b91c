// SPDX-License-Identifier: GPL-2.0
/* A kprobe with a post handler, which excludes livepatch from the same function. */
#include <linux/kprobes.h>
#include <linux/module.h>

static void probe_post(struct kprobe *p, struct pt_regs *regs,
		       unsigned long flags)
{
}

static char *on;
module_param(on, charp, 0444);

static struct kprobe probe = { .post_handler = probe_post };

static int __init probe_init(void)
{
	probe.symbol_name = on;
	return register_kprobe(&probe);
}
module_init(probe_init);

static void __exit probe_exit(void)
{
	unregister_kprobe(&probe);
}
module_exit(probe_exit);

MODULE_DESCRIPTION("test: a kprobe");
MODULE_LICENSE("GPL");
