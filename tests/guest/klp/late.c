// SPDX-License-Identifier: GPL-2.0
/*
 * Delays a task that is about to insert journalled keys into a bcache btree, as a busy host
 * does that does not run a virtual CPU. It holds a pin, but no lock. Everything else goes
 * on. bch_btree_insert() must not be replaced by a livepatch.
 */
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>

struct bkey;
struct cache_set;
struct keylist;

static bool hold;
module_param(hold, bool, 0644);
MODULE_PARM_DESC(hold, "delay the next insertion until this is reset");

static atomic_t skip = ATOMIC_INIT(0);
module_param_named(skip, skip.counter, int, 0644);
MODULE_PARM_DESC(skip, "the number of insertions before that one");

static atomic_t held = ATOMIC_INIT(0);
module_param_named(held, held.counter, int, 0444);
MODULE_PARM_DESC(held, "the number of insertions that are being delayed");

/* What follows the call of ftrace in bch_btree_insert(). */
static int (*late_body)(struct cache_set *c, struct keylist *keys,
			atomic_t *pin, struct bkey *replace);

/* Runs in place of bch_btree_insert(). */
static noinline int late_insert(struct cache_set *c, struct keylist *keys,
				atomic_t *pin, struct bkey *replace)
{
	if (pin && READ_ONCE(hold) && atomic_dec_if_positive(&skip) < 0 &&
	    !atomic_cmpxchg(&held, 0, 1)) {
		while (READ_ONCE(hold))
			msleep(20);
		atomic_set(&held, 0);
	}
	return late_body(c, keys, pin, replace);
}

static int late_pre(struct kprobe *p, struct pt_regs *regs)
{
	regs->ip = (unsigned long)late_insert;
	return 1;
}

/* Excludes an optimization that can't skip the function. */
static void late_post(struct kprobe *p, struct pt_regs *regs,
		      unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "bcache:bch_btree_insert",
	.pre_handler = late_pre,
	.post_handler = late_post,
	.flags = KPROBE_FLAG_DISABLED,
};

static int __init late_init(void)
{
	int ret = register_kprobe(&probe);

	if (ret)
		return ret;
	late_body = (void *)probe.addr + MCOUNT_INSN_SIZE;
	ret = enable_kprobe(&probe);
	if (ret)
		unregister_kprobe(&probe);
	return ret;
}
module_init(late_init);

/* There is no module_exit: a task may be in late_insert(). */

MODULE_DESCRIPTION("test: a task that holds a pin for long");
MODULE_LICENSE("GPL");
