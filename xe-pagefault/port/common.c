// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: what all generations of xe have in common
 */

#include "../pagefault.h"
#include "../stock.h"

/**
 * xpf_repin - get the pages of a userptr
 * @vma: VMA of any kind, its vm->lock is held
 * @why: set to XPF_USERPTR if pages are to be got
 *
 * Return: 0, -EAGAIN if they were invalidated in the meantime, upon which to try
 * again for XPF_PATIENCE, or another errno.
 */
int xpf_repin(struct xe_vma *vma, enum xpf_verdict *why)
{
	struct xe_userptr_vma *uvma =
		container_of(vma, struct xe_userptr_vma, vma);
	int err;

	if (!vma_is_userptr(vma) || !xe_vma_userptr_check_repin(uvma))
		return 0;
	*why = XPF_USERPTR;
	err = xe_vma_userptr_pin_pages(uvma);

	/*
	 * -EBUSY: invalidated over and over for a second. The stock driver refuses
	 * the fault, and so kills a job that only shares a slow machine with
	 * mprotect().
	 */
	return err == -EBUSY ? -EAGAIN : err;
}
