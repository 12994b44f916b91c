// SPDX-License-Identifier: GPL-2.0
/*
 * The blitter instructions that xe uses to clear and move buffers.
 *
 * They follow drivers/gpu/drm/xe/instructions/xe_gpu_commands.h and xe_migrate.c:
 * XY_FAST_COPY (6.12), MEM_COPY (7.3), MEM_SET and XY_FAST_COLOR, which the driver
 * uses to write zeros. Tiling is not modelled: source and destination of a copy have
 * the same tiling, so the order of the bytes does not change. Copies of compression
 * state do nothing: according to the fuses there is none.
 */
#include <string.h>

#include "gpu.h"

#define XY_FAST_COPY 0x42
#define XY_FAST_COLOR 0x44
#define MEM_COPY 0x5a
#define MEM_SET 0x5b

/* More than any instruction of the driver, which splits copies at 8 MiB. */
#define BYTES_MAX (64u << 20)
#define BREATHE_BYTES (64u << 10)

/* A rectangle to copy, or to fill with one value if there is no source. */
struct blit {
	u64 src, dst;
	u64 width, height, src_pitch, dst_pitch;
	bool copy;
	u8 value;
};

static enum step blit(struct context *c, const struct blit *b)
{
	u64 total = 0, breath = 0, x, y, n, src, dst;
	u8 page[PAGE];

	memset(page, b->value, sizeof(page));
	for (y = 0; y < b->height; y++) {
		for (x = 0; x < b->width; x += n) {
			src = b->src + y * b->src_pitch + x;
			dst = b->dst + y * b->dst_pitch + x;
			n = b->width - x;
			if (n > PAGE - dst % PAGE)
				n = PAGE - dst % PAGE;
			if (b->copy && !engine_read(c, src, page, n))
				return STEP_FAULT;
			if (!engine_write(c, dst, page, n))
				return STEP_FAULT;
			total += n;
			if (total > BYTES_MAX) {
				c->gt->gpu->count[COUNT_UNKNOWN]++;
				return STEP_NEXT;
			}
			if (total - breath < BREATHE_BYTES)
				continue;
			breath = total;
			gpu_breathe(c->gt->gpu);
			if (!c->registered || !c->enabled)
				return STEP_YIELD;
		}
	}
	c->gt->gpu->count[COUNT_COPIES] += b->copy;
	return STEP_NEXT;
}

/**
 * blitter_step() - execute a blitter instruction
 * @c: the context
 * @ins: the instruction, followed by zeros
 * @n: its length
 *
 * Return: its outcome.
 */
enum step blitter_step(struct context *c, const u32 *ins, u32 n)
{
	struct blit b = { 0 };

	switch (bits(ins[0], 28, 22)) {
	case XY_FAST_COPY: /* pitches in bytes, x2 in pixels of 32 bits */
		if (n < 10)
			break;
		b.copy = true;
		b.dst_pitch = bits(ins[1], 15, 0);
		b.src_pitch = bits(ins[7], 15, 0);
		b.width = bits(ins[3], 15, 0) * 4ull;
		b.height = bits(ins[3], 31, 16);
		b.dst = make64(ins[4], ins[5]);
		b.src = make64(ins[8], ins[9]);
		return blit(c, &b);
	case XY_FAST_COLOR:
		if (n < 6)
			break;
		b.dst_pitch = bits(ins[1], 17, 0) + 1ull;
		b.width = bits(ins[3], 15, 0) * 4ull;
		b.height = bits(ins[3], 31, 16);
		b.dst = make64(ins[4], ins[5]);
		return blit(c, &b);
	case MEM_COPY:
		if (n < 9)
			break;
		b.copy = true;
		b.width = bits(ins[1], 23, 0) + 1ull;
		b.height = 1;
		if (ins[0] & BIT(19)) { /* whole pages of 256 bytes */
			b.width *= 256;
		} else if (ins[0] & BIT(17)) { /* a matrix */
			b.height = bits(ins[2], 17, 0) + 1ull;
			b.src_pitch = bits(ins[3], 17, 0) + 1ull;
			b.dst_pitch = bits(ins[4], 17, 0) + 1ull;
		}
		b.src = make64(ins[5], ins[6]);
		b.dst = make64(ins[7], ins[8]);
		return blit(c, &b);
	case MEM_SET:
		if (n < 7)
			break;
		b.width = bits(ins[1], 23, 0) + 1ull;
		b.height = 1;
		if (ins[0] & BIT(17)) {
			b.height = bits(ins[2], 17, 0) + 1ull;
			b.dst_pitch = bits(ins[3], 17, 0) + 1ull;
		}
		b.dst = make64(ins[4], ins[5]);
		b.value = ins[6] >> 24;
		return blit(c, &b);
	}
	return STEP_NEXT;
}
