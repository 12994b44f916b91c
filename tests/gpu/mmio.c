// SPDX-License-Identifier: GPL-2.0
/*
 * Registers with side effects; all others just keep the value that was written.
 *
 * They follow drivers/gpu/drm/xe/regs/: xe_gt_regs.h, xe_guc_regs.h, xe_regs.h,
 * xe_engine_regs.h, xe_pcode_regs.h, xe_bars.h. The registers of the media GT are at
 * the same offsets below 0x40000, plus 0x380000.
 */
#include <string.h>

#include "gpu.h"

#define GT_REGS 0x40000u

#define GMD_ID 0xd8c
#define RPM_CONFIG0 0xd00
#define STEER_SEMAPHORE 0xfd0
#define GT_PERF_STATUS 0xc60
#define XEHP_FUSE4 0x9114
#define MIRROR_FUSE3 0x9118
#define FUSE2 0x9120
#define XELP_EU_ENABLE 0x9134
#define XELP_GT_GEOMETRY_DSS_ENABLE 0x913c
#define GT_VEBOX_VDBOX_DISABLE 0x9140
#define XEHP_GT_COMPUTE_DSS_ENABLE 0x9144
#define GDRST 0x941c
#define GUC_STATUS 0xc000
#define GUC_WOPCM_SIZE 0xc050
#define DMA_CTRL 0xc314
#define DMA_GUC_WOPCM_OFFSET 0xc340
#define RING_PWRCTX_MAXCNT 0x54

#define PCU_IRQ_IIR 0x444e8
#define GU_MISC_IIR 0x444f8
#define TILE0_ADDR_RANGE 0x4900
#define GU_CNTL 0x101010
#define GU_DEBUG 0x101018
#define GGC 0x108040
#define DSMBASE 0x1080c0
#define GSMBASE 0x108100
#define STOLEN_RESERVED 0x1082c0
#define SG_TILE0_ADDR_RANGE 0x1083a0
#define SCRATCH_PAGE 0x130000
#define RP_STATE_CAP 0x138000
#define MTL_GT_RPE 0x13800c
#define MTL_RP_STATE_CAP 0x138020
#define MTL_MPE 0x13802c
#define PCODE_MAILBOX 0x138124
#define PCODE_DATA0 0x138128
#define PCODE_DATA1 0x13812c
#define GUC_HOST_INTERRUPT 0x1901f0
#define VF_SW_FLAG 0x190240
#define MED_GUC_HOST_INTERRUPT 0x190304
#define MED_VF_SW_FLAG 0x190310

#define GMD(arch, release, step) ((u32)(arch) << 22 | (release) << 14 | (step))

/* Return the acknowledgement register of a forcewake request register. */
static u32 forcewake_ack(u32 reg)
{
	switch (reg) {
	case 0xa188:
		return 0xdfc;
	case 0xa278:
		return 0xd84;
	case 0xa618:
		return 0xdf8;
	}
	if (reg >= 0xa540 && reg < 0xa560)
		return 0xd50 + (reg - 0xa540);
	if (reg >= 0xa560 && reg < 0xa570)
		return 0xd70 + (reg - 0xa560);
	return 0;
}

/**
 * mmio_reset() - set all registers to their values after a reset
 * @gpu: the device
 */
void mmio_reset(struct gpu *gpu)
{
	static const u32 rings[] = { 0x2000,   0x22000,	 0x3ee000, 0x1a000,
				     0x1c0000, 0x1c8000, 0x11a000 };
	u32 *r = gpu->regs;
	bool bmg = gpu->opt.discrete;
	size_t i;

	memset(r, 0, MMIO_SIZE);
	r[GMD_ID / 4] = bmg ? GMD(20, 1, 4) : GMD(20, 4, 4);
	if (gpu->opt.media)
		r[(MEDIA_BASE + GMD_ID) / 4] = bmg ? GMD(13, 1, 4) :
						     GMD(20, 0, 4);
	for (i = 0; i <= MEDIA_BASE; i += MEDIA_BASE) {
		u32 *gt = r + i / 4;

		gt[XEHP_FUSE4 / 4] = 0x00010000; /* CCS0 */
		gt[MIRROR_FUSE3 / 4] =
			0x000100f0; /* one node, four banks of L3 */
		gt[FUSE2 / 4] = BIT(2); /* production hardware */
		gt[XELP_EU_ENABLE / 4] = 0xff;
		gt[XELP_GT_GEOMETRY_DSS_ENABLE / 4] = 0xff;
		gt[XEHP_GT_COMPUTE_DSS_ENABLE / 4] = 0xff;
		gt[GT_VEBOX_VDBOX_DISABLE / 4] = 0x00010001; /* VCS0, VECS0 */
		gt[RPM_CONFIG0 / 4] = 1 << 3 | 3 << 1; /* 19.2 MHz */
		gt[GT_PERF_STATUS / 4] = 0x30;
		gt[STEER_SEMAPHORE / 4] = 1;
	}
	for (i = 0; i < ARRAY_SIZE(rings); i++)
		r[(rings[i] + RING_PWRCTX_MAXCNT) / 4] = 0x40;
	r[RP_STATE_CAP / 4] = 120 | 24 << 16;
	r[MTL_GT_RPE / 4] = 48;
	r[MTL_RP_STATE_CAP / 4] = 120 | 24 << 16;
	r[MTL_MPE / 4] = 48;
	r[GGC / 4] = 0x02c0; /* 8 MiB of GGTT entries, 64 MiB stolen */
	r[STOLEN_RESERVED / 4] = 3 << 7;
	r[DSMBASE / 4] = 8 << 20;
	if (bmg) {
		u32 size = gpu->mem.vram_size;

		r[TILE0_ADDR_RANGE / 4] = size >> 30 << 8;
		r[SG_TILE0_ADDR_RANGE / 4] = size >> 30 << 8;
		r[GSMBASE / 4] = size - (72 << 20);
		r[DSMBASE / 4] = size - (64 << 20);
		r[GU_CNTL / 4] = BIT(7); /* local memory is initialised */
	}
}

static struct gt *gt_of(struct gpu *gpu, u32 reg, u32 *offset)
{
	bool media = reg >= MEDIA_BASE && reg - MEDIA_BASE < GT_REGS;

	*offset = media ? reg - MEDIA_BASE : reg;
	return gpu->gt[media];
}

/**
 * mmio_read() - read a register
 * @gpu: the device
 * @reg: its offset, a multiple of 4 below MMIO_SIZE
 *
 * Return: its value.
 */
u32 mmio_read(struct gpu *gpu, u32 reg)
{
	u32 value = gpu->regs[reg / 4], offset;
	struct gt *gt = gt_of(gpu, reg, &offset);

	switch (offset) {
	case GUC_STATUS:
		value = gt->guc.status;
		break;
	case GDRST:
	case DMA_CTRL:
	case PCU_IRQ_IIR:
	case GU_MISC_IIR:
		value = 0;
		break;
	case STEER_SEMAPHORE:
		value = 1;
		break;
	default:
		irq_read(&gpu->irq, reg, &value);
	}
	trace(gpu, 3, "R %06x %08x", reg, value);
	return value;
}

/* The upper half selects the bits of the lower half to write. */
static u32 masked(u32 old, u32 value)
{
	u32 mask = value >> 16;

	return (old & ~mask) | (value & mask);
}

static bool write_gt(struct gt *gt, u32 offset, u32 value, u32 *reg)
{
	u32 ack = forcewake_ack(offset);

	if (ack) {
		reg[ack / 4] = masked(reg[ack / 4], value);
		return true;
	}
	switch (offset) {
	case GMD_ID:
	case STEER_SEMAPHORE:
		return true;
	case GDRST:
		if (value & (BIT(0) | BIT(3)))
			guc_reset(gt);
		return true;
	case DMA_CTRL:
		if ((masked(0, value) & (BIT(0) | BIT(4))) == (BIT(0) | BIT(4)))
			guc_boot(gt);
		return true;
	case GUC_WOPCM_SIZE:
	case DMA_GUC_WOPCM_OFFSET:
		reg[offset / 4] = value | 1;
		return true;
	}
	return false;
}

/**
 * mmio_write() - write a register
 * @gpu: the device
 * @reg: its offset, a multiple of 4 below MMIO_SIZE
 * @value: the value to write
 */
void mmio_write(struct gpu *gpu, u32 reg, u32 value)
{
	u32 *r = gpu->regs, offset;
	struct gt *gt = gt_of(gpu, reg, &offset);

	if (reg / PAGE != SCRATCH_PAGE / PAGE)
		trace(gpu, 3, "W %06x %08x", reg, value);
	if (irq_write(&gpu->irq, reg, value))
		return;
	if (offset < GT_REGS &&
	    write_gt(gt, offset, value, r + (reg - offset) / 4))
		return;
	switch (reg) {
	case GU_CNTL:
		if (value & BIT(31)) { /* FLR requested by the driver */
			gpu_reset(gpu);
			r[GU_DEBUG / 4] = BIT(31);
			return;
		}
		break;
	case GU_DEBUG:
		r[reg / 4] &= ~value;
		return;
	case VF_SW_FLAG:
		gpu->gt[0]->guc.mailbox = true;
		break;
	case MED_VF_SW_FLAG:
		gpu->gt[1]->guc.mailbox = true;
		break;
	case GUC_HOST_INTERRUPT:
		guc_doorbell(gpu->gt[0]);
		return;
	case MED_GUC_HOST_INTERRUPT:
		guc_doorbell(gpu->gt[1]);
		return;
	case PCODE_MAILBOX: /* completes immediately, without error */
		r[PCODE_DATA0 / 4] = (value & 0xff) == 0x7e; /* initialised */
		r[PCODE_DATA1 / 4] = 0;
		value &= 0x7fffff00;
		break;
	}
	r[reg / 4] = value;
}
