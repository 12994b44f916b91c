// SPDX-License-Identifier: GPL-2.0
/* The command line: commands, options, modules. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

enum { JSON = 1, DUE = 2, TIMEOUT = 4, INTERVAL = 8, COUNT = 16 };

#define GO_ON (-1) /* not an exit status: there is a command to run */

static const struct command {
	const char *name;
	int (*run)(const struct options *o);
	unsigned int takes;
	const char *does;
} commands[] = {
	{ "status", cmd_status, JSON | DUE,
	  "state, version and health of the modules" },
	{ "attach", cmd_attach, TIMEOUT,
	  "load if necessary, attach, and wait" },
	{ "detach", cmd_detach, TIMEOUT,
	  "detach and wait; the module stays loaded, inert" },
	{ "reload", cmd_reload, TIMEOUT,
	  "unload, then attach the installed version" },
	{ "unload", cmd_unload, TIMEOUT,
	  "detach, then remove from the kernel" },
	{ "doctor", cmd_doctor, 0, "check everything that attaching needs" },
	{ "watch", cmd_watch, INTERVAL | COUNT, "show the figures, live" },
	{ "top", cmd_top, INTERVAL | COUNT,
	  "show a line for each cache set and GT, live, the busiest first" },
	{ "metrics", cmd_metrics, 0, "print the figures for Prometheus" },
};

static void usage(FILE *out)
{
	size_t i;

	fputs("usage: outriggerctl COMMAND [OPTION...] [MODULE...]\n\n", out);
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].does);
	fputs("\nMODULE is bcache-journal or xe-pagefault; default: both.\n"
	      "  --json              status: as JSON\n"
	      "  --due               status: only the modules that need a reload\n"
	      "  --timeout SECONDS   attach, detach, reload, unload: back out after this (60)\n"
	      "  --interval SECONDS  watch, top: time between updates (2)\n"
	      "  --count N           watch, top: end after N updates\n"
	      "  --help, --version\n"
	      "Exit status: 0 success, 1 failure or a problem was found, 2 usage error,\n"
	      "3 timeout; the message describes the resulting state. See outriggerctl(8).\n",
	      out);
}

static const struct command *command_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static bool seconds(const char *text, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end != text && !*end && *value > 0 && *value <= 86400;
}

static bool add_module(struct options *o, const char *name)
{
	const struct kind *kind = kind_of(name);
	size_t i;

	for (i = 0; i < o->n; i++)
		if (o->kinds[i] == kind)
			return true;
	if (kind)
		o->kinds[o->n++] = kind;
	return kind;
}

/* Sets @o from the options, and @given to the options that only some commands take. */
static int parse_options(struct options *o, unsigned int *given, int argc,
			 char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, JSON },
		{ "due", no_argument, NULL, DUE },
		{ "timeout", required_argument, NULL, TIMEOUT },
		{ "interval", required_argument, NULL, INTERVAL },
		{ "count", required_argument, NULL, COUNT },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	int c;

	optind = 0; /* tests call this more than once */
	while ((c = getopt_long(argc, argv, "hv", long_options, NULL)) != -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			return DONE;
		case 'v':
			puts("outriggerctl " OUTRIGGER_VERSION);
			return DONE;
		case '?':
			return USAGE; /* getopt has printed the error */
		case JSON:
			o->json = true;
			break;
		case DUE:
			o->due = true;
			break;
		case TIMEOUT:
		case INTERVAL:
			if (!seconds(optarg, c == TIMEOUT ? &o->timeout :
							    &o->interval)) {
				complain(
					"'%s' is not a number of seconds from 0 to 86400",
					optarg);
				return USAGE;
			}
			break;
		case COUNT:
			o->count = strtol(optarg, &end, 10);
			if (*end || o->count < 1) {
				complain("'%s' is not a number of updates",
					 optarg);
				return USAGE;
			}
			break;
		}
		*given |= c;
	}
	return GO_ON;
}

int outriggerctl(int argc, char **argv)
{
	struct options o = { .timeout = 60, .interval = 2 };
	const struct command *command;
	unsigned int given = 0;
	int ret;

	error_context("outriggerctl");
	if (!root_fits()) {
		complain("OUTRIGGER_ROOT is too long");
		return USAGE;
	}
	ret = parse_options(&o, &given, argc, argv);
	if (ret != GO_ON)
		return ret;
	if (optind == argc) {
		usage(stderr);
		return USAGE;
	}
	command = command_of(argv[optind]);
	if (!command) {
		complain("unknown command '%s'; see outriggerctl --help",
			 argv[optind]);
		return USAGE;
	}
	if (given & ~command->takes) {
		complain(
			"%s does not take that option; see outriggerctl --help",
			command->name);
		return USAGE;
	}
	if (o.json && o.due) {
		complain("--json and --due can't be combined");
		return USAGE;
	}
	while (++optind < argc) {
		if (!add_module(&o, argv[optind])) {
			complain(
				"unknown module '%s': the modules are bcache-journal and xe-pagefault",
				argv[optind]);
			return USAGE;
		}
		o.named = true;
	}
	if (!o.named)
		for (; o.n < KINDS; o.n++)
			o.kinds[o.n] = &kinds[o.n];
	return command->run(&o);
}
