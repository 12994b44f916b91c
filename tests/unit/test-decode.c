// SPDX-License-Identifier: GPL-2.0
/*
 * The decoder of GuC messages. The expected bit positions are those of xe's ABI
 * headers, written here as plain numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../xe-pagefault/decode.h"

/* The message of the GuC when a copy engine wrote to 0x300000100 of ASID 1. */
static const u32 real[] = { 0x26000002, 0x00001000, 0x00000001, 0x00000002 };

static void real_fault(void **state)
{
	struct pagefault pf;
	u32 reply[PFR_DWORDS];

	assert_int_equal(pagefault_decode(real, 4, true, &pf), DECODE_OK);
	assert_int_equal(pf.addr, 0x200000000);
	assert_int_equal(pf.asid, 1);
	assert_int_equal(pf.pdata, 2);
	assert_int_equal(pf.access, PAGEFAULT_WRITE);
	assert_int_equal(pf.type, PFD_TYPE_NOT_PRESENT);
	assert_int_equal(pf.level, 2);
	assert_int_equal(pf.engine_class, 3);
	assert_int_equal(pf.engine_instance, 0);
	assert_false(pf.trva_fault);
	assert_false(pf.prefetch);

	/* the reply of the stock driver */
	pagefault_reply(&pf, false, reply);
	assert_int_equal(reply[0], 0x00001401);
	assert_int_equal(reply[1], 0x00026000);
	pagefault_reply(&pf, true, reply);
	assert_int_equal(reply[0], 0x00001403);
	assert_int_equal(reply[1], 0x00026000);
}

/* each field at its maximum: it must not leak into other fields */
static void fault_fields(void **state)
{
	static const struct {
		u32 msg[4];
		struct pagefault pf;
	} t[] = {
		{ { 7 << 0 }, { .level = 7 } },
		{ { 0x7fff << 3 }, { 0 } },
		{ { 1 << 18 }, { .trva_fault = true } },
		{ { 0x3f << 19 }, { .engine_instance = 0x3f } },
		{ { 7 << 25 }, { .engine_class = 7 } },
		{ { 0xfU << 28 }, { .pdata = 0xf } },
		{ { 0, 0xfff }, { .pdata = 0xfff0 } },
		{ { 0, 0xfffff000 }, { .asid = 0xfffff } },
		{ { 0, 0, 1 }, { .access = PAGEFAULT_WRITE } },
		{ { 0, 0, 2 }, { .access = PAGEFAULT_ATOMIC } },
		{ { 0, 0, 3 << 2 }, { .type = 3 } },
		{ { 0, 0, 0x3f << 4 }, { .vfid = 0x3f } },
		{ { 0, 0, 1 << 10 }, { 0 } },
		{ { 0, 0, 1 << 11 }, { .prefetch = true } },
		{ { 0, 0, 0xfffff000 }, { .addr = 0xfffff000 } },
		{ { 0, 0, 0, ~0U }, { .addr = 0xffffffff00000000 } },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct pagefault pf;

		assert_int_equal(pagefault_decode(t[i].msg, 4, true, &pf),
				 DECODE_OK);
		assert_int_equal(pf.addr, t[i].pf.addr);
		assert_int_equal(pf.asid, t[i].pf.asid);
		assert_int_equal(pf.pdata, t[i].pf.pdata);
		assert_int_equal(pf.vfid, t[i].pf.vfid);
		assert_int_equal(pf.access, t[i].pf.access);
		assert_int_equal(pf.type, t[i].pf.type);
		assert_int_equal(pf.level, t[i].pf.level);
		assert_int_equal(pf.engine_class, t[i].pf.engine_class);
		assert_int_equal(pf.engine_instance, t[i].pf.engine_instance);
		assert_int_equal(pf.trva_fault, t[i].pf.trva_fault);
		assert_int_equal(pf.prefetch, t[i].pf.prefetch);
	}
}

static void fault_prefetch_reserved(void **state)
{
	static const u32 msg[] = { 0, 0, 1 << 11, 0 };
	struct pagefault pf;

	assert_int_equal(pagefault_decode(msg, 4, false, &pf), DECODE_OK);
	assert_false(pf.prefetch);
}

static void fault_length(void **state)
{
	static const u32 msg[8];
	struct pagefault pf;

	for (size_t len = 0; len <= 8; len++)
		assert_int_equal(pagefault_decode(msg, len, true, &pf),
				 len == 4 ? DECODE_OK : DECODE_LENGTH);
}

/* such a fault is refused, but can be answered */
static void fault_reserved_access(void **state)
{
	static const u32 msg[] = { 5U << 28, 0x00123008, 3, 0 };
	struct pagefault pf;
	u32 reply[PFR_DWORDS];

	assert_int_equal(pagefault_decode(msg, 4, true, &pf), DECODE_ACCESS);
	pagefault_reply(&pf, true, reply);
	assert_int_equal(reply[0], 0x00123403);
	assert_int_equal(reply[1], 0x00850000);
}

static void reply_fields(void **state)
{
	static const struct {
		struct pagefault pf;
		u32 dw0, dw1;
	} t[] = {
		{ { .asid = 0xfffff }, 0xfffff403, 0 },
		{ { .vfid = 0x3f }, 0x403, 0x3f },
		{ { .prefetch = true }, 0x403, 1 << 6 },
		{ { .engine_instance = 0x3f }, 0x403, 0x3f << 7 },
		{ { .engine_class = 7 }, 0x403, 7 << 13 },
		{ { .pdata = 0xffff }, 0x403, 0xffff0000 },
		/* fields that the reply does not contain */
		{ { .addr = ~0ULL, .access = 2, .type = 3, .level = 7 },
		  0x403,
		  0 },
	};
	u32 reply[PFR_DWORDS];

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		pagefault_reply(&t[i].pf, true, reply);
		assert_int_equal(reply[0], t[i].dw0);
		assert_int_equal(reply[1], t[i].dw1);
	}
	/* a successful prefetch is answered like any other fault */
	pagefault_reply(&t[2].pf, false, reply);
	assert_int_equal(reply[0], 0x401);
	assert_int_equal(reply[1], 0);
}

static void access_counter_fields(void **state)
{
	static const u32 ranges[] = { 128 << 10, 2 << 20, 16 << 20, 64 << 20 };
	u32 msg[] = { 0x80000002, 0xabcdeec9, 0x00020015, 0x12 };
	struct access_counter ac;

	for (u32 g = 0; g < 4; g++) {
		msg[2] = 0x7fe20015 | g << 8;
		assert_int_equal(access_counter_decode(msg, 4, &ac), DECODE_OK);
		assert_int_equal(ac.base, 0x127fe20000);
		assert_int_equal(ac.range, ranges[g]);
		assert_int_equal(ac.sub_granularity, 0xc0000001);
		assert_int_equal(ac.asid, 0xabcde);
		assert_false(ac.notify);
	}
}

/* all accessed blocks are found, those that follow each other as one range */
static void access_counter_blocks(void **state)
{
	static const struct {
		u32 dw0, dw1, granularity;
		u64 found[4][2];
	} t[] = {
		/* vector 0x10: block 4 of 32 blocks of 64 KiB */
		{ 1 << 5, 0, 1, { { 0x100040000, 0x100050000 } } },
		/* only bit 31, which is in the other dword */
		{ 0, 1, 1, { { 0x1001f0000, 0x100200000 } } },
		/* bits 0, 2, 3 and 31 of blocks of 2 MiB */
		{ 0xd << 1,
		  1,
		  3,
		  { { 0x100000000, 0x100200000 },
		    { 0x100400000, 0x100800000 },
		    { 0x103e00000, 0x104000000 } } },
		/* all of them */
		{ ~1U, 1, 0, { { 0x100000000, 0x100020000 } } },
	};
	struct access_counter ac;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		u32 msg[] = { t[i].dw0, t[i].dw1, t[i].granularity << 8, 1 };
		u64 start, end, n = 0;

		assert_int_equal(access_counter_decode(msg, 4, &ac), DECODE_OK);
		for (start = ac.base; access_counter_next(&ac, &start, &end);
		     start = end, n++) {
			assert_int_equal(start, t[i].found[n][0]);
			assert_int_equal(end, t[i].found[n][1]);
		}
		assert_int_equal(t[i].found[n][0], 0);
	}

	/* from inside a block, from a block that was not accessed, from behind them all */
	ac = (struct access_counter){ .base = 0x100000000,
				      .range = 2 << 20,
				      .sub_granularity = 0x14 };
	for (u64 from = 0; from <= 0x300000; from += 0x1000) {
		u64 start = ac.base + from, end;
		bool found = access_counter_next(&ac, &start, &end);

		assert_int_equal(found, from < 0x50000);
		if (!found)
			continue;
		assert_int_equal(start - ac.base, from < 0x20000 ? 0x20000 :
						  from < 0x30000 ? from :
						  from < 0x40000 ? 0x40000 :
								   from);
		assert_int_equal(end - ac.base,
				 from < 0x30000 ? 0x30000 : 0x50000);
	}
}

static void access_counter_refused(void **state)
{
	u32 msg[] = { 2, 0, 0, 0, 0 };
	struct access_counter ac;

	for (size_t len = 0; len <= 5; len++)
		assert_int_equal(access_counter_decode(msg, len, &ac),
				 len == 4 ? DECODE_OK : DECODE_LENGTH);

	for (u32 g = 4; g < 8; g++) {
		msg[2] = g << 8;
		assert_int_equal(access_counter_decode(msg, 4, &ac),
				 DECODE_GRANULARITY);
	}

	/* the last possible range, and one that wraps around */
	msg[3] = ~0U;
	msg[2] = 0xfffe0000;
	assert_int_equal(access_counter_decode(msg, 4, &ac), DECODE_RANGE);
	msg[2] = 0xfffc0000;
	assert_int_equal(access_counter_decode(msg, 4, &ac), DECODE_OK);
	msg[2] |= 3 << 8;
	assert_int_equal(access_counter_decode(msg, 4, &ac), DECODE_RANGE);

	msg[0] = 1;
	msg[2] = 0;
	assert_int_equal(access_counter_decode(msg, 4, &ac), DECODE_BLOCKS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_fault),
		cmocka_unit_test(fault_fields),
		cmocka_unit_test(fault_prefetch_reserved),
		cmocka_unit_test(fault_length),
		cmocka_unit_test(fault_reserved_access),
		cmocka_unit_test(reply_fields),
		cmocka_unit_test(access_counter_fields),
		cmocka_unit_test(access_counter_blocks),
		cmocka_unit_test(access_counter_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
