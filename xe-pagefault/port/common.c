// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: functions for all generations of xe
 */

#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/mm.h>
#include <linux/userfaultfd_k.h>

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

/*
 * Is the CPU's memory at this address anonymous, so that its pages come from the kernel
 * alone: no file system, FUSE server or userfaultfd is asked for them? If the mapping
 * changes just after that, the process has to wait for its own memory.
 */
static bool xpf_is_anonymous(struct mm_struct *mm, unsigned long start,
			     unsigned long end, struct xpf_area *anon)
{
	struct vm_area_struct *cpu;

	if (start >= anon->start && end <= anon->end)
		return true;
	if (!mmget_not_zero(mm))
		return false;
	if (mmap_read_trylock(mm)) {
		cpu = find_vma(mm, start);
		if (cpu && vma_is_anonymous(cpu) && !userfaultfd_armed(cpu)) {
			anon->start = cpu->vm_start;
			anon->end = cpu->vm_end;
		}
		mmap_read_unlock(mm);
	}
	mmput(mm);
	return start >= anon->start && end <= anon->end;
}

/**
 * xpf_make_ready - prepare a VMA to be mapped, unless that means to wait
 * @vma: VMA that is no mirror; its vm->lock is held for writing
 * @anon: what is known of the process's memory, may be updated
 *
 * A BO may be locked by others for long, or have to be moved. While the process keeps
 * changing its mapping, the pages of a userptr can take a second, as in any service.
 *
 * Return: true if xpf_port.bind_more() may be called for it.
 */
bool xpf_make_ready(struct xe_vma *vma, struct xpf_area *anon)
{
	struct xe_userptr_vma *uvma =
		container_of(vma, struct xe_userptr_vma, vma);
	unsigned long start = vma->gpuva.gem.offset;

	if (vma_to_bo(vma))
		return false;
	if (!vma_is_userptr(vma) || !xe_vma_userptr_check_repin(uvma))
		return true;
	return xpf_is_anonymous(uvma->userptr.notifier.mm, start,
				start + vma->gpuva.va.range, anon) &&
	       !xe_vma_userptr_pin_pages(uvma);
}
