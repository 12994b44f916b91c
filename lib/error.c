// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include "error.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *context;
static const char *unfinished;
static int exit_status = 1;

void error_context(const char *format, ...)
{
	va_list args;

	free(context);
	va_start(args, format);
	if (vasprintf(&context, format, args) < 0)
		context = NULL;
	va_end(args);
}

void vcomplain(const char *format, va_list args)
{
	fflush(stdout);
	if (context)
		fprintf(stderr, "%s: ", context);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
}

void error_remove(const char *path)
{
	unfinished = path;
}

void error_status(int status)
{
	exit_status = status;
}

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
	if (unfinished)
		unlink(unfinished);
	exit(exit_status);
}

void *must(void *p)
{
	if (!p)
		die("out of memory");
	return p;
}

void *zalloc(size_t size)
{
	return must(calloc(1, size));
}

char *text(const char *format, ...)
{
	va_list args;
	char *s;
	int n;

	va_start(args, format);
	n = vasprintf(&s, format, args);
	va_end(args);
	return must(n < 0 ? NULL : s);
}
