// SPDX-License-Identifier: GPL-2.0
/*
 * mkfw - write a stub of the GuC's firmware.
 *
 * It contains no code: the model does the work of the firmware. The driver checks the
 * header (struct uc_css_header of drivers/gpu/drm/xe/xe_uc_fw_abi.h) and the sizes:
 * 128 bytes of header, then the code, then an RSA signature.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define VERSION(major, minor, patch) ((major) << 16 | (minor) << 8 | (patch))

enum {
	KEY = 64,
	MODULUS = 64,
	EXPONENT = 1,
	CODE = 1024,
	HEADER = 32 + KEY + MODULUS + EXPONENT,
};

int main(int argc, char **argv)
{
	static uint32_t fw[32 + CODE + KEY + MODULUS + EXPONENT];
	FILE *f;

	if (argc != 2) {
		fputs("usage: mkfw FILE\n", stderr);
		return 2;
	}
	fw[0] = 6; /* module type */
	fw[1] = HEADER; /* in dwords, like all sizes here */
	fw[2] = 0x10000; /* header version */
	fw[4] = 0x8086; /* vendor */
	fw[5] = 0x20260101; /* date */
	fw[6] = HEADER + CODE;
	fw[7] = KEY;
	fw[8] = MODULUS;
	fw[9] = EXPONENT;
	memcpy(&fw[11], "stub", 4);
	fw[16] = VERSION(70, 53, 0);
	fw[17] = VERSION(1, 20, 0); /* version of the submission interface */
	fw[30] = 0x1000; /* size of the private data in bytes */
	f = fopen(argv[1], "w");
	if (!f || fwrite(fw, sizeof(fw), 1, f) != 1 || fclose(f)) {
		perror(argv[1]);
		return 2;
	}
	return 0;
}
