// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: making pages present on 7.2 and later
 *
 * Reservations are locked in a validation transaction, which evicts other BOs when
 * memory is short. The rules are those of stock's xe_pagefault.c in 7.3.
 */

/**
 * DOC: shared virtual memory (SVM)
 *
 * A VMA that mirrors the CPU's address space is bound range by range, of 4 KiB, 64 KiB or
 * 2 MiB. A new range lies within one mapping of the CPU. If that is split later, because
 * mprotect() makes a part of it read-only, say, then the pages of the range can't be had
 * any more: the stock driver (7.2, 7.3) tries again without end, with vm->lock held, even
 * if the GPU accesses the other part. It also takes it for a success if there is no memory
 * for the pages. Therefore this module does not call xe_svm_handle_pagefault(), but makes
 * one attempt itself. A range that does not fit is removed, so that the next attempt makes
 * a smaller one, or is refused because the CPU's mapping forbids the access.
 *
 * If the faults walk through memory, see walk.c, the ranges that come next are bound by the
 * same service, but only those whose pages the CPU has, just as the CPU's own fault-around
 * maps only what is in the page cache. (Pages that vanish after the check are faulted in,
 * with the VM locked.) The pages stay where they are, in system memory. An error leaves the
 * range to its own fault. The reply waits for all this, so the time is limited.
 */

#include <linux/dma-fence.h>
#include <linux/err.h>
#include <linux/interval_tree.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/rwsem.h>
#include <linux/sched/clock.h>
#include <linux/sched/mm.h>
#include <linux/spinlock.h>
#include <linux/time64.h>
#include <linux/xarray.h>

#include "../pagefault.h"
#include "../stock.h"
#include "../trace.h"

static unsigned int ahead = XPF_AHEAD;
module_param(ahead, uint, 0644);
MODULE_PARM_DESC(
	ahead,
	"SVM ranges that a service may bind ahead of a walk through memory (default and at most 7)");

static unsigned int ahead_us = 1000;
module_param(ahead_us, uint, 0644);
MODULE_PARM_DESC(
	ahead_us,
	"microseconds after which a service begins to bind no further range ahead (default 1000)");

static struct xe_vma *xpf_find_vma(struct xe_vm *vm, u64 addr)
{
	return xe_vm_find_vma_by_addr(vm, addr);
}

/* Are the pages of the BO purged, or may they be? The BO is locked. */
static bool is_purgeable(const struct xe_bo *bo)
{
#ifdef HAVE_XE_BO_PURGEABLE
	return bo->purgeable.state == XE_MADV_PURGEABLE_DONTNEED ||
	       bo->purgeable.state == XE_MADV_PURGEABLE_PURGED;
#else
	return false;
#endif
}

/*
 * Lock the BO of a VMA and populate it. Sets *was to its previous placement. A mirror has no
 * BO: its page tables are locked.
 */
static int xpf_lock_and_back(struct drm_exec *exec, struct xe_tile *tile,
			     struct xe_vma *vma, bool in_vram, u32 *was,
			     enum xpf_verdict *why)
{
	struct xe_bo *bo = vma_to_bo(vma);
	int err = vma_is_mirror(vma) ?
			  xe_vm_drm_exec_lock(vma_to_vm(vma), exec) :
			  xe_vm_lock_vma(exec, vma);

	if (err || !bo)
		return err;
	*was = bo_placement(bo);

	/* New pages would prevent the purge; bind scratch pages instead. */
	if (is_purgeable(bo)) {
		if (vma_to_vm(vma)->flags & XE_VM_FLAG_SCRATCH_PAGE)
			return 0;
		*why = XPF_PURGED;
		return -EACCES;
	}

	return in_vram ? xe_bo_migrate(bo, XE_PL_VRAM0 + tile->id, NULL, exec) :
			 xe_bo_validate(bo, vma_to_vm(vma), true, exec);
}

/* Bind the VMA or, if it is not NULL, only the range of it. Returns a fence, or an error. */
static struct dma_fence *xpf_bind(struct drm_exec *exec, struct xe_tile *tile,
				  struct xe_vma *vma,
				  struct xe_svm_range *range)
{
	struct xe_vm *vm = vma_to_vm(vma);
	struct dma_fence *fence;

	if (!range)
		stock_trace_xe_vma_pf_bind(vma);
	/*
	 * As in xe_vm_set_validation_exec(). Writers and the only reader, in
	 * xe_pt.c, hold the lock of the VM's reservation, as here (7.2, 7.3).
	 * Leave tile_invalidated to xe_vma_rebind(), which clears the bit at
	 * commit, under the lock that the notifier takes.
	 */
	vm->validation._exec = exec;
	fence = range ? xe_vm_range_rebind(vm, vma, range, BIT(tile->id)) :
			xe_vma_rebind(vm, vma, BIT(tile->id));
	vm->validation._exec = NULL;
	return fence;
}

/*
 * Runs one transaction: binds the VMA or the @range for a fault of queue @q or, if that is
 * NULL, returns 1 if the BO moved. Unless it @must succeed, it does not evict everything
 * else if memory is short, nor wait for another transaction that does.
 */
static int xpf_try_once(struct xpf_queue *q, struct xe_tile *tile,
			struct xe_vma *vma, struct xe_svm_range *range,
			bool in_vram, bool must, enum xpf_verdict *why)
{
	struct dma_fence *fence = NULL;
	struct xe_val_flags flags = {};
	struct xe_validation_ctx ctx;
	struct drm_exec exec;
	u32 was = BO_NOWHERE;
	int err;

	/* This can't fail if it may wait, because it does not do so interruptibly. */
	xe_val_flags_set_no_block(&flags, !must);
	err = xe_validation_ctx_init(&ctx, &tile->xe->val, &exec, flags);
	if (err)
		return err;
	drm_exec_until_all_locked(&exec) {
		*why = XPF_MEMORY;
		err = xpf_lock_and_back(&exec, tile, vma, in_vram, &was, why);
		drm_exec_retry_on_contention(&exec);
		if (!err && q) {
			*why = XPF_BIND;
			xpf_stage(q, XPF_PAGES);
			fence = xpf_bind(&exec, tile, vma, range);
			drm_exec_retry_on_contention(&exec);
			err = PTR_ERR_OR_ZERO(fence);
		} else if (!err) {
			err = bo_placement(vma_to_bo(vma)) != was;
		}
		if (err < 0 && must && xe_validation_should_retry(&ctx, &err))
			drm_exec_retry(&exec);
		if (err)
			break;
	}
	xe_validation_ctx_fini(&ctx);
	/* without the locks, for which evictions wait */
	if (!err && fence) {
		dma_fence_wait(fence, false);
		dma_fence_put(fence);
	}
	return err;
}

static void xpf_count_stock(struct xe_gt *gt, const struct xe_vma *vma)
{
#ifdef HAVE_XE_GT_STATS_ID_VMA_PAGEFAULT_COUNT
	xe_gt_stats_incr(gt, XE_GT_STATS_ID_VMA_PAGEFAULT_COUNT, 1);
	xe_gt_stats_incr(gt, XE_GT_STATS_ID_VMA_PAGEFAULT_KB,
			 vma->gpuva.va.range / SZ_1K);
#endif
}

/*
 * No VMA that is mapped here has a BO, so the VM's reservation is the only one. The fences
 * are waited for together. If memory is short, this does not evict everything else.
 */
static unsigned int xpf_bind_more(struct xpf_queue *q, struct xe_vma **vmas,
				  unsigned int n)
{
	struct xe_tile *tile = q->gt->stock->tile;
	struct dma_fence *fences[XPF_BATCH] __uninitialized, *fence;
	unsigned int i = 0, bound = 0;
	struct xe_val_flags flags = {};
	struct xe_validation_ctx ctx;
	struct drm_exec exec;
	int err;

	xe_val_flags_set_no_block(&flags, true);
	if (xe_validation_ctx_init(&ctx, &tile->xe->val, &exec, flags))
		return 0;
	drm_exec_until_all_locked(&exec) {
		err = drm_exec_lock_obj(&exec,
					drm_gpuvm_resv_obj(vmas[0]->gpuva.vm));
		drm_exec_retry_on_contention(&exec);
		for (; !err && i < n; i++) {
			if (vma_is_valid(vmas[i], tile))
				continue;
			/* invalidated since; if it is here twice, perhaps gone */
			if (!xpf_is_pinned(vmas[i]))
				break;
			fence = xpf_bind(&exec, tile, vmas[i], NULL);
			if (IS_ERR(fence))
				break;
			xpf_count_stock(q->gt->stock, vmas[i]);
			stock_trace_xe_vma_pagefault(vmas[i]);
			fences[bound++] = fence;
		}
	}
	xe_validation_ctx_fini(&ctx);
	while (bound) {
		dma_fence_wait(fences[--bound], false);
		dma_fence_put(fences[bound]);
	}
	return i;
}

/* Count a range in the statistics of stock that begin with @first, by its size. */
static void xpf_count_range(struct xe_gt *gt, struct xe_svm_range *range,
			    enum xe_gt_stats_id first)
{
	static const unsigned long sizes[] = { SZ_4K, SZ_64K, SZ_2M };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (drm_gpusvm_range_size(&range->base) == sizes[i])
			xe_gt_stats_incr(gt, first + i, 1);
}

/*
 * Get the pages of a range. The stock driver tries again at once if this fails as below.
 * Called with vm->lock held for writing, under which ranges come and go.
 */
static int xpf_range_pages(struct xe_vm *vm, struct xe_svm_range *range,
			   u64 addr, struct drm_gpusvm_ctx *ctx)
{
	int err = xe_svm_range_get_pages(vm, range, ctx);

	switch (err) {
	case -EFAULT:
		if (ctx->devmem_only) /* the CPU has taken the pages back */
			return -EAGAIN;
		fallthrough;
	case -EPERM:
		/* The CPU can't access all of the range; perhaps the page. */
		xe_svm_unmap_address_range(vm, addr, addr + 1);
		return -EAGAIN;
	case -EOPNOTSUPP: /* partly in VRAM; now evicted from there */
	case -EBUSY: /* as in xpf_repin() */
		return -EAGAIN;
	default:
		return err;
	}
}

/* Move the pages of a range to VRAM, where an atomic access needs them if @must. */
static int xpf_range_migrate(struct xe_svm_range *range,
			     struct drm_pagemap *pagemap,
			     const struct drm_gpusvm_ctx *ctx, bool must)
{
	int err = xe_svm_alloc_vram(range, ctx, pagemap);

	if (!err || !must)
		return 0;
	switch (err) {
	case -ENODEV:
	case -ENOMEM:
		return err;
	case -ENOSPC:
		return -ENOMEM;
	default:
		return -EAGAIN;
	}
}

/* May a range be bound ahead? Not if it lies partly outside, is to be removed, or is bound. */
static bool xpf_may_bind(struct xe_svm_range *range, u64 start, u64 end,
			 struct xe_tile *tile)
{
	return drm_gpusvm_range_start(&range->base) >= start &&
	       drm_gpusvm_range_end(&range->base) <= end &&
	       list_empty_careful(&range->garbage_collector_link) &&
	       !range_is_valid(range, tile);
}

/* Bind the range in this area. Returns NULL if it is bound already, or if anything fails. */
static struct xe_svm_range *xpf_bind_area(struct xpf_queue *q,
					  struct xe_vma *vma,
					  struct drm_gpusvm_notifier *notifier,
					  u64 start, u64 end,
					  struct drm_gpusvm_ctx *ctx)
{
	bool down = q->walks.walk->down;
	struct xe_tile *tile = q->gt->stock->tile;
	struct xe_vm *vm = vma_to_vm(vma);
	struct interval_tree_node *node;
	struct xe_svm_range *range = NULL;
	enum xpf_verdict why;

	/* User space notices a new range (-EBUSY of VM_BIND): make none in vain. */
	node = interval_tree_iter_first(&notifier->root, start, end - 1);
	if (node) {
		range = container_of(node, struct xe_svm_range, base.itree);
		if (!xpf_may_bind(range, start, end, tile))
			return NULL;
	}
	if (xpf_look_at_pages(&notifier->notifier, start, end, !ctx->read_only,
			      false))
		return NULL;

	range = xe_svm_range_find_or_insert(vm, down ? end - 1 : start, vma,
					    ctx);
	if (IS_ERR(range) || !xpf_may_bind(range, start, end, tile) ||
	    xe_svm_range_get_pages(vm, range, ctx) ||
	    xpf_try_once(q, tile, vma, range, false, false, &why))
		return NULL;
	return range;
}

/*
 * May a service that has bound the range from @start to @end, and others ahead of it since
 * @begin, go on with that? Faults and other users of the VM wait for it.
 */
static bool xpf_may_go_on(struct xpf_queue *q, struct xe_vm *vm, u64 begin,
			  u64 start, u64 end)
{
	u64 limit = (u64)READ_ONCE(ahead_us) * NSEC_PER_USEC;

	return local_clock() - begin < limit && xpf_ct_is_up(q->gt) &&
	       !rwsem_is_contended(&vm->lock) &&
	       !xpf_queue_has_others(q, start, end);
}

/* Bind up to @n ranges ahead of the walk, of which @range is the last. Returns how many. */
static u32 xpf_bind_batch(struct xpf_queue *q, struct xe_vma *vma,
			  struct xe_svm_range *range,
			  struct drm_gpusvm_ctx *ctx, u32 n)
{
	struct drm_gpusvm_notifier *notifier = range->base.notifier;
	const struct xpf_walk *walk = q->walks.walk;
	u64 start = drm_gpusvm_range_start(&range->base);
	u64 end = drm_gpusvm_range_end(&range->base);
	u64 low = max_t(u64, vma->gpuva.va.addr,
			drm_gpusvm_notifier_start(notifier));
	u64 high = min_t(u64, vma->gpuva.va.addr + vma->gpuva.va.range,
			 drm_gpusvm_notifier_end(notifier));
	u64 size = end - start, begin = local_clock();
	u64 from = start, to = end; /* of the last range */
	u32 i, done = 0;

	for (i = 1; i <= n; i++) {
		if (walk->down ? from < low + size : to + size > high)
			break;
		if (walk->down)
			from -= size;
		else
			from = to;
		to = from + size;
		if (i == walk->skip)
			continue;

		if (!xpf_may_go_on(q, vma_to_vm(vma), begin, start, end))
			break;
		range = xpf_bind_area(q, vma, notifier, from, to, ctx);
		xpf_stage(q, range ? XPF_TABLES : XPF_PAGES);
		if (!range)
			break;
		from = drm_gpusvm_range_start(&range->base);
		to = drm_gpusvm_range_end(&range->base);
		xpf_walk_ahead(&q->walks, from, to);
		done++;
	}
	return done;
}

/* After a fault has bound a range, bind those that are likely to be accessed next. */
static void xpf_bind_ahead(struct xpf_queue *q, struct xe_vma *vma, u32 asid,
			   struct xe_svm_range *range,
			   struct drm_gpusvm_ctx *ctx)
{
	struct mm_struct *mm = range->base.gpusvm->mm;
	struct xpf_gt *gt = q->gt;
	u32 n, used, done = 0;

	n = xpf_walk_step(&q->walks, asid, drm_gpusvm_range_start(&range->base),
			  drm_gpusvm_range_end(&range->base), READ_ONCE(ahead),
			  &used);
	xpf_stage(q, XPF_TABLES); /* of the fault itself */
	if (n && mmget_not_zero(mm)) {
		done = xpf_bind_batch(q, vma, range, ctx, n);
		mmput(mm);
	}

	if (done || used) {
		spin_lock_irq(&gt->lock);
		gt->stats.ahead += done;
		gt->stats.ahead_used += used;
		spin_unlock_irq(&gt->lock);
	}
}

/* Populate a part of a VMA that mirrors the CPU's address space: see the overview above. */
static int xpf_populate_mirror(struct xpf_queue *q, struct xe_vma *vma,
			       const struct pagefault *pf,
			       enum xpf_verdict *why)
{
	bool atomic = pf->access == PAGEFAULT_ATOMIC;
	struct xe_gt *gt = q->gt->stock;
	struct xe_tile *tile = gt->tile;
	struct xe_vm *vm = vma_to_vm(vma);
	bool is_dgfx = intel_device_info_is_dgfx(&tile->xe->info);
	struct drm_gpusvm_ctx ctx = {};
	struct drm_pagemap *pagemap;
	struct xe_svm_range *range;
	int in_vram, err;

	in_vram = xe_vma_need_vram_for_atomic(tile->xe, vma, atomic);
	if (in_vram < 0) {
		*why = XPF_ATOMIC;
		return in_vram;
	}

	*why = XPF_SVM;
	pagemap = in_vram ? xe_tile_local_pagemap(tile) :
			    xe_vma_resolve_pagemap(vma, tile);
	ctx.device_private_page_owner = xe_svm_private_page_owner(vm, !pagemap);
	/* after a failed attempt, let a new range only have pages that the CPU has, too */
	ctx.check_pages_threshold = q->again ? SZ_2M : is_dgfx ? SZ_64K : 0;
	ctx.timeslice_ms = in_vram ? tile->xe->atomic_svm_timeslice_ms : 0;
	ctx.read_only = !!(vma->gpuva.flags & XE_VMA_READ_ONLY);
	ctx.devmem_possible = is_dgfx;
	ctx.devmem_only = !!in_vram;

	if (xpf_is_first(q))
		xe_gt_stats_incr(gt, XE_GT_STATS_ID_SVM_PAGEFAULT_COUNT, 1);
	range = xe_svm_range_find_or_insert(vm, pf->addr, vma, &ctx);
	if (IS_ERR(range))
		return PTR_ERR(range);
	if (!q->slow.asked)
		xpf_count_range(gt, range,
				XE_GT_STATS_ID_SVM_4K_PAGEFAULT_COUNT);

	/* Unmapped by the CPU: a work item of stock, which needs vm->lock, will remove it. */
	if (!list_empty_careful(&range->garbage_collector_link))
		return -EAGAIN;

	if (in_vram && !range_may_migrate(range)) {
		*why = XPF_ATOMIC;
		return -EACCES;
	}
	if (in_vram ? xe_svm_range_validate(vm, range, BIT(tile->id), pagemap) :
		      range_is_valid(range, tile)) {
		xpf_count_range(gt, range,
				XE_GT_STATS_ID_SVM_4K_VALID_PAGEFAULT_COUNT);
		return 0;
	}

	/* Unless they have to move, the pages may stay where they are after one try. */
	if ((in_vram || !q->moved) &&
	    xe_svm_range_needs_migrate_to_vram(range, vma, pagemap)) {
		q->moved = true;
		xpf_count_range(gt, range, XE_GT_STATS_ID_SVM_4K_MIGRATE_COUNT);
		err = xpf_range_migrate(range, pagemap, &ctx, in_vram);
		if (err)
			return err;
	}

	/* Not if they may be in VRAM, or move there: that would bring them back. */
	if (!(pagemap && range_may_migrate(range)) &&
	    xpf_is_better_unlocked(q, &range->base.notifier->notifier,
				   drm_gpusvm_range_start(&range->base),
				   drm_gpusvm_range_size(&range->base),
				   !ctx.read_only))
		return -EAGAIN;
	err = xpf_range_pages(vm, range, pf->addr, &ctx);
	if (!err)
		err = xpf_try_once(q, tile, vma, range, in_vram, true, why);
	if (!err && !pagemap)
		xpf_bind_ahead(q, vma, pf->asid, range, &ctx);
	return err;
}

static int xpf_populate(struct xpf_queue *q, struct xe_vma *vma,
			const struct pagefault *pf, enum xpf_verdict *why)
{
	struct xe_gt *gt = q->gt->stock;
	struct xe_tile *tile = gt->tile;
	bool atomic = pf->access == PAGEFAULT_ATOMIC;
	int in_vram, err;

	if (vma_is_mirror(vma))
		return xpf_populate_mirror(q, vma, pf, why);

	in_vram = xe_vma_need_vram_for_atomic(tile->xe, vma, atomic);
	if (in_vram < 0 || (in_vram && vma_is_userptr(vma))) {
		*why = XPF_ATOMIC;
		return in_vram < 0 ? in_vram : -EACCES;
	}

	if (xpf_is_first(q)) {
		xpf_count_stock(gt, vma);
		stock_trace_xe_vma_pagefault(vma);
	}
	if (vma_is_valid(vma, tile) && !atomic)
		return 0;

	err = xpf_repin(q, vma, why);
	return err ?: xpf_try_once(q, tile, vma, NULL, in_vram, true, why);
}

/* User space may have set the placement of the BO with xe's madvise ioctl. */
static int xpf_migrate(struct xe_gt *gt, struct xe_vma *vma)
{
	int in_vram = xe_vma_need_vram_for_atomic(gt->tile->xe, vma, true);
	enum xpf_verdict why;

	return in_vram > 0 ? xpf_try_once(NULL, gt->tile, vma, NULL, true, true,
					  &why) :
			     0;
}

#ifdef HAVE_FUNC_XE_VM_ADD_FAULT_ENTRY_PF
#define TYPE_SHIFT 4 /* above XE_PAGEFAULT_LEVEL_MASK */

/* Report the fault through DRM_IOCTL_XE_VM_GET_PROPERTY, whatever the VM's mode. */
static void xpf_report_refused(struct xe_gt *gt, const struct pagefault *pf)
{
	struct xe_device *xe = gt_to_xe(gt);
	struct xe_pagefault stock = {
		.gt = gt,
		.consumer = {
			.page_addr = pf->addr,
			.asid = pf->asid,
			.access_type = pf->access |
				(pf->prefetch ? XE_PAGEFAULT_ACCESS_PREFETCH : 0),
			.fault_type_level = pf->trva_fault ?
				XE_PAGEFAULT_TYPE_LEVEL_NACK :
				pf->type << TYPE_SHIFT | pf->level,
			.engine_class = pf->engine_class,
			.engine_instance = pf->engine_instance,
		},
	};
	struct xe_vm *vm;

	down_read(&xe->usm.lock);
	vm = xa_load(&xe->usm.asid_to_vm, pf->asid);
	if (vm)
		drm_gpuvm_get(&vm->gpuvm);
	up_read(&xe->usm.lock);
	if (vm) {
		xe_vm_add_fault_entry_pf(vm, &stock);
		drm_gpuvm_put(&vm->gpuvm);
	}

	if (pf->prefetch)
		xe_gt_stats_incr(
			gt, XE_GT_STATS_ID_INVALID_PREFETCH_PAGEFAULT_COUNT, 1);
}
#endif

const struct xpf_port xpf_port = {
	.prefetch = true,
	.find_vma = xpf_find_vma,
	.populate = xpf_populate,
	.bind_more = xpf_bind_more,
	.migrate = xpf_migrate,
#ifdef HAVE_FUNC_XE_VM_ADD_FAULT_ENTRY_PF
	.refused = xpf_report_refused,
#endif
};
