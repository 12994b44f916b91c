// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: functions for all generations of xe
 */

#include <linux/hmm.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/userfaultfd_k.h>

#include "../pagefault.h"
#include "../stock.h"

/* Pages that are faulted in before it is checked whether that is still of use. */
#define PIECE SZ_64K

/*
 * Does the CPU's memory at this address come from the kernel alone, and at once: is no file
 * system, FUSE server, userfaultfd or swap device asked for it? If the mapping changes just
 * after that, the process has to wait for its own memory. (The number of swapped pages is
 * not exact: some may be overlooked, more with many CPUs.)
 */
static bool xpf_is_quick(struct mm_struct *mm, unsigned long start,
			 unsigned long end, struct xpf_area *quick)
{
	struct vm_area_struct *cpu;

	if (start >= quick->start && end <= quick->end)
		return true;
	if (!mmget_not_zero(mm))
		return false;
	if (mmap_read_trylock(mm)) {
		cpu = find_vma(mm, start);
		if (cpu && vma_is_anonymous(cpu) && !userfaultfd_armed(cpu) &&
		    !get_mm_counter(mm, MM_SWAPENTS)) {
			quick->start = cpu->vm_start;
			quick->end = cpu->vm_end;
		}
		mmap_read_unlock(mm);
	}
	mmput(mm);
	return start >= quick->start && end <= quick->end;
}

/**
 * xpf_note_slow - note memory that the service needs, unless it is quick to get
 * @q: queue of the fault
 * @mm: whose memory it is; a reference to the structure is held
 * @start: address there
 * @size: in bytes
 * @write: whether the GPU may write to it
 *
 * Quick memory is noted, too, if the process changes it all the time: see q->restless. Once
 * for each service, and again if xpf_is_lost(). Called with vm->lock held.
 *
 * Return: true if it is to be got with xpf_fault_in(): the attempt should end with -EAGAIN.
 */
bool xpf_note_slow(struct xpf_queue *q, struct mm_struct *mm, u64 start,
		   u64 size, bool write)
{
	struct xpf_area area = {};
	bool quick;

	if (q->slow.asked)
		return false;
	quick = xpf_is_quick(mm, start, start + size, &area);
	if (quick && q->mark > q->restless)
		return false;

	mmgrab(mm);
	q->slow = (struct xpf_slow){
		.mm = mm,
		.start = start,
		.end = start + size,
		.write = write,
		.quick = quick,
		.asked = true,
	};
	return true;
}

/**
 * xpf_fault_in - get memory that may take long, while others can lock the VM
 * @q: queue, of whose worker this is called
 * @vm: VM of the fault, not locked
 *
 * A page is read from a file or from swap, and whoever changes the memory of the process
 * is waited for. Pages that are lost again before the VM is locked are then got under
 * that lock, but see xpf_is_lost(). Errors do not matter here: the next attempt at the
 * service finds them.
 *
 * Return: true if there was such memory, so that the service should be tried again.
 */
bool xpf_fault_in(struct xpf_queue *q, const struct xe_vm *vm)
{
	unsigned int flags = FOLL_HONOR_NUMA_FAULT |
			     (q->slow.write ? FOLL_WRITE : 0);
	struct mm_struct *mm = q->slow.mm;
	unsigned long at = q->slow.start, began = jiffies;
	int locked;
	long n = 1;

	if (!mm)
		return false;
	for (; n > 0 && at < q->slow.end; at += n * PAGE_SIZE) {
		if (!READ_ONCE(vm->size) || !xpf_ct_is_up(q->gt) ||
		    !mmget_not_zero(mm))
			break;
		n = min(q->slow.end - at, PIECE) >> PAGE_SHIFT;
		locked = 1;
		mmap_read_lock(mm);
		n = get_user_pages_remote(mm, at, n, flags, NULL, &locked);
		if (locked)
			mmap_read_unlock(mm);
		mmput(mm);
	}
	mmdrop(mm);
	q->slow.mm = NULL;
	q->slow.got = q->slow.quick && n > 0 && at >= q->slow.end;
	/* unless quick, this time is not the fault of the memory's changes */
	if (q->until && !q->slow.quick)
		q->until = (q->until + (jiffies - began)) | 1;
	xpf_stage(q, XPF_PAGES);
	return true;
}

/**
 * xpf_is_pinned - does a VMA have its pages?
 * @vma: VMA of any kind; its vm->lock is held for writing
 *
 * If not, they have been invalidated, or the last attempt to get them failed. The list of
 * pages may not exist then, so the VMA must not be bound.
 *
 * Return: true if it has, or is no userptr.
 */
bool xpf_is_pinned(struct xe_vma *vma)
{
	return !vma_is_userptr(vma) ||
	       !xe_vma_userptr_check_repin(
		       container_of(vma, struct xe_userptr_vma, vma));
}

/*
 * Has quick memory been lost again that xpf_fault_in() has just got? Then the process keeps
 * changing its mapping, and xe_vma_userptr_pin_pages() might fault in the same pages for a
 * second, with the VM locked. The first page, which was got before all others, shows it. The
 * last second of the patience is left for that function.
 */
static bool xpf_is_lost(struct xpf_queue *q,
			struct mmu_interval_notifier *notifier)
{
	unsigned long pfn = 0;
	struct hmm_range page = {
		.notifier = notifier,
		.start = q->slow.start,
		.end = q->slow.start + PAGE_SIZE,
		.hmm_pfns = &pfn,
	};
	int err;

	if (!q->slow.got || (q->until && time_after(jiffies + HZ, q->until)) ||
	    !mmget_not_zero(notifier->mm))
		return false;
	page.notifier_seq = mmu_interval_read_begin(notifier);
	mmap_read_lock(notifier->mm);
	err = hmm_range_fault(&page);
	mmap_read_unlock(notifier->mm);
	mmput(notifier->mm);
	/* an error is for the attempt under the lock to find */
	if (!err && pfn & (HMM_PFN_VALID | HMM_PFN_ERROR))
		return false;
	q->slow.asked = false; /* so that it is noted again */
	return true;
}

/**
 * xpf_repin - get the pages of a userptr
 * @q: queue of the fault
 * @vma: VMA of any kind, its vm->lock is held
 * @why: set to XPF_USERPTR if the pages have to be pinned
 *
 * Return: 0; -EAGAIN if the pages were invalidated in the meantime, or are to be got with
 * xpf_fault_in(), so that it is worth trying again; or another errno.
 */
int xpf_repin(struct xpf_queue *q, struct xe_vma *vma, enum xpf_verdict *why)
{
	struct xe_userptr_vma *uvma =
		container_of(vma, struct xe_userptr_vma, vma);
	const struct drm_gpuva *va = &vma->gpuva;
	int err;

	if (xpf_is_pinned(vma))
		return 0;
	*why = XPF_USERPTR;
	if (xpf_note_slow(q, uvma->userptr.notifier.mm, va->gem.offset,
			  va->va.range, !(va->flags & XE_VMA_READ_ONLY)))
		return -EAGAIN;
	if (xpf_is_lost(q, &uvma->userptr.notifier))
		return -EAGAIN;
	err = xe_vma_userptr_pin_pages(uvma);

	/*
	 * -EBUSY: the pages kept being invalidated for a second. The stock driver
	 * then refuses the fault, which kills a job just because mprotect() runs at
	 * the same time on a slow machine.
	 */
	return err == -EBUSY ? -EAGAIN : err;
}

/**
 * xpf_make_ready - prepare a VMA to be mapped, unless that means to wait
 * @vma: VMA that is no mirror; its vm->lock is held for writing
 * @quick: what is known of the process's memory, may be updated
 *
 * A BO may be locked by others for long, or have to be moved. While the process keeps
 * changing its mapping, the pages of a userptr can take a second, as in any service.
 *
 * Return: true if xpf_port.bind_more() may be called for it.
 */
bool xpf_make_ready(struct xe_vma *vma, struct xpf_area *quick)
{
	struct xe_userptr_vma *uvma =
		container_of(vma, struct xe_userptr_vma, vma);
	unsigned long start = vma->gpuva.gem.offset;

	if (vma_to_bo(vma))
		return false;
	if (xpf_is_pinned(vma))
		return true;
	return xpf_is_quick(uvma->userptr.notifier.mm, start,
			    start + vma->gpuva.va.range, quick) &&
	       !xe_vma_userptr_pin_pages(uvma);
}
