// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: statistics
 *
 * Names and a histogram for sysfs, debugfs and the log.
 */

#include <linux/log2.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <linux/timekeeping.h>

#include "pagefault.h"
#include "trace.h"

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
 * @ns: time from the G2H message to the doorbell for the reply
 */
void xpf_count_latency(struct xpf_gt *gt, u64 ns)
{
	u64 us = ns / NSEC_PER_USEC;

	gt->stats.latency[us ? min(ilog2(us) + 1, XPF_HISTOGRAM - 1) : 0]++;
}

const char *const xpf_stages[XPF_STAGES] = {
	[XPF_IN_QUEUE] = "queue", [XPF_AT_LOCK] = "VM lock",
	[XPF_PAGES] = "memory",	  [XPF_TABLES] = "page tables",
	[XPF_REPLYING] = "reply",
};

/**
 * xpf_stage - a stage of a service has ended, and the next begins
 * @q: queue, in whose worker this is called
 * @stage: the stage that has ended
 */
void xpf_stage(struct xpf_queue *q, enum xpf_stage stage)
{
	u64 now = ktime_get_ns();

	q->spent[stage] += now - q->mark;
	q->mark = now;
}

static void xpf_add_stages(u64 *ns, const u64 *spent)
{
	unsigned int i;

	for (i = 0; i < XPF_STAGES; i++)
		ns[i] += spent[i];
}

/**
 * xpf_count_replies - count answered faults, and where their time went
 * @q: their queue, in whose worker this is called. Its @spent is taken
 * @asid: their address space
 * @verdict: the verdict on all of them
 * @n: number of replies that were sent
 * @ns: sum of the times from the G2H message to the doorbell for the reply
 * @replying: the part of it that sending took
 *
 * Called with gt->lock held. Faults of several ASIDs, which can only be answered together
 * if there are more ASIDs than queues, go to the account of the first.
 */
void xpf_count_replies(struct xpf_queue *q, u32 asid, enum xpf_verdict verdict,
		       u32 n, u64 ns, u64 replying)
{
	struct xpf_gt *gt = q->gt;
	struct xpf_account *a = &gt->accounts[asid % XPF_ACCOUNTS];
	u64 known;

	if (!n)
		goto out;
	known = q->spent[XPF_AT_LOCK] + q->spent[XPF_PAGES] +
		q->spent[XPF_TABLES] + replying;
	q->spent[XPF_REPLYING] = replying;
	q->spent[XPF_IN_QUEUE] = ns - min(ns, known);

	trace_xpf_stages(gt, asid, n, q->spent);
	gt->stats.verdicts[verdict] += n;
	xpf_add_stages(gt->stats.ns, q->spent);
	if (a->asid != asid || !a->faults)
		*a = (struct xpf_account){ .asid = asid };
	if (q->asid == asid && q->owner.pid)
		a->owner = q->owner;
	a->faults += n;
	a->refused += xpf_is_refused(verdict) ? n : 0;
	xpf_add_stages(a->ns, q->spent);
out:
	memset(q->spent, 0, sizeof(q->spent));
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

/**
 * xpf_count_retry - count a service that is tried again
 * @gt: GT, without gt->lock held
 *
 * Process context.
 */
void xpf_count_retry(struct xpf_gt *gt)
{
	spin_lock_irq(&gt->lock);
	gt->stats.retries++;
	spin_unlock_irq(&gt->lock);
}
