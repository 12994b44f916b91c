// SPDX-License-Identifier: GPL-2.0
/*
 * A client of the GPU for the cases, which uses only the uAPI of the xe driver.
 *
 *   xe-client <SCRIPT            runs the commands in SCRIPT, see commands[]
 *   xe-client storm OPTION...    see xe-storm.c
 *   xe-client stuck DIR N        see xe-stuck.c
 *   xe-client contended HOW N    see xe-contended.c
 *   xe-client race HOW N         see xe-race.c
 *   xe-client bench PORT ROW     see xe-bench.c
 *
 * Each line is answered by "ok ..." or "not ok ..."; the first failure ends the
 * program. Numbers are written as in C, sizes may end in K, M or G. The CPU checks
 * the data that the GPU writes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xe.h"

#define MAX_WORDS 10
#define MAX_SPACES 256
#define MAX_RANGES 1024
#define PATIENCE 60.0

/* A range bound into an address space. */
struct range {
	struct space *space;
	uint64_t va;
	uint64_t size;
	uint8_t *cpu; /* its CPU mapping, if any */
	uint32_t bo;
};

struct space {
	char name[16];
	struct xe_space xe;
	uint64_t batch; /* address for batches, or 0 for the default */
};

static struct space spaces[MAX_SPACES];
static struct range ranges[MAX_RANGES];
static struct drm_xe_engine_class_instance engine = {
	.engine_class = DRM_XE_ENGINE_CLASS_COMPUTE,
};

static char why[200];

static int no(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return -1;
}

static int failed(const char *what, int err)
{
	return err ? no("%s: %s", what, strerror(-err)) : 0;
}

static uint64_t number(const char *word)
{
	char *unit;
	uint64_t n = strtoull(word ? word : "0", &unit, 0);

	return n << (*unit == 'G' ? 30 :
		     *unit == 'M' ? 20 :
		     *unit == 'K' ? 10 :
				    0);
}

static bool has(char **words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

static struct space *find_space(const char *name)
{
	int i;

	for (i = 0; name && i < MAX_SPACES; i++)
		if (!strcmp(spaces[i].name, name))
			return &spaces[i];
	return NULL;
}

static struct range *find_range(struct space *s, uint64_t va)
{
	struct range *r;

	for (r = ranges; r < ranges + MAX_RANGES; r++)
		if (r->size && r->space == s && va - r->va < r->size)
			return r;
	return NULL;
}

static volatile uint32_t *cpu_at(struct space *s, uint64_t va)
{
	struct range *r = find_range(s, va);

	return r && r->cpu ? (void *)(r->cpu + (va - r->va)) : NULL;
}

static void forget(struct space *s, uint64_t va, uint64_t size)
{
	struct range *r;

	for (r = ranges; r < ranges + MAX_RANGES; r++)
		if (r->size && r->space == s && r->va >= va &&
		    r->va + r->size <= va + size)
			r->size = 0;
}

static int remember(struct space *s, uint64_t va, uint64_t size, void *cpu,
		    uint32_t bo)
{
	struct range *r;

	forget(s, va, size);
	for (r = ranges; r < ranges + MAX_RANGES; r++) {
		if (!r->size) {
			*r = (struct range){ s, va, size, cpu, bo };
			return 0;
		}
	}
	return no("too many ranges");
}

/* --- the commands: words[0] is the first word after the name of the space --------- */

/* engine CLASS [INSTANCE [GT]]: select the engine for the spaces created from now on */
static int do_engine(struct space *s, char **words)
{
	static const char *const names[] = { "rcs", "bcs", "vcs", "vecs",
					     "ccs" };
	unsigned int i;

	(void)s;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (words[0] && !strcmp(words[0], names[i])) {
			engine.engine_class = i;
			engine.engine_instance = number(words[1]);
			engine.gt_id = words[1] ? number(words[2]) : 0;
			return 0;
		}
	}
	return no("no such engine");
}

/* vm NAME [lr|dma]: create an address space, by default in fault mode */
static int do_vm(struct space *s, char **words)
{
	uint32_t kind = XE_FAULT_MODE;

	if (s || !words[0])
		return no("no name");
	s = spaces;
	while (s < spaces + MAX_SPACES && s->name[0])
		s++;
	if (s == spaces + MAX_SPACES)
		return no("too many spaces");
	if (has(words, "lr"))
		kind = DRM_XE_VM_CREATE_FLAG_LR_MODE;
	snprintf(s->name, sizeof(s->name), "%s", words[0]);
	return failed("vm", xe_space_new(&s->xe, kind, &engine));
}

/* queue NAME: replace the queue of the space by a new one */
static int do_queue(struct space *s, char **words)
{
	(void)words;
	if (s->xe.queue)
		xe_queue_free(&s->xe);
	return failed("queue", xe_queue_new(&s->xe));
}

static int do_destroy(struct space *s, char **words)
{
	struct range *r;
	int ret;

	(void)words;
	for (r = ranges; r < ranges + MAX_RANGES; r++)
		if (r->size && r->space == s)
			r->size = 0;
	ret = xe_space_free(&s->xe);
	memset(s, 0, sizeof(*s));
	return failed("destroy", ret);
}

static uint32_t bind_flags(char **words)
{
	return (has(words, "now") ? DRM_XE_VM_BIND_FLAG_IMMEDIATE : 0) |
	       (has(words, "readonly") ? DRM_XE_VM_BIND_FLAG_READONLY : 0);
}

/* bo NAME VA SIZE [vram|both] [now] [readonly]: bind a new object */
static int do_bo(struct space *s, char **words)
{
	enum xe_memory where = has(words, "vram") ? XE_VRAM :
			       has(words, "both") ? XE_BOTH :
						    XE_SYSTEM;
	uint64_t va = number(words[0]), size = number(words[1]);
	uint32_t bo;
	void *cpu;

	if (failed("object", xe_bo_new(size, where, &bo, &cpu)) ||
	    failed("bind", xe_bind(&s->xe, DRM_XE_VM_BIND_OP_MAP,
				   bind_flags(words), bo, NULL, va, size)))
		return -1;
	return remember(s, va, size, cpu, bo);
}

/* rebind NAME VA: bind the same object there again */
static int do_rebind(struct space *s, char **words)
{
	struct range *r = find_range(s, number(words[0]));

	if (!r || !r->bo)
		return no("no object there");
	return failed("bind",
		      xe_bind(&s->xe, DRM_XE_VM_BIND_OP_MAP, bind_flags(words),
			      r->bo, NULL, r->va, r->size));
}

static int bind_memory(struct space *s, char **words, void *cpu)
{
	uint64_t va = number(words[0]), size = number(words[1]);

	if (cpu == MAP_FAILED)
		return failed("memory", -errno);
	if (failed("bind", xe_bind(&s->xe, DRM_XE_VM_BIND_OP_MAP_USERPTR,
				   bind_flags(words), 0, cpu, va, size)))
		return -1;
	return remember(s, va, size, cpu, 0);
}

/* userptr NAME VA SIZE [readonly]: bind new memory of this process */
static int do_userptr(struct space *s, char **words)
{
	return bind_memory(s, words,
			   mmap(NULL, number(words[1]), PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* file NAME VA SIZE PATH OFFSET: bind a private mapping of a file */
static int do_file(struct space *s, char **words)
{
	int fd = open(words[2], O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return failed("file", -errno);
	return bind_memory(s, words,
			   mmap(NULL, number(words[1]), PROT_READ | PROT_WRITE,
				MAP_PRIVATE, fd, (off_t)number(words[3])));
}

/* null NAME VA SIZE: null binding: reads return zero, writes are discarded */
static int do_null(struct space *s, char **words)
{
	uint64_t va = number(words[0]), size = number(words[1]);

	if (failed("bind",
		   xe_bind(&s->xe, DRM_XE_VM_BIND_OP_MAP,
			   DRM_XE_VM_BIND_FLAG_NULL, 0, NULL, va, size)))
		return -1;
	return remember(s, va, size, NULL, 0);
}

/* svm NAME VA SIZE [PATH]: map new memory, or that file, at VA and let the GPU mirror it */
static int do_svm(struct space *s, char **words)
{
	uint64_t va = number(words[0]), size = number(words[1]);
	int fd = words[2] ? open(words[2], O_RDWR | O_CLOEXEC) : -1;
	void *cpu = mmap((void *)va, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_FIXED_NOREPLACE |
				 (words[2] ? 0 : MAP_ANONYMOUS),
			 fd, 0);

	if (cpu == MAP_FAILED)
		return failed("memory", -errno);
	close(fd);
	if (failed("bind", xe_bind(&s->xe, DRM_XE_VM_BIND_OP_MAP,
				   DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR, 0, NULL,
				   va, size)))
		return -1;
	return remember(s, va, size, cpu, 0);
}

static int do_unbind(struct space *s, char **words)
{
	uint64_t va = number(words[0]), size = number(words[1]);

	forget(s, va, size);
	return failed("unbind", xe_bind(&s->xe, DRM_XE_VM_BIND_OP_UNMAP, 0, 0,
					NULL, va, size));
}

/* prefetch NAME VA SIZE REGION: region 0 is system memory, 1 is VRAM */
static int do_prefetch(struct space *s, char **words)
{
	return failed("prefetch",
		      xe_prefetch(&s->xe, number(words[0]), number(words[1]),
				  number(words[2])));
}

/* dontneed NAME VA SIZE: drop the CPU's pages there; new ones are zeroed */
static int do_dontneed(struct space *s, char **words)
{
	volatile uint32_t *cpu = cpu_at(s, number(words[0]));

	if (!cpu)
		return no("no CPU mapping there");
	if (madvise((void *)cpu, number(words[1]), MADV_DONTNEED))
		return failed("madvise", -errno);
	return 0;
}

/* mprotect NAME VA SIZE ro|rw: for the CPU; the binding stays as it is */
static int do_mprotect(struct space *s, char **words)
{
	volatile uint32_t *cpu = cpu_at(s, number(words[0]));
	int prot = has(words, "ro") ? PROT_READ : PROT_READ | PROT_WRITE;

	if (!cpu)
		return no("no CPU mapping there");
	return failed("mprotect",
		      mprotect((void *)cpu, number(words[1]), prot) ? -errno :
								      0);
}

/* pageout NAME VA SIZE: put the memory into swap */
static int do_pageout(struct space *s, char **words)
{
	volatile uint32_t *cpu = cpu_at(s, number(words[0]));

	if (!cpu)
		return no("no CPU mapping there");
	return failed("pageout",
		      madvise((void *)cpu, number(words[1]), MADV_PAGEOUT) ?
			      -errno :
			      0);
}

/* Memory of ranges that follow each other. */
static uint8_t *low, *high;

static void *alter(void *arg)
{
	size_t size = high - low;

	while (!mprotect(low, size, PROT_READ | PROT_WRITE | PROT_EXEC) &&
	       !mprotect(low, size, PROT_READ | PROT_WRITE))
		usleep(10000);
	printf("not ok mprotect: %s\n", strerror(errno));
	exit(1);
	return arg;
}

/* alter: from now on, a thread changes the protection of the memory of all ranges */
static int do_alter(struct space *s, char **words)
{
	struct range *r;
	pthread_t thread;

	(void)s;
	(void)words;
	for (r = ranges; r < ranges + MAX_RANGES && r->size; r++) {
		if (!low || r->cpu < low)
			low = r->cpu;
		if (r->cpu + r->size > high)
			high = r->cpu + r->size;
	}
	return failed("thread", -pthread_create(&thread, NULL, alter, NULL));
}

/* munmap NAME VA SIZE: unmap the CPU's memory there, but keep the binding */
static int do_munmap(struct space *s, char **words)
{
	volatile uint32_t *cpu = cpu_at(s, number(words[0]));

	if (!cpu)
		return no("no CPU mapping there");
	return failed("munmap",
		      munmap((void *)cpu, number(words[1])) ? -errno : 0);
}

/* touch NAME VA SIZE: the CPU writes a 0 to each page */
static int do_touch(struct space *s, char **words)
{
	uint64_t va = number(words[0]), size = number(words[1]), done;
	volatile uint32_t *cpu;

	for (done = 0; done < size; done += 4096) {
		cpu = cpu_at(s, va + done);
		if (!cpu)
			return no("no CPU mapping there");
		*cpu = 0;
	}
	return 0;
}

static int do_purgeable(struct space *s, char **words)
{
	return failed("madvise",
		      xe_purgeable(&s->xe, number(words[0]), number(words[1])));
}

/* poke NAME VA VALUE: the CPU writes VALUE; peek NAME VA VALUE: the CPU must find it */
static int do_poke(struct space *s, char **words)
{
	volatile uint32_t *cpu = cpu_at(s, number(words[0]));

	if (!cpu)
		return no("no CPU mapping there");
	*cpu = (uint32_t)number(words[1]);
	return 0;
}

static int do_peek(struct space *s, char **words)
{
	volatile uint32_t *cpu = cpu_at(s, number(words[0]));
	uint32_t value = (uint32_t)number(words[1]);

	if (!cpu)
		return no("no CPU mapping there");
	return *cpu == value ? 0 : no("found %#x", *cpu);
}

/* batch NAME VA: put batches there, so that fetching one faults too */
static int do_batch(struct space *s, char **words)
{
	s->batch = number(words[0]);
	return 0;
}

static int submit(struct space *s)
{
	unsigned int bytes = (s->xe.ndw + 1) * 4;
	uint32_t *elsewhere;
	int ret;

	if (s->batch) {
		elsewhere = (uint32_t *)cpu_at(s, s->batch);
		if (!elsewhere)
			return no("no batch there");
		s->xe.work[bytes / 4 - 1] = 0x0a << 23;
		memcpy(elsewhere, s->xe.work, bytes);
	}
	ret = xe_submit(&s->xe, s->batch);
	/* the queue may already be banned; the wait reports that */
	return ret == -ECANCELED ? 0 : failed("exec", ret);
}

static int write_op(struct space *s, char **words)
{
	xe_store(&s->xe, number(words[0]), (uint32_t)number(words[1]));
	return submit(s);
}

static int read_op(struct space *s, char **words)
{
	s->xe.work[XE_RESULT / 4] = ~(uint32_t)number(words[1]);
	xe_copy(&s->xe, XE_WORK + XE_RESULT, number(words[0]));
	return submit(s);
}

static int atomic_op(struct space *s, char **words)
{
	xe_atomic_add(&s->xe, number(words[0]), (uint32_t)number(words[1]));
	return submit(s);
}

static int parallel_op(struct space *s, char **words)
{
	xe_parallel(&s->xe, (uint32_t)number(words[0]), number(words[1]),
		    number(words[2]), (uint32_t)number(words[3]));
	return submit(s);
}

static int walk_op(struct space *s, char **words)
{
	uint64_t i, n = number(words[0]), va = number(words[1]);
	uint64_t stride = number(words[2]);
	uint32_t value = (uint32_t)number(words[3]);

	for (i = 0; i < n; i++)
		xe_store(&s->xe, va + i * stride, value + (uint32_t)i);
	return submit(s);
}

static int wait_for_it(struct space *s)
{
	int ret = xe_wait(&s->xe, PATIENCE);

	return ret == -ETIME	 ? no("timed out") :
	       ret == -ECANCELED ? no("the queue was banned") :
				   failed("wait", ret);
}

/* write NAME VA VALUE: the GPU writes; the CPU checks the value if the range is mapped */
static int do_write(struct space *s, char **words)
{
	if (write_op(s, words) || wait_for_it(s))
		return -1;
	return cpu_at(s, number(words[0])) ? do_peek(s, words) : 0;
}

/* read NAME VA VALUE: the GPU reads, and must find VALUE */
static int do_read(struct space *s, char **words)
{
	uint32_t got;

	if (read_op(s, words) || wait_for_it(s))
		return -1;
	got = s->xe.work[XE_RESULT / 4];
	return got == (uint32_t)number(words[1]) ? 0 :
						   no("the GPU read %#x", got);
}

/* atomic NAME VA ADD RESULT: the GPU adds ADD; the result must be RESULT */
static int do_atomic(struct space *s, char **words)
{
	char *result[3] = { words[0], words[2], NULL };

	if (atomic_op(s, words) || wait_for_it(s))
		return -1;
	return words[2] ? do_peek(s, result) : 0;
}

/* The CPU finds VALUE + i at VA + i * STRIDE, where it has memory there. */
static int check_stores(struct space *s, char **words)
{
	uint64_t i, n = number(words[0]), va = number(words[1]);
	uint64_t stride = number(words[2]);
	uint32_t value = (uint32_t)number(words[3]);
	volatile uint32_t *cpu;

	for (i = 0; i < n; i++) {
		cpu = cpu_at(s, va + i * stride);
		if (cpu && *cpu != value + i)
			return no("store %u: found %#x", (unsigned int)i, *cpu);
	}
	return 0;
}

/* parallel NAME N VA STRIDE VALUE: N threads at once store VALUE + i at VA + i * STRIDE */
static int do_parallel(struct space *s, char **words)
{
	if (parallel_op(s, words) || wait_for_it(s))
		return -1;
	return check_stores(s, words);
}

/* walk NAME N VA STRIDE VALUE: like parallel, but a single thread stores one by one */
static int do_walk(struct space *s, char **words)
{
	if (walk_op(s, words) || wait_for_it(s))
		return -1;
	return check_stores(s, words);
}

/* wait NAME: wait for the command that was started */
static int do_wait(struct space *s, char **words)
{
	(void)words;
	return wait_for_it(s);
}

/* stalled NAME MS: the command that was started must not complete within MS */
static int do_stalled(struct space *s, char **words)
{
	usleep((unsigned int)number(words[0]) * 1000);
	return xe_done(&s->xe) ? no("it has completed") : 0;
}

/*
 * resident REGION SIZE: the driver must account SIZE to this process in that region. On
 * a discrete GPU "gtt" is system memory, and "vram0" includes page tables.
 */
static int do_resident(struct space *s, char **words)
{
	char path[64], line[128], key[64], unit[8];
	unsigned long n, sum = 0;
	FILE *f;
	int i;

	(void)s;
	snprintf(key, sizeof(key), "drm-resident-%s: %%lu%%7s", words[0]);
	/* only the GPU's file descriptor has such lines */
	for (i = 3; i < 64; i++) {
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", i);
		f = fopen(path, "r");
		if (!f)
			continue;
		while (fgets(line, sizeof(line), f)) {
			unit[0] = 0;
			if (sscanf(line, key, &n, unit) >= 1)
				sum += n << (*unit == 'K' ? 10 :
					     *unit == 'M' ? 20 :
							    0);
		}
		fclose(f);
	}
	return sum == number(words[1]) ? 0 : no("%lu KiB", sum >> 10);
}

static int do_sleep(struct space *s, char **words)
{
	(void)s;
	usleep((unsigned int)number(words[0]) * 1000);
	return 0;
}

static const struct command {
	const char *name;
	int (*run)(struct space *s, char **words);
	int (*start)(struct space *s, char **words); /* only submit the batch */
	bool bare; /* takes no space */
} commands[] = {
	{ "engine", do_engine, NULL, true },
	{ "vm", do_vm, NULL, true },
	{ "sleep", do_sleep, NULL, true },
	{ "resident", do_resident, NULL, true },
	{ "alter", do_alter, NULL, true },
	{ "queue", do_queue, NULL, false },
	{ "destroy", do_destroy, NULL, false },
	{ "bo", do_bo, NULL, false },
	{ "rebind", do_rebind, NULL, false },
	{ "userptr", do_userptr, NULL, false },
	{ "file", do_file, NULL, false },
	{ "null", do_null, NULL, false },
	{ "svm", do_svm, NULL, false },
	{ "unbind", do_unbind, NULL, false },
	{ "prefetch", do_prefetch, NULL, false },
	{ "dontneed", do_dontneed, NULL, false },
	{ "mprotect", do_mprotect, NULL, false },
	{ "pageout", do_pageout, NULL, false },
	{ "munmap", do_munmap, NULL, false },
	{ "touch", do_touch, NULL, false },
	{ "purgeable", do_purgeable, NULL, false },
	{ "poke", do_poke, NULL, false },
	{ "peek", do_peek, NULL, false },
	{ "batch", do_batch, NULL, false },
	{ "write", do_write, write_op, false },
	{ "read", do_read, read_op, false },
	{ "atomic", do_atomic, atomic_op, false },
	{ "parallel", do_parallel, parallel_op, false },
	{ "walk", do_walk, walk_op, false },
	{ "wait", do_wait, NULL, false },
	{ "stalled", do_stalled, NULL, false },
};

/*
 * "start write ..." does not wait. "fails write ..." succeeds if the queue gets banned,
 * and "fails wait NAME" likewise for a command that was started. After a failure of
 * "ask ..." the script continues.
 */
static int run(char **words)
{
	const struct command *c = commands,
			     *end = c + sizeof(commands) / sizeof(*c);
	bool start = !strcmp(words[0], "start");
	bool fails = !strcmp(words[0], "fails");
	bool ask = !strcmp(words[0], "ask");
	struct space *s = NULL;
	int ret;

	words += start || fails || ask;
	while (c < end && words[0] && strcmp(c->name, words[0]))
		c++;
	if (c == end || !words[0])
		return no("no such command");
	words++;
	if (!c->bare) {
		s = find_space(words[0]);
		if (!s)
			return no("no such vm");
		words++;
	}
	if (!start && !fails)
		return c->run(s, words);
	if (fails && c->run == do_wait)
		ret = 0;
	else if (c->start)
		ret = c->start(s, words);
	else if (fails) /* not a batch, but a system call that must fail */
		return c->run(s, words) ? 0 : no("it succeeded");
	else
		return no("it can't be started");
	if (ret || start)
		return ret;
	ret = xe_wait(&s->xe, PATIENCE);
	return ret == -ECANCELED ? 0 :
	       ret		 ? no("%s", strerror(-ret)) :
				   no("it succeeded");
}

int main(int argc, char **argv)
{
	char line[300], copy[300], *words[MAX_WORDS + 1], *save;
	int n, ret;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 1 && !strcmp(argv[1], "storm"))
		return storm_main(argc - 1, argv + 1);
	if (argc > 1 && !strcmp(argv[1], "stuck"))
		return stuck_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "contended"))
		return contended_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "race"))
		return race_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "bench"))
		return bench_main(argc, argv);
	ret = xe_open();
	if (ret) {
		printf("not ok no GPU: %s\n", strerror(-ret));
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "#\n")] = 0;
		strcpy(copy, line);
		n = 0;
		for (char *w = strtok_r(copy, " \t", &save); w && n < MAX_WORDS;
		     w = strtok_r(NULL, " \t", &save))
			words[n++] = w;
		words[n] = NULL;
		if (!n)
			continue;
		if (run(words)) {
			printf("not ok %s: %s\n", line, why);
			if (!strcmp(words[0], "ask"))
				continue;
			return 1;
		}
		printf("ok %s\n", line);
	}
	return 0;
}
