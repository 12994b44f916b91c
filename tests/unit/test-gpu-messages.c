// SPDX-License-Identifier: GPL-2.0
/*
 * The messages between the emulated GuC and its host: the rings, the descriptors of
 * faults and access counters, and the ledger of faults.
 */
#include "gpu-guest.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RING 16u /* dwords */

static struct memory mem;
static u64 ggtt[GGTT_ENTRIES];
static struct ledger *ledger;
static struct ctb ctb;
static u32 *ring, *desc, message[CTB_MESSAGE];
static u16 fence;

static int setup(void **state)
{
	memset(&mem, 0, sizeof(mem));
	mem.ggtt = ggtt;
	guest_memory(&mem);
	guest_identity(ggtt);
	ctb = (struct ctb){ .ring = H2G_RING, .desc = H2G_DESC, .size = RING };
	ring = guest_at(H2G_RING);
	desc = guest_at(H2G_DESC);
	memset(ring + RING, 0xee, 64); /* must never be touched */
	ledger = calloc(1, sizeof(*ledger));
	return !ledger;
}

static int teardown(void **state)
{
	for (u32 i = 0; i < 16; i++)
		assert_int_equal(ring[RING + i], 0xeeeeeeee);
	assert_int_equal(mem.ggtt_faults + mem.dma_errors, 0);
	free(ledger);
	memory_unmap_all(&mem);
	guest_leave();
	return 0;
}

/* Set both ends of the ring, in the descriptor and in the GuC's private copy. */
static void ends(u32 head, u32 tail, bool receiving)
{
	desc[0] = head;
	desc[1] = tail;
	ctb.mine = receiving ? head : tail;
	ctb.seen = head;
}

static int take(void)
{
	memset(message, 0xff, sizeof(message));
	ctb_ring(&mem, &ctb);
	return ctb_receive(&mem, &ctb, message, &fence);
}

static void receive_one(void **state)
{
	assert_int_equal(take(), 0);
	ring[0] = 0x12340003;
	ring[1] = 11;
	ring[2] = 22;
	ring[3] = 33;
	desc[1] = 4;
	assert_int_equal(take(), 3);
	assert_int_equal(fence, 0x1234);
	assert_int_equal(message[0], 11);
	assert_int_equal(message[2], 33);
	for (u32 i = 3; i < CTB_MESSAGE; i++)
		assert_int_equal(message[i], 0);
	assert_int_equal(desc[0], 4);
	assert_int_equal(take(), 0);
	assert_int_equal(desc[2], 0);
}

static void receive_wrapped(void **state)
{
	ends(RING - 2, 3, true);
	ring[14] = 4;
	ring[15] = 1;
	for (u32 i = 0; i < 3; i++)
		ring[i] = i + 2;
	assert_int_equal(take(), 4);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(message[i], i + 1);
	assert_int_equal(desc[0], 3);
	/* a message that ends at the end of the ring */
	ends(RING - 2, 0, true);
	ring[14] = 1;
	assert_int_equal(take(), 1);
	assert_int_equal(desc[0], 0);
}

static void receive_filler(void **state)
{
	ends(RING - 3, 2, true);
	ring[0] = 1;
	ring[1] = 77;
	assert_int_equal(take(), 1);
	assert_int_equal(message[0], 77);
	assert_int_equal(desc[0], 2);
	/* padding without a message is skipped */
	ends(RING - 3, 0, true);
	assert_int_equal(take(), 0);
	assert_int_equal(desc[0], 0);
	assert_int_equal(desc[2], 0);
}

static void receive_bad(void **state)
{
	/*
	 * a tail beyond the end; a message that is longer than the data, or than
	 * the ring; a fence without dwords
	 */
	static const struct {
		u32 head, tail, header, status;
	} t[] = {
		{ 0, RING, 1, 1 }, { 0, ~0u, 1, 1 }, { 0, 4, 4, 2 },
		{ 0, 1, 1, 2 },	   { 14, 3, 5, 2 },  { 0, 4, 0x12340000, 2 },
		{ 0, 4, 0xff, 2 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		ctb.broken = false;
		memset(ring, 0, RING * 4);
		ends(t[i].head, t[i].tail, true);
		desc[2] = 0;
		ring[t[i].head % RING] = t[i].header;
		assert_int_equal(take(), -1);
		assert_int_equal(desc[2], t[i].status);
		assert_int_equal(desc[0], t[i].head);
		assert_true(ctb.broken);
		/* the ring stays broken */
		ends(0, 2, true);
		ring[0] = 1;
		assert_int_equal(take(), -1);
		assert_int_equal(ctb_room(&mem, &ctb), 0);
		assert_false(ctb_send(&mem, &ctb, 0, ring, 1));
	}
}

static bool put(u32 n)
{
	static const u32 dw[CTB_MESSAGE] = {
		0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5
	};

	return ctb_send(&mem, &ctb, 0x4321, dw, n);
}

static void send_wrapped(void **state)
{
	ends(RING - 2, RING - 2, false);
	assert_int_equal(ctb_room(&mem, &ctb), RING - 1);
	assert_true(put(3));
	assert_int_equal(ring[14], 0x43210003);
	assert_int_equal(ring[15], 0xd0);
	assert_int_equal(ring[0], 0xd1);
	assert_int_equal(ring[1], 0xd2);
	assert_int_equal(desc[1], 2);
	assert_int_equal(ctb_room(&mem, &ctb), RING - 5);
}

/* a ring is never filled to the last dword, and unread messages are not overwritten */
static void send_credits(void **state)
{
	u32 before[RING];

	for (u32 at = 0; at < RING; at++) {
		ends(at, at, false);
		assert_false(put(RING - 1));
		assert_int_equal(desc[1], at);
		assert_true(put(5));
		assert_true(put(5));
		assert_int_equal(ctb_room(&mem, &ctb), 3);
		memcpy(before, ring, sizeof(before));
		assert_false(put(3));
		assert_memory_equal(ring, before, sizeof(before));
		assert_int_equal(desc[1], (at + 12) % RING);
		assert_true(put(2));
		assert_int_equal(ctb_room(&mem, &ctb), 0);
		assert_false(put(0));
		desc[0] = (at + 6) % RING; /* the host has read a message */
		assert_int_equal(ctb_room(&mem, &ctb), 6);
		assert_true(put(5));
		assert_int_equal(ctb_room(&mem, &ctb), 0);
	}
	assert_int_equal(desc[2], 0);
	assert_false(ctb.broken);
}

static void send_bad(void **state)
{
	ends(RING, 0, false);
	assert_int_equal(ctb_room(&mem, &ctb), 0);
	assert_true(ctb.broken);
	assert_int_equal(desc[2], 1);
	assert_false(put(1));
	ctb = (struct ctb){ .ring = H2G_RING + 0x20000,
			    .desc = H2G_DESC,
			    .size = 4096 };
	ends(0, 0, false);
	assert_false(put(CTB_MESSAGE));
	assert_true(put(CTB_MESSAGE - 1));
}

/* the GuC ignores what the host writes to the GuC's own fields */
static void own_end(void **state)
{
	ends(0, 2, true);
	ring[0] = 1;
	ring[1] = 5;
	desc[0] = ~0u;
	assert_int_equal(take(), 1);
	assert_int_equal(desc[0], 2);
	ends(0, 0, false);
	desc[1] = ~0u;
	assert_true(put(2));
	assert_int_equal(desc[1], 3);
	desc[1] = 0;
	assert_int_equal(ctb_room(&mem, &ctb), RING - 4);
}

/* every state of the ring and every step of the host: only valid steps pass */
static void tail_and_head(void **state)
{
	u32 head, used, step, tail;

	for (head = 0; head < RING; head++) {
		for (used = 0; used < RING; used++) {
			for (step = 0; step < RING; step++) {
				bool fits = used + step < RING;

				tail = (head + used) % RING;
				ctb.broken = false;
				ctb.overwritten = false;
				desc[2] = 0;
				ends(head, tail, true);
				assert_true(ctb_watch(&mem, &ctb));
				desc[1] = (tail + step) % RING;
				assert_int_equal(ctb_watch(&mem, &ctb), fits);
				assert_int_equal(ctb.overwritten, !fits);
				assert_int_equal(ctb.broken, !fits);
				assert_int_equal(desc[2], fits ? 0 : 1);
				if (!fits)
					assert_int_equal(take(), -1);
			}
		}
	}
	/* an invalid tail is a different error */
	ctb.broken = false;
	ctb.overwritten = false;
	ends(0, RING, true);
	assert_false(ctb_watch(&mem, &ctb));
	assert_true(ctb.broken);
	assert_int_equal(take(), -1);
	assert_false(ctb.overwritten);
}

/* the tail is checked before the head moves */
static void overwritten(void **state)
{
	ends(4, 2, true); /* 1 dword of room */
	ring[4] = 1;
	assert_true(ctb_watch(&mem, &ctb));
	desc[1] = 5;
	assert_int_equal(take(), -1);
	assert_true(ctb.overwritten);
	assert_int_equal(desc[0], 4);
}

/* messages sent are received after a doorbell, at every position of the ring */
static void send_receive(void **state)
{
	struct ctb other = ctb;

	for (u32 i = 0; i < 200; i++) {
		u32 n = 1 + i % 6;

		assert_true(put(n));
		assert_int_equal(ctb_receive(&mem, &other, message, &fence), 0);
		assert_true(ctb_ring(&mem, &other));
		assert_int_equal(ctb_receive(&mem, &other, message, &fence), n);
		assert_int_equal(fence, 0x4321);
		for (u32 k = 0; k < n; k++)
			assert_int_equal(message[k], 0xd0 + k);
	}
}

/* each field at its maximum, and a fault that a real driver answered */
static void fault_fields(void **state)
{
	static const struct {
		struct fault f;
		u32 pdata, dw[4];
	} t[] = {
		{ { .level = 0xff }, 0, { 7 } },
		{ { .source = 0xff }, 0, { 0xff << 3 } },
		{ { .trva = true }, 0, { 1 << 18 } },
		{ { .instance = 0xff }, 0, { 0x3f << 19 } },
		{ { .class = 0xff }, 0, { 7 << 25 } },
		{ { 0 }, 0xf, { 0xfu << 28 } },
		{ { 0 }, 0xfff0, { 0, 0xfff } },
		{ { .asid = 0xfffff }, 0, { 0, 0xfffff000 } },
		{ { .access = 0xff }, 0, { 0, 0, 3 } },
		{ { .type = 0xff }, 0, { 0, 0, 3 << 2 } },
		{ { .vfid = 0xff }, 0, { 0, 0, 0x3f << 4 } },
		{ { .prefetch = true }, 0, { 0, 0, 1 << 11 } },
		{ { .va = 0xffffffffffffffff }, 0, { 0, 0, 0xfffff000, ~0u } },
		{ { .va = 0x200000123,
		    .asid = 1,
		    .access = 1,
		    .class = 3,
		    .level = 2 },
		  2,
		  { 0x26000002, 0x1000, 1, 2 } },
	};
	struct fault f;
	u32 dw[4], pdata;

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		fault_encode(&t[i].f, t[i].pdata, dw);
		assert_memory_equal(dw, t[i].dw, sizeof(dw));
		f = (struct fault){ 0 };
		memcpy(f.dw, dw, sizeof(dw));
		fault_decode(&f, &pdata);
		assert_int_equal(pdata, t[i].pdata);
		assert_int_equal(f.level, t[i].f.level & 7);
		assert_int_equal(f.source, t[i].f.source);
		assert_int_equal(f.trva, t[i].f.trva);
		assert_int_equal(f.instance, t[i].f.instance & 0x3f);
		assert_int_equal(f.class, t[i].f.class & 7);
		assert_int_equal(f.asid, t[i].f.asid);
		assert_int_equal(f.access, t[i].f.access & 3);
		assert_int_equal(f.type, t[i].f.type & 3);
		assert_int_equal(f.vfid, t[i].f.vfid & 0x3f);
		assert_int_equal(f.prefetch, t[i].f.prefetch);
		assert_true(f.va == (t[i].f.va & ~0xfffull));
	}
}

static void counter_fields(void **state)
{
	static const struct {
		struct access_counter a;
		u32 dw[4];
	} t[] = {
		{ { .notify = true }, { 1 } },
		{ { .sub = 0x7fffffff }, { 0xfffffffe } },
		{ { .sub = 0x80000000 }, { 0, 1 } },
		{ { .instance = 0xff }, { 0, 0x3f << 3 } },
		{ { .class = 0xff }, { 0, 7 << 9 } },
		{ { .asid = 0xfffff }, { 0, 0xfffff000 } },
		{ { .vfid = 0xff }, { 0, 0, 0x3f } },
		{ { .granularity = 0xff }, { 0, 0, 7 << 8 } },
		{ { .va = 0xffffffffffffffff }, { 0, 0, 0xfffe0000, ~0u } },
		{ { .va = 0x127fe20000,
		    .sub = 0xc0000001,
		    .asid = 0xabcde,
		    .vfid = 0x15,
		    .class = 7,
		    .instance = 0x19,
		    .granularity = 2 },
		  { 0x80000002, 0xabcdeec9, 0x7fe20215, 0x12 } },
	};
	u32 dw[4];

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		access_counter_encode(&t[i].a, dw);
		assert_memory_equal(dw, t[i].dw, sizeof(dw));
	}
}

static const struct fault some = {
	.va = 0x7000,
	.asid = 0x12345,
	.class = 3,
	.instance = 8,
	.vfid = 1,
};

#define DW0 0x12345401u
#define DW1(pdata) ((pdata) << 16 | 3u << 13 | 8u << 7 | 1u)

static enum verdict reply(u32 dw0, u32 dw1)
{
	struct slot *slot;
	enum verdict v = ledger_reply(ledger, dw0, dw1, &slot);

	assert_int_equal(!!slot, v == REPLY_MATCHED);
	return v;
}

static void ledger_matches(void **state)
{
	struct slot *slot, *got;

	slot = ledger_open(ledger, &some, 5, 77);
	assert_non_null(slot);
	assert_int_equal(slot->sent, 77);
	assert_int_equal(ledger->open, 1);
	assert_int_equal(ledger_reply(ledger, DW0, DW1(5u), &got),
			 REPLY_MATCHED);
	assert_ptr_equal(got, slot);
	assert_int_equal(ledger->open, 0);
	/* "unsuccessful" is a reply too */
	ledger_open(ledger, &some, 0xffff, 0);
	assert_int_equal(reply(DW0 | 2, DW1(0xffffu)), REPLY_MATCHED);
}

static void ledger_bad_replies(void **state)
{
	/* one bit of each field of the reply that must match */
	static const u32 other0[] = { 1u << 12, 1u << 31 };
	static const u32 other1[] = { 1,       1 << 5,	1 << 7,
				      1 << 12, 1 << 13, 1 << 15 };
	u32 i;

	assert_int_equal(reply(DW0, DW1(5u)), REPLY_STRAY);
	ledger_open(ledger, &some, 5, 0);
	assert_int_equal(reply(DW0, DW1(6u)), REPLY_STRAY);
	assert_int_equal(reply(DW0, DW1(0x8005u)), REPLY_STRAY);
	assert_int_equal(reply(DW0 & ~1u, DW1(5u)), REPLY_MALFORMED);
	assert_int_equal(reply(DW0 & ~0x400u, DW1(5u)), REPLY_MALFORMED);
	assert_int_equal(reply(DW0 | 0x800u, DW1(5u)), REPLY_MALFORMED);
	for (i = 0; i < ARRAY_SIZE(other0); i++)
		assert_int_equal(reply(DW0 ^ other0[i], DW1(5u)),
				 REPLY_MISMATCHED);
	for (i = 0; i < ARRAY_SIZE(other1); i++)
		assert_int_equal(reply(DW0, DW1(5u) ^ other1[i]),
				 REPLY_MISMATCHED);
	assert_int_equal(ledger->open, 1);
	assert_int_equal(reply(DW0, DW1(5u)), REPLY_MATCHED);
	assert_int_equal(reply(DW0, DW1(5u)), REPLY_DOUBLED);
	assert_int_equal(reply(DW0 | 2, DW1(5u)), REPLY_DOUBLED);
	assert_int_equal(ledger->open, 0);
}

static void ledger_keys(void **state)
{
	u32 pdata, last = ~0u;
	u8 *seen = calloc(1, LEDGER_SLOTS);

	/* never the key of an open fault, until none is left */
	for (u32 i = 0; i < LEDGER_SLOTS; i++) {
		assert_true(ledger_next(ledger, &pdata));
		assert_true(pdata < LEDGER_SLOTS && !seen[pdata]);
		seen[pdata] = 1;
		assert_non_null(ledger_open(ledger, &some, pdata, 0));
		if (i == LEDGER_SLOTS - 1)
			last = pdata;
	}
	free(seen);
	assert_int_equal(ledger->open, LEDGER_SLOTS);
	assert_false(ledger_next(ledger, &pdata));
	assert_null(ledger_open(ledger, &some, last, 0));
	assert_int_equal(ledger->open, LEDGER_SLOTS);
	assert_int_equal(reply(DW0, DW1(0x1234u)), REPLY_MATCHED);
	assert_true(ledger_next(ledger, &pdata));
	assert_int_equal(pdata, 0x1234);
}

/* a key is not reused right after its reply: a second reply would match */
static void ledger_keys_rest(void **state)
{
	u32 pdata, next;

	assert_true(ledger_next(ledger, &pdata));
	ledger_open(ledger, &some, pdata, 0);
	assert_int_equal(reply(DW0, DW1(pdata)), REPLY_MATCHED);
	assert_true(ledger_next(ledger, &next));
	assert_int_not_equal(pdata, next);
}

/* faults from before a reset: any reply is stray, and their keys are reused last */
static void ledger_reset(void **state)
{
	u32 pdata;

	ledger->slot[5].state = SLOT_BEFORE;
	assert_int_equal(reply(DW0, DW1(5u)), REPLY_STRAY);
	assert_int_equal(reply(DW0, DW1(5u)), REPLY_STRAY);
	for (u32 i = 0; i < LEDGER_SLOTS - 1; i++) {
		assert_true(ledger_next(ledger, &pdata));
		assert_int_not_equal(pdata, 5);
		ledger_open(ledger, &some, pdata, 0);
	}
	assert_true(ledger_next(ledger, &pdata));
	assert_int_equal(pdata, 5);
	assert_non_null(ledger_open(ledger, &some, pdata, 0));
	assert_false(ledger_next(ledger, &pdata));
}

static void counters_named(void **state)
{
	for (u32 i = 0; i < COUNTERS; i++) {
		assert_non_null(counter_name[i]);
		for (u32 k = 0; k < i; k++)
			assert_string_not_equal(counter_name[i],
						counter_name[k]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(receive_one, setup, teardown),
		cmocka_unit_test_setup_teardown(receive_wrapped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(receive_filler, setup,
						teardown),
		cmocka_unit_test_setup_teardown(receive_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(send_wrapped, setup, teardown),
		cmocka_unit_test_setup_teardown(send_credits, setup, teardown),
		cmocka_unit_test_setup_teardown(send_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(own_end, setup, teardown),
		cmocka_unit_test_setup_teardown(tail_and_head, setup, teardown),
		cmocka_unit_test_setup_teardown(overwritten, setup, teardown),
		cmocka_unit_test_setup_teardown(send_receive, setup, teardown),
		cmocka_unit_test(fault_fields),
		cmocka_unit_test(counter_fields),
		cmocka_unit_test_setup_teardown(ledger_matches, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ledger_bad_replies, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ledger_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(ledger_keys_rest, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ledger_reset, setup, teardown),
		cmocka_unit_test(counters_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
