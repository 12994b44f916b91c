// SPDX-License-Identifier: GPL-2.0
/* doctor: checks the files on disk for each installed kernel. */
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor.h"

/* Calls @check with the release of each kernel. */
static void each_kernel(struct doctor *d,
			void (*check)(struct doctor *d, const char *release))
{
	char pattern[PATH_MAX], root[PATH_MAX];
	size_t skip = strlen(at_root(root, "/lib/modules/")), i;
	glob_t found;

	if (glob(at_root(pattern, "/lib/modules/*/kernel"), 0, NULL, &found))
		return;
	for (i = 0; i < found.gl_pathc; i++) {
		*strrchr(found.gl_pathv[i], '/') = '\0';
		check(d, found.gl_pathv[i] + skip);
	}
	globfree(&found);
}

/* Does the module's file fit the driver's file? Asks the build's own klp-check. */
static void check_fit(struct doctor *d, const char *release,
		      const struct kind *kind, const struct installed *ours,
		      const struct installed *stock)
{
	char judge[PATH_MAX], target[PATH_MAX], base[PATH_MAX];
	char out[1024], todo[512];
	const char *const argv[] = { judge,    "--kver",   release,
				     "--base", base,	   "--target",
				     target,   ours->path, NULL };

	at_root(judge, OUTRIGGER_TOOLS "/klp-check");
	at_root(base, "/boot/vmlinuz-%s", release);
	if (access(base, R_OK))
		at_root(base, "/lib/modules/%s/vmlinuz", release);
	if (access(judge, X_OK) || access(base, R_OK)) {
		verdict(d, SKIP, NULL,
			"kernel %s: can't check whether %s fits %s without %s",
			release, kind->module, kind->target,
			access(judge, X_OK) ? judge : base);
		return;
	}
	snprintf(target, sizeof(target), "%s=%s", kind->target, stock->path);
	if (!run(out, sizeof(out), argv))
		return;
	out[strcspn(out, "\n")] = '\0';
	snprintf(todo, sizeof(todo),
		 "it was built for another build of this kernel: " REBUILD,
		 ours->version, release, release, release);
	verdict(d, FAIL, todo, "kernel %s: %s does not fit %s: %s", release,
		kind->module, stock->path, out);
}

/*
 * Prints one verdict on a kernel: @have lists its modules, @lack the missing ones, and
 * @why the reasons for those that DKMS has left out.
 */
static void sum_up(struct doctor *d, const char *release, const char *have,
		   const char *lack, const char *why)
{
	bool headers = file_there("/lib/modules/%s/build/Makefile", release);
	bool running = !strcmp(release, kernel_release());
	enum severity level = OK;
	char todo[1024] = "";

	if (*lack) {
		level = running && !*have ? FAIL : WARN;
		if (*why)
			snprintf(todo, sizeof(todo), "%s; see " LEFT_OUT_LOG,
				 why, release);
		else
			snprintf(
				todo, sizeof(todo),
				!headers ?
					"install linux-headers-%s: DKMS then builds them" :
				*have ? "\"make -s -C /usr/src/outrigger-" OUTRIGGER_VERSION
					" KVER=%s fitting\" says why it is left out" :
					"\"dkms install outrigger/" OUTRIGGER_VERSION
					" -k %s\" says why; unknown kernels are left out",
				release);
	} else if (*have && !headers) {
		level = WARN;
		snprintf(
			todo, sizeof(todo),
			"install linux-headers-%s, or upgrades of Outrigger can't be built",
			release);
	}
	if (!*have && !*lack)
		verdict(d, SKIP, NULL,
			"kernel %s%s: it has none of the stock drivers",
			release, running ? " (running)" : "");
	else
		verdict(d, level, todo, "kernel %s%s: %s%s%s%s", release,
			running ? " (running)" : "",
			headers ? "headers" : "no headers", have,
			*lack ? "; without " : "", lack);
}

static void check_kernel(struct doctor *d, const char *release)
{
	char have[256] = "", lack[128] = "", todo[512], why[640] = "", one[256];
	struct installed ours, stock;
	size_t i, used = 0;

	for (i = 0; i < d->o->n; i++) {
		const struct kind *kind = d->o->kinds[i];

		installed_find(&stock, release, kind->target);
		installed_find(&ours, release, kind->module);
		if (stock.builtin) {
			verdict(d, FAIL, "use a kernel that has it as a module",
				"kernel %s: %s is built into it", release,
				kind->target);
		} else if (ours.there && strcmp(ours.release, release)) {
			snprintf(todo, sizeof(todo), REBUILD, ours.version,
				 release, release, release);
			verdict(d, FAIL, todo, "kernel %s: %s is built for %s",
				release, ours.path, ours.release);
		} else if (ours.there) {
			used += snprintf(have + used, sizeof(have) - used,
					 ", %s %s", kind->module, ours.version);
			if (stock.there)
				check_fit(d, release, kind, &ours, &stock);
		} else if (stock.there) {
			snprintf(lack + strlen(lack),
				 sizeof(lack) - strlen(lack), "%s%s",
				 *lack ? " and " : "", kind->module);
			if (left_out(one, sizeof(one), release, kind->module))
				snprintf(why + strlen(why),
					 sizeof(why) - strlen(why), "%s%s: %s",
					 *why ? "; " : "", kind->module, one);
		}
	}
	sum_up(d, release, have, lack, why);
}

void check_kernels(struct doctor *d)
{
	each_kernel(d, check_kernel);
	if (!file_there("/lib/modules/%s", kernel_release()))
		verdict(d, FAIL, "it was upgraded or removed: reboot",
			"kernel %s (running): its modules are not on disk",
			kernel_release());
}

/**
 * dkms_installed - is a module installed for a kernel?
 * @status: output of "dkms status"
 * @release: the kernel
 *
 * A line is "outrigger/0.1.0, 6.1.0-9-amd64, x86_64: installed", or, from older
 * versions of DKMS, "outrigger, 0.1.0, 6.1.0-9-amd64, ...".
 */
bool dkms_installed(const char *status, const char *release)
{
	char line[512], kernel[128];

	snprintf(kernel, sizeof(kernel), ", %s, ", release);
	while (*status) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(status, "\n"),
			 status);
		if (strstr(line, kernel) && strstr(line, ": installed"))
			return true;
		status += strcspn(status, "\n");
		status += *status == '\n';
	}
	return false;
}

void check_dkms(struct doctor *d)
{
	static const char *const in_path[] = { "dkms", "status", "outrigger",
					       NULL };
	/* for users without sbin in their PATH */
	static const char *const in_sbin[] = { "/usr/sbin/dkms", "status",
					       "outrigger", NULL };
	char out[8192], todo[256];
	int status;

	if (!real_root())
		return;
	status = run(out, sizeof(out), in_path);
	if (status == -1)
		status = run(out, sizeof(out), in_sbin);
	if (status == -1) {
		verdict(d, SKIP, NULL, "DKMS: not installed");
		return;
	}
	snprintf(todo, sizeof(todo),
		 "\"dkms install outrigger/%s -k %s\" says why",
		 OUTRIGGER_VERSION, kernel_release());
	if (status || !strstr(out, "outrigger"))
		verdict(d, WARN,
			"install outrigger-dkms, or \"make dkms-install\"",
			"DKMS: outrigger is not registered with it");
	else if (strstr(out, "WARNING"))
		verdict(d, WARN,
			"\"dkms install --force\" installs the one that was built",
			"DKMS: an installed module is not the one that DKMS built");
	else if (!dkms_installed(out, kernel_release()))
		verdict(d, WARN, todo,
			"DKMS: outrigger is not installed for %s",
			kernel_release());
	else
		verdict(d, OK, NULL, "DKMS: outrigger is installed for %s",
			kernel_release());
}

static bool has_file(const char *list, const char *module)
{
	char name[NAME_MAX_LEN], hyphens[NAME_MAX_LEN];

	snprintf(name, sizeof(name), "/%s.ko", module);
	return strstr(list, name) ||
	       strstr(list, with_hyphens(hyphens, sizeof(hyphens), name));
}

static bool is_older(const char *path, const char *than)
{
	struct stat a, b;

	return !stat(path, &a) && !stat(than, &b) && a.st_mtime < b.st_mtime;
}

/* Finds the initramfs of a kernel on Debian, SUSE, and Fedora or Arch. */
static bool find_image(char *image, const char *release)
{
	static const char *const places[] = { "/boot/initrd.img-%s",
					      "/boot/initrd-%s",
					      "/boot/initramfs-%s.img" };
	char path[PATH_MAX];
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, sizeof(path), places[i], release);
		if (!access(at_root(image, "%s", path), F_OK))
			return true;
	}
	return false;
}

static void check_image(struct doctor *d, const char *release)
{
	static const size_t size = 4 << 20;
	char image[PATH_MAX], todo[512], *list;
	const char *const by_tools[] = { "lsinitramfs", image, NULL };
	const char *const by_dracut[] = { "lsinitrd", image, NULL };
	struct installed ours;
	size_t i;

	if (!find_image(image, release))
		return;
	list = malloc(size);
	if (!list ||
	    (run(list, size, by_tools) && run(list, size, by_dracut))) {
		verdict(d, SKIP, NULL, "initramfs of %s: cannot be listed",
			release);
		free(list);
		return;
	}
	snprintf(todo, sizeof(todo), MAKE_INITRAMFS, release, release);
	for (i = 0; i < d->o->n; i++) {
		const struct kind *kind = d->o->kinds[i];
		bool in = has_file(list, kind->module);

		installed_find(&ours, release, kind->module);
		if (in && !ours.there)
			verdict(d, WARN, todo,
				"initramfs of %s: has %s, which is no longer installed",
				release, kind->module);
		else if (!in && ours.there && has_file(list, kind->target))
			verdict(d, WARN, todo,
				"initramfs of %s: has %s but not %s, which is therefore loaded later",
				release, kind->target, kind->module);
		else if (in && is_older(image, ours.path))
			verdict(d, WARN, todo,
				"initramfs of %s: is older than %s, so its copy may be outdated",
				release, ours.path);
		else if (in)
			verdict(d, OK, NULL, "initramfs of %s: has %s", release,
				kind->module);
		else
			verdict(d, SKIP, NULL, "initramfs of %s: has no %s",
				release, kind->target);
	}
	free(list);
}

void check_initramfs(struct doctor *d)
{
	each_kernel(d, check_image);
}
