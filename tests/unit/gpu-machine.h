/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The emulated GPU without threads, clock and QEMU, so that runs are reproducible.
 * machine_run() lets each of its units work until it would wait. Where the model drops
 * its lock, machine.meanwhile() can do what other threads would.
 *
 * It replaces gpu.c, so only one file of a program can include it.
 */
#ifndef TESTS_UNIT_GPU_MACHINE_H
#define TESTS_UNIT_GPU_MACHINE_H

#include "gpu-guest.h"

#define now_ns main_now_ns
#define gpu_delay main_gpu_delay
#define gpu_breathe main_gpu_breathe
#define gpu_wait main_gpu_wait
#include "../gpu/gpu.c"
#undef now_ns
#undef gpu_delay
#undef gpu_breathe
#undef gpu_wait

#define BUDGET 20000u

static struct {
	struct gpu *gpu;
	u64 clock;
	u32 budget; /* number of pauses after which all units end */
	void (*meanwhile)(struct gpu *gpu);
} machine;

u64 now_ns(void)
{
	return machine.clock += 100;
}

static void pause_for(struct gpu *gpu, u64 us)
{
	machine.clock += us * 1000;
	if (!machine.budget || !--machine.budget)
		gpu->quit = true;
	else if (machine.meanwhile)
		machine.meanwhile(gpu);
}

void gpu_delay(struct gpu *gpu, u32 max_us)
{
	if (max_us)
		pause_for(gpu, max_us);
}

void gpu_breathe(struct gpu *gpu)
{
	pause_for(gpu, 0);
}

static void machine_run(struct gpu *gpu)
{
	u64 before;

	do {
		before = gpu->count[COUNT_G2H] + gpu->count[COUNT_H2G];
		for (int i = 0; i < GTS; i++) {
			gpu->quit = false;
			guc_thread(gpu->gt[i]);
		}
		gpu->quit = false;
		context_thread(gpu);
	} while (machine.budget &&
		 before != gpu->count[COUNT_G2H] + gpu->count[COUNT_H2G]);
	gpu->quit = !machine.budget;
}

/* A unit that waits has no work; a command that waits lets the units run. */
int gpu_wait(struct gpu *gpu, pthread_cond_t *cond, u32 us)
{
	pause_for(gpu, us);
	if (cond != &gpu->changed) {
		gpu->quit = true;
	} else if (!gpu->quit) {
		gpu_unlock(gpu);
		machine_run(gpu);
		gpu_lock(gpu);
	}
	return 0;
}

static inline struct gpu *machine_new(bool discrete)
{
	struct options opt = { .discrete = discrete, .media = true };

	machine.clock = 1000000000;
	machine.budget = BUDGET;
	machine.meanwhile = NULL;
	machine.gpu = gpu_new(&opt);
	if (!machine.gpu)
		abort();
	machine.gpu->started = machine.clock;
	guest_memory(&machine.gpu->mem);
	guest_identity((u64 *)(machine.gpu->bar0 + BAR0_GGTT));
	return machine.gpu;
}

static inline void machine_free(void)
{
	gpu_free(machine.gpu);
	guest_leave();
}

static inline void machine_run_anew(void)
{
	machine.budget = BUDGET;
	machine_run(machine.gpu);
}

static inline void machine_doorbell(u32 gt)
{
	mmio_write(machine.gpu, gt ? 0x190304 : 0x1901f0, 1);
}

/* Send a mailbox request. Return the first dword of the answer. */
static inline u32 machine_mailbox(u32 gt, u32 dw0, u32 dw1, u32 dw2, u32 dw3)
{
	u32 flag = gt ? 0x190310 : 0x190240;

	mmio_write(machine.gpu, flag + 4, dw1);
	mmio_write(machine.gpu, flag + 8, dw2);
	mmio_write(machine.gpu, flag + 12, dw3);
	mmio_write(machine.gpu, flag, dw0);
	machine_doorbell(gt);
	machine_run_anew();
	return mmio_read(machine.gpu, flag);
}

/* Start the GuC as the driver does. */
static inline void machine_boot(u32 gt)
{
	static const u32 value[] = { H2G_RING, H2G_DESC, H2G_DWORDS * 4,
				     G2H_RING, G2H_DESC, G2H_DWORDS * 4 };

	mmio_write(machine.gpu, gt * MEDIA_BASE + 0xc314, 0x00110011);
	for (u32 i = 0; i < 6; i++)
		machine_mailbox(gt, 0x0508, (0x902 + i) << 16 | 2,
				value[i] + (i % 3 == 2 ? 0 : gt * GT_BYTES), 0);
	memset(guest_at(H2G_DESC + gt * GT_BYTES), 0, 128);
	machine_mailbox(gt, 0x4509, 1, 0, 0);
}

static inline void machine_send(u32 gt, const u32 *dw, u32 n)
{
	guest_send(gt, 0x8001, dw, n);
	machine_doorbell(gt);
}

/* Send a FAST_REQUEST with these dwords after the action. */
#define machine_h2g(gt, action, ...)                                        \
	machine_send(gt, (const u32[]){ 2u << 28 | (action), __VA_ARGS__ }, \
		     sizeof((u32[]){ 0, __VA_ARGS__ }) / 4)

static inline u32 machine_context(u32 id)
{
	return CONTEXT + id * CONTEXT_BYTES;
}

/* Register a context, with the page tables at TABLES, and enable it. */
static inline void machine_register(u32 gt, u32 id, u32 class, u32 asid)
{
	u32 *reg = guest_at(machine_context(id) + 0x1000);

	memset(reg, 0, PAGE);
	reg[0x09] = machine_context(id) + CONTEXT_RING;
	reg[0x0b] = 1;
	reg[0x2f] = asid;
	reg[0x33] = TABLES;
	machine_h2g(gt, 0x4502, 0, id, class, 1, 0, 0, 0, 0, 0,
		    machine_context(id), 0);
	machine_h2g(gt, 0x1001, id, 1);
}

/* Put instructions into the ring of a context, and tell the GuC. */
static inline void machine_submit(u32 gt, u32 id, const u32 *dw, u32 n)
{
	u32 *reg = guest_at(machine_context(id) + 0x1000);
	u32 *ring = guest_at(machine_context(id) + CONTEXT_RING),
	    tail = reg[7] / 4 % 1024;

	for (u32 i = 0; i < n; i++, tail = (tail + 1) % 1024)
		ring[tail] = dw[i];
	reg[7] = 4 * tail;
	machine_h2g(gt, 0x1000, id);
}

#endif
