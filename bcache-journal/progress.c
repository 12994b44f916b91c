// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: progress of recovery
 *
 * Recovery runs under bch_register_lock, so there is one at a time. Its progress is logged
 * from time to time, and shown by the module's parameter "recovery", also once it is over:
 * the set's own directory in sysfs gets its files only after recovery. A reader uses
 * nothing but the variables here.
 */

#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/uuid.h>

#include "journal.h"

#define REPORT_INTERVAL_MS 5000

static const struct {
	const char *name, *unit;
} kinds[RECOVERY_PHASES] = {
	[RECOVERY_HEADS] = { "reading heads", "buckets" },
	[RECOVERY_ENTRIES] = { "reading entries", "buckets" },
	[RECOVERY_MARK] = { "marking", "entries" },
	[RECOVERY_REPLAY] = { "replaying", "keys" },
};

static DEFINE_MUTEX(progress_lock);
static struct {
	uuid_t set;
	enum recovery_phase now; /* RECOVERY_PHASES if there is no recovery */
	s64 report; /* ms since the phase began */
	struct {
		bool begun;
		ktime_t began;
		s64 ms; /* what it took, once it is over */
		u64 done, total;
	} phase[RECOVERY_PHASES];
} progress = { .now = RECOVERY_PHASES };

/* The functions up to bj_recovery_get() are called with progress_lock held. */
static s64 ms_of(enum recovery_phase p)
{
	if (p != progress.now)
		return progress.phase[p].ms;
	return ktime_ms_delta(ktime_get(), progress.phase[p].began);
}

/* An estimate of the seconds that the current phase will last, of which some is done. */
static u64 seconds_left(void)
{
	u64 done = progress.phase[progress.now].done;

	return mul_u64_u64_div_u64(ms_of(progress.now),
				   progress.phase[progress.now].total - done,
				   done * MSEC_PER_SEC);
}

static void phase_end(bool complete)
{
	if (progress.now == RECOVERY_PHASES)
		return;
	progress.phase[progress.now].ms = ms_of(progress.now);
	if (complete)
		progress.phase[progress.now].done =
			progress.phase[progress.now].total;
	progress.now = RECOVERY_PHASES;
}

static int show_phase(char *buf, int n, enum recovery_phase p)
{
	int start = n;

	n += sysfs_emit_at(buf, n, "%s: %llu of %llu %s, %lld ms",
			   kinds[p].name, progress.phase[p].done,
			   progress.phase[p].total, kinds[p].unit, ms_of(p));
	if (p == progress.now && progress.phase[p].done)
		n += sysfs_emit_at(buf, n, ", about %llu s left",
				   seconds_left());
	return n + sysfs_emit_at(buf, n, "\n") - start;
}

static int bj_recovery_get(char *buf, const struct kernel_param *kp)
{
	enum recovery_phase p;
	int n = 0;

	mutex_lock(&progress_lock);
	if (!uuid_is_null(&progress.set))
		n += sysfs_emit_at(buf, n, "%pUb\n", &progress.set);
	for (p = 0; p < RECOVERY_PHASES; p++)
		if (progress.phase[p].begun)
			n += show_phase(buf, n, p);
	mutex_unlock(&progress_lock);
	return n;
}

/* Without this, a value on the kernel command line would be a call of NULL. */
static int bj_recovery_set(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static const struct kernel_param_ops recovery_ops = {
	.set = bj_recovery_set,
	.get = bj_recovery_get,
};
module_param_cb(recovery, &recovery_ops, NULL, 0444);
MODULE_PARM_DESC(recovery, "progress of the most recent recovery of a set");

/**
 * progress_begin - begin a phase of recovery
 * @c: the cache set being registered
 * @phase: the phase; the one before it, if it has not ended, is complete
 * @total: how many buckets, entries or keys there are
 *
 * Process context, with bch_register_lock held.
 */
void progress_begin(const struct cache_set *c, enum recovery_phase phase,
		    u64 total)
{
	mutex_lock(&progress_lock);
	phase_end(true);
	if (phase == RECOVERY_HEADS || progress.phase[phase].begun ||
	    memcmp(&progress.set, c->set_uuid, sizeof(progress.set)))
		memset(&progress, 0, sizeof(progress));
	memcpy(&progress.set, c->set_uuid, sizeof(progress.set));
	progress.now = phase;
	progress.report = REPORT_INTERVAL_MS;
	progress.phase[phase].begun = true;
	progress.phase[phase].began = ktime_get();
	progress.phase[phase].done = 0;
	progress.phase[phase].total = total;
	mutex_unlock(&progress_lock);
}

/**
 * progress_made - note progress, and log it if it is time for that
 * @c: the cache set being registered
 * @done: how many are done
 *
 * In the context of progress_begin(). Does nothing unless a phase has begun.
 */
void progress_made(const struct cache_set *c, u64 done)
{
	enum recovery_phase p;

	mutex_lock(&progress_lock);
	p = progress.now;
	if (p == RECOVERY_PHASES) /* abandoned entries are being erased */
		goto out;
	progress.phase[p].done = min(done, progress.phase[p].total);
	if (progress.phase[p].done && ms_of(p) >= progress.report) {
		bj_info(c, "%s: %llu of %llu %s, about %llu s left\n",
			kinds[p].name, progress.phase[p].done,
			progress.phase[p].total, kinds[p].unit, seconds_left());
		progress.report = ms_of(p) + REPORT_INTERVAL_MS;
	}
out:
	mutex_unlock(&progress_lock);
}

/**
 * progress_end - end the current phase of recovery, if there is one
 * @complete: all is done
 *
 * Process context, with bch_register_lock held.
 */
void progress_end(bool complete)
{
	mutex_lock(&progress_lock);
	phase_end(complete);
	mutex_unlock(&progress_lock);
}
