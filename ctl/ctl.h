/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: outriggerctl
 *
 * Each command has its own file; cli.c parses the command line. The commands use
 * files.c (the files of /sys, /proc and /etc), kmod.c (libkmod), module.c (the state of
 * an Outrigger module), figures.c (its counters), tasks.c and services.c (what it waits
 * for) and health.c (its problems).
 */
#ifndef OUTRIGGERCTL_H
#define OUTRIGGERCTL_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../attach/reasons.h"
#include "../lib/error.h"

#define NAME_MAX_LEN 64 /* of a module, a device, a UUID, a version */

/* Exit statuses of a command. */
enum { DONE = 0, FAILED = 1, USAGE = 2, TIMED_OUT = 3 };

/* --- text.c -------------------------------------------------------------------- */

enum severity { OK, SKIP, WARN, FAIL };

const char *level_name(enum severity level);
const char *level_colour(enum severity level);
const char *colour_end(void);
bool colours(void);
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *printable(char *text);
size_t terminal_width(void);
void print_folded(const char *text, size_t used, size_t indent);
const char *duration(char *buf, size_t size, long long seconds);

#define TABLE_COLUMNS 8
#define TABLE_CELL 48
#define TABLE_ROWS 4

struct table {
	size_t columns, rows;
	char cell[TABLE_ROWS][TABLE_COLUMNS][TABLE_CELL];
	enum severity level[TABLE_ROWS]; /* of the last cell of each row */
};

void table_row(struct table *t, enum severity level, ...);
void table_print(const struct table *t);

/* --- files.c ------------------------------------------------------------------- */

const char *at_root(char *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool real_root(void);
bool root_fits(void);
int file_read(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool file_number(long long *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int file_write(const char *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
bool file_there(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *kernel_release(void);
void sleep_ms(unsigned int ms);
double now(void);

/* Sets @buf to the first @size bytes of a program's stdout; returns its exit status. */
int run(char *buf, size_t size, const char *const *argv);

/* --- kmod.c -------------------------------------------------------------------- */

/* The file of a module, as modprobe would find it for a kernel. */
struct installed {
	bool there, builtin;
	char path[512];
	char version[NAME_MAX_LEN], srcversion[NAME_MAX_LEN];
	char release[NAME_MAX_LEN]; /* of the kernel it was built for */
	char signer[128]; /* empty if it is not signed */
};

void installed_find(struct installed *f, const char *release, const char *name);
bool conf_has_off(const char *module);
bool conf_has_blacklist(const char *module);
bool conf_has_install(const char *module);
bool conf_has_softdep(const char *target, const char *module);
bool option_is_off(const char *options, const char *prefix);
int module_load(const char *name);
int module_remove(const char *name);

/* --- module.c ------------------------------------------------------------------ */

enum { BCACHE_JOURNAL, XE_PAGEFAULT, KINDS };

struct figure {
	const char *file; /* its name in sysfs */
	const char *metric; /* in Prometheus, after outrigger_<module>_ */
	const char *help;
	bool counter;
};

struct kind {
	const char *module, *target;
	const char *units; /* the units that have figures: "sets", "gts" */
	const struct figure *figures;
	size_t nr_figures;
};

extern const struct kind kinds[KINDS]; /* in figures.c */

#define FIGURES_MAX 22
#define MISSING LLONG_MIN /* a figure that the module does not have */

/* A cache set, or a GT, with its figures in the order of kind->figures. */
struct unit {
	char name[NAME_MAX_LEN]; /* the UUID, or device-gtN */
	char device[NAME_MAX_LEN];
	char gt[8];
	long long value[FIGURES_MAX];
};

struct units {
	struct unit *list;
	size_t n;
	bool late; /* not all units could be read in time */
};

enum transition { NONE, PATCHING, UNPATCHING };

struct module {
	const struct kind *kind;
	bool loaded, target_loaded, off;
	bool patch; /* its patch is in /sys/kernel/livepatch */
	enum transition transition;
	/* armed, attaching...; or not-loaded, not-installed */
	char state[NAME_MAX_LEN];
	char reason[256];
	enum outrigger_reason token; /* NR_REASONS if missing or unknown */
	char version[NAME_MAX_LEN], srcversion[NAME_MAX_LEN];
	long long since; /* seconds since the epoch, 0 if not attached */
	long long refs;
	struct installed file;
};

const char *with_hyphens(char *buf, size_t size, const char *name);
const struct kind *kind_of(const char *name);
void module_look(struct module *m, const struct kind *kind);
void module_look_at_file(struct module *m);
bool module_is(const struct module *m, const char *state);
const char *reason_word(enum outrigger_reason token);
const char *other_in_transition(char *buf, size_t size);
bool module_due(const struct module *m);
bool module_set_aside(const struct module *m);

/* What dkms.conf writes about the modules that it leaves out for a kernel. */
#define LEFT_OUT_LOG "/var/lib/dkms/outrigger/" OUTRIGGER_VERSION "/%s.log"

bool left_out(char *why, size_t size, const char *release, const char *module);

/* --- figures.c ----------------------------------------------------------------- */

extern unsigned int patience_ms;

void units_read(struct units *u, const struct kind *kind);
void units_free(struct units *u);
const struct unit *units_find(const struct units *u, const char *name);
bool has_figure(const struct kind *kind, const struct unit *u,
		const char *file);
long long figure(const struct kind *kind, const struct unit *u,
		 const char *file);

/* --- health.c ------------------------------------------------------------------ */

/* Format; takes the kernel's release twice. */
#define MAKE_INITRAMFS                                 \
	"\"update-initramfs -u -k %s\" (with dracut, " \
	"\"dracut --force --kver %s\")"

/* Format; takes @version, then the kernel's release three times. */
#define REBUILD                                                        \
	"\"dkms unbuild outrigger/%s -k %s\", then "                   \
	"\"dkms install --force\" with the same arguments builds it; " \
	"if the initramfs contains it, " MAKE_INITRAMFS

#define FINDINGS_MAX 16

struct finding {
	enum severity level;
	char what[320], todo[512];
};

struct health {
	enum severity level; /* the worst in the list */
	size_t n;
	struct finding list[FINDINGS_MAX];
};

extern unsigned int health_gap_ms;

void health_look(struct health *h, const struct module *m,
		 const struct units *u);
const char *off_where(const char *module);
bool cmdline_blacklists(const char *module);
const char *kept_out(const char *module);

/* --- tasks.c ------------------------------------------------------------------- */

struct waiting {
	size_t n; /* tasks that have not switched yet */
	unsigned long who; /* changes when the set of tasks changes */
};

void tasks_waited_for(struct waiting *w, const struct kind *kind,
		      enum transition transition, FILE *out);

/* --- services.c ---------------------------------------------------------------- */

struct services {
	size_t n;
	double seconds;
	char longest[160]; /* process, address space, address, time */
};

void services_under_way(struct services *s, const char *unit, FILE *out);

/* What to do about a page fault that takes long. */
#define MEMORY_MISSING \
	"whatever provides its memory, such as a FUSE server, must answer or end"

#define STAGES 5

extern const char *const stages[STAGES]; /* of the time that a fault takes */

/* What the faults of an address space have come to. */
struct account {
	char unit[NAME_MAX_LEN]; /* device-gtN */
	unsigned int asid;
	long long faults, refused, ms[STAGES];
	char process[64];
};

struct accounts {
	struct account list[64];
	size_t n;
};

void accounts_read(struct accounts *a);

/* --- the commands -------------------------------------------------------------- */

struct options {
	const struct kind *kinds[KINDS];
	size_t n;
	bool named; /* the user named modules; else act on all */
	bool json, due;
	double timeout, interval;
	long count;
};

int cmd_status(const struct options *o);
int cmd_attach(const struct options *o);
int cmd_detach(const struct options *o);
int cmd_reload(const struct options *o);
int cmd_unload(const struct options *o);
int cmd_doctor(const struct options *o);
int cmd_watch(const struct options *o);
int cmd_top(const struct options *o);
int cmd_metrics(const struct options *o);

int outriggerctl(int argc, char **argv);

#endif
