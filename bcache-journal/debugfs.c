// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: the journal in debugfs
 *
 * /sys/kernel/debug/bcache_journal/<set>/ring: the indices, a line per bucket, and a
 * line per pin that is held; and latency: a line per class of the time that it took to
 * write a jset, and to flush the cache device without one. See docs/ABI/debugfs-bcache-journal.
 */

#include <linux/debugfs.h>
#include <linux/jiffies.h>
#include <linux/seq_file.h>

#include "journal.h"

#define PINS_SHOWN 32

static struct dentry *root;

static const char *bucket_state(const struct cache *ca, unsigned int i)
{
	unsigned int n = ca->sb.njournal_buckets;
	unsigned int cur = ca->journal.cur_idx, last = ca->journal.last_idx;
	unsigned int tail = journal_tail(ca);

	/* Distance backwards from cur: buckets are live back to last, held to tail. */
	unsigned int d = (cur + n - i) % n;

	if (i == cur)
		return "current";
	if (d <= (cur + n - last) % n)
		return "live";
	if (d <= (cur + n - tail) % n)
		return "discarding";
	return ca->journal.seq[i] ? "free" : "empty";
}

static void show_buckets(struct seq_file *m, const struct cache_set *c)
{
	const struct cache *ca = c->cache;
	const struct journal_device *ja = &ca->journal;
	unsigned int n = ca->sb.njournal_buckets, i;

	seq_puts(m, "\nbucket      sector  state       newest entry\n");
	for (i = 0; i < n; i++) {
		u64 prev = ja->seq[(i + n - 1) % n];

		seq_printf(m, "%6u  %10llu  %-10s  ", i,
			   (u64)bucket_to_sector(c, ca->sb.d[i]),
			   bucket_state(ca, i));
		if (!ja->seq[i])
			seq_puts(m, "-\n");
		else if (prev && prev < ja->seq[i])
			seq_printf(m, "%llu-%llu\n", prev + 1, ja->seq[i]);
		else
			seq_printf(m, "-%llu\n", ja->seq[i]);
	}
}

static void show_pins(struct seq_file *m, const struct set_view *v)
{
	const struct journal *j = &v->c->journal;
	u64 seq = journal_last_seq(j);
	size_t used = pin_used(j), i, shown = 0;

	seq_puts(m, "\n   entry  holders  age (ms)\n");
	for (i = 0; i < used; i++) {
		size_t slot = (j->pin.front + i) & j->pin.mask;
		int holders = atomic_read(&j->pin.data[slot]);
		unsigned long born = READ_ONCE(v->born[slot]);

		if (!holders)
			continue;
		if (++shown > PINS_SHOWN)
			continue;
		seq_printf(m, "%8llu  %7d  ", seq + i, holders);
		if (born)
			seq_printf(m, "%8u\n",
				   jiffies_to_msecs(jiffies - born));
		else
			seq_puts(m, "unknown\n");
	}
	if (shown > PINS_SHOWN)
		seq_printf(m, "and %zu more\n", shown - PINS_SHOWN);
}

static int bj_ring_show(struct seq_file *m, void *unused)
{
	struct set_view *v = m->private;
	struct cache_set *c = v->c;
	const struct journal_device *ja;
	struct journal *j = &c->journal;
	int ret = set_get(c);

	if (ret)
		return ret;

	ja = &c->cache->journal;
	spin_lock(&j->lock);
	seq_printf(
		m,
		"entries %llu-%llu open, %zu of %zu pins, %u blocks left in the bucket%s%s\n",
		journal_last_seq(j), j->seq, pin_used(j), j->pin.size,
		j->blocks_free, j->io_in_flight ? ", a write in flight" : "",
		journal_full(j) ? ", full" : "");
	seq_printf(m, "cur %u last %u", ja->cur_idx, ja->last_idx);
#ifdef HAVE_JOURNAL_DEVICE_DISCARD_IDX
	seq_printf(m, " discard %u", ja->discard_idx);
#endif
	seq_printf(m, ", %u of %u buckets free\n",
		   journal_free_buckets(c, 1 + j->do_reserve),
		   c->cache->sb.njournal_buckets);
	show_buckets(m, c);
	show_pins(m, v);
	spin_unlock(&j->lock);

	set_put();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bj_ring);

static void show_latency(struct seq_file *m, const char *what,
			 const struct latency *l)
{
	u64 total = latency_total(l), seen = 0;
	unsigned int i;

	seq_printf(m, "   from (us) %12s   %% up to here\n", what);
	for (i = 0; i < LATENCY_CLASSES; i++) {
		u64 n = READ_ONCE(l->count[i]);

		if (!n)
			continue;
		seen += n;
		seq_printf(m, "%12llu %12llu %14llu\n", latency_from(i), n,
			   div64_u64(100 * seen, max(total, seen)));
	}
	seq_printf(m, "longest: %llu us\n", l->max);
}

static int bj_latency_show(struct seq_file *m, void *unused)
{
	const struct set_view *v = m->private;

	show_latency(m, "writes", &v->writes);
	seq_putc(m, '\n');
	show_latency(m, "flushes", &v->flushes);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(bj_latency);

/**
 * view_debugfs_add - create a set's directory
 * @v: the view; the caller removes @v->dir with debugfs_remove()
 *
 * Errors are ignored, as usual for debugfs.
 */
void view_debugfs_add(struct set_view *v)
{
	char name[40];

	snprintf(name, sizeof(name), "%pU", v->c->set_uuid);
	v->dir = debugfs_create_dir(name, root);
	debugfs_create_file("ring", 0400, v->dir, v, &bj_ring_fops);
	debugfs_create_file("latency", 0400, v->dir, v, &bj_latency_fops);
}

/**
 * view_debugfs_init - create this module's directory
 *
 * Return: 0.
 */
int view_debugfs_init(void)
{
	root = debugfs_create_dir(KBUILD_MODNAME, NULL);
	return 0;
}

/**
 * view_debugfs_exit - remove this module's directory
 */
void view_debugfs_exit(void)
{
	debugfs_remove(root);
}
