// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: sysfs
 *
 * <device>/xe_pagefault-gt<N>/ has one value per file: see
 * docs/ABI/sysfs-xe-pagefault.
 */

#include <linux/kobject.h>
#include <linux/sysfs.h>

#include "pagefault.h"

struct gt_attr {
	struct attribute attr;
	u64 (*get)(const struct xpf_stats *s);
};

static u64 sum(const u64 *v, size_t n)
{
	u64 total = 0;

	while (n--)
		total += v[n];
	return total;
}

#define GT_ATTR(_name, _value)                                        \
	static u64 get_##_name(const struct xpf_stats *s)             \
	{                                                             \
		return _value;                                        \
	}                                                             \
	static struct gt_attr _name##_attr = {                        \
		.attr = { .name = __stringify(_name), .mode = 0444 }, \
		.get = get_##_name,                                   \
	}

GT_ATTR(faults, sum(s->received, ARRAY_SIZE(s->received)));
GT_ATTR(served, s->verdicts[XPF_SERVED]);
GT_ATTR(refused,
	sum(s->verdicts + XPF_MALFORMED, XPF_VERDICTS - XPF_MALFORMED));
GT_ATTR(replies, sum(s->verdicts, XPF_VERDICTS));
GT_ATTR(coalesced, s->coalesced);
GT_ATTR(malformed, s->malformed);
GT_ATTR(dropped, s->dropped);
GT_ATTR(stale, s->stale);
GT_ATTR(unsent, s->unsent);
GT_ATTR(queued, s->queued);
GT_ATTR(queued_max, s->queued_max);
GT_ATTR(guc_starts, s->guc_starts);
GT_ATTR(access_counters, s->acc);
GT_ATTR(access_counters_migrated, s->acc_migrated);
GT_ATTR(access_counters_ignored, s->acc_ignored);
GT_ATTR(access_counters_refused, s->acc_refused);
GT_ATTR(access_counters_dropped, s->acc_dropped);

static struct attribute *gt_attrs[] = { &faults_attr.attr,
					&served_attr.attr,
					&refused_attr.attr,
					&replies_attr.attr,
					&coalesced_attr.attr,
					&malformed_attr.attr,
					&dropped_attr.attr,
					&stale_attr.attr,
					&unsent_attr.attr,
					&queued_attr.attr,
					&queued_max_attr.attr,
					&guc_starts_attr.attr,
					&access_counters_attr.attr,
					&access_counters_migrated_attr.attr,
					&access_counters_ignored_attr.attr,
					&access_counters_refused_attr.attr,
					&access_counters_dropped_attr.attr,
					NULL };
ATTRIBUTE_GROUPS(gt);

static ssize_t xpf_attr_show(struct kobject *kobj, struct attribute *attr,
			     char *buf)
{
	struct xpf_gt *gt = container_of(kobj, struct xpf_gt, kobj);
	struct gt_attr *a = container_of(attr, struct gt_attr, attr);
	u64 value;

	spin_lock_irq(&gt->lock);
	value = a->get(&gt->stats);
	spin_unlock_irq(&gt->lock);
	return sysfs_emit(buf, "%llu\n", value);
}

static const struct sysfs_ops gt_sysfs_ops = { .show = xpf_attr_show };

static void xpf_kobj_release(struct kobject *kobj)
{
	xpf_gt_release(container_of(kobj, struct xpf_gt, kobj));
}

struct kobj_type xpf_gt_ktype = {
	.sysfs_ops = &gt_sysfs_ops,
	.default_groups = gt_groups,
	.release = xpf_kobj_release,
};
