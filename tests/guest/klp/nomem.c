// SPDX-License-Identifier: GPL-2.0
/*
 * Makes an allocation of a module fail: "echo N > /sys/module/nomem/parameters/nth" returns
 * NULL to the N-th from then on. An allocation belongs to the module that "of" names if one
 * of the "depth" nearest callers is in it. Must be loaded before that module.
 */
#include <linux/gfp.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/stacktrace.h>

static char *of;
module_param(of, charp, 0444);

static uint depth = 1;
module_param(depth, uint, 0644);

static uint nth;
module_param(nth, uint, 0644);

static bool verbose; /* name all allocations */
module_param(verbose, bool, 0644);

static struct module *victim;

/* A kernel has some of these. */
static const char *const names[] = {
	"__kmalloc",
	"__kmalloc_cache_noprof",
	"__kmalloc_large_noprof",
	"__kmalloc_node_track_caller",
	"__kmalloc_node_track_caller_noprof",
	"__kmalloc_noprof",
	"__kvmalloc_node_noprof",
	"__vmalloc",
	"__vmalloc_noprof",
	"alloc_pages",
	"alloc_pages_noprof",
	"kmalloc_large",
	"kmalloc_trace",
	"kmem_cache_alloc",
	"kmem_cache_alloc_lru",
	"kmem_cache_alloc_lru_noprof",
	"kmem_cache_alloc_noprof",
	"kvmalloc_node",
	"vzalloc",
	"vzalloc_noprof",
};

static struct kprobe probes[ARRAY_SIZE(names)];

/* Runs in place of the function that fails. */
static noinline notrace void *nomem_return(void)
{
	return NULL;
}

/* The caller in the module, or 0. */
static unsigned long nomem_caller(const struct pt_regs *regs)
{
	unsigned long stack[48], direct = *(unsigned long *)regs->sp;
	unsigned int n = stack_trace_save(stack, ARRAY_SIZE(stack), 0), i;

	for (i = 0; i < n && stack[i] != direct; i++)
		;
	for (n = min(n, i + READ_ONCE(depth)); i < n; i++)
		if (within_module(stack[i], victim))
			return stack[i];
	return 0;
}

static int nomem_pre(struct kprobe *p, struct pt_regs *regs)
{
	unsigned long at;
	uint left;

	if (!READ_ONCE(nth) || !READ_ONCE(victim) || !in_task())
		return 0;
	at = nomem_caller(regs);
	if (!at)
		return 0;
	left = nth--;
	if (left == 1 || verbose)
		pr_info("nomem: %s %s, for %pS\n", p->symbol_name,
			left == 1 ? "fails" : "is called", (void *)at);
	if (left != 1)
		return 0;
	regs->ip = (unsigned long)nomem_return;
	return 1;
}

/* Excludes an optimization that can't skip the function. */
static void nomem_post(struct kprobe *p, struct pt_regs *regs,
		       unsigned long flags)
{
}

static int nomem_notify(struct notifier_block *nb, unsigned long event,
			void *data)
{
	struct module *mod = data;

	if (!strcmp(mod->name, of))
		WRITE_ONCE(victim, event == MODULE_STATE_GOING ? NULL : mod);
	return NOTIFY_OK;
}

static struct notifier_block nb = { .notifier_call = nomem_notify };

static int __init nomem_init(void)
{
	unsigned int i;

	if (!of)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		probes[i].symbol_name = names[i];
		probes[i].pre_handler = nomem_pre;
		probes[i].post_handler = nomem_post;
		if (register_kprobe(&probes[i]))
			probes[i].addr = NULL;
	}
	return register_module_notifier(&nb);
}
module_init(nomem_init);

static void __exit nomem_exit(void)
{
	unsigned int i;

	unregister_module_notifier(&nb);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (probes[i].addr)
			unregister_kprobe(&probes[i]);
}
module_exit(nomem_exit);

MODULE_DESCRIPTION("test: allocations fail");
MODULE_LICENSE("GPL");
