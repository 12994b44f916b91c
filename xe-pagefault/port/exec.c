// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: making pages present on 6.12
 *
 * Reservations are locked with plain drm_exec. There is no SVM. The rules are those
 * of stock's xe_gt_pagefault.c.
 */

#include <linux/dma-fence.h>
#include <linux/err.h>

#include "../pagefault.h"
#include "../stock.h"
#include "../trace.h"

static struct xe_vma *xpf_find_vma(struct xe_vm *vm, u64 addr)
{
	struct xe_vma *vma = vm->usm.last_fault_vma;

	if (vma && addr < vma->gpuva.va.addr + vma->gpuva.va.range &&
	    addr + SZ_4K > vma->gpuva.va.addr)
		return vma;
	return xe_vm_find_overlapping_vma(vm, addr, SZ_4K);
}

/* The VM's and a BO's. By default, drm_exec makes room for 512 locks, and zeroes it. */
#define MOST_LOCKS 2

/* Lock the BO of a VMA and populate it. Sets *was to its previous placement. */
static int xpf_lock_and_back(struct drm_exec *exec, struct xe_tile *tile,
			     struct xe_vma *vma, bool in_vram, u32 *was)
{
	struct xe_bo *bo = vma_to_bo(vma);
	int err = xe_vm_lock_vma(exec, vma);

	if (err || !bo)
		return err;
	*was = bo_placement(bo);
	return in_vram ? xe_bo_migrate(bo, XE_PL_VRAM0 + tile->id) :
			 xe_bo_validate(bo, vma_to_vm(vma), true);
}

/*
 * Set or clear the tile's bit in tile_invalidated, and return its old value.
 *
 * The bit must be cleared before the page tables are written: any invalidation
 * from then on sets it again. (The stock driver clears it afterwards. It loses an
 * invalidation of a userptr in between, and then "serves" its faults forever.)
 *
 * 6.12 writes the byte in two places: xe_vm_invalidate_vma() stores tile_mask,
 * all bits that are ever set, from the notifier of a userptr without vm->lock, or
 * with the BO locked; handle_vma_pagefault(), under vm->lock as here, clears the
 * bit with a plain read and write. The readers, vma_is_valid() of the fault
 * handler and xe_pt_zap_ptes(), test one bit. So an atomic change here is safe
 * against all of them. The worst race exists in the stock driver too: its plain clear
 * overwrites a bit that is set between the read and the write.
 */
static bool xpf_mark_invalidated(struct xe_vma *vma, struct xe_tile *tile,
				 bool invalidated)
{
	u8 old = READ_ONCE(vma->tile_invalidated), new;

	do {
		new = invalidated ? old | BIT(tile->id) : old & ~BIT(tile->id);
	} while (!try_cmpxchg(&vma->tile_invalidated, &old, new));
	return old & BIT(tile->id);
}

/* Returns a fence, or an error. */
static struct dma_fence *xpf_bind(struct xe_tile *tile, struct xe_vma *vma)
{
	struct dma_fence *fence;
	bool invalidated;

	stock_trace_xe_vma_pf_bind(vma);
	/* Use the old value from the atomic change: the bit may just have been set. */
	invalidated = xpf_mark_invalidated(vma, tile, false);
	fence = xe_vma_rebind(vma_to_vm(vma), vma, BIT(tile->id));
	if (IS_ERR(fence) && invalidated)
		xpf_mark_invalidated(vma, tile, true);
	return fence;
}

static int xpf_try_once(struct xpf_queue *q, struct xe_vma *vma, bool in_vram,
			enum xpf_verdict *why)
{
	struct xe_tile *tile = q->gt->stock->tile;
	struct dma_fence *fence = NULL;
	struct drm_exec exec;
	u32 was;
	int err;

	drm_exec_init(&exec, 0, MOST_LOCKS);
	drm_exec_until_all_locked(&exec) {
		*why = XPF_MEMORY;
		err = xpf_lock_and_back(&exec, tile, vma, in_vram, &was);
		drm_exec_retry_on_contention(&exec);
		if (!err) {
			*why = XPF_BIND;
			xpf_stage(q, XPF_PAGES);
			fence = xpf_bind(tile, vma);
			err = PTR_ERR_OR_ZERO(fence);
		}
		if (err)
			break;
	}
	drm_exec_fini(&exec);
	/* without the locks, for which evictions wait */
	if (!err) {
		dma_fence_wait(fence, false);
		dma_fence_put(fence);
	}
	return err;
}

/*
 * No VMA that is mapped here has a BO, so the VM's reservation is the only one. The fences
 * are waited for together.
 */
static unsigned int xpf_bind_more(struct xpf_queue *q, struct xe_vma **vmas,
				  unsigned int n)
{
	struct xe_tile *tile = q->gt->stock->tile;
	struct dma_fence *fences[XPF_BATCH] __uninitialized, *fence;
	unsigned int i = 0, bound = 0;
	struct drm_exec exec;
	int err;

	drm_exec_init(&exec, 0, 1);
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
			stock_trace_xe_vma_pagefault(vmas[i]);
			fence = xpf_bind(tile, vmas[i]);
			if (IS_ERR(fence))
				break;
			fences[bound++] = fence;
		}
	}
	drm_exec_fini(&exec);
	while (bound) {
		dma_fence_wait(fences[--bound], false);
		dma_fence_put(fences[bound]);
	}
	return i;
}

static int xpf_populate(struct xpf_queue *q, struct xe_vma *vma,
			const struct pagefault *pf, enum xpf_verdict *why)
{
	struct xe_tile *tile = q->gt->stock->tile;
	bool atomic = pf->access == PAGEFAULT_ATOMIC;
	bool in_vram = atomic && intel_device_info_is_dgfx(&tile->xe->info) &&
		       !(vma->gpuva.flags & DRM_GPUVA_SPARSE);
	int err;

	if (xpf_is_first(q))
		stock_trace_xe_vma_pagefault(vma);
	if (vma_is_valid(vma, tile) && !atomic)
		return 0;

	if (in_vram && vma_is_userptr(vma)) {
		*why = XPF_ATOMIC;
		return -EACCES;
	}

	err = xpf_repin(q, vma, why);
	return err ?: xpf_try_once(q, vma, in_vram, why);
}

static int xpf_migrate(struct xe_gt *gt, struct xe_vma *vma)
{
	bool in_vram = intel_device_info_is_dgfx(&gt->tile->xe->info);
	struct drm_exec exec;
	u32 was = BO_NOWHERE;
	int ret;

	drm_exec_init(&exec, 0, MOST_LOCKS);
	drm_exec_until_all_locked(&exec) {
		ret = xpf_lock_and_back(&exec, gt->tile, vma, in_vram, &was);
		drm_exec_retry_on_contention(&exec);
		if (!ret)
			ret = bo_placement(vma_to_bo(vma)) != was;
		if (ret)
			break;
	}
	drm_exec_fini(&exec);
	return ret;
}

const struct xpf_port xpf_port = {
	.retry_memory = true,
	.find_vma = xpf_find_vma,
	.populate = xpf_populate,
	.bind_more = xpf_bind_more,
	.migrate = xpf_migrate,
};
