// SPDX-License-Identifier: GPL-2.0
/*
 * Access counters: the notification that the GuC sends when one reaches its threshold.
 *
 * The descriptor follows drivers/gpu/drm/xe/xe_guc_fwif.h (ACC_): the address is that
 * of a region of 128 KiB, 2, 16 or 64 MiB, and each of 32 bits stands for an accessed
 * part of it.
 */
#include "gpu.h"

/**
 * access_counter_encode() - encode the descriptor of a notification
 * @a: the notification
 * @dw: four dwords
 */
void access_counter_encode(const struct access_counter *a, u32 *dw)
{
	dw[0] = a->notify | a->sub << 1;
	dw[1] = a->sub >> 31 | (a->instance & 0x3f) << 3 | (a->class & 7) << 9 |
		a->asid << 12;
	dw[2] = (a->vfid & 0x3f) | (a->granularity & 7) << 8 |
		((u32)a->va & 0xfffe0000);
	dw[3] = a->va >> 32;
}
