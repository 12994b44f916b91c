// SPDX-License-Identifier: GPL-2.0
/*
 * A kprobe with a post handler, which excludes livepatch from the same function, and which
 * can delay it, to make a race more probable.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static void probe_post(struct kprobe *p, struct pt_regs *regs,
		       unsigned long flags)
{
}

static char *on;
module_param(on, charp, 0444);

static uint delay_ms;
module_param(delay_ms, uint, 0444);

static int probe_pre(struct kprobe *p, struct pt_regs *regs)
{
	mdelay(delay_ms);
	return 0;
}

static struct kprobe probe = {
	.pre_handler = probe_pre,
	.post_handler = probe_post,
};

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
