/* SPDX-License-Identifier: GPL-2.0 */
/* What journal.c and tests/dump/hostile.c need to change an image at random. */
#ifndef MUTATE_H
#define MUTATE_H

#include <stdbool.h>
#include <stdint.h>

void device_open(const char *path, bool write, bool alone);
void device_restore(const char *from);
void device_read_super(void);
void device_read_ring(void);
void mutate(uint64_t seed);

#endif
