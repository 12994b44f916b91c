// SPDX-License-Identifier: GPL-2.0
/*
 * An oracle for acknowledged writes.
 *
 *   ackwrite write DEV BASE [LABEL]
 *                               Write forever. Print a line "BLOCK SEQ" for
 *                               each acknowledged write, after the label and a
 *                               space if there is a label.
 *   ackwrite verify DEV ACKS [MIN [LATER]]
 *                               Check that every block listed in ACKS holds
 *                               that write or a later one, complete, and that
 *                               there are at least MIN lines (default 1).
 *                               LATER lists the writes that were acknowledged
 *                               up to the last possible write to DEV.
 *   ackwrite same DEV FILE BASE
 *                               Check that every block is as in FILE, or holds
 *                               a complete write from BASE on.
 *
 * Each of the WRITERS processes owns the blocks whose number modulo WRITERS is
 * its own, and counts its writes from BASE. So an unacknowledged write that did
 * reach the disk is at most one ahead of the last acknowledged write of its
 * writer. The content of a block depends only on (block, seq), so a torn write
 * is never mistaken for a complete one.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <linux/fs.h>
#include <unistd.h>

#include "blocks.h"

#define CHUNK (256 * BLOCK)
#define WRITERS 4

static int open_dev(const char *dev, int flags, uint64_t *blocks)
{
	uint64_t bytes;
	int fd = open(dev, flags | O_DIRECT | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &bytes))
		err(2, "%s", dev);
	*blocks = bytes / BLOCK / WRITERS * WRITERS;
	return fd;
}

static void writer(const char *dev, uint64_t id, uint64_t seq,
		   const char *label)
{
	uint64_t *buf = buffer(BLOCK), blocks, block;
	char line[80];
	int len, fd = open_dev(dev, O_WRONLY | O_SYNC, &blocks);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;; seq++) {
		/* half of the writes to 1/64 of the disk, to overwrite blocks */
		block = mix(seq * WRITERS + id);
		block = block % (block >> 63 ? blocks : blocks / 64);
		block -= block % WRITERS;
		block += id;
		fill(buf, block, seq);
		if (pwrite(fd, buf, BLOCK, block * BLOCK) != BLOCK)
			err(1, "block %" PRIu64 " seq %" PRIu64, block, seq);
		len = snprintf(line, sizeof(line),
			       "%s%s%" PRIu64 " %" PRIu64 "\n", label,
			       *label ? " " : "", block, seq);
		if (write(STDOUT_FILENO, line, len) != len)
			err(1, "acknowledgement");
	}
}

static int do_write(const char *dev, uint64_t base, const char *label)
{
	int status = 0;

	for (uint64_t id = 0; id < WRITERS; id++)
		if (!fork())
			writer(dev, id, base, label);
	wait(&status); /* writers end only on an error */
	kill(0, SIGTERM);
	return 1;
}

/*
 * Find the newest acknowledged write of each block and of each writer. Return the
 * number of lines.
 */
static uint64_t read_acks(const char *acks, uint64_t blocks, uint64_t *acked,
			  uint64_t *last)
{
	uint64_t block, seq, lines = 0;
	FILE *f = fopen(acks, "r");
	char line[48];

	if (!f)
		err(2, "%s", acks);
	/* ignore the last line if the crash cut it short */
	while (fgets(line, sizeof(line), f) && strchr(line, '\n')) {
		if (sscanf(line, "%" SCNu64 " %" SCNu64, &block, &seq) != 2 ||
		    block >= blocks)
			errx(2, "%s: line %" PRIu64 ": %s", acks, lines + 1,
			     line);
		if (acked[block] < seq)
			acked[block] = seq;
		if (last[block % WRITERS] < seq)
			last[block % WRITERS] = seq;
		lines++;
	}
	fclose(f);
	return lines;
}

static int do_verify(const char *dev, const char *acks, uint64_t min,
		     const char *later)
{
	uint64_t *buf = buffer(BLOCK), *want = buffer(BLOCK);
	uint64_t blocks, block, seq, lines, last[WRITERS] = { 0 };
	uint64_t checked = 0, newer = 0, bad = 0, *acked, *unused;
	int fd = open_dev(dev, O_RDONLY, &blocks);

	acked = calloc(blocks, sizeof(*acked)); /* 0: never written */
	unused = calloc(blocks, sizeof(*unused));
	if (!acked || !unused)
		errx(2, "no memory");
	lines = read_acks(acks, blocks, acked, last);
	if (later)
		read_acks(later, blocks, unused, last);
	for (block = 0; block < blocks; block++) {
		if (!acked[block])
			continue;
		checked++;
		if (pread(fd, buf, BLOCK, block * BLOCK) != BLOCK)
			err(1, "block %" PRIu64, block);
		seq = buf[1];
		fill(want, block, seq);
		newer += seq > acked[block];
		if (seq >= acked[block] && seq <= last[block % WRITERS] + 1 &&
		    !memcmp(buf, want, BLOCK))
			continue;
		if (bad++ < 10)
			printf("block %" PRIu64 ": acknowledged %" PRIu64
			       ", holds block %" PRIu64 " seq %" PRIu64 "%s\n",
			       block, acked[block], buf[0], seq,
			       memcmp(buf, want, BLOCK) ? ", damaged" : "");
	}
	printf("%" PRIu64 " acknowledged writes to %" PRIu64 " blocks: %" PRIu64
	       " lost, %" PRIu64 " newer than acknowledged\n",
	       lines, checked, bad, newer);
	if (lines < min)
		errx(1,
		     "only %" PRIu64 " acknowledged writes, expected %" PRIu64,
		     lines, min);
	return bad != 0;
}

static int do_same(const char *dev, const char *file, uint64_t base)
{
	uint64_t *is = buffer(CHUNK), *was = buffer(CHUNK),
		 *want = buffer(BLOCK);
	uint64_t blocks, bad = 0, newer = 0;
	int fd = open_dev(dev, O_RDONLY, &blocks);
	FILE *f = fopen(file, "r");

	if (!f)
		err(2, "%s", file);
	for (uint64_t block = 0; block < blocks; block++) {
		size_t at = block % (CHUNK / BLOCK) * WORDS;
		uint64_t *b = is + at, *w = was + at;
		ssize_t n = (blocks - block) * BLOCK;

		if (!at) {
			n = n < CHUNK ? n : CHUNK;
			if (pread(fd, is, n, block * BLOCK) != n)
				err(1, "block %" PRIu64, block);
			if (fread(was, n, 1, f) != 1)
				errx(2, "%s is too short", file);
		}
		if (!memcmp(b, w, BLOCK))
			continue;
		fill(want, block, b[1]);
		if (b[1] >= base && !memcmp(b, want, BLOCK)) {
			newer++;
			continue;
		}
		if (bad++ < 10)
			printf("block %" PRIu64 ": holds block %" PRIu64
			       " seq %" PRIu64 ", was seq %" PRIu64 "\n",
			       block, b[0], b[1], w[1]);
	}
	printf("%" PRIu64 " blocks: %" PRIu64 " rewritten, %" PRIu64
	       " neither old nor rewritten\n",
	       blocks, newer, bad);
	return bad != 0;
}

int main(int argc, char **argv)
{
	if ((argc == 4 || argc == 5) && !strcmp(argv[1], "write"))
		return do_write(argv[2], strtoull(argv[3], NULL, 0),
				argc == 5 ? argv[4] : "");
	if (argc == 5 && !strcmp(argv[1], "same"))
		return do_same(argv[2], argv[3], strtoull(argv[4], NULL, 0));
	if (argc >= 4 && argc <= 6 && !strcmp(argv[1], "verify"))
		return do_verify(argv[2], argv[3],
				 argc > 4 ? strtoull(argv[4], NULL, 0) : 1,
				 argc == 6 ? argv[5] : NULL);
	errx(2,
	     "usage: ackwrite write DEV BASE [LABEL] | verify DEV ACKS [MIN [LATER]] | same DEV FILE BASE");
}
