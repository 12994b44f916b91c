// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: btf-want - write a header with a stock driver's types for a module
 *
 * The want file lists what the module uses of the driver; the driver's own BTF
 * gives the locations.  Structs are written as slices: the wanted members at
 * their exact offsets, padding between them, and the exact size.  A missing
 * member or another type is an error here instead of corruption later.  Without
 * -o, the program only checks for such errors.
 */
#define _GNU_SOURCE
#include <bpf/libbpf.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/error.h"
#include "emit.h"
#include "resolve.h"

/* Write to a temporary file first: a header must never be seen incomplete. */
static void write_out(struct want *want, const struct driver *t,
		      const char *out_path, const char *series)
{
	char *tmp = text("%s.%d.tmp", out_path, (int)getpid());
	FILE *f = fopen(tmp, "w");

	if (!f)
		die("%s can't be written: %s", tmp, strerror(errno));
	error_remove(tmp);
	emit(f, want, t, series);
	if (fflush(f) || ferror(f) || fclose(f) || rename(tmp, out_path))
		die("%s can't be written: %s", out_path, strerror(errno));
}

static void usage(void)
{
	fputs("usage: btf-want --kver VERSION --target KO [--base BTF|VMLINUX|VMLINUZ] [--allow-unvetted] [-o OUT.h] WANT\n",
	      stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "kver", required_argument, NULL, 'k' },
		{ "target", required_argument, NULL, 't' },
		{ "base", required_argument, NULL, 'b' },
		{ "allow-unvetted", no_argument, NULL, 'u' },
		{}
	};
	struct want want = { 0 };
	struct driver driver = { .types.want = &want };
	const char *out_path = NULL, *series;
	bool allow_unvetted = false;
	int c;

	while ((c = getopt_long(argc, argv, "o:", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			driver.kver = optarg;
			break;
		case 't':
			driver.path = optarg;
			break;
		case 'b':
			driver.base_path = optarg;
			break;
		case 'u':
			allow_unvetted = true;
			break;
		case 'o':
			out_path = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || !driver.kver || !driver.path)
		usage();
	libbpf_set_print(NULL);
	error_context("btf-want: %s: %s", driver.kver, basename(driver.path));

	want_parse(&want, argv[optind]);
	driver.scratch = out_path;
	driver_open(&driver, &want);
	series = driver_series(&driver, &want, allow_unvetted);
	driver_open_types(&driver);
	resolve(&want, &driver, series);
	if (out_path)
		write_out(&want, &driver, out_path, series);
	return 0;
}
