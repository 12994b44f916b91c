// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the journal in sysfs
 *
 * The files in /sys/fs/bcache/<set>/journal/, see docs/ABI/sysfs-bcache-journal. view.c
 * creates the directory.
 */

#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "journal.h"

struct view_attr {
	struct attribute attr;
	u64 (*get)(const struct set_view *v);
};

/* These are called with journal.lock held. */
static u64 get_seq(const struct set_view *v)
{
	return v->c->journal.seq;
}

static u64 get_last_seq(const struct set_view *v)
{
	return journal_last_seq(&v->c->journal);
}

static u64 get_entries(const struct set_view *v)
{
	return pin_used(&v->c->journal);
}

static u64 get_entries_max(const struct set_view *v)
{
	return v->c->journal.pin.size;
}

static u64 get_buckets(const struct set_view *v)
{
	return v->c->cache->sb.njournal_buckets;
}

static u64 get_buckets_free(const struct set_view *v)
{
	return journal_free_buckets(v->c, 1 + v->c->journal.do_reserve);
}

/*
 * Full means that somebody waits for room. There may be free blocks nevertheless: the last
 * ones are kept for callers that would otherwise block those who hold a pin, see room.c.
 */
static u64 get_full(const struct set_view *v)
{
	return v->waiting > 0;
}

static u64 get_oldest_age_ms(const struct set_view *v)
{
	const struct journal *j = &v->c->journal;
	unsigned long born = READ_ONCE(v->born[j->pin.front]);

	return born ? (u64)(jiffies - born) * MSEC_PER_SEC / HZ : 0;
}

static u64 get_stalls(const struct set_view *v)
{
	return v->stalls;
}

/* The stall that is under way. */
static u64 stalled_now(const struct set_view *v)
{
	return v->waiting ? ktime_get_ns() - v->stalled_since : 0;
}

static u64 get_stalled_ms(const struct set_view *v)
{
	return div_u64(v->stalled + stalled_now(v), NSEC_PER_MSEC);
}

static u64 get_longest_stall_ms(const struct set_view *v)
{
	return div_u64(max(v->longest_stall, stalled_now(v)), NSEC_PER_MSEC);
}

/* A write or a flush may complete meanwhile: its class, or the maximum, may be missing then. */
static u64 get_writes(const struct set_view *v)
{
	return latency_total(&v->writes);
}

static u64 get_write_p50_us(const struct set_view *v)
{
	return latency_quantile(&v->writes, 500);
}

static u64 get_write_p99_us(const struct set_view *v)
{
	return latency_quantile(&v->writes, 990);
}

static u64 get_write_max_us(const struct set_view *v)
{
	return v->writes.max;
}

static u64 get_write_total_us(const struct set_view *v)
{
	return v->write_total;
}

static u64 get_write_errors(const struct set_view *v)
{
	return v->write_errors;
}

static u64 get_flushes(const struct set_view *v)
{
	return latency_total(&v->flushes);
}

static u64 get_flush_p50_us(const struct set_view *v)
{
	return latency_quantile(&v->flushes, 500);
}

static u64 get_flush_p99_us(const struct set_view *v)
{
	return latency_quantile(&v->flushes, 990);
}

static u64 get_flush_max_us(const struct set_view *v)
{
	return v->flushes.max;
}

static u64 get_flush_total_us(const struct set_view *v)
{
	return v->flush_total;
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
VIEW_ATTR(oldest_age_ms);
VIEW_ATTR(stalls);
VIEW_ATTR(stalled_ms);
VIEW_ATTR(longest_stall_ms);
VIEW_ATTR(writes);
VIEW_ATTR(write_p50_us);
VIEW_ATTR(write_p99_us);
VIEW_ATTR(write_max_us);
VIEW_ATTR(write_total_us);
VIEW_ATTR(write_errors);
VIEW_ATTR(flushes);
VIEW_ATTR(flush_p50_us);
VIEW_ATTR(flush_p99_us);
VIEW_ATTR(flush_max_us);
VIEW_ATTR(flush_total_us);

static struct view_attr version_attr = { { "attached_version", 0444 }, NULL };

static struct attribute *view_attrs[] = { &seq_attr.attr,
					  &last_seq_attr.attr,
					  &entries_attr.attr,
					  &entries_max_attr.attr,
					  &buckets_attr.attr,
					  &buckets_free_attr.attr,
					  &full_attr.attr,
					  &oldest_age_ms_attr.attr,
					  &stalls_attr.attr,
					  &stalled_ms_attr.attr,
					  &longest_stall_ms_attr.attr,
					  &writes_attr.attr,
					  &write_p50_us_attr.attr,
					  &write_p99_us_attr.attr,
					  &write_max_us_attr.attr,
					  &write_total_us_attr.attr,
					  &write_errors_attr.attr,
					  &flushes_attr.attr,
					  &flush_p50_us_attr.attr,
					  &flush_p99_us_attr.attr,
					  &flush_max_us_attr.attr,
					  &flush_total_us_attr.attr,
					  &version_attr.attr,
					  NULL };

const struct attribute_group view_group = { .attrs = view_attrs };

static ssize_t bj_view_show(struct kobject *kobj, struct attribute *attr,
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
	value = a->get(v);
	spin_unlock(&c->journal.lock);
	set_put();

	return sysfs_emit(buf, "%llu\n", value);
}

const struct sysfs_ops view_sysfs_ops = { .show = bj_view_show };
