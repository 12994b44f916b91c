/* SPDX-License-Identifier: GPL-2.0 */
/* Error messages, and allocations that end the program if they fail. */
#ifndef OUTRIGGER_ERROR_H
#define OUTRIGGER_ERROR_H

#include <stdarg.h>
#include <stddef.h>

/**
 * error_context - set the prefix of all messages on stderr
 * @format: for example "klp-link: %s"; ": " and the message follow
 */
void error_context(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/**
 * complain - print a message on stderr, after the context
 * @format: the message, one sentence without a newline
 */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vcomplain(const char *format, va_list args);

/**
 * error_status - set the exit status of die()
 * @status: the status, which is 1 otherwise
 */
void error_status(int status);

/**
 * die - print a message as complain() does, and exit
 * @format: the message
 *
 * Removes the file that error_remove() named.
 */
void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/**
 * error_remove - set the unfinished file that die() removes
 * @path: path of the file, or NULL once it is complete
 */
void error_remove(const char *path);

/* These never return NULL. */
void *must(void *p);
void *zalloc(size_t size);
char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
