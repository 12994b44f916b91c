// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of a test machine: statically linked, and the only program in its initramfs.
 *
 * It loads the modules that the root disk needs, stacks a tmpfs and the
 * package's layer on the root file system (both images stay read-only), runs
 * /job/run there, and reports the outcome on the result channel. It writes "ok"
 * last, just before it powers off: after a crash, a hang or a panic the "ok" is
 * missing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int result = -1; /* the result channel, a file on the host */
static volatile sig_atomic_t late;

static void say(const char *fmt, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	if (write(result < 0 ? STDERR_FILENO : result, line, n) != n)
		_exit(1); /* the kernel panics, which the host notices */
}

static void die(const char *what)
{
	say("init: %s: %s", what, strerror(errno));
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void mount_at(const char *src, const char *dir, const char *type,
		     unsigned long flags, const char *data)
{
	mkdir(dir, 0755);
	if (mount(src, dir, type, flags, data))
		die(dir);
}

static void load_modules(void)
{
	FILE *list = fopen("/modules/list", "r");
	char name[128];

	if (!list)
		die("/modules/list");
	while (fscanf(list, "%127s", name) == 1) {
		int fd = open(name, O_RDONLY | O_CLOEXEC);

		/* ignore modules for hardware that this machine lacks */
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) &&
			       errno != EEXIST && errno != ENODEV))
			die(name);
		close(fd);
	}
	fclose(list);
}

static bool sysfs_is(const char *dir, const char *name, const char *file,
		     const char *want)
{
	char path[512], got[64] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s/%s", dir, name, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, got, sizeof(got) - 1);
	close(fd);
	got[n > 0 ? n : 0] = 0;
	got[strcspn(got, "\n")] = 0;
	return !strcmp(got, want);
}

/* Find the device in sysfs directory @dir whose attribute @file reads @want. */
static bool find(const char *dir, const char *file, const char *want, char *dev,
		 size_t size)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	bool found = false;

	while (d && !found && (e = readdir(d))) {
		found = e->d_name[0] != '.' &&
			sysfs_is(dir, e->d_name, file, want);
		if (found)
			snprintf(dev, size, "/dev/%s", e->d_name);
	}
	if (d)
		closedir(d);
	return found;
}

/* Virtio disks and ports appear some time after their driver was loaded. */
static bool find_soon(const char *dir, const char *file, const char *want,
		      char *dev, size_t size)
{
	for (int i = 0; i < 1000; i++) {
		if (find(dir, file, want, dev, size))
			return true;
		usleep(10000);
	}
	return false;
}

static int port(const char *name)
{
	char dev[300];
	int fd;

	if (!find_soon("/sys/class/virtio-ports", "name", name, dev,
		       sizeof(dev)))
		die(name);
	fd = open(dev, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		die(dev);
	return fd;
}

static void mount_root(void)
{
	const char *lower =
		"lowerdir=/base,upperdir=/rw/upper,workdir=/rw/work";
	char dev[300];

	if (!find_soon("/sys/block", "serial", "root", dev, sizeof(dev)))
		die("no root disk");
	mount_at(dev, "/base", "ext4", MS_RDONLY, NULL);
	if (getenv("OUTRIGGER_LAYER")) {
		if (!find_soon("/sys/block", "serial", "layer", dev,
			       sizeof(dev)))
			die("no layer disk");
		mount_at(dev, "/layer", "ext4", MS_RDONLY, NULL);
		lower = "lowerdir=/layer:/base,upperdir=/rw/upper,workdir=/rw/work";
	}
	mount_at("none", "/rw", "tmpfs", 0, NULL);
	mkdir("/rw/upper", 0755);
	mkdir("/rw/work", 0755);
	mount_at("none", "/root", "overlay", 0, lower);

	mount_at("/job", "/root/job", NULL, MS_BIND, NULL);
	mount_at("/proc", "/root/proc", NULL, MS_MOVE, NULL);
	mount_at("/sys", "/root/sys", NULL, MS_MOVE, NULL);
	mount_at("/dev", "/root/dev", NULL, MS_MOVE, NULL);
	mount_at("none", "/root/run", "tmpfs", 0, "mode=755");
	mount_at("none", "/root/tmp", "tmpfs", 0, "mode=1777");
	mount_at("none", "/root/dev/shm", "tmpfs", 0, "mode=1777");
	mount_at("none", "/root/dev/pts", "devpts", 0, NULL);
	if (chdir("/root") || mount(".", "/", NULL, MS_MOVE, NULL) ||
	    chroot(".") || chdir("/"))
		die("/root");
}

/*
 * File descriptors of the script: 1 and 2 are its output; 3 takes the
 * acknowledgements that must survive a crash (a write returns when the host has
 * it); 4 is the result channel, on which only crash_now writes.
 */
static pid_t run(void)
{
	int acks = port("acks"), out = port("output"), tty;
	pid_t pid = fork();

	if (pid)
		return pid;
	setsid();
	if (getenv("OUTRIGGER_SHELL")) {
		tty = open("/dev/ttyS0", O_RDWR);
		ioctl(tty, TIOCSCTTY, 1);
		dup2(tty, 0);
		dup2(tty, 1);
		dup2(tty, 2);
	} else {
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out, 1);
		dup2(out, 2);
	}
	/* move both out of the way first: they may be 3 or 4 themselves */
	acks = fcntl(acks, F_DUPFD, 10);
	tty = fcntl(result, F_DUPFD, 10);
	dup2(acks, 3);
	dup2(tty, 4);
	close(acks);
	close(tty);
	execl("/job/run", "run", NULL);
	perror("/job/run");
	_exit(127);
}

static void on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

static void poke_sysrq(const char *keys)
{
	int fd = open("/proc/sysrq-trigger", O_WRONLY);

	for (; fd >= 0 && *keys; keys++)
		if (write(fd, keys, 1) != 1)
			break;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	const char *timeout;
	int status = 0;
	pid_t script, pid;

	mount_at("none", "/proc", "proc", 0, NULL);
	mount_at("none", "/sys", "sysfs", 0, NULL);
	mount_at("none", "/dev", "devtmpfs", 0, NULL);
	setenv("PATH",
	       "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	       1);
	load_modules();
	result = port("result");
	mount_root();
	say("start");

	sigaction(SIGALRM, &sa, NULL);
	timeout = getenv("OUTRIGGER_TIMEOUT");
	if (timeout)
		alarm(atoi(timeout));
	script = run();
	do {
		pid = wait(&status);
		if (late) {
			/* log the blocked tasks to the console, then reset */
			poke_sysrq("wl");
			say("timeout");
			sleep(1);
			poke_sysrq("b");
		}
	} while (pid != script);

	kill(-1, SIGTERM);
	usleep(200000);
	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	sync();
	if (WIFEXITED(status))
		say("exit %d", WEXITSTATUS(status));
	else
		say("signal %d", WTERMSIG(status));
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		say("ok");
	reboot(RB_POWER_OFF);
	return 1;
}
