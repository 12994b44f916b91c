// SPDX-License-Identifier: GPL-2.0
/*
 * xe-gpu - an emulated Intel Xe2 GPU for one QEMU, with a ledger.
 *
 * Serves a vfio-user socket until QEMU disconnects, then prints its counters.
 * Exit status: 0 the run was clean, 1 a rule was broken, 2 it could not serve.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gpu.h"

static void report_to(struct gpu *gpu, FILE *f, bool clean)
{
	unsigned int i;

	for (i = 0; i < COUNTERS; i++)
		fprintf(f, "%s=%llu\n", counter_name[i],
			(unsigned long long)gpu_count(gpu, i));
	fprintf(f,
		"retries_max=%u\ntlb_hits=%llu\ntlb_fills=%llu\ntlb_late=%llu\ninterrupts=%llu\n",
		gpu->retries,
		(unsigned long long)(gpu->gt[0]->tlb.hits +
				     gpu->gt[1]->tlb.hits),
		(unsigned long long)(gpu->gt[0]->tlb.fills +
				     gpu->gt[1]->tlb.fills),
		(unsigned long long)(gpu->gt[0]->tlb.late +
				     gpu->gt[1]->tlb.late),
		(unsigned long long)gpu->irq.raised);
	for (i = 0; i < COUNT_RULES; i++)
		if (gpu_count(gpu, i) != gpu->expected[i])
			fprintf(f, "broken=%s %llu, expected %llu\n",
				counter_name[i],
				(unsigned long long)gpu_count(gpu, i),
				(unsigned long long)gpu->expected[i]);
	fprintf(f, "verdict=%s\n", clean ? "clean" : "broken");
}

static bool report(struct gpu *gpu)
{
	bool clean = true;
	unsigned int i;
	FILE *f;

	judge_settle(gpu);
	/* Faults that are still open never got their reply. */
	for (i = 0; i < GTS; i++)
		gpu->count[COUNT_MISSING] += gpu->gt[i]->ledger.open;
	for (i = 0; i < COUNT_RULES; i++)
		clean &= gpu_count(gpu, i) == gpu->expected[i];
	report_to(gpu, stdout, clean);
	fflush(stdout);
	if (gpu->opt.report) {
		f = fopen(gpu->opt.report, "w");
		if (f) {
			report_to(gpu, f, clean);
			fclose(f);
		}
	}
	return clean;
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	unlink(path);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 1)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void usage(FILE *f)
{
	fputs("usage: xe-gpu --socket PATH [option...]\n"
	      "  --socket PATH      socket for QEMU's vfio-user-pci\n"
	      "  --control PATH     socket for commands of tests\n"
	      "  --device lnl|bmg   Lunar Lake (default), or Battlemage with 1 GiB of VRAM\n"
	      "  --media on|off     have a media GT, as GT1 (default on)\n"
	      "  --log FILE         write a trace\n"
	      "  --verbose N        trace 1 anomalies, 2 messages, 3 registers, 4 instructions\n"
	      "  --report FILE      write the ledger, which is also printed, to FILE at the end\n"
	      "  --delay-us N       random delays of 0..N us in the GPU's threads (default 200)\n"
	      "  --rate N           each GuC reads N H2G messages per second (default: no limit)\n"
	      "  --seed N           seed of the random numbers\n",
	      f);
}

static int options(int argc, char **argv, struct options *opt)
{
	static const struct option long_options[] = {
		{ "socket", 1, NULL, 's' },   { "control", 1, NULL, 'c' },
		{ "device", 1, NULL, 'd' },   { "media", 1, NULL, 'm' },
		{ "log", 1, NULL, 'l' },      { "report", 1, NULL, 'r' },
		{ "delay-us", 1, NULL, 'u' }, { "rate", 1, NULL, 'R' },
		{ "seed", 1, NULL, 'S' },     { "verbose", 1, NULL, 'v' },
		{ "help", 0, NULL, 'h' },     { 0 },
	};
	int o;

	*opt = (struct options){
		.media = true, .delay_us = 200, .verbose = 2, .seed = 1
	};
	while ((o = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (o) {
		case 's':
			opt->socket = optarg;
			break;
		case 'c':
			opt->control = optarg;
			break;
		case 'd':
			if (strcmp(optarg, "lnl") && strcmp(optarg, "bmg"))
				return -1;
			opt->discrete = !strcmp(optarg, "bmg");
			break;
		case 'm':
			opt->media = !strcmp(optarg, "on");
			break;
		case 'l':
			opt->log = optarg;
			break;
		case 'r':
			opt->report = optarg;
			break;
		case 'u':
			opt->delay_us = strtoul(optarg, NULL, 0);
			break;
		case 'R':
			opt->rate = strtoul(optarg, NULL, 0);
			break;
		case 'S':
			opt->seed = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			opt->verbose = atoi(optarg);
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			return -1;
		}
	}
	return opt->socket && optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct control *control = NULL;
	int listener, fd, served = -1;
	struct options opt;
	struct gpu *gpu;
	bool clean;

	if (options(argc, argv, &opt)) {
		usage(stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	gpu = gpu_new(&opt);
	if (!gpu) {
		fputs("xe-gpu: not enough memory\n", stderr);
		return 2;
	}
	if (opt.log) {
		gpu->log = fopen(opt.log, "w");
		if (!gpu->log)
			fprintf(stderr, "xe-gpu: %s: %s\n", opt.log,
				strerror(errno));
	}
	listener = listen_at(opt.socket);
	if (listener < 0) {
		fprintf(stderr, "xe-gpu: %s: %s\n", opt.socket,
			strerror(errno));
		return 2;
	}
	if (opt.control) {
		control = control_start(gpu, opt.control);
		if (!control) {
			fprintf(stderr, "xe-gpu: %s: %s\n", opt.control,
				strerror(errno));
			return 2;
		}
	}
	if (gpu_start(gpu)) {
		fputs("xe-gpu: cannot start the threads\n", stderr);
		return 2;
	}
	fd = accept(listener, NULL, NULL);
	close(listener);
	unlink(opt.socket);
	if (fd >= 0) {
		served = vfio_user_serve(gpu, fd);
		close(fd);
	}
	gpu_stop(gpu);
	if (control)
		control_stop(control);
	clean = report(gpu);
	if (gpu->log)
		fclose(gpu->log);
	gpu->log = NULL;
	gpu_free(gpu);
	return served ? 2 : !clean;
}
