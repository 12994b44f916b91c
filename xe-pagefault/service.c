// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: serving a fault
 *
 * Finds the VM of the ASID and the VMA of the address, and checks that the access
 * is allowed there. port/ then makes the page present, in a different way for each
 * generation of xe.
 */

#include <linux/array_size.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/moduleparam.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/time64.h>
#include <linux/xarray.h>

#include "pagefault.h"
#include "stock.h"

static unsigned int together_us = 200;
module_param(together_us, uint, 0644);
MODULE_PARM_DESC(
	together_us,
	"microseconds after which a service begins to map no further binding for the next faults (default 200)");

/* A larger one is not mapped for the next faults: it may take long. */
#define MOST_TOGETHER SZ_2M

/* How long a service tries again at once, while nobody waits for the lock of the VM. */
#define AT_ONCE_NS (5 * NSEC_PER_MSEC)

/* An attempt that fails after so long has kept others from the VM; what follows from that. */
#define LONG_NS (10 * NSEC_PER_MSEC)
#define RESTLESS_NS (10 * NSEC_PER_SEC)

/**
 * xpf_vm_get - get the VM of an ASID
 * @xe: the device
 * @asid: address space
 * @why: set if there is none
 *
 * Return: the VM, which is in fault mode, with a reference; or NULL.
 */
struct xe_vm *xpf_vm_get(struct xe_device *xe, u32 asid, enum xpf_verdict *why)
{
	struct xe_vm *vm;

	down_read(&xe->usm.lock);
	vm = xa_load(&xe->usm.asid_to_vm, asid);
	if (!vm) {
		*why = XPF_UNKNOWN_ASID;
	} else if (!(vm->flags & XE_VM_FLAG_FAULT_MODE)) {
		*why = XPF_NOT_FAULT_MODE;
		vm = NULL;
	} else {
		drm_gpuvm_get(&vm->gpuvm);
	}
	up_read(&xe->usm.lock);
	return vm;
}

/**
 * xpf_vm_put - drop the reference on a VM
 * @vm: from xpf_vm_get()
 */
void xpf_vm_put(struct xe_vm *vm)
{
	drm_gpuvm_put(&vm->gpuvm);
}

/*
 * Find the VMA that is nearest to an address that has none, or NULL. Called with vm->lock
 * held, under which VMAs are inserted and removed.
 */
static struct xe_vma *xpf_nearest_vma(struct xe_vm *vm, u64 addr)
{
	struct list_head *all = &vm->gpuvm.rb.list; /* by address */
	u64 end = vm->gpuvm.mm_start + vm->gpuvm.mm_range;
	struct drm_gpuva *next = NULL, *prev = NULL;

	if (addr < end)
		next = drm_gpuva_find_first(&vm->gpuvm, addr, end - addr);
	if (!next && !list_empty(all))
		prev = list_last_entry(all, struct drm_gpuva, rb.entry);
	else if (next && !list_is_first(&next->rb.entry, all))
		prev = list_prev_entry(next, rb.entry);

	if (prev && (!next || addr - (prev->va.addr + prev->va.range) <
				      next->va.addr - addr))
		next = prev;
	return next ? container_of(next, struct xe_vma, gpuva) : NULL;
}

static void xpf_note_near(struct xpf_near *near, const struct xe_vma *vma)
{
	const struct drm_gpuva *va = &vma->gpuva;

	near->start = va->va.addr;
	near->end = va->va.addr + va->va.range;
	near->kind = vma_is_mirror(vma)	 ? "SVM" :
		     vma_is_userptr(vma) ? "userptr" :
		     vma_to_bo(vma)	 ? "BO" :
					   "sparse";
}

/* Stock 6.12 replies "successful" and gets the same fault forever. */
static bool is_forbidden(const struct xe_vma *vma, const struct pagefault *pf)
{
	return (vma->gpuva.flags & XE_VMA_READ_ONLY) &&
	       pf->access != PAGEFAULT_READ;
}

/* Note that an attempt, begun at @since and over now, has failed with the VM locked. */
static void xpf_note_failure(struct xpf_queue *q, u64 since)
{
	if (q->mark - since > LONG_NS)
		q->restless = q->mark + RESTLESS_NS;
}

/* May another binding be mapped? Ready replies, and other users of the VM, wait for it. */
static bool xpf_may_bind_more(const struct xpf_queue *q, struct xe_vm *vm,
			      const struct xe_vma *vma, u64 begin)
{
	u64 limit = (u64)READ_ONCE(together_us) * NSEC_PER_USEC;

	return vma->gpuva.va.range <= MOST_TOGETHER && q->mark > q->restless &&
	       q->mark - begin < limit && xpf_ct_is_up(q->gt) &&
	       !rwsem_is_contended(&vm->lock);
}

/*
 * Resolve the next faults in the queue, as far as that takes little time: their bindings
 * are mapped, or can be without waiting for anybody. Then they are answered together
 * with the fault whose service this is. The first one that has to wait, or can't be
 * served, ends this; it gets a service and a verdict of its own. Called with vm->lock held.
 */
static void xpf_serve_next(struct xpf_queue *q, struct xe_vm *vm, u32 asid)
{
	struct xe_tile *tile = q->gt->stock->tile;
	struct pagefault pfs[XPF_BATCH - 1] __uninitialized, *pf;
	struct xe_vma *vmas[XPF_BATCH - 1] __uninitialized, *vma;
	struct xpf_area quick = {};
	bool bind = false, ready;
	unsigned int i, n;
	u64 begin, since;

	n = xpf_queue_peek(q, pfs, ARRAY_SIZE(pfs));
	if (!n)
		return;
	xpf_stage(q, XPF_TABLES); /* of the fault itself */
	begin = q->mark;
	for (i = 0; i < n; i++) {
		pf = &pfs[i];
		if (pf->asid != asid || pf->access > PAGEFAULT_WRITE ||
		    pf->trva_fault)
			break;
		vma = xpf_port.find_vma(vm, pf->addr);
		if (!vma || vma_is_mirror(vma) || is_forbidden(vma, pf))
			break;
		if (!vma_is_valid(vma, tile)) {
			if (!xpf_may_bind_more(q, vm, vma, begin))
				break;
			since = q->mark;
			ready = xpf_make_ready(vma, &quick);
			xpf_stage(q, XPF_PAGES);
			if (!ready) {
				xpf_note_failure(q, since);
				break;
			}
			bind = true;
		}
		vmas[i] = vma;
	}
	if (bind)
		i = xpf_port.bind_more(q, vmas, i);
	q->resolved += i;
}

static int xpf_service_locked(struct xpf_queue *q, struct xe_vm *vm,
			      const struct pagefault *pf, enum xpf_verdict *why)
{
	struct xe_vma *vma;
	int err;

	if (!vm->size || (vm->flags & XE_VM_FLAG_BANNED)) {
		*why = XPF_VM_CLOSED;
		return -ENOENT;
	}

	vma = xpf_port.find_vma(vm, pf->addr);
	if (!vma) {
		vma = xpf_nearest_vma(vm, pf->addr);
		if (vma)
			xpf_note_near(&q->near, vma);
		*why = XPF_NO_VMA;
		return -EINVAL;
	}
	xpf_note_near(&q->near, vma);

	if (is_forbidden(vma, pf)) {
		*why = XPF_READ_ONLY;
		return -EPERM;
	}

	err = xpf_port.populate(q, vma, pf, why);
	if (err)
		return err;

	/* only a part of a mirror has become accessible */
	if (vma_is_mirror(vma))
		xpf_queue_served(q, pf, pf->addr, SZ_4K);
	else
		xpf_queue_served(q, pf, vma->gpuva.va.addr,
				 vma->gpuva.va.range);

	/*
	 * This is a hint for the stock driver, which clears it in xe_vm_remove_vma()
	 * before it frees the VMA (6.12, 7.2, 7.3). All this happens under vm->lock,
	 * here held for writing, so the hint is never stale.
	 */
	vm->usm.last_fault_vma = vma;
	xpf_serve_next(q, vm, pf->asid);
	return 0;
}

/*
 * Should a service that has failed, because memory changes, be tried again at once? A thread
 * that changes it all the time leaves moments that are too short to hit after a pause.
 */
static bool xpf_is_worth_another(struct xpf_queue *q, const struct xe_vm *vm,
				 u64 end, bool crowded)
{
	if (xpf_fault_in(q, vm))
		return true;
	if (crowded || q->mark > end || !xpf_ct_is_up(q->gt))
		return false;
	q->again = true;
	xpf_count_retry(q->gt);
	cond_resched();
	return true;
}

/**
 * xpf_service - try to serve a fault
 * @q: its queue
 * @pf: the fault
 * @why: set to the cause if the fault is refused
 *
 * Called in a worker with the device awake and no lock held. Takes vm->lock for
 * writing, as stock does: bindings and page tables of the VM change under it.
 *
 * Return: 0 if the access may be retried; -EAGAIN if the service should be tried again
 * after a pause, so that others get vm->lock in between, or, with *why set to XPF_PARKED,
 * if it did not begin; or another errno if the fault is refused.
 */
int xpf_service(struct xpf_queue *q, const struct pagefault *pf,
		enum xpf_verdict *why)
{
	u64 end = q->mark + AT_ONCE_NS;
	struct xpf_gt *gt = q->gt;
	struct xe_vm *vm;
	bool crowded;
	int err;

	q->near.kind = NULL;
	if (pf->access >= PAGEFAULT_ACCESSES) {
		*why = XPF_MALFORMED;
		return -EPROTO;
	}

	/* User space maintains the page tables of tiled resources. */
	if (pf->trva_fault) {
		*why = XPF_TRVA;
		return -EFAULT;
	}

	vm = xpf_vm_get(gt_to_xe(gt->stock), pf->asid, why);
	if (!vm)
		return -EINVAL;

	if (xpf_share_begin(q, vm, pf->addr)) {
		q->slow.asked = false;
		q->slow.got = false;
		do {
			if (!down_write_trylock(&vm->lock)) {
				down_write(&vm->lock);
				xpf_stage(q, XPF_AT_LOCK);
			}
			q->held = q->mark;
			err = xpf_service_locked(q, vm, pf, why);
			xpf_stage(q, *why == XPF_BIND ? XPF_TABLES : XPF_PAGES);
			if (err == -EAGAIN)
				xpf_note_failure(q, q->held);
			q->held = q->mark - q->held;
			crowded = rwsem_is_contended(&vm->lock);
			up_write(&vm->lock);
		} while (err == -EAGAIN &&
			 xpf_is_worth_another(q, vm, end, crowded));
	} else {
		*why = XPF_PARKED;
		err = -EAGAIN;
	}
	xpf_vm_put(vm);
	return err;
}
