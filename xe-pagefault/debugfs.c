// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: debugfs
 *
 * /sys/kernel/debug/xe_pagefault/<device>-gt<N> shows, in readable form, the queues,
 * the faults by kind and verdict, the latency, the busiest address spaces, and the most
 * recent refused faults. See docs/ABI/debugfs-xe-pagefault.
 */

#include <linux/debugfs.h>
#include <linux/math64.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/timekeeping.h>

#include "pagefault.h"

static struct dentry *root;

#define XPF_SHOWN 16 /* services under way, and address spaces */
#define NAME_LEN 64 /* "<PCI address>-gt<N>", with room to spare */

/* A copy of the statistics, made under the lock. */
struct xpf_snapshot {
	struct xpf_stats stats;
	struct xpf_refused refused[XPF_REFUSED];
	unsigned int nr_refused;
	u32 generation;
	unsigned int nr_serving;
	unsigned int nr_parked;
	struct xpf_serving {
		struct xpf_owner owner;
		u32 asid;
		u64 addr;
		unsigned long since;
	} serving[XPF_SHOWN];
	struct xpf_account accounts[XPF_ACCOUNTS];
};

static void xpf_show_faults(struct seq_file *m, const struct xpf_stats *s)
{
	unsigned int i;

	seq_puts(m, "\nfaults\n");
	for (i = 0; i < ARRAY_SIZE(s->received); i++)
		seq_printf(m, "  %-36s %llu\n", xpf_accesses[i],
			   s->received[i]);
	for (i = 0; i < ARRAY_SIZE(s->types); i++)
		seq_printf(m, "  type: %-30s %llu\n", xpf_types[i],
			   s->types[i]);
	seq_printf(m, "  %-36s %llu\n", "including prefetches", s->prefetches);
	seq_printf(m, "  %-36s %llu\n", "without a service of their own",
		   s->coalesced);

	seq_puts(m, "\nverdicts\n");
	seq_printf(m, "  %-36s %llu\n", "served", s->verdicts[XPF_SERVED]);
	for (i = XPF_SERVED + 1; i < XPF_VERDICTS; i++)
		if (s->verdicts[i])
			seq_printf(m, "  refused: %-27s %llu\n",
				   xpf_verdict_name(i), s->verdicts[i]);
	seq_printf(m, "  %-36s %llu\n",
		   "no reply: the GuC is gone or suspended", s->stale);
	seq_printf(m, "  %-36s %llu\n", "no reply: sending failed", s->unsent);
	seq_printf(m, "  %-36s %llu\n", "dropped: too many", s->dropped);
	seq_printf(m, "  %-36s %llu\n", "ignored: malformed", s->malformed);
}

static void xpf_show_latency(struct seq_file *m, const struct xpf_stats *s)
{
	unsigned int i, last = 0;

	for (i = 0; i < XPF_HISTOGRAM; i++)
		if (s->latency[i])
			last = i + 1;

	seq_puts(m, "\nG2H to reply (us)\n");
	for (i = 0; i < last; i++)
		seq_printf(m, "  %s %8lu  %llu\n",
			   i < XPF_HISTOGRAM - 1 ? " <" : ">=",
			   1UL << min(i, XPF_HISTOGRAM - 2U), s->latency[i]);
}

/* The mean time by stage. */
static void xpf_show_stages(struct seq_file *m, const struct xpf_stats *s)
{
	u64 answered = 0;
	unsigned int i;

	for (i = 0; i < XPF_VERDICTS; i++)
		answered += s->verdicts[i];
	if (!answered)
		return;
	seq_puts(m, "\nof that, on average (ns)\n");
	for (i = 0; i < XPF_STAGES; i++)
		seq_printf(m, "  %-36s %llu\n", xpf_stages[i],
			   div64_u64(s->ns[i], answered));
}

static u64 xpf_time_of(const struct xpf_account *a)
{
	unsigned int i;
	u64 ns = 0;

	for (i = 0; i < XPF_STAGES; i++)
		ns += a->ns[i];
	return ns;
}

static int xpf_compare(const void *a, const void *b)
{
	u64 x = xpf_time_of(a), y = xpf_time_of(b);

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The address spaces that have waited longest, the sum over their faults. */
static void xpf_show_accounts(struct seq_file *m, struct xpf_snapshot *snap)
{
	const struct xpf_account *a = snap->accounts;
	unsigned int i;

	sort(snap->accounts, XPF_ACCOUNTS, sizeof(*a), xpf_compare, NULL);
	if (!a->faults)
		return;
	seq_puts(
		m,
		"\nbusiest address spaces, and their time in all (ms)\n    ASID      faults   refused");
	for (i = 0; i < XPF_STAGES; i++)
		seq_printf(m, " %11s", xpf_stages[i]);
	seq_puts(m, "  process\n");
	for (; a < snap->accounts + XPF_SHOWN && a->faults; a++) {
		seq_printf(m, "  %6u %11llu %9llu", a->asid, a->faults,
			   a->refused);
		for (i = 0; i < XPF_STAGES; i++)
			seq_printf(m, " %11llu",
				   div_u64(a->ns[i], NSEC_PER_MSEC));
		seq_printf(m, "  %s[%d]\n",
			   a->owner.pid ? a->owner.comm : "unknown",
			   a->owner.pid);
	}
}

static void xpf_show_refused(struct seq_file *m,
			     const struct xpf_snapshot *snap)
{
	unsigned int n = min_t(unsigned int, snap->nr_refused, XPF_REFUSED), i;

	seq_printf(
		m,
		"\nrefused: the last %u of %u\n      time (s)    ASID             address  access   engine  errno  cause, process, nearest VMA\n",
		n, snap->nr_refused);
	for (i = 0; i < n; i++) {
		const struct xpf_refused *f =
			&snap->refused[(snap->nr_refused - 1 - i) % XPF_REFUSED];
		u32 ns;
		u64 s = div_u64_rem(f->when, NSEC_PER_SEC, &ns);

		seq_printf(
			m,
			"  %5llu.%06u  %6u  %18llx  %-8s %3u:%-3u %5d  %s, %s[%d]",
			s, ns / (u32)NSEC_PER_USEC, f->pf.asid, f->pf.addr,
			xpf_accesses[f->pf.access], f->pf.engine_class,
			f->pf.engine_instance, f->err,
			xpf_verdict_name(f->verdict), f->owner.comm,
			f->owner.pid);
		if (f->near.kind)
			seq_printf(m, ", %s %llx-%llx", f->near.kind,
				   f->near.start, f->near.end - 1);
		seq_putc(m, '\n');
	}
}

/* Called with gt->lock held. */
static void xpf_copy_serving(struct xpf_snapshot *snap, const struct xpf_gt *gt)
{
	const struct xpf_queue *q;

	snap->nr_serving = 0;
	list_for_each_entry(q, &gt->serving, link)
		if (snap->nr_serving++ < XPF_SHOWN)
			snap->serving[snap->nr_serving - 1] =
				(struct xpf_serving){ q->owner, q->asid,
						      q->addr, q->since };
	snap->nr_parked = list_count_nodes((struct list_head *)&gt->parked);
}

static void xpf_show_serving(struct seq_file *m,
			     const struct xpf_snapshot *snap)
{
	const struct xpf_serving *s = snap->serving;

	seq_printf(
		m,
		"\nunder way: %u, waiting for another of their process: %u\n",
		snap->nr_serving, snap->nr_parked);
	if (!snap->nr_serving)
		return;
	seq_puts(m, "    since (s)    ASID             address  process\n");
	for (; s < snap->serving + min(snap->nr_serving, XPF_SHOWN); s++)
		seq_printf(m, "  %9u.%01u  %6u  %18llx  %s[%d]\n",
			   jiffies_to_msecs(jiffies - s->since) / 1000,
			   jiffies_to_msecs(jiffies - s->since) / 100 % 10,
			   s->asid, s->addr, s->owner.comm, s->owner.pid);
}

static int xpf_gt_show(struct seq_file *m, void *unused)
{
	struct xpf_gt *gt = m->private;
	struct xpf_snapshot *snap = kvmalloc(sizeof(*snap), GFP_KERNEL);
	const struct xpf_stats *s;

	if (!snap)
		return -ENOMEM;
	s = &snap->stats;

	spin_lock_irq(&gt->lock);
	snap->stats = gt->stats;
	snap->nr_refused = gt->nr_refused;
	snap->generation = gt->generation;
	xpf_copy_serving(snap, gt);
	memcpy(snap->refused, gt->refused, sizeof(snap->refused));
	memcpy(snap->accounts, gt->accounts, sizeof(snap->accounts));
	spin_unlock_irq(&gt->lock);

	seq_printf(m, "%s GT%u, generation %u of its GuC\n",
		   dev_name(gt->drm->dev), gt->id, snap->generation);
	seq_printf(
		m,
		"queued %u of %u, at most %u; turns used up %llu, tried again %llu, waited for another of the process %llu\n",
		s->queued, PFD_PDATA_SPACE, s->queued_max, s->turns, s->retries,
		s->parked);
	seq_printf(
		m,
		"SVM ranges bound ahead: %llu, of which %llu were followed by a fault right behind\n",
		s->ahead, s->ahead_used);
	seq_printf(
		m,
		"access counters: %llu, migrated %llu, ignored %llu, refused %llu, dropped %llu\n",
		s->acc, s->acc_migrated, s->acc_ignored, s->acc_refused,
		s->acc_dropped);
	xpf_show_serving(m, snap);
	xpf_show_faults(m, s);
	xpf_show_latency(m, s);
	xpf_show_stages(m, s);
	xpf_show_accounts(m, snap);
	xpf_show_refused(m, snap);
	kvfree(snap);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(xpf_gt);

/**
 * xpf_debugfs_add - create the file of a GT
 * @gt: GT
 */
void xpf_debugfs_add(struct xpf_gt *gt)
{
	char name[NAME_LEN];

	snprintf(name, sizeof(name), "%s-gt%u", dev_name(gt->drm->dev), gt->id);
	gt->debugfs = debugfs_create_file(name, 0444, root, gt, &xpf_gt_fops);
}

/**
 * xpf_debugfs_remove - remove the file of a GT, and wait for readers
 * @gt: GT
 */
void xpf_debugfs_remove(struct xpf_gt *gt)
{
	debugfs_remove(gt->debugfs);
	gt->debugfs = NULL;
}

/**
 * xpf_debugfs_init - create the directory of the module
 */
void xpf_debugfs_init(void)
{
	root = debugfs_create_dir(KBUILD_MODNAME, NULL);
}

/**
 * xpf_debugfs_exit - remove the directory of the module
 */
void xpf_debugfs_exit(void)
{
	debugfs_remove(root);
}
