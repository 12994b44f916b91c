// SPDX-License-Identifier: GPL-2.0
/* Calls to libkmod: module files, modprobe.d, loading and removing modules. */
#include <errno.h>
#include <libkmod.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* Uses libkmod's default directories, below OUTRIGGER_ROOT if that is set. */
static struct kmod_ctx *context(const char *release)
{
	static const char *const places[] = { "/etc/modprobe.d",
					      "/run/modprobe.d",
					      "/usr/local/lib/modprobe.d",
					      "/usr/lib/modprobe.d",
					      "/lib/modprobe.d" };
	enum { N = sizeof(places) / sizeof(*places) };
	char dir[PATH_MAX], paths[N][PATH_MAX];
	const char *list[N + 1] = { NULL };
	struct kmod_ctx *ctx;
	size_t i;

	for (i = 0; i < N; i++)
		list[i] = at_root(paths[i], "%s", places[i]);
	at_root(dir, "/lib/modules/%s", release);
	ctx = kmod_new(dir, real_root() ? NULL : list);
	if (ctx)
		kmod_set_log_fn(ctx, NULL, NULL);
	return ctx;
}

static struct kmod_module *lookup(struct kmod_ctx *ctx, const char *name)
{
	struct kmod_list *list = NULL;
	struct kmod_module *mod = NULL;

	if (!kmod_module_new_from_lookup(ctx, name, &list) && list)
		mod = kmod_module_get_module(list);
	kmod_module_unref_list(list);
	return mod;
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

void installed_find(struct installed *f, const char *release, const char *name)
{
	struct kmod_ctx *ctx = context(release);
	struct kmod_module *mod = ctx ? lookup(ctx, name) : NULL;
	struct kmod_list *info = NULL, *i;
	const char *path = mod ? kmod_module_get_path(mod) : NULL;

	memset(f, 0, sizeof(*f));
	if (path && *path == '/' && kmod_module_get_info(mod, &info) >= 0) {
		f->there = true;
		copy(f->path, sizeof(f->path), path);
		kmod_list_foreach(i, info)
		{
			const char *key = kmod_module_info_get_key(i);
			const char *value = kmod_module_info_get_value(i);

			if (!strcmp(key, "version"))
				copy(f->version, sizeof(f->version), value);
			else if (!strcmp(key, "srcversion"))
				copy(f->srcversion, sizeof(f->srcversion),
				     value);
			else if (!strcmp(key, "vermagic"))
				snprintf(f->release, sizeof(f->release), "%.*s",
					 (int)strcspn(value, " "), value);
			else if (!strcmp(key, "signer"))
				copy(f->signer, sizeof(f->signer), value);
			else if (!strcmp(key, "sig_id") && !*f->signer)
				copy(f->signer, sizeof(f->signer), "?");
		}
		kmod_module_info_free_list(info);
	} else if (mod &&
		   kmod_module_get_initstate(mod) == KMOD_MODULE_BUILTIN) {
		f->builtin = true;
	}
	kmod_module_unref(mod);
	kmod_unref(ctx);
}

/*
 * Do @options contain "off", after @prefix, with a true value? The last one counts. As
 * in the kernel, an option without a value is true.
 */
bool option_is_off(const char *options, const char *prefix)
{
	size_t len = strlen(prefix);
	bool off = false;

	while (*options) {
		size_t n = strcspn(options, " \t\n"), i;
		const char *o = options;

		options += n;
		options += strspn(options, " \t\n");
		if (n < len + 3)
			continue;
		/* a module's name may have hyphens or underscores */
		for (i = 0; i < len; i++)
			if (o[i] != prefix[i] &&
			    !(o[i] == '-' && prefix[i] == '_'))
				break;
		o += len;
		n -= len;
		if (i < len || strncmp(o, "off", 3))
			continue;
		if (n == 3)
			off = true;
		else if (o[3] == '=')
			off = n > 4 &&
			      (strchr("yYtT1", o[4]) ||
			       (n > 5 && !strncasecmp(o + 4, "on", 2)));
	}
	return off;
}

bool conf_has_off(const char *module)
{
	struct kmod_ctx *ctx = context(kernel_release());
	struct kmod_module *mod = NULL;
	const char *options = NULL;
	bool off;

	if (ctx && !kmod_module_new_from_name(ctx, module, &mod))
		options = kmod_module_get_options(mod);
	off = options && option_is_off(options, "");
	kmod_module_unref(mod);
	kmod_unref(ctx);
	return off;
}

/* Does modprobe.d have an "install" command for the module? */
bool conf_has_install(const char *module)
{
	struct kmod_ctx *ctx = context(kernel_release());
	struct kmod_module *mod = NULL;
	bool found = ctx && !kmod_module_new_from_name(ctx, module, &mod) &&
		     kmod_module_get_install_commands(mod);

	kmod_module_unref(mod);
	kmod_unref(ctx);
	return found;
}

bool conf_has_blacklist(const char *module)
{
	struct kmod_ctx *ctx = context(kernel_release());
	struct kmod_config_iter *i = ctx ? kmod_config_get_blacklists(ctx) :
					   NULL;
	bool found = false;

	while (i && !found && kmod_config_iter_next(i))
		found = !strcmp(kmod_config_iter_get_key(i), module);
	if (i)
		kmod_config_iter_free_iter(i);
	if (ctx)
		kmod_unref(ctx);
	return found;
}

bool conf_has_softdep(const char *target, const char *module)
{
	struct kmod_ctx *ctx = context(kernel_release());
	struct kmod_module *mod = NULL;
	struct kmod_list *pre = NULL, *post = NULL, *i;
	bool found = false;

	if (ctx && !kmod_module_new_from_name(ctx, target, &mod) &&
	    !kmod_module_get_softdeps(mod, &pre, &post)) {
		kmod_list_foreach(i, pre)
		{
			struct kmod_module *p = kmod_module_get_module(i);

			found |= !strcmp(kmod_module_get_name(p), module);
			kmod_module_unref(p);
		}
		kmod_module_unref_list(pre);
		kmod_module_unref_list(post);
	}
	kmod_module_unref(mod);
	kmod_unref(ctx);
	return found;
}

/* Loads a module like modprobe, with its softdeps and options. Returns 0 or -errno. */
int module_load(const char *name)
{
	struct kmod_ctx *ctx;
	struct kmod_module *mod;
	int ret = -ENOENT;

	if (!real_root())
		return -EOPNOTSUPP;
	ctx = context(kernel_release());
	mod = ctx ? lookup(ctx, name) : NULL;
	if (mod) {
		ret = kmod_module_probe_insert_module(mod, 0, NULL, NULL, NULL,
						      NULL);
		kmod_module_unref(mod);
	}
	if (ctx)
		kmod_unref(ctx);
	return ret;
}

/* Like rmmod, not modprobe: a "remove" line in modprobe.d may run outriggerctl. */
int module_remove(const char *name)
{
	struct kmod_ctx *ctx;
	struct kmod_module *mod = NULL;
	int ret = -ENOMEM;

	if (!real_root())
		return -EOPNOTSUPP;
	ctx = context(kernel_release());
	if (ctx && !kmod_module_new_from_name(ctx, name, &mod))
		ret = kmod_module_remove_module(mod, KMOD_REMOVE_NOWAIT |
							     KMOD_REMOVE_NOLOG);
	kmod_module_unref(mod);
	kmod_unref(ctx);
	return ret;
}
