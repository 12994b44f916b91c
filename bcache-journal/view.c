// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: views of a set
 *
 * While bcache-journal is attached, each cache set has a directory journal/ in its
 * own directory in sysfs (sysfs.c) and a directory in this module's debugfs
 * (debugfs.c). Views are created for the sets that exist when the module attaches;
 * a set that is registered later gets one once it opens its first jset. A view is
 * removed when the set frees its journal or the module detaches.
 *
 * The kobject's reference on its parent keeps struct cache_set itself in memory, so
 * its address is a valid key for as long as the view exists. Everything that the set
 * points to is accessed only between set_get() and set_put().
 */

#include <linux/debugfs.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "journal.h"

/* 64 short chains: bj_journal_next() looks up a view with journal.lock held. */
#define VIEWS_BITS 6

/* Delay before a search for new sets: after a first pin, and if the lock was busy. */
#define SYNC_DELAY HZ
#define SYNC_RETRY (HZ / 10)

/* Lock order: bch_register_lock, views_lock. A view is removed without either. */
static DEFINE_MUTEX(views_lock);
/* Keyed by the address of the set. Changed under views_lock, read under RCU. */
static DEFINE_HASHTABLE(views, VIEWS_BITS);
static u32 last_id; /* protected by views_lock */
static struct workqueue_struct *wq;

static void bj_views_sync(struct work_struct *work);
static DECLARE_DELAYED_WORK(sync_work, bj_views_sync);

/*
 * The only references are the one from bj_view_make() and those that sysfs holds during
 * a read; bj_view_free() drops the last one, so this runs before the module is
 * unloaded.
 */
static void bj_view_release(struct kobject *kobj)
{
	struct set_view *v = container_of(kobj, struct set_view, kobj);

	kvfree(v->born);
	kfree(v);
}

/*
 * Tell user space that the health of a journal has changed: an event of this module, since
 * the directories of bcache belong to no kset, and an event of the cache device would make
 * udev register it again.
 */
static void bj_view_uevent(struct work_struct *work)
{
	struct set_view *v = container_of(work, struct set_view, uevent);
	char set[64], health[32];
	char *env[3] = { set, health };

	snprintf(set, sizeof(set), "CACHE_SET=%pU", v->c->set_uuid);
	snprintf(health, sizeof(health), "JOURNAL_HEALTH=%s",
		 test_bit(JOURNAL_FAILED, &v->health)	? "failed" :
		 test_bit(JOURNAL_RETRYING, &v->health) ? "retrying" :
		 test_bit(JOURNAL_STUCK, &v->health)	? "stuck" :
							  "ok");
	kobject_uevent_env(&THIS_MODULE->mkobj.kobj, KOBJ_CHANGE, env);
}

/* Any context; the view stays. */
static void bj_set_health(struct set_view *v, enum journal_health bit, bool on)
{
	if (on ? !test_and_set_bit(bit, &v->health) :
		 test_and_clear_bit(bit, &v->health))
		queue_work(wq, &v->uevent);
}

static const struct attribute_group *view_groups[] = { &view_group, NULL };

static const struct kobj_type view_ktype = {
	.release = bj_view_release,
	.sysfs_ops = &view_sysfs_ops,
	.default_groups = view_groups,
};

static struct set_view *view_find(const struct cache_set *c)
{
	struct set_view *v;

	hash_for_each_possible_rcu(views, v, node, (unsigned long)c,
				   lockdep_is_held(&views_lock))
		if (v->c == c)
			return v;
	return NULL;
}

/* Any view, or NULL. Called with views_lock held. */
static struct set_view *view_first(void)
{
	struct set_view *v;
	int chain;

	hash_for_each(views, chain, v, node)
		return v;
	return NULL;
}

/* Called with bch_register_lock and views_lock held; @c is not stopping. */
static void bj_view_make(struct cache_set *c)
{
	struct set_view *v = kzalloc(sizeof(*v), GFP_KERNEL);

	if (!v)
		return;

	v->c = c;
	v->id = ++last_id ?: ++last_id;
	spin_lock_init(&v->flush_lock);
	INIT_WORK(&v->uevent, bj_view_uevent);
	v->born =
		kvcalloc(c->journal.pin.mask + 1, sizeof(*v->born), GFP_KERNEL);
	if (!v->born) {
		kfree(v);
		return;
	}

	if (kobject_init_and_add(&v->kobj, &view_ktype, &c->kobj, "journal")) {
		pr_warn_ratelimited(
			"%pU: can't create the journal directory in sysfs\n",
			c->set_uuid);
		kobject_put(&v->kobj);
		return;
	}
	view_debugfs_add(v);
	hash_add_rcu(views, &v->node, (unsigned long)c);
}

/*
 * Called after the view has left the table, without locks: this waits for the readers
 * of the files, each of which gives up within a second.
 */
static void bj_view_free(struct set_view *v)
{
	synchronize_rcu(); /* the functions below use the view */
	flush_work(&v->uevent);
	debugfs_remove(v->dir);
	kobject_del(&v->kobj); /* drops the reference on the set */
	kobject_put(&v->kobj);
}

/* Create a view for each set that has none. */
static void bj_views_sync(struct work_struct *work)
{
	struct cache_set *c;

	/*
	 * Registration holds the lock for as long as recovery takes: do not sleep on
	 * it, since hung_task would complain and the removal of this module would wait.
	 */
	if (!mutex_trylock(&bch_register_lock)) {
		if (sets_are_shown())
			queue_delayed_work(wq, &sync_work, SYNC_RETRY);
		return;
	}
	mutex_lock(&views_lock);
	if (sets_are_shown())
		list_for_each_entry(c, &bch_cache_sets, list)
			if (!test_bit(CACHE_SET_STOPPING, &c->flags) &&
			    c->kobj.state_in_sysfs && c->journal.pin.data &&
			    c->cache && !view_find(c))
				bj_view_make(c);
	mutex_unlock(&views_lock);
	mutex_unlock(&bch_register_lock);
}

/**
 * view_drop - remove a set's view
 * @c: the set, whose journal is about to be freed
 *
 * Process context, without bch_register_lock.
 */
void view_drop(struct cache_set *c)
{
	struct set_view *v;

	mutex_lock(&views_lock);
	v = view_find(c);
	if (v)
		hash_del_rcu(&v->node);
	mutex_unlock(&views_lock);

	if (v)
		bj_view_free(v);
}

/**
 * view_pin_taken - record when the newest pin was taken
 * @j: the journal; its lock is held, or it is being set up
 *
 * The first pin also announces a new set, which has no view yet.
 */
void view_pin_taken(struct journal *j)
{
	struct set_view *v;

	rcu_read_lock();
	v = view_find(container_of(j, struct cache_set, journal));
	if (v)
		WRITE_ONCE(v->born[(j->pin.back - 1) & j->pin.mask], jiffies);
	else if (sets_are_shown()) /* inside RCU: see views_stop() */
		queue_delayed_work(wq, &sync_work, SYNC_DELAY);
	rcu_read_unlock();
}

/**
 * view_wait_begin - record that a caller begins to wait for room
 * @c: the cache set; its journal.lock is held
 *
 * Return: what to hand to view_wait_end(); 0 if the set has no view.
 */
u32 view_wait_begin(const struct cache_set *c)
{
	struct set_view *v;
	u32 id = 0;

	rcu_read_lock();
	v = view_find(c);
	if (v) {
		if (!v->waiting++) {
			v->stalls++;
			v->stalled_since = ktime_get_ns();
		}
		id = v->id;
	}
	rcu_read_unlock();
	return id;
}

/**
 * view_wait_stuck - record that a caller has waited for too long
 * @c: the cache set; its journal.lock is held
 * @counted: what view_wait_begin() returned
 *
 * Return: what to hand to view_wait_end().
 */
bool view_wait_stuck(const struct cache_set *c, u32 counted)
{
	struct set_view *v;
	bool stuck;

	rcu_read_lock();
	v = view_find(c);
	stuck = v && v->id == counted;
	if (stuck && !v->stuck++)
		bj_set_health(v, JOURNAL_STUCK, true);
	rcu_read_unlock();
	return stuck;
}

/**
 * view_wait_end - record that a caller no longer waits for room
 * @c: the cache set; its journal.lock is held
 * @counted: what view_wait_begin() returned; that view may be gone
 * @stuck: what view_wait_stuck() returned, or false
 */
void view_wait_end(const struct cache_set *c, u32 counted, bool stuck)
{
	struct set_view *v;
	u64 stalled;

	rcu_read_lock();
	v = view_find(c);
	if (v && v->id == counted) {
		if (stuck && !--v->stuck)
			bj_set_health(v, JOURNAL_STUCK, false);
		if (!--v->waiting) {
			stalled = ktime_get_ns() - v->stalled_since;
			v->stalled += stalled;
			v->longest_stall = max(v->longest_stall, stalled);
		}
	}
	rcu_read_unlock();
}

/**
 * view_write_begin - record when a jset is submitted for the first time
 * @c: the cache set
 * @seq: of the jset
 *
 * Called with the right to write.
 */
void view_write_begin(const struct cache_set *c, u64 seq)
{
	struct set_view *v;

	rcu_read_lock();
	v = view_find(c);
	if (v && v->write_seq != seq) {
		v->write_seq = seq;
		v->write_began = ktime_get_ns();
	}
	rcu_read_unlock();
}

/**
 * view_write_done - record that a write of a jset has completed
 * @c: the cache set
 * @seq: of the jset
 * @error: 0 if it is on the disk; then the time since view_write_begin() counts
 *
 * Called with the right to write, in any context.
 */
void view_write_done(const struct cache_set *c, u64 seq, int error)
{
	struct set_view *v;
	u64 us;

	rcu_read_lock();
	v = view_find(c);
	if (v && error) {
		v->write_errors++;
	} else if (v && v->write_seq == seq) {
		us = div_u64(ktime_get_ns() - v->write_began, NSEC_PER_USEC);
		latency_add(&v->writes, us);
		v->write_total += us;
	}
	rcu_read_unlock();
}

/**
 * view_flush_done - record that a flush without a jset has completed
 * @c: the cache set
 * @us: how long it took
 *
 * Any context.
 */
void view_flush_done(const struct cache_set *c, u32 us)
{
	struct set_view *v;
	unsigned long flags;

	rcu_read_lock();
	v = view_find(c);
	if (v) {
		spin_lock_irqsave(&v->flush_lock, flags);
		latency_add(&v->flushes, us);
		v->flush_total += us;
		spin_unlock_irqrestore(&v->flush_lock, flags);
	}
	rcu_read_unlock();
}

/**
 * view_retrying - announce that a write is, or is no longer, being retried
 * @c: the cache set
 * @retrying: which
 *
 * Called with the right to write, in any context.
 */
void view_retrying(const struct cache_set *c, bool retrying)
{
	struct set_view *v;

	rcu_read_lock();
	v = view_find(c);
	if (v)
		bj_set_health(v, JOURNAL_RETRYING, retrying);
	rcu_read_unlock();
}

/**
 * journal_fail_set - shut a set down, log why, and announce it
 * @c: the set
 * @fmt: the cause, without a newline
 *
 * bch_cache_set_error() alone would do, except that it does nothing, and logs nothing,
 * for a set that is already being stopped. Any context.
 */
void journal_fail_set(struct cache_set *c, const char *fmt, ...)
{
	struct va_format why = { .fmt = fmt };
	struct set_view *v;
	va_list args;

	va_start(args, fmt);
	why.va = &args;
	if (!bch_cache_set_error(c, "%pV", &why))
		pr_err_ratelimited("%pU: %pV; the set is being stopped\n",
				   c->set_uuid, &why);
	va_end(args);
	set_bit(CACHE_SET_IO_DISABLE, &c->flags);

	rcu_read_lock();
	v = view_find(c);
	if (v)
		bj_set_health(v, JOURNAL_FAILED, true);
	rcu_read_unlock();
}

/**
 * views_start - show the sets, once the module is attached
 */
void views_start(void)
{
	mutex_lock(&views_lock);
	sets_show(true);
	mutex_unlock(&views_lock);
	queue_delayed_work(wq, &sync_work, 0);
}

/**
 * views_stop - remove all views
 *
 * Process context, no lock held. sync_work uses bcache's lock and list, so it must not
 * run or be queued once this has returned: the reference on bcache is dropped next.
 * Tasks that livepatch has not switched yet may still call the hooks.
 */
void views_stop(void)
{
	struct set_view *v;

	mutex_lock(&views_lock);
	sets_show(false);
	mutex_unlock(&views_lock);

	synchronize_rcu(); /* wait for view_pin_taken() */
	cancel_delayed_work_sync(&sync_work);

	mutex_lock(&views_lock);
	while ((v = view_first())) {
		hash_del_rcu(&v->node);
		mutex_unlock(&views_lock);
		bj_view_free(v);
		mutex_lock(&views_lock);
	}
	mutex_unlock(&views_lock);
}

/**
 * views_init - set up the views, before the first hook can run
 *
 * Return: 0 or a negative errno.
 */
int views_init(void)
{
	int ret;

	wq = alloc_workqueue("%s_views", WQ_UNBOUND, 1, KBUILD_MODNAME);
	if (!wq)
		return -ENOMEM;

	ret = view_debugfs_init();
	if (ret)
		destroy_workqueue(wq);
	return ret;
}

/**
 * views_exit - tear everything down, after the last hook has run
 */
void views_exit(void)
{
	views_stop();
	destroy_workqueue(wq);
	view_debugfs_exit();
}
