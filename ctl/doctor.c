// SPDX-License-Identifier: GPL-2.0
/* Checks the prerequisites for attaching. */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/ko.h"
#include "doctor.h"

/* Prints a verdict, and what to do about it unless @todo is NULL or empty. */
void verdict(struct doctor *d, enum severity level, const char *todo,
	     const char *fmt, ...)
{
	va_list ap;

	d->count[level]++;
	printf("%s%-4s%s  ", level_colour(level), level_name(level),
	       colour_end());
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	if (todo && *todo && level != OK)
		printf("        %s\n", todo);
	fflush(stdout);
}

/* --- the modules themselves ---------------------------------------------------- */

static void check_modules(struct doctor *d)
{
	size_t i, j;

	for (i = 0; i < d->o->n; i++) {
		const char *name = d->o->kinds[i]->module;
		struct module m;
		struct units u;
		struct health h;

		module_look(&m, d->o->kinds[i]);
		module_look_at_file(&m);
		units_read(&u, m.kind);
		health_look(&h, &m, &u);
		units_free(&u);
		if (!h.n)
			verdict(d, module_is(&m, "not-installed") ? SKIP : OK,
				NULL, "%s: %s", name, m.state);
		for (j = 0; j < h.n; j++)
			verdict(d, h.list[j].level, h.list[j].todo,
				"%s: %s, %s", name, m.state, h.list[j].what);
	}
}

/* --- the kernel ---------------------------------------------------------------- */

/**
 * config_value - look up a kernel's configuration option
 * @config: the kernel's .config
 * @option: CONFIG_...
 * @value: set to the option's value: "y", "m", ...; "n" if it is not set
 * @size: size of @value
 *
 * Return: true if it is set.
 */
bool config_value(const char *config, const char *option, char *value,
		  size_t size)
{
	size_t len = strlen(option);
	const char *p = config;

	while ((p = strstr(p, option))) {
		if ((p == config || p[-1] == '\n') && p[len] == '=') {
			p += len + 1;
			snprintf(value, size, "%.*s", (int)strcspn(p, "\n"), p);
			return true;
		}
		p += len;
	}
	snprintf(value, size, "n");
	return false;
}

static bool read_config(char *config, size_t size)
{
	static const char *const places[] = { "/boot/config-%s",
					      "/lib/modules/%s/config",
					      "/lib/modules/%s/build/.config" };
	char path[PATH_MAX], file[PATH_MAX];
	const char *const argv[] = { "gzip", "-dc", path, NULL };
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(file, sizeof(file), places[i], kernel_release());
		if (file_read(config, size, "%s", file) > 0)
			return true;
	}
	at_root(path, "/proc/config.gz");
	return !access(path, R_OK) && !run(config, size, argv) && *config;
}

static void check_config(struct doctor *d)
{
	static const char *const wants[] = {
		"CONFIG_LIVEPATCH",	 "CONFIG_DYNAMIC_FTRACE",
		"CONFIG_KALLSYMS_ALL",	 "CONFIG_MODULE_UNLOAD",
		"CONFIG_DEBUG_INFO_BTF", "CONFIG_DEBUG_INFO_BTF_MODULES",
	};
	static const char *const drivers[] = {
		[BCACHE_JOURNAL] = "CONFIG_BCACHE", [XE_PAGEFAULT] = "CONFIG_DRM_XE"
	};
	static const size_t size = 1 << 20;
	char *config = malloc(size), value[16];
	bool all = true;
	size_t i;

	if (!config || !read_config(config, size)) {
		verdict(d, SKIP, NULL,
			"kernel config: found neither in /boot nor in /proc");
		free(config);
		return;
	}
	for (i = 0; i < sizeof(wants) / sizeof(*wants); i++) {
		if (config_value(config, wants[i], value, sizeof(value)))
			continue;
		all = false;
		verdict(d, FAIL, "use a kernel that has it, such as Debian's",
			"kernel config: %s is not set", wants[i]);
	}
	if (all)
		verdict(d, OK, NULL,
			"kernel config: livepatch, ftrace, BTF of modules");
	for (i = 0; i < d->o->n; i++) {
		const struct kind *kind = d->o->kinds[i];
		const char *driver = drivers[kind - kinds];

		config_value(config, driver, value, sizeof(value));
		if (*value == 'n')
			verdict(d, SKIP, NULL, "kernel config: %s is not set",
				driver);
		else if (*value == 'y')
			verdict(d, FAIL, "use a kernel that has it as a module",
				"kernel config: %s is built in", kind->target);
	}
	free(config);
}

static void check_ftrace(struct doctor *d)
{
	long long on;

	if (!file_number(&on, "/proc/sys/kernel/ftrace_enabled"))
		verdict(d, FAIL, "livepatch needs ftrace: use another kernel",
			"ftrace: this kernel has none");
	else if (!on)
		verdict(d, FAIL,
			"\"sysctl kernel.ftrace_enabled=1\", and check /etc/sysctl.d; then \"outriggerctl attach\"",
			"ftrace: kernel.ftrace_enabled=0, nothing can attach");
	else
		verdict(d, OK, NULL, "ftrace: enabled");
}

/* --- the stock drivers --------------------------------------------------------- */

#define BUILD_ID_MAX 64

/* Copies the build ID from an ELF note; returns its length, or 0 if it is another note. */
static size_t build_id(unsigned char *id, const void *note, size_t size)
{
	GElf_Nhdr n;

	if (size < sizeof(n))
		return 0;
	memcpy(&n, note, sizeof(n));
	if (n.n_descsz > BUILD_ID_MAX || n.n_namesz != 4 ||
	    sizeof(n) + 4 + n.n_descsz > size)
		return 0;
	memcpy(id, (const char *)note + sizeof(n) + 4, n.n_descsz);
	return n.n_descsz;
}

static size_t build_id_loaded(unsigned char *id, const char *module)
{
	char note[256];
	int n = file_read(note, sizeof(note),
			  "/sys/module/%s/notes/.note.gnu.build-id", module);

	/* binary data: file_read() may have stripped a newline that belongs to it */
	return n > 0 ? build_id(id, note, n + 1) : 0;
}

static void check_target(struct doctor *d, const struct kind *kind)
{
	unsigned char loaded[BUILD_ID_MAX], disk[BUILD_ID_MAX];
	size_t loaded_len = build_id_loaded(loaded, kind->target), disk_len = 0;
	const char *name = kind->target;
	bool btf = false;
	struct installed f;
	Elf_Data *data;
	struct ko ko;

	installed_find(&f, kernel_release(), name);
	if (!f.there || ko_open(&ko, f.path)) {
		verdict(d, SKIP, NULL, "%s: this kernel has no such module",
			name);
		return;
	}
	data = ko_data(&ko, ".note.gnu.build-id");
	if (data)
		disk_len = build_id(disk, data->d_buf, data->d_size);
	btf = ko_data(&ko, ".BTF");
	ko_close(&ko);

	if (!btf)
		verdict(d, FAIL,
			"no module can be built for it: use a kernel with BTF",
			"%s: %s has no BTF", name, f.path);
	if (!file_there("/sys/module/%s", name))
		verdict(d, SKIP, NULL, "%s: not loaded", name);
	else if (!loaded_len || !disk_len)
		verdict(d, SKIP, NULL, "%s: it has no build ID to compare",
			name);
	else if (loaded_len != disk_len || memcmp(loaded, disk, disk_len))
		verdict(d, WARN,
			"the module is built for the file on disk: it attaches after a reboot",
			"%s: the loaded driver is not %s", name, f.path);
	else
		verdict(d, OK, NULL,
			"%s: the loaded driver is the file on disk%s", name,
			btf ? ", which has BTF" : "");
}

static void check_targets(struct doctor *d)
{
	size_t i;

	if (file_there("/sys/kernel/btf/vmlinux"))
		verdict(d, OK, NULL, "BTF: the kernel provides its own");
	else
		verdict(d, WARN,
			"modules can be built only with the image in /boot",
			"BTF: the kernel does not provide its own");
	for (i = 0; i < d->o->n; i++)
		check_target(d, d->o->kinds[i]);
}

/* --- possible conflicts -------------------------------------------------------- */

static void check_patches(struct doctor *d)
{
	char pattern[PATH_MAX], root[PATH_MAX], text[8];
	size_t skip = strlen(at_root(root, "%s", "")), others = 0, i;
	long long moving;
	glob_t found;

	at_root(pattern, "/sys/kernel/livepatch/*");
	if (!glob(pattern, 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc; i++) {
			const char *dir = found.gl_pathv[i] + skip;
			const char *name = strrchr(dir, '/') + 1;

			if (kind_of(name))
				continue;
			others++;
			file_number(&moving, "%s/transition", dir);
			file_read(text, sizeof(text), "%s/replace", dir);
			if (moving)
				verdict(d, WARN,
					"nothing else can attach or detach until it is complete; to reverse it, write 0 to its \"enabled\"",
					"other live patches: %s is in transition%s",
					name,
					*text == '1' ?
						", after which it replaces all others" :
						"");
			else if (*text == '1')
				verdict(d, WARN,
					"if loaded later, such a patch replaces Outrigger's; \"outriggerctl attach\" attaches it again",
					"other live patches: %s, which replaces all others",
					name);
			else
				verdict(d, OK, NULL,
					"other live patches: %s, not in transition",
					name);
		}
		globfree(&found);
	}
	if (!others)
		verdict(d, OK, NULL, "other live patches: none");
}

/* Does the module replace that function? Its table of places lists them all. */
static bool replaces(struct ko *ko, const char *function)
{
	size_t i, n = strlen(function) + 1;
	Elf_Data *data = ko_data(ko, ".rela.outrigger.places"), *symbols;
	const char *name;
	GElf_Shdr shdr;
	GElf_Rela r;
	GElf_Sym s;

	if (!ko_symtab(ko, &symbols, &shdr))
		return false;
	for (i = 0; data && gelf_getrela(data, i, &r); i++) {
		if (!gelf_getsym(symbols, GELF_R_SYM(r.r_info), &s))
			continue;
		name = ko_bytes(ko, s.st_shndx, s.st_value + r.r_addend, n);
		if (name && !memcmp(name, function, n))
			return true;
	}
	return false;
}

/*
 * A kprobe with a post handler at the start of a function conflicts with a livepatch of
 * that function. The kernel's list does not show which kprobes have a post handler.
 */
static void check_kprobes_on(struct doctor *d, const struct kind *kind,
			     const char *list)
{
	char line[512], type, function[128], of[NAME_MAX_LEN], todo[320];
	enum severity level;
	struct installed f;
	struct module m;
	bool any = false;
	struct ko ko;

	module_look(&m, kind);
	installed_find(&f, kernel_release(), kind->module);
	if (!f.there || ko_open(&ko, f.path))
		return;
	level = module_is(&m, "attached") ? OK :
		m.token == REASON_BUSY	  ? FAIL :
					    WARN;
	snprintf(
		todo, sizeof(todo),
		"a kprobe with a post handler excludes a livepatch: unload the module, or end the tool, that has set it, then \"outriggerctl attach %s\"",
		kind->module);
	for (; *list; list += strcspn(list, "\n"), list += *list == '\n') {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(list, "\n"),
			 list);
		if (sscanf(line, "%*s %c %127[^+ ]+%*x %63s", &type, function,
			   of) != 3 ||
		    type != 'k' || strcmp(of, kind->target) ||
		    !strstr(line, "[FTRACE]") || strstr(line, "[DISABLED]") ||
		    !replaces(&ko, function))
			continue;
		any = true;
		verdict(d, level, todo,
			"kprobes: one is set on %s of %s, which %s replaces",
			function, kind->target, kind->module);
	}
	if (!any)
		verdict(d, OK, NULL,
			"kprobes: none on a function that %s replaces",
			kind->module);
	ko_close(&ko);
}

static void check_kprobes(struct doctor *d)
{
	static const size_t size = 1 << 20;
	char *list = malloc(size);
	size_t i;

	if (!list ||
	    file_read(list, size, "/sys/kernel/debug/kprobes/list") < 0)
		verdict(d, SKIP, NULL,
			"kprobes: /sys/kernel/debug/kprobes/list can't be read");
	else
		for (i = 0; i < d->o->n; i++)
			check_kprobes_on(d, d->o->kinds[i], list);
	free(list);
}

/* Does the kernel's log contain @words? -1 if unreadable. Each read is one record. */
static int log_has(const char *words)
{
	char path[PATH_MAX], record[8193];
	int fd = open(at_root(path, "/dev/kmsg"),
		      O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool found = false;
	ssize_t n;

	if (fd < 0)
		return -1;
	/* EPIPE: records were overwritten before they were read */
	while (!found && ((n = read(fd, record, sizeof(record) - 1)) > 0 ||
			  (n < 0 && errno == EPIPE))) {
		if (n < 0)
			continue;
		record[n] = '\0';
		found = strstr(record, words);
	}
	close(fd);
	return found;
}

static void check_force(struct doctor *d)
{
	switch (log_has("forcing remaining tasks")) {
	case -1:
		verdict(d, SKIP, NULL,
			"forced transition: only root can read the kernel's log");
		break;
	case 0:
		verdict(d, OK, NULL,
			"forced transition: none in the kernel's log");
		break;
	default:
		verdict(d, FAIL,
			"the module in question can't be unloaded, and tasks may run both stock and replacement functions: reboot",
			"forced transition: \"force\" of a livepatch was written to");
	}
}

static void check_ibt(struct doctor *d)
{
	static const size_t size = 1 << 20;
	char *cpus = malloc(size);
	bool ibt = cpus && file_read(cpus, size, "/proc/cpuinfo") > 0 &&
		   strstr(cpus, " ibt");

	free(cpus);
	if (log_has("Missing ENDBR") > 0)
		verdict(d, FAIL,
			"please report it; \"ibt=warn\" or \"ibt=off\" avoids it",
			"IBT: an indirect jump went to a place without ENDBR, see the kernel's log");
	else
		verdict(d, OK, NULL, "IBT: %s",
			ibt ? "these CPUs have it, and the modules are built for it" :
			      "these CPUs do not have it");
}

/*
 * Does the kernel have a key of that name, the CN of its certificate? The kernel puts
 * the O before it. If the keys can't be read, return true: only root can read them.
 */
static bool key_known(const char *signer)
{
	static const size_t size = 1 << 18;
	char *keys, *line, *save, name[160];
	bool known;

	if (real_root() && geteuid())
		return true;
	snprintf(name, sizeof(name), " %s: ", signer);
	keys = malloc(size);
	known = !keys || file_read(keys, size, "/proc/keys") <= 0;
	for (line = known ? NULL : strtok_r(keys, "\n", &save); line && !known;
	     line = strtok_r(NULL, "\n", &save))
		known = strstr(line, " asymmetri ") && strstr(line, name);
	free(keys);
	return known;
}

static void check_signatures(struct doctor *d)
{
	static const char enroll[] =
		"\"mokutil --import /var/lib/dkms/mok.pub\", reboot, enroll";
	char lockdown[64], enforce[8], todo[320];
	bool must, any = false;
	size_t i;

	file_read(lockdown, sizeof(lockdown), "/sys/kernel/security/lockdown");
	file_read(enforce, sizeof(enforce),
		  "/sys/module/module/parameters/sig_enforce");
	must = *enforce == 'Y' || strstr(lockdown, "[integrity]") ||
	       strstr(lockdown, "[confidentiality]");
	for (i = 0; i < d->o->n; i++) {
		const char *name = d->o->kinds[i]->module;
		struct installed f;

		installed_find(&f, kernel_release(), name);
		if (!f.there)
			continue;
		any = true;
		snprintf(
			todo, sizeof(todo),
			"with openssl installed, \"dkms unbuild outrigger/%s -k %s\", then \"dkms install --force\" with the same arguments sign it; then %s",
			f.version, kernel_release(), enroll);
		if (*f.signer && must && !key_known(f.signer))
			verdict(d, FAIL, enroll,
				"signatures: the kernel requires them, and lacks the key \"%s\", with which %s is signed",
				f.signer, name);
		else if (*f.signer)
			verdict(d, OK, NULL,
				"signatures: %s is signed by \"%s\"", name,
				f.signer);
		else if (must)
			verdict(d, FAIL, todo,
				"signatures: the kernel requires them (%s), and %s has none",
				*enforce == 'Y' ? "sig_enforce" : "lockdown",
				name);
		else
			verdict(d, OK, NULL,
				"signatures: %s has none, and the kernel requires none",
				name);
	}
	if (!any)
		verdict(d, SKIP, NULL,
			"signatures: the kernel %s; there is no module to check",
			must ? "requires them" : "requires none");
}

/* --- whether the modules are loaded with their drivers ------------------------- */

static void check_ways(struct doctor *d)
{
	static const char back[] =
		"undo this to use the module, then \"outriggerctl attach\"";
	char hyphens[NAME_MAX_LEN];
	size_t i;

	for (i = 0; i < d->o->n; i++) {
		const struct kind *kind = d->o->kinds[i];
		const char *name = kind->module, *where = off_where(name),
			   *out = kept_out(name);
		struct installed f;

		installed_find(&f, kernel_release(), name);
		if (!f.there)
			continue;
		with_hyphens(hyphens, sizeof(hyphens), name);
		if (cmdline_blacklists(hyphens))
			verdict(d, WARN,
				"the kernel takes the name only with an underscore",
				"%s: module_blacklist=%s does not keep it out",
				name, hyphens);
		if (out)
			verdict(d, WARN, back, "%s: kept out by %s", name, out);
		else if (where)
			verdict(d, WARN, back, "%s: off=1 %s", name, where);
		else if (conf_has_softdep(kind->target, name))
			verdict(d, OK, NULL, "%s: is loaded along with %s%s",
				name, kind->target,
				conf_has_blacklist(name) ?
					", despite \"blacklist\"" :
					"");
		else
			verdict(d, WARN,
				"/usr/lib/modprobe.d/outrigger.conf has the softdep: is it masked in /etc?",
				"%s: is not loaded along with %s", name,
				kind->target);
	}
}

typedef void (*check)(struct doctor *);

int cmd_doctor(const struct options *o)
{
	static const check checks[] = {
		check_modules, check_kernels, check_dkms,    check_initramfs,
		check_config,  check_ftrace,  check_targets, check_patches,
		check_kprobes, check_force,   check_ibt,     check_signatures,
		check_ways,
	};
	struct doctor d = { .o = o };
	size_t i;

	if (real_root() && geteuid())
		verdict(&d, SKIP, NULL,
			"you are not root: not everything can be checked");
	for (i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		checks[i](&d);
	printf("\n%zu ok, %zu warn, %zu fail, %zu skip\n", d.count[OK],
	       d.count[WARN], d.count[FAIL], d.count[SKIP]);
	return d.count[FAIL] ? FAILED : DONE;
}
