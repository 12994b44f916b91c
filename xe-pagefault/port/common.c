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

/* Memory that is faulted in before it is checked whether that is still of use. */
#define PIECE SZ_64K

/* Memory whose pages are looked at in one go: this takes 512 bytes of the stack. */
#define LOOK SZ_256K

/* Mappings of the CPU that are looked at to find out where a userptr's memory comes from. */
#define MOST_MAPPINGS 32

/*
 * Does the CPU's memory at this address come from the kernel alone, and at once: is no file
 * system, FUSE server, userfaultfd or swap device asked for it? If the mapping changes just
 * after that, the process has to wait for its own memory. (The number of swapped pages is
 * not exact: some may be overlooked, more with many CPUs.) Called with the lock of the
 * mapping held.
 */
static bool xpf_comes_quickly(struct mm_struct *mm, unsigned long start,
			      unsigned long end, struct xpf_area *quick)
{
	unsigned int left = MOST_MAPPINGS;
	struct vm_area_struct *cpu;
	struct xpf_area area = {};

	if (get_mm_counter(mm, MM_SWAPENTS))
		return false;
	do {
		cpu = find_vma(mm, start);
		if (!cpu || cpu->vm_start > start || !vma_is_anonymous(cpu) ||
		    userfaultfd_armed(cpu) || !left--)
			return false;
		if (!area.end)
			area.start = cpu->vm_start;
		area.end = cpu->vm_end;
		start = cpu->vm_end;
	} while (start < end);
	*quick = area;
	return true;
}

/* As above. False also if that can't be found out without waiting for the lock. */
static bool xpf_is_quick(struct mm_struct *mm, unsigned long start,
			 unsigned long end, struct xpf_area *quick)
{
	bool is_quick = false;

	if (start >= quick->start && end <= quick->end)
		return true;
	if (!mmget_not_zero(mm))
		return false;
	if (mmap_read_trylock(mm)) {
		is_quick = xpf_comes_quickly(mm, start, end, quick);
		mmap_read_unlock(mm);
	}
	mmput(mm);
	return is_quick;
}

/**
 * xpf_look_at_pages - find out whether the CPU has mapped all pages of an area
 * @notifier: of the process; its @mm has a user
 * @start: start of the area
 * @end: its end
 * @write: whether the pages have to be writable
 * @wait: whether to wait for the lock of the mapping
 *
 * None is faulted in. They may change while this looks. Process context.
 *
 * Return: 0 if they are there, in system memory; -EFAULT if one can't be had; another errno
 * if one is missing, or if it is not known.
 */
int xpf_look_at_pages(struct mmu_interval_notifier *notifier, u64 start,
		      u64 end, bool write, bool wait)
{
	const unsigned long need = HMM_PFN_VALID | (write ? HMM_PFN_WRITE : 0);
	unsigned long pfns[LOOK >> PAGE_SHIFT] = {};
	struct hmm_range piece = {
		.notifier = notifier,
		.end = start,
		.hmm_pfns = pfns,
	};
	unsigned int i;
	int err = 0;

	if (wait)
		mmap_read_lock(notifier->mm);
	else if (!mmap_read_trylock(notifier->mm))
		return -EBUSY;
	while (!err && piece.end < end) {
		/* without it, hmm_range_fault() gives up if anything changes */
		piece.notifier_seq = READ_ONCE(notifier->invalidate_seq);
		piece.start = piece.end;
		piece.end = min(end, piece.start + LOOK);
		err = hmm_range_fault(&piece);
		for (i = 0; !err && i < (piece.end - piece.start) >> PAGE_SHIFT;
		     i++)
			if (pfns[i] & HMM_PFN_ERROR)
				err = -EFAULT;
			else if ((pfns[i] & need) != need)
				err = -EAGAIN;
	}
	mmap_read_unlock(notifier->mm);
	return err;
}

/*
 * Has quick memory been lost again that xpf_fault_in() has just got? Then the process keeps
 * changing its mapping, and the stock driver's functions might fault in the same pages for a
 * second, with the VM locked. The last second of the patience is left for them.
 */
static bool xpf_is_lost(struct xpf_queue *q,
			struct mmu_interval_notifier *notifier, u64 start,
			u64 end, bool write)
{
	int err;

	if (!q->slow.got || (q->until && time_after(jiffies + HZ, q->until)) ||
	    !mmget_not_zero(notifier->mm))
		return false;
	err = xpf_look_at_pages(notifier, start, end, write, true);
	mmput(notifier->mm);
	/* an error is for the attempt under the lock to find */
	return err && err != -EFAULT;
}

/**
 * xpf_is_better_unlocked - should memory be got while others can lock the VM?
 * @q: queue of the fault
 * @notifier: of the process whose memory it is
 * @start: address there
 * @size: in bytes
 * @write: whether the GPU may write to it
 *
 * It should if it may take long, or if the process changes it all the time: see q->restless.
 * So it is once for each service, and again if it was lost after that. Called with vm->lock
 * held for writing.
 *
 * Return: true if the attempt should end with -EAGAIN; xpf_fault_in() knows the rest.
 */
bool xpf_is_better_unlocked(struct xpf_queue *q,
			    struct mmu_interval_notifier *notifier, u64 start,
			    u64 size, bool write)
{
	struct xpf_area area = {};
	bool quick;

	if (q->slow.asked) {
		/* if lost, it is noted again by the next attempt */
		q->slow.asked =
			!xpf_is_lost(q, notifier, start, start + size, write);
		return !q->slow.asked;
	}
	quick = xpf_is_quick(notifier->mm, start, start + size, &area);
	if (quick && q->mark > q->restless)
		return false;

	mmgrab(notifier->mm);
	q->slow = (struct xpf_slow){
		.mm = notifier->mm,
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
	unsigned long at = q->slow.start, began = jiffies;
	struct mm_struct *mm = q->slow.mm;
	struct xpf_area area;
	int locked;
	long n = 1;

	if (!mm)
		return false;
	for (; n > 0 && at < q->slow.end; at += n * PAGE_SIZE) {
		if (!READ_ONCE(vm->size) || !xpf_ct_is_up(q->gt) ||
		    (q->slow.quick && q->until &&
		     time_after(jiffies, q->until)) ||
		    !mmget_not_zero(mm))
			break;
		n = min(q->slow.end - at, PIECE) >> PAGE_SHIFT;
		locked = 1;
		mmap_read_lock(mm);
		/* the lock may have been the only thing to wait for */
		if (at == q->slow.start && !q->slow.quick)
			q->slow.quick =
				xpf_comes_quickly(mm, at, q->slow.end, &area);
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
	if (xpf_is_better_unlocked(q, &uvma->userptr.notifier, va->gem.offset,
				   va->va.range,
				   !(va->flags & XE_VMA_READ_ONLY)))
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
