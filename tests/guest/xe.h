/* SPDX-License-Identifier: GPL-2.0 */
/* Helpers for clients of the xe driver, which use only its uAPI; see xe.c. */
#ifndef OUTRIGGER_XE_H
#define OUTRIGGER_XE_H

#include <drm/xe_drm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* the header of the oldest kernel lacks it */
#ifndef DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR
#define DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR 0x20
#endif

enum xe_memory {
	XE_SYSTEM = 1,
	XE_VRAM = 2,
	XE_BOTH = 3,
};

/**
 * struct xe_space - an address space of the GPU, and a queue that runs in it
 * @kind: flags used to create it
 * @vm: id of the address space
 * @queue: id of its queue
 * @engine: the engine on which the queue runs
 * @at: address of the object for batch, fence and results
 * @work: its CPU mapping
 * @seqno: fence value of the last batch
 * @ndw: length of the batch so far, in dwords
 * @bo: its handle
 */
struct xe_space {
	uint32_t kind;
	uint32_t vm;
	uint32_t queue;
	struct drm_xe_engine_class_instance engine;
	uint64_t at;
	uint32_t *work;
	uint64_t seqno;
	unsigned int ndw;
	uint32_t bo;
};

/* The object of each space for batch, fence and results. Bound immediately: never faults. */
#define XE_WORK 0x1a0000ull
#define XE_WORK_SIZE 0x10000
#define XE_FENCE 0x8000
#define XE_RESULT 0x9000
#define XE_BATCH_MAX (XE_FENCE / 4 - 8)

#define XE_FAULT_MODE \
	(DRM_XE_VM_CREATE_FLAG_LR_MODE | DRM_XE_VM_CREATE_FLAG_FAULT_MODE)

/* Unless noted otherwise, these return 0 or a negative errno. */
int xe_open(void);
int xe_space_new(struct xe_space *s, uint32_t kind,
		 const struct drm_xe_engine_class_instance *engine);
int xe_space_beside(struct xe_space *s, const struct xe_space *first,
		    unsigned int n);
int xe_vm_close(struct xe_space *s);
int xe_space_free(struct xe_space *s);
int xe_queue_new(struct xe_space *s);
int xe_queue_free(struct xe_space *s);
int xe_bo_new(size_t size, enum xe_memory where, uint32_t *handle, void **map);
int xe_bo_free(uint32_t handle);
int xe_bind(struct xe_space *s, uint32_t op, uint32_t flags, uint32_t bo,
	    void *userptr, uint64_t va, uint64_t size);
int xe_prefetch(struct xe_space *s, uint64_t va, uint64_t size,
		unsigned int region);
int xe_purgeable(struct xe_space *s, uint64_t va, uint64_t size);

/* Append an instruction to the batch. */
void xe_store(struct xe_space *s, uint64_t va, uint32_t value);
void xe_copy(struct xe_space *s, uint64_t to, uint64_t from);
void xe_atomic_add(struct xe_space *s, uint64_t va, uint32_t value);
void xe_parallel(struct xe_space *s, uint32_t n, uint64_t va, uint64_t stride,
		 uint32_t value);

int xe_submit(struct xe_space *s, uint64_t batch);
int xe_wait(struct xe_space *s, double seconds);
bool xe_done(const struct xe_space *s);
bool xe_banned(const struct xe_space *s);
double xe_now(void);

/* xe-storm.c */
int storm_main(int argc, char **argv);

/* xe-stuck.c */
int stuck_main(int argc, char **argv);

/* xe-contended.c */
int contended_main(int argc, char **argv);

/* xe-race.c */
int race_main(int argc, char **argv);

/* xe-bench.c */
int bench_main(int argc, char **argv);

#endif
