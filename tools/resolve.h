/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RESOLVE_H
#define RESOLVE_H

#include "driver.h"

/**
 * resolve() - fill in, from the target, what a want file names
 * @want: as parsed
 * @of: the target, with its types
 * @series: whose functions are wanted
 *
 * What is missing, and not optional, or different, ends the program.
 */
void resolve(struct want *want, struct driver *of, const char *series);

#endif
