/* SPDX-License-Identifier: GPL-2.0 */
/*
 * want.h - a parsed .want file: everything that a module uses of a stock driver.
 *
 * The grammar is in want.c.
 */
#ifndef WANT_H
#define WANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_DIMS 4

/* A constant that BTF can't represent, for some series of kernels or for all. */
struct want_const {
	struct want_const *next;
	char *name;
	char *value;
	char **series; /* NULL-ended; NULL: on every vetted series */
	bool optional;
	int line;
};

struct want_include {
	struct want_include *next;
	char *header; /* with its <> or "" */
};

struct want_member {
	struct want_member *next;
	char *name;
	char *pre, *post; /* the type's text before and after the name */
	char *type; /* the same as one type name, canonical */
	struct want_member *sub; /* members of an anonymous struct or union */
	bool is_union; /* sub is a union */
	bool optional;
	int ndims;
	long dims[MAX_DIMS]; /* -1: as in the target */
	int bits; /* width of a bitfield, or -1 */
	int line;

	/* filled in from the target's BTF */
	bool present;
	uint32_t bit_off; /* in the struct or union that holds it */
	uint32_t size; /* of all elements, in bytes */
	uint32_t align;
	int id; /* its BTF type, arrays stripped */
	bool is_signed;
	long btf_dims[MAX_DIMS];
};

struct want_enumerator {
	struct want_enumerator *next;
	char *name;
	bool optional;
	int line;

	bool present;
	char *value;
};

enum want_kind {
	WANT_STRUCT,
	WANT_UNION,
	WANT_ENUM,
	WANT_FUNC,
	WANT_HOOK,
	WANT_DATA
};

struct want_item {
	struct want_item *next;
	enum want_kind kind;
	char *name; /* NULL: anonymous enums */
	bool optional;
	char *header; /* `from`: the header that defines it, or NULL */
	bool header_optional; /* `from <...>?` */
	struct want_member *members;
	struct want_enumerator *enumerators;
	char *type; /* of data */
	char **series; /* of a function; NULL-ended; NULL: all */
	int line;

	bool present;
	bool emitted;
	int id;
	uint32_t size;
	uint32_t offset, body; /* of a hook: in .text, past the ftrace site */
	char *proto;
};

/* A stock function that may call a clone of a hooked one, and why. */
struct want_unhooked {
	struct want_unhooked *next;
	char *caller;
	char *hook;
	char *why;
	int line;
};

struct want {
	const char *path;
	char *target;
	int target_line;
	char **vetted;
	struct want_const *consts;
	struct want_include *includes;
	struct want_unhooked *unhooked;
	struct want_item *items;
};

/**
 * want_parse() - read a want file
 * @want: filled in
 * @path: path of the file
 *
 * Errors in the file end the program through die_at().
 */
void want_parse(struct want *want, const char *path);

/**
 * type_canon() - normalize the spelling of a C type name
 * @text: for example "long unsigned int *" or "unsigned long*"
 *
 * Return: the name with single blanks and the shortest names of integers.
 */
char *type_canon(const char *text);

/**
 * series_in() - is a kernel series in a list
 * @list: NULL-ended
 * @series: for example "6.12"
 */
bool series_in(char *const *list, const char *series);

/**
 * die_at() - die() because of an error in a line of the want file, or in its item
 * @line: line of the file that want_parse() has read
 * @format: the message, as for die()
 */
void die_at(int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 2, 3)));

#endif
