// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: statistics
 *
 * Names and a histogram for sysfs, debugfs and the log.
 */

#include <linux/log2.h>
#include <linux/time64.h>

#include "pagefault.h"

const char *const xpf_accesses[PAGEFAULT_ACCESSES + 1] = {
	[PAGEFAULT_READ] = "read",
	[PAGEFAULT_WRITE] = "write",
	[PAGEFAULT_ATOMIC] = "atomic",
	[PAGEFAULT_ACCESSES] = "reserved",
};

const char *const xpf_types[PFD_TYPES] = {
	[PFD_TYPE_NOT_PRESENT] = "not present",
	[PFD_TYPE_WRITE_VIOLATION] = "write violation",
	[PFD_TYPE_ATOMIC_VIOLATION] = "atomic violation",
	[PFD_TYPES - 1] = "reserved",
};

/**
 * xpf_verdict_name - describe in words why a fault was refused
 * @verdict: a verdict that is a reply
 *
 * Return: the description.
 */
const char *xpf_verdict_name(enum xpf_verdict verdict)
{
	static const char *const names[XPF_VERDICTS] = {
		[XPF_SERVED] = "ok",
		[XPF_MALFORMED] = "malformed descriptor",
		[XPF_TRVA] = "tiled resource",
		[XPF_UNKNOWN_ASID] = "unknown ASID",
		[XPF_NOT_FAULT_MODE] = "VM not in fault mode",
		[XPF_VM_CLOSED] = "VM closed or banned",
		[XPF_NO_VMA] = "no VMA at the address",
		[XPF_READ_ONLY] = "VMA is read-only",
		[XPF_ATOMIC] = "atomics not possible on this memory",
		[XPF_USERPTR] = "pages of the userptr not available",
		[XPF_PURGED] = "BO purged or marked DONTNEED",
		[XPF_SVM] = "no pages for the SVM range",
		[XPF_MEMORY] = "no memory for the BO",
		[XPF_BIND] = "page tables not updated",
	};

	return names[verdict];
}

/**
 * xpf_count_latency - count an answered fault in the histogram
 * @gt: GT, with gt->lock held
 * @ns: time from the G2H message to the reply in the H2G ring
 */
void xpf_count_latency(struct xpf_gt *gt, u64 ns)
{
	u64 us = ns / NSEC_PER_USEC;

	gt->stats.latency[us ? min(ilog2(us) + 1, XPF_HISTOGRAM - 1) : 0]++;
}

/**
 * xpf_count_malformed - count an ignored message
 * @gt: GT, without gt->lock held
 *
 * Any context.
 */
void xpf_count_malformed(struct xpf_gt *gt)
{
	unsigned long flags;

	spin_lock_irqsave(&gt->lock, flags);
	gt->stats.malformed++;
	spin_unlock_irqrestore(&gt->lock, flags);
}
