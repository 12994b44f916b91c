// SPDX-License-Identifier: GPL-2.0
/*
 * bcache-journal-dump on hostile images: a small image, changed as the input says, is
 * surveyed and printed, as text and as JSON. Nothing may crash, and some of what is
 * found must fit together.
 *
 * The input: two bytes for the image, then eight for each change (see change()).
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/dump/print.h"
#include "../dump/image.h"
#include "must.h"

#define HEAD 2
#define CHANGE 8
#define DATA_BLOCKS (TI_BYTES / TI_BLOCK)

static bool unreadable[DATA_BLOCKS];
static FILE *null;

static ssize_t memory_pread(struct image *im, void *buf, size_t bytes,
			    uint64_t at)
{
	uint64_t i;

	must(at <= im->bytes && bytes <= im->bytes - at);
	for (i = at / TI_BLOCK; i <= (at + bytes - 1) / TI_BLOCK; i++) {
		if (unreadable[i]) {
			errno = EIO;
			return -1;
		}
	}
	memcpy(buf, ti_data + at, bytes);
	return bytes;
}

/* Kind, where (two bytes), and a value of up to five bytes. */
static void change(const uint8_t *d)
{
	u32 where = d[1] | d[2] << 8,
	    block = where % (TI_JOURNAL * TI_BUCKET_BLOCKS);
	struct jset *j = (struct jset *)ti_block(0, block);
	u64 value = 0;
	u32 left;

	memcpy(&value, d + 3, 5);
	switch (d[0] % 9) {
	case 0: /* a byte of the superblock */
		ti_data[SUPER_AT + where % 512] = value;
		break;
	case 1: /* the same, with the right checksum */
		ti_data[SUPER_AT + where % 512] = value;
		ti_seal_super();
		break;
	case 2:
		unreadable[where % DATA_BLOCKS] = true;
		break;
	case 3:
		memset(j, value, TI_BLOCK);
		break;
	case 4:
		memcpy(j, ti_block(0, value % (TI_JOURNAL * TI_BUCKET_BLOCKS)),
		       TI_BLOCK);
		break;
	case 5: /* a byte of an entry */
	case 6: /* the same, with the right checksum */
		((u8 *)j)[value % TI_BLOCK] = value >> 16;
		if (d[0] % 9 == 5)
			break;
		left = ti_data + sizeof(ti_data) - (u8 *)j;
		if (jset_bytes(j->keys) <= left)
			ti_seal(j);
		break;
	case 7:
		j->seq = value << (where >> 12) * 4;
		if (jset_bytes(j->keys) <= TI_BLOCK)
			ti_seal(j);
		break;
	case 8:
		j->last_seq = value;
		if (jset_bytes(j->keys) <= TI_BLOCK)
			ti_seal(j);
		break;
	}
}

static void check(const struct survey *s)
{
	const struct ring *r = &s->ring;
	enum series n;
	size_t i;

	must(!survey_registers(s) || !ours_reason(s).text[0]);
	must(survey_registers(s) || ours_reason(s).text[0]);
	for (n = 0; n < NR_SERIES; n++)
		must((stock_outcome(s, n) == OUTCOME_REGISTERS) ==
		     !stock_reason(s, n).text[0]);
	for (i = 0; i < s->nr_places; i++) {
		const struct ring_spot *at = &s->place[i].spot;

		must(at->bucket < r->nbuckets);
		must(at->offset + at->sectors <= s->sb.bucket_size);
	}
	if (survey_registers(s) && s->sync) {
		must(r->newest && s->newest && s->newest->seq == r->newest);
		must(!s->lost.count);
	}
	must(s->lost.unknown <= s->lost.count);
}

/**
 * LLVMFuzzerTestOneInput() - libFuzzer's entry
 * @data: the input
 * @size: its length
 *
 * Return: 0.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im = { .name = "image", .pread = memory_pread, .fd = -1 };
	struct filter f = { .all = true, .last = ~0ULL };
	unsigned int show = SHOW_SUPER | SHOW_RING | SHOW_ENTRIES |
			    SHOW_VERDICT;
	struct survey *s;
	size_t i;

	if (size < HEAD)
		return 0;
	if (!null)
		null = fopen("/dev/null", "w");
	memset(unreadable, 0, sizeof(unreadable));
	ti_make(1 + data[0] % 28, 1 + data[1] % TI_BUCKET_BLOCKS);
	for (i = HEAD; i + CHANGE <= size && i < HEAD + CHANGE * 64;
	     i += CHANGE)
		change(data + i);

	s = calloc(1, sizeof(*s));
	must(s && null);
	im.bytes = TI_BYTES;
	if (survey_super(s, &im) == SURVEYED && survey_ring(s) == SURVEYED) {
		check(s);
		/* all entries, or some with their keys: JSON of all takes too long */
		if (data[1] & 0x80) {
			show |= SHOW_KEYS;
			f.newest = 3;
		}
		filter_apply(&f, s);
		(data[1] & 0x40 ? print_json : print_text)(null, s, show, &f);
	}
	survey_free(s);
	free(s);
	free(im.bad);
	free(im.scratch);
	return 0;
}

#ifdef SEEDS
/* the first corpus: `fuzz-dump-seeds DIR` */
int main(int argc, char **argv)
{
	char path[4096];
	u32 ring, kind;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIR\n", argv[0]);
		return 1;
	}
	for (ring = 0; ring < 4; ring++) {
		for (kind = 0; kind < 9; kind++) {
			u8 d[HEAD + 8 * CHANGE] = { 9 + ring, 67 * ring };
			u32 i;

			/* the first is of this kind, the others of those behind it */
			for (i = 0; i < 8; i++) {
				u8 *c = d + HEAD + i * CHANGE;

				c[0] = kind + i;
				c[1] = 36 + ring + 5 * i * i;
				c[3] = i;
				c[4] = 1;
				c[5] = kind;
			}
			FILE *f;

			snprintf(path, sizeof(path), "%s/%u-%u", argv[1], ring,
				 kind);
			f = fopen(path, "wb");
			if (!f || fwrite(d, sizeof(d), 1, f) != 1 ||
			    fclose(f)) {
				perror(path);
				return 1;
			}
		}
	}
	return 0;
}
#endif
