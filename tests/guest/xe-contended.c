// SPDX-License-Identifier: GPL-2.0
/*
 * xe-client contended HOW SECONDS [MIB [svm]]: a process whose memory keeps changing while
 * the GPU faults on it, and how long others wait for its address space.
 *
 * So many MiB (16) are bound as a userptr, or mirrored, and the GPU writes to them all the
 * time. So does a thread change them, which invalidates them for the GPU; HOW is
 *   nothing   it does not
 *   mprotect  the protection of one page
 *   madvise   MADV_DONTNEED for one page
 *   drop      MADV_DONTNEED for all pages
 *   split     both: one thread each, so that the mapping is often locked and in pieces
 *   /FILE     the memory is mapped from a device that is slow; after each write of the
 *             GPU, all pages are dropped, also from the page cache
 * Meanwhile, for so many seconds each, the time is taken of
 * - bind and unbind of an object elsewhere in the address space;
 * - a job of a plain address space, which is not in fault mode, on the same engine: the
 *   exec ioctl, and from its start to the end of the job;
 * - the end of such a process, from SIGKILL until it is gone. Its GPU writes only once.
 *   It has unmapped its objects, as a mapping would keep the device open: the kernel does
 *   not wait for it to be closed while a page fault holds the memory of the process.
 * Prints a line for each: number, median and maximum in microseconds; and how often the
 * GPU wrote, and how often its queue was banned because a fault was refused.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xe.h"

#define PAGE 0x1000ul
#define VA 0x100000000ull
#define MEMORY 0x400000000ul /* a multiple of 2 MiB, the size of ranges */
#define OBJECT 0x200000000ull
#define OBJECT_SIZE 0x10000
#define MOST 4000
#define LEAST 5 /* of each, however long they take */

static const char *how;
static size_t size;
static bool mirrored;
static char *memory;
static uint64_t va = VA; /* where the GPU sees it */
static int file = -1;
static struct xe_space space;
static atomic_bool over;
static atomic_uint writes, bans, changes;

struct times {
	unsigned int n;
	unsigned int us[MOST];
};

static void *change(void *arg)
{
	char *page = memory + size / 2;

	for (; !over; changes++) {
		if (*how == 'n' || *how == '/') {
			usleep(1000);
		} else if (*how == 'd' || (*how == 's' && arg)) {
			madvise(memory, size, MADV_DONTNEED);
		} else if (how[1] == 'p') {
			mprotect(page, PAGE,
				 PROT_READ | PROT_WRITE | PROT_EXEC);
			mprotect(page, PAGE, PROT_READ | PROT_WRITE);
		} else {
			madvise(page, PAGE, MADV_DONTNEED);
		}
	}
	return arg;
}

static void drop(void)
{
	madvise(memory, size, MADV_DONTNEED);
	if (posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED))
		errx(1, "fadvise");
}

static void *use(void *arg)
{
	uint32_t n = 0;
	int ret;

	while (!over) {
		xe_store(&space, va + (n * 37 % (size / PAGE)) * PAGE, n + 1);
		n++;
		ret = xe_submit(&space, 0);
		if (!ret)
			ret = xe_wait(&space, 120);
		if (ret == -ECANCELED) {
			bans++;
			xe_queue_free(&space);
			ret = xe_queue_new(&space);
		} else if (!ret) {
			writes++;
		}
		if (ret)
			errx(1, "GPU: %s", strerror(-ret));
		if (file >= 0)
			drop();
	}
	return arg;
}

static void start(void)
{
	struct drm_xe_engine_class_instance engine = {
		.engine_class = DRM_XE_ENGINE_CLASS_COMPUTE,
	};
	int ret = xe_open();

	if (*how == '/') {
		file = open(how, O_RDWR);
		if (file < 0)
			err(1, "%s", how);
	}
	memory = mmap((void *)MEMORY, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_FIXED_NOREPLACE |
			      (file < 0 ? MAP_ANONYMOUS : 0),
		      file, 0);
	if (memory == MAP_FAILED)
		err(1, "memory");
	madvise(memory, size, MADV_RANDOM); /* no read-ahead */
	if (!ret)
		ret = xe_space_new(&space, XE_FAULT_MODE, &engine);
	if (!ret && mirrored)
		ret = xe_bind(&space, DRM_XE_VM_BIND_OP_MAP,
			      DRM_XE_VM_BIND_FLAG_CPU_ADDR_MIRROR, 0, NULL, va,
			      size);
	else if (!ret)
		ret = xe_bind(&space, DRM_XE_VM_BIND_OP_MAP_USERPTR, 0, 0,
			      memory, va, size);
	if (ret)
		errx(1, "bind: %s", strerror(-ret));
}

static void begin_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	if (pthread_create(thread, NULL, run, arg))
		errx(1, "thread");
}

/* Returns the number of threads. */
static int begin_changes(pthread_t threads[2])
{
	begin_thread(&threads[0], change, NULL);
	if (*how != 's')
		return 1;
	begin_thread(&threads[1], change, threads);
	return 2;
}

static unsigned int since(double start)
{
	return (unsigned int)((xe_now() - start) * 1e6);
}

static int compare(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

static void print(const char *what, struct times *t)
{
	qsort(t->us, t->n, sizeof(t->us[0]), compare);
	printf("%s: %u times, median %u us, max %u us\n", what, t->n,
	       t->us[t->n / 2], t->us[t->n - 1]);
}

static bool more(const struct times *t, double end)
{
	return t->n < MOST && (t->n < LEAST || xe_now() < end);
}

static void time_binds(double seconds)
{
	static struct times bind, unbind;
	double end, begin;
	uint32_t bo;
	void *map;
	int ret;

	ret = xe_bo_new(OBJECT_SIZE, XE_SYSTEM, &bo, &map);
	end = xe_now() + seconds;
	while (!ret && more(&bind, end)) {
		begin = xe_now();
		ret = xe_bind(&space, DRM_XE_VM_BIND_OP_MAP, 0, bo, NULL,
			      OBJECT, OBJECT_SIZE);
		bind.us[bind.n++] = since(begin);
		if (ret)
			break;
		begin = xe_now();
		ret = xe_bind(&space, DRM_XE_VM_BIND_OP_UNMAP, 0, 0, NULL,
			      OBJECT, OBJECT_SIZE);
		unbind.us[unbind.n++] = since(begin);
		usleep(1000);
	}
	if (ret)
		errx(1, "bind: %s", strerror(-ret));
	print("bind", &bind);
	print("unbind", &unbind);
}

static void time_execs(double seconds)
{
	static struct times exec, job;
	struct xe_space plain;
	double end, begin;
	int ret = xe_space_new(&plain, 0, &space.engine);

	end = xe_now() + seconds;
	while (!ret && more(&exec, end)) {
		begin = xe_now();
		ret = xe_submit(&plain, 0);
		exec.us[exec.n++] = since(begin);
		if (!ret)
			ret = xe_wait(&plain, 120);
		job.us[job.n++] = since(begin);
		usleep(1000);
	}
	if (ret)
		errx(1, "exec: %s", strerror(-ret));
	print("exec", &exec);
	print("job", &job);
}

static void time_calls(double seconds)
{
	pthread_t threads[3];
	int n;

	start();
	n = begin_changes(threads);
	begin_thread(&threads[n], use, NULL);
	time_binds(seconds);
	time_execs(seconds);
	over = true;
	do {
		pthread_join(threads[n], NULL);
	} while (n--);
	printf("%u changes, %u writes, %u bans\n", changes, writes, bans);
}

/* The process that will be killed; FD is told when it is ready. */
static void be_killed(int fd)
{
	pthread_t threads[2];
	int ret;

	start();
	begin_changes(threads);
	if (file >= 0)
		drop();
	xe_store(&space, va, 1);
	ret = xe_submit(&space, 0);
	if (ret)
		errx(1, "GPU: %s", strerror(-ret));
	munmap(space.work, XE_WORK_SIZE);
	if (write(fd, "", 1) == 1)
		pause();
	_exit(1);
}

static void time_exits(double seconds)
{
	static struct times exits;
	double end = xe_now() + seconds, begin;
	int ready[2];
	char c;
	pid_t pid;

	while (more(&exits, end)) {
		if (pipe(ready))
			err(1, "pipe");
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (!pid)
			be_killed(ready[1]);
		close(ready[1]);
		if (read(ready[0], &c, 1) != 1)
			errx(1, "a process did not start");
		close(ready[0]);
		usleep(100000 + rand() % 100000);
		begin = xe_now();
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		exits.us[exits.n++] = since(begin);
	}
	print("exit", &exits);
}

int contended_main(int argc, char **argv)
{
	double seconds;

	if (argc < 4)
		errx(2, "usage: xe-client contended HOW SECONDS [MIB [svm]]");
	how = argv[2];
	seconds = atof(argv[3]);
	size = (argc > 4 ? strtoul(argv[4], NULL, 0) : 16) << 20;
	mirrored = argc > 5;
	if (mirrored)
		va = MEMORY;
	time_exits(seconds); /* it forks, so there may be no threads yet */
	time_calls(seconds);
	return 0;
}
