// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: devices and their GTs
 *
 * The module finds devices through the PCI bus: those that are bound to xe when the
 * module attaches, and those that are bound later, after their probe. The stock driver
 * serves any GT that this module has no state for; the first fault of such a GT starts
 * a search. Before a device is unbound, its GTs are drained and returned to the stock
 * driver, and so are all GTs when the module detaches.
 *
 * A reference on the drm_device keeps the stock driver's structures in memory.
 */

#include <linux/device.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <drm/drm_drv.h>

#include "../attach/attach.h"
#include "pagefault.h"
#include "stock.h"

#ifdef HAVE_HOOK_XE_PAGEFAULT_FINI
OUTRIGGER_STOCK_BODY(xe, xe_pagefault_fini);
#endif

static void xpf_rescan(struct work_struct *work);
static DECLARE_WORK(rescan_work, xpf_rescan);

static bool stopping = true; /* add no GTs; written under xpf_gts_lock */
static bool listening; /* the notifier is registered */

/*
 * Number of workers of a GT that may run at the same time; the kernel divides them among
 * the NUMA nodes. Workers mostly sleep, and share.c limits those of each process.
 */
#define WORKERS 512

static struct xpf_gt *xpf_gt_alloc(struct xe_gt *stock)
{
	struct xpf_gt *gt = kzalloc(sizeof(*gt), GFP_KERNEL);

	if (!gt)
		return NULL;
	gt->stock = stock;
	gt->id = stock->info.id;
	gt->drm = &gt_to_xe(stock)->drm;
	drm_dev_get(gt->drm);
	spin_lock_init(&gt->lock);
	ratelimit_state_init(&gt->err_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	ratelimit_state_init(&gt->info_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	ratelimit_state_init(&gt->uevent_limit, DEFAULT_RATELIMIT_INTERVAL,
			     DEFAULT_RATELIMIT_BURST);
	/* so that no message says how many were left out */
	ratelimit_set_flags(&gt->uevent_limit, RATELIMIT_MSG_ON_RELEASE);
	xpf_access_counters_init(gt);
	kobject_init(&gt->kobj, &xpf_gt_ktype);

	gt->pool = vzalloc(array_size(PFD_PDATA_SPACE, sizeof(*gt->pool)));
	gt->queues = kvcalloc(XPF_QUEUES, sizeof(*gt->queues), GFP_KERNEL);
	gt->accounts =
		kvcalloc(XPF_ACCOUNTS, sizeof(*gt->accounts), GFP_KERNEL);
	if (!gt->pool || !gt->queues || !gt->accounts) {
		kobject_put(&gt->kobj);
		return NULL;
	}
	xpf_queues_init(gt);
	xpf_workers_init(gt);
	xpf_share_init(gt);
	return gt;
}

/* Called under xpf_gts_lock. */
static int xpf_gt_add(struct xe_gt *stock)
{
	struct device *dev = gt_to_xe(stock)->drm.dev;
	struct xpf_gt *gt;
	int ret = -ENOMEM;

	if (stopping || xpf_gt_find(stock))
		return 0;

	gt = xpf_gt_alloc(stock);
	if (!gt)
		return ret;

	gt->wq = alloc_workqueue("xe-pagefault-%s-gt%u",
				 WQ_UNBOUND | WQ_HIGHPRI, WORKERS,
				 dev_name(dev), gt->id);
	if (!gt->wq)
		goto put;

	ret = kobject_add(&gt->kobj, &dev->kobj, "xe_pagefault-gt%u", gt->id);
	if (ret)
		goto wq;
	xpf_debugfs_add(gt);

	/* Do not count the start of the GuC that is already running. */
	spin_lock_irq(&gt->lock);
	xpf_note_guc_start(gt);
	gt->stats.guc_starts = 0;
	spin_unlock_irq(&gt->lock);
	list_add_rcu(&gt->node, &xpf_gts);
	return 0;
wq:
	destroy_workqueue(gt->wq);
put:
	kobject_put(&gt->kobj);
	return ret;
}

/* Remove all GTs, or those of a device. Returns when all their faults are answered. */
static void xpf_remove_gts(const struct device *dev)
{
	struct xpf_gt *gt, *next;

	mutex_lock(&xpf_gts_lock);
	list_for_each_entry_safe(gt, next, &xpf_gts, node) {
		if (dev && gt->drm->dev != dev)
			continue;
		kobject_del(&gt->kobj);
		list_del_rcu(&gt->node);
		synchronize_rcu(); /* from here on the stock driver serves the GT */
		xpf_share_wait(gt);
		cancel_delayed_work_sync(&gt->acc_work);
		xpf_debugfs_remove(gt);
		destroy_workqueue(gt->wq);
		kobject_put(&gt->kobj);
	}
	mutex_unlock(&xpf_gts_lock);
}

static struct xe_device *dev_to_xe(struct device *dev)
{
	struct drm_device *drm = dev_get_drvdata(dev);

	return drm ? container_of(drm, struct xe_device, drm) : NULL;
}

/* Called with the device locked and bound to xe. */
static void xpf_add_gts(struct device *dev)
{
	struct xe_device *xe = dev_to_xe(dev);
	struct xe_tile *tile;
	int ret = 0;

	if (!xe || !intel_device_info_has_usm(&xe->info))
		return;

	mutex_lock(&xpf_gts_lock);
	for (tile = xe->tiles; tile < xe->tiles + xe->info.tile_count; tile++) {
		if (tile->primary_gt)
			ret = xpf_gt_add(tile->primary_gt) ?: ret;
		if (tile->media_gt)
			ret = xpf_gt_add(tile->media_gt) ?: ret;
	}
	mutex_unlock(&xpf_gts_lock);

	if (ret)
		dev_err_ratelimited(
			dev,
			"GT not set up (%d): stock xe keeps serving its page faults\n",
			ret);
}

/* The device is locked during both events. */
static int xpf_bus_event(struct notifier_block *nb, unsigned long event,
			 void *data)
{
	struct device *dev = data;

	if (dev->driver != &xe_pci_driver.driver)
		return NOTIFY_DONE;
	if (event == BUS_NOTIFY_BOUND_DRIVER)
		xpf_add_gts(dev);
	else if (event == BUS_NOTIFY_UNBIND_DRIVER)
		xpf_remove_gts(dev);
	return NOTIFY_DONE;
}

static struct notifier_block bus_nb = { .notifier_call = xpf_bus_event };

static int xpf_add_bound(struct device *dev, void *unused)
{
	/*
	 * Skip devices bound to other drivers: their lock may be held for a long
	 * time.
	 */
	if (READ_ONCE(dev->driver) != &xe_pci_driver.driver)
		return 0;
	device_lock(dev);
	if (dev->driver == &xe_pci_driver.driver)
		xpf_add_gts(dev);
	device_unlock(dev);
	return 0;
}

static void xpf_rescan(struct work_struct *work)
{
	bus_for_each_dev(&pci_bus_type, NULL, NULL, xpf_add_bound);
}

/**
 * xpf_look_around - look for GTs that have no state
 *
 * Any context, in an RCU read-side section. Needed because the bus does not report
 * a device that is probed again after a PCIe slot reset.
 */
void xpf_look_around(void)
{
	if (!READ_ONCE(stopping))
		queue_work(system_long_wq, &rescan_work);
}

#ifdef HAVE_HOOK_XE_PAGEFAULT_FINI
/**
 * xpf_pagefault_fini - end the fault service of a device
 * @arg: struct xe_device
 *
 * Replaces xe_pagefault_fini(), a devm action. The bus notifier has already
 * removed the GTs, unless a PCIe slot reset removes the device.
 */
__hook void xpf_pagefault_fini(void *arg)
{
	struct xe_device *xe = arg;

	xpf_remove_gts(xe->drm.dev);
	stock_xe_pagefault_fini(arg);
}
#endif

/**
 * xpf_start - take over present and future devices
 *
 * See struct outrigger.
 */
void xpf_start(void)
{
	/* Without the notifier, a device could disappear unnoticed: take over none. */
	listening = !bus_register_notifier(&pci_bus_type, &bus_nb);
	if (!listening) {
		pr_err("PCI bus notifier not registered: stock xe keeps serving all page faults\n");
		return;
	}

	mutex_lock(&xpf_gts_lock);
	WRITE_ONCE(stopping, false);
	mutex_unlock(&xpf_gts_lock);
	xpf_rescan(NULL);
}

/**
 * xpf_stop - return all devices to the stock driver
 *
 * See struct outrigger. Returns when every fault in the queues is answered. Tasks
 * that livepatch has not yet switched may still call the handlers, which then find
 * no GT.
 */
void xpf_stop(void)
{
	mutex_lock(&xpf_gts_lock);
	WRITE_ONCE(stopping, true);
	mutex_unlock(&xpf_gts_lock);

	xpf_remove_gts(NULL);
	if (listening)
		bus_unregister_notifier(&pci_bus_type, &bus_nb);
	synchronize_rcu(); /* wait for xpf_look_around() */
	cancel_work_sync(&rescan_work);
}
