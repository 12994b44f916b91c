// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: sets that may lose entries
 *
 * Registration refuses a set that has lost journal entries, unless the operator has
 * written its UUID to accept_loss. The scan records here that its list of jsets is fit
 * to be replayed, and whether entries are missing from it; replay checks this.
 */

#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/uuid.h>

#include "journal.h"

/* The set whose loss the operator accepts, for one registration. */
static DEFINE_MUTEX(accept_lock);
static uuid_t accepted;

static int bj_accept_set(const char *val, const struct kernel_param *kp)
{
	uuid_t uuid = uuid_null;
	char text[UUID_STRING_LEN + 2];
	int ret = 0;

	strscpy(text, val, sizeof(text));
	if (*strim(text))
		ret = uuid_parse(strim(text), &uuid);
	if (ret)
		return ret;

	mutex_lock(&accept_lock);
	accepted = uuid;
	mutex_unlock(&accept_lock);
	return 0;
}

static int bj_accept_get(char *buf, const struct kernel_param *kp)
{
	int n;

	mutex_lock(&accept_lock);
	n = uuid_is_null(&accepted) ? sysfs_emit(buf, "\n") :
				      sysfs_emit(buf, "%pUb\n", &accepted);
	mutex_unlock(&accept_lock);
	return n;
}

static const struct kernel_param_ops accept_ops = {
	.set = bj_accept_set,
	.get = bj_accept_get,
};
module_param_cb(accept_loss, &accept_ops, NULL, 0600);
MODULE_PARM_DESC(accept_loss,
		 "UUID of a set to register once despite lost journal entries");

/**
 * take_acceptance - has the operator accepted that this set loses entries?
 * @c: the cache set being registered
 *
 * This consumes the acceptance: the next call returns false. Process context, may
 * sleep.
 */
bool take_acceptance(const struct cache_set *c)
{
	bool yes;

	mutex_lock(&accept_lock);
	yes = !memcmp(&accepted, c->set_uuid, sizeof(accepted));
	if (yes)
		accepted = uuid_null;
	mutex_unlock(&accept_lock);
	return yes;
}

/*
 * The set whose list of jsets bj_journal_read() judged most recently. The scan and the
 * replay of its list run under bch_register_lock, so there is one such list at a time.
 * A list from the stock driver's scan is not judged.
 */
static const struct cache_set *judged;
static bool judged_lossy;

/**
 * journal_judged - remember that a set's list of jsets is fit to be replayed
 * @c: the set, or NULL for none
 * @lossy: entries are missing, and the operator has accepted that
 *
 * Called with bch_register_lock held.
 */
void journal_judged(const struct cache_set *c, bool lossy)
{
	judged = c;
	judged_lossy = lossy;
}

/**
 * journal_is_judged - was a set's list of jsets found fit to be replayed?
 * @c: the set
 * @lossy: set to true if entries are missing, and the operator has accepted that
 *
 * Called with bch_register_lock held.
 */
bool journal_is_judged(const struct cache_set *c, bool *lossy)
{
	*lossy = judged == c && judged_lossy;
	return judged == c;
}

/**
 * journal_forget - forget the judgement on a set that is about to be freed
 * @c: the set; its list of jsets may never have been replayed
 */
void journal_forget(const struct cache_set *c)
{
	cmpxchg(&judged, c, NULL);
}
