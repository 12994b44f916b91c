// SPDX-License-Identifier: GPL-2.0
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

struct view {
	struct module m;
	struct units u;
	struct health h;
};

static const char *or_dash(const char *s)
{
	return *s ? s : "-";
}

static const char *transition_name(const struct module *m)
{
	static const char *const names[] = {
		[NONE] = "none", [PATCHING] = "patching", [UNPATCHING] = "unpatching"
	};

	return names[m->transition];
}

static void print_finding(const char *name, const struct finding *f)
{
	printf("%s%s%s:", level_colour(f->level), name, colour_end());
	print_folded(f->what, strlen(name) + 1, 2);
	if (*f->todo) {
		printf("   ");
		print_folded(f->todo, 3, 4);
	}
}

static void print_table(const struct view *v, size_t n)
{
	struct table t = { .columns = 6 };
	char target[40], age[24] = "";
	size_t i, j;

	/* no transition: a finding explains it. This fits into 80 columns. */
	table_row(&t, OK, "MODULE", "STATE", "FOR", "DRIVER", "VERSION",
		  "HEALTH");
	for (i = 0; i < n; i++) {
		const struct module *m = &v[i].m;

		snprintf(target, sizeof(target), "%s%s", m->kind->target,
			 m->target_loaded ? "" : ", not loaded");
		if (m->since)
			duration(age, sizeof(age), time(NULL) - m->since);
		table_row(&t, v[i].h.level, m->kind->module, m->state,
			  m->since ? age : "-", target,
			  or_dash(m->loaded ? m->version : m->file.version),
			  m->loaded || v[i].h.level ? level_name(v[i].h.level) :
						      "-");
	}
	table_print(&t);
	for (i = 0; i < n; i++)
		for (j = 0; j < v[i].h.n; j++)
			print_finding(v[i].m.kind->module, &v[i].h.list[j]);
}

static json_object *string_or_null(const char *s)
{
	return *s ? json_object_new_string(s) : NULL;
}

static void put(json_object *o, const char *key, json_object *value)
{
	json_object_object_add(o, key, value);
}

static json_object *json_file(const struct installed *f)
{
	json_object *o;

	if (!f->there)
		return NULL;
	o = json_object_new_object();
	put(o, "file", json_object_new_string(f->path));
	put(o, "version", string_or_null(f->version));
	put(o, "srcversion", string_or_null(f->srcversion));
	put(o, "built_for", string_or_null(f->release));
	put(o, "signer", string_or_null(f->signer));
	return o;
}

static json_object *json_units(const struct kind *kind, const struct units *u)
{
	json_object *list = json_object_new_array();
	size_t i, j;

	for (i = 0; i < u->n; i++) {
		json_object *o = json_object_new_object();

		if (*u->list[i].gt) {
			put(o, "device",
			    json_object_new_string(u->list[i].device));
			put(o, "gt", json_object_new_string(u->list[i].gt));
		} else {
			put(o, "set", json_object_new_string(u->list[i].name));
		}
		for (j = 0; j < kind->nr_figures; j++)
			put(o, kind->figures[j].file,
			    u->list[i].value[j] == MISSING ?
				    NULL :
				    json_object_new_int64(u->list[i].value[j]));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *json_health(const struct health *h)
{
	json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < h->n; i++) {
		json_object *o = json_object_new_object();

		put(o, "level",
		    json_object_new_string(level_name(h->list[i].level)));
		put(o, "what", json_object_new_string(h->list[i].what));
		put(o, "todo", json_object_new_string(h->list[i].todo));
		json_object_array_add(list, o);
	}
	return list;
}

static json_object *json_module(const struct view *v)
{
	const struct module *m = &v->m;
	json_object *o = json_object_new_object();
	const char *word;

	put(o, "module", json_object_new_string(m->kind->module));
	put(o, "state", json_object_new_string(m->state));
	put(o, "reason", string_or_null(m->reason));
	word = reason_word(m->token);
	put(o, "reason_token",
	    m->loaded && word ? json_object_new_string(word) : NULL);
	put(o, "off", json_object_new_boolean(m->off));
	put(o, "target", json_object_new_string(m->kind->target));
	put(o, "target_loaded", json_object_new_boolean(m->target_loaded));
	put(o, "attached_since",
	    m->since ? json_object_new_int64(m->since) : NULL);
	put(o, "transition", json_object_new_string(transition_name(m)));
	put(o, "version", string_or_null(m->version));
	put(o, "srcversion", string_or_null(m->srcversion));
	put(o, "installed", json_file(&m->file));
	put(o, "reload_due", json_object_new_boolean(module_due(m)));
	put(o, "health", json_object_new_string(level_name(v->h.level)));
	put(o, "findings", json_health(&v->h));
	put(o, m->kind->units, json_units(m->kind, &v->u));
	return o;
}

static void print_json(const struct view *v, size_t n)
{
	json_object *o = json_object_new_object(),
		    *list = json_object_new_array();
	size_t i;

	put(o, "outrigger", json_object_new_string(OUTRIGGER_VERSION));
	put(o, "kernel", json_object_new_string(kernel_release()));
	for (i = 0; i < n; i++)
		json_object_array_add(list, json_module(&v[i]));
	put(o, "modules", list);
	puts(json_object_to_json_string_ext(
		o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* For a package's postinst: prints a sentence for each module that needs a reload. */
static void print_due(const struct module *m)
{
	if (!module_due(m))
		return;
	printf("%s: version %s is loaded%s and stays; %s%s takes over with \"outriggerctl reload %s\", or at the next boot.\n",
	       m->kind->module, m->version,
	       module_is(m, "attached") ? ", attached," : "",
	       strcmp(m->version, m->file.version) ? "version " :
						     "the new build of ",
	       m->file.version, m->kind->module);
}

int cmd_status(const struct options *o)
{
	struct view v[KINDS];
	int ret = DONE;
	size_t i;

	for (i = 0; i < o->n; i++) {
		module_look(&v[i].m, o->kinds[i]);
		module_look_at_file(&v[i].m);
		if (o->due) {
			print_due(&v[i].m);
			continue;
		}
		units_read(&v[i].u, o->kinds[i]);
		health_look(&v[i].h, &v[i].m, &v[i].u);
		if (v[i].h.level == FAIL ||
		    (o->named && module_is(&v[i].m, "not-installed")))
			ret = FAILED;
	}
	if (o->due)
		return DONE;
	if (o->json)
		print_json(v, o->n);
	else
		print_table(v, o->n);
	for (i = 0; i < o->n; i++)
		units_free(&v[i].u);
	return ret;
}
