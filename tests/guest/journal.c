// SPDX-License-Identifier: GPL-2.0
/*
 * List or damage the journal of a bcache cache device.
 *
 *   journal list DEV
 *   journal where DEV BUCKET ENTRY
 *   journal damage DEV BUCKET ENTRY KIND
 *   journal super DEV FIELD=VALUE...
 *   journal restore DEV FROM
 *   journal mutate DEV SEED [FROM]
 *   journal ready DEV
 *   journal whole DEV
 *
 * "list" prints a line for each jset:
 *
 *   BUCKET ENTRY SECTOR SEQ LAST_SEQ KEYS STATE
 *
 * STATE is "needed" for jsets from the newest jset's last_seq to its seq, "old"
 * for other sound jsets, "stale" for jsets of an earlier round that follow the end
 * of the bucket's run (ENTRY is "-"), or else the verdict of the validator. Lines
 * that begin with "#" summarize the geometry and each bucket.
 *
 * BUCKET is an index into the ring, "newest", "newest-N", "newest+N", "oldest"
 * (the first that recovery needs), "oldest+N", or "unneeded" (the youngest bucket
 * that recovery does not need). ENTRY is the number of a jset in the bucket's run,
 * from 0, or from the end: -1 is the last one; "next" is the free place behind it.
 * "where" prints the bucket, entry, sector, seq, sectors and keys found there as
 * shell variables.
 *
 * For the kinds of "damage" see damage(). If it changes fields of a jset, it also
 * updates the checksum, except for the kinds that are about the checksum.
 *
 * "super" changes fields of the superblock: discard=0|1, flags=|BITS, njournal=N.
 *
 * "restore" makes DEV the same as FROM, a device or a file of the same size. "mutate"
 * does this too if there is a FROM, and then makes random changes to the journal or the
 * superblock, see mutate.c. Both fail if DEV is in use.
 *
 * "ready" succeeds if the journal contains what the cases want to damage, see
 * ready(). Otherwise it prints what is missing.
 *
 * "whole" succeeds if the newest entry's last_seq is still in the ring.
 *
 * The device is read and written with O_DIRECT, so a set may be in use on it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define FLAG_DISCARD 2ULL

static const char *state(const struct entry *e)
{
	if (e->verdict != JSET_OK)
		return jset_verdict_text(e->verdict);
	if (e->seq >= newest_last && e->seq <= newest_seq)
		return "needed";
	return e->index < 0 ? "stale" : "old";
}

static void summary(void)
{
	printf("# block %u bucket %u sectors, %u journal buckets, flags %#" PRIx64
	       "\n# newest %u seq %" PRIu64 " last_seq %" PRIu64 "\n",
	       geom.block_bytes / SECTOR, geom.bucket_sectors, sb->njournal,
	       (uint64_t)sb->flags, newest, (uint64_t)newest_seq,
	       (uint64_t)newest_last);
}

static int list(void)
{
	unsigned int b;
	u32 i;

	summary();
	for (b = 0; b < sb->njournal; b++)
		if (buckets[b].run)
			printf("# bucket %u: entries %" PRIu64 "-%" PRIu64 "\n",
			       b, (uint64_t)buckets[b].first,
			       (uint64_t)buckets[b].last);
	for (i = 0; i < nr; i++) {
		const struct entry *e = &entries[i];
		char index[16] = "-";

		if (e->index >= 0)
			snprintf(index, sizeof(index), "%d", e->index);
		printf("%u %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %s\n",
		       e->bucket, index, (uint64_t)e->sector, (uint64_t)e->seq,
		       (uint64_t)e->last_seq, e->keys, state(e));
	}
	return 0;
}

/* the bucket of the oldest needed jset */
static unsigned int oldest_needed(void)
{
	unsigned int b;

	for (b = 0; b < sb->njournal; b++)
		if (buckets[b].run && buckets[b].first <= newest_last &&
		    buckets[b].last >= newest_last)
			return b;
	errx(1, "no bucket has entry %" PRIu64, (uint64_t)newest_last);
}

static bool is_unneeded(unsigned int b)
{
	return buckets[b].run && buckets[b].last < newest_last;
}

/* the youngest one: it will be overwritten last */
static int unneeded(void)
{
	unsigned int b;
	int best = -1;

	for (b = 0; b < sb->njournal; b++)
		if (is_unneeded(b) &&
		    (best < 0 || buckets[b].last > buckets[best].last))
			best = b;
	return best;
}

static unsigned int find_bucket(const char *s)
{
	long b, n = sb->njournal;
	char *end;

	if (!strncmp(s, "newest", 6)) {
		b = newest;
		s += 6;
	} else if (!strncmp(s, "oldest", 6)) {
		b = oldest_needed();
		s += 6;
	} else if (!strcmp(s, "unneeded")) {
		b = unneeded();
		if (b < 0)
			errx(1, "all buckets are needed");
		s = "";
	} else {
		b = 0;
	}
	b += strtol(s, &end, 0);
	if (*end)
		errx(2, "no bucket %s", s);
	return ((b % n) + n) % n;
}

/* The place of an entry, or the free place behind the last one ("next"). */
static struct entry find_entry(const char *bucket, const char *index)
{
	struct entry e = { .bucket = find_bucket(bucket), .index = -1 };
	struct bucket *k = &buckets[e.bucket];
	long n = strtol(index, NULL, 0);
	u32 i;

	e.sector = k->end;
	e.sectors = geom.block_bytes / SECTOR;
	e.seq = k->run ? k->last + 1 : 0;
	if (!strcmp(index, "next")) {
		if (e.sector == bucket_start(e.bucket) + geom.bucket_sectors)
			errx(1, "bucket %u is full", e.bucket);
		return e;
	}
	if (!k->run && !n) /* the start of a bucket always exists */
		return e;
	if (n < 0)
		n += k->run;
	for (i = 0; i < nr; i++)
		if (entries[i].bucket == e.bucket && entries[i].index == n &&
		    n >= 0)
			return entries[i];
	errx(1, "bucket %u has no entry %s: there are %u", e.bucket, index,
	     k->run);
}

static void print_where(const struct entry *e)
{
	printf("bucket=%u entry=%d sector=%" PRIu64 " seq=%" PRIu64
	       " sectors=%u keys=%u\n",
	       e->bucket, e->index, (uint64_t)e->sector, (uint64_t)e->seq,
	       e->sectors, e->keys);
}

/* Let the pointer of a key be @ahead generations ahead, or behind; gc allows for 96. */
static void set_gen(struct bkey *k, int ahead)
{
	if (!key_ptrs(k))
		errx(1, "the first key has no pointer");
	k->ptr[0] = (k->ptr[0] & ~0xffULL) | ((k->ptr[0] + ahead) & 0xff);
}

/*
 * Let the first key of entry @e point to the same extent as that of an older entry that
 * recovery needs, and change both generations.
 */
static void set_gens(const struct entry *e, struct jset *j, int newer,
		     int older_ahead)
{
	struct bkey *k = (struct bkey *)j->d;
	u8 *buf = buffer(bucket_bytes());
	struct jset *older = (struct jset *)buf;
	struct bkey *o = (struct bkey *)older->d;
	u32 i;

	for (i = 0; i < nr; i++) {
		if (entries[i].index < 0 || !entries[i].keys ||
		    entries[i].seq >= e->seq || entries[i].seq < newest_last)
			continue;
		get(entries[i].sector * SECTOR, buf,
		    entries[i].sectors * SECTOR);
		if (!key_ptrs(o) || key_size(o) != key_size(k))
			continue;
		k->ptr[0] = o->ptr[0];
		set_gen(k, newer);
		j->csum = csum_of(j);
		set_gen(o, older_ahead);
		older->csum = csum_of(older);
		put(entries[i].sector * SECTOR, buf,
		    entries[i].sectors * SECTOR);
		print_where(&entries[i]);
		return;
	}
	errx(1, "no older entry has a key of this size");
}

static bool field(const char *kind, struct jset *j)
{
	struct bkey *k = (struct bkey *)j->d;

	if (!strcmp(kind, "version")) {
		j->version = JSET_VERSION + 1;
	} else if (!strcmp(kind, "inode")) {
		k->high |= 0xfffff;
	} else if (!strcmp(kind, "gen")) {
		set_gen(k, 100);
	} else if (!strcmp(kind, "old-gen")) {
		set_gen(k, -100);
	} else if (!strcmp(kind, "pointer")) {
		if (!key_ptrs(k))
			errx(1, "the first key has no pointer");
		k->ptr[0] |= 0xffffffffffULL << 8;
	} else if (!strcmp(kind, "level")) {
		j->btree_level = JSET_MAX_LEVEL + 1;
	} else if (!strcmp(kind, "root")) {
		k = (struct bkey *)j->btree_root_pad;
		k->low = 0; /* the end of its range */
		k->high &= ~0xfffffULL;
	} else if (!strcmp(kind, "last-seq")) {
		j->last_seq = j->seq + 1;
	} else if (!strcmp(kind, "seq-0")) {
		j->seq = 0;
	} else if (!strcmp(kind, "seq-max")) {
		j->seq = ~0ULL;
		j->last_seq = ~0ULL;
	} else if (!strcmp(kind, "seq-near-max")) {
		j->seq = ~0ULL - 1000;
		j->last_seq = j->seq;
	} else if (!strcmp(kind, "seq-ahead")) {
		j->seq += 10;
	} else {
		return false;
	}
	return true;
}

/* Find the entry with a key that is nearest to @e in the same bucket. */
static struct entry with_key(struct entry e)
{
	const struct entry *best = NULL;
	int d, least = 0;
	u32 i;

	for (i = 0; i < nr; i++) {
		d = abs(entries[i].index - e.index);
		if (entries[i].bucket != e.bucket || entries[i].index < 0 ||
		    !entries[i].keys || (best && d >= least))
			continue;
		best = &entries[i];
		least = d;
	}
	if (!best)
		errx(1, "bucket %u has no entry with a key", e.bucket);
	return *best;
}

/*
 * csum      change the first byte of the checksum
 * body      change the last byte of the last key
 * magic     zero the magic
 * block     zero the first block
 * entry     zero the whole entry
 * bucket    zero the whole bucket, and ignore ENTRY
 * torn      write the header of the next jset without its body; only where the
 *           next jset goes: "newest next", or "newest+1 0" if recovery does not
 *           need that bucket
 * ahead     in the same place, write a sound jset whose seq skips one
 * gens      like gen; then the older one of two entries raises the generation with which
 *           that of the newer one is compared
 * apart, wrapped  the generations of two entries, each of which would do, are so far apart
 * others    change a field and update the checksum: see field()
 */
static int damage(struct entry e, const char *kind)
{
	u32 bytes = e.sectors * SECTOR;
	u8 *buf = buffer(bucket_bytes());
	struct jset *j = (struct jset *)buf;
	bool next = !strcmp(kind, "torn") || !strcmp(kind, "ahead");
	bool placed = e.index >= 0;

	if (next && !e.index && is_unneeded(e.bucket) &&
	    e.bucket == (newest + 1) % sb->njournal)
		placed = false;
	if (!strcmp(kind, "inode") || !strcmp(kind, "gen") ||
	    !strcmp(kind, "gens") || !strcmp(kind, "old-gen") ||
	    !strcmp(kind, "apart") || !strcmp(kind, "wrapped") ||
	    !strcmp(kind, "pointer") || !strcmp(kind, "body")) {
		e = with_key(e);
		bytes = e.sectors * SECTOR;
	}
	if (next == placed)
		errx(1, "%s is not possible there", kind);

	if (!strcmp(kind, "bucket")) {
		/* report the first entry that recovery will miss */
		if (e.seq < newest_last &&
		    buckets[e.bucket].last >= newest_last)
			e.seq = newest_last;
		e.sector = bucket_start(e.bucket);
		bytes = bucket_bytes();
	} else if (next) {
		struct entry last = find_entry("newest", "-1");

		if (last.sectors >
		    geom.bucket_sectors - (e.sector - bucket_start(e.bucket)))
			errx(1, "no room behind the newest entry");
		bytes = last.sectors * SECTOR;
		get(last.sector * SECTOR, buf, bytes);
		j->seq++;
		if (!strcmp(kind, "ahead")) {
			j->seq++;
			j->csum = csum_of(j);
		}
	} else {
		get(e.sector * SECTOR, buf, bytes);
		if (!strcmp(kind, "csum"))
			buf[0] ^= 0xff;
		else if (!strcmp(kind, "body"))
			buf[jset_bytes(j->keys) - 1] ^= 0xff;
		else if (!strcmp(kind, "magic"))
			j->magic = 0;
		else if (!strcmp(kind, "block"))
			memset(buf, 0, geom.block_bytes);
		else if (!strcmp(kind, "entry"))
			memset(buf, 0, bytes);
		else if (!strcmp(kind, "gens"))
			set_gens(&e, j, 100, 90);
		else if (!strcmp(kind, "apart"))
			set_gens(&e, j, 60, -60);
		else if (!strcmp(kind, "wrapped"))
			set_gens(&e, j, 90, -90);
		else if (field(kind, j))
			j->csum = csum_of(j);
		else
			errx(2, "unknown kind %s", kind);
	}
	put(e.sector * SECTOR, buf, bytes);
	print_where(&e);
	return 0;
}

static int super(char **fields)
{
	for (; *fields; fields++) {
		char *value = strchr(*fields, '=');
		u64 n;

		if (!value)
			errx(2, "%s: no value", *fields);
		*value++ = 0;
		n = strtoull(value + (*value == '|'), NULL, 0);
		if (!strcmp(*fields, "discard"))
			sb->flags = (sb->flags & ~FLAG_DISCARD) |
				    (n ? FLAG_DISCARD : 0);
		else if (!strcmp(*fields, "flags"))
			sb->flags = *value == '|' ? sb->flags | n : n;
		else if (!strcmp(*fields, "njournal") && n <= MAX_BUCKETS)
			sb->njournal = n;
		else
			errx(2, "unknown field %s", *fields);
	}
	sb->csum = csum_super(sb);
	put(SB_AT, sb, SB_BYTES);
	return 0;
}

static bool want(bool is, const char *fmt, ...)
{
	va_list ap;

	if (!is) {
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		putchar('\n');
	}
	return is;
}

/*
 * The newest bucket must have some entries, and room for more. All of the bucket
 * before it must be needed. The ring must have wrapped around, so that the bucket
 * after the newest one has old entries. And at least two buckets must be unneeded,
 * so that the one to be damaged is not the next to be written.
 */
static int ready(void)
{
	unsigned int b, free = 0, n = sb->njournal;
	const struct bucket *k = &buckets[newest];
	const struct bucket *before = &buckets[(newest + n - 1) % n];

	for (b = 0; b < n; b++)
		free += is_unneeded(b);
	return !(
		want(k->run >= 12, "%u entries in the newest bucket", k->run) &&
		want(k->end + geom.bucket_sectors / 4 <
			     bucket_start(newest) + geom.bucket_sectors,
		     "the newest bucket is nearly full") &&
		want(before->run >= 24 && before->last + 1 == k->first &&
			     newest_last <= before->first,
		     "entries from %" PRIu64
		     " on are needed, the bucket before the newest has %" PRIu64
		     "-%" PRIu64,
		     (uint64_t)newest_last, (uint64_t)before->first,
		     (uint64_t)before->last) &&
		want(is_unneeded((newest + 1) % n),
		     "the bucket after the newest one is needed or was never written") &&
		want(free >= 2, "%u buckets are not needed", free));
}

static bool is(const char *cmd, const char *a, const char *b)
{
	return !strcmp(cmd, a) || !strcmp(cmd, b);
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 2 ? argv[1] : "";

	if (!*cmd)
		errx(2,
		     "usage: journal list|where|damage|super|restore|mutate|ready|whole DEV...");
	device_open(argv[2],
		    is(cmd, "damage", "super") || is(cmd, "restore", "mutate"),
		    is(cmd, "restore", "mutate"));
	if (argc == 4 && !strcmp(cmd, "restore")) {
		device_restore(argv[3]);
		return 0;
	}
	if (argc == 5 && !strcmp(cmd, "mutate"))
		device_restore(argv[4]);
	device_read_super();
	if (!strcmp(cmd, "super"))
		return super(argv + 3);
	device_read_ring();
	if (argc == 3 && !strcmp(cmd, "list"))
		return list();
	if (argc == 3 && !strcmp(cmd, "ready"))
		return ready();
	if (argc == 3 && !strcmp(cmd, "whole")) {
		oldest_needed();
		return 0;
	}
	if (argc == 5 && !strcmp(cmd, "where")) {
		struct entry e = find_entry(argv[3], argv[4]);

		print_where(&e);
		return 0;
	}
	if ((argc == 4 || argc == 5) && !strcmp(cmd, "mutate")) {
		mutate(strtoull(argv[3], NULL, 0));
		return 0;
	}
	if (argc == 6 && !strcmp(cmd, "damage"))
		return damage(find_entry(argv[3], argv[4]), argv[5]);
	errx(2, "unknown command %s", cmd);
}
