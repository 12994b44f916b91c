/* SPDX-License-Identifier: GPL-2.0 */
/**
 * DOC: decoding and encoding of GuC messages
 *
 * This file, guc_abi.h and decode.c are pure: the kernel module, the unit tests
 * and the fuzzer all compile the same source. Nothing here allocates, sleeps,
 * logs or takes a lock, so all functions may be called from any context.
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
 * @asid:	address space, identifies a VM of the device
 * @vfid:	virtual function; 0 is the physical function
 * @level:	level of the page table that lacked an entry
 * @access:	enum pagefault_access
 * @trva_fault:	in the address range of tiled resources (TRVA), whose page tables
 *		user space maintains
 * @pdata:	the GuC's identifier of the fault, returned in the reply
 * @engine_instance: instance within the class
 * @engine_class: hardware number of the class
 * @type:	PFD_TYPE_*: not present, write or atomic access violation
 * @prefetch:	the access is a prefetch: nothing waits for it
 *
 * Kept as small as the descriptor, since each GT has a pool of PFD_PDATA_SPACE.
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
 * struct access_counter - a notification that the GPU often accesses a range
 * @base:	start of the range, aligned to 128 KiB
 * @range:	its length in bytes; there are four possible lengths
 * @sub_granularity: bit n is set if block n of the range's 32 was accessed; never 0
 * @asid:	address space
 * @notify:	ACC_NOTIFY, not ACC_TRIGGER: does not request migration
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
	DECODE_LENGTH, /* nothing was decoded */
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
bool access_counter_next(const struct access_counter *ac, u64 *start, u64 *end);

#endif
