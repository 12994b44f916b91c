// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: attach, detach, reload, unload
 *
 * A module can attach only once per load, and a livepatch transition may have to wait
 * for tasks indefinitely. So each of these commands waits with a timeout, and reverses
 * the transition if that expires.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define POLL_MS 100
#define REPORT_AFTER 3.0 /* seconds; then whenever the set of tasks changes */
#define BACK_OUT 30.0 /* seconds to wait for a reversed transition */
#define LETTING_GO 5.0 /* seconds to wait at least for a removal */

struct wait {
	double end, next_report;
	unsigned long who;
};

static void wait_begin(struct wait *w, double seconds)
{
	w->end = now() + seconds;
	w->next_report = now() + REPORT_AFTER;
	w->who = 0;
}

/* Sleeps briefly, and sometimes prints the tasks waited for; false on timeout. */
static bool wait_on(struct wait *w, const struct module *m)
{
	struct waiting tasks;
	double t = now();

	if (t >= w->end)
		return false;
	if (m->transition && t >= w->next_report) {
		w->next_report = t + REPORT_AFTER;
		tasks_waited_for(&tasks, m->kind, m->transition, NULL);
		if (tasks.n && tasks.who != w->who) {
			w->who = tasks.who;
			tasks_waited_for(&tasks, m->kind, m->transition,
					 stdout);
			fflush(stdout);
		}
	}
	sleep_ms(POLL_MS);
	return true;
}

/* The message about a transition that takes too long. */
static void timed_out(const struct module *m, const char *what)
{
	struct waiting tasks;

	complain("%s: %s takes too long", m->kind->module, what);
	if (m->transition) {
		fflush(stdout);
		tasks_waited_for(&tasks, m->kind, m->transition, stderr);
	}
}

static int set_enabled(const struct module *m, const char *value)
{
	return file_write(value, "/sys/kernel/livepatch/%s/enabled",
			  m->kind->module);
}

static bool settled(const struct module *m)
{
	return !m->transition && !module_is(m, "attaching") &&
	       !module_is(m, "detaching");
}

/*
 * Reverse a running transition, and wait for its end. Returns true if it ends in
 * @state; it may have completed before it was reversed.
 */
static bool back_out(struct module *m, const char *value, const char *state)
{
	double end = now() + BACK_OUT;

	set_enabled(m, value);
	do {
		sleep_ms(POLL_MS);
		module_look(m, m->kind);
	} while (!settled(m) && now() < end);
	return settled(m) && module_is(m, state);
}

static void slow(const char *name)
{
	complain(
		"%s: backing out takes too long as well; \"outriggerctl status %s\" shows the result",
		name, name);
}

static const char *load_error(int err)
{
	switch (-err) {
	case ENOENT:
		return "it is not installed for this kernel: see \"outriggerctl doctor\"";
	case EPERM:
		return "the kernel forbids it: see \"outriggerctl doctor\"";
	case EKEYREJECTED:
	case ENOKEY:
	case EBADMSG:
		return "the kernel does not accept its signature: see \"outriggerctl doctor\"";
	case ENOEXEC:
		return "it is not built for this kernel: see \"outriggerctl doctor\"";
	case EOPNOTSUPP:
		return "not supported with OUTRIGGER_ROOT";
	default:
		return strerror(-err);
	}
}

/* --- detach -------------------------------------------------------------------- */

static int not_attached(const struct module *m)
{
	if (!m->loaded)
		say("%s is not loaded", m->kind->module);
	else if (module_is(m, "armed"))
		say("%s is armed, not attached; \"outriggerctl unload %s\" keeps it from attaching",
		    m->kind->module, m->kind->module);
	else
		say("%s is not attached: %s", m->kind->module, m->reason);
	return DONE;
}

/* Not attached or about to be. Checks the patch too: the state may lag behind it. */
static bool is_out(const struct module *m)
{
	return !m->loaded ||
	       (!m->patch && (module_is(m, "inert") || module_is(m, "armed")));
}

static int detached(const struct module *m)
{
	/* it was about to attach, but another livepatch was in transition */
	if (module_is(m, "armed"))
		return not_attached(m);
	say("%s is detached from %s", m->kind->module, m->kind->target);
	return DONE;
}

static int detach(struct module *m, double timeout)
{
	const char *name = m->kind->module;
	struct wait w;
	char other[NAME_MAX_LEN + 4];
	struct services s;
	bool asked = false;
	int err = 0, ret = TIMED_OUT;

	wait_begin(&w, timeout);
	module_look(m, m->kind);
	if (is_out(m))
		return not_attached(m);
	for (;; module_look(m, m->kind)) {
		if (is_out(m))
			return detached(m);
		if (m->patch && !asked && m->transition != UNPATCHING) {
			/* busy: another patch is in transition, or this one begins */
			err = set_enabled(m, "0");
			asked = !err;
			if (err && err != -EBUSY && err != -ENOENT &&
			    err != -EINVAL) {
				complain("%s: cannot be disabled: %s", name,
					 strerror(-err));
				return FAILED;
			}
		}
		if (!wait_on(&w, m))
			break;
	}

	timed_out(m, "detaching");
	if (!m->patch && module_is(m, "detaching")) {
		complain(
			"%s: it is still finishing the work that it has accepted; \"outriggerctl status\" shows when it is done",
			name);
		if (m->kind == &kinds[XE_PAGEFAULT]) {
			services_under_way(&s, "*", stderr);
			if (s.n)
				fprintf(stderr, "  " MEMORY_MISSING "\n");
		}
		return TIMED_OUT;
	}
	if (!m->patch) {
		complain(
			"%s: its livepatch does not exist yet, nothing was changed; try again",
			name);
		return TIMED_OUT;
	}
	if (err == -EBUSY)
		complain(
			"%s: another livepatch%s is in transition, nothing was changed",
			name, other_in_transition(other, sizeof(other)));
	else if (back_out(m, "1", "attached"))
		complain(
			"%s: detaching was reversed, it is attached as before; try again when those tasks are done, or with a longer --timeout",
			name);
	else if (is_out(m)) /* at the last moment */
		ret = detached(m);
	else
		slow(name);
	return ret;
}

/* --- unload -------------------------------------------------------------------- */

static int unload(struct module *m, double timeout)
{
	const char *name = m->kind->module;
	struct wait w;
	int ret;

	wait_begin(&w, timeout);
	module_look(m, m->kind);
	if (!m->loaded && !file_there("/sys/module/%s", name)) {
		say("%s is not loaded", name);
		return DONE;
	}
	/* an armed module may begin to attach at any time */
	for (;; module_look(m, m->kind)) {
		if (m->patch || !settled(m)) {
			ret = detach(m, timeout);
			if (ret)
				return ret;
			/* livepatch drops its reference on the module a bit later */
			wait_begin(&w,
				   timeout > LETTING_GO ? timeout : LETTING_GO);
		}
		ret = module_remove(name);
		if ((ret != -EAGAIN && ret != -EBUSY) || !wait_on(&w, m))
			break;
	}
	if (!ret || ret == -ENOENT) {
		say("%s is unloaded", name);
		return DONE;
	}
	if (ret == -EAGAIN || ret == -EBUSY)
		complain(
			"%s: it is still in use: one of its files is open, or its livepatch was forced, in which case it stays until the next boot",
			name);
	else
		complain("%s: cannot be unloaded: %s", name,
			 ret == -EOPNOTSUPP ?
				 "not supported with OUTRIGGER_ROOT" :
				 strerror(-ret));
	return FAILED;
}

/* --- attach -------------------------------------------------------------------- */

static int print_inert(const struct module *m)
{
	struct units none = { 0 };
	struct health h;
	size_t i;

	health_look(&h, m, &none);
	complain("%s: not attached: %s", m->kind->module, m->reason);
	for (i = 0; i < h.n; i++)
		fprintf(stderr, "    %s\n", h.list[i].todo);
	return m->token == REASON_STALLED ? TIMED_OUT : FAILED;
}

static int load(const struct kind *kind)
{
	const char *name = kind->module;
	int err = module_load(name);
	bool kept_out = conf_has_install(name) &&
			!file_there("/sys/module/%s", name);

	if (!kept_out && (!err || err == -EEXIST))
		return DONE;
	complain("%s: cannot be loaded: %s", name,
		 kept_out ? "an \"install\" line in modprobe.d replaces it" :
			    load_error(err));
	return FAILED;
}

static int give_up(struct module *m)
{
	const char *name = m->kind->module;
	char other[NAME_MAX_LEN + 4];
	int ret = TIMED_OUT;

	if (module_is(m, "armed")) {
		complain(
			"%s: not attached yet: %s%s; it stays armed, and attaches once that is over",
			name,
			*m->reason ? m->reason : "its worker has not run yet",
			m->token == REASON_OTHER_PATCH ?
				other_in_transition(other, sizeof(other)) :
				"");
		return TIMED_OUT;
	}
	timed_out(m, "attaching");
	if (back_out(m, "0", "inert"))
		complain(
			"%s: attaching was reversed, %s runs the stock functions; \"outriggerctl attach %s\" tries again",
			name, m->kind->target, name);
	else if (module_is(m, "attached")) /* at the last moment */
		ret = DONE;
	else
		slow(name);
	return ret;
}

/* Attached, according to the patch too: the state may lag behind it. */
static bool is_in(const struct module *m)
{
	return module_is(m, "attached") && m->patch && !m->transition;
}

/* Loads the module if needed; ends attached, or armed if the driver is not loaded. */
static int attach(struct module *m, double timeout)
{
	const char *name = m->kind->module;
	struct wait w;
	bool leaving;
	int ret;

	wait_begin(&w, timeout);
	module_look(m, m->kind);
	leaving = module_is(m, "detaching") || m->transition == UNPATCHING ||
		  (module_is(m, "attached") && !m->patch);
	if (m->transition == UNPATCHING) {
		say("%s is being detached: reversing that", name);
		set_enabled(m, "1");
	}
	/* the reversal may come too late, and the detach complete */
	while (leaving && m->loaded && !is_in(m) && !module_is(m, "inert") &&
	       wait_on(&w, m))
		module_look(m, m->kind);
	if (module_is(m, "inert")) {
		/* a module can attach only once per load */
		ret = unload(m, timeout);
		if (ret)
			return ret;
		module_look(m, m->kind);
	}
	if (!m->loaded) {
		if (load(m->kind))
			return FAILED;
		wait_begin(&w, timeout);
		module_look(m, m->kind);
	}

	for (;; module_look(m, m->kind)) {
		if (is_in(m)) {
			say("%s %s is attached to %s", name, m->version,
			    m->kind->target);
			return DONE;
		}
		if (module_is(m, "armed") && !m->target_loaded) {
			say("%s %s is armed: it attaches when %s is loaded",
			    name, m->version, m->kind->target);
			return DONE;
		}
		if (module_is(m, "inert"))
			return print_inert(m);
		if (!m->loaded) {
			complain("%s: another process unloaded it", name);
			return FAILED;
		}
		if (!wait_on(&w, m))
			return give_up(m);
	}
}

static int reload(struct module *m, double timeout)
{
	int ret = DONE;

	module_look(m, m->kind);
	module_look_at_file(m);
	if (m->loaded &&
	    (!m->file.there || strcmp(m->file.release, kernel_release()))) {
		complain(
			"%s: not installed for this kernel, so it could not be loaded again: left as it is",
			m->kind->module);
		return FAILED;
	}
	if (m->loaded)
		ret = unload(m, timeout);
	return ret ? ret : attach(m, timeout);
}

/* Reloads a module that the user did not name: only if it is in use. */
static int reload_used(struct module *m, double timeout)
{
	if (m->loaded && !module_set_aside(m))
		return reload(m, timeout);
	say("%s is %s%s%s%s: left as it is", m->kind->module, m->state,
	    *m->reason ? " (" : "", m->reason, *m->reason ? ")" : "");
	return DONE;
}

/* --- for each module ----------------------------------------------------------- */

/* Acts on the named modules, or else on all that are installed. */
static int each(const struct options *o, const char *what, bool absent_is_fine,
		int (*act)(struct module *m, double timeout))
{
	struct module m;
	int ret = DONE, one;
	size_t i, there = 0;

	if (real_root() && geteuid()) {
		complain("%s: must be run as root; try sudo", what);
		return FAILED;
	}
	for (i = 0; i < o->n; i++) {
		module_look(&m, o->kinds[i]);
		module_look_at_file(&m);
		if (module_is(&m, "not-installed") && !o->named)
			continue;
		there++;
		one = act(&m, o->timeout);
		if (one > ret)
			ret = one;
	}
	if (!there && !absent_is_fine) {
		complain(
			"%s: no module is installed for kernel %s; \"outriggerctl doctor\" says why",
			what, kernel_release());
		return FAILED;
	}
	return ret;
}

int cmd_attach(const struct options *o)
{
	return each(o, "attach", false, attach);
}

int cmd_detach(const struct options *o)
{
	return each(o, "detach", true, detach);
}

int cmd_reload(const struct options *o)
{
	return each(o, "reload", false, o->named ? reload : reload_used);
}

int cmd_unload(const struct options *o)
{
	return each(o, "unload", true, unload);
}
