/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Declarations shared by the files of xe-pagefault.
 */
#ifndef XE_PAGEFAULT_H
#define XE_PAGEFAULT_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "target.h"

#include "decode.h"
#include "walk.h"

/**
 * DOC: the path of a fault
 *
 * fasten.c	loads and unloads the module; includes attach/attach.c
 * patch.c	the two or three replaced functions of stock xe
 * g2h.c	the G2H handlers (hard IRQ or under ct->lock) decode each fault and
 *		put it into the queue of its ASID
 * device.c	sets up the GTs of a device, and drains them before it is unbound
 * worker.c	takes faults from a queue, has them served, and answers them
 * queue.c	the pool of faults and the queues
 * access_counter.c  serves access counters, which get no reply
 * service.c	finds the VM and the VMA, and lets port/ make the page present
 * share.c	limits the services that one process may have under way
 * refuse.c	remembers and reports refused faults
 * port/	makes pages present: one file per generation of xe, and common.c
 * reply.c	sends exactly one PAGE_FAULT_RES_DESC to the GuC for each fault
 * sysfs.c, debugfs.c, trace.h  expose all of this to user space
 * stats.c	names and statistics for these and for the log
 * gt.c		finds a GT; counts the starts of its GuC
 * ct.c		takes several faults from the G2H ring, and writes several replies to
 *		the H2G ring, at once
 * walk.c	predicts which ranges are accessed next; pure
 * decode.c	decodes and encodes messages; pure
 * stock.h	inline helpers over the structures of stock xe
 *
 * A file only calls files that are below it in this list.
 *
 * The stock driver's own queues and workers are left alone. When the module
 * attaches, they finish the faults that they hold; when the module detaches, it
 * finishes the faults that it holds.
 *
 * Each fault that the handler has accepted is answered once, by the worker that
 * served it or another fault whose service resolves both. There is no reply if
 * - the GuC that reported the fault has since been reset: every start of a GuC
 *   begins a new generation, and a reply is only sent under ct->lock and in the
 *   generation of its fault. Faults in the queues are then dropped, as they are if
 *   the CT goes down and stays down; or
 * - the CT does not accept the reply, which is logged and counted.
 */

/*
 * ASIDs with faults, before some share a queue. A context that waits for a fault blocks
 * its engine, so there can't be nearly as many.
 */
#define XPF_QUEUES 1024
#define XPF_BUSY_BITS 8 /* of the hash of an ASID */
/*
 * Faults that are queued, served or answered together. Arrays of so many are not zeroed
 * on the stack: that would be a considerable part of the time of a single fault.
 */
#define XPF_BATCH 16
#define XPF_REPLY_DWORDS (CT_PAYLOAD + PFR_DWORDS) /* in the H2G ring */
#define XPF_SERVED_RING 8 /* services that a queue remembers */
#define XPF_NONE (~0U) /* end of a list of faults */
#define XPF_HISTOGRAM 24 /* buckets: powers of two of a microsecond */
#define XPF_REFUSED 32 /* number of refused faults to remember */
#define XPF_ACCESS_COUNTERS 256 /* notifications that may wait */
#define XPF_ACCOUNTS 256 /* address spaces with an account */

/*
 * The outcome of a fault: it is served, refused for some cause, or gets no reply. A
 * function that can refuse a fault returns an error and sets *why.
 */
enum xpf_verdict {
	XPF_SERVED,
	XPF_MALFORMED, /* refused, from here to XPF_BIND */
	XPF_TRVA,
	XPF_UNKNOWN_ASID,
	XPF_NOT_FAULT_MODE,
	XPF_VM_CLOSED,
	XPF_NO_VMA,
	XPF_READ_ONLY,
	XPF_ATOMIC,
	XPF_USERPTR,
	XPF_PURGED,
	XPF_SVM,
	XPF_MEMORY,
	XPF_BIND,
	XPF_VERDICTS, /* number of verdicts that lead to a reply */
	XPF_NO_REPLY = XPF_VERDICTS, /* the GuC has since been reset */
	XPF_AGAIN, /* the pages changed meanwhile: try again */
	XPF_PARKED, /* wait until another service of the process has ended */
};

static inline bool xpf_is_refused(enum xpf_verdict verdict)
{
	return verdict > XPF_SERVED && verdict < XPF_VERDICTS;
}

/**
 * struct xpf_fault - a fault from G2H to reply
 * @pf:		the fault as reported by the GuC
 * @received:	time of the report, CLOCK_MONOTONIC in ns
 * @number:	of the fault in its queue
 * @generation:	xpf_gt.generation at that time
 * @next:	index of the next fault in the list, or XPF_NONE
 */
struct xpf_fault {
	struct pagefault pf;
	u64 received;
	u64 number;
	u32 generation;
	u32 next;
};

/* A list of faults; in a queue, oldest first. If head is XPF_NONE, tail is undefined. */
struct xpf_list {
	u32 head;
	u32 tail;
};

/* Where the time between the GuC's message and the reply goes. */
enum xpf_stage {
	XPF_IN_QUEUE, /* all other time */
	XPF_AT_LOCK, /* waiting for vm->lock */
	XPF_PAGES, /* getting memory */
	XPF_TABLES, /* updating page tables */
	XPF_REPLYING, /* getting the reply into the H2G ring */
	XPF_STAGES,
};

/* The process that created a VM; pid is 0 if it is not known. */
struct xpf_owner {
	pid_t pid;
	char comm[TASK_COMM_LEN];
};

/* The VMA at the address of a fault, or the nearest one; kind is NULL if there is none. */
struct xpf_near {
	u64 start, end;
	const char *kind;
};

/* A part of a process's memory that is quick to get; empty if none is known. */
struct xpf_area {
	unsigned long start, end;
};

/**
 * struct xpf_slow - memory of a process that may take long to get
 * @mm:		its address space, referenced; NULL if there is none to get
 * @start:	start of the memory
 * @end:	its end
 * @write:	the GPU may write to it
 * @quick:	it comes from the kernel alone, but changes all the time, or is locked
 * @asked:	it was noted during this service
 * @got:	it is quick, and all of it was there a moment ago
 */
struct xpf_slow {
	struct mm_struct *mm;
	unsigned long start, end;
	bool write;
	bool quick;
	bool asked;
	bool got;
};

/**
 * struct xpf_account - the answered faults of an address space
 * @asid:	the address space
 * @owner:	its process
 * @faults:	number of faults; 0 if the account is not used
 * @refused:	number of those that were refused
 * @ns:		their time by stage
 */
struct xpf_account {
	u32 asid;
	struct xpf_owner owner;
	u64 faults;
	u64 refused;
	u64 ns[XPF_STAGES];
};

/**
 * struct xpf_served - a successful service, see xpf_is_cured()
 * @start:	start of the range that it made accessible
 * @size:	size of that range
 * @begin:	number of the first fault that was not in the queue when it began
 * @asid:	the address space
 * @access:	PAGEFAULT_READ or PAGEFAULT_WRITE
 */
struct xpf_served {
	u64 start;
	u64 size;
	u64 begin;
	u32 asid;
	u32 access;
};

/**
 * struct xpf_queue - the faults of an address space
 * @gt:		its GT
 * @asid:	the address space, unless @idle
 * @idle:	no faults, and no address space
 * @node:	in xpf_gt.busy, or in xpf_gt.idle
 * @faults:	the faults
 * @received:	number of faults that the queue has ever got
 * @begin:	@received when the worker last took faults. Of the worker
 * @served:	ring of the last services. Of the worker
 * @nr_served:	their total number. Of the worker
 * @resolved:	the faults with a lower number need no service. Of the worker
 * @taken:	number of faults taken since the worker's turn began. Of the worker
 * @work:	serves them; only one worker at a time does
 * @until:	jiffies until which faults are tried again, or 0 if none had to be since
 *		one was served. Of the worker, which share.c stands in for while the queue
 *		is parked
 * @tried:	number of the fault that was served last, or tried to. Of the worker
 * @again:	an attempt to serve it has failed. Of the worker
 * @moved:	an attempt to serve it has tried to move it to VRAM (SVM). Of the worker
 * @serving:	has a part of the share of its process, share.c
 * @link:	in xpf_gt.serving or xpf_gt.parked, or empty
 * @owner:	whose faults they are; set by the worker under xpf_gt.lock
 * @named_asid:	the address space, and
 * @named_pid:	the process, whose name @owner has
 * @addr:	address of the last fault that was served, or is
 * @since:	when its service began, or the wait for it, jiffies
 * @slow:	memory to get before the service goes on. Of the worker
 * @held:	how long the last attempt at a service held the lock of the VM, ns. Of the
 *		worker
 * @restless:	until this time, CLOCK_MONOTONIC in ns, memory is got before the VM is
 *		locked, even if it is quick: it has changed for long under the lock. Of the
 *		worker, of which an idle queue has none
 * @near:	the VMA that the last service found. Of the worker
 * @walks:	of the address space through its memory (SVM). Of the worker
 * @mark:	when its current stage began, CLOCK_MONOTONIC in ns. Of the worker
 * @spent:	ns by stage of the services since the last reply. Of the worker
 *
 * Guarded by xpf_gt.lock, unless noted.
 */
struct xpf_queue {
	struct xpf_gt *gt;
	u32 asid;
	bool idle;
	struct hlist_node node;
	struct xpf_list faults;
	u64 received;
	u64 begin;
	struct xpf_served served[XPF_SERVED_RING];
	unsigned int nr_served;
	u64 resolved;
	unsigned int taken;
	struct work_struct work;
	unsigned long until;
	u64 tried;
	bool again;
	bool moved;
	bool serving;
	struct list_head link;
	struct xpf_owner owner;
	u32 named_asid;
	pid_t named_pid;
	u64 addr;
	unsigned long since;
	struct xpf_slow slow;
	u64 held;
	u64 restless;
	struct xpf_near near;
	struct xpf_walks walks;
	u64 mark;
	u64 spent[XPF_STAGES];
};

/* Is this the first attempt to serve the fault? The stock driver counts faults. */
static inline bool xpf_is_first(const struct xpf_queue *q)
{
	return !q->again && !q->slow.asked;
}

/**
 * struct xpf_count - an access-counter notification that waits to be served
 * @node:	in xpf_gt.acc_waiting or xpf_gt.acc_free
 * @ac:		the notification
 * @from:	accessed blocks below this address have been served
 * @until:	jiffies until which to wait for the VM, or 0 if its lock was free so far
 * @found:	a VMA was found
 * @moved:	a BO was moved
 * @err:	the first error, or 0
 * @why:	its cause
 *
 * On a list, guarded by xpf_gt.lock; otherwise of the worker.
 */
struct xpf_count {
	struct list_head node;
	struct access_counter ac;
	u64 from;
	unsigned long until;
	bool found;
	bool moved;
	int err;
	enum xpf_verdict why;
};

/* A fault that was refused. */
struct xpf_refused {
	u64 when; /* ns, CLOCK_MONOTONIC */
	struct pagefault pf;
	struct xpf_owner owner;
	struct xpf_near near;
	enum xpf_verdict verdict;
	int err;
};

/* Guarded by xpf_gt.lock. Unless noted, counted since the module attached. */
struct xpf_stats {
	u64 received[PAGEFAULT_ACCESSES + 1]; /* by access; last: reserved */
	u64 types[PFD_TYPES];
	u64 prefetches;
	u64 verdicts[XPF_VERDICTS]; /* replies sent */
	u64 coalesced;
	u64 malformed;
	u64 dropped;
	u64 stale;
	u64 unsent;
	u32 queued; /* currently */
	u32 queued_max;
	u64 turns; /* turns that ended with faults left */
	u64 retries; /* services that were tried again */
	u64 parked; /* services that had to wait for another of the process */
	u64 ahead; /* SVM ranges that were bound before they were accessed */
	u64 ahead_used; /* of these, followed by a fault right behind */
	u64 latency[XPF_HISTOGRAM];
	u64 ns[XPF_STAGES]; /* of the answered faults */
	u64 guc_starts;
	u64 acc; /* access-counter notifications */
	u64 acc_migrated;
	u64 acc_ignored;
	u64 acc_refused;
	u64 acc_dropped;
};

/**
 * struct xpf_gt - state of a GT
 * @kobj:	its directory in sysfs; owns the structure
 * @node:	in xpf_gts; RCU
 * @stock:	the stock driver's GT, which stays in memory while @drm is held
 * @drm:	the device, referenced
 * @id:		number of the GT in the device
 * @wq:		workqueue of its workers
 * @lock:	guards the fields below and the lists of all queues. Taken in hard
 *		IRQ; no function that takes a lock is called under it,
 *		but for probes of the tracepoint xpf_stages
 * @generation:	counts the starts of the GuC, see xpf_note_guc_start()
 * @pool:	as many faults as the GuC can distinguish, so always enough
 * @free:	list of the unused faults of the pool
 * @queues:	one for each ASID with faults
 * @waiting:	number of faults in all queues; stats.queued includes those in service
 * @busy:	those with an ASID, hashed by it
 * @idle:	the others
 * @serving:	queues whose faults are being served
 * @parked:	queues that wait until their process has fewer services under way
 * @parked_work: lets the workers of @parked see whether their VM has been closed
 * @acc:	all access-counter notifications
 * @acc_waiting: those to be served, oldest first
 * @acc_free:	those not in use
 * @acc_work:	serves them
 * @stats:	statistics
 * @accounts:	of the last address spaces, by the low bits of the ASID
 * @refused:	ring of the last refused faults
 * @nr_refused:	total number of refused faults
 * @err_limit:	rate limit of messages about errors of the GuC
 * @info_limit:	rate limit of messages about errors of applications
 * @uevent_limit: rate limit of uevents about them
 * @debugfs:	its file in debugfs
 */
struct xpf_gt {
	struct kobject kobj;
	struct list_head node;
	struct xe_gt *stock;
	struct drm_device *drm;
	unsigned int id;
	struct workqueue_struct *wq;

	spinlock_t lock; /* guards the fields below */
	u32 generation;
	struct xpf_fault *pool;
	u32 free;
	struct xpf_queue *queues;
	u32 waiting;
	struct hlist_head busy[1 << XPF_BUSY_BITS];
	struct hlist_head idle;
	struct list_head serving;
	struct list_head parked;
	struct delayed_work parked_work;
	struct xpf_count acc[XPF_ACCESS_COUNTERS];
	struct list_head acc_waiting;
	struct list_head acc_free;
	struct delayed_work acc_work;
	struct xpf_stats stats;
	struct xpf_account *accounts;
	struct xpf_refused refused[XPF_REFUSED];
	unsigned int nr_refused;
	struct ratelimit_state err_limit;
	struct ratelimit_state info_limit;
	struct ratelimit_state uevent_limit;
	struct dentry *debugfs;
};

/* Log an err or info message that names the device and GT; rate-limited per GT. */
#define xpf_tell(gt, level, fmt, args...)                                   \
	do {                                                                \
		if (__ratelimit(&(gt)->level##_limit))                      \
			dev_##level((gt)->drm->dev, "GT%u: " fmt, (gt)->id, \
				    ##args);                                \
	} while (0)

/**
 * struct xpf_port - the functions that depend on the generation of xe
 * @prefetch:	the GuC marks prefetches in faults and replies
 * @retry_memory: populate() does not wait for memory itself
 * @find_vma:	find the VMA at an address, or NULL. vm->lock is held
 * @populate:	map the page of a fault in the page tables of the GT's tile.
 *		vm->lock is held for writing. Returns 0; -EAGAIN if memory changed
 *		meanwhile, which the worker tries again; or an error. Sets *why on errors,
 *		and, with a call of xpf_stage(), when it has the memory
 * @bind_more:	map VMAs for the faults behind one that was served; xpf_make_ready() has
 *		found them ready, or they were mapped. vm->lock is held for writing.
 *		Returns how many of them, from the first, are mapped: up to one that is
 *		no longer ready
 * @migrate:	move the BO of a VMA to the memory that the tile's GPU accesses best.
 *		vm->lock is held for reading. Returns 1 if the BO moved, 0 if it may
 *		stay, or an error
 * @refused:	report a refused fault to the stock driver; may be NULL. No lock
 *		is held
 *
 * All are called in a worker and may sleep.
 */
struct xpf_port {
	bool prefetch;
	bool retry_memory;
	struct xe_vma *(*find_vma)(struct xe_vm *vm, u64 addr);
	int (*populate)(struct xpf_queue *q, struct xe_vma *vma,
			const struct pagefault *pf, enum xpf_verdict *why);
	unsigned int (*bind_more)(struct xpf_queue *q, struct xe_vma **vmas,
				  unsigned int n);
	int (*migrate)(struct xe_gt *gt, struct xe_vma *vma);
	void (*refused)(struct xe_gt *gt, const struct pagefault *pf);
};

/* port/<generation>.c; Kbuild chooses the file for the kernel. */
extern const struct xpf_port xpf_port;

/* port/common.c */
int xpf_look_at_pages(struct mmu_interval_notifier *notifier, u64 start,
		      u64 end, bool write, bool wait);
bool xpf_is_better_unlocked(struct xpf_queue *q,
			    struct mmu_interval_notifier *notifier, u64 start,
			    u64 size, bool write);
int xpf_repin(struct xpf_queue *q, struct xe_vma *vma, enum xpf_verdict *why);
bool xpf_fault_in(struct xpf_queue *q, const struct xe_vm *vm);
bool xpf_is_pinned(struct xe_vma *vma);
bool xpf_make_ready(struct xe_vma *vma, struct xpf_area *quick);

/* queue.c */
void xpf_queues_init(struct xpf_gt *gt);
unsigned int xpf_queue_put(struct xpf_gt *gt, const struct pagefault *pfs,
			   unsigned int n, struct xpf_queue **ready);
unsigned int xpf_queue_peek(struct xpf_queue *q, struct pagefault *pfs,
			    unsigned int max);
bool xpf_queue_has_others(struct xpf_queue *q, u64 start, u64 end);
u32 xpf_queue_take(struct xpf_queue *q, bool *cured);
void xpf_queue_join(struct xpf_queue *q, u32 first);
void xpf_queue_served(struct xpf_queue *q, const struct pagefault *pf,
		      u64 start, u64 size);
void xpf_queue_untake(struct xpf_queue *q, u32 i);
void xpf_queue_free(struct xpf_gt *gt, u32 first, u32 last, unsigned int n);

/* g2h.c */
int xpf_pagefault_handler(struct xe_guc *guc, u32 *msg, u32 len);
#ifdef HAVE_HOOK_G2H_READ
int xpf_g2h_read(struct xe_guc_ct *ct, u32 *msg, bool fast_path);
#else
int xpf_access_counter_handler(struct xe_guc *guc, u32 *msg, u32 len);
#endif

/* worker.c */
void xpf_workers_init(struct xpf_gt *gt);

/* service.c */
int xpf_service(struct xpf_queue *q, const struct pagefault *pf,
		enum xpf_verdict *why);
struct xe_vm *xpf_vm_get(struct xe_device *xe, u32 asid, enum xpf_verdict *why);
void xpf_vm_put(struct xe_vm *vm);

/* share.c */
void xpf_share_init(struct xpf_gt *gt);
bool xpf_share_begin(struct xpf_queue *q, const struct xe_vm *vm, u64 addr);
void xpf_share_end(struct xpf_queue *q);
void xpf_share_wait(struct xpf_gt *gt);

/* reply.c */
void xpf_reply(struct xpf_queue *q, u32 first, enum xpf_verdict verdict);

/* access_counter.c */
void xpf_access_counters_init(struct xpf_gt *gt);
void xpf_access_counter_put(struct xpf_gt *gt, const u32 *msg, u32 len);

/* ct.c */
unsigned int xpf_ct_room(struct xe_guc_ct *ct);
void xpf_ct_write(struct xe_guc_ct *ct, u32 (*msgs)[XPF_REPLY_DWORDS],
		  unsigned int n);
unsigned int xpf_ct_read_faults(struct xe_guc_ct *ct, u32 (*descs)[PFD_DWORDS],
				unsigned int max);

/* gt.c */
extern struct list_head xpf_gts;
extern struct mutex xpf_gts_lock;
struct xpf_gt *xpf_gt_find(const struct xe_gt *stock);
u32 xpf_note_guc_start(struct xpf_gt *gt);
bool xpf_ct_is_up(const struct xpf_gt *gt);
void xpf_give_up_ct(struct xpf_gt *gt);
void xpf_gt_release(struct xpf_gt *gt);

/* device.c */
void xpf_look_around(void);
#ifdef HAVE_HOOK_XE_PAGEFAULT_FINI
void xpf_pagefault_fini(void *arg);
#endif
void xpf_start(void);
void xpf_stop(void);

/* refuse.c */
void xpf_refuse(struct xpf_queue *q, const struct pagefault *pf,
		enum xpf_verdict verdict, int err);
void xpf_announce(struct xpf_queue *q, const struct pagefault *pf,
		  enum xpf_verdict verdict);

/* stats.c */
extern const char *const xpf_accesses[];
extern const char *const xpf_types[];
const char *xpf_verdict_name(enum xpf_verdict verdict);
extern const char *const xpf_stages[];
void xpf_stage(struct xpf_queue *q, enum xpf_stage stage);
void xpf_count_latency(struct xpf_gt *gt, u64 ns);
void xpf_count_replies(struct xpf_queue *q, u32 asid, enum xpf_verdict verdict,
		       u32 n, u64 ns, u64 replying);
void xpf_count_malformed(struct xpf_gt *gt);
void xpf_count_retry(struct xpf_gt *gt);

/* sysfs.c */
extern struct kobj_type xpf_gt_ktype;

/* debugfs.c */
void xpf_debugfs_init(void);
void xpf_debugfs_exit(void);
void xpf_debugfs_add(struct xpf_gt *gt);
void xpf_debugfs_remove(struct xpf_gt *gt);

#endif
