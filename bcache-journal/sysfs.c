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
	u64 (*get)(struct cache_set *c);
};

/* These are called with journal.lock held. */
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
 * Full means that a reclaim could release nothing now, so writers have to wait. If
 * only one entry is left, it is the open one, which holds its own pin: the journal does
 * not count as full then, since its write is followed by a reclaim.
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
	value = a->get(c);
	spin_unlock(&c->journal.lock);
	set_put();

	return sysfs_emit(buf, "%llu\n", value);
}

const struct sysfs_ops view_sysfs_ops = { .show = bj_view_show };
