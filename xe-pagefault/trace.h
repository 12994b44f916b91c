/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module's tracepoints (system xe_pagefault), and functions to fire those of
 * the stock driver. There is no event class, because no two of the module's
 * tracepoints have the same fields, which are ABI.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM xe_pagefault

#if !defined(XE_PAGEFAULT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define XE_PAGEFAULT_TRACE_H

#include <linux/tracepoint.h>

#include "pagefault.h"

/* The GuC reported a fault. */
TRACE_EVENT(xpf_fault,
	TP_PROTO(const struct xpf_gt *gt, const struct pagefault *pf),
	TP_ARGS(gt, pf),
	TP_STRUCT__entry(
		__string(dev, dev_name(gt->drm->dev))
		__field(unsigned int, gt)
		__field(u32, asid)
		__field(u64, addr)
		__field(u8, access)
		__field(u16, pdata)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->gt = gt->id;
		__entry->asid = pf->asid;
		__entry->addr = pf->addr;
		__entry->access = pf->access;
		__entry->pdata = pf->pdata;
	),
	TP_printk("%s gt%u ASID %u addr 0x%llx access %u PDATA 0x%04x",
		  __get_str(dev), __entry->gt, __entry->asid, __entry->addr,
		  __entry->access, __entry->pdata)
);

/* A fault was served or refused, together with those that share its service. */
TRACE_EVENT(xpf_service,
	TP_PROTO(const struct xpf_gt *gt, const struct pagefault *pf,
		 enum xpf_verdict verdict, int err),
	TP_ARGS(gt, pf, verdict, err),
	TP_STRUCT__entry(
		__string(dev, dev_name(gt->drm->dev))
		__field(unsigned int, gt)
		__field(u32, asid)
		__field(u64, addr)
		__field(u8, access)
		__field(int, cause)
		__field(int, err)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->gt = gt->id;
		__entry->asid = pf->asid;
		__entry->addr = pf->addr;
		__entry->access = pf->access;
		__entry->cause = verdict;
		__entry->err = err;
	),
	TP_printk("%s gt%u ASID %u addr 0x%llx access %u cause %d error %d",
		  __get_str(dev), __entry->gt, __entry->asid, __entry->addr,
		  __entry->access, __entry->cause, __entry->err)
);

/* A fault is finished; "sent" tells whether a reply was sent. */
TRACE_EVENT(xpf_ack,
	TP_PROTO(const struct xpf_gt *gt, const struct pagefault *pf, bool refused,
		 bool sent, u64 ns),
	TP_ARGS(gt, pf, refused, sent, ns),
	TP_STRUCT__entry(
		__string(dev, dev_name(gt->drm->dev))
		__field(unsigned int, gt)
		__field(u32, asid)
		__field(u16, pdata)
		__field(bool, failed)
		__field(bool, sent)
		__field(u64, ns)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->gt = gt->id;
		__entry->asid = pf->asid;
		__entry->pdata = pf->pdata;
		__entry->failed = refused;
		__entry->sent = sent;
		__entry->ns = ns;
	),
	TP_printk("%s gt%u ASID %u PDATA 0x%04x failed %d sent %d after %llu ns",
		  __get_str(dev), __entry->gt, __entry->asid, __entry->pdata,
		  __entry->failed, __entry->sent, __entry->ns)
);

/*
 * Faults were answered together. The first three times are those of their service, the
 * others are means: most of a fault's time in the queue, for example, is its own.
 */
TRACE_EVENT(xpf_stages,
	TP_PROTO(const struct xpf_gt *gt, u32 asid, u32 faults, const u64 *ns),
	TP_ARGS(gt, asid, faults, ns),
	TP_STRUCT__entry(
		__string(dev, dev_name(gt->drm->dev))
		__field(unsigned int, gt)
		__field(u32, asid)
		__field(u32, faults)
		__field(u64, lock)
		__field(u64, memory)
		__field(u64, tables)
		__field(u64, queue)
		__field(u64, reply)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->gt = gt->id;
		__entry->asid = asid;
		__entry->faults = faults;
		__entry->lock = ns[XPF_AT_LOCK];
		__entry->memory = ns[XPF_PAGES];
		__entry->tables = ns[XPF_TABLES];
		__entry->queue = div_u64(ns[XPF_IN_QUEUE], faults);
		__entry->reply = div_u64(ns[XPF_REPLYING], faults);
	),
	TP_printk("%s gt%u ASID %u faults %u lock %llu memory %llu tables %llu queue %llu reply %llu ns",
		  __get_str(dev), __entry->gt, __entry->asid, __entry->faults,
		  __entry->lock, __entry->memory, __entry->tables,
		  __entry->queue, __entry->reply)
);

/* An access-counter notification was served. */
TRACE_EVENT(xpf_count,
	TP_PROTO(const struct xpf_gt *gt, const struct access_counter *ac, int ret),
	TP_ARGS(gt, ac, ret),
	TP_STRUCT__entry(
		__string(dev, dev_name(gt->drm->dev))
		__field(unsigned int, gt)
		__field(u32, asid)
		__field(u64, base)
		__field(u32, range)
		__field(u32, hot)
		__field(bool, notify)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->gt = gt->id;
		__entry->asid = ac->asid;
		__entry->base = ac->base;
		__entry->range = ac->range;
		__entry->hot = ac->sub_granularity;
		__entry->notify = ac->notify;
		__entry->ret = ret;
	),
	TP_printk("%s gt%u ASID %u base 0x%llx range 0x%x blocks 0x%08x notify %d migrated %d",
		  __get_str(dev), __entry->gt, __entry->asid, __entry->base,
		  __entry->range, __entry->hot, __entry->notify,
		  __entry->ret)
);

#ifndef XE_PAGEFAULT_STOCK_TRACE
#define XE_PAGEFAULT_STOCK_TRACE

#include "../attach/compat.h"

/* Keep firing the stock driver's tracepoints for scripts that use them. */
#define STOCK_TRACE(event)						\
static inline void stock_trace_##event(struct xe_vma *vma)		\
{									\
	if (static_key_enabled(&__tracepoint_##event.key))		\
		OUTRIGGER_CALL_PROBES(__traceiter_##event(NULL, vma));	\
}

STOCK_TRACE(xe_vma_pagefault)
STOCK_TRACE(xe_vma_pf_bind)
STOCK_TRACE(xe_vma_acc)

#endif

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
