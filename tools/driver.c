// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: The stock driver
 *
 * The driver's file, its BTF, and the kernel's BTF that the driver's is based on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../lib/btf-base.h"
#include "../lib/error.h"
#include "driver.h"

/* Returns the root directory of the target's system, or "" for the running system. */
static const char *driver_root(const struct driver *t)
{
	const char *in_path =
		strstr(t->path, text("/lib/modules/%s/", t->kver));
	size_t len = in_path ? in_path - t->path : 0;

	if (len >= 4 && !strncmp(t->path + len - 4, "/usr", 4))
		len -= 4;
	return text("%.*s", (int)len, t->path);
}

/* Resolves a link in the modules directory inside the target's root. */
static const char *module_link(const struct driver *t, const char *name)
{
	char *path =
		text("%s/lib/modules/%s/%s", driver_root(t), t->kver, name);
	char to[PATH_MAX];
	ssize_t n = readlink(path, to, sizeof(to));

	return n > 0 && *to == '/' ?
		       text("%s%.*s", driver_root(t), (int)n, to) :
		       path;
}

/*
 * Find the kernel's own BTF: in the headers, beside its debug symbols, in the
 * running kernel if it is the same release, or in the installed image.
 */
static const char *find_base(const struct driver *t)
{
	const char *root = driver_root(t);
	struct utsname running;
	const char *const places[] = {
		text("%s/vmlinux", module_link(t, "build")),
		text("%s/usr/lib/debug/boot/vmlinux-%s", root, t->kver),
		text("%s/usr/lib/debug/lib/modules/%s/vmlinux", root, t->kver),
		!uname(&running) && !strcmp(running.release, t->kver) ?
			"/sys/kernel/btf/vmlinux" :
			"",
		text("%s/boot/vmlinuz-%s", root, t->kver),
		text("%s/lib/modules/%s/vmlinuz", root, t->kver),
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (!access(places[i], R_OK))
			return places[i];
	die("found no BTF of this kernel; install its headers or its image, or name its BTF with --base");
}

bool driver_has_header(const struct driver *t, const struct want_item *item)
{
	static const char *const links[] = { "build", "source" };
	int len = strlen(item->header) - 2; /* without <> */

	if (*item->header != '<')
		die_at(item->line, "only a <header> can be optional");
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (!access(text("%s/include/%.*s", module_link(t, links[i]),
				 len, item->header + 1),
			    R_OK))
			return true;
	return false;
}

/* libbpf 1.1 takes split BTF only from a file, and a chroot may lack /proc. */
static struct btf *open_split(const struct driver *t, const Elf_Data *data,
			      struct btf *base)
{
	char *path = text("%s.XXXXXX", t->scratch ?: P_tmpdir "/btf-want");
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	struct btf *btf;

	if (!f)
		die("%s can't be written: %s", path, strerror(errno));
	error_remove(path);
	if (fwrite(data->d_buf, data->d_size, 1, f) != 1 || fclose(f))
		die("%s can't be written: %s", path, strerror(errno));
	btf = btf__parse_raw_split(path, base);
	unlink(path);
	error_remove(NULL);
	return btf;
}

void driver_open(struct driver *t, const struct want *want)
{
	const char *vermagic, *name;

	if (access(t->path, R_OK))
		die("%s can't be read: %s", t->path, strerror(errno));
	if (ko_open(&t->ko, t->path))
		exit(1);
	vermagic = ko_modinfo(&t->ko, "vermagic") ?: "";
	if (strncmp(vermagic, t->kver, strlen(t->kver)) ||
	    vermagic[strlen(t->kver)] != ' ')
		die("this module was built for kernel %.*s",
		    (int)strcspn(vermagic, " "), vermagic);
	name = ko_modinfo(&t->ko, "name") ?: "";
	if (strcmp(name, want->target))
		die_at(want->target_line, "this is module '%s', not '%s'", name,
		       want->target);
}

void driver_open_types(struct driver *t)
{
	struct btf *base;
	const char *wrong;
	Elf_Data *data;

	data = ko_data(&t->ko, ".BTF");
	if (!data)
		die("the module has no .BTF section");

	if (!t->base_path)
		t->base_path = find_base(t);
	base = btf_base_open(t->base_path);
	t->types.own = btf__type_cnt(base);
	t->types.btf = open_split(t, data, base);
	if (!t->types.btf)
		die("%s is not the base of its BTF: %s", t->base_path,
		    strerror(errno));
	wrong = types_check(&t->types);
	if (wrong)
		die("%s is not the base of its BTF: %s", t->base_path, wrong);
}

/*
 * The names of kernels that follow kernel.org's stable series of their number, without
 * that number. Other vendors backport whole drivers, so their numbers say little.
 */
static const char *const stable_forms[] = {
	/* kernel.org, and tests/qemu/debug.config */
	"(\\.[0-9]+)?(-rc[0-9]+)?(-debug)?",
	/* Debian 13 and later: .118+deb13-amd64, and rebuilt: .74+deb13+1-amd64 */
	"(\\.[0-9]+)?(-rc[0-9]+)?(\\+(bpo|deb[0-9]+)([.+][0-9]+)*)?(-cloud|-rt)?-amd64",
	/* Debian 12 and earlier, where the third number is always 0: .0-57-amd64 */
	"\\.0-[0-9]+(\\.deb[0-9]+\\.[0-9]+)?(-cloud|-rt)?-amd64",
	/* Arch: .5-arch1-1 */
	"\\.[0-9]+-arch[0-9]+-[0-9]+",
	/* Fedora: .5-200.fc41.x86_64 */
	"\\.[1-9][0-9]*-[0-9]+\\.fc[0-9]+\\.x86_64",
	/* openSUSE: .5-1-default; SLES has a 0 first, or a longer number after it */
	"\\.[1-9][0-9]*-[1-9]-default",
};

/* Returns "6.12", or the whole release as a series of its own. */
static const char *series_of(const char *release)
{
	for (size_t i = 0; i < sizeof(stable_forms) / sizeof(stable_forms[0]);
	     i++) {
		regmatch_t match[2];
		bool fits;
		regex_t re;

		if (regcomp(&re, text("^([0-9]+\\.[0-9]+)%s$", stable_forms[i]),
			    REG_EXTENDED))
			die("the regular expression '%s' is not valid",
			    stable_forms[i]);
		fits = !regexec(&re, release, 2, match, 0);
		regfree(&re);
		if (fits)
			return text("%.*s", (int)match[1].rm_eo, release);
	}
	return release;
}

static int series_cmp(const char *a, const char *b)
{
	unsigned int am = 0, an = 0, bm = 0, bn = 0;

	sscanf(a, "%u.%u", &am, &an);
	sscanf(b, "%u.%u", &bm, &bn);
	return am != bm ? (am < bm ? -1 : 1) : an < bn ? -1 : an > bn;
}

/* Look at the target's vermagic: a kernel's release can have any name. */
static bool is_preempt_rt(struct driver *t)
{
	return strstr(ko_modinfo(&t->ko, "vermagic"), " preempt_rt ");
}

const char *driver_series(struct driver *t, const struct want *want,
			  bool allow_unvetted)
{
	const char *best = NULL;
	char *series, *list = "";

	series =
		text("%s%s", series_of(t->kver), is_preempt_rt(t) ? "-rt" : "");
	if (series_in(want->vetted, series))
		return series;
	for (char **v = want->vetted; v && *v; v++) {
		list = text("%s%s%s", list, *list ? ", " : "", *v);
		if (!best ||
		    (series_cmp(*v, series) <= 0 && series_cmp(*v, best) > 0))
			best = *v;
	}
	if (!allow_unvetted)
		die("kernel series %s is not vetted for %s (vetted: %s); developers can override this with --allow-unvetted",
		    series, want->target, *list ? list : "none");
	return best ?: series;
}
