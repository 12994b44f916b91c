// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: The files of the system
 *
 * With OUTRIGGER_ROOT=DIR in the environment, for tests, all paths are below that
 * directory, and no module is loaded or removed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

extern char **environ;

static const char *root(void)
{
	const char *r = getenv("OUTRIGGER_ROOT");

	return r ? r : "";
}

/* All paths are built in buffers of PATH_MAX bytes. */
bool root_fits(void)
{
	return strlen(root()) < PATH_MAX / 2;
}

bool real_root(void)
{
	return !*root();
}

static const char *path_of(char *buf, const char *fmt, va_list ap)
{
	int n = snprintf(buf, PATH_MAX, "%s", root());

	vsnprintf(buf + n, PATH_MAX - n, fmt, ap);
	return buf;
}

/* @buf has PATH_MAX bytes. */
const char *at_root(char *buf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	path_of(buf, fmt, ap);
	va_end(ap);
	return buf;
}

/* Reads what fits, without a trailing newline. Returns its length or -errno. */
static int slurp(char *buf, size_t size, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, have = 0;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + have, size - 1 - have)) > 0)
		have += n;
	if (n < 0)
		have = -errno;
	close(fd);
	if (have < 0)
		return have;
	if (have && buf[have - 1] == '\n')
		have--;
	buf[have] = '\0';
	return have;
}

int file_read(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	return slurp(buf, size, path);
}

bool file_number(long long *n, const char *fmt, ...)
{
	char path[PATH_MAX], text[32], *end;
	va_list ap;
	int len;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	*n = 0;
	len = slurp(text, sizeof(text), path);
	errno = len < 0 ? -len : 0;
	if (len <= 0)
		return false;
	*n = strtoll(text, &end, 10);
	return !*end;
}

/* Returns 0 or -errno. Only for existing files, such as those in /sys. */
int file_write(const char *text, const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;
	int fd, ret = 0;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

bool file_there(const char *fmt, ...)
{
	char path[PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	path_of(path, fmt, ap);
	va_end(ap);
	return !access(path, F_OK);
}

const char *kernel_release(void)
{
	static char release[sizeof(((struct utsname *)NULL)->release)];
	struct utsname u;

	if (file_read(release, sizeof(release), "/proc/sys/kernel/osrelease") <=
		    0 &&
	    !uname(&u))
		strcpy(release, u.release);
	return release;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int run(char *buf, size_t size, const char *const *argv)
{
	posix_spawn_file_actions_t to;
	size_t have = 0;
	int fds[2], status = -1, err;
	char rest[4096];
	ssize_t n;
	pid_t pid;

	buf[0] = '\0';
	if (pipe2(fds, O_CLOEXEC))
		return -1;
	posix_spawn_file_actions_init(&to);
	posix_spawn_file_actions_adddup2(&to, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&to, fds[1], STDERR_FILENO);
	err = posix_spawnp(&pid, argv[0], &to, NULL, (char **)argv, environ);
	posix_spawn_file_actions_destroy(&to);
	close(fds[1]);
	if (err) {
		close(fds[0]);
		return -1;
	}
	while (have < size - 1 &&
	       (n = read(fds[0], buf + have, size - 1 - have)) > 0)
		have += n;
	buf[have] = '\0';
	while (read(fds[0], rest, sizeof(rest)) > 0)
		;
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
