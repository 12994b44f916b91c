// SPDX-License-Identifier: GPL-2.0
/* Finds problems of a module, and what to do about them. */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/*
 * A unit counts as stuck if its figures do not change for this long: longer than writers may
 * have to wait for others in a ring that is nearly full, which is 5 s.
 */
unsigned int health_gap_ms = 6000;

static void add(struct health *h, enum severity level, const char *what,
		const char *todo)
{
	struct finding *f = &h->list[h->n];

	if (h->n == FINDINGS_MAX)
		return;
	h->n++;
	if (level > h->level)
		h->level = level;
	f->level = level;
	snprintf(f->what, sizeof(f->what), "%s", what);
	snprintf(f->todo, sizeof(f->todo), "%s", todo);
}

#define ADD(h, level, what, ...)                                \
	do {                                                    \
		char todo_[512];                                \
		snprintf(todo_, sizeof(todo_), "" __VA_ARGS__); \
		add(h, level, what, todo_);                     \
	} while (0)

/* Returns where the module is switched off, or NULL if nowhere. */
const char *off_where(const char *module)
{
	char line[4096], prefix[NAME_MAX_LEN + 1];

	snprintf(prefix, sizeof(prefix), "%s.", module);
	if (file_read(line, sizeof(line), "/proc/cmdline") > 0 &&
	    option_is_off(line, prefix))
		return "on the kernel's command line";
	return conf_has_off(module) ? "in modprobe.d" : NULL;
}

/* Does the kernel's command line blacklist it? Here the spelling must match exactly. */
bool cmdline_blacklists(const char *module)
{
	static const char key[] = "module_blacklist=";
	char line[4096], *word, *name, *save, *save2;

	if (file_read(line, sizeof(line), "/proc/cmdline") <= 0)
		return false;
	for (word = strtok_r(line, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (strncmp(word, key, strlen(key)))
			continue;
		for (name = strtok_r(word + strlen(key), ",", &save2); name;
		     name = strtok_r(NULL, ",", &save2))
			if (!strcmp(name, module))
				return true;
	}
	return false;
}

/* Returns the configuration that keeps the module from being loaded, or NULL. */
const char *kept_out(const char *module)
{
	if (cmdline_blacklists(module))
		return "module_blacklist= on the kernel's command line";
	return conf_has_install(module) ? "an \"install\" line in modprobe.d" :
					  NULL;
}

static void inert(struct health *h, const struct module *m)
{
	const char *name = m->kind->module, *why = m->reason, *where;

	switch (m->token) {
	case REASON_OFF:
		where = off_where(name);
		ADD(h, OK, why, "%s%s%s; then \"outriggerctl attach %s\"",
		    where ? "to use it, undo off=1 " :
			    "it was loaded with off=1",
		    where ? where : "",
		    where ? "" : ", which is no longer configured anywhere",
		    name);
		break;
	case REASON_DETACHED:
	case REASON_DISABLED:
		ADD(h, OK, why, "\"outriggerctl attach %s\" attaches it again",
		    name);
		break;
	case REASON_REPLACED:
		ADD(h, FAIL, why,
		    "a cumulative patch replaces all others: once it is in place, \"outriggerctl attach %s\"",
		    name);
		break;
	case REASON_STALLED:
		ADD(h, FAIL, why,
		    "dmesg names the tasks; when they are done, \"outriggerctl attach %s\"",
		    name);
		break;
	case REASON_OTHER_KERNEL:
	case REASON_OTHER_DRIVER:
		ADD(h, FAIL, why,
		    "\"outriggerctl doctor %s\" has the details; " REBUILD
		    "; \"outriggerctl reload %s\" loads it",
		    name, "VERSION", kernel_release(), kernel_release(),
		    kernel_release(), name);
		break;
	case REASON_FTRACE_OFF:
		ADD(h, FAIL, why,
		    "\"sysctl kernel.ftrace_enabled=1\", then \"outriggerctl attach %s\"",
		    name);
		break;
	case REASON_BUSY:
		ADD(h, FAIL, why,
		    "\"outriggerctl doctor %s\" names what is in the way; when it is gone, \"outriggerctl attach %s\"",
		    name, name);
		break;
	case REASON_REFUSED:
		ADD(h, FAIL, why,
		    "\"dmesg | grep livepatch\" has the cause; then \"outriggerctl attach %s\"",
		    name);
		break;
	case REASON_DRIVER_FAILED:
		ADD(h, FAIL, why,
		    "\"dmesg | grep %s\" has the cause; \"outriggerctl reload %s\" before you load it again",
		    m->kind->target, name);
		break;
	case REASON_NONE:
	case REASON_OTHER_PATCH: /* only of an armed module */
	case NR_REASONS:
		ADD(h, FAIL,
		    *why ? why : "it does nothing, and does not say why",
		    "\"outriggerctl reload %s\"", name);
		break;
	}
}

static void absent(struct health *h, const struct module *m)
{
	const char *name = m->kind->module, *off = off_where(name),
		   *out = kept_out(name);
	char text[320], why[256];

	if (out) {
		snprintf(text, sizeof(text), "kept out by %s", out);
		add(h, OK, text, "");
	} else if (off) {
		snprintf(text, sizeof(text), "off=1 %s", off);
		ADD(h, OK, text,
		    "if loaded, it would do nothing until that is removed");
	} else if (module_is(m, "not-installed") &&
		   left_out(why, sizeof(why), kernel_release(), name)) {
		snprintf(text, sizeof(text), "left out by DKMS: %s", why);
		ADD(h, m->target_loaded ? WARN : OK, text, "see " LEFT_OUT_LOG,
		    kernel_release());
	} else if (m->target_loaded) {
		snprintf(text, sizeof(text), "%s runs the stock functions",
			 m->kind->target);
		ADD(h, WARN, text, "\"outriggerctl %s %s\"",
		    module_is(m, "not-installed") ? "doctor" : "attach", name);
	}
}

static void moving(struct health *h, const struct module *m)
{
	struct services s = { 0 };
	char text[320];

	if (m->kind == &kinds[XE_PAGEFAULT] && module_is(m, "detaching"))
		services_under_way(&s, "*", NULL);
	if (s.n && !m->patch && s.seconds >= 3) {
		snprintf(text, sizeof(text),
			 "it is detached, but still serves a page fault of %s",
			 s.longest);
		ADD(h, WARN, text, MEMORY_MISSING);
		return;
	}
	ADD(h, WARN,
	    m->transition == UNPATCHING || module_is(m, "detaching") ?
		    "it is being detached, or is backing out of a stalled attach" :
		    "it is being attached: some tasks still run the stock functions",
	    "wait; \"outriggerctl detach %s\" names the tasks that it waits for, and detaches it",
	    m->kind->module);
}

static void counted(struct health *h, const struct kind *kind,
		    const struct unit *u, const char *file, const char *what,
		    const char *todo)
{
	char text[320];
	long long n = figure(kind, u, file);

	if (!n)
		return;
	snprintf(text, sizeof(text), "%s: %lld %s", u->name, n, what);
	add(h, WARN, text, todo);
}

/* Might this unit be stuck? Whether its figures change will tell. */
static bool stands(const struct kind *kind, const struct unit *u)
{
	if (kind == &kinds[XE_PAGEFAULT])
		return figure(kind, u, "queued") > 0;
	return figure(kind, u, "full") > 0;
}

static bool moved(const struct kind *kind, const struct unit *a,
		  const struct unit *b)
{
	if (kind == &kinds[XE_PAGEFAULT])
		return figure(kind, a, "replies") != figure(kind, b, "replies");
	return figure(kind, a, "seq") != figure(kind, b, "seq") ||
	       figure(kind, a, "last_seq") != figure(kind, b, "last_seq");
}

static void stuck(struct health *h, const struct kind *kind,
		  const struct unit *u)
{
	struct services s;
	char text[320];

	if (kind == &kinds[XE_PAGEFAULT]) {
		services_under_way(&s, u->name, NULL);
		snprintf(
			text, sizeof(text),
			"%s: %lld page faults are open, and none gets a reply%s%s",
			u->name, figure(kind, u, "queued"),
			s.n ? "; it serves one of " : "", s.longest);
		ADD(h, FAIL, text,
		    "see outrigger(7); \"echo w > /proc/sysrq-trigger\" writes the blocked tasks to the kernel's log");
	} else {
		snprintf(
			text, sizeof(text),
			"%s: the journal is full, and none of its entries is reclaimed",
			u->name);
		ADD(h, FAIL, text,
		    "writes are waiting: check dmesg for errors of the cache device; bcache_journal/%s/ring in debugfs shows how many holders the oldest entries have",
		    u->name);
	}
}

static void look_twice(struct health *h, const struct kind *kind,
		       const struct units *u)
{
	struct units later = { 0 };
	bool suspect = false;
	size_t i;

	for (i = 0; i < u->n; i++)
		suspect |= stands(kind, &u->list[i]);
	if (!suspect)
		return;
	sleep_ms(health_gap_ms);
	units_read(&later, kind);
	for (i = 0; i < u->n; i++) {
		const struct unit *was = &u->list[i],
				  *is = units_find(&later, was->name);

		if (is && stands(kind, was) && stands(kind, is) &&
		    !moved(kind, was, is))
			stuck(h, kind, is);
	}
	units_free(&later);
}

/**
 * health_look - check the health of a module
 * @h: result
 * @m: the module, after module_look_at_file()
 * @u: its figures
 *
 * May take some seconds: units that may be stuck are read twice.
 */
void health_look(struct health *h, const struct module *m,
		 const struct units *u)
{
	const char *name = m->kind->module;
	char text[320];
	size_t i;

	memset(h, 0, sizeof(*h));
	if (module_is(m, "inert"))
		inert(h, m);
	else if (module_is(m, "attaching") || module_is(m, "detaching") ||
		 m->transition)
		moving(h, m);
	else if (module_is(m, "armed"))
		add(h, OK,
		    *m->reason ? m->reason :
				 "it attaches when its driver is loaded",
		    m->token == REASON_OTHER_PATCH ?
			    "\"outriggerctl doctor\" names it; attaches once it is complete" :
			    "");

	if (m->loaded && m->refs > 0 && !m->patch && module_is(m, "inert"))
		ADD(h, FAIL, "it is still in use, although it is detached",
		    "if its \"force\" was ever written to, it stays until the next boot");
	if (module_due(m)) {
		snprintf(text, sizeof(text), "%s%s is installed, %s is loaded",
			 m->file.version,
			 strcmp(m->version, m->file.version) ?
				 "" :
				 " of different source",
			 m->version);
		ADD(h, OK, text,
		    "\"outriggerctl reload %s\", or the next boot, activates it",
		    name);
	}
	if (!m->loaded)
		absent(h, m);
	if (u->late)
		add(h, WARN,
		    "its figures are missing: reading them takes too long",
		    m->kind == &kinds[BCACHE_JOURNAL] ?
			    "a cache set is being registered: if that takes long, check dmesg" :
			    "");

	for (i = 0; module_is(m, "attached") && i < u->n; i++) {
		const struct unit *t = &u->list[i];

		if (m->kind == &kinds[BCACHE_JOURNAL]) {
			counted(h, m->kind, t, "write_errors",
				"journal writes failed, and were retried",
				"check dmesg for errors of the cache device");
			continue;
		}
		counted(h, m->kind, t, "unsent", "page faults got no reply",
			"the engine waits until the GT is reset, which the stock driver initiates; dmesg has the cause");
		counted(h, m->kind, t, "dropped",
			"page faults were dropped for lack of room",
			"something is wrong with the GuC: reset the GT, see outrigger(7)");
		counted(h, m->kind, t, "malformed",
			"messages of the GuC were malformed",
			"something is wrong with the GuC: reset the GT, see outrigger(7)");
	}
	if (module_is(m, "attached"))
		look_twice(h, m->kind, u);
}
