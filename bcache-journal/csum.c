// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: checksums on kernels whose crc64_be() takes one byte at a time
 *
 * That function needs 90 us for a jset of 32 KiB, and more than a millisecond for 512 KiB.
 * Since 6.15, the kernel has a fast one for x86 (CONFIG_CRC64_ARCH), and this file is not
 * built.
 */

#include <linux/crc64.h>
#include <linux/sizes.h>

#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

#include "crc64.h"
#include "journal.h"

/* With less data, saving the registers of the FPU takes longer than the tables do. */
#define PCLMUL_MIN SZ_512

/* Bytes for which preemption may be disabled: a few microseconds. */
#define PCLMUL_MAX SZ_32K

static bool fast __ro_after_init, has_pclmul __ro_after_init;

/* The registers are those of user space, and of whoever else computes in the kernel. */
static u64 by_pclmul(u64 crc, const void *data, size_t bytes)
{
	kernel_fpu_begin();
	crc = crc64_by_pclmul(crc, data, bytes);
	kernel_fpu_end();
	return crc;
}

/**
 * csum_init - choose the way to compute checksums, before the first hook can run
 */
void __init csum_init(void)
{
	has_pclmul = boot_cpu_has(X86_FEATURE_PCLMULQDQ) &&
		     boot_cpu_has(X86_FEATURE_SSSE3);
	fast = crc64_init(crc64_be, has_pclmul ? by_pclmul : NULL);
	if (!fast)
		pr_err("the fast checksum differs from the kernel's, which is used instead\n");
}

/**
 * bj_crc64 - the same as crc64_be(), but fast
 * @crc: seed, or the result for the data before
 * @data: the data
 * @bytes: its length
 *
 * Any context: where the FPU can't be used, as in an interrupt that has interrupted another
 * user of it, the tables are. Does not sleep.
 *
 * Return: the CRC.
 */
u64 bj_crc64(u64 crc, const void *data, size_t bytes)
{
	if (unlikely(!fast))
		return crc64_be(crc, data, bytes);

	while (bytes >= PCLMUL_MIN && has_pclmul && irq_fpu_usable()) {
		size_t n = min_t(size_t, bytes, PCLMUL_MAX);

		crc = by_pclmul(crc, data, n);
		data += n;
		bytes -= n;
	}
	return crc64_by_table(crc, data, bytes);
}
