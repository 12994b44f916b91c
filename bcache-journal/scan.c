// SPDX-License-Identifier: GPL-2.0
/*
 * DOC: scan
 *
 * Registration begins with finding the jsets that recovery needs. The newest
 * bucket of the ring is found without reading all of them: buckets are probed
 * in golden-ratio order until one has a jset in it (then one by one), its
 * successors are searched by halving for the end of the written run, and from
 * there buckets are read backwards until one adds nothing.
 *
 * What is collected is a list of struct journal_replay in the order of seq,
 * without what the newest jset's last_seq says is no longer needed. Each one
 * comes from kmalloc on its own: stock kfrees them one by one.
 *
 * Nothing read from the disk is believed before ondisk.c has checked it. A
 * read error is an error: a bucket that can't be read is not an empty one, or
 * acknowledged writes would be rolled back and then written over.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bio.h>
#include <linux/bitmap.h>
#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/mm.h>

#include "journal.h"

#define MAX_JOURNAL_BUCKETS ARRAY_SIZE(((struct journal_device *)0)->seq)

static bool ignore_read_errors;
module_param(ignore_read_errors, bool, 0644);
MODULE_PARM_DESC(
	ignore_read_errors,
	"take an unreadable journal bucket for an empty one, as stock does: loses the writes in it");

struct scan {
	struct cache_set *c;
	struct cache *ca;
	struct jset_geom geom;
	struct list_head *list;
	DECLARE_BITMAP(read, MAX_JOURNAL_BUCKETS);
	unsigned int buckets; /* read so far */
	unsigned int bad; /* jsets that were not believed */
};

/* Into @buf, synchronously; @buf is one physically contiguous allocation. */
static int read_sectors(struct cache *ca, sector_t sector, void *buf,
			unsigned int sectors)
{
	struct bio_vec bv;
	struct bio bio;
	int ret;

	bio_init(&bio, ca->bdev, &bv, 1, REQ_OP_READ | REQ_META);
	bio.bi_iter.bi_sector = sector;
	__bio_add_page(&bio, virt_to_page(buf), sectors << SECTOR_SHIFT,
		       offset_in_page(buf));
	ret = submit_bio_wait(&bio);
	bio_uninit(&bio);
	return ret;
}

/*
 * Say what was not believed, and why: it ends the bucket. One jset with a bad
 * checksum, at the newest bucket's end, is normal after a power cut.
 */
static void report_bad(struct scan *s, unsigned int bucket, sector_t sector,
		       const struct jset *j, enum jset_verdict verdict,
		       const struct jset_fault *fault)
{
	s->bad++;
	bj_warn(s->c,
		"journal bucket %u, sector %llu, entry %llu: %s (%s); the bucket is read no further\n",
		bucket, (u64)sector, j->seq, jset_verdict_text(verdict),
		fault_text(fault).text);
}

/*
 * Put a copy of @j into the list, in its place by seq, unless it is there or no
 * longer needed; drop what @j says is no longer needed.
 *
 * Return: 1 if it was added, 0 if not, -ENOMEM.
 */
static int collect(struct scan *s, const struct jset *j)
{
	size_t bytes = jset_bytes(j->keys);
	struct list_head *where = s->list;
	struct journal_replay *i, *t;

	list_for_each_entry_safe(i, t, s->list, list) {
		if (i->j.seq >= j->last_seq)
			break;
		list_del(&i->list);
		kfree(i);
	}

	list_for_each_entry_reverse(i, s->list, list) {
		if (j->seq == i->j.seq || j->seq < i->j.last_seq)
			return 0;
		if (j->seq > i->j.seq) {
			where = &i->list;
			break;
		}
	}

	i = kmalloc(offsetof(struct journal_replay, j) + bytes, GFP_KERNEL);
	if (!i)
		return -ENOMEM;

	memcpy((void *)i + offsetof(struct journal_replay, j), j, bytes);
	i->pin = NULL;
	list_add(&i->list, where);
	return 1;
}

/*
 * Read one bucket of the ring from its start as far as there are jsets.
 *
 * Return: 1 if the list grew, 0 if not, negative errno.
 */
static int read_bucket(struct scan *s, unsigned int bucket)
{
	struct cache_set *c = s->c;
	struct cache *ca = s->ca;
	struct journal_device *ja = &ca->journal;
	const unsigned int block = ca->sb.block_size;
	const unsigned int buf_sectors = JSET_BYTES >> SECTOR_SHIFT;
	sector_t start = bucket_to_sector(c, ca->sb.d[bucket]);
	unsigned int offset = 0; /* of the next jset in the bucket */
	unsigned int have = 0; /* sectors from there in the buffer */
	void *buf = c->journal.w[0].data;
	struct jset *j = buf;
	int grew = 0;

	__set_bit(bucket, s->read);
	s->buckets++;

	while (offset + block <= ca->sb.bucket_size) {
		unsigned int left = ca->sb.bucket_size - offset;
		unsigned int want = block;
		struct jset_fault fault = { .key_index = JSET_NO_KEY };
		enum jset_verdict v = JSET_OK;
		int ret;

		if (have >= block) {
			v = jset_check_header(j, &s->geom,
					      left << SECTOR_SHIFT);
			if (v == JSET_OK) {
				want = jset_blocks(j->keys, &s->geom) * block;
			} else {
				fault.field = "words of keys";
				fault.value = j->keys;
			}
		}

		if (v == JSET_OK && have < want) {
			unsigned int n = min(left, buf_sectors);

			/*
			 * After an error ask for no more than what is needed:
			 * the rest of the bucket may be of no interest.
			 */
			ret = read_sectors(ca, start + offset, buf, n);
			if (ret && want < n) {
				n = want;
				ret = read_sectors(ca, start + offset, buf, n);
			}
			if (ret) {
				bj_err(c,
				       "journal bucket %u can't be read at sector %llu, %u sectors (%d)%s\n",
				       bucket, (u64)(start + offset), n, ret,
				       ignore_read_errors ?
					       ": taken for its end, as ignore_read_errors says" :
					       ": not registered, so that no write is rolled back; bcache_journal.ignore_read_errors=1 gives up what is in there");
				return ignore_read_errors ? grew : -EIO;
			}
			have = n;
			j = buf;
			continue;
		}

		if (v == JSET_OK)
			v = jset_check_body(j, &s->geom, jset_csum(j), &fault);
		if (v != JSET_OK) {
			if (v != JSET_EMPTY)
				report_bad(s, bucket, start + offset, j, v,
					   &fault);
			break;
		}

		ret = collect(s, j);
		if (ret < 0)
			return ret;
		if (ret) {
			grew = 1;
			if (j->seq > ja->seq[bucket])
				ja->seq[bucket] = j->seq;
		}

		offset += want;
		have -= want;
		j = (void *)j + ((size_t)want << SECTOR_SHIFT);
	}

	return grew;
}

static u64 newest_seq(const struct list_head *list)
{
	return list_last_entry(list, struct journal_replay, list)->j.seq;
}

/* Any bucket that has jsets; njournal_buckets if none has; negative errno. */
static int find_any(struct scan *s)
{
	unsigned int n = s->ca->sb.njournal_buckets, i, b;
	int ret;

	/*
	 * Bucket 0 has to be first: in a ring that has wrapped around the
	 * halving below starts from a bucket of the newer part.
	 */
	for (i = 0; i < n; i++) {
		b = (i * 2654435769U) % n;
		if (test_bit(b, s->read))
			break;
		ret = read_bucket(s, b);
		if (ret)
			return ret < 0 ? ret : b;
	}

	for_each_clear_bit(b, s->read, n) {
		ret = read_bucket(s, b);
		if (ret)
			return ret < 0 ? ret : b;
	}

	return n;
}

/* All jsets into the list, going out from @found, which has some. */
static int find_rest(struct scan *s, unsigned int found)
{
	unsigned int n = s->ca->sb.njournal_buckets;
	unsigned int l = found, m = found;
	unsigned int r = find_next_bit(s->read, n, l + 1);
	int ret;

	/* As long as a bucket brings a newer jset the run's end is behind it. */
	while (l + 1 < r) {
		u64 seq = newest_seq(s->list);

		m = (l + r) / 2;
		ret = read_bucket(s, m);
		if (ret < 0)
			return ret;
		if (seq != newest_seq(s->list))
			l = m;
		else
			r = m;
	}

	for (l = m ? m - 1 : n - 1; l != m; l = l ? l - 1 : n - 1) {
		if (test_bit(l, s->read))
			continue;
		ret = read_bucket(s, l);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
	}
	return 0;
}

/* Writing goes on behind the bucket with the newest jset. */
static void restore_indices(struct cache *ca)
{
	struct journal_device *ja = &ca->journal;
	unsigned int i;
	u64 seq = 0;

	for (i = 0; i < ca->sb.njournal_buckets; i++) {
		if (ja->seq[i] <= seq)
			continue;
		seq = ja->seq[i];
		ja->cur_idx = i;
		ja->last_idx = next_bucket(ca, i);
#ifdef HAVE_JOURNAL_DEVICE_DISCARD_IDX
		ja->discard_idx = ja->last_idx;
#endif
	}
}

/**
 * bj_journal_read - collect the jsets that recovery needs
 * @c: the cache set being registered
 * @list: empty; gets one struct journal_replay per jset, oldest first
 *
 * Stands in for bch_journal_read: from registration, with bch_register_lock
 * held; nobody else uses the journal yet. Sets journal.seq and the indices of
 * the ring. On error what is in @list is freed by the caller.
 *
 * Return: 0 (also if there is no jset at all), -EINVAL, -EIO or -ENOMEM.
 */
int bj_journal_read(struct cache_set *c, struct list_head *list)
{
	struct cache *ca = c->cache;
	ktime_t began = ktime_get();
	struct scan s = {
		.c = c,
		.ca = ca,
		.geom = cache_geom(ca),
		.list = list,
	};
	int ret;

	if (!ca->sb.njournal_buckets ||
	    ca->sb.njournal_buckets > MAX_JOURNAL_BUCKETS) {
		bj_err(c, "superblock has %u journal buckets, which can't be\n",
		       ca->sb.njournal_buckets);
		return -EINVAL;
	}

	ret = find_any(&s);
	if (ret >= 0 && ret < ca->sb.njournal_buckets)
		ret = find_rest(&s, ret);
	if (ret < 0)
		return ret;

	restore_indices(ca);
	if (list_empty(list)) {
		bj_warn(c, "no journal entry in any of %u buckets\n",
			s.buckets);
		return 0;
	}

	c->journal.seq = newest_seq(list);
	bj_info(c,
		"journal read in %lld ms: entries %llu-%llu, %u of %u buckets looked at%s\n",
		ktime_ms_delta(ktime_get(), began),
		list_first_entry(list, struct journal_replay, list)->j.seq,
		c->journal.seq, s.buckets, ca->sb.njournal_buckets,
		s.bad ? ", some with damaged entries" : "");
	return 0;
}
