// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: functions for all generations of xe
 */

#include "../pagefault.h"
#include "../stock.h"

/**
 * xpf_repin - get the pages of a userptr
 * @vma: VMA of any kind, its vm->lock is held
 * @why: set to XPF_USERPTR if the pages have to be pinned
 *
 * Return: 0; -EAGAIN if the pages were invalidated in the meantime, so that it is worth
 * trying again; or another errno.
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
	 * -EBUSY: the pages kept being invalidated for a second. The stock driver
	 * then refuses the fault, which kills a job just because mprotect() runs at
	 * the same time on a slow machine.
	 */
	return err == -EBUSY ? -EAGAIN : err;
}
