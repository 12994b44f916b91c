/* SPDX-License-Identifier: GPL-2.0 */
/*
 * driver.h - the stock driver that a header is written for.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "../lib/ko.h"
#include "types.h"
#include "want.h"

struct driver {
	const char *kver; /* the kernel's release */
	const char *path;
	const char *base_path; /* the kernel's BTF; NULL: find it */
	const char *scratch; /* a temporary file's name begins so; may be NULL */

	struct ko ko;
	struct types types;
};

/**
 * driver_open() - open the driver's file
 * @t: with its strings set
 * @want: what it must be
 *
 * A file that is of another driver or kernel ends the program, here as in
 * driver_open_types().
 */
void driver_open(struct driver *t, const struct want *want);

/* Reads its BTF, with that of the kernel. */
void driver_open_types(struct driver *t);

/**
 * driver_series() - the vetted series whose constants hold
 * @t: an open target
 * @want: with the series that are vetted
 * @allow_unvetted: on a kernel that nobody vetted, take the newest series before it
 *
 * A kernel with PREEMPT_RT is a series of its own, since its locks sleep.
 */
const char *driver_series(struct driver *t, const struct want *want,
			  bool allow_unvetted);

/**
 * driver_has_header() - have the kernel's headers this one?
 * @t: the target
 * @item: names it
 *
 * Known here, not by __has_include(), which sparse lacks.
 */
bool driver_has_header(const struct driver *t, const struct want_item *item);

#endif
