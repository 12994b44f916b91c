// SPDX-License-Identifier: GPL-2.0
/* mkimage NAME FILE: make one of the images of image.h. */
#include <err.h>
#include <stdio.h>

#include "image.h"

int main(int argc, char **argv)
{
	FILE *f;

	if (argc != 3)
		errx(2, "usage: mkimage NAME FILE");
	ti_make(11, 13);
	if (!ti_damage(argv[1]))
		errx(2, "no image %s", argv[1]);
	f = fopen(argv[2], "wb");
	if (!f || fwrite(ti_data, sizeof(ti_data), 1, f) != 1 || fclose(f))
		err(1, "%s", argv[2]);
	return 0;
}
