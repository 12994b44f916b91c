// SPDX-License-Identifier: GPL-2.0
/*
 * The device as a whole: memory, threads, resets, time, random numbers and delays, and
 * the trace.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gpu.h"

#define LNL_STOLEN (256ull << 20)
#define BMG_VRAM (1024ull << 20)

/**
 * now_ns() - get the time
 *
 * Return: nanoseconds of the monotonic clock.
 */
u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/**
 * trace_line() - write a line of the trace; see trace()
 * @gpu: the device
 * @format: as for printf
 */
void trace_line(struct gpu *gpu, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(gpu->log, "%10.6f %s\n", (now_ns() - gpu->started) / 1e9, line);
}

/**
 * gpu_random() - get a random number
 * @gpu: the device, locked
 *
 * Return: 64 bits (xorshift).
 */
u64 gpu_random(struct gpu *gpu)
{
	u64 x = gpu->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return gpu->random = x;
}

/**
 * gpu_delay() - sleep for a random time, unlocked
 * @gpu: the device, locked
 * @max_us: maximum in us
 */
void gpu_delay(struct gpu *gpu, u32 max_us)
{
	u32 us = max_us ? gpu_random(gpu) % (max_us + 1ull) : 0;

	if (!us)
		return;
	gpu_unlock(gpu);
	usleep(us);
	gpu_lock(gpu);
}

/**
 * gpu_breathe() - let other threads that are waiting for the lock run
 * @gpu: the device, locked
 */
void gpu_breathe(struct gpu *gpu)
{
	int i;

	if (!atomic_load(&gpu->wanted))
		return;
	gpu_unlock(gpu);
	/* A mutex is not fair: without a pause, this thread would get it again. */
	for (i = 0; i < 10 && atomic_load(&gpu->wanted); i++)
		usleep(1);
	gpu_lock(gpu);
}

/**
 * gpu_wait() - wait for a condition
 * @gpu: the device, locked
 * @cond: the condition
 * @us: timeout in us, or 0 to wait forever
 *
 * Return: 0, or ETIMEDOUT.
 */
int gpu_wait(struct gpu *gpu, pthread_cond_t *cond, u32 us)
{
	struct timespec t;
	u64 until;

	if (!us)
		return pthread_cond_wait(cond, &gpu->lock);
	until = now_ns() + us * 1000ull;
	t.tv_sec = until / 1000000000;
	t.tv_nsec = until % 1000000000;
	return pthread_cond_timedwait(cond, &gpu->lock, &t);
}

static void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void *memfd(const char *name, u64 size, int *fd)
{
	void *p;

	*fd = memfd_create(name, MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, size))
		return NULL;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

/**
 * gpu_new() - create a device in its state after power on
 * @opt: the options
 *
 * Return: the device, or NULL.
 */
struct gpu *gpu_new(const struct options *opt)
{
	struct gpu *gpu = calloc(1, sizeof(*gpu));
	unsigned int i;

	if (!gpu)
		return NULL;
	gpu->opt = *opt;
	gpu->started = now_ns();
	gpu->random = opt->seed ?: 1;
	gpu->irq.fd = -1;
	gpu->bar0_fd = -1;
	gpu->vram_fd = -1;
	gpu->run_tail = &gpu->run;
	pthread_mutex_init(&gpu->lock, NULL);
	cond_init(&gpu->changed);
	cond_init(&gpu->runnable);
	gpu->bar0 = memfd("bar0", BAR0_SIZE, &gpu->bar0_fd);
	gpu->mem.vram_size = opt->discrete ? BMG_VRAM : LNL_STOLEN;
	gpu->mem.vram = memfd("bar2", gpu->mem.vram_size, &gpu->vram_fd);
	gpu->mem.discrete = opt->discrete;
	gpu->latency = calloc(LATENCIES, sizeof(*gpu->latency));
	for (i = 0; i < GTS; i++) {
		gpu->gt[i] = calloc(1, sizeof(struct gt));
		if (gpu->gt[i]) {
			gpu->gt[i]->gpu = gpu;
			gpu->gt[i]->id = i;
			guc_init(gpu->gt[i]);
		}
	}
	if (!gpu->bar0 || !gpu->mem.vram || !gpu->latency || !gpu->gt[0] ||
	    !gpu->gt[1]) {
		gpu_free(gpu);
		return NULL;
	}
	gpu->regs = (u32 *)gpu->bar0;
	gpu->mem.ggtt = (u64 *)(gpu->bar0 + BAR0_GGTT);
	pci_init(&gpu->pci, opt->discrete, gpu->mem.vram_size);
	mmio_reset(gpu);
	return gpu;
}

/**
 * gpu_free() - free a device
 * @gpu: the device, stopped
 */
void gpu_free(struct gpu *gpu)
{
	struct context *c;
	unsigned int i;

	while ((c = gpu->run)) {
		gpu->run = c->next;
		context_put(c);
	}
	for (i = 0; i < GTS; i++) {
		if (gpu->gt[i])
			guc_free(gpu->gt[i]);
		free(gpu->gt[i]);
		gpu->gt[i] = NULL;
	}
	memory_unmap_all(&gpu->mem);
	if (gpu->bar0)
		munmap(gpu->bar0, BAR0_SIZE);
	if (gpu->mem.vram)
		munmap(gpu->mem.vram, gpu->mem.vram_size);
	if (gpu->bar0_fd >= 0)
		close(gpu->bar0_fd);
	if (gpu->vram_fd >= 0)
		close(gpu->vram_fd);
	if (gpu->irq.fd >= 0)
		close(gpu->irq.fd);
	pthread_cond_destroy(&gpu->changed);
	pthread_cond_destroy(&gpu->runnable);
	pthread_mutex_destroy(&gpu->lock);
	free(gpu->latency);
	free(gpu);
}

/**
 * gpu_reset() - function level reset: everything except memory is as after power on
 * @gpu: the device, locked
 */
void gpu_reset(struct gpu *gpu)
{
	unsigned int i;

	trace(gpu, 2, "device reset");
	for (i = 0; i < GTS; i++)
		guc_reset(gpu->gt[i]);
	irq_reset(&gpu->irq);
	mmio_reset(gpu);
}

/*
 * A real GuC is a separate processor that answers within microseconds, even if the
 * host is busy; stock 6.12 gives it 5 ms. So ask for a real-time priority. Without
 * permission for that, continue with the normal one.
 */
static void hurry(pthread_t thread)
{
	pthread_setschedparam(thread, SCHED_RR,
			      &(struct sched_param){ .sched_priority = 1 });
}

/**
 * gpu_start() - start the threads; the caller then has to serve the registers
 * @gpu: the device
 *
 * Return: 0, or -1.
 */
int gpu_start(struct gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < ENGINE_THREADS; i++)
		if (pthread_create(&gpu->engine[i], NULL, context_thread, gpu))
			return -1;
	for (i = 0; i < GTS; i++) {
		if (pthread_create(&gpu->gt[i]->guc.thread, NULL, guc_thread,
				   gpu->gt[i]))
			return -1;
		hurry(gpu->gt[i]->guc.thread);
	}
	hurry(pthread_self());
	return 0;
}

/**
 * gpu_stop() - end the threads
 * @gpu: the device, started
 */
void gpu_stop(struct gpu *gpu)
{
	unsigned int i;

	gpu_lock(gpu);
	gpu->quit = true;
	for (i = 0; i < GTS; i++)
		guc_wake(gpu->gt[i]);
	pthread_cond_broadcast(&gpu->runnable);
	pthread_cond_broadcast(&gpu->changed);
	gpu_unlock(gpu);
	for (i = 0; i < GTS; i++)
		pthread_join(gpu->gt[i]->guc.thread, NULL);
	for (i = 0; i < ENGINE_THREADS; i++)
		pthread_join(gpu->engine[i], NULL);
}

/**
 * gpu_count() - read a counter
 * @gpu: the device, locked
 * @c: the counter
 *
 * Return: its value.
 */
u64 gpu_count(struct gpu *gpu, enum counter c)
{
	switch (c) {
	case COUNT_STALE:
		return gpu->gt[0]->tlb.stale + gpu->gt[1]->tlb.stale;
	case COUNT_GGTT_FAULTS:
		return gpu->mem.ggtt_faults;
	case COUNT_DMA_ERRORS:
		return gpu->mem.dma_errors;
	default:
		return gpu->count[c];
	}
}
