// SPDX-License-Identifier: GPL-2.0
/* outriggerctl doctor on systems with various problems. */
#include "ctl-tree.h"

#include "../../ctl/doctor.h"

static void config(void **state)
{
	static const char text[] =
		"CONFIG_LIVEPATCH=y\n# CONFIG_X is not set\n"
		"NOT_CONFIG_BCACHE=y\nCONFIG_BCACHE_DEBUG=y\n"
		"CONFIG_BCACHE=m\nCONFIG_LAST=\"a b\"";
	char value[8];

	assert_true(
		config_value(text, "CONFIG_LIVEPATCH", value, sizeof(value)));
	assert_string_equal(value, "y");
	assert_true(config_value(text, "CONFIG_BCACHE", value, sizeof(value)));
	assert_string_equal(value, "m");
	assert_true(config_value(text, "CONFIG_LAST", value, sizeof(value)));
	assert_string_equal(value, "\"a b\"");
	assert_false(config_value(text, "CONFIG_X", value, sizeof(value)));
	assert_string_equal(value, "n");
	assert_false(config_value("", "CONFIG_X", value, sizeof(value)));
}

static void dkms(void **state)
{
	static const char status[] =
		"outrigger/0.1.0, 6.1.0-9-amd64, x86_64: installed\n"
		"outrigger/0.1.0, 6.12.5-amd64, x86_64: built\n"
		"outrigger, 0.1.0, 6.1.0-10-amd64, x86_64: installed (WARNING! ...)\n"
		"outrigger/0.2.0: added";

	assert_true(dkms_installed(status, "6.1.0-9-amd64"));
	assert_true(dkms_installed(status, "6.1.0-10-amd64"));
	assert_false(dkms_installed(status, "6.12.5-amd64"));
	assert_false(dkms_installed(status, "6.1.0-1"));
	assert_false(dkms_installed("", "6.1.0-9-amd64"));
}

static void option(void **state)
{
	assert_true(option_is_off("off", ""));
	assert_true(option_is_off("time_slice=1 off=Y", ""));
	assert_true(option_is_off("off=on", ""));
	assert_false(option_is_off("off=of", ""));
	assert_false(option_is_off("off=0", ""));
	assert_false(option_is_off("off=", ""));
	assert_false(option_is_off("off=1 off=n", ""));
	assert_false(option_is_off("offset=1", ""));
	assert_true(option_is_off("quiet xe-pagefault.off=1", "xe_pagefault."));
	assert_false(
		option_is_off("quiet bcache_journal.off=1", "xe_pagefault."));
	assert_false(option_is_off("", "xe_pagefault."));
}

/* Copy the notes of the driver's file to /sys, as for the loaded driver. */
static void notes(const char *target)
{
	shell("mkdir -p %s/sys/module/%s/notes", tree, target);
	shell("objcopy -O binary -j .note.gnu.build-id %s/lib/modules/%s/kernel/%s.ko %s/sys/module/%s/notes/.note.gnu.build-id",
	      tree, RELEASE, target, tree, target);
}

static void program(const char *path, const char *does)
{
	put(path, "#!/bin/sh\n%s", does);
	shell("chmod 755 %s%s", tree, path);
}

/* Create a system without problems. */
static void good(void)
{
	attached("bcache_journal", "bcache");
	attached("xe_pagefault", "xe");
	file(RELEASE, "bcache", "", "");
	file(RELEASE, "bcache_journal", "0.1.0", "AAAA");
	file(RELEASE, "xe", "", "");
	file(RELEASE, "xe_pagefault", "0.1.0", "AAAA");
	depmod(RELEASE);
	put("/lib/modules/" RELEASE "/build/Makefile", "%s", "");
	put("/boot/config-" RELEASE,
	    "CONFIG_LIVEPATCH=y\nCONFIG_DYNAMIC_FTRACE=y\nCONFIG_KALLSYMS_ALL=y\n"
	    "CONFIG_MODULE_UNLOAD=y\nCONFIG_DEBUG_INFO_BTF=y\n"
	    "CONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_BCACHE=m\nCONFIG_DRM_XE=m");
	put("/proc/sys/kernel/ftrace_enabled", "1");
	put("/sys/kernel/debug/kprobes/list", "%s", "");
	put("/sys/kernel/btf/vmlinux", "%s", "");
	put("/sys/kernel/security/lockdown",
	    "[none] integrity confidentiality");
	put("/sys/module/module/parameters/sig_enforce", "N");
	put("/dev/kmsg", "6,1,1,-;livepatch: enabling patch 'bcache_journal'");
	put("/proc/cpuinfo", "flags\t\t: fpu ibt");
	put("/proc/cmdline", "quiet");
	put("/usr/lib/modprobe.d/outrigger.conf",
	    "softdep bcache pre: bcache-journal\nsoftdep xe pre: xe-pagefault");
	notes("bcache");
	notes("xe");
	put("/boot/vmlinuz-" RELEASE, "%s", "");
	program("/tools/klp-check", "true");
}

static void all_well(void **state)
{
	good();
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("ok    bcache_journal: attached\n");
	says("ok    kernel " RELEASE
	     " (running): headers, bcache_journal 0.1.0, xe_pagefault 0.1.0\n");
	says("ok    kernel config: livepatch, ftrace, BTF of modules\n");
	says("ok    ftrace: enabled\n");
	says("ok    bcache: the loaded driver is the file on disk, which has BTF\n");
	says("ok    other live patches: none\n");
	says("ok    kprobes: none on a function that bcache_journal replaces\n");
	says("ok    forced transition: none");
	says("ok    IBT: these CPUs have it, and");
	says("ok    signatures: xe_pagefault has none, and the kernel requires none\n");
	says("ok    xe_pagefault: is loaded along with xe\n");
	says(" 0 warn, 0 fail, 0 skip\n");
}

/* One problem at a time: check the line about it and the advice. */
static void bad(const char *path, const char *text, const char *line,
		const char *todo)
{
	char keep[4096];
	int n = file_read(keep, sizeof(keep), "%s", path);

	if (text)
		put(path, "%s", text);
	else
		gone(path);
	assert_int_equal(ctl("doctor", NULL),
			 strncmp(line, "fail", 4) ? DONE : FAILED);
	says(line);
	says(todo);
	if (n >= 0)
		put(path, "%s", keep);
	else
		gone(path);
}

static void one_thing_wrong(void **state)
{
	good();
	bad("/boot/config-" RELEASE, "CONFIG_BCACHE=m",
	    "fail  kernel config: CONFIG_LIVEPATCH is not set\n",
	    "use a kernel that has it");
	bad("/boot/config-" RELEASE, "CONFIG_BCACHE=y",
	    "fail  kernel config: bcache is built in\n", "as a module");
	bad("/boot/config-" RELEASE, NULL, "skip  kernel config: ", "");
	bad("/proc/sys/kernel/ftrace_enabled", "0",
	    "fail  ftrace: kernel.ftrace_enabled=0",
	    "sysctl kernel.ftrace_enabled=1");
	bad("/lib/modules/" RELEASE "/build/Makefile", NULL,
	    "warn  kernel " RELEASE
	    " (running): no headers, bcache_journal 0.1.0",
	    "install linux-headers-" RELEASE);
	bad("/sys/kernel/btf/vmlinux", NULL, "warn  BTF: ", "");
	bad("/sys/kernel/livepatch/kpatch_1/transition", "1",
	    "warn  other live patches: kpatch_1 is in transition\n",
	    "until it is complete");
	gone("/sys/kernel/livepatch/kpatch_1");
	bad("/sys/kernel/livepatch/kpatch_1/replace", "1",
	    "warn  other live patches: kpatch_1, which replaces all others\n",
	    "outriggerctl attach");
	gone("/sys/kernel/livepatch/kpatch_1");
	bad("/dev/kmsg",
	    "4,1,1,-;livepatch: forcing remaining tasks to the patched state",
	    "fail  forced transition: ", "reboot");
	bad("/dev/kmsg", "0,1,1,-;traps: Missing ENDBR: xe_guc_notify",
	    "fail  IBT: ", "report");
	bad("/sys/module/module/parameters/sig_enforce", "Y",
	    "fail  signatures: the kernel requires them (sig_enforce), and bcache_journal has none",
	    "mokutil --import");
	bad("/sys/kernel/security/lockdown", "none [integrity] confidentiality",
	    "fail  signatures: the kernel requires them (lockdown), and xe_pagefault has none",
	    "dkms unbuild outrigger/0.1.0 -k " RELEASE);
	bad("/proc/cmdline", "quiet module_blacklist=loop,bcache_journal",
	    "warn  bcache_journal: kept out by module_blacklist=", "");
	says_not("does not keep it out");
	bad("/proc/cmdline", "quiet module_blacklist=loop,bcache-journal",
	    "warn  bcache_journal: module_blacklist=bcache-journal does not keep it out\n",
	    "underscore");
	says("ok    bcache_journal: is loaded along with bcache\n");
	bad("/proc/cmdline", "xe_pagefault.off=1",
	    "warn  xe_pagefault: off=1 on the kernel", "undo this");
	bad("/etc/modprobe.d/mine.conf", "options bcache_journal off=1",
	    "warn  bcache_journal: off=1 in modprobe.d", "undo this");
	bad("/etc/modprobe.d/mine.conf", "install bcache-journal /bin/true",
	    "warn  bcache_journal: kept out by an \"install\" line in modprobe.d\n",
	    "undo this");
	bad("/etc/modprobe.d/mine.conf", "blacklist bcache_journal",
	    "ok    bcache_journal: is loaded along with bcache, despite \"blacklist\"",
	    "");
	bad("/etc/modprobe.d/outrigger.conf", "# masked",
	    "warn  bcache_journal: is not loaded along with bcache\n",
	    "masked");
	bad("/sys/module/xe/notes/.note.gnu.build-id", "another one",
	    "skip  xe: it has no build ID", "");
	notes("xe");
	file(RELEASE, "xe", "", ""); /* differs in one byte */
	shell("sed -i 's/GNU\\x00./GNU\\x00\\xff/' %s/lib/modules/%s/kernel/xe.ko",
	      tree, RELEASE);
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("warn  xe: the loaded driver is not /");
	says("after a reboot");
}

#define KPROBES "/sys/kernel/debug/kprobes/list"

/* Only a kprobe with a post handler is in the way, but the kernel does not show that. */
static void kprobes(void **state)
{
	static const char *const harmless[] = {
		"ffffffffc0a01004  r  hooked+0x4  bcache    [FTRACE]",
		"ffffffffc0a01004  k  hooked+0x4  bcache    [DISABLED][FTRACE]",
		"ffffffffc0a01014  k  hooked+0x14  bcache    [OPTIMIZED]",
		"ffffffffc0a02004  k  hooke+0x4  bcache    [FTRACE]",
		"ffffffffc0a02004  k  hooked+0x4  other    [FTRACE]",
		"ffffffff81a02004  k  hooked+0x4    [FTRACE]",
		"nonsense",
	};
	size_t i;

	good();
	for (i = 0; i < sizeof(harmless) / sizeof(*harmless); i++) {
		put(KPROBES, "%s", harmless[i]);
		assert_int_equal(ctl("doctor", NULL), DONE);
		says("kprobes: none on a function that bcache_journal replaces\n");
	}
	put(KPROBES, "%s\nffffffffc0a01004  k  hooked+0x4  bcache    [FTRACE]",
	    harmless[0]);
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("ok    kprobes: one is set on hooked of bcache, which bcache_journal replaces\n");
	says("ok    kprobes: none on a function that xe_pagefault replaces\n");
	loaded("bcache_journal", "armed", "");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("warn  kprobes: one is set on hooked of bcache");
	loaded_for("bcache_journal", "inert", "busy", "a sentence");
	assert_int_equal(ctl("doctor", NULL), FAILED);
	says("fail  kprobes: one is set on hooked of bcache");
	says("unload the module, or end the tool, that has set it");
	gone(KPROBES);
	assert_int_equal(ctl("doctor", "xe-pagefault", NULL), DONE);
	says("skip  kprobes: ");
}

static void other_kernels(void **state)
{
	good();
	file("6.12.5-amd64", "bcache", "", "");
	depmod("6.12.5-amd64");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("warn  kernel 6.12.5-amd64: no headers; without bcache_journal\n");
	says("install linux-headers-6.12.5-amd64");
	put("/lib/modules/6.12.5-amd64/build/Makefile", "%s", "");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("says why; unknown kernels are left out");
	file("6.12.5-amd64", "xe", "", "");
	depmod("6.12.5-amd64");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("headers; without bcache_journal and xe_pagefault\n");
	says("dkms install outrigger/0.0.0 -k 6.12.5-amd64");
	put("/var/lib/dkms/outrigger/0.0.0/6.12.5-amd64.log",
	    "outrigger: bcache-journal is left out: error: one\n"
	    "outrigger: xe-pagefault is left out: error: two\nmake: ...");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("bcache_journal: error: one; xe_pagefault: error: two; see /var/lib/dkms/outrigger/0.0.0/6.12.5-amd64.log\n");
	gone("/var/lib");
	/* DKMS would report it as installed */
	file("6.12.5-amd64", "xe_pagefault", "0.1.0", "AAAA");
	depmod("6.12.5-amd64");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("headers, xe_pagefault 0.1.0; without bcache_journal\n");
	says("make -s -C /usr/src/outrigger-0.0.0 KVER=6.12.5-amd64 fitting");
	shell("cd %s/lib/modules && cp %s/kernel/bcache_journal.ko 6.12.5-amd64/kernel",
	      tree, RELEASE);
	depmod("6.12.5-amd64");
	assert_int_equal(ctl("doctor", NULL), FAILED);
	says("bcache_journal.ko is built for " RELEASE);
	says("\"dkms unbuild outrigger/0.1.0 -k 6.12.5-amd64\", then \"dkms install --force\"");
	says_not("autoinstall");
	/* the running kernel was removed */
	gone("/lib/modules/" RELEASE);
	assert_int_equal(ctl("doctor", NULL), FAILED);
	says("fail  kernel " RELEASE
	     " (running): its modules are not on disk\n");
}

static void fit(void **state)
{
	good();
	program("/tools/klp-check", "echo \"its $7 is odd\"; exit 1");
	assert_int_equal(ctl("doctor", "bcache_journal", NULL), FAILED);
	says("fail  kernel " RELEASE ": bcache_journal does not fit /");
	says("/kernel/bcache.ko: its /");
	says("dkms unbuild outrigger/0.1.0 -k " RELEASE);
	shell("mv %s/boot/vmlinuz* %s/lib/modules/" RELEASE "/vmlinuz", tree,
	      tree);
	assert_int_equal(ctl("doctor", "bcache_journal", NULL), FAILED);
	gone("/lib/modules/" RELEASE "/vmlinuz");
	assert_int_equal(ctl("doctor", "bcache_journal", NULL), DONE);
	says("skip  kernel " RELEASE
	     ": can't check whether bcache_journal fits bcache without /");
	says("/vmlinuz\n");
	gone("/tools/klp-check");
	assert_int_equal(ctl("doctor", "bcache_journal", NULL), DONE);
	says("/tools/klp-check\n");
}

static void built_in(void **state)
{
	static const char fail[] = "fail  kernel " RELEASE
				   ": xe is built into it\n";

	good();
	gone("/lib/modules/" RELEASE "/kernel/xe.ko");
	put("/etc/modprobe.d/mine.conf", "install xe /bin/false");
	depmod(RELEASE);
	ctl("doctor", NULL);
	says_not(fail);
	put("/lib/modules/" RELEASE "/modules.builtin", "kernel/xe.ko");
	depmod(RELEASE);
	assert_int_equal(ctl("doctor", NULL), FAILED);
	says(fail);
}

/* Append the signature of a module: signer, key id, signature and their description. */
static void sign(const char *module, const char *signer)
{
	shell("printf '%s..\\1\\4\\1\\%03zo\\1\\0\\0\\0\\0\\0\\0\\1~Module signature appended~\\n' >>%s/lib/modules/%s/kernel/%s.ko",
	      signer, strlen(signer), tree, RELEASE, module);
}

static void keys(void **state)
{
	static const char unknown[] =
		"fail  signatures: the kernel requires them, and lacks the key \"Our CA\"";
	static const char *const known[] = { "Our CA", "Some Company: Our CA" };
	size_t i;

	good();
	put("/sys/kernel/security/lockdown",
	    "none [integrity] confidentiality");
	sign("bcache_journal", "Our CA");
	put("/proc/keys",
	    "1 I------ 1 perm 1f030000 0 0 keyring   Our CA: 1\n"
	    "2 I------ 1 perm 1f030000 0 0 asymmetri Our: 0123: X509.rsa 0123 []");
	assert_int_equal(ctl("doctor", "bcache_journal", NULL), FAILED);
	says(unknown);
	for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
		put("/proc/keys",
		    "1 I------ 1 perm 1f030000 0 0 keyring   x: 1\n"
		    "2 I------ 1 perm 1f030000 0 0 asymmetri %s: 0123: X509.rsa 0123 []",
		    known[i]);
		assert_int_equal(ctl("doctor", "bcache_journal", NULL), DONE);
		says("ok    signatures: bcache_journal is signed by \"Our CA\"");
	}
}

static void nothing_there(void **state)
{
	assert_int_equal(ctl("doctor", NULL), FAILED);
	says("skip  bcache_journal: not-installed\n");
	says("fail  ftrace: this kernel has none\n");
}

/* The fake listers are first in PATH, even if this host has real ones. */
static void initramfs(void **state)
{
	static const char *const images[] = { "/boot/initrd.img-" RELEASE,
					      "/boot/initrd-" RELEASE,
					      "/boot/initramfs-" RELEASE
					      ".img" };
	static const char list[] = "cd ${0%/*}/..; [ -e $1 ] && cat list";
	char path[8192];
	size_t i;

	good();
	snprintf(path, sizeof(path), "%s/bin:%s", tree, getenv("PATH"));
	setenv("PATH", path, 1);
	/* with dracut, whose lister prints more than the name */
	program("/bin/lsinitramfs", "exit 1");
	program("/bin/lsinitrd", list);
	put("/list",
	    "-rw-r--r-- 1 root root 9 Jan 1 1970 usr/lib/bcache.ko.xz");
	for (i = 0; i < sizeof(images) / sizeof(*images); i++) {
		put(images[i], "%s", "");
		assert_int_equal(ctl("doctor", NULL), DONE);
		says("warn  initramfs of " RELEASE
		     ": has bcache but not bcache_journal");
		says("dracut --force --kver " RELEASE);
		gone(images[i]);
	}
	put(images[0], "%s", "");
	program("/bin/lsinitrd", "exit 1");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("skip  initramfs of " RELEASE ": cannot be listed\n");
	program("/bin/lsinitramfs", list);
	put("/list", "usr/lib/modules/kernel/bcache.ko.xz");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("warn  initramfs of " RELEASE
	     ": has bcache but not bcache_journal");
	says("update-initramfs -u -k " RELEASE);
	says("skip  initramfs of " RELEASE ": has no xe\n");
	put("/list", "x/bcache.ko.xz\nx/updates/dkms/bcache-journal.ko");
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("ok    initramfs of " RELEASE ": has bcache_journal\n");
	shell("touch -d '1 hour ago' %s/boot/initrd.img-%s", tree, RELEASE);
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("warn  initramfs of " RELEASE ": is older than /");
	says("update-initramfs -u -k " RELEASE);
	gone("/lib/modules/" RELEASE "/kernel/bcache_journal.ko");
	depmod(RELEASE);
	assert_int_equal(ctl("doctor", NULL), DONE);
	says("has bcache_journal, which is no longer installed");
	setenv("PATH", path + strlen(tree) + 5, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config),
		cmocka_unit_test(dkms),
		cmocka_unit_test(option),
		cmocka_unit_test_setup_teardown(all_well, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(one_thing_wrong, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(kprobes, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(other_kernels, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(fit, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(built_in, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(keys, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(nothing_there, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(initramfs, tree_make,
						tree_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
