// SPDX-License-Identifier: GPL-2.0
/*
 * xe-client race HOW PAUSE PAGES SECONDS: jobs of many exec queues that write to the same
 * memory, while the CPU takes it away from the GPU.
 *
 * So many pages are bound as a userptr. Each job of QUEUES exec queues of one address
 * space writes to one of them, and each queue has a job all the time. HOW is what a thread
 * does to all pages, again and again, with a pause of so many microseconds in between:
 *   nothing
 *   mprotect  changes their protection
 *   madvise   MADV_DONTNEED
 * Prints how long jobs take from the submission to the fence, how many queues were banned
 * because a fault was refused, and how often the memory was taken away.
 */
#define _GNU_SOURCE
#include <err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "xe.h"

#define PAGE 0x1000ul
#define VA 0x100000000ull
#define QUEUES 16
#define MOST 1000000
#define PATIENCE 120.0

struct job {
	struct xe_space xe;
	bool runs;
	double began;
	double asked; /* when it was last looked whether the queue is banned */
};

static const char *how;
static unsigned int pause_us;
static char *memory;
static size_t size;
static struct job jobs[QUEUES];
static atomic_bool over;
static atomic_uint changes;
static unsigned int us[MOST], n_us, bans;

static void *change(void *arg)
{
	while (!over) {
		if (how[1] == 'p') {
			mprotect(memory, size,
				 PROT_READ | PROT_WRITE | PROT_EXEC);
			mprotect(memory, size, PROT_READ | PROT_WRITE);
		} else if (how[1] == 'a') {
			madvise(memory, size, MADV_DONTNEED);
		}
		changes++;
		if (pause_us)
			usleep(pause_us);
	}
	return arg;
}

static void must(const char *what, int ret)
{
	if (ret)
		errx(1, "%s: %s", what, strerror(-ret));
}

static void start(void)
{
	struct drm_xe_engine_class_instance engine = {
		.engine_class = DRM_XE_ENGINE_CLASS_COMPUTE,
	};
	struct job *j;

	must("open", xe_open());
	must("space", xe_space_new(&jobs[0].xe, XE_FAULT_MODE, &engine));
	for (j = jobs + 1; j < jobs + QUEUES; j++)
		must("queue", xe_space_beside(&j->xe, &jobs[0].xe, j - jobs));

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "memory");
	must("bind", xe_bind(&jobs[0].xe, DRM_XE_VM_BIND_OP_MAP_USERPTR, 0, 0,
			     memory, VA, size));
}

static void submit(struct job *j)
{
	static unsigned int n;

	n++;
	xe_store(&j->xe, VA + n * PAGE % size, n);
	j->began = xe_now();
	j->asked = j->began;
	must("submit", xe_submit(&j->xe, 0));
	j->runs = true;
}

/* Has the job ended? If its queue is banned, a new one takes its place. */
static bool ended(struct job *j)
{
	double now = xe_now();

	if (xe_done(&j->xe)) {
		if (n_us < MOST)
			us[n_us++] = (unsigned int)((now - j->began) * 1e6);
		return true;
	}
	if (now - j->asked < 0.1)
		return false;
	j->asked = now;
	if (xe_banned(&j->xe) && !xe_done(&j->xe)) {
		bans++;
		must("queue", xe_queue_free(&j->xe));
		must("queue", xe_queue_new(&j->xe));
		return true;
	}
	if (now - j->began > PATIENCE)
		errx(1, "a job has not ended");
	return false;
}

static int compare(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

int race_main(int argc, char **argv)
{
	pthread_t thread;
	double end;
	bool any, run;
	struct job *j;

	if (argc != 6)
		errx(2, "usage: xe-client race HOW PAUSE PAGES SECONDS");
	how = argv[2];
	pause_us = (unsigned int)atoi(argv[3]);
	size = (size_t)atoi(argv[4]) * PAGE;
	start();
	end = xe_now() + atof(argv[5]);
	if (pthread_create(&thread, NULL, change, NULL))
		errx(1, "thread");
	do {
		any = false;
		run = false;
		for (j = jobs; j < jobs + QUEUES; j++) {
			if (j->runs && ended(j)) {
				j->runs = false;
				any = true;
			}
			if (!j->runs && xe_now() < end)
				submit(j);
			run |= j->runs;
		}
		if (!any)
			usleep(200);
	} while (run);
	over = true;
	pthread_join(thread, NULL);
	if (!n_us)
		errx(1, "no job has ended");
	qsort(us, n_us, sizeof(us[0]), compare);
	printf("%u jobs, median %u us, p99 %u us, max %u us, %u bans, %u changes\n",
	       n_us, us[n_us / 2], us[(unsigned long)n_us * 99 / 100],
	       us[n_us - 1], bans, changes);
	return 0;
}
