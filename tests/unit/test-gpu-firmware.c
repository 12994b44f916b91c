// SPDX-License-Identifier: GPL-2.0
/*
 * Checks the stub of the GuC's firmware as xe does (see parse_css_header() and uc_fw_rsa
 * in drivers/gpu/drm/xe/xe_uc_fw.c).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define main mkfw_main
#include "../gpu/mkfw.c"
#undef main

#define MINIMUM VERSION(70, 29, 2)

static uint32_t fw[4096];
static size_t size;

static int setup(void **state)
{
	char name[] = "/tmp/mkfw.XXXXXX";
	int fd = mkstemp(name);
	ssize_t n;

	if (fd < 0 || mkfw_main(2, (char *[]){ "mkfw", name, NULL }))
		return -1;
	n = read(fd, fw, sizeof(fw));
	close(fd);
	unlink(name);
	size = n;
	return n <= 0 || size == sizeof(fw);
}

static void sizes(void **state)
{
	uint32_t header = fw[1], all = fw[6], key = fw[7], modulus = fw[8],
		 exponent = fw[9];
	uint32_t rsa;

	assert_int_equal((header - key - modulus - exponent) * 4, 128);
	assert_true(all > header);
	rsa = key * 4;
	assert_true(size >= 128 + (all - header) * 4 + rsa);
	assert_int_equal(rsa, 256); /* a longer one would go through the GGTT */
}

static void contents(void **state)
{
	uint32_t sub = fw[17];

	assert_int_equal(fw[0], 6);
	assert_int_equal(fw[4], 0x8086);
	assert_true(fw[16] >= MINIMUM && fw[16] >> 24 == 0);
	assert_int_equal(fw[16] >> 16, 70);
	assert_true(sub >= VERSION(1, 18, 4) && sub >> 16 == 1);
	assert_true(fw[30] && !(fw[30] % 4096));
	assert_int_equal(fw[31], 0); /* the only supported type of header */
	assert_true(size <= 1 << 20);
}

static void refusals(void **state)
{
	int out = dup(2), null = open("/dev/null", 1);

	dup2(null, 2);
	assert_int_equal(mkfw_main(1, (char *[]){ "mkfw", NULL }), 2);
	assert_int_equal(
		mkfw_main(2, (char *[]){ "mkfw", "/dev/null/x", NULL }), 2);
	dup2(out, 2);
	close(out);
	close(null);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(contents),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
