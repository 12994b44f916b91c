/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EMIT_H
#define EMIT_H

#include <stdio.h>

#include "driver.h"

/**
 * emit() - write the header of a target
 * @f: the file to write to
 * @wanted: the want file, resolved
 * @of: the target
 * @series: the series whose constants apply
 */
void emit(FILE *f, struct want *wanted, const struct driver *of,
	  const char *series);

#endif
