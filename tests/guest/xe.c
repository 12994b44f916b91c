// SPDX-License-Identifier: GPL-2.0
/*
 * A thin layer over the uAPI of the xe driver: address spaces, objects, bindings and
 * batches. To wait, it polls memory that the GPU writes, so that it also works while
 * a case holds back interrupts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "xe.h"

/* Coherent with the CPU's write-back caches on all Xe2 GPUs. */
#define PAT_COHERENT 2

static int fd = -1;

static int call(unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret && (errno == EINTR || errno == EAGAIN));
	return ret ? -errno : 0;
}

double xe_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/**
 * xe_open() - open the render node for this process
 *
 * Its minor number changes each time the driver is loaded.
 */
int xe_open(void)
{
	char name[40];
	int i;

	for (i = 128; i < 192; i++) {
		snprintf(name, sizeof(name), "/dev/dri/renderD%d", i);
		fd = open(name, O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			return 0;
	}
	return -ENODEV;
}

int xe_bo_new(size_t size, enum xe_memory where, uint32_t *handle, void **map)
{
	struct drm_xe_gem_create c = {
		.size = size,
		.placement = where,
		.cpu_caching = where == XE_SYSTEM ? DRM_XE_GEM_CPU_CACHING_WB :
						    DRM_XE_GEM_CPU_CACHING_WC,
	};
	struct drm_xe_gem_mmap_offset o = {};
	int ret = call(DRM_IOCTL_XE_GEM_CREATE, &c);

	if (ret)
		return ret;
	*handle = c.handle;
	o.handle = c.handle;
	ret = call(DRM_IOCTL_XE_GEM_MMAP_OFFSET, &o);
	if (ret)
		return ret;
	*map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    o.offset);
	return *map == MAP_FAILED ? -errno : 0;
}

int xe_bo_free(uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	return call(DRM_IOCTL_GEM_CLOSE, &c);
}

/* Sleep, the longer the wait has already taken. */
static void pause_since(double start)
{
	double age = xe_now() - start;

	usleep(age < 0.01 ? 200 : age < 0.2 ? 1000 : 5000);
}

static int wait_value(const volatile uint64_t *where, uint64_t value,
		      double seconds)
{
	double start = xe_now();

	while (*where != value) {
		if (xe_now() - start > seconds)
			return -ETIME;
		pause_since(start);
	}
	atomic_thread_fence(memory_order_acquire);
	return 0;
}

static int bind_op(struct xe_space *s, struct drm_xe_vm_bind_op *op)
{
	static _Thread_local volatile uint64_t *fence;
	static _Thread_local uint64_t seqno;
	struct drm_xe_sync sync = {
		.type = DRM_XE_SYNC_TYPE_USER_FENCE,
		.flags = DRM_XE_SYNC_FLAG_SIGNAL,
	};
	struct drm_xe_vm_bind b = {
		.vm_id = s->vm,
		.num_binds = 1,
		.num_syncs = 1,
		.syncs = (uintptr_t)&sync,
	};
	int ret;

	if (!fence)
		fence = calloc(1, sizeof(*fence));
	sync.addr = (uintptr_t)fence;
	sync.timeline_value = ++seqno;
	b.bind = *op;
	ret = call(DRM_IOCTL_XE_VM_BIND, &b);
	return ret ? ret : wait_value(fence, seqno, 60);
}

/**
 * xe_bind() - bind an object or memory of this process, or unbind a range
 * @s: the space
 * @op: DRM_XE_VM_BIND_OP_MAP, _MAP_USERPTR or _UNMAP
 * @flags: DRM_XE_VM_BIND_FLAG_*
 * @bo: handle of an object, or 0
 * @userptr: memory of this process, or NULL
 * @va: start of the range
 * @size: size of the range
 */
int xe_bind(struct xe_space *s, uint32_t op, uint32_t flags, uint32_t bo,
	    void *userptr, uint64_t va, uint64_t size)
{
	struct drm_xe_vm_bind_op b = {
		.obj = bo,
		.pat_index = PAT_COHERENT,
		.range = size,
		.addr = va,
		.op = op,
		.flags = flags,
	};

	if (userptr)
		b.userptr = (uintptr_t)userptr;
	return bind_op(s, &b);
}

/**
 * xe_prefetch() - move the memory bound in a range to a memory region
 * @s: the space
 * @va: start of the range
 * @size: size of the range
 * @region: instance of the region: 0 is system memory, 1 the first VRAM
 */
int xe_prefetch(struct xe_space *s, uint64_t va, uint64_t size,
		unsigned int region)
{
	struct drm_xe_vm_bind_op b = {
		.pat_index = PAT_COHERENT,
		.range = size,
		.addr = va,
		.op = DRM_XE_VM_BIND_OP_PREFETCH,
		.prefetch_mem_region_instance = region,
	};

	return bind_op(s, &b);
}

/* xe_purgeable() - mark the objects in a range as not needed */
int xe_purgeable(struct xe_space *s, uint64_t va, uint64_t size)
{
#ifdef DRM_IOCTL_XE_MADVISE
	uint32_t retained = 0;
	struct drm_xe_madvise m = {
		.start = va,
		.range = size,
		.vm_id = s->vm,
		.type = DRM_XE_VMA_ATTR_PURGEABLE_STATE,
		.purge_state_val.val = DRM_XE_VMA_PURGEABLE_STATE_DONTNEED,
		.purge_state_val.retained_ptr = (uintptr_t)&retained,
	};

	return call(DRM_IOCTL_XE_MADVISE, &m);
#else
	(void)s, (void)va, (void)size;
	return -ENOTTY;
#endif
}

int xe_queue_new(struct xe_space *s)
{
	struct drm_xe_exec_queue_create q = {
		.width = 1,
		.num_placements = 1,
		.vm_id = s->vm,
		.instances = (uintptr_t)&s->engine,
	};
	int ret = call(DRM_IOCTL_XE_EXEC_QUEUE_CREATE, &q);

	if (!ret)
		s->queue = q.exec_queue_id;
	return ret;
}

int xe_queue_free(struct xe_space *s)
{
	struct drm_xe_exec_queue_destroy q = { .exec_queue_id = s->queue };

	s->queue = 0;
	return call(DRM_IOCTL_XE_EXEC_QUEUE_DESTROY, &q);
}

/* Make the object at s->at and the queue. */
static int make_queue(struct xe_space *s)
{
	uint32_t now = s->kind & DRM_XE_VM_CREATE_FLAG_FAULT_MODE ?
			       DRM_XE_VM_BIND_FLAG_IMMEDIATE :
			       0;
	void *work;
	int ret = xe_bo_new(XE_WORK_SIZE, XE_SYSTEM, &s->bo, &work);

	if (ret)
		return ret;
	s->work = work;
	ret = xe_bind(s, DRM_XE_VM_BIND_OP_MAP, now, s->bo, NULL, s->at,
		      XE_WORK_SIZE);
	return ret ? ret : xe_queue_new(s);
}

int xe_space_new(struct xe_space *s, uint32_t kind,
		 const struct drm_xe_engine_class_instance *engine)
{
	struct drm_xe_vm_create v = { .flags = kind };
	int ret;

	*s = (struct xe_space){ .kind = kind,
				.engine = *engine,
				.at = XE_WORK };
	ret = call(DRM_IOCTL_XE_VM_CREATE, &v);
	if (ret)
		return ret;
	s->vm = v.vm_id;
	return make_queue(s);
}

/**
 * xe_space_beside() - make another queue in an address space
 * @s: set to the same address space, with the new queue
 * @first: the address space, with its first queue
 * @n: number of the queue, from 1
 */
int xe_space_beside(struct xe_space *s, const struct xe_space *first,
		    unsigned int n)
{
	*s = *first;
	s->seqno = 0;
	s->ndw = 0;
	s->at += (uint64_t)n * XE_WORK_SIZE;
	return make_queue(s);
}

/* xe_vm_close() - close the address space, even if batches run in it */
int xe_vm_close(struct xe_space *s)
{
	struct drm_xe_vm_destroy v = { .vm_id = s->vm };

	s->vm = 0;
	return call(DRM_IOCTL_XE_VM_DESTROY, &v);
}

int xe_space_free(struct xe_space *s)
{
	int ret = 0;

	if (s->queue)
		ret = xe_queue_free(s);
	if (!ret)
		ret = xe_vm_close(s);
	munmap(s->work, XE_WORK_SIZE);
	xe_bo_free(s->bo);
	return ret;
}

/* --- batches ------------------------------------------------------------------ */

#define MI(op, length) ((op) << 23 | (length))
#define MI_BATCH_BUFFER_END MI(0x0a, 0)
#define MI_STORE_DATA_IMM MI(0x20, 2)
#define MI_COPY_MEM_MEM MI(0x2e, 3)
#define MI_ATOMIC MI(0x2f, 9)
#define MI_ATOMIC_INLINE 0x40000
#define MI_ATOMIC_ADD4 (0x07 << 8)
/* only on the emulated GPU: the stores of N threads, all at once */
#define MI_PARALLEL MI(0x3e, 5)

static void emit(struct xe_space *s, uint32_t dw)
{
	if (s->ndw < XE_BATCH_MAX)
		s->work[s->ndw++] = dw;
}

static void emit_address(struct xe_space *s, uint64_t va)
{
	emit(s, (uint32_t)va);
	emit(s, (uint32_t)(va >> 32));
}

void xe_store(struct xe_space *s, uint64_t va, uint32_t value)
{
	emit(s, MI_STORE_DATA_IMM);
	emit_address(s, va);
	emit(s, value);
}

void xe_copy(struct xe_space *s, uint64_t to, uint64_t from)
{
	emit(s, MI_COPY_MEM_MEM);
	emit_address(s, to);
	emit_address(s, from);
}

void xe_atomic_add(struct xe_space *s, uint64_t va, uint32_t value)
{
	int i;

	emit(s, MI_ATOMIC | MI_ATOMIC_INLINE | MI_ATOMIC_ADD4);
	emit_address(s, va);
	emit(s, value);
	for (i = 0; i < 7; i++)
		emit(s, 0);
}

void xe_parallel(struct xe_space *s, uint32_t n, uint64_t va, uint64_t stride,
		 uint32_t value)
{
	emit(s, MI_PARALLEL);
	emit(s, n);
	emit_address(s, va);
	emit_address(s, stride);
	emit(s, value);
}

static volatile uint64_t *fence_of(const struct xe_space *s)
{
	return (volatile uint64_t *)(s->work + XE_FENCE / 4);
}

/**
 * xe_submit() - make the GPU run the batch
 * @s: the space
 * @batch: address of the batch, or 0 for the one that the CPU has written
 */
int xe_submit(struct xe_space *s, uint64_t batch)
{
	struct drm_xe_sync sync = {
		.type = DRM_XE_SYNC_TYPE_USER_FENCE,
		.flags = DRM_XE_SYNC_FLAG_SIGNAL,
		.addr = s->at + XE_FENCE,
		.timeline_value = ++s->seqno,
	};
	struct drm_xe_exec e = {
		.exec_queue_id = s->queue,
		.num_syncs = 1,
		.syncs = (uintptr_t)&sync,
		.address = batch ? batch : s->at,
		.num_batch_buffer = 1,
	};

	emit(s, MI_BATCH_BUFFER_END);
	s->ndw = 0;
	atomic_thread_fence(memory_order_seq_cst);
	return call(DRM_IOCTL_XE_EXEC, &e);
}

bool xe_done(const struct xe_space *s)
{
	return *fence_of(s) == s->seqno;
}

/* xe_banned() - whether the driver has banned the queue */
bool xe_banned(const struct xe_space *s)
{
	struct drm_xe_exec_queue_get_property p = {
		.exec_queue_id = s->queue,
		.property = DRM_XE_EXEC_QUEUE_GET_PROPERTY_BAN,
	};

	return call(DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY, &p) || p.value;
}

/**
 * xe_wait() - wait for the last batch
 * @s: the space
 * @seconds: timeout
 *
 * Return: 0, -ECANCELED if the queue was banned, -ETIME on timeout
 */
int xe_wait(struct xe_space *s, double seconds)
{
	double start = xe_now(), asked = start;

	while (!xe_done(s)) {
		double now = xe_now();

		if (now - asked > 0.1) {
			asked = now;
			if (xe_banned(s))
				return xe_done(s) ? 0 : -ECANCELED;
		}
		if (now - start > seconds)
			return -ETIME;
		pause_since(start);
	}
	atomic_thread_fence(memory_order_acquire);
	return 0;
}
