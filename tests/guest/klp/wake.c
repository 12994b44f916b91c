// SPDX-License-Identifier: GPL-2.0
/*
 * Provokes a race in the registration of a bcache set. A thread that has finished the last
 * part of the work counts itself out, and then wakes the registering task through a wait
 * queue on that task's stack. Here the registering task goes to sleep only once the thread
 * is about to wake it, and the thread goes on only once the registering task has returned.
 * Either gives up after a while. If the stack frame is gone by then, the wakeup is counted,
 * and skipped: it would crash the kernel.
 */
#include <linux/delay.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched/task_stack.h>

static uint waits;
module_param(waits, uint, 0444);
MODULE_PARM_DESC(waits, "how often a registering task went to sleep");

static uint gone;
module_param(gone, uint, 0444);
MODULE_PARM_DESC(gone,
		 "how often its stack frame was gone before it was woken");

static int wake_entry(struct kretprobe_instance *ri, struct pt_regs *regs);
static int wake_return(struct kretprobe_instance *ri, struct pt_regs *regs);

/* The functions that wait for threads. bch_register_lock admits one at a time. */
static struct waiter {
	const char *thread;
	struct kretprobe probe;
	struct task_struct *task; /* NULL outside the function */
	unsigned long stack;
	bool met; /* the thread is about to wake it */
} waiters[] = {
	{ .thread = "bch_btrchk[",
	  .probe = { .kp.symbol_name = "bcache:bch_btree_check",
		     .entry_handler = wake_entry,
		     .handler = wake_return } },
	{ .thread = "bch_dirtcnt[",
	  .probe = { .kp.symbol_name = "bcache:bch_sectors_dirty_init",
		     .entry_handler = wake_entry,
		     .handler = wake_return } },
};

static int wake_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct waiter *w =
		container_of(get_kretprobe(ri), struct waiter, probe);

	w->stack = (unsigned long)task_stack_page(current);
	WRITE_ONCE(w->met, false);
	WRITE_ONCE(w->task, current);
	return 0;
}

static int wake_return(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct waiter *w =
		container_of(get_kretprobe(ri), struct waiter, probe);

	WRITE_ONCE(w->task, NULL);
	return 0;
}

/* Before init_wait_entry(): wait_event() has found that it has to sleep. */
static int wake_sleep_pre(struct kprobe *p, struct pt_regs *regs)
{
	struct waiter *w;
	unsigned int i;

	for (w = waiters; w < waiters + ARRAY_SIZE(waiters); w++) {
		if (READ_ONCE(w->task) != current)
			continue;
		waits++;
		for (i = 0; i < 500 && !READ_ONCE(w->met); i++)
			mdelay(1);
	}
	return 0;
}

/* Runs in place of __wake_up(). */
static noinline notrace int wake_nobody(void)
{
	return 0;
}

/* Before __wake_up(). */
static int wake_pre(struct kprobe *p, struct pt_regs *regs)
{
	struct waiter *w;
	unsigned int i;

	for (w = waiters; w < waiters + ARRAY_SIZE(waiters); w++) {
		if (strncmp(current->comm, w->thread, strlen(w->thread)) ||
		    regs->di - w->stack >= THREAD_SIZE)
			continue;
		WRITE_ONCE(w->met, true);
		for (i = 0; i < 500 && READ_ONCE(w->task); i++)
			mdelay(1);
		if (READ_ONCE(w->task))
			continue;
		gone++;
		regs->ip = (unsigned long)wake_nobody;
		return 1;
	}
	return 0;
}

/* Excludes an optimization that can't skip the function. */
static void wake_post(struct kprobe *p, struct pt_regs *regs,
		      unsigned long flags)
{
}

static struct kprobe sleep_probe = {
	.symbol_name = "init_wait_entry",
	.pre_handler = wake_sleep_pre,
};

static struct kprobe wake_probe = {
	.symbol_name = "__wake_up",
	.pre_handler = wake_pre,
	.post_handler = wake_post,
};

static struct kprobe *probes[] = { &sleep_probe, &wake_probe };
static struct kretprobe *returns[] = { &waiters[0].probe, &waiters[1].probe };

static int __init wake_init(void)
{
	int ret = register_kretprobes(returns, ARRAY_SIZE(returns));

	if (ret)
		return ret;
	ret = register_kprobes(probes, ARRAY_SIZE(probes));
	if (ret)
		unregister_kretprobes(returns, ARRAY_SIZE(returns));
	return ret;
}
module_init(wake_init);

static void __exit wake_exit(void)
{
	unregister_kprobes(probes, ARRAY_SIZE(probes));
	unregister_kretprobes(returns, ARRAY_SIZE(returns));
}
module_exit(wake_exit);

MODULE_DESCRIPTION("test: a wakeup through a stack frame that is gone");
MODULE_LICENSE("GPL");
