/* SPDX-License-Identifier: GPL-2.0 */
#ifndef OUTRIGGER_BTF_BASE_H
#define OUTRIGGER_BTF_BASE_H

#include <bpf/btf.h>

/**
 * btf_base_open - read the kernel's own BTF
 * @path: raw BTF (/sys/kernel/btf/vmlinux), vmlinux, or a kernel image
 *
 * Returns the BTF. If it can't be read, ends the program through die().
 */
struct btf *btf_base_open(const char *path);

#endif
