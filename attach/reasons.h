/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Machine-readable reasons why a module is not attached, one word each. The module
 * shows the word in /sys/module/<module>/reason_token, which outriggerctl reads. The
 * words are ABI: never change or reuse one. docs/ABI/sysfs-module explains each.
 */
#ifndef OUTRIGGER_REASONS_H
#define OUTRIGGER_REASONS_H

#define OUTRIGGER_REASONS(R)                   \
	R(REASON_NONE, "none")                 \
	R(REASON_OFF, "off")                   \
	R(REASON_OTHER_PATCH, "other-patch")   \
	R(REASON_OTHER_KERNEL, "other-kernel") \
	R(REASON_OTHER_DRIVER, "other-driver") \
	R(REASON_FTRACE_OFF, "ftrace-off")     \
	R(REASON_BUSY, "busy")                 \
	R(REASON_REFUSED, "refused")           \
	R(REASON_DETACHED, "detached")         \
	R(REASON_REPLACED, "replaced")         \
	R(REASON_DISABLED, "disabled")         \
	R(REASON_STALLED, "stalled")           \
	R(REASON_DRIVER_FAILED, "driver-failed")

#define OUTRIGGER_REASON(name, word) name,
#define OUTRIGGER_REASON_WORD(name, word) word,

enum outrigger_reason { OUTRIGGER_REASONS(OUTRIGGER_REASON) NR_REASONS };

#endif
