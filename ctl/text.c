// SPDX-License-Identifier: GPL-2.0
/* Output: verdicts, colours, tables. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"

const char *level_name(enum severity level)
{
	static const char *const names[] = {
		[OK] = "ok", [SKIP] = "skip", [WARN] = "warn", [FAIL] = "fail"
	};

	return names[level];
}

bool colours(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && *no) &&
	       !(term && !strcmp(term, "dumb"));
}

const char *level_colour(enum severity level)
{
	static const char *const colour[] = { [OK] = "\033[32m",
					      [SKIP] = "\033[2m",
					      [WARN] = "\033[33m",
					      [FAIL] = "\033[31m" };

	return colours() ? colour[level] : "";
}

const char *colour_end(void)
{
	return colours() ? "\033[0m" : "";
}

/* Prints progress, without buffering even if stdout is a pipe. */
void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

/* Returns 0 if stdout is not a terminal. A serial console does not know its width. */
size_t terminal_width(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w))
		return 0;
	return w.ws_col ? w.ws_col : 80;
}

/**
 * print_folded - print the rest of a line, and fold it at the width of a terminal
 * @text: the words; a space goes before each
 * @used: number of columns that the line has so far
 * @indent: columns to indent the lines that follow
 *
 * Does not fold a command in quotes, so that it can be copied.
 */
void print_folded(const char *text, size_t used, size_t indent)
{
	size_t width = terminal_width(), n;
	bool quoted = false;

	for (;; text += n + 1) {
		for (n = 0; text[n] && (quoted || text[n] != ' '); n++)
			quoted ^= text[n] == '"';
		if (width && used + 1 + n > width && used >= indent) {
			used = indent - 1;
			printf("\n%*s", (int)used, "");
		}
		printf(" %.*s", (int)n, text);
		used += 1 + n;
		if (!text[n])
			break;
	}
	putchar('\n');
}

/* A task can choose its name, so it could contain escape sequences for a terminal. */
char *printable(char *text)
{
	char *p;

	for (p = text; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = '?';
	return text;
}

const char *duration(char *buf, size_t size, long long s)
{
	if (s < 0)
		s = 0;
	if (s < 60)
		snprintf(buf, size, "%lld s", s);
	else if (s < 3600)
		snprintf(buf, size, "%lld min", s / 60);
	else if (s < 86400)
		snprintf(buf, size, "%lld h %lld min", s / 3600, s % 3600 / 60);
	else
		snprintf(buf, size, "%lld d %lld h", s / 86400,
			 s % 86400 / 3600);
	return buf;
}

/* Adds a row. The cells are strings, as many as the table has columns. */
void table_row(struct table *t, enum severity level, ...)
{
	va_list ap;
	size_t i;

	va_start(ap, level);
	for (i = 0; i < t->columns; i++)
		snprintf(t->cell[t->rows][i], TABLE_CELL, "%s",
			 va_arg(ap, const char *));
	va_end(ap);
	t->level[t->rows++] = level;
}

void table_print(const struct table *t)
{
	size_t width[TABLE_COLUMNS] = { 0 }, r, c;

	for (r = 0; r < t->rows; r++)
		for (c = 0; c < t->columns; c++)
			if (strlen(t->cell[r][c]) > width[c])
				width[c] = strlen(t->cell[r][c]);
	for (r = 0; r < t->rows; r++) {
		for (c = 0; c + 1 < t->columns; c++)
			printf("%-*s  ", (int)width[c], t->cell[r][c]);
		printf("%s%s%s\n", r ? level_colour(t->level[r]) : "",
		       t->cell[r][c], r ? colour_end() : "");
	}
}
