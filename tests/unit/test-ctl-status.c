// SPDX-License-Identifier: GPL-2.0
/* outriggerctl status and metrics: each state that a module can be in. */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "ctl-tree.h"

#include <json-c/json.h>

static struct json_object *document;

/* Parse the output of the last "status --json". Return its module number @i. */
static struct json_object *module(int i)
{
	json_object *list;

	document = json_tokener_parse(out);
	assert_non_null(document);
	assert_true(json_object_object_get_ex(document, "modules", &list));
	return json_object_array_get_idx(list, i);
}

static const char *json_text(json_object *o, const char *key)
{
	json_object *value;

	if (!json_object_object_get_ex(o, key, &value))
		fail_msg("no key '%s'", key);
	return value ? json_object_get_string(value) : "null";
}

static void not_installed(void **state)
{
	json_object *m;

	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache_journal  not-installed");
	says("xe_pagefault    not-installed");
	assert_int_equal(ctl("status", "xe-pagefault", NULL), FAILED);
	says_not("bcache");
	assert_int_equal(ctl("status", "--json", NULL), DONE);
	m = module(0);
	assert_string_equal(json_text(m, "state"), "not-installed");
	assert_string_equal(json_text(m, "installed"), "null");
	assert_string_equal(json_text(m, "version"), "null");
	json_object_put(document);
	put("/proc/sys/kernel/osrelease", RELEASE);
	put("/var/lib/dkms/outrigger/0.0.0/" RELEASE ".log",
	    "outrigger: bcache-journal is left out: error: one\nmake: ...");
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache_journal: left out by DKMS: error: one\n");
	says("    see /var/lib/dkms/outrigger/0.0.0/" RELEASE ".log\n");
	says_not("xe_pagefault: ");
	put("/sys/module/bcache/initstate", "live");
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache          -        warn\n");
	says("left out by DKMS");
}

static void not_loaded(void **state)
{
	file(RELEASE, "bcache_journal", "0.1.0", "AAAA");
	depmod(RELEASE);
	assert_int_equal(ctl("status", "bcache_journal", NULL), DONE);
	says("bcache_journal  not-loaded  -    bcache, not loaded  0.1.0    -");
	put("/proc/cmdline", "quiet bcache_journal.off=1");
	assert_int_equal(ctl("status", NULL), DONE);
	says("off=1 on the kernel's command line");
	put("/proc/cmdline", "quiet bcache_journal.off=1 bcache-journal.off=0");
	assert_int_equal(ctl("status", NULL), DONE);
	says_not("off=1");
	put("/etc/modprobe.d/x.conf", "options bcache-journal off=y");
	assert_int_equal(ctl("status", NULL), DONE);
	says("off=1 in modprobe.d");
	put("/sys/module/bcache/initstate", "live");
	assert_int_equal(ctl("status", NULL), DONE);
	says_not("stock's functions");
	gone("/etc/modprobe.d");
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache          0.1.0    warn\n");
	says("bcache runs the stock functions\n    \"outriggerctl attach bcache_journal\"\n");
	put("/proc/cmdline", "quiet module_blacklist=bcache_journal,loop");
	assert_int_equal(ctl("status", NULL), DONE);
	says("kept out by module_blacklist= on the kernel's command line\n");
	says_not("stock's functions");
	gone("/lib/modules");
	put("/proc/cmdline", "quiet");
	assert_int_equal(ctl("status", NULL), DONE);
	says("\"outriggerctl doctor bcache_journal\"\n");
}

static void armed(void **state)
{
	loaded("bcache_journal", "armed", "");
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache_journal  armed ");
	says("bcache, not loaded");
	says("it attaches when its driver is loaded");
	put("/sys/module/bcache_journal/reason",
	    "waiting for the transition of another livepatch");
	put("/sys/module/bcache/initstate", "live");
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache_journal: waiting for the transition of another livepatch");
	says_not("bcache, not loaded");
}

static void is_attached(void **state)
{
	json_object *m, *sets, *set;

	attached("bcache_journal", "bcache");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "16");
	put("/sys/fs/bcache/" SET "/journal/entries_max", "4096");
	put("/sys/fs/bcache/" SET "/journal/write_errors", "0");
	put("/sys/fs/bcache/" SET "/journal/full", "0");
	put("/sys/module/bcache_journal/attached_since", "%ld",
	    (long)time(NULL) - 150);
	assert_int_equal(ctl("status", "bcache-journal", NULL), DONE);
	says("bcache_journal  attached  2 min  bcache  0.1.0    ok\n");
	put("/sys/module/bcache_journal/attached_since", "1790000000");
	assert_int_equal(ctl("status", "--json", "bcache-journal", NULL), DONE);
	m = module(0);
	assert_string_equal(json_text(m, "module"), "bcache_journal");
	assert_string_equal(json_text(m, "state"), "attached");
	assert_string_equal(json_text(m, "reason"), "null");
	assert_string_equal(json_text(m, "target"), "bcache");
	assert_string_equal(json_text(m, "target_loaded"), "true");
	assert_string_equal(json_text(m, "attached_since"), "1790000000");
	assert_string_equal(json_text(m, "transition"), "none");
	assert_string_equal(json_text(m, "version"), "0.1.0");
	assert_string_equal(json_text(m, "health"), "ok");
	assert_true(json_object_object_get_ex(m, "sets", &sets));
	assert_int_equal(json_object_array_length(sets), 1);
	set = json_object_array_get_idx(sets, 0);
	assert_string_equal(json_text(set, "set"), SET);
	assert_string_equal(json_text(set, "seq"), "16");
	assert_string_equal(json_text(set, "entries_max"), "4096");
	json_object_put(document);
}

static void in_transition(void **state)
{
	attached("bcache_journal", "bcache");
	put("/sys/module/bcache_journal/state", "attaching");
	/* a read of the figures could block: they must not be read now */
	put("/sys/module/bcache_journal/reason", "unread");
	patch("bcache_journal", 1, 1);
	assert_int_equal(ctl("status", NULL), DONE);
	says("some tasks still run the stock functions");
	says("warn\n");
	says_not("unread");
	put("/sys/module/bcache_journal/state", "detaching");
	patch("bcache_journal", 0, 1);
	assert_int_equal(ctl("status", NULL), DONE);
	says("it is being detached");
	/* xe_pagefault empties its queues after the livepatch is gone */
	gone("/sys/kernel/livepatch/bcache_journal");
	assert_int_equal(ctl("status", NULL), DONE);
	says("detaching ");
}

/* For every token of attach/reasons.h: its health, and the advice. */
static void inert(void **state)
{
	static const struct {
		const char *token, *todo;
		int status;
	} all[] = {
		{ "other-kernel", "dkms install", 1 },
		{ "other-driver", "outriggerctl doctor bcache_journal", 1 },
		{ "ftrace-off", "sysctl kernel.ftrace_enabled=1", 1 },
		{ "busy", "outriggerctl doctor bcache_journal", 1 },
		{ "refused", "dmesg | grep livepatch", 1 },
		{ "detached", "outriggerctl attach bcache_journal", 0 },
		{ "replaced", "once it is in place", 1 },
		{ "disabled", "outriggerctl attach bcache_journal", 0 },
		{ "stalled", "dmesg names the tasks", 1 },
		{ "driver-failed", "dmesg | grep bcache", 1 },
		{ "off", "which is no longer configured anywhere", 0 },
		{ "none", "outriggerctl reload", 1 },
		{ "other-patch", "outriggerctl reload", 1 },
		{ "new-to-us", "outriggerctl reload", 1 },
	};
	json_object *m;
	size_t i;

	assert_int_equal(sizeof(all) / sizeof(*all), NR_REASONS + 1);
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		/* the text is only shown: its wording may change */
		loaded_for("bcache_journal", "inert", all[i].token,
			   "detached rebuild stalled");
		assert_int_equal(ctl("status", NULL), all[i].status);
		says("detached rebuild stalled");
		says(all[i].todo);
		says(all[i].status ? " fail\n" : " ok\n");
		if (!strncmp(all[i].token, "other-k", 7))
			says("\"update-initramfs -u -k " RELEASE
			     "\" (with dracut, \"dracut --force --kver " RELEASE
			     "\"); \"outriggerctl reload bcache_journal\" loads it\n");
		assert_int_equal(ctl("status", "--json", NULL), all[i].status);
		m = module(0);
		assert_string_equal(json_text(m, "reason_token"),
				    i < NR_REASONS ? all[i].token : "null");
		json_object_put(document);
	}
	put("/sys/module/bcache_journal/refcnt", "1");
	assert_int_equal(ctl("status", NULL), FAILED);
	says("it is still in use");
}

static void off(void **state)
{
	loaded_for("xe_pagefault", "inert", "off", "switched off (off=1)");
	put("/sys/module/xe_pagefault/parameters/off", "Y");
	assert_int_equal(ctl("status", NULL), DONE);
	says("xe_pagefault: switched off (off=1)");
	says("which is no longer configured anywhere");
	put("/etc/modprobe.d/x.conf", "options xe-pagefault off");
	assert_int_equal(ctl("status", NULL), DONE);
	says("undo off=1 in modprobe.d");
}

static void due(void **state)
{
	attached("bcache_journal", "bcache");
	assert_int_equal(ctl("status", "--due", NULL), DONE);
	assert_string_equal(out, "");
	file(RELEASE, "bcache_journal", "0.1.0", "AAAA");
	depmod(RELEASE);
	assert_int_equal(ctl("status", "--due", NULL), DONE);
	assert_string_equal(out, "");
	file(RELEASE, "bcache_journal", "0.2.0", "BBBB");
	assert_int_equal(ctl("status", "--due", NULL), DONE);
	assert_string_equal(
		out,
		"bcache_journal: version 0.1.0 is loaded, attached, and stays; version 0.2.0 takes over with \"outriggerctl reload bcache_journal\", or at the next boot.\n");
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache_journal: 0.2.0 is installed, 0.1.0 is loaded");
	file(RELEASE, "bcache_journal", "0.1.0", "BBBB");
	assert_int_equal(ctl("status", "--due", NULL), DONE);
	says("the new build of 0.1.0 takes over");
}

static void gpu_health(void **state)
{
	attached("xe_pagefault", "xe");
	figures(GT0, &kinds[XE_PAGEFAULT], "0");
	assert_int_equal(ctl("status", NULL), DONE);
	says("  ok\n");
	put(GT0 "/unsent", "2");
	put(GT0 "/dropped", "3");
	put(GT0 "/malformed", "4");
	assert_int_equal(ctl("status", NULL), DONE);
	says("  warn\n");
	says("xe_pagefault: 0000:03:00.0-gt0: 2 page faults got no reply");
	says("3 page faults were dropped for lack of room");
	says("4 messages of the GuC were malformed");
	put(GT0 "/queued", "5");
	assert_int_equal(ctl("status", NULL), FAILED);
	says("5 page faults are open, and none gets a reply");
	says_not("it serves");
	put("/sys/kernel/debug/xe_pagefault/0000:03:00.0-gt0",
	    "0000:03:00.0 GT0\n\n"
	    "under way: 1, waiting for another of their process: 4\n"
	    "    since (s)    ASID             address  process\n"
	    "          9.0      11           100000000  job[41]\n");
	assert_int_equal(ctl("status", NULL), FAILED);
	says("none gets a reply; it serves one of job[41], ASID 11 address 0x100000000, for 9 s");
}

/* This file changes while outriggerctl sleeps: a signal, handled by move(), ends the sleep. */
static int sign;

static void move(int sig)
{
	/* never the same twice: several moves may happen between two reads */
	static char number[10] = "100000000";
	char *digit = number + 8;

	while (++*digit > '9')
		*digit-- = '0';
	if (pwrite(sign, number, 9, 0) != 9)
		abort();
}

static pid_t busy(const char *file)
{
	const struct sigaction on = { .sa_handler = move };
	char path[PATH_MAX];
	pid_t test = getpid(), pid;

	sign = open(at_root(path, "%s", file), O_WRONLY);
	assert_true(sign >= 0);
	sigaction(SIGUSR1, &on, NULL);
	pid = fork();
	if (pid)
		return pid;
	while (getppid() == test && !kill(test, SIGUSR1))
		sleep_ms(20);
	_exit(0);
}

static void idle(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(sign);
}

static void journal_health(void **state)
{
	static const char *const signs[] = {
		"/sys/fs/bcache/" SET "/journal/seq",
		"/sys/fs/bcache/" SET "/journal/last_seq",
	};
	size_t i;
	pid_t pid;

	attached("bcache_journal", "bcache");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "0");
	put("/sys/fs/bcache/" SET "/journal/entries", "801");
	put("/sys/fs/bcache/" SET "/journal/entries_max", "32767");
	assert_int_equal(ctl("status", NULL), DONE);
	put("/sys/fs/bcache/" SET "/journal/full", "1");
	assert_int_equal(ctl("status", NULL), FAILED);
	says("the journal is full, and none of its entries is reclaimed");
	health_gap_ms = 60000;
	for (i = 0; i < 2; i++) {
		pid = busy(signs[i]);
		assert_int_equal(ctl("status", NULL), DONE);
		idle(pid);
	}
	says("  ok\n");
	/* a set that disappears is no error */
	gone("/sys/fs/bcache/" SET "/journal/seq");
	assert_int_equal(ctl("status", NULL), DONE);
}

/* Reads of the figures block, as they do while a set is being registered. */
static void figures_late(void **state)
{
	attached("bcache_journal", "bcache");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "0");
	gone("/sys/fs/bcache/" SET "/journal/last_seq");
	shell("mkfifo %s/sys/fs/bcache/" SET "/journal/last_seq", tree);
	patience_ms = 50;
	alarm(20);
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache_journal  attached ");
	says("its figures are missing");
	says("a cache set is being registered");
	assert_int_equal(ctl("status", "--json", NULL), DONE);
	says("its figures are missing");
	assert_int_equal(ctl("metrics", NULL), DONE);
	says("outrigger_module_state{module=\"bcache_journal\",state=\"attached\"} 1\n");
	says_not("outrigger_bcache_journal");
	assert_int_equal(ctl("watch", "--count", "1", NULL), DONE);
	says("no figures: ");
	ctl("doctor", NULL);
	says("warn  bcache_journal: attached, its figures are missing");
	patience_ms = 5000;
	put("/sys/fs/bcache/" SET "/journal/last_seq", "1");
	assert_int_equal(ctl("status", NULL), DONE);
	says("  ok\n");
}

/* A missing module is reported only if the kernel has its driver. */
static void metrics_without_modules(void **state)
{
	assert_int_equal(ctl("metrics", NULL), DONE);
	assert_string_equal(out, "");
	file(RELEASE, "bcache", "", "");
	depmod(RELEASE);
	assert_int_equal(ctl("metrics", NULL), DONE);
	says("outrigger_module_state{module=\"bcache_journal\",state=\"not-installed\"} 1\n");
	says("outrigger_module_target_loaded{module=\"bcache_journal\",target=\"bcache\"} 0\n");
	says("outrigger_module_off{module=\"bcache_journal\"} 0\n");
	says_not("xe");
	put("/sys/module/xe/initstate", "live");
	assert_int_equal(ctl("metrics", NULL), DONE);
	says("outrigger_module_state{module=\"xe_pagefault\",state=\"not-installed\"} 1\n");
	says("outrigger_module_target_loaded{module=\"xe_pagefault\",target=\"xe\"} 1\n");
	put("/proc/cmdline", "module_blacklist=xe_pagefault");
	assert_int_equal(ctl("metrics", NULL), DONE);
	says("outrigger_module_off{module=\"xe_pagefault\"} 1\n");
	says("outrigger_module_off{module=\"bcache_journal\"} 0\n");
	put("/etc/modprobe.d/x.conf", "options bcache_journal off");
	assert_int_equal(ctl("metrics", NULL), DONE);
	says("outrigger_module_off{module=\"bcache_journal\"} 1\n");
}

static void metrics(void **state)
{
	attached("xe_pagefault", "xe");
	figures(GT0, &kinds[XE_PAGEFAULT], "7");
	assert_int_equal(ctl("metrics", NULL), DONE);
	says("outrigger_module_info{module=\"xe_pagefault\",target=\"xe\",version=\"0.1.0\",");
	says("outrigger_module_state{module=\"xe_pagefault\",state=\"attached\"} 1\n");
	says("outrigger_module_state{module=\"xe_pagefault\",state=\"inert\"} 0\n");
	says("outrigger_module_off{module=\"xe_pagefault\"} 0\n");
	says("outrigger_module_attached_timestamp_seconds{module=\"xe_pagefault\"} 1790000000\n");
	says("outrigger_xe_pagefault_unsent_total{device=\"0000:03:00.0\",gt=\"0\"} 7\n");
	says("# TYPE outrigger_xe_pagefault_queued gauge\n");
	says_not("bcache");
}

static int conventions_hold(const char *file)
{
	char command[256];

	snprintf(command, sizeof(command), "promtool check metrics <%s 2>&1",
		 file);
	return system(command);
}

static void metrics_by_promtool(void **state)
{
	char path[128];

	if (system("promtool --version >/dev/null 2>&1"))
		skip(); /* package prometheus */
	attached("xe_pagefault", "xe");
	attached("bcache_journal", "bcache");
	figures(GT0, &kinds[XE_PAGEFAULT], "7");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "4");
	assert_int_equal(ctl("metrics", NULL), DONE);
	out[strlen(out) - 1] = '\0';
	put("/metrics", "%s", out);
	snprintf(path, sizeof(path), "%s/metrics", tree);
	assert_int_equal(conventions_hold(path), 0);
	/* check that promtool does find errors */
	put("/metrics", "# HELP a b\n# TYPE a counter\na 1");
	assert_int_not_equal(conventions_hold(path), 0);
}

static void watch(void **state)
{
	attached("bcache_journal", "bcache");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "64");
	assert_int_equal(
		ctl("watch", "--count", "2", "--interval", "0.01", NULL), DONE);
	says("bcache_journal: attached (0.1.0)\n");
	says(SET);
	says("  seq                                   64          0.0/s\n");
	says("  buckets_free                          64\n");
	says_not("\033");
}

static void top(void **state)
{
	attached("bcache_journal", "bcache");
	attached("xe_pagefault", "xe");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "64");
	put("/sys/fs/bcache/" SET "/journal/buckets", "256");
	put("/sys/fs/bcache/" SET "/journal/oldest_age_ms", "12345");
	figures(GT0, &kinds[XE_PAGEFAULT], "7");
	assert_int_equal(ctl("top", "--count", "2", "--interval", "0.01", NULL),
			 DONE);
	says("GT                                   FAULTS/S");
	says_not("ASID");
	says("CACHE SET                            WRITES/S MEAN US P99 US STALL OLDEST S RING\n");
	says(SET "        0       0     64    0%       12  75%\n");
	gone("/sys/fs/bcache/" SET "/journal/writes");
	assert_int_equal(ctl("top", "--count", "1", "bcache-journal", NULL),
			 DONE);
	says(SET "        -       -      -     -        -  75%\n");
}

#define OTHER_SET "f1234567-89ab-cdef-0123-456789abcdef"

/* The figures of a set that grow, and p99. */
static void written(const char *set, int writes, int total_us, int stalled_ms,
		    int p99_us)
{
	char dir[128], path[160];

	snprintf(dir, sizeof(dir), "/sys/fs/bcache/%s/journal", set);
	snprintf(path, sizeof(path), "%s/writes", dir);
	put(path, "%d", writes);
	snprintf(path, sizeof(path), "%s/write_total_us", dir);
	put(path, "%d", total_us);
	snprintf(path, sizeof(path), "%s/stalled_ms", dir);
	put(path, "%d", stalled_ms);
	snprintf(path, sizeof(path), "%s/write_p99_us", dir);
	put(path, "%d", p99_us);
}

/* Return what follows @name in the last line that begins with it. */
static const char *row(const char *name)
{
	const char *p, *last = NULL;
	char key[128];

	snprintf(key, sizeof(key), "\n%s ", name);
	for (p = out; (p = strstr(p, key)); p++)
		last = p + strlen(key);
	if (!last)
		fail_msg("no line '%s' in:\n%s", name, out);
	return last;
}

/* The interval of a second may take longer, but not twice as long. */
#define assert_rate(rate, grown) assert_in_range(rate, (grown) / 2, grown)

static void top_rates(void **state)
{
	unsigned int rate, mean, p99, stall, joined, refused, open;
	pid_t pid;

	attached("bcache_journal", "bcache");
	attached("xe_pagefault", "xe");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "64");
	figures("/sys/fs/bcache/" OTHER_SET "/journal", &kinds[BCACHE_JOURNAL],
		"64");
	figures(GT0, &kinds[XE_PAGEFAULT], "7");
	written(SET, 1000, 900000, 5000, 2100);
	written(OTHER_SET, 9000, 500000, 5000, 800);
	pid = fork();
	if (!pid) {
		sleep_ms(500);
		written(SET, 1100, 1400000, 5400, 2200);
		/* a counter that has shrunk was reset */
		written(OTHER_SET, 11000, 800000, 0, 900);
		put(GT0 "/faults", "4007");
		put(GT0 "/coalesced", "1007");
		put(GT0 "/refused", "207");
		put(GT0 "/queued", "3");
		_exit(0);
	}
	columns = 80;
	assert_int_equal(ctl("top", "--count", "2", "--interval", "1", NULL),
			 DONE);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fits();
	assert_int_equal(sscanf(row(SET), "%u %u %u %u%%", &rate, &mean, &p99,
				&stall),
			 4);
	assert_rate(rate, 100);
	assert_int_equal(mean, 5000);
	assert_int_equal(p99, 2200);
	assert_rate(stall, 40);
	assert_int_equal(sscanf(row(OTHER_SET), "%u %u %u %u%%", &rate, &mean,
				&p99, &stall),
			 4);
	assert_rate(rate, 2000);
	assert_int_equal(mean, 150);
	assert_int_equal(p99, 900);
	assert_int_equal(stall, 0);
	/* the busiest first */
	assert_true(row(OTHER_SET) < row(SET));
	assert_int_equal(sscanf(row("0000:03:00.0-gt0"), "%u %u %u %u", &rate,
				&joined, &refused, &open),
			 4);
	assert_rate(rate, 4000);
	assert_rate(joined, 1000);
	assert_rate(refused, 200);
	assert_int_equal(open, 3);
}

/* The table of the busiest address spaces, in debugfs. */
static void accounts(const char *rows)
{
	put("/sys/kernel/debug/xe_pagefault/0000:03:00.0-gt0",
	    "0000:03:00.0 GT0\n\n"
	    "busiest address spaces, and their time in all (ms)\n"
	    "    ASID      faults   refused       queue     VM lock      memory page tables       reply  process\n"
	    "%s\nrefused\n  1 2 3 4 5 6 7 8  none[1]\n",
	    rows);
}

static void top_processes(void **state)
{
	unsigned int rate, mean, refused;
	char stage[16];
	pid_t pid;

	attached("xe_pagefault", "xe");
	figures(GT0, &kinds[XE_PAGEFAULT], "7");
	accounts("      11         100         0 1 2 3 4 5  idle[41]\n"
		 "      12         100         0 1 2 3 4 5  few[42]\n"
		 "      13         100         0 1 2 3 4 5  many \033 [43]\n"
		 "      14         100         0 1 2 3 4 5  gone[44]\n");
	pid = fork();
	if (!pid) {
		sleep_ms(500);
		accounts(
			"      11         100         0 1 2 3 4 5  idle[41]\n"
			"      12         120        10 1 2 3 4 5  few[42]\n"
			"      13        5100         0 201 52 3 704 5  many \033 [43]\n"
			"      14          20         0 1 2 3 4 5  new[45]\n");
		_exit(0);
	}
	assert_int_equal(ctl("top", "--count", "2", "--interval", "1", NULL),
			 DONE);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	says("  ASID    PROCESS                    FAULTS/S    MEAN US    REFUSED  MOSTLY IN\n");
	assert_int_equal(sscanf(row("  13      many ? [43]"),
				"%u %u %u  %15[^\n]", &rate, &mean, &refused,
				stage),
			 4);
	assert_rate(rate, 5000);
	assert_int_equal(mean, 190);
	assert_int_equal(refused, 0);
	assert_string_equal(stage, "page tables");
	assert_int_equal(sscanf(row("  12      few[42]"), "%u %u %u  %15[^\n]",
				&rate, &mean, &refused, stage),
			 4);
	assert_rate(rate, 20);
	assert_int_equal(mean, 0);
	assert_rate(refused, 10);
	assert_string_equal(stage, "-");
	assert_true(row("  13      many ? [43]") < row("  12      few[42]"));
	says_not("idle");
	says_not("new");
	says_not("none");
	says_not("\033");
}

/* The loaded module is older than this program, and lacks some figures. */
static void older_module(void **state)
{
	json_object *sets;

	attached("bcache_journal", "bcache");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "0");
	put("/sys/fs/bcache/" SET "/journal/stalled_ms", "64");
	gone("/sys/fs/bcache/" SET "/journal/stalls");
	assert_int_equal(ctl("watch", "--count", "1", NULL), DONE);
	says("  stalls                                 -\n");
	assert_int_equal(ctl("metrics", "bcache-journal", NULL), DONE);
	says("outrigger_bcache_journal_stalled_seconds_total{set=\"" SET
	     "\"} 0.064\n");
	says_not("outrigger_bcache_journal_stalls_total{");
	assert_int_equal(ctl("status", "--json", "bcache-journal", NULL), DONE);
	assert_true(json_object_object_get_ex(module(0), "sets", &sets));
	assert_string_equal(json_text(json_object_array_get_idx(sets, 0),
				      "stalls"),
			    "null");
	json_object_put(document);
}

static void write_errors(void **state)
{
	attached("bcache_journal", "bcache");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "0");
	put("/sys/fs/bcache/" SET "/journal/write_errors", "3");
	assert_int_equal(ctl("status", NULL), DONE);
	says("bcache_journal: " SET
	     ": 3 journal writes failed, and were retried\n");
}

/* On a terminal, lines are folded, but not commands. Elsewhere they are not. */
static void on_terminal(void **state)
{
	attached("bcache_journal", "bcache");
	figures("/sys/fs/bcache/" SET "/journal", &kinds[BCACHE_JOURNAL], "0");
	put("/sys/fs/bcache/" SET "/journal/write_errors", "3");
	columns = 80;
	assert_int_equal(ctl("status", NULL), DONE);
	fits();
	says("MODULE          STATE          FOR");
	says("bcache_journal: " SET ": 3 journal writes failed,\n"
	     "  and were retried\n"
	     "    check dmesg for errors of the cache device\n");
	columns = 0;
	assert_int_equal(ctl("status", NULL), DONE);
	says(": 3 journal writes failed, and were retried\n");

	columns = 80;
	put("/sys/module/xe/initstate", "live");
	loaded_for("xe_pagefault", "inert", "other-kernel",
		   "built for another kernel: rebuild it with dkms");
	assert_int_equal(ctl("status", NULL), FAILED);
	fits();
	says("    \"outriggerctl doctor xe_pagefault\" has the details;\n"
	     "    \"dkms unbuild outrigger/VERSION -k " RELEASE "\", then\n");

	/* the widest table: one was attached long ago, the other is missing */
	attached("xe_pagefault", "xe");
	put("/sys/module/xe_pagefault/attached_since", "1000000000");
	gone("/sys/module/bcache_journal");
	gone("/sys/module/bcache");
	assert_int_equal(ctl("status", NULL), DONE);
	fits();
	says("bcache_journal  not-installed  -");
}

static void usage(void **state)
{
	assert_int_equal(ctl(NULL), USAGE);
	assert_int_equal(ctl("--help", NULL), DONE);
	says("usage: outriggerctl");
	assert_int_equal(ctl("--version", NULL), DONE);
	assert_int_equal(ctl("stat", NULL), USAGE);
	assert_int_equal(ctl("status", "bcache", NULL), USAGE);
	assert_int_equal(ctl("status", "--timeout", "5", NULL), USAGE);
	assert_int_equal(ctl("status", "--json", "--due", NULL), USAGE);
	says("can't be combined");
	assert_int_equal(ctl("detach", "--timeout", "soon", NULL), USAGE);
	assert_int_equal(ctl("watch", "--count", "0", NULL), USAGE);
	assert_int_equal(ctl("status", "--no-such", NULL), USAGE);
}

static void long_root(void **state)
{
	char root[3 * 4096];

	memset(root, '/', sizeof(root) - 1);
	root[sizeof(root) - 1] = '\0';
	setenv("OUTRIGGER_ROOT", root, 1);
	assert_int_equal(ctl("status", NULL), USAGE);
	says("OUTRIGGER_ROOT is too long");
	setenv("OUTRIGGER_ROOT", tree, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(not_installed, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(not_loaded, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(armed, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(is_attached, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(in_transition, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(inert, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(off, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(due, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(gpu_health, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(journal_health, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(figures_late, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(metrics_without_modules,
						tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(metrics, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(metrics_by_promtool, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(watch, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(top, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(top_rates, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(top_processes, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(older_module, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(write_errors, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(on_terminal, tree_make,
						tree_remove),
		cmocka_unit_test_setup_teardown(usage, tree_make, tree_remove),
		cmocka_unit_test_setup_teardown(long_root, tree_make,
						tree_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
