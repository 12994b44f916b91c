// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the life of an Outrigger module
 *
 * modprobe *arms* the module. The module *attaches* to its target, the stock
 * module: at once if the target is loaded, else from a module notifier while
 * the target is COMING. The livepatch is never enabled while the target is
 * absent: if patching then failed, the kernel would refuse to load the *target*.
 * A failure of a patch that is enabled later affects only this module. The
 * notifier always returns NOTIFY_OK.
 *
 * Before attaching, the module compares the loaded target with the table of
 * places made at build time: a rebuilt kernel can have the same release name.
 *
 * While attached, the module holds a reference on the target, so rmmod of the
 * target fails until the module is detached (echo 0 >
 * /sys/kernel/livepatch/<module>/enabled). The klp relocations of a module are
 * written only once, so a loaded module can attach only once: to attach again,
 * unload and reload it.
 *
 *      armed ---> attaching ---> attached ---> detaching ---> inert
 *        |            |             |                           ^
 *        +------------+-------------+---------------------------+
 *
 * A work item on an ordered workqueue changes the state, with two exceptions in
 * the module notifier: from armed to attaching, which must happen before the
 * target's init function runs, and to detaching when that function fails.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kallsyms.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>
#include <linux/workqueue.h>

#include "../attach/attach.h"
#include "../attach/compat.h"
#include "../attach/look.h"
#include "../attach/reasons.h"

static bool off;
module_param(off, bool, 0444);
MODULE_PARM_DESC(off, "load but do nothing: leave the stock driver alone");

static unsigned int transition_timeout = 60;
module_param(transition_timeout, uint, 0644);
MODULE_PARM_DESC(
	transition_timeout,
	"seconds after which a stalled attach is reversed (default 60)");

/* Symbols that the kernel does not export; see OUTRIGGER_KLP. */
extern struct klp_patch *
	stock_klp_transition OUTRIGGER_KLP(vmlinux, klp_transition_patch);
extern struct module *stock_find_module(const char *name)
	OUTRIGGER_KLP(vmlinux, find_module);
extern int stock_ftrace_enabled OUTRIGGER_KLP(vmlinux, ftrace_enabled);

enum outrigger_state {
	ARMED,
	ATTACHING,
	ATTACHED,
	DETACHING,
	INERT,
};

static const char *const state_names[] = {
	[ARMED] = "armed",	 [ATTACHING] = "attaching",
	[ATTACHED] = "attached", [DETACHING] = "detaching",
	[INERT] = "inert",
};

static const char *const reason_words[] = { OUTRIGGER_REASONS(
	OUTRIGGER_REASON_WORD) };

/* Poll intervals for state changes that livepatch does not report. */
#define POLL_TRANSITION msecs_to_jiffies(50)
#define POLL_ATTACHED round_jiffies_relative(30 * HZ)

/* How long a failed load of the target may be delayed until the patch is disabled */
#define WAIT_UNTIL_OUT (20 * HZ)

/*
 * Guards the variables below. attach() holds it for as long as klp_enable_patch() takes,
 * which can be minutes on a busy machine. So readers of sysfs don't take it; reason_lock
 * gives them a complete sentence.
 */
static DEFINE_MUTEX(lock);
static DEFINE_SPINLOCK(reason_lock);
static enum outrigger_state state;
static enum outrigger_reason reason;
static char sentence[160]; /* describes the reason, for users */
static struct module *target; /* held while not NULL */
static bool started; /* start() was requested, stop() was not */
static bool stopping; /* stop() was requested and has not returned */
static bool give_up; /* the patch must be disabled */
static unsigned int disables; /* number of calls of pre_unpatch() */
static unsigned int seen; /* disables at the last look */
static unsigned long since; /* jiffies of the last change of state */
static time64_t attached_at;
static unsigned long next_report;

static struct workqueue_struct *wq;
static void watch(struct work_struct *work);
static DECLARE_DELAYED_WORK(watch_work, watch);
static void stop_service(struct work_struct *work);
static DECLARE_WORK(stop_work, stop_service);

/* Called under klp_mutex, which every module load takes: do as little as possible. */
static void pre_unpatch(struct klp_object *obj)
{
	WRITE_ONCE(disables, disables + 1);
	mod_delayed_work(wq, &watch_work, 0);
}

static void post_unpatch(struct klp_object *obj)
{
	mod_delayed_work(wq, &watch_work, 0);
}

static struct klp_object objects[] = {
	{
		.name = OUTRIGGER_TARGET,
		.funcs = outrigger_hooks,
		.callbacks = {
			.pre_unpatch = pre_unpatch,
			.post_unpatch = post_unpatch,
		},
	},
	{}
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

/* In a separate section, where klp-check looks for it. */
static const struct outrigger_place places[] __used
	__section(".outrigger.places") = { OUTRIGGER_PLACES };

static unsigned long timeout_secs(void)
{
	return clamp(READ_ONCE(transition_timeout), 1U, 86400U);
}

static __printf(2, 3) void explain(enum outrigger_reason why, const char *fmt,
				   ...)
{
	va_list args;

	lockdep_assert_held(&lock);
	spin_lock(&reason_lock);
	WRITE_ONCE(reason, why);
	va_start(args, fmt);
	vscnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	spin_unlock(&reason_lock);
}

static void set_state(enum outrigger_state to, enum outrigger_reason why,
		      const char *what)
{
	explain(why, "%s", what);
	state = to;
	since = jiffies;
	next_report = jiffies + timeout_secs() * HZ;
}

static enum patch_look look(void)
{
	lockdep_assert_held(&lock);
	return patch_look(&patch, &stock_klp_transition, &disables, &seen);
}

/*
 * Was the module built for the target that is loaded? Compares the size
 * of each hooked function and its distance from the first one with the build's
 * table. If not, sets the reason and returns false. The caller holds a reference
 * on @mod.
 */
static bool places_match(struct module *mod)
{
	const struct outrigger_place *end = places + ARRAY_SIZE(places);
	const struct outrigger_place *p;
	const struct mod_kallsyms *syms;
	unsigned long base = 0;
	unsigned int i, found = 0;
	bool differs = false;

	rcu_read_lock();
	preempt_disable(); /* 6.1 and 6.12 use RCU-sched for kallsyms */
	syms = rcu_dereference_check(mod->kallsyms, true);
	for (i = 1; i < syms->num_symtab; i++) {
		const Elf_Sym *sym = &syms->symtab[i];
		const char *name = syms->strtab + sym->st_name;

		for (p = places; p < end && strcmp(p->name, name); p++)
			;
		if (p == end)
			continue;
		if (!found++)
			base = sym->st_value - p->offset;
		if (sym->st_value - p->offset != base ||
		    sym->st_size != p->size)
			differs = true;
	}
	preempt_enable();
	rcu_read_unlock();

	if (found == ARRAY_SIZE(places) && !differs)
		return true;

	explain(REASON_OTHER_DRIVER,
		"the loaded %s is not the one this module was built for: rebuild it with dkms",
		OUTRIGGER_TARGET);
	return false;
}

/*
 * Name up to five tasks that have not completed the transition, and return their number.
 * Without any, livepatch itself is still at work. On 6.12, it changes all calls of
 * cond_resched() in the kernel at the start and at the end of a transition, and waits for
 * all CPUs after each: that takes minutes if these are virtual and rarely scheduled.
 */
static unsigned int report_tasks(void)
{
	struct task_struct *g, *t;
	unsigned int n = 0;

	rcu_read_lock();
	for_each_process_thread(g, t) {
		if (!test_tsk_thread_flag(t, TIF_PATCH_PENDING))
			continue;
		if (n++ < 5)
			pr_warn("  waiting for task %s/%d (see /proc/%d/stack)\n",
				t->comm, task_pid_nr(t), task_pid_nr(t));
	}
	rcu_read_unlock();
	if (n > 5)
		pr_warn("  and %u more\n", n - 5);
	return n;
}

/*
 * Disable the patch, or reverse its running transition, exactly as
 * "echo 0 > enabled" does: livepatch has no other interface for it. Called
 * without the lock, because it calls pre_unpatch() and post_unpatch().
 */
static int disable_patch(void)
{
	struct kobject *kobj = &patch.kobj;
	const struct kobj_type *type = kobj->ktype;
	const struct attribute_group **group;
	struct attribute **attr;

	if (!type || !type->default_groups)
		return -ENODEV;

	for (group = type->default_groups; *group; group++)
		for (attr = (*group)->attrs; *attr; attr++)
			if (!strcmp((*attr)->name, "enabled"))
				return min_t(ssize_t, 0,
					     type->sysfs_ops->store(kobj, *attr,
								    "0\n", 2));
	return -ENOENT;
}

static void put_target(void)
{
	if (target)
		module_put(target);
	target = NULL;
}

static void explain_refusal(int err)
{
	/* From ftrace, while the BPF trampoline of a function is being changed. */
	if (err == -EAGAIN)
		explain(REASON_BUSY,
			"livepatch refused the patch (%d): a BPF program was being attached to a replaced function: reload this module",
			err);
	else if (err != -EBUSY)
		explain(REASON_REFUSED, "livepatch refused the patch (%d)",
			err);
	else if (!READ_ONCE(stock_ftrace_enabled))
		explain(REASON_FTRACE_OFF,
			"kernel.ftrace_enabled is 0: set it to 1 and reload this module");
	else
		explain(REASON_BUSY,
			"livepatch refused the patch (%d): a kprobe or another livepatch is in the way",
			err);
}

/*
 * Change from armed to attaching, or to inert and set the reason. If another patch is
 * in transition, stay armed and try again later. @mod is COMING or LIVE.
 */
static void attach(struct module *mod)
{
	int ret;

	lockdep_assert_held(&lock);
	if (state != ARMED || !try_module_get(mod))
		return;

	if (strcmp(utsname()->release, OUTRIGGER_TARGET_KVER)) {
		set_state(INERT, REASON_OTHER_KERNEL,
			  "built for another kernel: rebuild it with dkms");
		goto put;
	}
	if (!places_match(mod)) {
		state = INERT;
		goto put;
	}

	/*
	 * klp_enable_patch() writes the relocations before it notices that
	 * another patch is in transition, and can't be called a second time.
	 */
	if (READ_ONCE(stock_klp_transition)) {
		explain(REASON_OTHER_PATCH,
			"waiting for the transition of another livepatch");
		module_put(mod);
		queue_delayed_work(wq, &watch_work, POLL_TRANSITION);
		return;
	}

	target = mod;
	set_state(ATTACHING, REASON_NONE, "");
	ret = klp_enable_patch(&patch);
	if (ret) {
		explain_refusal(ret);
		state = INERT;
		goto put;
	}
	/* Start the timeout here: klp_enable_patch() itself can be slow. */
	next_report = jiffies + timeout_secs() * HZ;
	queue_delayed_work(wq, &watch_work, POLL_TRANSITION);
	return;
put:
	target = NULL;
	module_put(mod);
	pr_err("not attached to %s: %s; the stock driver runs unchanged\n",
	       OUTRIGGER_TARGET, sentence);
}

/*
 * Attach only to a target that is LIVE. livepatch may not yet have seen one that is
 * COMING; it would then patch the target later and refuse to load it on failure.
 * Leave such a target to the notifier, but look again, in case the notifier found
 * another patch in transition.
 */
static void attach_if_loaded(void)
{
	struct module *mod;
	bool coming = false;

	rcu_read_lock();
	preempt_disable();
	mod = stock_find_module(OUTRIGGER_TARGET);
	if (mod) {
		coming = mod->state == MODULE_STATE_COMING;
		if (mod->state != MODULE_STATE_LIVE || !try_module_get(mod))
			mod = NULL;
	}
	preempt_enable();
	rcu_read_unlock();

	if (coming)
		queue_delayed_work(wq, &watch_work, POLL_TRANSITION);
	if (!mod)
		return;
	attach(mod);
	module_put(mod);
}

static void set_attached(void)
{
	set_state(ATTACHED, REASON_NONE, "");
	started = true;
}

static void watch_attaching(void)
{
	enum patch_look now = look();

	if (now == PATCH_MOVING) {
		if (time_before(jiffies, next_report))
			return;
		next_report = jiffies + timeout_secs() * HZ;
		pr_warn("attaching to %s has not finished after %lu s:\n",
			OUTRIGGER_TARGET, (jiffies - since) / HZ);
		if (!report_tasks()) {
			pr_warn("  no task is in the way: livepatch is slow, as on a busy host of virtual machines; waiting\n");
			return;
		}
		pr_warn("  reversing it\n");
		give_up = true;
		set_state(
			DETACHING, REASON_STALLED,
			"attaching stalled: a task is sleeping in a replaced function");
		return;
	}

	if (now == PATCH_OUT) {
		set_state(DETACHING, REASON_DISABLED,
			  "disabled while attaching");
		return;
	}

	/* start() uses structures that the target's init function sets up. */
	if (READ_ONCE(target->state) != MODULE_STATE_LIVE)
		return;

	WRITE_ONCE(attached_at, ktime_get_real_seconds());
	set_attached();
	pr_info("attached to %s (version %s, kernel %s, %zu functions)\n",
		OUTRIGGER_TARGET, THIS_MODULE->version, OUTRIGGER_TARGET_KVER,
		ARRAY_SIZE(places));
}

static void watch_attached(void)
{
	switch (patch_look_again(&patch, &disables, seen)) {
	case PATCH_DISABLED:
		set_state(DETACHING, REASON_DETACHED, "disabled");
		break;
	case PATCH_REPLACED:
		/* Log this: the author of the other patch may not expect it. */
		set_state(DETACHING, REASON_REPLACED,
			  "replaced by another livepatch");
		break;
	default:
		break;
	}
}

static void watch_detaching(void)
{
	enum patch_look now = look();

	if (now == PATCH_IN && !give_up && !stopping) {
		/* "echo 1 > enabled" before the end of the transition */
		set_attached();
		pr_info("still attached to %s: detaching was reversed\n",
			OUTRIGGER_TARGET);
		return;
	}

	if (stopping || now != PATCH_OUT) {
		if (time_before(jiffies, next_report))
			return;
		pr_warn("detaching from %s has not finished after %lu s%s:\n",
			OUTRIGGER_TARGET, (jiffies - since) / HZ,
			stopping ? ", its services are still being stopped" :
				   "");
		if (!report_tasks() && !stopping)
			pr_warn("  no task is in the way: livepatch is slow, as on a busy host of virtual machines\n");
		next_report = jiffies + timeout_secs() * HZ;
		return;
	}

	put_target();
	if (reason == REASON_DETACHED)
		explain(reason, "detached; reload this module to attach again");
	state = INERT;
	pr_info("detached from %s (%s)\n", OUTRIGGER_TARGET, sentence);
}

/*
 * A separate work item, so that watch() can report a stall if stop() hangs. The
 * reference on the target is kept until stop() has returned.
 */
static void stop_service(struct work_struct *work)
{
	outrigger.stop();

	mutex_lock(&lock);
	stopping = false;
	mutex_unlock(&lock);
	mod_delayed_work(wq, &watch_work, 0);
}

/* Makes all state changes except those in the notifier. */
static void watch(struct work_struct *work)
{
	bool do_start, do_disable = false;
	enum outrigger_state was;

	mutex_lock(&lock);
	was = state;
	switch (state) {
	case ARMED:
		attach_if_loaded();
		break;
	case ATTACHING:
		watch_attaching();
		break;
	case ATTACHED:
		watch_attached();
		break;
	case DETACHING:
		watch_detaching();
		break;
	case INERT:
		break;
	}
	do_start = was != ATTACHED && state == ATTACHED;
	if (state >= DETACHING && started) {
		started = false;
		stopping = true;
		queue_work(system_long_wq, &stop_work);
	}
	do_disable = give_up && READ_ONCE(patch.enabled);
	mutex_unlock(&lock);

	/* Not under the lock: these wait for bound devices, or for livepatch. */
	if (do_start)
		outrigger.start();
	/* This fails while another patch is in transition: retried next time. */
	if (do_disable && disable_patch() && patch.enabled)
		pr_warn_ratelimited(
			"could not disable the patch yet, trying again; to do it by hand, write 0 to /sys/kernel/livepatch/%s/enabled\n",
			KBUILD_MODNAME);

	mutex_lock(&lock);
	if (state == ATTACHED)
		queue_delayed_work(wq, &watch_work, POLL_ATTACHED);
	else if (state == ATTACHING || state == DETACHING)
		queue_delayed_work(wq, &watch_work, POLL_TRANSITION);
	mutex_unlock(&lock);
}

/*
 * The target's init function has failed. As long as the patch is enabled or in
 * transition, livepatch also applies it to the target's next load, without the
 * comparison of places; or, on 6.1, which can't write relocations again, refuses
 * that load. The next load can't begin before the notifier returns: wait here,
 * usually for a second, while watch() disables the patch.
 */
static void wait_until_out(void)
{
	unsigned long end = jiffies + WAIT_UNTIL_OUT;
	unsigned int unused;

	while (patch_look(&patch, &stock_klp_transition, &disables, &unused) !=
	       PATCH_OUT) {
		if (time_after(jiffies, end)) {
			pr_warn("%s failed to load, and its livepatch has not been removed yet: loading it again may fail until then\n",
				OUTRIGGER_TARGET);
			return;
		}
		msleep(20);
	}
}

static int target_notify(struct notifier_block *nb, unsigned long event,
			 void *data)
{
	struct module *mod = data;
	bool failed = false;

	if (strcmp(mod->name, OUTRIGGER_TARGET))
		return NOTIFY_OK;

	mutex_lock(&lock);
	switch (event) {
	case MODULE_STATE_COMING:
		attach(mod);
		break;
	case MODULE_STATE_GOING:
		if (state == ARMED)
			explain(REASON_NONE, "%s", "");
		/*
		 * The target goes away despite the reference held on it, so its
		 * init function has failed: the module loader then ignores the
		 * count.
		 */
		if (target == mod) {
			target = NULL;
			give_up = true;
			failed = true;
			set_state(DETACHING, REASON_DRIVER_FAILED,
				  "the stock driver failed to load");
			mod_delayed_work(wq, &watch_work, 0);
		}
		break;
	}
	mutex_unlock(&lock);
	if (failed)
		wait_until_out();
	return NOTIFY_OK;
}

static struct notifier_block target_nb = { .notifier_call = target_notify };

static ssize_t state_show(OUTRIGGER_MATTR *attr, struct module_kobject *mk,
			  char *buf)
{
	return sysfs_emit(buf, "%s\n", state_names[READ_ONCE(state)]);
}

static ssize_t reason_show(OUTRIGGER_MATTR *attr, struct module_kobject *mk,
			   char *buf)
{
	ssize_t n;

	spin_lock(&reason_lock);
	n = sysfs_emit(buf, "%s\n", sentence);
	spin_unlock(&reason_lock);
	return n;
}

static ssize_t reason_token_show(OUTRIGGER_MATTR *attr,
				 struct module_kobject *mk, char *buf)
{
	return sysfs_emit(buf, "%s\n", reason_words[READ_ONCE(reason)]);
}

static ssize_t target_show(OUTRIGGER_MATTR *attr, struct module_kobject *mk,
			   char *buf)
{
	return sysfs_emit(buf, "%s\n", OUTRIGGER_TARGET);
}

static ssize_t attached_since_show(OUTRIGGER_MATTR *attr,
				   struct module_kobject *mk, char *buf)
{
	time64_t t = READ_ONCE(state) == ATTACHED ? READ_ONCE(attached_at) : 0;

	return sysfs_emit(buf, "%lld\n", t);
}

static struct module_attribute state_attr = __ATTR_RO(state);
static struct module_attribute reason_attr = __ATTR_RO(reason);
static struct module_attribute token_attr = __ATTR_RO(reason_token);
static struct module_attribute target_attr = __ATTR_RO(target);
static struct module_attribute since_attr = __ATTR_RO(attached_since);

static const struct attribute *const attrs[] = {
	&state_attr.attr,  &reason_attr.attr, &token_attr.attr,
	&target_attr.attr, &since_attr.attr,  NULL
};

/**
 * outrigger_arm - arm the module: attach now or when the target is loaded
 *
 * Call this last in the module's init function. Process context, may sleep.
 * If the target is already loaded, the module attaches from its workqueue,
 * shortly after this returns.
 *
 * Return: 0, or a negative errno if the module's workqueue, sysfs files or
 * notifier could not be set up. Failing to attach is not an error: the module
 * stays loaded, inert, and shows the reason in /sys/module/<module>/reason.
 */
int outrigger_arm(void)
{
	int ret;

	wq = alloc_ordered_workqueue("%s", 0, KBUILD_MODNAME);
	if (!wq)
		return -ENOMEM;

	ret = sysfs_create_files(&THIS_MODULE->mkobj.kobj, attrs);
	if (ret)
		goto err_wq;

	if (off) {
		mutex_lock(&lock);
		set_state(INERT, REASON_OFF, "switched off (off=1)");
		mutex_unlock(&lock);
		pr_info("off=1: %s is left alone\n", OUTRIGGER_TARGET);
		return 0;
	}

	ret = register_module_notifier(&target_nb);
	if (ret)
		goto err_files;
	queue_delayed_work(wq, &watch_work, 0);
	return 0;

err_files:
	sysfs_remove_files(&THIS_MODULE->mkobj.kobj, attrs);
err_wq:
	destroy_workqueue(wq);
	return ret;
}

/**
 * outrigger_disarm - undo outrigger_arm()
 *
 * Call this first in the module's exit function. livepatch holds a reference on
 * the module until the patch is disabled and its transition complete, so no
 * function of the module is on a task's stack any more. Process context.
 */
void outrigger_disarm(void)
{
	if (!off)
		unregister_module_notifier(&target_nb);
	cancel_delayed_work_sync(&watch_work);
	flush_work(&stop_work); /* queues watch_work again */
	cancel_delayed_work_sync(&watch_work);
	destroy_workqueue(wq);
	sysfs_remove_files(&THIS_MODULE->mkobj.kobj, attrs);
	if (started)
		outrigger.stop();
	put_target();
}
