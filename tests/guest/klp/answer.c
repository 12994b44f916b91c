// SPDX-License-Identifier: GPL-2.0
/*
 * Lets the next calls of a function return a given value, whatever they did.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

static char *of;
module_param(of, charp, 0444);

static int value;
module_param(value, int, 0644);

static int left;
module_param(left, int, 0644);
MODULE_PARM_DESC(left, "number of calls that will return the value");

static int answer(struct kretprobe_instance *i, struct pt_regs *regs)
{
	int n = READ_ONCE(left);

	while (n > 0)
		if (try_cmpxchg(&left, &n, n - 1)) {
			regs_set_return_value(regs, value);
			break;
		}
	return 0;
}

static struct kretprobe probe = {
	.handler = answer,
	.maxactive = 64,
};

static int __init answer_init(void)
{
	probe.kp.symbol_name = of;
	return register_kretprobe(&probe);
}
module_init(answer_init);

static void __exit answer_exit(void)
{
	unregister_kretprobe(&probe);
}
module_exit(answer_exit);

MODULE_DESCRIPTION("test: another return value");
MODULE_LICENSE("GPL");
