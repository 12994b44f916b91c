/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: messages of the GuC, decoded and encoded
 *
 * This file, guc_abi.h and decode.c are pure: the kernel module, the unit tests
 * and the fuzzer compile the very same text. Nothing here allocates, sleeps,
 * logs or takes a lock, so all of it may be called from any context.
 */
#ifndef XE_PAGEFAULT_DECODE_H
#define XE_PAGEFAULT_DECODE_H

#include <linux/types.h>

#ifndef __KERNEL__
#include <stdbool.h>
#include <stddef.h>

typedef __u64 u64;
typedef __u32 u32;
typedef __u16 u16;
typedef __u8 u8;
#endif

#include "guc_abi.h"

enum pagefault_access {
	PAGEFAULT_READ = PFD_ACCESS_READ,
	PAGEFAULT_WRITE = PFD_ACCESS_WRITE,
	PAGEFAULT_ATOMIC = PFD_ACCESS_ATOMIC,
	PAGEFAULT_ACCESSES,
};

/**
 * struct pagefault - a page fault as the GuC reports it
 * @addr:	address of the 4 KiB page in the address space @asid
 * @asid:	address space: names a VM of the device
 * @vfid:	virtual function, 0 is the physical one
 * @level:	level of the page table that lacked an entry
 * @access:	enum pagefault_access
 * @trva_fault:	in the address range of tiled resources (TRVA), whose tables are
 *		user space's own
 * @pdata:	what the GuC knows the fault by; handed back in the reply
 * @engine_instance: instance within the class
 * @engine_class: class in the hardware's numbers
 * @type:	PFD_TYPE_*: not present, write or atomic access violation
 * @prefetch:	asked for ahead of use: nothing waits for it
 *
 * As large as the descriptor, since the pool of a GT has PFD_PDATA_SPACE of them.
 */
struct pagefault {
	u64 addr;
	u32 asid : 20;
	u32 vfid : 6;
	u32 level : 3;
	u32 access : 2;
	u32 trva_fault : 1;
	u16 pdata;
	u16 engine_instance : 6;
	u16 engine_class : 3;
	u16 type : 2;
	u16 prefetch : 1;
};

_Static_assert(sizeof(struct pagefault) == 16, "a fault has grown");

/**
 * struct access_counter - a notification that the GPU touches a range often
 * @base:	start of the range, aligned to 128 KiB
 * @range:	its length in bytes, one of four
 * @sub_granularity: bit n: the n-th of its 32 blocks was touched; never 0
 * @asid:	address space
 * @notify:	ACC_NOTIFY, not ACC_TRIGGER: does not ask for migration
 */
struct access_counter {
	u64 base;
	u32 range;
	u32 sub_granularity;
	u32 asid;
	bool notify;
};

enum decode_result {
	DECODE_OK,
	DECODE_LENGTH, /* nothing is decoded */
	DECODE_ACCESS,
	DECODE_GRANULARITY,
	DECODE_BLOCKS,
	DECODE_RANGE,
};

const char *decode_error(enum decode_result result);
enum decode_result pagefault_decode(const u32 *msg, size_t len, bool prefetch,
				    struct pagefault *pf);
void pagefault_reply(const struct pagefault *pf, bool refused,
		     u32 reply[PFR_DWORDS]);
enum decode_result access_counter_decode(const u32 *msg, size_t len,
					 struct access_counter *ac);

/* The first block that was touched: the address to look for a VMA at. */
static inline u64 access_counter_addr(const struct access_counter *ac)
{
	return ac->base + (u64)__builtin_ctz(ac->sub_granularity) *
				  (ac->range / ACC_BLOCKS);
}

#endif
