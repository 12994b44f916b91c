// SPDX-License-Identifier: GPL-2.0
/*
 * Counts calls of functions with BPF, attached in the ways that bpftrace uses.
 *
 *   bpf-count MODULE KINDS FUNCTION...
 *
 * KINDS is a list of fentry, fexit, multi (kprobe.multi) and multi-return, in one argument.
 * Prints an empty line once all probes are set; then, for each line of standard input, a
 * line "FUNCTION KIND CALLS" for each probe, and an empty line. The probes are removed when
 * it exits.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <err.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX 64

static int map;
static struct btf *btf;
static int btf_fd;

/* The kernel asks for the BTF of a module by an fd, which libbpf keeps to itself. */
static void find_btf(const char *module)
{
	__u32 id = 0;

	btf = btf__load_module_btf(module, btf__load_vmlinux_btf());
	if (!btf)
		err(1, "BTF of %s", module);
	while (!bpf_btf_get_next_id(id, &id)) {
		char name[64] = "";
		struct bpf_btf_info info = { .name = (uintptr_t)name,
					     .name_len = sizeof(name) };
		__u32 len = sizeof(info);

		btf_fd = bpf_btf_get_fd_by_id(id);
		if (btf_fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(btf_fd, &info, &len) &&
		    !strcmp(name, module))
			return;
		close(btf_fd);
	}
	errx(1, "the kernel has no BTF of %s", module);
}

/* Load a program that adds 1 to the counter @slot: BPF needs no compiler for that. */
static int load(int slot, enum bpf_prog_type type,
		struct bpf_prog_load_opts *opts)
{
	const struct bpf_insn add[] = {
		{ BPF_LD | BPF_DW | BPF_IMM, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, 0,
		  map },
		{ 0, 0, 0, 0, slot * 8 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, 1 },
		{ BPF_STX | BPF_ATOMIC | BPF_DW, BPF_REG_1, BPF_REG_2, 0,
		  BPF_ADD },
		{ BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	int fd = bpf_prog_load(type, "count", "GPL", add,
			       sizeof(add) / sizeof(*add), opts);

	if (fd < 0)
		err(1, "cannot load the program");
	return fd;
}

static void trace(int slot, enum bpf_attach_type type, const char *function)
{
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);

	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = type,
		    .attach_btf_obj_fd = btf_fd, .attach_btf_id = id);

	if (id < 0)
		errx(1, "%s is not in the BTF", function);
	if (bpf_raw_tracepoint_open(NULL, load(slot, BPF_PROG_TYPE_TRACING,
					       &opts)) < 0)
		err(1, "fentry or fexit of %s", function);
}

static void multi(int slot, int flags, const char *function)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_TRACE_KPROBE_MULTI);
	LIBBPF_OPTS(bpf_link_create_opts, link, .kprobe_multi.syms = &function,
		    .kprobe_multi.cnt = 1, .kprobe_multi.flags = flags);

	if (bpf_link_create(load(slot, BPF_PROG_TYPE_KPROBE, &opts), 0,
			    BPF_TRACE_KPROBE_MULTI, &link) < 0)
		err(1, "kprobe.multi of %s", function);
}

static void set(int slot, const char *kind, const char *function)
{
	if (!strcmp(kind, "fentry"))
		trace(slot, BPF_TRACE_FENTRY, function);
	else if (!strcmp(kind, "fexit"))
		trace(slot, BPF_TRACE_FEXIT, function);
	else if (!strcmp(kind, "multi"))
		multi(slot, 0, function);
	else if (!strcmp(kind, "multi-return"))
		multi(slot, BPF_F_KPROBE_MULTI_RETURN, function);
	else
		errx(2, "no kind %s", kind);
}

int main(int argc, char *argv[])
{
	const char *kinds[MAX], *functions[MAX];
	uint64_t calls[MAX];
	char line[16], *kind;
	int n = 0, zero = 0, i;

	if (argc < 4)
		errx(2, "usage: bpf-count MODULE KINDS FUNCTION...");
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "calls", 4, sizeof(calls), 1,
			     NULL);
	if (map < 0)
		err(1, "cannot create the map");
	find_btf(argv[1]);
	for (kind = strtok(argv[2], " "); kind; kind = strtok(NULL, " ")) {
		for (i = 3; i < argc; i++) {
			if (n == MAX)
				errx(2, "too many probes");
			set(n, kind, argv[i]);
			kinds[n] = kind;
			functions[n++] = argv[i];
		}
	}
	do {
		putchar('\n');
		fflush(stdout);
		if (!fgets(line, sizeof(line), stdin))
			return 0;
		if (bpf_map_lookup_elem(map, &zero, calls))
			err(1, "cannot read the map");
		for (i = 0; i < n; i++)
			printf("%s %s %" PRIu64 "\n", functions[i], kinds[i],
			       calls[i]);
	} while (1);
}
