// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: serving a fault
 *
 * Finds the VM of the ASID and the VMA of the address, and checks that the access
 * is allowed there. port/ then makes the page present, in a different way for each
 * generation of xe.
 */

#include <linux/err.h>
#include <linux/rwsem.h>
#include <linux/xarray.h>

#include "pagefault.h"
#include "stock.h"

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

static int xpf_service_locked(struct xpf_gt *gt, struct xe_vm *vm,
			      const struct pagefault *pf, enum xpf_verdict *why)
{
	struct xe_vma *vma;
	bool mirror;
	int err;

	if (!vm->size || (vm->flags & XE_VM_FLAG_BANNED)) {
		*why = XPF_VM_CLOSED;
		return -ENOENT;
	}

	vma = xpf_port.find_vma(vm, pf->addr);
	if (!vma) {
		*why = XPF_NO_VMA;
		return -EINVAL;
	}

	/* Stock 6.12 replies "successful" and gets the same fault forever. */
	if ((vma->gpuva.flags & XE_VMA_READ_ONLY) &&
	    pf->access != PAGEFAULT_READ) {
		*why = XPF_READ_ONLY;
		return -EPERM;
	}

	mirror = vma_is_mirror(vma);
	err = xpf_port.populate(gt->stock, vma, pf, why);

	/*
	 * This is a hint for the stock driver, which clears it in xe_vm_remove_vma()
	 * before it frees the VMA (6.12, 7.2, 7.3). All this happens under vm->lock,
	 * here held for writing, so the hint is never stale. Do not set it for SVM: the
	 * fault may have replaced the VMA and freed this one.
	 */
	if (!err && !mirror)
		vm->usm.last_fault_vma = vma;
	return err;
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
 * Return: 0 if the access may be retried; -EAGAIN if the service should be tried again,
 * so that others get vm->lock in between, or, with *why set to XPF_PARKED, if it did not
 * begin; or another errno if the fault is refused.
 */
int xpf_service(struct xpf_queue *q, const struct pagefault *pf,
		enum xpf_verdict *why)
{
	struct xpf_gt *gt = q->gt;
	struct xe_vm *vm;
	int err;

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
		down_write(&vm->lock);
		err = xpf_service_locked(gt, vm, pf, why);
		up_write(&vm->lock);
	} else {
		*why = XPF_PARKED;
		err = -EAGAIN;
	}
	xpf_vm_put(vm);
	return err;
}
