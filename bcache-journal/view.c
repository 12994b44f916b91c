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
	debugfs_remove(v->dir);
	kobject_del(&v->kobj);
	synchronize_rcu(); /* view_pin_taken() uses v->born */
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
