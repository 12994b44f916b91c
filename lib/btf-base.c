// SPDX-License-Identifier: GPL-2.0
#include "btf-base.h"

#include <errno.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "ko.h"

static bool is_raw_btf(const char *path)
{
	unsigned char magic[2] = { 0 };
	FILE *f = fopen(path, "r");
	size_t n;

	if (!f)
		die("the base BTF %s can't be opened: %s", path,
		    strerror(errno));
	n = fread(magic, 1, sizeof(magic), f);
	fclose(f);
	return n == 2 && magic[0] == (BTF_MAGIC & 0xff) &&
	       magic[1] == BTF_MAGIC >> 8;
}

struct btf *btf_base_open(const char *path)
{
	struct btf *btf;
	Elf_Data *data;
	struct ko ko;

	if (is_raw_btf(path)) {
		btf = btf__parse_raw(path);
	} else {
		if (ko_open(&ko, path))
			exit(1);
		data = ko_data(&ko, ".BTF");
		if (!data)
			die("%s has no .BTF section", path);
		btf = btf__new(data->d_buf, data->d_size);
		ko_close(&ko);
	}
	if (!btf)
		die("the BTF of %s can't be read: %s", path, strerror(errno));
	return btf;
}
