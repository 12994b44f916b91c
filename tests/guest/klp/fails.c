// SPDX-License-Identifier: GPL-2.0
/* Makes bcache's init function fail once, as if no device number were free. */
#include <linux/kprobes.h>
#include <linux/module.h>

static unsigned long done;

static bool *ours(struct kretprobe_instance *ri)
{
	return (bool *)ri->data;
}

static int fails_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	const char *name = (const char *)regs->si;

	*ours(ri) = !strcmp(name, "bcache") && !test_and_set_bit(0, &done);
	return 0;
}

static int fails_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	if (*ours(ri))
		regs->ax = (unsigned long)-EBUSY;
	return 0;
}

static struct kretprobe probe = {
	.kp.symbol_name = "__register_blkdev",
	.entry_handler = fails_entry,
	.handler = fails_return,
	.data_size = sizeof(bool),
};

static int __init fails_init(void)
{
	return register_kretprobe(&probe);
}
module_init(fails_init);

static void __exit fails_exit(void)
{
	unregister_kretprobe(&probe);
}
module_exit(fails_exit);

MODULE_DESCRIPTION("test: bcache fails to load");
MODULE_LICENSE("GPL");
