/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copies of the stock driver's inline helpers, for the partial structures in
 * target.h. Helpers that the stock driver also has keep their names.
 */
#ifndef XE_PAGEFAULT_STOCK_H
#define XE_PAGEFAULT_STOCK_H

#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/types.h>

#include "target.h"

static inline struct xe_gt *ct_to_gt(struct xe_guc_ct *ct)
{
	return container_of(ct, struct xe_gt, uc.guc.ct);
}

static inline struct xe_gt *guc_to_gt(struct xe_guc *guc)
{
	return container_of(guc, struct xe_gt, uc.guc);
}

static inline struct xe_device *gt_to_xe(const struct xe_gt *gt)
{
	return gt->tile->xe;
}

static inline bool xe_device_wedged(const struct xe_device *xe)
{
	return atomic_read(&xe->wedged.flag);
}

static inline struct xe_vm *vma_to_vm(const struct xe_vma *vma)
{
	return container_of(vma->gpuva.vm, struct xe_vm, gpuvm);
}

static inline struct xe_bo *vma_to_bo(const struct xe_vma *vma)
{
	return vma->gpuva.gem.obj ? container_of(vma->gpuva.gem.obj,
						 struct xe_bo, ttm.base) :
				    NULL;
}

#define BO_NOWHERE (~0U) /* not a TTM_PL_*: the BO has no memory */

/* Returns the BO's TTM_PL_*, or BO_NOWHERE. The BO is locked. */
static inline u32 bo_placement(const struct xe_bo *bo)
{
	return bo && bo->ttm.resource ? bo->ttm.resource->mem_type : BO_NOWHERE;
}

/* Does the VMA mirror the CPU's address space (SVM)? */
static inline bool vma_is_mirror(const struct xe_vma *vma)
{
#ifdef XE_VMA_SYSTEM_ALLOCATOR
	return vma->gpuva.flags & XE_VMA_SYSTEM_ALLOCATOR;
#else
	return false;
#endif
}

#ifdef HAVE_STRUCT_XE_SVM_RANGE
/* Like vma_is_valid(), for the part of such a VMA that is bound at once. */
static inline bool range_is_valid(const struct xe_svm_range *range,
				  const struct xe_tile *tile)
{
	return READ_ONCE(range->tile_present) &
	       ~READ_ONCE(range->tile_invalidated) & BIT(tile->id);
}

/* May its pages move to VRAM? Set when it is created. */
static inline bool range_may_migrate(const struct xe_svm_range *range)
{
#ifdef HAVE_DRM_GPUSVM_RANGE_FLAGS
	return range->base.flags.migrate_devmem;
#else
	return range->base.pages.flags.migrate_devmem;
#endif
}
#endif

static inline bool vma_is_userptr(const struct xe_vma *vma)
{
	return !vma_to_bo(vma) && !(vma->gpuva.flags & DRM_GPUVA_SPARSE) &&
	       !vma_is_mirror(vma);
}

/*
 * Is the VMA mapped for the tile? Binding and invalidation change these bits
 * under locks that the caller need not hold.
 */
static inline bool vma_is_valid(const struct xe_vma *vma,
				const struct xe_tile *tile)
{
	return READ_ONCE(vma->tile_present) &
	       ~READ_ONCE(vma->tile_invalidated) & BIT(tile->id);
}

#endif
