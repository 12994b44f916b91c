/* SPDX-License-Identifier: GPL-2.0 */
/* Differences between kernels that neither BTF nor a HAVE_ macro reveals. */
#ifndef OUTRIGGER_COMPAT_H
#define OUTRIGGER_COMPAT_H

#include <linux/version.h>

/* 6.14 made the attribute of module_attribute callbacks const. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define OUTRIGGER_MATTR const struct module_attribute
#else
#define OUTRIGGER_MATTR struct module_attribute
#endif

/*
 * The protection that a tracepoint's probes rely on while they run: tracepoints
 * switched from RCU-sched to their own SRCU domain between 6.12 and 7.3.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define OUTRIGGER_CALL_PROBES(call)                         \
	do {                                                \
		guard(srcu_fast_notrace)(&tracepoint_srcu); \
		call;                                       \
	} while (0)
#else
#define OUTRIGGER_CALL_PROBES(call)        \
	do {                               \
		preempt_disable_notrace(); \
		call;                      \
		preempt_enable_notrace();  \
	} while (0)
#endif

/*
 * Does bcache's garbage collection go on if it gets no bucket for a node? Early versions of
 * 6.1 take the error for a node; the stable kernels of December 2023 have the fix.
 */
#define OUTRIGGER_GC_NEEDS_NO_BUCKET \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 70))

#endif
