/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "driver.h"

/**
 * resolve() - look up everything that a want file names in the target
 * @want: the parsed want file, filled in
 * @of: the target, with its types
 * @series: the series whose functions are wanted
 *
 * Ends the program if something differs, or is missing and not optional.
 */
void resolve(struct want *want, struct driver *of, const char *series);

#endif
