/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OUTRIGGERCTL_DOCTOR_H
#define OUTRIGGERCTL_DOCTOR_H

#include "ctl.h"

/* The request to doctor, and its results so far. */
struct doctor {
	const struct options *o;
	size_t count[FAIL + 1];
};

void verdict(struct doctor *d, enum severity level, const char *todo,
	     const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* kernels.c: the files on disk for each installed kernel */
void check_kernels(struct doctor *d);
void check_dkms(struct doctor *d);
void check_initramfs(struct doctor *d);

bool dkms_installed(const char *status, const char *release);
bool config_value(const char *config, const char *option, char *value,
		  size_t size);

#endif
