/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An emulated Intel Xe2 GPU: declarations shared by its units.
 *
 * One lock, gpu.lock, protects the whole model. Take it with gpu_lock(). Code that
 * runs for long, such as an engine with its batch, calls gpu_breathe() between two
 * instructions to let other threads run; no thread sleeps while holding the lock.
 * The lock does not protect guest memory and VRAM from the guest: its CPUs access
 * them at the same time, as they would with hardware.
 */
#ifndef TESTS_GPU_GPU_H
#define TESTS_GPU_GPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define BIT(n) (1u << (n))
#define BIT64(n) (1ull << (n))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Extract the bits hi..lo of a value. */
static inline u32 bits(u64 value, unsigned int hi, unsigned int lo)
{
	return (value >> lo) & (BIT64(hi - lo + 1) - 1);
}

static inline u64 make64(u32 lo, u32 hi)
{
	return lo | (u64)hi << 32;
}

struct gpu;
struct gt;
struct context;

/* memory.c */

#define PAGE 4096u
#define MEMORY_MAPS 256

struct memory_map {
	u64 gpa, size;
	u8 *host;
	bool writable;
};

struct phys {
	u64 addr;
	bool vram;
};

struct memory {
	struct memory_map map[MEMORY_MAPS];
	unsigned int maps;
	u8 *vram;
	u64 vram_size;
	bool discrete; /* page tables are in VRAM */
	const u64 *ggtt; /* its entries */
	u64 dma_errors, ggtt_faults;
};

int memory_map(struct memory *m, u64 gpa, u64 size, int fd, u64 offset,
	       bool writable);
void memory_unmap(struct memory *m, u64 gpa, u64 size);
void memory_unmap_all(struct memory *m);
void *memory_at(struct memory *m, struct phys p, size_t n, bool write);
void memory_read(struct memory *m, struct phys p, void *to, size_t n);
void memory_write(struct memory *m, struct phys p, const void *from, size_t n);

/* ggtt.c */

#define GGTT_ENTRIES BIT(20)

bool ggtt_lookup(struct memory *m, u64 addr, struct phys *p);
void ggtt_read(struct memory *m, u64 addr, void *to, size_t n);
void ggtt_write(struct memory *m, u64 addr, const void *from, size_t n);
u32 ggtt_read32(struct memory *m, u64 addr);
void ggtt_write32(struct memory *m, u64 addr, u32 value);

/* ppgtt.c */

#define PTE_ADDRESS 0x000ffffffffff000ull
#define VA_MASK (BIT64(48) - 1)

enum access {
	ACCESS_READ,
	ACCESS_WRITE,
	ACCESS_ATOMIC,
};

enum fault_type {
	FAULT_NOT_PRESENT,
	FAULT_WRITE,
	FAULT_ATOMIC,
};

#define LEVELS 5

struct translation {
	struct phys page; /* of 4 KiB */
	u64 table[LEVELS]; /* the entries of each level that point to a table */
	u8 level; /* at which the walk ended */
	bool present, null, writable, atomic;
};

void ppgtt_walk(struct memory *m, u64 root, u64 va, struct translation *t);
void ppgtt_resume(struct memory *m, u64 entry, unsigned int level, u64 va,
		  struct translation *t);

static inline bool translation_allows(const struct translation *t,
				      enum access access)
{
	return t->present && (access == ACCESS_READ || t->writable) &&
	       (access != ACCESS_ATOMIC || t->atomic);
}

/* tlb.c */

#define TLB_ENTRIES 4096u
#define TLB_TABLES 1024u
#define TLB_ALL_SPACES UINT32_MAX
#define TLB_SUSPECT_NS 5000000000ull

struct tlb_entry {
	u64 root, va, since;
	u32 asid;
	bool used, acknowledged;
	struct translation t;
};

/* An entry above the last level, which points to a table. */
struct tlb_table {
	u64 root, va, entry, since; /* va: the first address it covers */
	u32 asid;
	u8 level;
	bool used, acknowledged;
};

struct tlb {
	struct tlb_entry entry[TLB_ENTRIES];
	struct tlb_table table[TLB_TABLES];
	bool ignore; /* keep invalidated entries: a negative control */
	u64 hits, fills, late, stale;
};

void tlb_walk(struct tlb *tlb, struct memory *m, u32 asid, u64 root, u64 va,
	      struct translation *t, u64 now);
bool tlb_use(struct tlb *tlb, u32 asid, u64 root, u64 va, enum access access,
	     struct translation *t, u64 now);
void tlb_invalidate(struct tlb *tlb, u32 asid, u64 from, u64 size);

/* irq.c */

enum engine_class {
	CLASS_RENDER,
	CLASS_VIDEO,
	CLASS_ENHANCE,
	CLASS_COPY,
	CLASS_OTHER,
	CLASS_COMPUTE,
};

#define IRQ_BANKS 2

struct irq {
	int fd; /* of the MSI, or -1 */
	bool enabled, hold;
	u32 pending[IRQ_BANKS], latched[IRQ_BANKS], selected[IRQ_BANKS];
	u32 identity[IRQ_BANKS][32];
	u64 raised;
};

void irq_reset(struct irq *irq);
void irq_raise(struct irq *irq, unsigned int bank, unsigned int bit,
	       enum engine_class class, unsigned int instance, u32 vector);
void irq_kick(struct irq *irq);
bool irq_read(struct irq *irq, u32 reg, u32 *value);
bool irq_write(struct irq *irq, u32 reg, u32 value);

/* pci.c */

#define BAR0_SIZE (16u << 20)
#define BAR0_GGTT (8u << 20)

struct pci {
	u8 config[4096];
	u64 bar2_size;
};

void pci_init(struct pci *pci, bool discrete, u64 bar2_size);
void pci_read(const struct pci *pci, u32 offset, u8 *to, u32 n);
void pci_write(struct pci *pci, u32 offset, const u8 *from, u32 n);

/* ctb.c */

#define CTB_MESSAGE 256u

struct ctb {
	u64 ring, desc; /* in the GGTT */
	u32 size; /* in dwords */
	u32 mine; /* the GuC's own end: the head of H2G, the tail of G2H */
	u32 seen; /* for H2G: the last tail of the host that was checked */
	u32 rung; /* for H2G: the host's tail at the last doorbell */
	bool broken;
	bool overwritten; /* broken because the host's tail passed the head */
};

bool ctb_watch(struct memory *m, struct ctb *ctb);
bool ctb_ring(struct memory *m, struct ctb *ctb);
int ctb_receive(struct memory *m, struct ctb *ctb, u32 *message, u16 *fence);
bool ctb_holds(struct memory *m, const struct ctb *ctb, u32 action);
u32 ctb_room(struct memory *m, struct ctb *ctb);
bool ctb_send(struct memory *m, struct ctb *ctb, u16 fence, const u32 *dw,
	      u32 n);

/* fault.c: the ledger */

#define LEDGER_SLOTS 65536u

struct fault {
	struct fault *next;
	struct context *context; /* waits for it; holds a reference, or NULL */
	u64 va;
	u32 asid;
	u16 eu; /* of the context */
	u8 access, type, level, class, instance, source, vfid;
	bool trva, prefetch;
	bool raw; /* send the four dwords below unchanged */
	u32 dw[4];
};

enum slot_state {
	SLOT_FREE,
	SLOT_OPEN,
	SLOT_ANSWERED,
	SLOT_BEFORE, /* was open when the GuC was reset */
};

struct slot {
	u64 sent, va;
	struct context *context;
	u32 asid;
	u16 eu;
	u8 state, access, class, instance, vfid;
};

enum verdict {
	REPLY_MATCHED,
	REPLY_STRAY,
	REPLY_DOUBLED,
	REPLY_MISMATCHED,
	REPLY_MALFORMED,
};

struct ledger {
	struct slot slot[LEDGER_SLOTS];
	u32 next, open;
	u64 last_reply;
};

void fault_encode(const struct fault *f, u32 pdata, u32 *dw);
void fault_decode(struct fault *f, u32 *pdata);
bool ledger_next(const struct ledger *l, u32 *pdata);
struct slot *ledger_open(struct ledger *l, const struct fault *f, u32 pdata,
			 u64 now);
enum verdict ledger_reply(struct ledger *l, u32 dw0, u32 dw1,
			  struct slot **slot);

/* The counters. Those before COUNT_RULES must be as expected at the end. */
enum counter {
	COUNT_STRAY,
	COUNT_DOUBLED,
	COUNT_MISMATCHED,
	COUNT_MALFORMED,
	COUNT_MISSING,
	COUNT_STALE,
	COUNT_UNFOUNDED,
	COUNT_LIVELOCK,
	COUNT_GGTT_FAULTS,
	COUNT_DMA_ERRORS,
	COUNT_BROKEN_RINGS,
	COUNT_OVERWRITTEN,
	COUNT_UNKNOWN,
	COUNT_RULES, /* end of the counters that can fail a run */
	COUNT_FAULTS = COUNT_RULES,
	COUNT_REPLIES,
	COUNT_UNSUCCESSFUL,
	COUNT_CLEARED,
	COUNT_ACCESS_COUNTERS,
	COUNT_G2H,
	COUNT_H2G,
	COUNT_G2H_STALLED,
	COUNT_RESETS,
	COUNT_CONTEXTS,
	COUNT_CAT_ERRORS,
	COUNT_COPIES,
	COUNT_ATOMICS,
	COUNT_DOORBELLS,
	COUNTERS,
};

extern const char *const counter_name[COUNTERS];

/* judge.c */

#define INVALIDATIONS 4096u
#define DOUBTS 4096u
#define SPACES 4096u
#define JUDGE_NS 5000000000ull

struct invalidation {
	u64 when, from, size;
	u32 asid;
};

/* A reply "successful" to an access that the page tables do not allow. */
struct doubt {
	u64 when, va;
	u32 asid;
	u8 access;
	bool proven; /* counted; kept so that it is counted only once */
};

struct space {
	u32 asid;
	u64 root;
};

struct judge {
	struct invalidation invalidation[INVALIDATIONS];
	u32 next;
	struct doubt doubt[DOUBTS];
	u32 doubts;
	struct space space[SPACES];
};

void judge_settle(struct gpu *gpu);
void judge_space(struct gpu *gpu, u32 asid, u64 root);
void judge_invalidation(struct gpu *gpu, u32 asid, u64 from, u64 size);
void judge_success(struct gt *gt, const struct slot *slot);
void judge_forget(struct gpu *gpu);

#define LIVELOCK_RETRIES 1000u

/* An access that faults again after each reply. */
struct retry {
	u64 va;
	u32 n;
	u8 access;
};

void judge_retry(struct gpu *gpu, struct retry *r, u64 va, enum access access);

/* guc.c */

enum {
	KLV_H2G_RING,
	KLV_H2G_DESC,
	KLV_H2G_SIZE,
	KLV_G2H_RING,
	KLV_G2H_DESC,
	KLV_G2H_SIZE,
	KLVS,
};

struct message {
	struct message *next;
	u16 fence;
	u32 n;
	u32 dw[];
};

struct guc {
	u32 status;
	u32 generation; /* number of resets */
	bool mailbox; /* a mailbox request was written */
	bool slpc; /* SLPC is running */
	bool rung; /* the host rang the doorbell */
	bool reading; /* the H2G ring may contain more messages */
	u64 due; /* with a rate: when to read the next message */
	bool ct;
	u64 klv[KLVS];
	struct ctb h2g, g2h;
	struct message *out, **out_tail;
	u32 outs;
	struct fault *faults, **faults_tail; /* waiting for room */
	u32 waiting;
	bool hold_h2g, hold_g2h, hold_boot, stalled;
	pthread_cond_t wake;
	pthread_t thread;
};

#define GUC_FAULTS_MAX (4 * LEDGER_SLOTS)

void guc_init(struct gt *gt);
void guc_free(struct gt *gt);
void guc_reset(struct gt *gt);
void guc_boot(struct gt *gt);
void guc_wake(struct gt *gt);
void *guc_thread(void *gt);
void guc_doorbell(struct gt *gt);
bool guc_event(struct gt *gt, u32 action, const u32 *payload, u32 n);
bool guc_fault(struct gt *gt, const struct fault *f);
u32 guc_open_faults(const struct gt *gt);
u32 guc_fill(struct gt *gt, u32 leave);

/* access-counter.c */

struct access_counter {
	u64 va;
	u32 asid, sub;
	u8 granularity, class, instance, vfid;
	bool notify;
};

void access_counter_encode(const struct access_counter *a, u32 *dw);

/* context.c */

#define CONTEXTS 65536u
#define WIDTH_MAX 8u

struct lrc {
	u64 addr; /* GGTT address of the PPHWSP */
	u64 pc[3]; /* in the ring, the batch, the second-level batch */
	bool ppgtt[3];
	u8 level;
};

#define EUS 4096u
#define NO_EU EUS /* the command streamer itself */

/* An instruction that many EUs execute, each for itself. */
struct touch {
	struct lrc *lrc;
	u64 va, stride, next; /* next: address of the next instruction */
	u32 n, value, done;
	enum eu_state {
		EU_READY,
		EU_WAITS, /* for a reply */
		EU_DONE,
	} state[EUS];
	struct retry retry[EUS];
};

struct context {
	struct gt *gt;
	struct context *next; /* next in the run queue */
	unsigned int refs;
	u32 id, guc_class, mask;
	u32 width;
	u64 wq_desc, wq_base;
	u32 wq_size;
	struct lrc lrc[WIDTH_MAX];
	u32 asid;
	u64 root, timestamp, started;
	bool registered, enabled, queued, running, again, disabling, ran,
		resumed;
	u32 faults; /* number of faults it waits for */
	u32 answered; /* number of replies since it ran last */
	u32 eu; /* that executes now */
	struct touch *touch;
	struct retry retry; /* of the command streamer */
	bool failed; /* one of them was refused */
};

struct context *context_get(struct context *c);
void context_put(struct context *c);
bool context_register(struct gt *gt, const u32 *dw, u32 n, bool parallel);
bool context_deregister(struct gt *gt, u32 id);
bool context_set_mode(struct gt *gt, u32 id, bool enable);
void context_schedule(struct context *c);
void context_answered(struct context *c, u32 eu, bool success);
void context_forget_all(struct gt *gt);
void context_engine(const struct context *c, unsigned int *bank,
		    unsigned int *bit, enum engine_class *class,
		    unsigned int *instance);
void *context_thread(void *gpu);

/* engine.c */

enum run {
	RUN_IDLE, /* the ring is empty */
	RUN_FAULTED,
	RUN_YIELDED, /* more work is left */
	RUN_STOPPED, /* disabled or gone */
};

enum run engine_run(struct context *c, struct lrc *lrc);

/* The outcome of an instruction. */
enum step {
	STEP_NEXT,
	STEP_JUMPED,
	STEP_FAULT,
	STEP_YIELD,
};

bool engine_read(struct context *c, u64 va, void *to, u64 n);
bool engine_write(struct context *c, u64 va, const void *from, u64 n);
bool engine_probe(struct context *c, u64 va, u64 n, enum access access);

/* blitter.c */

enum step blitter_step(struct context *c, const u32 *ins, u32 n);

/* mmio.c */

#define MMIO_SIZE (4u << 20)
#define MEDIA_BASE 0x380000u

void mmio_reset(struct gpu *gpu);
u32 mmio_read(struct gpu *gpu, u32 reg);
void mmio_write(struct gpu *gpu, u32 reg, u32 value);

/* gpu.c: the device as a whole */

struct options {
	const char *socket, *control, *log, *report;
	bool discrete, media;
	int verbose;
	u32 delay_us;
	u32 rate; /* H2G messages that a GuC reads per second, or 0: no limit */
	u64 seed;
};

struct gt {
	struct gpu *gpu;
	u32 id, base;
	struct guc guc;
	struct tlb tlb;
	struct ledger ledger;
	struct context *context[CONTEXTS];
	/* what each engine runs, or which faults it waits for; by interrupt */
	struct context *occupant[IRQ_BANKS][32];
};

/* Which other contexts have to wait while one waits for its faults */
enum blocking {
	BLOCK_ENGINE, /* those of its engine */
	BLOCK_GROUP, /* those of its group of engines too */
	BLOCK_NONE, /* as if each context had an engine of its own */
};

#define GTS 2
#define ENGINE_THREADS 4
#define LATENCIES BIT(20)

struct gpu {
	struct options opt;
	pthread_mutex_t lock;
	atomic_int wanted;
	atomic_bool quit;
	pthread_cond_t changed; /* the ledger has changed */

	u8 *bar0;
	u32 *regs;
	int bar0_fd, vram_fd;
	struct memory mem;
	struct pci pci;
	struct irq irq;
	struct gt *gt[GTS];
	struct judge judge;

	enum blocking blocking;
	struct context *run, **run_tail;
	pthread_cond_t runnable;
	pthread_t engine[ENGINE_THREADS];

	u64 count[COUNTERS], expected[COUNT_RULES];
	u32 *latency, latencies; /* in us, since the mark */
	u32 retries; /* the most that an access needed */
	u32 delay_resume, delay_event; /* upper bounds, in us */
	bool ignore_reply, falsify_reply, falsify_refusal, falsify_request;
	u64 random;

	FILE *log;
	u64 started;
};

struct gpu *gpu_new(const struct options *opt);
void gpu_free(struct gpu *gpu);
void gpu_reset(struct gpu *gpu);
int gpu_start(struct gpu *gpu);
void gpu_stop(struct gpu *gpu);
u64 gpu_count(struct gpu *gpu, enum counter c);
u64 gpu_random(struct gpu *gpu);
void gpu_delay(struct gpu *gpu, u32 max_us);

static inline void gpu_lock(struct gpu *gpu)
{
	atomic_fetch_add(&gpu->wanted, 1);
	pthread_mutex_lock(&gpu->lock);
	atomic_fetch_sub(&gpu->wanted, 1);
}

static inline void gpu_unlock(struct gpu *gpu)
{
	pthread_mutex_unlock(&gpu->lock);
}

void gpu_breathe(struct gpu *gpu);
int gpu_wait(struct gpu *gpu, pthread_cond_t *cond, u32 us);
u64 now_ns(void);

void trace_line(struct gpu *gpu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Levels: 1 anomalies, 2 messages, 3 registers, 4 instructions. */
#define trace(gpu, level, ...)                                   \
	do {                                                     \
		if ((gpu)->log && (gpu)->opt.verbose >= (level)) \
			trace_line(gpu, __VA_ARGS__);            \
	} while (0)

/* vfio-user.c */

int vfio_user_serve(struct gpu *gpu, int fd);

/* control.c */

struct control;

struct control *control_start(struct gpu *gpu, const char *path);
void control_stop(struct control *control);

/* commands.c */

int control_line(struct gpu *gpu, char *line, char *reply, size_t size);

#endif
