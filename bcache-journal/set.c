// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: references on a cache set
 *
 * The files in sysfs and debugfs may be read while their set is being torn down. So
 * they access its journal only between set_get() and set_put(), and only while the sets
 * are shown: from the end of the attach to the beginning of the detach.
 */

#include <linux/delay.h>
#include <linux/jiffies.h>

#include "journal.h"

/* How long a reader tries to take bch_register_lock, and at what interval. */
#define LOCK_PATIENCE HZ
#define LOCK_POLL_MS 20

static bool shown;

/**
 * sets_show - start or stop showing the sets
 * @show: true to start
 *
 * Readers that wait in set_get() give up once the sets are no longer shown.
 */
void sets_show(bool show)
{
	WRITE_ONCE(shown, show);
}

/**
 * sets_are_shown - are the sets shown?
 *
 * Any context.
 */
bool sets_are_shown(void)
{
	return READ_ONCE(shown);
}

/**
 * set_get - keep a set's journal from being torn down while it is read
 * @c: the set, which a view keeps in memory
 *
 * Takes bch_register_lock, as the stock driver's own sysfs files do. A set that is on
 * the list and not stopping cannot get past __cache_set_unregister(), which takes that
 * lock too.
 *
 * Never sleeps on the lock: a registration holds it for as long as recovery takes, and
 * removing the file, and so detaching, waits for its readers.
 *
 * Return: 0 with the lock held; without it, -ENODEV if the set or its view is going
 * away, -EAGAIN if the lock stayed busy for LOCK_PATIENCE, or -ERESTARTSYS if a signal
 * arrived (livepatch interrupts the tasks that it waits for).
 */
int set_get(struct cache_set *c)
{
	unsigned long end = jiffies + LOCK_PATIENCE;
	struct cache_set *i;

	while (!mutex_trylock(&bch_register_lock)) {
		if (!sets_are_shown())
			return -ENODEV;
		if (time_after(jiffies, end))
			return -EAGAIN;
		if (msleep_interruptible(LOCK_POLL_MS))
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
