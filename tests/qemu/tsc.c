// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the rate of this host's TSC in kHz, which is also that of an emulated CPU. The
 * process may be preempted at any moment, so each end of the interval is the closest of many
 * readings of both clocks.
 */
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static void read_both(double *ns, double *tsc)
{
	unsigned long long least = ULLONG_MAX;

	for (int i = 0; i < 1000; i++) {
		unsigned long long before = __rdtsc(), after;
		struct timespec t;

		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		after = __rdtsc();
		if (after - before >= least)
			continue;
		least = after - before;
		*tsc = before + least / 2;
		*ns = t.tv_sec * 1e9 + t.tv_nsec;
	}
}

int main(void)
{
	const struct timespec interval = { .tv_nsec = 200000000 };
	double ns[2], tsc[2];

	read_both(&ns[0], &tsc[0]);
	nanosleep(&interval, NULL);
	read_both(&ns[1], &tsc[1]);
	printf("%.0f\n", (tsc[1] - tsc[0]) / (ns[1] - ns[0]) * 1e6);
	return 0;
}
