// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: views of a set
 *
 * While we are attached each cache set has a directory journal/ in its own in
 * sysfs (docs/ABI/sysfs-bcache-journal), and one in our debugfs. A view is
 * made for the sets that are there when we attach, and for those that are
 * registered later once they open their first jset; it goes when the set frees
 * its journal or we detach.
 *
 * The kobject's reference on its parent keeps struct cache_set itself in
 * memory, so a pointer to it is good as a key for as long as the view is
 * there. What hangs on the set is looked at between set_get() and set_put().
 */

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "journal.h"

/* Lock order: bch_register_lock, views_lock. Neither is held for removal. */
static DEFINE_MUTEX(views_lock);
static LIST_HEAD(views); /* changed under views_lock, read with RCU */
static bool views_wanted;
static struct workqueue_struct *wq;

static void views_sync(struct work_struct *work);
static DECLARE_DELAYED_WORK(sync_work, views_sync);

/**
 * set_get - keep a set's journal from being torn down while it is read
 * @c: the set, which a view keeps in memory
 *
 * Takes bch_register_lock, as stock's own sysfs files do. A set that is in the
 * list and not stopping can't get past __cache_set_unregister(), which takes
 * that lock too.
 *
 * Never sleeps on the lock: a registration holds it for as long as recovery
 * takes, and removing the file, and so detaching, waits for its readers.
 *
 * Return: 0 with the lock held; without it -ENODEV if the set or its view is
 * going, -EAGAIN if the lock stayed busy for a second, or -ERESTARTSYS if a
 * signal came (livepatch sends one to a task that it waits for).
 */
int set_get(struct cache_set *c)
{
	unsigned long end = jiffies + HZ;
	struct cache_set *i;

	while (!mutex_trylock(&bch_register_lock)) {
		if (!READ_ONCE(views_wanted))
			return -ENODEV;
		if (time_after(jiffies, end))
			return -EAGAIN;
		if (msleep_interruptible(20))
			return -ERESTARTSYS;
	}

	list_for_each_entry(i, &bch_cache_sets, list)
		if (i == c && !test_bit(CACHE_SET_STOPPING, &c->flags) &&
		    c->cache)
			return 0;

	mutex_unlock(&bch_register_lock);
	return -ENODEV;
}

/**
 * set_put - undo set_get()
 */
void set_put(void)
{
	mutex_unlock(&bch_register_lock);
}

struct view_attr {
	struct attribute attr;
	u64 (*get)(struct cache_set *c);
};

/* Each is called with journal.lock held. */
static u64 get_seq(struct cache_set *c)
{
	return c->journal.seq;
}

static u64 get_last_seq(struct cache_set *c)
{
	return journal_last_seq(&c->journal);
}

static u64 get_entries(struct cache_set *c)
{
	return pin_used(&c->journal);
}

static u64 get_entries_max(struct cache_set *c)
{
	return c->journal.pin.size;
}

static u64 get_buckets(struct cache_set *c)
{
	return c->cache->sb.njournal_buckets;
}

static u64 get_buckets_free(struct cache_set *c)
{
	return journal_free_buckets(c);
}

/*
 * The next reclaim could let go of nothing: who writes has to wait.  The one entry that
 * is left is the open one, which holds itself; reclaim comes with the next write only.
 */
static u64 get_full(struct cache_set *c)
{
	return journal_full(&c->journal) && pin_used(&c->journal) > 1 &&
	       atomic_read(pin_front(&c->journal)) > 0;
}

#define VIEW_ATTR(n) \
	static struct view_attr n##_attr = { { #n, 0444 }, get_##n }

VIEW_ATTR(seq);
VIEW_ATTR(last_seq);
VIEW_ATTR(entries);
VIEW_ATTR(entries_max);
VIEW_ATTR(buckets);
VIEW_ATTR(buckets_free);
VIEW_ATTR(full);

static struct view_attr version_attr = { { "attached_version", 0444 }, NULL };

static struct attribute *view_attrs[] = {
	&seq_attr.attr,		&last_seq_attr.attr, &entries_attr.attr,
	&entries_max_attr.attr, &buckets_attr.attr,  &buckets_free_attr.attr,
	&full_attr.attr,	&version_attr.attr,  NULL
};
ATTRIBUTE_GROUPS(view);

static ssize_t view_show(struct kobject *kobj, struct attribute *attr,
			 char *buf)
{
	struct view_attr *a = container_of(attr, struct view_attr, attr);
	struct set_view *v = container_of(kobj, struct set_view, kobj);
	struct cache_set *c = v->c;
	u64 value;
	int ret;

	if (!a->get)
		return sysfs_emit(buf, "%s\n", THIS_MODULE->version);

	ret = set_get(c);
	if (ret)
		return ret;
	spin_lock(&c->journal.lock);
	value = a->get(c);
	spin_unlock(&c->journal.lock);
	set_put();

	return sysfs_emit(buf, "%llu\n", value);
}

/*
 * The only references are the one of view_make() and those that sysfs takes
 * while it is asked for; the last one is dropped by view_free(), so this runs
 * before we are unloaded.
 */
static void view_release(struct kobject *kobj)
{
	struct set_view *v = container_of(kobj, struct set_view, kobj);

	kvfree(v->born);
	kfree(v);
}

static const struct sysfs_ops view_sysfs_ops = { .show = view_show };

static const struct kobj_type view_ktype = {
	.release = view_release,
	.sysfs_ops = &view_sysfs_ops,
	.default_groups = view_groups,
};

static struct set_view *view_find(const struct cache_set *c)
{
	struct set_view *v;

	list_for_each_entry_rcu(v, &views, list, lockdep_is_held(&views_lock))
		if (v->c == c)
			return v;
	return NULL;
}

/* With bch_register_lock and views_lock held; @c is not stopping. */
static void view_make(struct cache_set *c)
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
		pr_warn_ratelimited("%pU: no journal directory in sysfs\n",
				    c->set_uuid);
		kobject_put(&v->kobj);
		return;
	}
	view_debugfs_add(v);
	list_add_rcu(&v->list, &views);
}

/*
 * Off the list already, no lock held: waits for readers of the files, each of
 * which gives up within a second.
 */
static void view_free(struct set_view *v)
{
	debugfs_remove(v->dir);
	kobject_del(&v->kobj);
	synchronize_rcu(); /* view_pin_taken() uses v->born */
	kobject_put(&v->kobj);
}

/* Make a view for each set that has none. */
static void views_sync(struct work_struct *work)
{
	struct cache_set *c;

	/*
	 * Registration holds this for as long as recovery takes: don't sleep
	 * for it where hung_task looks, or where rmmod of us would wait.
	 */
	if (!mutex_trylock(&bch_register_lock)) {
		if (READ_ONCE(views_wanted))
			queue_delayed_work(wq, &sync_work, HZ / 10);
		return;
	}
	mutex_lock(&views_lock);
	if (views_wanted)
		list_for_each_entry(c, &bch_cache_sets, list)
			if (!test_bit(CACHE_SET_STOPPING, &c->flags) &&
			    c->kobj.state_in_sysfs && c->journal.pin.data &&
			    c->cache && !view_find(c))
				view_make(c);
	mutex_unlock(&views_lock);
	mutex_unlock(&bch_register_lock);
}

/**
 * view_drop - take a set's view down
 * @c: the set; its journal is about to be freed
 *
 * Process context, bch_register_lock not held.
 */
void view_drop(struct cache_set *c)
{
	struct set_view *v;

	mutex_lock(&views_lock);
	v = view_find(c);
	if (v)
		list_del_rcu(&v->list);
	mutex_unlock(&views_lock);

	if (v)
		view_free(v);
}

/**
 * view_pin_taken - note when the newest pin was taken
 * @j: the journal; its lock is held, or it is being set up
 *
 * The first sign of life of a set that is new.
 */
void view_pin_taken(struct journal *j)
{
	struct set_view *v;

	rcu_read_lock();
	v = view_find(container_of(j, struct cache_set, journal));
	if (v)
		WRITE_ONCE(v->born[(j->pin.back - 1) & j->pin.mask], jiffies);
	else if (READ_ONCE(views_wanted)) /* inside RCU: see views_stop() */
		queue_delayed_work(wq, &sync_work, HZ);
	rcu_read_unlock();
}

/**
 * views_start - show the sets: we are attached
 */
void views_start(void)
{
	mutex_lock(&views_lock);
	views_wanted = true;
	mutex_unlock(&views_lock);
	queue_delayed_work(wq, &sync_work, 0);
}

/**
 * views_stop - take all views down
 *
 * Process context, no lock held. sync_work uses bcache's lock and list, so it
 * must not run, or be queued, once this has returned: the reference on bcache
 * is dropped next. Hooks may still be called, by tasks that have not switched
 * sides.
 */
void views_stop(void)
{
	struct set_view *v;

	mutex_lock(&views_lock);
	WRITE_ONCE(views_wanted, false);
	mutex_unlock(&views_lock);

	synchronize_rcu(); /* with view_pin_taken() */
	cancel_delayed_work_sync(&sync_work);

	mutex_lock(&views_lock);
	while ((v = list_first_entry_or_null(&views, struct set_view, list))) {
		list_del_rcu(&v->list);
		mutex_unlock(&views_lock);
		view_free(v);
		mutex_lock(&views_lock);
	}
	mutex_unlock(&views_lock);
}

/**
 * views_init - before the first hook can run
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
 * views_exit - after the last hook has run
 */
void views_exit(void)
{
	views_stop();
	destroy_workqueue(wq);
	view_debugfs_exit();
}
