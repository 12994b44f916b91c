/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bits of the GuC's page-fault and access-counter messages. They are the same in all
 * GuC firmware that stock xe of the vetted kernels loads (70.29 and later); see
 * xe_guc_fwif.h and abi/ of these kernels.
 */
#ifndef XE_PAGEFAULT_GUC_ABI_H
#define XE_PAGEFAULT_GUC_ABI_H

#define GUC_BITS(high, low) ((~0U << (low)) & (~0U >> (31 - (high))))
#define GUC_GET(mask, dw) (((dw) & (mask)) >> __builtin_ctz(mask))
#define GUC_PUT(mask, value) (((u32)(value) << __builtin_ctz(mask)) & (mask))

/* In a ring of the CT, the CT header and the HXG header come before the payload. */
#define CT_HXG 1
#define CT_PAYLOAD 2
/* CT header */
#define CT_FENCE GUC_BITS(31, 16)
#define CT_FORMAT GUC_BITS(15, 12) /* 0 */
#define CT_DWORDS GUC_BITS(7, 0) /* without the CT header */
/* HXG header */
#define HXG_ORIGIN_GUC GUC_BITS(31, 31)
#define HXG_TYPE GUC_BITS(30, 28)
#define HXG_TYPE_EVENT 1
#define HXG_TYPE_FAST_REQUEST 2
#define HXG_ACTION GUC_BITS(15, 0)

/* REPORT_PAGE_FAULT_REQ_DESC, GuC to host */
#define PFD_DWORDS 4
/* dw0 */
#define PFD_LEVEL GUC_BITS(2, 0)
#define PFD_TRVA_FAULT GUC_BITS(18, 18)
#define PFD_ENGINE_INSTANCE GUC_BITS(24, 19)
#define PFD_ENGINE_CLASS GUC_BITS(27, 25)
#define PFD_PDATA_LO GUC_BITS(31, 28)
/* dw1 */
#define PFD_PDATA_HI GUC_BITS(11, 0)
#define PFD_PDATA_HI_SHIFT 4
#define PFD_ASID GUC_BITS(31, 12)
/* dw2 */
#define PFD_ACCESS GUC_BITS(1, 0)
#define PFD_ACCESS_READ 0
#define PFD_ACCESS_WRITE 1
#define PFD_ACCESS_ATOMIC 2
#define PFD_TYPE GUC_BITS(3, 2)
#define PFD_TYPE_NOT_PRESENT 0
#define PFD_TYPE_WRITE_VIOLATION 1
#define PFD_TYPE_ATOMIC_VIOLATION 2
#define PFD_TYPES 4 /* with a reserved one */
#define PFD_VFID GUC_BITS(9, 4)
#define PFD_PREFETCH GUC_BITS(11, 11) /* Xe3 and later, otherwise reserved */
#define PFD_ADDR_LO GUC_BITS(31, 12)
/* dw3: the address, bits 63 to 32 */

/* PAGE_FAULT_RES_DESC, host to GuC; xe never sends the third dword of the ABI */
#define PFR_DWORDS 2
/* dw0 */
#define PFR_VALID GUC_BITS(0, 0)
#define PFR_REFUSED GUC_BITS(1, 1)
#define PFR_REPLY GUC_BITS(4, 2)
#define PFR_REPLY_ACCESS 0
#define PFR_DESC_TYPE GUC_BITS(11, 10)
#define PFR_DESC_FAULT 1
#define PFR_ASID GUC_BITS(31, 12)
/* dw1 */
#define PFR_VFID GUC_BITS(5, 0)
#define PFR_PREFETCH GUC_BITS(6, 6) /* Xe3 and later, otherwise reserved */
#define PFR_ENGINE_INSTANCE GUC_BITS(12, 7)
#define PFR_ENGINE_CLASS GUC_BITS(15, 13)
#define PFR_PDATA GUC_BITS(31, 16)

/* Number of open faults that PDATA can distinguish */
#define PFD_PDATA_SPACE 65536U

/* ACCESS_COUNTER_NOTIFY, GuC to host */
#define ACC_DWORDS 4
/* dw0 */
#define ACC_TYPE GUC_BITS(0, 0)
#define ACC_TRIGGER 0
#define ACC_NOTIFY 1
#define ACC_SUBG_LO GUC_BITS(31, 1)
/* dw1 */
#define ACC_SUBG_HI GUC_BITS(0, 0)
#define ACC_SUBG_HI_SHIFT 31
#define ACC_ASID GUC_BITS(31, 12)
/* dw2 */
#define ACC_GRANULARITY GUC_BITS(10, 8)
#define ACC_BASE_LO GUC_BITS(31, 17)
/* dw3: the base, bits 63 to 32 */

#define ACC_BLOCKS 32 /* blocks in a range, one sub-granularity bit each */

#endif
