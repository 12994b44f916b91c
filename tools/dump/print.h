/* SPDX-License-Identifier: GPL-2.0 */
/* Prints a survey, as text and as JSON. */
#ifndef DUMP_PRINT_H
#define DUMP_PRINT_H

#include <stdio.h>

#include "survey.h"

/* Parts of the output. */
enum {
	SHOW_SUPER = 1,
	SHOW_RING = 2,
	SHOW_ENTRIES = 4,
	SHOW_KEYS = 8,
	SHOW_VERDICT = 16,
};

/**
 * struct filter - which entries to list
 * @all: also those that recovery does not need
 * @first: none before this seq
 * @last: none after this seq
 * @newest: only that many of the newest; 0 for no limit
 */
struct filter {
	bool all;
	u64 first;
	u64 last;
	u64 newest;
};

/* What a driver does with a set. */
enum outcome {
	OUTCOME_REGISTERS,
	OUTCOME_REFUSES,
	OUTCOME_FAILS, /* in the middle of registration */
	OUTCOME_CRASHES, /* or hangs */
};

void print_text(FILE *out, struct survey *s, unsigned int show,
		const struct filter *f);
void print_json(FILE *out, struct survey *s, unsigned int show,
		const struct filter *f);

/* Shared by the two. */
void filter_apply(struct filter *f, const struct survey *s);
bool filter_shows(const struct filter *f, const struct place *p);
void uuid_text(char *text, const u8 *uuid);
struct sentence ours_reason(const struct survey *s);
enum outcome stock_outcome(const struct survey *s, enum series n);
struct sentence stock_reason(const struct survey *s, enum series n);

#define UUID_TEXT 37

#endif
