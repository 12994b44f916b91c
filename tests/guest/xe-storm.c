// SPDX-License-Identifier: GPL-2.0
/*
 * Cause page faults in many address spaces of several processes at once, and check
 * all data that the GPU writes:
 *
 *   xe-client storm [--spaces 64] [--processes 4] [--parallel 16] [--rounds 10]
 *                   [--until FILE] [--media] [--objects] [--race] [--resilient]
 *
 * In each round every space runs one batch, in which as many threads as --parallel
 * says each store to a page that is not mapped. Even spaces use memory of the process,
 * which is dropped before each round. Odd spaces (with --objects, all spaces) use an
 * object, which is bound again. With --race the CPU keeps changing the protection of
 * the memory, which invalidates the GPU's mappings, so that the number of faults
 * varies. With --resilient, a queue that was banned, for example by a GT reset, is
 * replaced and its batch is run again; so is a queue that makes no progress for a
 * while, since a reset can silently lose a batch.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xe.h"

#define PAGE 4096u
#define TARGET 0x100000000ull
#define PAGES_OF_BINDING 4
#define PATIENCE 120.0

struct target {
	struct xe_space xe;
	unsigned int number;
	uint8_t *cpu;
	uint32_t bo; /* 0 if it uses memory of the process */
};

static unsigned int spaces = 64, processes = 4, parallel = 16, rounds = 10;
static const char *until;
static bool media, objects, race, resilient;

static struct target *targets;
static unsigned int n_targets;
static atomic_bool over;
static atomic_uint *replaced; /* queues replaced by all processes */

static void die(const struct target *t, const char *what, int err)
{
	printf("not ok storm: space %u: %s%s%s\n", t->number, what,
	       err ? ": " : "", err ? strerror(-err) : "");
	exit(1);
}

static void must(const struct target *t, const char *what, int err)
{
	if (err)
		die(t, what, err);
}

static void bind_object(struct target *t)
{
	must(t, "bind",
	     xe_bind(&t->xe, DRM_XE_VM_BIND_OP_MAP, 0, t->bo, NULL, TARGET,
		     parallel * PAGE));
}

static void make(struct target *t, unsigned int number)
{
	static const struct drm_xe_engine_class_instance engines[] = {
		{ .engine_class = DRM_XE_ENGINE_CLASS_COMPUTE },
		{ .engine_class = DRM_XE_ENGINE_CLASS_COPY },
		{ .engine_class = DRM_XE_ENGINE_CLASS_RENDER },
		{ .engine_class = DRM_XE_ENGINE_CLASS_VIDEO_DECODE,
		  .gt_id = 1 },
		{ .engine_class = DRM_XE_ENGINE_CLASS_VIDEO_ENHANCE,
		  .gt_id = 1 },
	};
	unsigned int i, n, size = parallel * PAGE;
	void *cpu;

	t->number = number;
	must(t, "make",
	     xe_space_new(&t->xe, XE_FAULT_MODE,
			  &engines[number % (media ? 5 : 3)]));
	if (objects || number % 2) {
		must(t, "object", xe_bo_new(size, XE_SYSTEM, &t->bo, &cpu));
		t->cpu = cpu;
		bind_object(t);
		return;
	}
	t->cpu = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->cpu == MAP_FAILED)
		die(t, "memory", -errno);
	for (i = 0; i < parallel; i += n) {
		n = parallel - i < PAGES_OF_BINDING ? parallel - i :
						      PAGES_OF_BINDING;
		must(t, "bind",
		     xe_bind(&t->xe, DRM_XE_VM_BIND_OP_MAP_USERPTR, 0, 0,
			     t->cpu + i * PAGE, TARGET + i * PAGE, n * PAGE));
	}
}

static uint32_t value(const struct target *t, unsigned int round)
{
	return (t->number + 1) << 24 | (round & 0xfff) << 12;
}

static void again(struct target *t, unsigned int round)
{
	int ret;

	xe_parallel(&t->xe, parallel, TARGET, PAGE, value(t, round));
	ret = xe_submit(&t->xe, 0);
	if (ret != -ECANCELED || !resilient)
		must(t, "submit", ret);
}

static void start(struct target *t, unsigned int round)
{
	if (!t->bo)
		madvise(t->cpu, parallel * PAGE, MADV_DONTNEED);
	else if (round)
		bind_object(t);
	again(t, round);
}

static void finish(struct target *t, unsigned int round)
{
	unsigned int i;
	uint32_t got;
	int ret;

	while ((ret = xe_wait(&t->xe, resilient ? 5.0 : PATIENCE)) &&
	       resilient) {
		atomic_fetch_add(replaced, 1);
		xe_queue_free(&t->xe);
		must(t, "new queue", xe_queue_new(&t->xe));
		again(t, round);
	}
	must(t, "wait", ret);
	for (i = 0; i < parallel; i++) {
		got = *(volatile uint32_t *)(t->cpu + i * PAGE);
		if (got != value(t, round) + i) {
			printf("round %u, page %u: found %#x, expected %#x\n",
			       round, i, got, value(t, round) + i);
			die(t, "wrong data", 0);
		}
	}
}

/* Both protections allow all accesses: only the change matters. */
static void *disturb(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg, i, first, n;
	int prot;

	while (!over) {
		i = (unsigned int)rand_r(&seed) % n_targets;
		if (targets[i].bo)
			continue;
		first = (unsigned int)rand_r(&seed) % parallel;
		n = 1 + (unsigned int)rand_r(&seed) % (parallel - first);
		prot = PROT_READ | PROT_WRITE |
		       (rand_r(&seed) & 64 ? PROT_EXEC : 0);
		mprotect(targets[i].cpu + first * PAGE, n * PAGE, prot);
		usleep(200);
	}
	return NULL;
}

/* Run one of the processes. Return the number of rounds it completed. */
static unsigned int work(unsigned int which)
{
	unsigned int i, round;
	pthread_t thread;

	if (xe_open()) {
		printf("not ok storm: no GPU\n");
		exit(1);
	}
	targets = calloc(spaces, sizeof(*targets));
	for (i = which; i < spaces; i += processes)
		make(&targets[n_targets++], i);
	if (race && pthread_create(&thread, NULL, disturb,
				   (void *)(uintptr_t)(which + 1)))
		die(targets, "thread", -errno);
	for (round = 0; until ? access(until, F_OK) : round < rounds; round++) {
		for (i = 0; i < n_targets; i++)
			start(&targets[i], round);
		for (i = 0; i < n_targets; i++)
			finish(&targets[i], round);
	}
	over = true;
	if (race)
		pthread_join(thread, NULL);
	for (i = 0; i < n_targets; i++)
		must(&targets[i], "destroy", xe_space_free(&targets[i].xe));
	return round;
}

int storm_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "spaces", required_argument, NULL, 's' },
		{ "processes", required_argument, NULL, 'p' },
		{ "parallel", required_argument, NULL, 'n' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "until", required_argument, NULL, 'u' },
		{ "media", no_argument, NULL, 'm' },
		{ "objects", no_argument, NULL, 'o' },
		{ "race", no_argument, NULL, 'x' },
		{ "resilient", no_argument, NULL, 'e' },
		{}
	};
	unsigned int i, made, sum = 0;
	int c, status, failed = 0;
	double began = xe_now();
	int pipefd[2];

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			spaces = (unsigned int)atoi(optarg);
			break;
		case 'p':
			processes = (unsigned int)atoi(optarg);
			break;
		case 'n':
			parallel = (unsigned int)atoi(optarg);
			break;
		case 'r':
			rounds = (unsigned int)atoi(optarg);
			break;
		case 'u':
			until = optarg;
			break;
		case 'm':
			media = true;
			break;
		case 'o':
			objects = true;
			break;
		case 'x':
			race = true;
			break;
		case 'e':
			resilient = true;
			break;
		default:
			return 2;
		}
	}
	replaced = mmap(NULL, sizeof(*replaced), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (replaced == MAP_FAILED || pipe(pipefd))
		return 2;
	for (i = 0; i < processes; i++) {
		if (fork())
			continue;
		made = work(i);
		made *= n_targets * parallel;
		if (write(pipefd[1], &made, sizeof(made)) != sizeof(made))
			exit(1);
		exit(0);
	}
	close(pipefd[1]);
	while (read(pipefd[0], &made, sizeof(made)) == sizeof(made))
		sum += made;
	while (wait(&status) > 0)
		failed |= status;
	printf("%sok storm: %u stores, %u spaces, %.1f s, %u queues replaced\n",
	       failed ? "not " : "", sum, spaces, xe_now() - began, *replaced);
	return failed ? 1 : 0;
}
