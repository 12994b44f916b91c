// SPDX-License-Identifier: GPL-2.0
/*
 * outriggerctl attach, detach and unload. A child process plays the kernel: it watches
 * "enabled", and changes the state of the module as livepatch would. No module can be
 * loaded in a fake system; tests/cases/ctl.sh does that.
 */
#include <signal.h>
#include <sys/wait.h>

#include "ctl-tree.h"

#define ENABLED "/sys/kernel/livepatch/bcache_journal/enabled"
#define TRANSITION "/sys/kernel/livepatch/bcache_journal/transition"
#define STATE "/sys/module/bcache_journal/state"

static void end_of_detach(void)
{
	put("/sys/module/bcache_journal/reason",
	    "detached; reload this module to attach again");
	put("/sys/module/bcache_journal/reason_token", "detached");
	put(STATE, "inert");
	gone("/sys/kernel/livepatch/bcache_journal");
}

static void begin_of_detach(void)
{
	put(TRANSITION, "1");
	put(STATE, "detaching");
}

static void back_again(void)
{
	put(STATE, "attached");
	put(TRANSITION, "0");
}

/* Wait until "enabled" is @value, then call @then; likewise for the second pair. */
static pid_t kernel(const char *value, void (*then)(void), const char *value2,
		    void (*then2)(void))
{
	pid_t pid = fork();
	char have[8];

	if (pid)
		return pid;
	alarm(20);
	while (value) {
		sleep_ms(5);
		file_read(have, sizeof(have), ENABLED);
		if (strcmp(have, value))
			continue;
		then();
		value = value2;
		then = then2;
		value2 = NULL;
	}
	_exit(0);
}

static void reap(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void task(int pid, int tid, int patch_state, const char *stack)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/patch_state", pid, tid);
	put(path, "%d", patch_state);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
	put(path, "task%d", tid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", pid, tid);
	put(path, "%s", stack);
}

static void nothing_to_detach(void **state)
{
	assert_int_equal(ctl("detach", NULL), DONE);
	assert_string_equal(out, "");
	assert_int_equal(ctl("detach", "bcache-journal", NULL), DONE);
	says("bcache_journal is not loaded");
	loaded("bcache_journal", "armed", "");
	assert_int_equal(ctl("detach", NULL), DONE);
	says("is armed, not attached");
	loaded_for("bcache_journal", "inert", "off", "switched off (off=1)");
	assert_int_equal(ctl("detach", NULL), DONE);
	says("not attached: switched off");
}

static void detached(void **state)
{
	pid_t pid;

	attached("bcache_journal", "bcache");
	pid = kernel("0", end_of_detach, NULL, NULL);
	assert_int_equal(ctl("detach", "--timeout", "10", NULL), DONE);
	says("bcache_journal is detached from bcache");
	reap(pid);
}

/* One thread of a process stays in a replacement function. */
static void detach_reversed(void **state)
{
	pid_t pid;

	attached("bcache_journal", "bcache");
	task(1, 1, -1, "");
	task(7, 7, 0, "[<0>] bj_journal_read+0x1/0x2 [bcache_journal]");
	task(7, 8, 1,
	     "[<0>] closure_sync+0x1/0x2 [closure]\n[<0>] bj_scan+0x1/0x2 [bcache_journal]\n"
	     "[<0>] bj_journal_read+0x3/0x4 [bcache_journal]\n[<0>] vfs_write+0x1/0x2");
	task(6, 6, 1, "[<0>] worker_thread+0x1/0x2");
	put("/proc/7/task/8/comm", "\033[31mX\nY");
	pid = kernel("0", begin_of_detach, "1", back_again);
	assert_int_equal(ctl("detach", "--timeout", "0.5", NULL), TIMED_OUT);
	says("detaching takes too long");
	says("waiting for task ?[31mX?Y, pid 8, in closure_sync+0x1/0x2 [closure], called by bj_journal_read+0x3/0x4 [bcache_journal]\n");
	says_not("pid 1,");
	says_not("pid 7,");
	says_not("pid 6,");
	says("and for 1 more\n");
	says("detaching was reversed, it is attached as before");
	is(ENABLED, "1");
	is(STATE, "attached");
	reap(pid);
}

/* The transition ends while outriggerctl is reversing it. */
static void detach_completes_late(void **state)
{
	pid_t pid;

	attached("bcache_journal", "bcache");
	pid = kernel("0", begin_of_detach, "1", end_of_detach);
	assert_int_equal(ctl("detach", "--timeout", "0.5", NULL), DONE);
	says("detaching takes too long");
	says("bcache_journal is detached from bcache");
	reap(pid);
}

/* No task is in a replacement function, but one is slow to switch. */
static void slow_task(void **state)
{
	pid_t pid;

	attached("bcache_journal", "bcache");
	task(6, 6, 1, "[<0>] worker_thread+0x1/0x2");
	pid = kernel("0", begin_of_detach, "1", back_again);
	assert_int_equal(ctl("detach", "--timeout", "0.3", NULL), TIMED_OUT);
	says("waiting for task task6, pid 6, in worker_thread+0x1/0x2\n");
	says_not("and for ");
	reap(pid);
}

/* The livepatch is gone, but page faults are still being answered: too late to reverse. */
static void still_answering(void **state)
{
	loaded("xe_pagefault", "detaching", "disabled");
	assert_int_equal(ctl("detach", "--timeout", "0.3", NULL), TIMED_OUT);
	says("it is still finishing the work that it has accepted");
	says_not("page fault of");

	put("/sys/kernel/debug/xe_pagefault/0000:03:00.0-gt0",
	    "0000:03:00.0 GT0\n\n"
	    "under way: 2, waiting for another of their process: 4\n"
	    "    since (s)    ASID             address  process\n"
	    "          2.0      11           100000000  xe-client[41]\n"
	    "         12.5      12           200000000  evil \033[42]\n\n"
	    "faults\n"
	    "          3.0      13           300000000  not a service[43]");
	put("/sys/kernel/debug/xe_pagefault/0000:03:00.0-gt1",
	    "0000:03:00.0 GT1\n\n"
	    "under way: 0, waiting for another of their process: 0\n\n"
	    "faults");
	assert_int_equal(ctl("detach", "--timeout", "0.3", NULL), TIMED_OUT);
	says("serving a page fault of xe-client[41], ASID 11 address 0x100000000, for 2 s\n");
	says("serving a page fault of evil ?[42], ASID 12 address 0x200000000, for 12 s\n");
	says("such as a FUSE server");
	says_not("not a service");
	assert_int_equal(ctl("status", NULL), DONE);
	says("it is detached, but still serves a page fault of evil ?[42], ASID 12 address 0x200000000, for 12 s");
	says("such as a FUSE server");
}

/* The attach has begun, but its livepatch does not exist yet: outriggerctl waits for it. */
static void begin_of_attach(const char *module, void (*then)(void))
{
	loaded(module, "attaching", "unread");
	if (!fork()) {
		sleep_ms(200);
		then();
		_exit(0);
	}
}

static void patch_comes(void)
{
	patch("bcache_journal", 1, 1);
}

static void detach_before_the_patch(void **state)
{
	pid_t pid;

	begin_of_attach("bcache_journal", patch_comes);
	pid = kernel("0", end_of_detach, NULL, NULL);
	assert_int_equal(ctl("detach", "--timeout", "10", NULL), DONE);
	assert_string_equal(out, "bcache_journal is detached from bcache\n");
	reap(pid);
	wait(NULL);
	gone("/sys/module/bcache_journal");

	begin_of_attach("bcache_journal", patch_comes);
	pid = kernel("0", end_of_detach, NULL, NULL);
	assert_int_equal(ctl("unload", "--timeout", "10", NULL), FAILED);
	says("bcache_journal is detached from bcache\n");
	says("cannot be unloaded: not supported with OUTRIGGER_ROOT");
	reap(pid);
	wait(NULL);
}

static void armed_again(void)
{
	put("/sys/module/bcache_journal/reason",
	    "waiting for the transition of another livepatch");
	put(STATE, "armed");
}

static void patch_never_appears(void **state)
{
	begin_of_attach("bcache_journal", armed_again);
	assert_int_equal(ctl("detach", "--timeout", "10", NULL), DONE);
	says("bcache_journal is armed, not attached");
	wait(NULL);
	loaded("bcache_journal", "attaching", "unread");
	assert_int_equal(ctl("detach", "--timeout", "0.3", NULL), TIMED_OUT);
	says("its livepatch does not exist yet, nothing was changed");
	assert_int_equal(ctl("unload", "--timeout", "0.3", NULL), TIMED_OUT);
	says_not("it is still in use");
}

static void attach_stuck(void **state)
{
	pid_t pid;

	attached("bcache_journal", "bcache");
	put(STATE, "attaching");
	patch("bcache_journal", 1, 1);
	put("/sys/kernel/livepatch/bcache_journal/bcache/bch_journal,1/x", "%s",
	    "");
	task(9, 9, 0,
	     "[<0>] msleep+0x1/0x2\n[<0>] bch_journal+0x9/0x99 [bcache]");
	task(10, 10, 1, "[<0>] bch_journal+0x9/0x99 [bcache]");
	pid = kernel("0", end_of_detach, NULL, NULL);
	assert_int_equal(ctl("attach", "--timeout", "0.3", NULL), TIMED_OUT);
	says("attaching takes too long");
	says("task9, pid 9, in msleep+0x1/0x2, called by bch_journal+0x9/0x99 [bcache]\n");
	says_not("pid 10,");
	says("attaching was reversed, bcache runs the stock functions");
	reap(pid);
}

static void attach_reverses_a_detach(void **state)
{
	pid_t pid;

	attached("bcache_journal", "bcache");
	begin_of_detach();
	put(ENABLED, "0");
	pid = kernel("1", back_again, NULL, NULL);
	assert_int_equal(ctl("attach", "--timeout", "10", NULL), DONE);
	says("reversing that");
	says("bcache_journal 0.1.0 is attached to bcache");
	reap(pid);
}

/* The detach is reversed too late, or can no longer be reversed. */
static void attach_after_a_detach(void **state)
{
	pid_t pid;

	attached("bcache_journal", "bcache");
	begin_of_detach();
	put(ENABLED, "0");
	pid = kernel("1", end_of_detach, NULL, NULL);
	assert_int_equal(ctl("attach", "--timeout", "10", NULL), FAILED);
	says("reversing that");
	says("cannot be unloaded: not supported with OUTRIGGER_ROOT");
	says_not("not attached");
	reap(pid);

	begin_of_attach("bcache_journal", end_of_detach);
	put(STATE, "detaching");
	assert_int_equal(ctl("attach", "--timeout", "10", NULL), FAILED);
	says("cannot be unloaded: not supported with OUTRIGGER_ROOT");
	says_not("not attached");
	wait(NULL);

	/* the state has not caught up with the livepatch */
	begin_of_attach("bcache_journal", end_of_detach);
	put(STATE, "attached");
	assert_int_equal(ctl("attach", "--timeout", "10", NULL), FAILED);
	says("cannot be unloaded: not supported with OUTRIGGER_ROOT");
	says_not("is attached to");
	wait(NULL);
}

static void attach_says(void **state)
{
	assert_int_equal(ctl("attach", NULL), FAILED);
	says("no module is installed for kernel " RELEASE);
	assert_int_equal(ctl("attach", "bcache-journal", NULL), FAILED);
	attached("bcache_journal", "bcache");
	assert_int_equal(ctl("attach", NULL), DONE);
	says("bcache_journal 0.1.0 is attached to bcache");
	loaded("xe_pagefault", "armed", "");
	assert_int_equal(ctl("attach", "xe-pagefault", NULL), DONE);
	says("it attaches when xe is loaded");
	/* this needs a reload, which is impossible in a fake system */
	end_of_detach();
	assert_int_equal(ctl("attach", "bcache-journal", NULL), FAILED);
	says("cannot be unloaded");
	is(STATE, "inert");
}

/* An attached module is not detached for one that can't be loaded. */
static void reload_needs_a_file(void **state)
{
	attached("bcache_journal", "bcache");
	assert_int_equal(ctl("reload", NULL), FAILED);
	says("left as it is");
	file(RELEASE, "bcache_journal", "0.2.0", "BBBB");
	depmod(RELEASE);
	shell("sed -i s/" RELEASE
	      "/6.2.0-test-amd64/ %s/lib/modules/*/kernel/*.ko",
	      tree);
	assert_int_equal(ctl("reload", NULL), FAILED);
	says("left as it is");
	is(ENABLED, "1");
}

/* Modules that are unused, or were detached on purpose, are reloaded only if named. */
static void reload_of_all(void **state)
{
	file(RELEASE, "bcache_journal", "0.1.0", "AAAA");
	file(RELEASE, "xe_pagefault", "0.1.0", "AAAA");
	depmod(RELEASE);
	loaded_for("bcache_journal", "inert", "detached",
		   "detached; reload this module to attach again");
	assert_int_equal(ctl("reload", NULL), DONE);
	assert_string_equal(
		out,
		"bcache_journal is inert (detached; reload this module to attach again): left as it is\n"
		"xe_pagefault is not-loaded: left as it is\n");
	loaded_for("bcache_journal", "inert", "off", "switched off (off=1)");
	put("/sys/module/bcache_journal/parameters/off", "Y");
	assert_int_equal(ctl("reload", NULL), DONE);
	says("switched off (off=1)): left as it is");
	assert_int_equal(ctl("reload", "bcache_journal", NULL), FAILED);
	says("cannot be unloaded");
	loaded_for("bcache_journal", "inert", "driver-failed",
		   "the stock driver failed to load");
	assert_int_equal(ctl("reload", NULL), FAILED);
	says("cannot be unloaded");
}

static void not_loadable(void **state)
{
	file(RELEASE, "bcache_journal", "0.1.0", "AAAA");
	depmod(RELEASE);
	assert_int_equal(ctl("attach", NULL), FAILED);
	says("not supported with OUTRIGGER_ROOT");
	put("/etc/modprobe.d/mine.conf", "install bcache_journal /bin/true");
	assert_int_equal(ctl("attach", NULL), FAILED);
	says("an \"install\" line in modprobe.d replaces it");
}

static void stalled_by_itself(void **state)
{
	attached("bcache_journal", "bcache");
	put(STATE, "attaching");
	if (!fork()) {
		sleep_ms(200);
		put("/sys/module/bcache_journal/reason",
		    "attaching stalled: a task is sleeping in a replaced function");
		put("/sys/module/bcache_journal/reason_token", "stalled");
		put(STATE, "inert");
		_exit(0);
	}
	assert_int_equal(ctl("attach", "--timeout", "10", NULL), TIMED_OUT);
	says("not attached: attaching stalled");
	says("dmesg names the tasks");
	wait(NULL);
}

static void armed_too_long(void **state)
{
	loaded("bcache_journal", "armed",
	       "waiting for the transition of another livepatch");
	put("/sys/module/bcache/initstate", "live");
	assert_int_equal(ctl("attach", "--timeout", "0.3", NULL), TIMED_OUT);
	says("waiting for the transition of another livepatch; it stays armed");
	put("/sys/module/bcache_journal/reason_token", "other-patch");
	patch("kpatch_1", 1, 0);
	patch("kpatch_2", 1, 1);
	patch("xe_pagefault", 1, 1);
	assert_int_equal(ctl("attach", "--timeout", "0.3", NULL), TIMED_OUT);
	says("waiting for the transition of another livepatch (kpatch_2); it stays armed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_to_detach, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(detached, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(detach_reversed, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(detach_completes_late,
						tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(slow_task, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(still_answering, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(detach_before_the_patch,
						tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(patch_never_appears, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(reload_of_all, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(not_loadable, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(attach_stuck, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(attach_reverses_a_detach,
						tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(attach_after_a_detach,
						tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(attach_says, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(reload_needs_a_file, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(stalled_by_itself, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(armed_too_long, tree_make,
						tree_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
