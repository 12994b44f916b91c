// SPDX-License-Identifier: GPL-2.0
/* Prometheus' text format, for the textfile collector of node_exporter. */
#include <string.h>

#include "ctl.h"

static const char *const states[] = { "not-installed", "not-loaded",
				      "armed",	       "attaching",
				      "attached",      "detaching",
				      "inert" };

struct view {
	struct module m;
	bool off; /* switched off on purpose */
	struct units u;
};

static void head(const char *name, const char *help, const char *type)
{
	printf("# HELP outrigger_%s ", name);
	for (; *help; help++)
		fputs(*help == '\\' ? "\\\\" : (char[]){ *help, 0 }, stdout);
	printf("\n# TYPE outrigger_%s %s\n", name, type);
}

/* Prints a label, and escapes its value, which may be the name of a device. */
static void label(const char *key, const char *value, const char *before)
{
	printf("%s%s=\"", before, key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			putchar('\\');
		putchar(*value);
	}
	putchar('"');
}

static void modules(const struct view *v, size_t n)
{
	size_t i, j;

	head("module_info",
	     "A module whose driver the kernel has, with its loaded and installed versions.",
	     "gauge");
	for (i = 0; i < n; i++) {
		const struct module *m = &v[i].m;

		fputs("outrigger_module_info{", stdout);
		label("module", m->kind->module, "");
		label("target", m->kind->target, ",");
		label("version", m->version, ",");
		label("srcversion", m->srcversion, ",");
		label("installed_version", m->file.version, ",");
		label("kernel", kernel_release(), ",");
		puts("} 1");
	}
	head("module_state",
	     "1 for the state that the module is in, 0 for the others.",
	     "gauge");
	for (i = 0; i < n; i++)
		for (j = 0; j < sizeof(states) / sizeof(*states); j++)
			printf("outrigger_module_state{module=\"%s\",state=\"%s\"} %d\n",
			       v[i].m.kind->module, states[j],
			       module_is(&v[i].m, states[j]));
	head("module_off",
	     "Whether the module is switched off, or kept from being loaded.",
	     "gauge");
	for (i = 0; i < n; i++)
		printf("outrigger_module_off{module=\"%s\"} %d\n",
		       v[i].m.kind->module, v[i].off);
	head("module_target_loaded", "Whether the stock driver is loaded.",
	     "gauge");
	for (i = 0; i < n; i++)
		printf("outrigger_module_target_loaded{module=\"%s\",target=\"%s\"} %d\n",
		       v[i].m.kind->module, v[i].m.kind->target,
		       v[i].m.target_loaded);
	head("module_in_transition",
	     "Whether some tasks run the stock functions and others the module's.",
	     "gauge");
	for (i = 0; i < n; i++)
		printf("outrigger_module_in_transition{module=\"%s\"} %d\n",
		       v[i].m.kind->module, v[i].m.transition != NONE);
	head("module_reload_due",
	     "Whether the installed version differs from the loaded one.",
	     "gauge");
	for (i = 0; i < n; i++)
		printf("outrigger_module_reload_due{module=\"%s\"} %d\n",
		       v[i].m.kind->module, module_due(&v[i].m));
	head("module_attached_timestamp_seconds",
	     "Time when the module was attached, 0 if it is not attached.",
	     "gauge");
	for (i = 0; i < n; i++)
		printf("outrigger_module_attached_timestamp_seconds{module=\"%s\"} %lld\n",
		       v[i].m.kind->module, v[i].m.since);
}

/* Prometheus wants times in seconds. */
static double in_base_unit(const struct figure *f, long long value)
{
	const char *unit = strrchr(f->file, '_');

	if (unit && !strcmp(unit, "_ms"))
		return value / 1e3;
	if (unit && !strcmp(unit, "_us"))
		return value / 1e6;
	return value;
}

static void figures(const struct view *v)
{
	const struct kind *kind = v->m.kind;
	char name[96];
	size_t i, j;

	for (i = 0; v->u.n && i < kind->nr_figures; i++) {
		const struct figure *f = &kind->figures[i];

		snprintf(name, sizeof(name), "%s_%s", kind->module, f->metric);
		head(name, f->help, f->counter ? "counter" : "gauge");
		for (j = 0; j < v->u.n; j++) {
			const struct unit *u = &v->u.list[j];

			if (u->value[i] == MISSING)
				continue;
			printf("outrigger_%s{", name);
			if (*u->gt) {
				label("device", u->device, "");
				label("gt", u->gt, ",");
			} else {
				label("set", u->name, "");
			}
			printf("} %.15g\n", in_base_unit(f, u->value[i]));
		}
	}
}

/* A module that is not installed matters only if the kernel has its driver. */
static bool of_use(const struct module *m)
{
	struct installed driver;

	if (!module_is(m, "not-installed") || m->target_loaded)
		return true;
	installed_find(&driver, kernel_release(), m->kind->target);
	return driver.there;
}

int cmd_metrics(const struct options *o)
{
	struct view v[KINDS];
	size_t i, n = 0;

	for (i = 0; i < o->n; i++) {
		struct module *m = &v[n].m;
		const char *name = o->kinds[i]->module;

		module_look(m, o->kinds[i]);
		module_look_at_file(m);
		if (!of_use(m))
			continue;
		v[n].off = m->loaded ? m->off :
				       off_where(name) || kept_out(name);
		units_read(&v[n++].u, o->kinds[i]);
	}
	if (n)
		modules(v, n);
	for (i = 0; i < n; i++) {
		figures(&v[i]);
		units_free(&v[i].u);
	}
	return DONE;
}
