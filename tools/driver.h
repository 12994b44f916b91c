/* SPDX-License-Identifier: GPL-2.0 */
/*
 * driver.h - the stock driver for which a header is written.
 */
#ifndef DRIVER_H
#define DRIVER_H

#include "../lib/ko.h"
#include "types.h"
#include "want.h"

struct driver {
	const char *kver; /* the kernel's release */
	const char *path;
	const char *base_path; /* the kernel's BTF, or NULL to find it */
	const char *scratch; /* prefix of a temporary file's name; may be NULL */

	struct ko ko;
	struct types types;
};

/**
 * driver_open() - open the driver's file
 * @t: the target, with its strings set
 * @want: names the driver that the file must be
 *
 * If the file is of another driver or kernel, this and driver_open_types() end the
 * program.
 */
void driver_open(struct driver *t, const struct want *want);

/* Reads the driver's BTF and the kernel's. */
void driver_open_types(struct driver *t);

/**
 * driver_series() - find the vetted series whose constants apply
 * @t: an open target
 * @want: lists the vetted series
 * @allow_unvetted: for a kernel that is not vetted, take the newest series before it
 *
 * A kernel with PREEMPT_RT counts as a separate series, since its locks sleep. So does
 * each kernel that does not follow the stable series of its number.
 */
const char *driver_series(struct driver *t, const struct want *want,
			  bool allow_unvetted);

/**
 * driver_has_header() - do the kernel's headers include this one?
 * @t: the target
 * @item: names the header
 *
 * Determined here rather than by __has_include(), which sparse lacks.
 */
bool driver_has_header(const struct driver *t, const struct want_item *item);

#endif
