// SPDX-License-Identifier: GPL-2.0
/* The state of an Outrigger module, from /sys and from its file. */
#include <glob.h>
#include <limits.h>
#include <string.h>

#include "ctl.h"

/* Copies a module's name, or its file's, with hyphens for underscores. */
const char *with_hyphens(char *buf, size_t size, const char *name)
{
	char *p;

	snprintf(buf, size, "%s", name);
	for (p = buf; *p; p++)
		if (*p == '_')
			*p = '-';
	return buf;
}

/* Accepts hyphens and underscores. */
const struct kind *kind_of(const char *name)
{
	char module[NAME_MAX_LEN], *p;
	size_t i;

	snprintf(module, sizeof(module), "%s", name);
	for (p = module; *p; p++)
		if (*p == '-')
			*p = '_';
	for (i = 0; i < KINDS; i++)
		if (!strcmp(kinds[i].module, module))
			return &kinds[i];
	return NULL;
}

static const char *const words[] = { OUTRIGGER_REASONS(OUTRIGGER_REASON_WORD) };

static enum outrigger_reason reason_of(const char *word)
{
	size_t i;

	for (i = 0; i < NR_REASONS && strcmp(words[i], word); i++)
		;
	return i;
}

/* Returns NULL if the reason is unknown. */
const char *reason_word(enum outrigger_reason token)
{
	return token < NR_REASONS ? words[token] : NULL;
}

bool module_is(const struct module *m, const char *state)
{
	return !strcmp(m->state, state);
}

/**
 * module_look - read the current state of a module from /sys
 * @m: result
 * @kind: the module
 *
 * Cheap, and does not wait. While the module is attaching, reading reason, reason_token
 * and attached_since may have to wait until the kernel has patched its code, so read
 * them only in the states that need them.
 */
void module_look(struct module *m, const struct kind *kind)
{
	const char *name = kind->module;
	long long transition = 0, enabled = 0;
	char text[32];

	memset(m, 0, sizeof(*m));
	m->kind = kind;
	m->target_loaded = file_read(text, sizeof(text),
				     "/sys/module/%s/initstate",
				     kind->target) > 0 &&
			   !strcmp(text, "live");
	m->loaded = file_read(m->state, sizeof(m->state),
			      "/sys/module/%s/state", name) > 0;
	if (!m->loaded) {
		/* it is being loaded or unloaded, or not an Outrigger module */
		strcpy(m->state, "not-loaded");
		return;
	}
	file_read(m->version, sizeof(m->version), "/sys/module/%s/version",
		  name);
	file_read(m->srcversion, sizeof(m->srcversion),
		  "/sys/module/%s/srcversion", name);
	file_number(&m->refs, "/sys/module/%s/refcnt", name);
	file_read(text, sizeof(text), "/sys/module/%s/parameters/off", name);
	m->off = *text == 'Y';
	if (!module_is(m, "attaching") && !module_is(m, "attached")) {
		file_read(m->reason, sizeof(m->reason), "/sys/module/%s/reason",
			  name);
		file_read(text, sizeof(text), "/sys/module/%s/reason_token",
			  name);
		m->token = reason_of(text);
	}
	if (module_is(m, "attached"))
		file_number(&m->since, "/sys/module/%s/attached_since", name);

	m->patch =
		file_number(&enabled, "/sys/kernel/livepatch/%s/enabled", name);
	file_number(&transition, "/sys/kernel/livepatch/%s/transition", name);
	if (m->patch && transition)
		m->transition = enabled ? PATCHING : UNPATCHING;
}

/* Returns " (NAME)" of another project's livepatch that is in transition, or "". */
const char *other_in_transition(char *buf, size_t size)
{
	char pattern[PATH_MAX], root[PATH_MAX];
	size_t skip = strlen(at_root(root, "/sys/kernel/livepatch/")), i;
	long long moving;
	glob_t found;

	*buf = '\0';
	if (glob(at_root(pattern, "/sys/kernel/livepatch/*"), 0, NULL, &found))
		return buf;
	for (i = 0; i < found.gl_pathc; i++) {
		const char *name = found.gl_pathv[i] + skip;

		if (!kind_of(name) &&
		    file_number(&moving, "/sys/kernel/livepatch/%s/transition",
				name) &&
		    moving)
			snprintf(buf, size, " (%s)", name);
	}
	globfree(&found);
	return buf;
}

/* Is the module inert on purpose? */
bool module_set_aside(const struct module *m)
{
	return module_is(m, "inert") &&
	       (m->token == REASON_OFF || m->token == REASON_DETACHED ||
		m->token == REASON_DISABLED);
}

/* Looks at the module's file for the running kernel. Call module_look() first. */
void module_look_at_file(struct module *m)
{
	installed_find(&m->file, kernel_release(), m->kind->module);
	if (!m->loaded && !m->file.there)
		strcpy(m->state, "not-installed");
}

/* Does the installed module differ from the loaded one? */
bool module_due(const struct module *m)
{
	return m->loaded && m->file.there &&
	       (strcmp(m->version, m->file.version) ||
		strcmp(m->srcversion, m->file.srcversion));
}

/**
 * left_out - look up why DKMS has left out a module
 * @why: set to the reason
 * @size: size of @why
 * @release: the kernel that it was not built for
 * @module: the module
 *
 * Return: true if a reason is known.
 */
bool left_out(char *why, size_t size, const char *release, const char *module)
{
	char log[8192], key[128], hyphens[NAME_MAX_LEN];
	const char *at;

	file_read(log, sizeof(log), LEFT_OUT_LOG, release);
	snprintf(key, sizeof(key), "outrigger: %s is left out: ",
		 with_hyphens(hyphens, sizeof(hyphens), module));
	at = strstr(log, key);
	if (!at)
		return false;
	at += strlen(key);
	snprintf(why, size, "%.*s", (int)strcspn(at, "\n"), at);
	return true;
}
