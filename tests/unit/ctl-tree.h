/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A fake system for outriggerctl: /sys, /proc and /lib/modules below the directory that
 * OUTRIGGER_ROOT names. It is removed after each test.
 */
#ifndef OUTRIGGER_CTL_TREE_H
#define OUTRIGGER_CTL_TREE_H

#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../ctl/ctl.h"

/* not every test uses all functions */
#pragma GCC diagnostic ignored "-Wunused-function"

#define RELEASE "6.1.0-test-amd64"
#define SET "01234567-89ab-cdef-0123-456789abcdef"
#define GT0 "/sys/bus/pci/devices/0000:03:00.0/xe_pagefault-gt0"
#define BUILD_ID "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20"

static char tree[64];
static char out[65536]; /* output of outriggerctl, stdout and stderr */
static unsigned short columns; /* of the terminal that it goes to; 0: to a file */

__attribute__((format(printf, 1, 2))) static void shell(const char *fmt, ...)
{
	char command[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

/* Create a file with a line of text atomically, with its directories. */
__attribute__((format(printf, 2, 3))) static void put(const char *path,
						      const char *fmt, ...)
{
	char file[512], new[520], *p;
	va_list ap;
	FILE *f;

	snprintf(file, sizeof(file), "%s%s", tree, path);
	for (p = file + strlen(tree) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		mkdir(file, 0755);
	}
	snprintf(new, sizeof(new), "%s.%d", file, getpid());
	f = fopen(new, "w");
	assert_non_null(f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	fputc('\n', f);
	fclose(f);
	assert_int_equal(rename(new, file), 0);
}

static void gone(const char *path)
{
	shell("rm -rf '%s%s'", tree, path);
}

static void is(const char *path, const char *text)
{
	char have[256];

	file_read(have, sizeof(have), "%s", path);
	assert_string_equal(have, text);
}

/* Create a module as /sys shows it, with a reason_token. */
static void loaded_for(const char *module, const char *state, const char *token,
		       const char *reason)
{
	char path[128];
	const char *const files[][2] = {
		{ "state", state },	   { "reason", reason },
		{ "version", "0.1.0" },	   { "srcversion", "AAAA" },
		{ "attached_since", "0" }, { "refcnt", "0" },
		{ "parameters/off", "N" }, { "reason_token", token },
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/%s", module,
			 files[i][0]);
		put(path, "%s", files[i][1]);
	}
}

static void loaded(const char *module, const char *state, const char *reason)
{
	loaded_for(module, state, "none", reason);
}

static void patch(const char *module, int enabled, int transition)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s/enabled",
		 module);
	put(path, "%d", enabled);
	snprintf(path, sizeof(path), "/sys/kernel/livepatch/%s/transition",
		 module);
	put(path, "%d", transition);
}

static void attached(const char *module, const char *target)
{
	char path[128];

	loaded(module, "attached", "");
	snprintf(path, sizeof(path), "/sys/module/%s/attached_since", module);
	put(path, "1790000000");
	snprintf(path, sizeof(path), "/sys/module/%s/initstate", target);
	put(path, "live");
	patch(module, 1, 0);
}

/* Create the file of a module for depmod and libkmod; then call depmod(). */
static void file(const char *release, const char *name, const char *version,
		 const char *srcversion)
{
	put("/module.s",
	    ".section .modinfo,\"a\"\n.asciz \"name=%s\"\n.asciz \"version=%s\"\n"
	    ".asciz \"srcversion=%s\"\n.asciz \"vermagic=%s SMP mod_unload\"\n"
	    ".section .note.gnu.build-id,\"a\",@note\n.long 4,20,3\n.asciz \"GNU\"\n"
	    ".byte " BUILD_ID "\n.section .BTF,\"a\"\n.byte 0\n"
	    ".section .rodata.str1.1,\"aMS\",@progbits,1\n.asciz \"x\"\n1: .asciz \"hooked\"\n"
	    ".section .outrigger.places,\"aw\"\n.quad 1b,0,0",
	    name, version, srcversion, release);
	shell("d=%s/lib/modules/%s/kernel; mkdir -p $d && as %s/module.s -o $d/%s.ko",
	      tree, release, tree, name);
}

static void depmod(const char *release)
{
	shell("PATH=$PATH:/sbin:/usr/sbin depmod -b %s %s 2>/dev/null", tree,
	      release);
}

static void figures(const char *dir, const struct kind *kind, const char *value)
{
	char path[256];
	size_t i;

	for (i = 0; i < kind->nr_figures; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir,
			 kind->figures[i].file);
		put(path, "%s", value);
	}
}

/* Run outriggerctl with the arguments up to NULL. Return its exit status. */
static int ctl(const char *arg, ...)
{
	char *argv[16] = { (char *)"outriggerctl", NULL };
	int argc = 1, status, keep_out, keep_err;
	const struct winsize size = { .ws_row = 25, .ws_col = columns };
	const struct termios raw = { 0 };
	FILE *f = tmpfile();
	int to = fileno(f), from = to;
	ssize_t n, have = 0;
	va_list ap;

	va_start(ap, arg);
	for (; arg; arg = va_arg(ap, const char *))
		argv[argc++] = (char *)arg;
	va_end(ap);
	argv[argc] = NULL;

	if (columns)
		assert_int_equal(openpty(&from, &to, NULL, &raw, &size), 0);
	fflush(stdout);
	keep_out = dup(1);
	keep_err = dup(2);
	dup2(to, 1);
	dup2(to, 2);
	status = outriggerctl(argc, argv);
	fflush(stdout);
	dup2(keep_out, 1);
	dup2(keep_err, 2);
	close(keep_out);
	close(keep_err);
	if (columns)
		close(to);
	else
		rewind(f);
	while ((n = read(from, out + have, sizeof(out) - 1 - have)) > 0)
		have += n;
	out[have] = '\0';
	if (columns)
		close(from);
	fclose(f);
	return status;
}

static void says(const char *words)
{
	if (!strstr(out, words))
		fail_msg("it does not say '%s' but:\n%s", words, out);
}

static void says_not(const char *words)
{
	if (strstr(out, words))
		fail_msg("it says '%s':\n%s", words, out);
}

/* No line may be wider than the terminal. */
static void fits(void)
{
	const char *line;
	size_t n;

	for (line = out; *line; line += n + !!line[n]) {
		n = strcspn(line, "\n");
		if (n > columns)
			fail_msg("wider than %u: '%.*s'", columns, (int)n,
				 line);
	}
}

static int tree_make(void **state)
{
	(void)state;
	strcpy(tree, "/tmp/outriggerctl-XXXXXX");
	if (!mkdtemp(tree))
		return -1;
	setenv("OUTRIGGER_ROOT", tree, 1);
	put("/proc/sys/kernel/osrelease", RELEASE);
	setenv("NO_COLOR", "1", 1);
	columns = 0;
	health_gap_ms = 1;
	return 0;
}

static int tree_remove(void **state)
{
	(void)state;
	gone("");
	return 0;
}

#endif
