// SPDX-License-Identifier: GPL-2.0
/* bcache-journal-dump: shows the journal of a bcache cache device. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/error.h"
#include "print.h"

enum { REGISTERS, REFUSED, FAILED };

struct options {
	unsigned int show;
	bool json;
	u64 offset;
	struct filter filter;
	const char *path;
};

static void usage(FILE *out)
{
	fputs("usage: bcache-journal-dump [OPTION...] DEVICE\n\n"
	      "Show the journal of DEVICE, a bcache cache device or an image of one.\n"
	      "Nothing is ever written.\n\n"
	      "What to print (default: superblock, buckets and verdict):\n"
	      "  -s, --super           the superblock\n"
	      "  -r, --ring            the buckets of the journal\n"
	      "  -e, --entries         the entries that recovery needs, and damaged ones\n"
	      "  -k, --keys            the same, with their keys\n"
	      "  -v, --verdict         whether the set would be registered, and if not, why\n\n"
	      "Which entries:\n"
	      "  -a, --all             also those that recovery does not need\n"
	      "  -n, --nr-entries N    the N newest\n"
	      "  -S, --seq FIRST-LAST  those numbers; FIRST, FIRST- and -LAST also work\n\n"
	      "  -j, --json            as JSON\n"
	      "  -o, --offset BYTES    of the device in the image; K, M, G, T may follow\n"
	      "  -h, --help, -V, --version\n\n"
	      "Exit status: 0 bcache-journal would register the set, 1 it would refuse the set,\n"
	      "2 usage, no journal can be read, or another error. See bcache-journal-dump(8).\n",
	      out);
}

/* Progress, on a terminal, once it has taken a second. */
static void progress(const char *what, u32 bucket, u32 of)
{
	static double began, next;
	static bool shown;
	struct timespec t;
	double now;

	if (!isatty(STDERR_FILENO))
		return;
	if (!what) {
		if (shown)
			fputs("\r\033[K", stderr);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &t);
	now = t.tv_sec + t.tv_nsec / 1e9;
	if (!began) {
		began = now;
		next = now + 1;
	}
	if (now < next)
		return;
	next = now + 0.2;
	shown = true;
	fprintf(stderr, "\r\033[Kreading (%s): bucket %u of %u", what,
		bucket + 1, of);
}

static bool number(const char *text, char **end, u64 *value)
{
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, end, 0);
	return !errno;
}

static bool parse_range(const char *text, struct filter *f)
{
	char *end = (char *)text;

	f->first = 0;
	f->last = ~0ULL;
	if (*text != '-' && !number(text, &end, &f->first))
		return false;
	if (!*end) {
		f->last = f->first;
		return *text;
	}
	if (*end++ != '-')
		return false;
	if (!*end)
		return *text != '-';
	return number(end, &end, &f->last) && !*end && f->first <= f->last;
}

static bool parse_size(const char *text, u64 *value)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (!number(text, &end, value))
		return false;
	if (!*end)
		return true;
	unit = strchr(units, *end);
	return unit && !end[1] &&
	       !__builtin_mul_overflow(*value, 1024ULL << 10 * (unit - units),
				       value);
}

#define GO_ON (-1)

static int parse(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "super", no_argument, NULL, 's' },
		{ "ring", no_argument, NULL, 'r' },
		{ "entries", no_argument, NULL, 'e' },
		{ "keys", no_argument, NULL, 'k' },
		{ "verdict", no_argument, NULL, 'v' },
		{ "all", no_argument, NULL, 'a' },
		{ "nr-entries", required_argument, NULL, 'n' },
		{ "seq", required_argument, NULL, 'S' },
		{ "json", no_argument, NULL, 'j' },
		{ "offset", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	bool filtered = false;
	char *end;
	int c;

	o->filter.last = ~0ULL;
	while ((c = getopt_long(argc, argv, "srekvan:S:jo:hV", options,
				NULL)) != -1) {
		switch (c) {
		case 's':
			o->show |= SHOW_SUPER;
			break;
		case 'r':
			o->show |= SHOW_RING;
			break;
		case 'e':
			o->show |= SHOW_ENTRIES;
			break;
		case 'k':
			o->show |= SHOW_KEYS;
			break;
		case 'v':
			o->show |= SHOW_VERDICT;
			break;
		case 'a':
			o->filter.all = true;
			filtered = true;
			break;
		case 'n':
			if (!number(optarg, &end, &o->filter.newest) || *end ||
			    !o->filter.newest) {
				complain("'%s' is no number of entries",
					 optarg);
				return FAILED;
			}
			filtered = true;
			break;
		case 'S':
			if (!parse_range(optarg, &o->filter)) {
				complain("'%s' is no range of entries", optarg);
				return FAILED;
			}
			filtered = true;
			break;
		case 'j':
			o->json = true;
			break;
		case 'o':
			if (!parse_size(optarg, &o->offset)) {
				complain("'%s' is no number of bytes", optarg);
				return FAILED;
			}
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("bcache-journal-dump " OUTRIGGER_VERSION);
			return 0;
		default:
			return FAILED; /* getopt has printed the error */
		}
	}
	if (optind + 1 != argc) {
		usage(stderr);
		return FAILED;
	}
	o->path = argv[optind];
	if (filtered && !(o->show & (SHOW_ENTRIES | SHOW_KEYS)))
		o->show |= SHOW_ENTRIES;
	if (!o->show)
		o->show = SHOW_SUPER | SHOW_RING | SHOW_VERDICT;
	return GO_ON;
}

/* The superblock alone needs no journal. */
static enum surveyed survey_all(struct survey *s, struct image *im,
				const struct options *o)
{
	if (survey_super(s, im) != SURVEYED)
		return NO_SUPER;
	if (super_unusable(&s->sb) && o->show & SHOW_SUPER)
		(o->json ? print_json : print_text)(stdout, s, SHOW_SUPER,
						    NULL);
	return survey_ring(s);
}

static int dump(const struct options *o)
{
	struct survey *s;
	struct filter filter = o->filter;
	struct image im;
	int ret;

	if (image_open(&im, o->path, o->offset))
		return FAILED;

	s = zalloc(sizeof(*s));
	s->progress = progress;
	if (survey_all(s, &im, o) == SURVEYED) {
		progress(NULL, 0, 0);
		filter_apply(&filter, s);
		(o->json ? print_json : print_text)(stdout, s, o->show,
						    &filter);
		ret = survey_registers(s) ? REGISTERS : REFUSED;
	} else {
		ret = FAILED;
	}
	survey_free(s);
	free(s);
	image_close(&im);
	return ret;
}

int main(int argc, char **argv)
{
	struct options o = {};
	int ret;

	error_context("bcache-journal-dump");
	error_status(FAILED);
	ret = parse(&o, argc, argv);
	if (ret == GO_ON)
		ret = dump(&o);
	if (fflush(stdout) || ferror(stdout)) {
		complain("cannot write: %s", strerror(errno));
		return FAILED;
	}
	return ret;
}
