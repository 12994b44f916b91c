// SPDX-License-Identifier: GPL-2.0
/* See decode.h. */
#include "decode.h"

/* lengths in bytes, indexed by ACC_GRANULARITY */
#define GRANULARITIES 4
static const u32 granularities[GRANULARITIES] = { 128 << 10, 2 << 20, 16 << 20,
						  64 << 20 };

/**
 * decode_error - describe why a message could not be decoded
 * @result: any result but DECODE_OK
 *
 * Return: a short description for the log.
 */
const char *decode_error(enum decode_result result)
{
	switch (result) {
	case DECODE_OK:
		return "nothing";
	case DECODE_LENGTH:
		return "wrong length";
	case DECODE_ACCESS:
		return "reserved access type";
	case DECODE_GRANULARITY:
		return "reserved granularity";
	case DECODE_BLOCKS:
		return "no accessed block";
	case DECODE_RANGE:
		return "range extends past the end of the address space";
	}
	return "unknown";
}

/**
 * pagefault_decode - decode a page-fault descriptor
 * @msg: the payload of REPORT_PAGE_FAULT_REQ_DESC
 * @len: its length in dwords
 * @prefetch: the GuC marks prefetches; if false, ignore the bit, which is reserved
 * @pf: filled in, unless the result is DECODE_LENGTH
 *
 * A fault with a reserved access type can still be answered; a message of the
 * wrong length can't.
 *
 * Return: DECODE_OK, DECODE_LENGTH or DECODE_ACCESS.
 */
enum decode_result pagefault_decode(const u32 *msg, size_t len, bool prefetch,
				    struct pagefault *pf)
{
	if (len != PFD_DWORDS)
		return DECODE_LENGTH;

	*pf = (struct pagefault){
		.addr = (u64)msg[3] << 32 | (msg[2] & PFD_ADDR_LO),
		.asid = GUC_GET(PFD_ASID, msg[1]),
		.pdata = GUC_GET(PFD_PDATA_HI, msg[1]) << PFD_PDATA_HI_SHIFT |
			 GUC_GET(PFD_PDATA_LO, msg[0]),
		.vfid = GUC_GET(PFD_VFID, msg[2]),
		.access = GUC_GET(PFD_ACCESS, msg[2]),
		.type = GUC_GET(PFD_TYPE, msg[2]),
		.level = GUC_GET(PFD_LEVEL, msg[0]),
		.engine_class = GUC_GET(PFD_ENGINE_CLASS, msg[0]),
		.engine_instance = GUC_GET(PFD_ENGINE_INSTANCE, msg[0]),
		.trva_fault = GUC_GET(PFD_TRVA_FAULT, msg[0]),
		.prefetch = prefetch && (msg[2] & PFD_PREFETCH),
	};
	/* The stock driver serves the reserved value like a read. */
	return pf->access < PAGEFAULT_ACCESSES ? DECODE_OK : DECODE_ACCESS;
}

/**
 * pagefault_reply - encode the reply to a page fault
 * @pf: the fault
 * @refused: the fault is refused: the GPU must not retry the access
 * @reply: the payload of PAGE_FAULT_RES_DESC
 */
void pagefault_reply(const struct pagefault *pf, bool refused,
		     u32 reply[PFR_DWORDS])
{
	reply[0] = PFR_VALID | GUC_PUT(PFR_REFUSED, refused) |
		   GUC_PUT(PFR_REPLY, PFR_REPLY_ACCESS) |
		   GUC_PUT(PFR_DESC_TYPE, PFR_DESC_FAULT) |
		   GUC_PUT(PFR_ASID, pf->asid);
	reply[1] = GUC_PUT(PFR_VFID, pf->vfid) |
		   GUC_PUT(PFR_PREFETCH, refused && pf->prefetch) |
		   GUC_PUT(PFR_ENGINE_INSTANCE, pf->engine_instance) |
		   GUC_PUT(PFR_ENGINE_CLASS, pf->engine_class) |
		   GUC_PUT(PFR_PDATA, pf->pdata);
}

/**
 * access_counter_decode - decode an access-counter notification
 * @msg: the payload of ACCESS_COUNTER_NOTIFY
 * @len: its length in dwords
 * @ac: filled in if the result is DECODE_OK
 *
 * Return: DECODE_OK, or the first fault found.
 */
enum decode_result access_counter_decode(const u32 *msg, size_t len,
					 struct access_counter *ac)
{
	u32 granularity;

	if (len != ACC_DWORDS)
		return DECODE_LENGTH;
	granularity = GUC_GET(ACC_GRANULARITY, msg[2]);
	if (granularity >= GRANULARITIES)
		return DECODE_GRANULARITY;

	*ac = (struct access_counter){
		.base = (u64)msg[3] << 32 | (msg[2] & ACC_BASE_LO),
		.range = granularities[granularity],

		.sub_granularity = GUC_GET(ACC_SUBG_HI, msg[1])
					   << ACC_SUBG_HI_SHIFT |
				   GUC_GET(ACC_SUBG_LO, msg[0]),
		.asid = GUC_GET(ACC_ASID, msg[1]),

		.notify = GUC_GET(ACC_TYPE, msg[0]) == ACC_NOTIFY,
	};
	if (!ac->sub_granularity)
		return DECODE_BLOCKS;
	if (ac->base > ~0ULL - ac->range)
		return DECODE_RANGE;
	return DECODE_OK;
}

/**
 * access_counter_next - find the next accessed blocks of a notification
 * @ac: the notification
 * @start: address, not below the base, at which to begin; set to the first address at
 *	or after it that is in an accessed block
 * @end: set to the end of the accessed blocks that follow each other from there
 *
 * Return: false if no accessed block is left.
 */
bool access_counter_next(const struct access_counter *ac, u64 *start, u64 *end)
{
	u64 size = ac->range / ACC_BLOCKS, i = (*start - ac->base) / size;

	while (i < ACC_BLOCKS && !(ac->sub_granularity & 1U << i))
		i++;
	if (i >= ACC_BLOCKS)
		return false;
	if (*start < ac->base + i * size)
		*start = ac->base + i * size;
	while (i < ACC_BLOCKS && ac->sub_granularity & 1U << i)
		i++;
	*end = ac->base + i * size;
	return true;
}
