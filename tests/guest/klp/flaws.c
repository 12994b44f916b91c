// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a mistake for each check of the debug kernel, to see that the check reports it:
 * echo NAME >/sys/module/flaws/parameters/make
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

static DEFINE_MUTEX(one);
static DEFINE_MUTEX(two);
static DEFINE_SPINLOCK(spin);

static void flaw_in_order(struct mutex *first, struct mutex *second)
{
	mutex_lock(first);
	mutex_lock(second);
	mutex_unlock(second);
	mutex_unlock(first);
}

static void flaw_lock_order(void)
{
	flaw_in_order(&one, &two);
	flaw_in_order(&two, &one);
}

static void flaw_sleep(void)
{
	spin_lock(&spin);
	might_sleep();
	spin_unlock(&spin);
}

static void flaw_no_work(struct work_struct *work)
{
}

static void flaw_freed_work(void)
{
	struct delayed_work *work = kzalloc(sizeof(*work), GFP_KERNEL);

	if (!work)
		return;
	INIT_DELAYED_WORK(work, flaw_no_work);
	schedule_delayed_work(work, 1000 * HZ);
	kfree(work); /* the check stops the timer */
}

static void flaw_use_after_free(void)
{
	int *p = kmalloc(64, GFP_KERNEL);

	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	pr_info("flaws: %d\n", READ_ONCE(*p));
}

static void flaw_leak(void)
{
	unsigned int i;

	/* a copy of the last address may stay behind on the stack */
	for (i = 0; i < 10; i++)
		(void)!kmalloc(1000, GFP_KERNEL);
}

static const struct {
	const char *name;
	void (*make)(void);
} flaws[] = {
	{ "lock-order", flaw_lock_order },
	{ "sleep", flaw_sleep },
	{ "freed-work", flaw_freed_work },
	{ "use-after-free", flaw_use_after_free },
	{ "leak", flaw_leak },
};

static int flaws_make(const char *name, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flaws); i++) {
		if (!sysfs_streq(name, flaws[i].name))
			continue;
		flaws[i].make();
		return 0;
	}
	return -EINVAL;
}

static const struct kernel_param_ops ops = { .set = flaws_make };
module_param_cb(make, &ops, NULL, 0200);

MODULE_DESCRIPTION("test: mistakes that a debug kernel reports");
MODULE_LICENSE("GPL");
