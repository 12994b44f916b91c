// SPDX-License-Identifier: GPL-2.0
/*
 * A function for other.c to replace, which can make its transition take any
 * length of time: "echo SECONDS > /sys/module/victim/parameters/sleep" sleeps in
 * that function, or until the writer is killed.
 */
#include <linux/module.h>
#include <linux/sched.h>

int victim_sleep(unsigned int seconds);

noinline int victim_sleep(unsigned int seconds)
{
	schedule_timeout_killable(seconds * HZ);
	return 0;
}

static int sleep_set(const char *val, const struct kernel_param *kp)
{
	unsigned int seconds;
	int ret = kstrtouint(val, 0, &seconds);

	return ret ?: victim_sleep(seconds);
}

static const struct kernel_param_ops sleep_ops = { .set = sleep_set };
module_param_cb(sleep, &sleep_ops, NULL, 0200);

MODULE_DESCRIPTION("test: to be patched");
MODULE_LICENSE("GPL");
