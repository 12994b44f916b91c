// SPDX-License-Identifier: GPL-2.0
/*
 * hostile IMAGE WORK FIRST NUMBER: for each seed, make WORK a mutant of IMAGE (see
 * tests/guest/mutate.c), and print it as bcache-journal-dump does, to /dev/null.
 *
 * Prints "seed N" and the changes before each mutant, and in the end how many there were
 * and how many of them bcache-journal would register.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/dump/print.h"
#include "../guest/mutate.h"

static FILE *null;

/* Returns true if the module would register it. */
static bool dump(const char *path, uint64_t seed)
{
	unsigned int show = SHOW_SUPER | SHOW_RING | SHOW_ENTRIES |
			    SHOW_VERDICT;
	struct filter f = { .all = true, .last = ~0ULL };
	struct survey *s = calloc(1, sizeof(*s));
	struct image im;
	bool registers = false;

	if (!s || image_open(&im, path, 0))
		errx(2, "%s: cannot be opened", path);
	if (survey_super(s, &im) == SURVEYED && survey_ring(s) == SURVEYED) {
		registers = survey_registers(s);
		/* all keys of all entries take too long */
		if (seed % 8 == 0) {
			show |= SHOW_KEYS;
			f.newest = 3;
		}
		filter_apply(&f, s);
		(seed % 4 ? print_text : print_json)(null, s, show, &f);
	}
	survey_free(s);
	free(s);
	image_close(&im);
	return registers;
}

int main(int argc, char **argv)
{
	uint64_t seed, first, number, registered = 0;

	if (argc != 5)
		errx(2, "usage: hostile IMAGE WORK FIRST NUMBER");
	first = strtoull(argv[3], NULL, 0);
	number = strtoull(argv[4], NULL, 0);
	null = fopen("/dev/null", "w");
	if (!null)
		err(2, "/dev/null");
	/* a sanitizer ends the program without a flush */
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(argv[2], true, true);
	device_restore(argv[1]);
	device_read_super();
	device_read_ring();
	for (seed = first; seed < first + number; seed++) {
		printf("seed %ju\n", (uintmax_t)seed);
		device_restore(argv[1]);
		mutate(seed);
		registered += dump(argv[2], seed);
	}
	printf("mutants=%ju registered=%ju\n", (uintmax_t)number,
	       (uintmax_t)registered);
	return 0;
}
