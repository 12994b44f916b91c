// SPDX-License-Identifier: GPL-2.0
/*
 * Crash points of a bcache set: records writes that are acknowledged, rebuilds the disks
 * as a power cut would leave them, and checks that every acknowledged write is there.
 *
 *   crash write LOG PATTERN DEV...
 *                     write for ever: random, sequential, hot, fsync or late. LOG is the
 *                     device-mapper name of the log-writes target below all disks of the
 *                     set; each acknowledgement becomes a mark in its log
 *   crash index LOGDEV INDEX
 *                     read the log from its device into the file INDEX and print
 *                     "points=N acks=N ambiguous=N discards='P P...'": the first points
 *                     after each discard, and the writes of unknown order, see below
 *   crash check INDEX LOGDEV
 *                     after each write of metadata in the log, recovery would find every
 *                     btree node: the newest jset and the priorities that it names agree
 *                     on the generation of each bucket with a node. Prints
 *                     "jsets=N early=N stale=N": the nodes that would be dropped, and how
 *                     often the priorities were there only with the writes of some flushes
 *                     more, see below; that must be rare
 *   crash image INDEX LOGDEV BASE WORK CHANGED POINT SEED [tear-nodes] [ahead] [DEV...]
 *                     make WORK what the disks hold after a power cut at POINT. BASE
 *                     follows, never backwards; it starts as the disks were when the log
 *                     began. If BASE and WORK are one device, it becomes the image itself.
 *                     The file CHANGED tells which blocks of WORK may differ from BASE: if
 *                     it is new, all; then those that this program wrote, and those of the
 *                     trace instance "crash", which has the kernel's writes to WORK since.
 *                     The page caches of DEV..., which are above WORK, are dropped
 *   crash verify INDEX POINT DEV=SECTOR...
 *                     every write acknowledged before POINT is there, whole, or a later
 *                     one; no block holds half a write. SECTOR is where, below the log, a
 *                     write-through to the start of DEV goes. Of such a write, which may
 *                     be to the place of older data, a power cut may leave half
 *
 * The log is that of dm-log-writes: a write with FUA is in it when it has completed, any
 * other write just before the flush that made it durable. So at any entry
 *
 * - everything up to the last flush, and every write with FUA, is on the disk;
 * - each other write may be there, as a whole, in part (a sector is never torn), or not
 *   at all, whatever their order: SEED decides.
 *
 * There are three points for each flush and each write with FUA from the mark "begin" on:
 * before it, in the middle of it (some of its sectors; a flush has none, so that is another
 * image from before it), and after it. A btree node is written as a whole or not at all,
 * unless tear-nodes is given: the stock driver refuses a set with half a node.
 *
 * The log does not tell when a write without FUA completed. So
 *
 * - the images at a write with FUA have none of the other writes since the last flush:
 *   these are only in the images before the next flush. A write that is harmful only until
 *   a certain write with FUA is seen there in part, or not at all;
 * - if such a write and one with FUA, between the same two flushes, have sectors in common,
 *   the image has the former, which may be wrong. Those are counted as ambiguous.
 *
 * And a flush may be on its way while others are sent and complete. They cover the writes
 * that completed before them, but the log has those behind them, in front of the slow flush.
 * An image that fails may thus lack a write that was durable: with "ahead" it has all writes
 * up to the 16th flush that follows.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <signal.h>
#include <unistd.h>

#include "blocks.h"

#define WRITERS 4 /* for each device */
#define WRITERS_MAX (WRITERS * 4)
#define BURST 16 /* writes before an fsync, at most */
#define BURST_LATE 256 /* more than make the stock driver write a node */
#define CHUNK (256u * BLOCK)
#define PIECE (16u * BLOCK)
#define SECTOR 512
#define DISCARDS 256 /* that are listed: the last ones */
#define FUAS 1024 /* between two flushes */
#define FLUSHES_AHEAD 16
#define COMPARE_EVERY 25 /* seeds: is WORK like BASE before it is changed? */
#define TRACE "/sys/kernel/tracing/instances/crash/trace_pipe"

/* Documentation/admin-guide/device-mapper/log-writes.rst */
#define LOG_MAGIC 0x6a736677736872ull
enum { LOG_FLUSH = 1, LOG_FUA = 2, LOG_DISCARD = 4, LOG_MARK = 8 };

struct log_super {
	uint64_t magic, version, nr_entries;
	uint32_t sectorsize;
};

struct log_entry {
	uint64_t sector, nr_sectors, flags, data_len;
	char mark[SECTOR - 32];
};

/*
 * A btree node and a jset begin with a checksum and a magic number, which is that of the set
 * and one of these; bcache_ondisk.h. The superblock, at the start of the disk, has that of
 * the set.
 */
#define BSET_MAGIC 0x90135c78b99e07f5ull
#define JSET_MAGIC 0x245235c1a3625032ull
#define PSET_MAGIC 0x6750e15f87337f91ull
#define SUPER_SECTOR 8
enum { MAGIC_WORD = 1, SET_MAGIC_WORD = 7 };

/* An entry in the index. Of a mark with an acknowledgement, sector and nr are those. */
struct entry {
	uint64_t at; /* of its data in the log, in bytes */
	uint64_t sector, nr; /* writer, seq */
	uint64_t flags;
};

struct index {
	char pattern[16];
	uint64_t blocks; /* of each device */
	uint64_t devices;
	uint64_t node; /* the magic number of the set's btree nodes */
	uint64_t begin; /* the entry behind the mark "begin" */
	uint64_t base; /* BASE has all entries before this one */
	uint64_t n;
	struct entry e[];
};

static int open_dev(const char *dev, int flags)
{
	int fd = open(dev, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		err(2, "%s", dev);
	return fd;
}

static uint64_t size_of(int fd, const char *dev)
{
	uint64_t bytes;

	if (ioctl(fd, BLKGETSIZE64, &bytes))
		err(2, "%s", dev);
	return bytes;
}

static void read_at(int fd, void *buf, size_t bytes, uint64_t at)
{
	if (pread(fd, buf, bytes, at) != (ssize_t)bytes)
		err(2, "read of %zu bytes at %" PRIu64, bytes, at);
}

static void write_at(int fd, const void *buf, size_t bytes, uint64_t at)
{
	if (pwrite(fd, buf, bytes, at) != (ssize_t)bytes)
		err(2, "write of %zu bytes at %" PRIu64, bytes, at);
}

/* Read from a log, whose entries are small, a larger piece at a time. */
static void read_log(int fd, void *buf, size_t bytes, uint64_t at)
{
	static uint8_t *piece;
	static uint64_t start, end;
	ssize_t n;

	if (bytes > PIECE) {
		read_at(fd, buf, bytes, at);
		return;
	}
	if (at < start || at + bytes > end) {
		if (!piece)
			piece = buffer(PIECE);
		n = pread(fd, piece, PIECE, at);
		if (n < (ssize_t)bytes)
			err(2, "read of the log at %" PRIu64, at);
		start = at;
		end = at + n;
	}
	memcpy(buf, piece + (at - start), bytes);
}

/* --- write ------------------------------------------------------------------------ */

static void mark(int dm, const char *log, const char *text)
{
	union {
		struct dm_ioctl head;
		char room[sizeof(struct dm_ioctl) + 256];
	} m = { 0 };
	struct dm_target_msg *msg = (void *)(&m.head + 1);

	m.head.version[0] = DM_VERSION_MAJOR;
	m.head.data_size = sizeof(m);
	m.head.data_start = sizeof(m.head);
	snprintf(m.head.name, sizeof(m.head.name), "%s", log);
	snprintf(msg->message, 200, "mark %s", text);
	if (ioctl(dm, DM_TARGET_MSG, &m))
		err(1, "mark in %s", log);
}

/* Writes between two acknowledgements of a writer, at most. */
static unsigned int burst(const char *pattern)
{
	if (!strcmp(pattern, "late"))
		return BURST_LATE;
	return strcmp(pattern, "fsync") ? 1 : BURST;
}

/* The block of write @seq of writer @id; the device has @blocks. */
static uint64_t block_of(const char *pattern, uint64_t id, uint64_t seq,
			 uint64_t blocks)
{
	uint64_t n = blocks / WRITERS, r = mix(seq * WRITERS_MAX + id + 1);

	if (!strcmp(pattern, "sequential"))
		r = seq;
	else if (!strcmp(pattern, "hot") && r >> 61)
		r %= 16;
	return r % n * WRITERS + id % WRITERS;
}

static void writer(int dm, const char *log, const char *pattern,
		   const char *dev, uint64_t id, uint64_t blocks)
{
	const unsigned int most = burst(pattern);
	uint64_t *buf = buffer(BLOCK), seq, block;
	int fd = open_dev(dev, O_WRONLY | (most > 1 ? 0 : O_SYNC));
	char text[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (seq = 1;; seq++) {
		block = block_of(pattern, id, seq, blocks);
		fill(buf, block, seq);
		if (pwrite(fd, buf, BLOCK, block * BLOCK) != BLOCK)
			err(1, "%s: block %" PRIu64, dev, block);
		if (most > 1) {
			/* in bursts of random length, or all writers at once */
			if (seq % most && (most > BURST || mix(seq) >> 61))
				continue;
			if (fsync(fd))
				err(1, "%s: fsync", dev);
		}
		snprintf(text, sizeof(text), "%" PRIu64 ":%" PRIu64, id, seq);
		mark(dm, log, text);
	}
}

static int do_write(const char *log, const char *pattern, char **devs, int n)
{
	int dm = open("/dev/mapper/control", O_RDWR | O_CLOEXEC), fd, status;
	uint64_t blocks = UINT64_MAX, bytes;
	char text[64];

	if (dm < 0)
		err(2, "/dev/mapper/control");
	for (int i = 0; i < n; i++) {
		fd = open_dev(devs[i], O_RDONLY);
		bytes = size_of(fd, devs[i]);
		close(fd);
		if (blocks > bytes / BLOCK)
			blocks = bytes / BLOCK;
	}
	blocks -= blocks % WRITERS;
	snprintf(text, sizeof(text), "begin:%s:%d:%" PRIu64, pattern, n,
		 blocks);
	mark(dm, log, text);
	for (int id = 0; id < n * WRITERS; id++) {
		pid_t pid = fork();

		if (pid < 0)
			err(2, "fork");
		if (!pid)
			writer(dm, log, pattern, devs[id / WRITERS], id,
			       blocks);
	}
	wait(&status); /* they only ever end by an error */
	kill(0, SIGTERM);
	return 1;
}

/* --- index ------------------------------------------------------------------------ */

/* Has @x a sector in common with one of these? */
static bool overlaps(const struct entry *x, const struct entry *fua, uint64_t n)
{
	for (uint64_t i = 0; i < n && i < FUAS; i++)
		if (x->sector < fua[i].sector + fua[i].nr &&
		    fua[i].sector < x->sector + x->nr)
			return true;
	return false;
}

static int do_index(const char *dev, const char *file)
{
	struct index head = { "", 0, 0, 0, 0, 0, 0 };
	uint64_t at, points = 0, acks = 0, discards[DISCARDS], n = 0;
	uint64_t ambiguous = 0, nfua = 0;
	static struct entry fua[FUAS]; /* since the last flush */
	int fd = open_dev(dev, O_RDONLY);
	struct log_super *super = buffer(BLOCK);
	struct log_entry *e = buffer(BLOCK);
	uint64_t *words = buffer(BLOCK);
	FILE *f = fopen(file, "w");

	if (!f || fwrite(&head, sizeof(head), 1, f) != 1)
		err(2, "%s", file);
	read_at(fd, super, BLOCK, 0);
	if (super->magic != LOG_MAGIC || super->sectorsize != SECTOR)
		errx(2, "%s has no log of writes with sectors of %u bytes", dev,
		     SECTOR);
	at = SECTOR;
	for (head.n = 0; head.n < super->nr_entries; head.n++) {
		struct entry x = { 0 };

		read_log(fd, e, SECTOR, at);
		at += SECTOR;
		x = (struct entry){ at, e->sector, e->nr_sectors, e->flags };
		if (!(e->flags & (LOG_DISCARD | LOG_MARK)))
			at += e->nr_sectors * SECTOR;
		if (e->flags & LOG_MARK) {
			e->mark[sizeof(e->mark) - 1] = 0;
			if (sscanf(e->mark,
				   "begin:%15[^:]:%" SCNu64 ":%" SCNu64,
				   head.pattern, &head.devices,
				   &head.blocks) == 3)
				head.begin = head.n + 1;
			else if (sscanf(e->mark, "%" SCNu64 ":%" SCNu64,
					&x.sector, &x.nr) == 2)
				acks++;
			else
				x.sector = UINT64_MAX; /* no acknowledgement */
		} else if (e->flags & (LOG_FLUSH | LOG_FUA)) {
			points += !!head.begin;
		} else if (e->flags & LOG_DISCARD && head.begin) {
			discards[n++ % DISCARDS] = points * 3;
		}
		if (!(e->flags & (LOG_DISCARD | LOG_MARK)) &&
		    x.sector == SUPER_SECTOR && x.nr) {
			read_log(fd, words, SECTOR, x.at);
			head.node = words[SET_MAGIC_WORD] ^ BSET_MAGIC;
		}
		if (e->flags & LOG_FLUSH)
			nfua = 0;
		else if (e->flags & LOG_FUA && head.begin)
			fua[nfua++ % FUAS] = x;
		else if (!(e->flags & LOG_MARK))
			ambiguous += overlaps(&x, fua, nfua);
		if (fwrite(&x, sizeof(x), 1, f) != 1)
			err(2, "%s", file);
	}
	/* A log that is full stops without a word: its last mark is missing. */
	if (!head.n || strcmp(e->mark, "dm-log-writes-end"))
		errx(2, "%s: the log is not complete", dev);
	rewind(f);
	if (fwrite(&head, sizeof(head), 1, f) != 1 || fclose(f))
		err(2, "%s", file);
	printf("points=%" PRIu64 " acks=%" PRIu64 " ambiguous=%" PRIu64
	       " discards='",
	       points * 3, acks, ambiguous);
	for (uint64_t i = 0; i < n && i < DISCARDS; i++)
		printf("%" PRIu64 " ", discards[i]);
	puts("'");
	return 0;
}

static struct index *open_index(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", file);
	p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		err(2, "%s", file);
	return p;
}

enum kind { BEFORE, MIDDLE, AFTER };

/* The flush or write that @point is about. */
static uint64_t entry_of(const struct index *x, uint64_t point, enum kind *kind)
{
	uint64_t left = point / 3, i;

	*kind = point % 3;
	for (i = x->begin; i < x->n; i++)
		if (!(x->e[i].flags & LOG_MARK) &&
		    x->e[i].flags & (LOG_FLUSH | LOG_FUA) && !left--)
			return i;
	errx(2, "there is no point %" PRIu64, point);
}

/* --- check ------------------------------------------------------------------------ */

/* bcache_ondisk.h: the parts of its structures that this needs */
struct super_disk {
	uint8_t before[184];
	uint64_t nbuckets;
	uint16_t block_size, bucket_size; /* sectors */
};

struct bset_disk {
	uint64_t csum, magic, seq;
	uint32_t version, keys;
	uint64_t d[];
};

struct jset_disk {
	uint64_t csum, magic, seq;
	uint32_t version, keys;
	uint64_t last_seq, uuid_bucket[8], btree_root[8];
	uint16_t btree_level, pad[3];
	uint64_t prio_bucket;
};

struct prio_disk {
	uint64_t csum, magic, seq;
	uint32_t version, pad;
	uint64_t next_bucket;
	struct __attribute__((packed)) {
		uint16_t prio;
		uint8_t gen;
	} bucket[];
};

/* A key of an inner node: where its child ends, and the pointer to it. */
struct child {
	uint64_t inode, offset, ptr;
};

/* The cache device. */
struct cache {
	uint8_t *bytes;
	uint64_t node; /* the magic number of its nodes */
	struct super_disk super;
	uint8_t *gens; /* that the newest jset names */
	uint64_t entry, stale, early;
};

static uint8_t *bucket_of(const struct cache *c, uint64_t bucket)
{
	if (bucket >= c->super.nbuckets)
		errx(2, "entry %" PRIu64 ": bucket %" PRIu64, c->entry, bucket);
	return c->bytes + bucket * c->super.bucket_size * SECTOR;
}

static const struct prio_disk *prios_at(const struct cache *c, uint64_t bucket)
{
	const struct prio_disk *p = (void *)bucket_of(c, bucket);

	return p->magic == (c->node ^ BSET_MAGIC ^ PSET_MAGIC) ? p : NULL;
}

/* Returns false if the priorities are not there. */
static bool read_gens(struct cache *c, uint64_t bucket)
{
	const uint64_t bytes = c->super.bucket_size * SECTOR;
	const struct prio_disk *p;
	uint64_t b = 0, i;

	while (b < c->super.nbuckets) {
		p = prios_at(c, bucket);
		if (!p)
			return false;
		i = 0;
		while (sizeof(*p) + (i + 1) * 3 <= bytes &&
		       b < c->super.nbuckets)
			c->gens[b++] = p->bucket[i++].gen;
		bucket = p->next_bucket;
	}
	return true;
}

/* The entry behind the FLUSHES_AHEAD-th flush from @i on. */
static uint64_t end_ahead(const struct index *x, uint64_t i)
{
	unsigned int flushes = 0;

	while (i < x->n && flushes < FLUSHES_AHEAD) {
		const struct entry *e = &x->e[i++];

		flushes += !(e->flags & LOG_MARK) && e->flags & LOG_FLUSH;
	}
	return i;
}

static bool is_plain_write(const struct entry *e)
{
	return !(e->flags & (LOG_FUA | LOG_DISCARD | LOG_MARK)) && e->nr;
}

/* Have all writes without FUA from @i on that may be durable already. */
static void look_ahead(struct cache *c, const struct index *x, int fd,
		       uint64_t i, uint64_t size, void *buf)
{
	const uint64_t end = end_ahead(x, i);

	for (; i < end; i++) {
		const struct entry *e = &x->e[i];

		if (!is_plain_write(e) || e->sector + e->nr > size)
			continue;
		read_log(fd, buf, e->nr * SECTOR, e->at);
		memcpy(c->bytes + e->sector * SECTOR, buf, e->nr * SECTOR);
	}
}

/*
 * The children of an inner node: a later bset replaces keys of those before it. A key at
 * offset 0 frees a child, whose generation it has incremented. If the child was replaced
 * together with others, its own key stays.
 */
static size_t children_of(const struct cache *c, uint64_t bucket,
			  struct child **children)
{
	const uint64_t block = c->super.block_size * SECTOR;
	const uint8_t *at = bucket_of(c, bucket), *end;
	const struct bset_disk *first = (void *)at, *set;
	size_t n = 0, freed = 0, i;
	uint64_t *frees;

	end = at + c->super.bucket_size * SECTOR;
	*children = calloc((end - at) / sizeof(**children), sizeof(**children));
	frees = calloc((end - at) / sizeof(**children), sizeof(*frees));
	if (!*children || !frees)
		errx(2, "no memory");
	for (; at < end;
	     at += (sizeof(*set) + set->keys * 8 + block - 1) / block * block) {
		set = (void *)at;
		if (set->magic != c->node || set->seq != first->seq)
			break;
		for (const uint64_t *k = set->d; k + 2 < set->d + set->keys;
		     k += 2 + (k[0] >> 60 & 7)) {
			struct child x = { k[0] & 0xfffff, k[1], k[2] };

			for (i = 0; i < n; i++)
				if ((*children)[i].inode == x.inode &&
				    (*children)[i].offset == x.offset)
					break;
			if (!x.offset) {
				frees[freed++] = x.ptr;
				continue;
			}
			(*children)[i] = x;
			n += i == n;
		}
	}
	while (freed--)
		for (i = 0; i < n; i++)
			if (frees[freed] >> 8 == (*children)[i].ptr >> 8 &&
			    (uint8_t)frees[freed] ==
				    (uint8_t)((*children)[i].ptr + 1))
				(*children)[i--] = (*children)[--n];
	free(frees);
	return n;
}

static void check_node(struct cache *c, uint64_t ptr, unsigned int level)
{
	uint64_t bucket =
		(ptr >> 8 & ((1ull << 43) - 1)) / c->super.bucket_size;
	struct child *children;
	size_t n;

	if ((int8_t)(c->gens[bucket] - (uint8_t)ptr) > 0) {
		if (c->stale++ < 10)
			printf("entry %" PRIu64 ": level %u: bucket %" PRIu64
			       " has generation %u, its key %u\n",
			       c->entry, level, bucket, c->gens[bucket],
			       (uint8_t)ptr);
		return;
	}
	if (!level)
		return;
	n = children_of(c, bucket, &children);
	for (size_t i = 0; i < n; i++)
		check_node(c, children[i].ptr, level - 1);
	free(children);
}

static int do_check(struct index *x, const char *log)
{
	int fd = open_dev(log, O_RDONLY);
	uint64_t size = 0, jsets = 0, i;
	struct jset_disk newest = { 0 }, *j;
	struct cache c = { .node = x->node };
	struct super_disk *super = buffer(BLOCK);
	uint8_t *buf = buffer(CHUNK);

	for (i = 0; i < x->n; i++)
		if (!(x->e[i].flags & (LOG_DISCARD | LOG_MARK)) &&
		    x->e[i].sector == SUPER_SECTOR && x->e[i].nr) {
			read_log(fd, super, SECTOR, x->e[i].at);
			c.super = *super;
		}
	size = c.super.nbuckets * c.super.bucket_size;
	c.bytes = calloc(size, SECTOR);
	c.gens = calloc(c.super.nbuckets, 1);
	if (!c.bytes || !c.gens || !size)
		errx(2, "%s: no superblock, or no memory", log);

	for (i = 0; i < x->n; i++) {
		const struct entry *e = &x->e[i];

		if (e->flags & LOG_MARK || !e->nr || e->sector + e->nr > size)
			continue;
		if (e->flags & LOG_DISCARD) {
			memset(c.bytes + e->sector * SECTOR, 0, e->nr * SECTOR);
			continue;
		}
		if (e->nr * SECTOR > CHUNK)
			errx(2, "entry %" PRIu64 ": %" PRIu64 " sectors", i,
			     e->nr);
		read_log(fd, buf, e->nr * SECTOR, e->at);
		memcpy(c.bytes + e->sector * SECTOR, buf, e->nr * SECTOR);
		j = (void *)buf;
		if (j->magic == (c.node ^ BSET_MAGIC ^ JSET_MAGIC)) {
			newest = *j;
			jsets++;
		} else if (j->magic != c.node) {
			continue;
		}
		if (i < x->begin || !newest.seq)
			continue;
		c.entry = i;
		if (!read_gens(&c, newest.prio_bucket)) {
			c.early++;
			look_ahead(&c, x, fd, i + 1, size, buf);
			if (!read_gens(&c, newest.prio_bucket)) {
				c.stale++;
				printf("entry %" PRIu64
				       ": no priorities in bucket %" PRIu64
				       "\n",
				       i, newest.prio_bucket);
				continue;
			}
		}
		check_node(&c, newest.btree_root[2], newest.btree_level);
	}
	printf("jsets=%" PRIu64 " early=%" PRIu64 " stale=%" PRIu64 "\n", jsets,
	       c.early, c.stale);
	return c.stale || c.early * 10 > jsets;
}

/* --- image ------------------------------------------------------------------------ */

struct image {
	int log;
	void *buf;
	uint64_t random;
	uint8_t *changed; /* WORK may differ from BASE in these blocks */
	uint64_t blocks;
};

static uint64_t next_random(struct image *m)
{
	return mix(++m->random);
}

static void mark_changed(struct image *m, uint64_t at, uint64_t bytes)
{
	const uint64_t first = at / BLOCK;

	if (!bytes)
		return;
	if (at + bytes > m->blocks * BLOCK)
		errx(2, "a write of %" PRIu64 " bytes at %" PRIu64, bytes, at);
	memset(m->changed + first, 1, (at + bytes - 1) / BLOCK - first + 1);
}

static void put(struct image *m, int fd, const void *buf, size_t bytes,
		uint64_t at)
{
	mark_changed(m, at, bytes);
	write_at(fd, buf, bytes, at);
}

/* Write all of @e, or only some sectors of it. */
static void apply(struct image *m, int fd, const struct entry *e, bool torn)
{
	uint64_t done, n, at = e->sector * SECTOR;

	if (e->flags & LOG_MARK)
		return;
	for (done = 0; done < e->nr; done += n) {
		n = e->nr - done < CHUNK / SECTOR ? e->nr - done :
						    CHUNK / SECTOR;
		if (e->flags & LOG_DISCARD) {
			memset(m->buf, 0, n * SECTOR);
		} else {
			read_log(m->log, m->buf, n * SECTOR,
				 e->at + done * SECTOR);
		}
		if (!torn) {
			put(m, fd, m->buf, n * SECTOR, at + done * SECTOR);
			continue;
		}
		for (uint64_t i = 0; i < n; i++)
			if (next_random(m) & 1)
				put(m, fd, m->buf + i * SECTOR, SECTOR,
				    at + (done + i) * SECTOR);
	}
}

static void open_changed(struct image *m, const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) || ftruncate(fd, m->blocks))
		err(2, "%s", file);
	m->changed = mmap(NULL, m->blocks, PROT_READ | PROT_WRITE, MAP_SHARED,
			  fd, 0);
	if (m->changed == MAP_FAILED)
		err(2, "%s", file);
	if ((uint64_t)st.st_size != m->blocks)
		memset(m->changed, 1, m->blocks);
	close(fd);
}

/* What the kernel has written since the last call. */
static void read_trace(struct image *m)
{
	int fd = open(TRACE, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[512], *event;
	uint64_t sector, nr;

	if (!f)
		err(2, TRACE);
	while (fgets(line, sizeof(line), f)) {
		event = strstr(line, " block_bio_queue: ");
		if (!event ||
		    sscanf(event + 18, "%*u,%*u %*s %" SCNu64 " + %" SCNu64,
			   &sector, &nr) != 2)
			errx(2, TRACE ": %s", line); /* of lost events */
		mark_changed(m, sector * SECTOR, nr * SECTOR);
	}
	if (ferror(f) && errno != EAGAIN)
		err(2, TRACE);
	fclose(f);
}

/* Make WORK the same as BASE again. */
static void restore(struct image *m, int base, int work)
{
	uint64_t i, n;

	for (i = 0; i < m->blocks; i += n) {
		for (n = 0; i + n < m->blocks && n < CHUNK / BLOCK &&
			    m->changed[i + n];)
			m->changed[i + n++] = 0;
		if (n) {
			read_at(base, m->buf, n * BLOCK, i * BLOCK);
			write_at(work, m->buf, n * BLOCK, i * BLOCK);
		} else {
			n = 1;
		}
	}
}

static void compare(struct image *m, int base, int work)
{
	uint8_t *buf = buffer(CHUNK);
	uint64_t at, n;

	for (at = 0; at < m->blocks * BLOCK; at += n) {
		n = m->blocks * BLOCK - at < CHUNK ? m->blocks * BLOCK - at :
						     CHUNK;
		read_at(base, m->buf, n, at);
		read_at(work, buf, n, at);
		if (memcmp(m->buf, buf, n))
			errx(2, "the image is not like its base at %" PRIu64,
			     at);
	}
	free(buf);
}

static void drop_cache(const char *dev)
{
	int fd = open(dev, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKFLSBUF, 0) || close(fd))
		err(2, "%s", dev);
}

static bool is_node(struct image *m, const struct index *x,
		    const struct entry *e)
{
	const uint64_t *words = m->buf;

	if (e->flags & (LOG_DISCARD | LOG_MARK) || !e->nr)
		return false;
	read_log(m->log, m->buf, SECTOR, e->at);
	return words[MAGIC_WORD] == x->node;
}

static void do_image(struct index *x, const char *log, const char *base_dev,
		     const char *work_dev, const char *changed, uint64_t point,
		     uint64_t seed, bool tear_nodes, bool ahead)
{
	static const unsigned int percent[] = { 0, 50, 50, 90 };
	struct image m = { .log = open_dev(log, O_RDONLY),
			   .buf = buffer(CHUNK),
			   .random = mix(point << 32 ^ seed) };
	int base = open_dev(base_dev, O_RDWR), work = base;
	enum kind kind;
	uint64_t k = entry_of(x, point, &kind), end = k + (kind == AFTER), i, f;
	unsigned int keep = percent[next_random(&m) % 4];

	/* [0, f) is durable */
	for (f = end; f > 0; f--)
		if (!(x->e[f - 1].flags & LOG_MARK) &&
		    x->e[f - 1].flags & LOG_FLUSH)
			break;
	if (x->base > f)
		errx(2, "point %" PRIu64 ": %s is beyond it", point, base_dev);
	m.blocks = size_of(base, base_dev) / BLOCK;
	open_changed(&m, changed);
	read_trace(&m);
	for (; x->base < f; x->base++)
		apply(&m, base, &x->e[x->base], false);
	if (strcmp(base_dev, work_dev)) {
		work = open_dev(work_dev, O_RDWR);
		restore(&m, base, work);
		if (seed % COMPARE_EVERY == 0)
			compare(&m, base, work);
	}
	for (i = f; i < end; i++) {
		if (ahead || x->e[i].flags & (LOG_FUA | LOG_MARK))
			apply(&m, work, &x->e[i], false);
		else if (next_random(&m) % 100 < keep)
			apply(&m, work, &x->e[i], !(next_random(&m) % 8));
	}
	for (i = end; ahead && i < end_ahead(x, end); i++)
		if (is_plain_write(&x->e[i]))
			apply(&m, work, &x->e[i], false);
	if (kind != MIDDLE)
		return;
	if (tear_nodes || !is_node(&m, x, &x->e[k]))
		apply(&m, work, &x->e[k], true);
	else if (next_random(&m) & 1)
		apply(&m, work, &x->e[k], false);
}

/* --- verify ----------------------------------------------------------------------- */

/* The newest acknowledged seq of each writer at entry @end, and of each block. */
static void acknowledged(const struct index *x, uint64_t end,
			 uint64_t last[WRITERS_MAX], uint64_t *block)
{
	uint64_t i, id, seq;

	for (i = 0; i < end; i++)
		if (x->e[i].flags & LOG_MARK && x->e[i].sector < WRITERS_MAX)
			last[x->e[i].sector] = x->e[i].nr;
	for (id = 0; id < x->devices * WRITERS; id++)
		for (seq = 1; seq <= last[id]; seq++)
			block[id / WRITERS * x->blocks +
			      block_of(x->pattern, id, seq, x->blocks)] = seq;
}

static bool is_zero(const uint64_t *buf)
{
	uint64_t any = 0;

	for (size_t i = 0; i < WORDS; i++)
		any |= buf[i];
	return !any;
}

/* Is @b a whole write of @block? */
static bool is_whole(const uint64_t *b, uint64_t block)
{
	static uint64_t want[WORDS];
	uint64_t differ = 0;

	fill(want, block, b[1]);
	for (size_t i = 0; i < WORDS; i++)
		differ |= b[i] ^ want[i];
	return !differ;
}

/* Did writer @id get as far as @seq in @block, when @last was the last acknowledged? */
static bool possible(const struct index *x, uint64_t id, uint64_t block,
		     uint64_t seq, uint64_t last)
{
	return seq && seq <= last + burst(x->pattern) &&
	       block_of(x->pattern, id, seq, x->blocks) == block;
}

/*
 * May the power cut at entry @k have left half of a write to these sectors? Everything before
 * the last flush is there as a whole.
 */
static bool in_place(const struct index *x, uint64_t k, uint64_t sector)
{
	const struct entry *e = &x->e[k];

	for (;; e--) {
		if (!(e->flags & (LOG_MARK | LOG_DISCARD)) &&
		    e->sector < sector + BLOCK / SECTOR &&
		    e->sector + e->nr > sector)
			return true;
		if (e == x->e ||
		    (!(e[-1].flags & LOG_MARK) && e[-1].flags & LOG_FLUSH))
			return false;
	}
}

/* Does each sector of @b come from the acknowledged write, or one that may have followed? */
static bool in_part(const struct index *x, uint64_t id, uint64_t block,
		    const uint64_t *b, uint64_t acked, uint64_t last)
{
	const size_t words = SECTOR / sizeof(*b);
	unsigned int left = (1u << BLOCK / SECTOR) - 1, i;
	uint64_t *want = buffer(BLOCK), seq;

	for (seq = acked; seq <= last + burst(x->pattern); seq++) {
		if (seq == 0)
			memset(want, 0, BLOCK);
		else if (seq == acked || possible(x, id, block, seq, last))
			fill(want, block, seq);
		else
			continue;
		for (i = 0; i < BLOCK / SECTOR; i++)
			if (!memcmp(b + i * words, want + i * words, SECTOR))
				left &= ~(1u << i);
	}
	free(want);
	return !left;
}

static int do_verify(struct index *x, uint64_t point, char **devs, int n)
{
	uint64_t last[WRITERS_MAX] = { 0 };
	uint64_t *acked, *buf = buffer(CHUNK), bad = 0, checked = 0, start = 0;
	enum kind kind;
	uint64_t end = entry_of(x, point, &kind);
	char *sector;
	int fd = -1;

	if ((uint64_t)n != x->devices)
		errx(2, "the log is about %" PRIu64 " devices", x->devices);
	acked = calloc(x->devices * x->blocks, sizeof(*acked));
	if (!acked)
		errx(2, "no memory");
	acknowledged(x, end, last, acked);
	for (uint64_t i = 0; i < x->devices * x->blocks; i++) {
		uint64_t block = i % x->blocks, d = i / x->blocks;
		uint64_t id = d * WRITERS + block % WRITERS;
		uint64_t *b = buf + block % (CHUNK / BLOCK) * WORDS;
		uint64_t left = (x->blocks - block) * BLOCK;

		if (!block) {
			sector = strchr(devs[d], '=');
			if (!sector)
				errx(2, "%s: no sector", devs[d]);
			*sector++ = '\0';
			start = strtoull(sector, NULL, 0);
			fd = open_dev(devs[d], O_RDONLY);
		}
		if (b == buf)
			read_at(fd, buf, left < CHUNK ? left : CHUNK,
				block * BLOCK);
		checked += !!acked[i];
		if (!acked[i] && is_zero(b))
			continue;
		if (b[1] >= acked[i] &&
		    possible(x, id, block, b[1], last[id]) &&
		    is_whole(b, block))
			continue;
		if (in_place(x, end, start + block * (BLOCK / SECTOR)) &&
		    in_part(x, id, block, b, acked[i], last[id]))
			continue;
		if (bad++ < 10)
			printf("%s: block %" PRIu64 ": acknowledged %" PRIu64
			       ", holds block %" PRIu64 " seq %" PRIu64 "%s\n",
			       devs[d], block, acked[i], b[0], b[1],
			       is_whole(b, block) ? "" : ", damaged");
	}
	printf("checked=%" PRIu64 " lost=%" PRIu64 "\n", checked, bad);
	return bad != 0;
}

static bool option(char **options, const char *name)
{
	while (*options)
		if (!strcmp(*options++, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "write"))
		return do_write(argv[2], argv[3], argv + 4, argc - 4);
	if (argc == 4 && !strcmp(argv[1], "index"))
		return do_index(argv[2], argv[3]);
	if (argc >= 9 && !strcmp(argv[1], "image")) {
		do_image(open_index(argv[2]), argv[3], argv[4], argv[5],
			 argv[6], strtoull(argv[7], NULL, 0),
			 strtoull(argv[8], NULL, 0),
			 option(argv + 9, "tear-nodes"),
			 option(argv + 9, "ahead"));
		for (argv += 9; *argv; argv++)
			if (**argv == '/')
				drop_cache(*argv);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "check"))
		return do_check(open_index(argv[2]), argv[3]);
	if (argc > 4 && !strcmp(argv[1], "verify"))
		return do_verify(open_index(argv[2]),
				 strtoull(argv[3], NULL, 0), argv + 4,
				 argc - 4);
	errx(2,
	     "usage: crash write LOG PATTERN DEV... | index LOGDEV INDEX | check INDEX LOGDEV | image INDEX LOGDEV BASE WORK CHANGED POINT SEED [tear-nodes] [ahead] [DEV...] | verify INDEX POINT DEV=SECTOR...");
}
