// SPDX-License-Identifier: GPL-2.0
/*
 * xe-client stuck DIR N [MS [close]]: a process whose GPU waits for memory that does not come.
 *
 * N address spaces have userptrs in a file of a FUSE file system, mounted on DIR, whose
 * server answers no read until the file DIR.go exists. In each, the GPU writes one word.
 * Prints "started", then waits for the GPU, and checks the words. With MS, each read
 * takes that many milliseconds, and the GPU writes again and again until DIR.go exists.
 * With "close", the last address space begins when DIR.last exists, and is closed when
 * DIR.close does.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "xe.h"

#define PAGE 0x1000ul
#define PIECE 0x10000ul /* of the file, for each address space */
#define VA 0x100000000ull
#define PATIENCE 600.0
#define POLL_US 50000
#define FILE_NODE 2

static char
	held[256]; /* while this exists, and go does not, no read is answered */
static char go[256];
static unsigned int delay_ms;
static int file; /* on the FUSE file system */

static void answer(int fd, uint64_t unique, int error, void *data, size_t n)
{
	struct fuse_out_header head = { sizeof(head) + n, error, unique };
	struct iovec v[] = { { &head, sizeof(head) }, { data, n } };

	/* a request may have been interrupted meanwhile */
	if (writev(fd, v, n ? 2 : 1) < 0 && errno != ENOENT)
		err(1, "FUSE reply");
}

static struct fuse_attr attr_of(uint64_t node, size_t size)
{
	return (struct fuse_attr){
		.ino = node,
		.size = node == FILE_NODE ? size : 0,
		.mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void serve_one(int fd, const struct fuse_in_header *in, size_t size)
{
	const struct fuse_read_in *rd = (const void *)(in + 1);
	union {
		struct fuse_init_out init;
		struct fuse_entry_out entry;
		struct fuse_attr_out attr;
		struct fuse_open_out open;
	} out = { 0 };
	static char zeros[1 << 20];

	switch (in->opcode) {
	case FUSE_INIT:
		out.init.major = FUSE_KERNEL_VERSION;
		out.init.minor = 31;
		out.init.max_write = 4096;
		answer(fd, in->unique, 0, &out, sizeof(out.init));
		return;
	case FUSE_LOOKUP:
		out.entry.nodeid = FILE_NODE;
		out.entry.entry_valid = 1000;
		out.entry.attr_valid = 1000;
		out.entry.attr = attr_of(FILE_NODE, size);
		answer(fd, in->unique, 0, &out, sizeof(out.entry));
		return;
	case FUSE_GETATTR:
		out.attr.attr_valid = 1000;
		out.attr.attr = attr_of(in->nodeid, size);
		answer(fd, in->unique, 0, &out, sizeof(out.attr));
		return;
	case FUSE_OPEN:
		out.open.open_flags = FOPEN_KEEP_CACHE;
		answer(fd, in->unique, 0, &out, sizeof(out.open));
		return;
	case FUSE_READ:
		usleep(delay_ms * 1000);
		while (!access(held, F_OK) && access(go, F_OK))
			usleep(POLL_US);
		answer(fd, in->unique, 0, zeros, rd->size);
		return;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
		answer(fd, in->unique, 0, NULL, 0);
		return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	default:
		answer(fd, in->unique, -ENOSYS, NULL, 0);
	}
}

/* The server goes on when the client is killed: that is the point. */
static void serve(int fd, size_t size)
{
	static char in[1 << 20];

	setsid();
	for (;;) {
		if (read(fd, in, sizeof(in)) > 0)
			serve_one(fd, (void *)in, size);
		else if (errno != EINTR && errno != EAGAIN && errno != ENOENT)
			exit(0); /* unmounted */
	}
}

static char *map_file(const char *dir, size_t size)
{
	int dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char text[300];
	char *p;

	mkdir(dir, 0755);
	snprintf(text, sizeof(text),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	if (dev < 0 || mount("stuck", dir, "fuse", 0, text))
		err(1, "FUSE at %s", dir);
	switch (fork()) {
	case -1:
		err(1, "fork");
	case 0:
		serve(dev, size);
	}
	close(dev);

	snprintf(text, sizeof(text), "%s/file", dir);
	file = open(text, O_RDWR);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	if (file < 0 || p == MAP_FAILED)
		err(1, "%s", text);
	madvise(p, size, MADV_RANDOM);
	return p;
}

/* Bind, which gets the pages; drop_all() then gives them back. */
static void bind_all(struct xe_space *s, int n, char *p, size_t size)
{
	struct drm_xe_engine_class_instance engine = {
		.engine_class = DRM_XE_ENGINE_CLASS_COMPUTE,
	};
	int i, ret = xe_open();

	for (i = 0; i < n && !ret; i++) {
		ret = xe_space_new(&s[i], XE_FAULT_MODE, &engine);
		if (!ret)
			ret = xe_bind(&s[i], DRM_XE_VM_BIND_OP_MAP_USERPTR, 0,
				      0, p + i * PIECE, VA, size);
	}
	if (ret)
		errx(1, "space %d: %s", i - 1, strerror(-ret));
}

static void drop_all(char *p, size_t size)
{
	madvise(p, size, MADV_DONTNEED);
	errno = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	if (errno)
		err(1, "fadvise");
}

static int write_all(struct xe_space *s, int n, uint32_t value)
{
	int i, ret = 0;

	for (i = 0; i < n && !ret; i++) {
		xe_store(&s[i], VA, value + i);
		ret = xe_submit(&s[i], 0);
	}
	return ret;
}

static int wait_all(struct xe_space *s, int n, const char *p, uint32_t value)
{
	int i, ret = 0;

	for (i = 0; i < n && !ret; i++) {
		ret = xe_wait(&s[i], PATIENCE);
		if (!ret && *(volatile uint32_t *)(p + i * PIECE) !=
				    value + (uint32_t)i)
			ret = -EIO;
	}
	return ret;
}

/* Wait until the file DIR.NAME exists. */
static void wait_for(const char *dir, const char *name)
{
	char file[256];

	snprintf(file, sizeof(file), "%s.%s", dir, name);
	while (access(file, F_OK))
		usleep(POLL_US);
}

/* The last space comes later, so that the others have their services by then. */
static int close_last(struct xe_space *s, const char *dir, uint32_t value)
{
	int ret;

	wait_for(dir, "last");
	ret = write_all(s, 1, value);
	wait_for(dir, "close");
	return ret ? ret : xe_vm_close(s);
}

int stuck_main(int argc, char **argv)
{
	int n = argc >= 4 ? atoi(argv[3]) : 0, ret;
	struct xe_space *s = calloc(n, sizeof(*s));
	uint32_t value = 0xc0ffee;
	char *p;

	if (n < 1 || !s)
		errx(2, "usage: xe-client stuck DIR N [MS [close]]");
	delay_ms = argc >= 5 ? (unsigned int)atoi(argv[4]) : 0;
	snprintf(held, sizeof(held), "%s.held", argv[2]);
	snprintf(go, sizeof(go), "%s.go", argv[2]);
	p = map_file(argv[2], n * PIECE);
	bind_all(s, n, p, delay_ms ? PAGE : PIECE);

	if (!delay_ms) /* no read is answered from now on */
		close(open(held, O_CREAT | O_WRONLY, 0644));
	drop_all(p, n * PIECE);
	ret = write_all(s, argc >= 6 ? n - 1 : n, value);
	printf("started: %s\n", strerror(-ret));
	fflush(stdout);
	if (!ret && argc >= 6) {
		n--;
		ret = close_last(&s[n], argv[2], value + (uint32_t)n);
	}
	if (!ret)
		ret = wait_all(s, n, p, value);
	while (!ret && delay_ms && access(go, F_OK)) {
		drop_all(p, n * PIECE);
		ret = write_all(s, n, ++value);
		if (!ret)
			ret = wait_all(s, n, p, value);
	}
	printf("ended: %s\n", strerror(-ret));
	return !!ret;
}
