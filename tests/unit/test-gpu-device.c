// SPDX-License-Identifier: GPL-2.0
/*
 * The interfaces of the emulated GPU: registers, interrupts, configuration space, the
 * GuC's mailbox and messages, the ledger of a run, the control commands, and the
 * vfio-user protocol.
 */
#include "gpu-machine.h"

#include <fcntl.h>
#include <setjmp.h>

#include <cmocka.h>

#include "../gpu/vfio-user.h"

#define main xe_gpu_main
#include "../gpu/main.c"
#undef main

static struct gpu *gpu;
static u32 dw[CTB_MESSAGE];

static int setup(void **state)
{
	gpu = machine_new(false);
	machine_boot(0);
	machine_boot(1);
	return 0;
}

static int setup_cold(void **state)
{
	gpu = machine_new(false);
	return 0;
}

static int teardown(void **state)
{
	machine_free();
	return 0;
}

static u32 rd(u32 reg)
{
	return mmio_read(gpu, reg);
}

static void wr(u32 reg, u32 value)
{
	mmio_write(gpu, reg, value);
}

/* Execute a command. Return the answer. */
static const char *command(const char *text)
{
	static char reply[8192];
	char line[256];

	snprintf(line, sizeof(line), "%s", text);
	machine.budget = BUDGET;
	if (control_line(gpu, line, reply, sizeof(reply)))
		assert_memory_equal(reply, "error ", 6);
	else
		assert_memory_equal(reply, "ok", 2);
	assert_null(strpbrk(reply, "\r\n"));
	machine_run_anew();
	return reply;
}

/* Return whether the run is clean. */
static bool clean(void)
{
	int out, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool is;

	fflush(stdout);
	out = dup(1);
	dup2(null, 1);
	is = report(gpu);
	fflush(stdout);
	dup2(out, 1);
	close(out);
	close(null);
	return is;
}

/* Expect a fault, and prepare the reply to it in dw[1] and dw[2]. */
static void next_fault(u32 gt)
{
	u32 pdata, f[CTB_MESSAGE];

	assert_int_equal(guest_receive(gt, f), 5);
	assert_int_equal(f[0], 0x90006002);
	pdata = f[1] >> 28 | (f[2] & 0xfff) << 4;
	dw[0] = 2u << 28 | 0x6003;
	dw[1] = (f[2] & ~0xfffu) | 0x401;
	dw[2] = pdata << 16 | (f[1] >> 25 & 7) << 13 |
		(f[1] >> 19 & 0x3f) << 7 | (f[3] >> 4 & 0x3f);
}

static void send_reply(u32 gt)
{
	machine_send(gt, dw, 3);
	machine_run_anew();
}

/* values without which the driver would not start, or would complain */
static void reset_values(void **state)
{
	static const u32 want[][2] = {
		{ 0x9114, 0x10000 },   { 0x9118, 0x100f0 },
		{ 0x9120, 4 },	       { 0x9134, 0xff },
		{ 0x913c, 0xff },      { 0x9144, 0xff },
		{ 0x389140, 0x10001 }, { 0xd00, 0xe },
		{ 0xc60, 0x30 },       { 0x2054, 0x40 },
		{ 0x22054, 0x40 },     { 0x3ee054, 0x40 },
		{ 0x1a054, 0x40 },     { 0x1c0054, 0x40 },
		{ 0x1c8054, 0x40 },    { 0x138000, 0x180078 },
		{ 0x13800c, 0x30 },    { 0x138020, 0x180078 },
		{ 0x13802c, 0x30 },    { 0x108040, 0x2c0 },
		{ 0x1082c0, 0x180 },   { 0x1080c0, 8 << 20 },
		{ 0x190020, 0 },       { 0x190068, 0 },
		{ 0xc000, 1 },	       { 0x38c000, 1 },
		{ 0x4900, 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(want); i++)
		assert_int_equal(rd(want[i][0]), want[i][1]);
	gpu->opt.discrete = true;
	gpu->mem.vram_size = 1 << 30;
	gpu_reset(gpu);
	assert_int_equal(gpu->count[COUNT_RESETS], 2);
	assert_int_equal(rd(0xd8c), 20 << 22 | 1 << 14 | 4);
	assert_int_equal(rd(0x380d8c), 13 << 22 | 1 << 14 | 4);
	assert_int_equal(rd(0x4900), 1 << 8);
	assert_int_equal(rd(0x1083a0), 1 << 8);
	assert_int_equal(rd(0x108100), 952 << 20);
	assert_int_equal(rd(0x1080c0), 960 << 20);
	assert_int_equal(rd(0x101010), 1 << 7);
	gpu->mem.vram_size = LNL_STOLEN;
}

static void registers(void **state)
{
	assert_int_equal(rd(0xd8c), 20 << 22 | 4 << 14 | 4);
	assert_int_equal(rd(0x380d8c), 20 << 22 | 4);
	wr(0xd8c, 0);
	assert_int_equal(rd(0xd8c), 20 << 22 | 4 << 14 | 4);
	assert_int_equal(rd(0xfd0), 1);
	wr(0xfd0, 0);
	assert_int_equal(rd(0xfd0), 1);
	/* a register without side effects */
	wr(0x4f100, 0x12345678);
	assert_int_equal(rd(0x4f100), 0x12345678);
	/* the upper half is a mask */
	wr(0xa188, 0x00030001);
	assert_int_equal(rd(0xdfc), 1);
	wr(0xa188, 0x00020002);
	assert_int_equal(rd(0xdfc), 3);
	wr(0xa188, 0x00010000);
	assert_int_equal(rd(0xdfc), 2);
	wr(0xa278, 0x00010001);
	assert_int_equal(rd(0xd84), 1);
	wr(0xa618, 0x00010001);
	assert_int_equal(rd(0xdf8), 1);
	wr(0xa55c, 0x00010001);
	assert_int_equal(rd(0xd6c), 1);
	wr(0x38056c + 0xa000, 0x00010001);
	assert_int_equal(rd(0x380d7c), 1);
	assert_int_equal(rd(0xd7c), 0);
	wr(0xc050, 0x100000);
	assert_int_equal(rd(0xc050), 0x100001);
	wr(0x38c340, 0x200000);
	assert_int_equal(rd(0x38c340), 0x200001);
	wr(0x138124, 0x8000007e);
	assert_int_equal(rd(0x138124), 0);
	assert_int_equal(rd(0x138128), 1);
	wr(0x444e8, ~0u);
	assert_int_equal(rd(0x444e8), 0);
	/* the FLR that the driver requests */
	wr(0x101010, 1u << 31);
	assert_int_equal(rd(0x101018), 1u << 31);
	assert_int_equal(rd(0x4f100), 0);
	assert_int_equal(rd(0x101010), 0);
	wr(0x101018, 1u << 31);
	assert_int_equal(rd(0x101018), 0);
}

static void firmware_start(void **state)
{
	for (u32 base = 0; base <= 0x380000; base += 0x380000) {
		assert_int_equal(rd(base + 0xc000), 1);
		wr(base + 0xc314, 0x00110010); /* not started */
		assert_int_equal(rd(base + 0xc000), 1);
		wr(base + 0xc314, 0x00100011);
		assert_int_equal(rd(base + 0xc000), 1);
		wr(base + 0xc314, 0x00110011);
		assert_int_equal(rd(base + 0xc000), 0x8000f0ec);
		assert_int_equal(rd(base + 0xc314), 0);
	}
	wr(0x941c, 2); /* a different unit */
	assert_int_equal(rd(0xc000), 0x8000f0ec);
	wr(0x941c, 8);
	assert_int_equal(rd(0xc000), 1);
	assert_int_equal(rd(0x941c), 0);
	assert_int_equal(rd(0x38c000), 0x8000f0ec);
	wr(0x38941c, 1);
	assert_int_equal(rd(0x38c000), 1);
}

static void mailbox(void **state)
{
	static const u32 table[] = { 1, 1, 1, 70, 1, 8 };

	assert_int_equal(machine_mailbox(0, 0x0508, 0x0901 << 16 | 1, 0, 0),
			 0xf0000000);
	assert_int_equal(machine_mailbox(0, 0x0508, 0x0908 << 16 | 1, 0, 0),
			 0xf0000000);
	assert_int_equal(machine_mailbox(0, 0x0508, 0x0907 << 16 | 1, 0, 0),
			 0xf0000001);
	assert_int_equal(machine_mailbox(0, 0x4100, 0, 0, 0), 0xf0000018);
	assert_int_equal(machine_mailbox(0, 0x4100, DATA, 0, 24), 0xf0000018);
	assert_memory_equal(guest_at(DATA), table, 24);
	/* never longer than the actual size */
	*guest_at(DATA + 24) = 5;
	machine_mailbox(0, 0x4100, DATA, 0, ~0u);
	assert_int_equal(*guest_at(DATA + 24), 5);
	machine_mailbox(0, 0x4100, DATA + 64, 0, 4);
	assert_int_equal(*guest_at(DATA + 64), 1);
	assert_int_equal(*guest_at(DATA + 68), 0);
	/* a ring size of 0 */
	assert_int_equal(machine_mailbox(0, 0x4509, 1, 0, 0), 0xf0000000);
	assert_false(gpu->gt[0]->guc.ct);
	machine_boot(0);
	assert_true(gpu->gt[0]->guc.ct);
	assert_false(gpu->gt[1]->guc.ct);
	machine_mailbox(0, 0x5507, 0, 0, 0);
	assert_false(gpu->gt[0]->guc.ct);
	assert_int_equal(gpu->count[COUNT_UNKNOWN], 0);
	machine_mailbox(0, 0x7777, 0, 0, 0);
	assert_int_equal(gpu->count[COUNT_UNKNOWN], 1);
	/* a doorbell without a request */
	wr(0x190240, 0);
	machine_run_anew();
	machine_doorbell(0);
	machine_run_anew();
	assert_int_equal(gpu->count[COUNT_UNKNOWN], 2);
	machine_doorbell(0);
	machine_run_anew();
	assert_int_equal(gpu->count[COUNT_UNKNOWN], 2);
}

static void requests(void **state)
{
	static const u32 request[] = { 0x550e, 1, 2 };

	for (u32 gt = 0; gt < GTS; gt++) {
		guest_send(gt, 0x77, request, 3);
		machine_run_anew(); /* no doorbell yet */
		assert_int_equal(guest_receive(gt, dw), 0);
		machine_doorbell(gt);
		machine_run_anew();
		assert_int_equal(guest_receive(gt, dw), 1);
		assert_int_equal(dw[0], 0xf0000000);
		assert_int_equal(guest.fence, 0x77);
	}
	/* frequencies */
	machine_h2g(0, 0x3003, 0 << 8 | 2, DATA, 0);
	machine_run_anew();
	assert_int_equal(*guest_at(DATA + 4), 3);
	assert_int_equal(*guest_at(DATA + 132),
			 120 | 24 << 8 | 120 << 16 | 24 << 24);
	/* a context that does not exist */
	machine_h2g(0, 0x1001, 5, 1);
	machine_h2g(0, 0x4503, 5);
	machine_h2g(0, 0x4503, ~0u);
	machine_h2g(0, 0x1000, ~0u);
	machine_h2g(0, 0x4502, 0, CONTEXTS, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	machine_h2g(0, 0x4502, 0, 1); /* too short */
	machine_h2g(0, 0x4601, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0);
	machine_h2g(0, 0x4601, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0);
	machine_run_anew();
	assert_int_equal(gpu->count[COUNT_UNKNOWN], 8);
	assert_int_equal(gpu->count[COUNT_CONTEXTS], 0);
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(guest_receive(0, dw), 1);
		assert_int_equal(dw[0], 0xe0000060);
	}
	assert_int_equal(guest_receive(0, dw), 0);
}

static void broken_ring(void **state)
{
	guest_at(H2G_DESC)[1] = H2G_DWORDS;
	machine_doorbell(0);
	machine_run_anew();
	assert_int_equal(gpu->count[COUNT_BROKEN_RINGS], 1);
	assert_false(gpu->gt[0]->guc.ct);
	guest_at(G2H_DESC + GT_BYTES)[0] = ~0u;
	command("fault gt=1 asid=1 va=0");
	assert_int_equal(gpu->count[COUNT_BROKEN_RINGS], 2);
	assert_false(gpu->gt[1]->guc.ct);
	assert_false(clean());
}

/* an unknown request fails the run */
static void unknown_request(void **state)
{
	machine_h2g(0, 0x550e, 0);
	machine_run_anew();
	assert_true(clean());
	machine_h2g(0, 0x1234, 0);
	machine_run_anew();
	assert_false(clean());
	command("expect what=unknown n=1");
	assert_true(clean());
}

/* a request gets a response, a fast request only if it fails, an event never */
static void responses(void **state)
{
	static const struct {
		u32 message[4], n, response;
	} t[] = {
		{ { 0x0000550e, 0 }, 2, 0xf0000000 },
		{ { 0x2000550e, 0 }, 2, 0 },
		{ { 0x1000550e, 0 }, 2, 0 },
		{ { 0x00001234, 0 }, 2, 0xe0000060 },
		{ { 0x20001234, 0 }, 2, 0xe0000060 },
		{ { 0x10001234, 0 }, 2, 0 },
		{ { 0x20001000, 9 }, 2, 0xe0000060 }, /* no such context */
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		gpu->count[COUNT_UNKNOWN] = 0;
		guest_send(0, 0x8000 | i, t[i].message, t[i].n);
		machine_doorbell(0);
		machine_run_anew();
		assert_int_equal(guest_receive(0, dw), !!t[i].response);
		assert_int_equal(dw[0], t[i].response);
		if (t[i].response)
			assert_int_equal(guest.fence, 0x8000 | i);
		assert_int_equal(gpu->count[COUNT_UNKNOWN],
				 t[i].response == 0xe0000060 ||
					 t[i].message[0] == 0x10001234);
	}
	command("falsify what=request on");
	machine_h2g(0, 0x6003, 0, 0);
	machine_run_anew();
	assert_int_equal(guest_receive(0, dw), 1);
	assert_int_equal(dw[0], 0xe0000060);
	assert_int_equal(gpu->count[COUNT_MALFORMED], 0);
}

/* a driver that overwrites messages is caught before they are read */
static void overwritten_ring(void **state)
{
	struct guc *guc = &gpu->gt[0]->guc;
	u32 *desc = guest_at(H2G_DESC), n = 0;

	command("hold what=h2g on");
	while ((desc[0] + H2G_DWORDS - desc[1] - 1) % H2G_DWORDS >= 3) {
		machine_h2g(0, 0x550e, 0);
		n++;
	}
	assert_int_equal(n, (H2G_DWORDS - 1) / 3);
	assert_true(guc->ct);
	assert_non_null(strstr(command("stat"), " room0=0"));
	assert_int_equal(gpu->count[COUNT_OVERWRITTEN], 0);
	machine_h2g(0, 0x550e, 0);
	assert_int_equal(gpu->count[COUNT_OVERWRITTEN], 1);
	assert_int_equal(gpu->count[COUNT_BROKEN_RINGS], 0);
	assert_false(guc->ct);
	assert_true(gpu->gt[1]->guc.ct);
	assert_false(clean());
	machine_boot(0);
	machine_h2g(0, 0x550e, 0);
	assert_true(guc->ct);
	assert_int_equal(gpu->count[COUNT_OVERWRITTEN], 1);
}

/* a limited rate of messages, in order and without loss, while faults are answered */
static void slow_reader(void **state)
{
	u64 start, h2g;
	u32 i;

	command("rate h2g=100");
	start = machine.clock;
	h2g = gpu->count[COUNT_H2G];
	for (i = 0; i < 20; i++)
		machine_h2g(0, 0x550e, 0);
	machine_run_anew();
	assert_int_equal(gpu->count[COUNT_H2G], h2g + 20);
	assert_in_range(machine.clock - start, 190000000, 250000000);
	command("rate off");
	start = machine.clock;
	for (i = 0; i < 20; i++)
		machine_h2g(0, 0x550e, 0);
	machine_run_anew();
	assert_int_equal(gpu->count[COUNT_H2G], h2g + 40);
	assert_in_range(machine.clock - start, 0, 1000000);
	/* the rate does not limit what the GuC sends */
	command("rate h2g=1");
	machine_h2g(0, 0x550e, 0);
	machine_h2g(0, 0x550e, 0);
	command("fault asid=1 va=0");
	next_fault(0);
	send_reply(0);
	machine_run_anew();
	assert_true(clean());
}

/* the steps of the driver's handler; interrupts that arrive meanwhile are not lost */
static void interrupts(void **state)
{
	int fd[2];
	u64 events[8];

	irq_reset(&gpu->irq);
	assert_int_equal(pipe(fd), 0);
	gpu->irq.fd = fd[1];
	irq_raise(&gpu->irq, 0, 25, CLASS_OTHER, 0, 0x8000);
	assert_int_equal(gpu->irq.raised, 0); /* the master is off */
	wr(0x190008, 1u << 31);
	assert_int_equal(gpu->irq.raised, 1);
	assert_int_equal(rd(0x190008), 1u << 31 | 1);
	wr(0x190008, 0);
	assert_int_equal(rd(0x190010), 1);
	assert_int_equal(rd(0x190018), 1 << 25);
	assert_int_equal(rd(0x19001c), 0);
	wr(0x190070, 1 << 25);
	assert_int_equal(rd(0x190060), 0x80048000);
	wr(0x190060, rd(0x190060));
	assert_int_equal(rd(0x190060), 0);
	irq_raise(&gpu->irq, 0, 25, CLASS_OTHER, 0, 0x4000);
	irq_raise(&gpu->irq, 1, 31, CLASS_ENHANCE, 0, 1);
	wr(0x190018, 1 << 25);
	assert_int_equal(rd(0x190018), 1 << 25);
	assert_int_equal(rd(0x190010), 3);
	assert_int_equal(gpu->irq.raised, 1);
	wr(0x190008, 1u << 31);
	assert_int_equal(gpu->irq.raised, 2);
	wr(0x190070, 1 << 25);
	assert_int_equal(rd(0x190060), 0x80044000);
	wr(0x190074, 1u << 31);
	assert_int_equal(rd(0x190064), 0x80020001);
	wr(0x190018, 1 << 25);
	wr(0x19001c, 1u << 31);
	assert_int_equal(rd(0x190010), 0);
	wr(0x190008, 1u << 31);
	assert_int_equal(gpu->irq.raised, 2);
	/* two events of one unit before its identity was read */
	irq_raise(&gpu->irq, 0, 15, CLASS_COPY, 0, 1);
	irq_raise(&gpu->irq, 0, 15, CLASS_COPY, 0, 0x100);
	wr(0x190070, 1 << 15);
	assert_int_equal(rd(0x190060), 0x80030101);
	wr(0x190018, 1 << 15);
	assert_int_equal(gpu->irq.raised, 4);
	/* held back, then raised */
	command("hold what=irq on");
	irq_raise(&gpu->irq, 0, 15, CLASS_COPY, 0, 1);
	assert_int_equal(gpu->irq.raised, 4);
	command("hold what=irq off");
	assert_int_equal(gpu->irq.raised, 5);
	assert_int_equal(read(fd[0], events, sizeof(events)), 40);
	close(fd[0]);
}

static u32 config(u32 offset, u32 n)
{
	u32 v = 0;

	pci_read(&gpu->pci, offset, (u8 *)&v, n);
	return v;
}

static void write_config(u32 offset, u32 value, u32 n)
{
	pci_write(&gpu->pci, offset, (u8 *)&value, n);
}

static void configuration(void **state)
{
	u32 cap, caps = 0;

	assert_int_equal(config(0, 4), 0x64a08086);
	assert_int_equal(config(6, 2), 0x10);
	assert_int_equal(config(0xa, 2), 0x0380);
	write_config(0xfc, 0x12345678, 4);
	assert_int_equal(config(0xfc, 4), 0x12345678);
	write_config(0xfe, ~0u, 4);
	assert_int_equal(config(0xfc, 4), 0x12345678);
	assert_int_equal(config(0x50, 2), 0x00c0);
	write_config(0, 0, 4);
	write_config(0x50, 0, 2);
	assert_int_equal(config(0, 4), 0x64a08086);
	assert_int_equal(config(0x50, 2), 0x00c0);
	write_config(4, 7, 2);
	assert_int_equal(config(4, 2), 7);
	for (cap = config(0x34, 1); cap && caps >> 24 == 0;
	     cap = config(cap + 1, 1))
		caps = caps << 8 | config(cap, 1);
	assert_int_equal(caps, 0x100501); /* PCI Express, MSI, power */
	write_config(0x10, ~0u, 4);
	write_config(0x14, ~0u, 4);
	write_config(0x18, ~0u, 4);
	write_config(0x1c, ~0u, 4);
	write_config(0x20, ~0u, 4);
	assert_int_equal(config(0x10, 4), 0xff000004);
	assert_int_equal(config(0x14, 4), 0xffffffff);
	assert_int_equal(config(0x18, 4), 0xf000000c);
	assert_int_equal(config(0x20, 4), 0);
	write_config(0x10, 0x12345678, 4);
	assert_int_equal(config(0x10, 4), 0x12000004);
	write_config(0x11, 0, 4); /* not a register */
	write_config(0x10, 0, 1);
	assert_int_equal(config(0x10, 4), 0x12000004);
	pci_init(&gpu->pci, true, 1 << 30);
	assert_int_equal(config(2, 2), 0xe20b);
}

static void ledger_of_a_run(void **state)
{
	assert_string_equal(
		command("fault asid=0x12345 va=0 access=write class=bcs instance=8 vfid=3"),
		"ok n=1");
	next_fault(0);
	assert_int_equal(dw[1], 0x12345401);
	assert_int_equal(dw[2] & 0xffff, 3 << 13 | 8 << 7 | 3);
	assert_non_null(strstr(command("stat"), "outstanding=1"));
	assert_string_equal(command("wait timeout=1"),
			    "error timeout outstanding=1");
	assert_string_equal(command("wait outstanding=1"), "ok outstanding=1");
	send_reply(0);
	assert_string_equal(command("wait"), "ok outstanding=0");
	assert_int_equal(gpu->count[COUNT_REPLIES], 1);
	assert_true(clean());
	send_reply(0);
	assert_int_equal(gpu->count[COUNT_DOUBLED], 1);
	dw[2] ^= 1u << 30;
	send_reply(0);
	assert_int_equal(gpu->count[COUNT_STRAY], 1);
	/* on the other GT, it is a stray reply too */
	dw[2] ^= 1u << 30;
	send_reply(1);
	assert_int_equal(gpu->count[COUNT_STRAY], 2);
	machine_send(0, dw, 2);
	machine_send(0, dw, 4);
	machine_run_anew();
	assert_int_equal(gpu->count[COUNT_MALFORMED], 2);
	assert_false(clean());
	command("expect what=doubled n=1");
	command("expect what=stray n=2");
	assert_false(clean());
	command("expect what=malformed n=2");
	assert_true(clean());
	command("fault gt=1 asid=1 va=0");
	next_fault(1);
	dw[2] ^= 1;
	send_reply(1);
	assert_int_equal(gpu->count[COUNT_MISMATCHED], 1);
	command("expect what=mismatched n=1");
	assert_false(clean()); /* one is open */
	assert_int_equal(gpu->count[COUNT_MISSING], 1);
}

static void ledger_and_reset(void **state)
{
	for (u32 i = 0; i < 3; i++) {
		command("fault asid=1 va=0");
		next_fault(0);
		if (i == 0)
			wr(0x941c, 8);
		else if (i == 1)
			machine_mailbox(0, 0x4509, 0, 0, 0);
		else
			wr(0x101010, 1u << 31);
		assert_int_equal(guc_open_faults(gpu->gt[0]), 0);
		assert_int_equal(gpu->count[COUNT_CLEARED], i + 1);
		machine_boot(0);
		send_reply(0); /* after the reset */
		assert_int_equal(gpu->count[COUNT_STRAY], i + 1);
	}
	/* its key is not reused soon */
	command("fault asid=1 va=0");
	next_fault(0);
	assert_true(dw[2] >> 16 > 2);
	send_reply(0);
	assert_int_equal(gpu->count[COUNT_REPLIES], 1);
	command("expect what=stray n=3");
	assert_true(clean());
	/* a fault without a reply for long counts as missing, despite the reset */
	command("fault asid=1 va=0");
	machine.clock += 6000000000ull;
	wr(0x941c, 8);
	assert_int_equal(gpu->count[COUNT_MISSING], 1);
	assert_false(clean());
}

static void negative_controls(void **state)
{
	command("fault asid=1 va=0");
	next_fault(0);
	command("ignore what=page-fault-reply on");
	send_reply(0);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 1);
	command("ignore what=page-fault-reply off");
	command("falsify what=page-fault-reply on");
	send_reply(0);
	assert_int_equal(gpu->count[COUNT_STRAY], 1);
	command("falsify what=page-fault-reply off");
	send_reply(0);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 0);
	assert_int_equal(gpu->count[COUNT_REPLIES], 1);
	command("falsify what=refusal on");
	command("fault asid=1 va=0");
	next_fault(0);
	dw[1] |= 2;
	send_reply(0);
	assert_int_equal(gpu->count[COUNT_REPLIES], 2);
	assert_int_equal(gpu->count[COUNT_UNSUCCESSFUL], 0);
}

/* Answer a fault with "successful". */
static void succeed(const char *fault)
{
	while (guest_receive(0, dw))
		;
	command(fault);
	next_fault(0);
	send_reply(0);
}

static u64 unfounded_replies(u64 seconds)
{
	machine.clock += seconds * 1000000000;
	command("stat");
	return gpu->count[COUNT_UNFOUNDED];
}

/* a reply "successful" is unfounded if the page tables don't allow the access */
static void unfounded(void **state)
{
	static const struct {
		const char *fault;
		bool founded;
	} t[] = {
		{ "fault asid=7 va=0x5000", true },
		{ "fault asid=7 va=0x5000 access=write", true },
		{ "fault asid=7 va=0x6000", true }, /* read-only */
		{ "fault asid=7 va=0x6000 access=write", false },
		{ "fault asid=7 va=0x6000 access=write", true }, /* counted */
		{ "fault asid=7 va=0x7000", false },
		{ "fault asid=7 va=0x7123 access=atomic", false },
		{ "fault asid=7 va=0xffff000000007000 access=atomic", true },
		{ "fault asid=8 va=0x7000", true }, /* has not run */
	};
	u64 n = 0;

	machine_register(0, 1, 4, 7);
	guest_map(&gpu->mem, 0x5000, DATA | 3, 0);
	guest_map(&gpu->mem, 0x6000, DATA | 1, 0);
	machine_run_anew();
	machine.clock += 6000000000ull; /* after the resets at the start */
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		succeed(t[i].fault);
		assert_int_equal(unfounded_replies(4), n);
		n += !t[i].founded;
		assert_int_equal(unfounded_replies(2), n);
	}
	assert_int_equal(gpu->mem.dma_errors, 0);
	assert_false(clean());
	command("expect what=unfounded n=3");
	assert_true(clean());
}

/* ... unless the driver invalidates the translations, before or after the reply */
static void unfounded_or_removed(void **state)
{
	static const struct {
		const char *fault;
		u32 before, after; /* seconds */
		u32 message[6];
		bool founded;
	} t[] = {
		{ "fault asid=7 va=0x20000", 1, 0, { 1, 7, 0x20000 }, true },
		{ "fault asid=7 va=0x21000", 6, 0, { 1, 7, 0x21000 }, false },
		{ "fault asid=7 va=0x22000", 0, 4, { 1, 7, 0x22000 }, true },
		{ "fault asid=7 va=0x23000", 0, 6, { 1, 7, 0x23000 }, false },
		{ "fault asid=7 va=0x24000", 0, 1, { 1, 8, 0x24000 }, false },
		{ "fault asid=7 va=0x25000", 0, 1, { 1, 7, 0x26000 }, false },
		{ "fault asid=7 va=0x27000", 0, 1, { 0 }, true },
		{ "fault asid=7 va=0x28000", 0, 1, { 2, 1, 0, 0, 51 }, true },
		{ "fault asid=7 va=0x29000", 0, 1, { 3 }, false },
	};
	u64 n = 0;

	machine_register(0, 1, 4, 7);
	machine_run_anew();
	machine.clock += 6000000000ull;
	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		const u32 *m = t[i].message;

		if (t[i].after)
			succeed(t[i].fault);
		machine.clock += t[i].after * 1000000000ull;
		machine_h2g(1, 0x7000, 5, m[0], m[1], m[2], m[3], m[4]);
		machine_run_anew();
		machine.clock += t[i].before * 1000000000ull;
		if (!t[i].after)
			succeed(t[i].fault);
		n += !t[i].founded;
		assert_int_equal(unfounded_replies(6), n);
	}
	/* a reset does it too */
	succeed("fault asid=7 va=0x2a000");
	wr(0x941c, 8);
	assert_int_equal(unfounded_replies(6), n);
	machine_boot(0);
	succeed("fault asid=7 va=0x2a000"); /* the page tables are not known */
	assert_int_equal(unfounded_replies(6), n);
	/* and time stands still while the driver's messages are not read */
	machine_register(0, 1, 4, 7);
	machine_run_anew();
	machine.clock += 6000000000ull;
	succeed("fault asid=7 va=0x2b000");
	command("hold what=h2g on");
	machine.clock += 6000000000ull;
	command("hold what=h2g off");
	assert_int_equal(unfounded_replies(4), n);
	command("rate h2g=1000");
	machine.clock += 6000000000ull;
	command("rate off");
	assert_int_equal(unfounded_replies(4), n);
	assert_int_equal(unfounded_replies(2), n + 1);
}

/* the H2G message drops the named translations before it is acknowledged */
static void invalidation(void **state)
{
	static const struct {
		u32 message[7], n;
		bool gone;
	} t[] = {
		{ { 0x7000, 5, 1, 7, 0x5000, 1, 0 }, 7, true },
		{ { 0x7000, 5, 1, 7, 0x4000, 1, 1 }, 7, true },
		{ { 0x7000, 5, 1, 7, 0x4000, 1, 0 }, 7, false },
		{ { 0x7000, 5, 1, 7, 0x5000, 0, 0 }, 7, false },
		{ { 0x7000, 5, 1, 7, 0, 0, 36 }, 7, true },
		{ { 0x7000, 5, 1, 7, 0, 0, 63 }, 7, true },
		{ { 0x7000, 5, 1, 8, 0x5000, 1, 0 }, 7, false },
		{ { 0x7000, 5, 0 }, 3, true },
		{ { 0x7000, 5, 3 }, 3, false },
		{ { 0x7002, 5 }, 2, true },
	};

	for (u32 i = 0; i < ARRAY_SIZE(t); i++) {
		struct translation at = { .page.addr = 0x9000,
					  .present = true };
		struct tlb *tlb = &gpu->gt[0]->tlb;

		assert_true(tlb_use(tlb, 7, 0x1000, 0x100005000, ACCESS_READ,
				    &at, 0));
		memcpy(dw, t[i].message, sizeof(t[i].message));
		dw[0] |= 2u << 28;
		machine_send(0, dw, t[i].n);
		machine_run_anew();
		assert_int_equal(guest_receive(0, dw), 2);
		assert_int_equal(dw[0], 0x90007001);
		assert_int_equal(dw[1], 5);
		at = (struct translation){ 0 };
		assert_int_equal(tlb_use(tlb, 7, 0x1000, 0x100005000,
					 ACCESS_READ, &at, 0),
				 !t[i].gone);
		tlb_invalidate(tlb, TLB_ALL_SPACES, 0, UINT64_MAX);
	}
	command("ignore what=tlb-invalidation on");
	assert_true(gpu->gt[0]->tlb.ignore && gpu->gt[1]->tlb.ignore);
	command("ignore what=tlb-invalidation off");
	assert_false(gpu->gt[0]->tlb.ignore || gpu->gt[1]->tlb.ignore);
}

static void access_counter(void **state)
{
	static const char line[] =
		"access-counter asid=1 va=0x127fe20000 granularity=2 sub=0xc0000001 type=notify";

	assert_string_equal(command(line), "ok n=1");
	assert_int_equal(guest_receive(0, dw), 5);
	assert_int_equal(dw[0], 0x90006004);
	assert_int_equal(dw[1], 0x80000003);
	assert_int_equal(dw[2], 0x1a01);
	assert_int_equal(dw[3], 0x7fe20200);
	assert_int_equal(dw[4], 0x12);
	assert_int_equal(gpu->count[COUNT_ACCESS_COUNTERS], 1);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 0);
}

static void raw(void **state)
{
	command("raw action=0x8003 dw=1,2,ffffffff");
	assert_int_equal(guest_receive(0, dw), 4);
	assert_int_equal(dw[0], 0x90008003);
	assert_int_equal(dw[3], 0xffffffff);
	command("raw gt=1 action=0x6002");
	assert_int_equal(guest_receive(1, dw), 1);
	assert_int_equal(guc_open_faults(gpu->gt[1]), 0);
	/* with the ledger, it is a fault */
	command("raw action=0x6002 ledger=1 dw=26000002,00001000,1,2");
	next_fault(0);
	assert_int_equal(dw[2] >> 16, 2);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 1);
	/* the same key again: the guest receives both, but only one is open */
	command("raw action=0x6002 ledger=1 dw=26000002,00001000,1,2");
	next_fault(0);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 1);
	send_reply(0);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 0);
}

/* more faults than fit into the ring: each is sent once, as soon as there is room */
static void storm(void **state)
{
	u32 sent = 0, waiting;

	assert_string_equal(
		command("storm n=500 asid=1,2,3 va=0x10000 addresses=5 stride=0x1000"),
		"ok n=500");
	waiting = gpu->gt[0]->guc.waiting;
	assert_int_equal(gpu->count[COUNT_FAULTS], (G2H_DWORDS - 1) / 6);
	assert_int_equal(waiting + gpu->count[COUNT_FAULTS], 500);
	assert_int_equal(gpu->count[COUNT_G2H_STALLED], 1);
	while (sent < 500) {
		next_fault(0);
		assert_int_equal(dw[1] >> 12, 1 + sent % 3);
		send_reply(0);
		sent++;
	}
	assert_int_equal(gpu->count[COUNT_REPLIES], 500);
	assert_string_equal(command("wait"), "ok outstanding=0");
	assert_true(clean());
	/* up to the maximum, while none is answered */
	assert_string_equal(command("storm n=0 asid=1 va=0"), "ok n=0");
	command("storm n=1000000 asid=1 va=0");
	assert_true(gpu->gt[0]->guc.waiting <= GUC_FAULTS_MAX);
}

static void held(void **state)
{
	command("hold what=g2h on");
	command("fault asid=1 va=0");
	assert_int_equal(guest_receive(0, dw), 0);
	command("raw action=0x8003"); /* other messages pass */
	assert_int_equal(guest_receive(0, dw), 1);
	command("hold what=g2h off");
	next_fault(0);
	command("hold what=h2g on");
	send_reply(0);
	assert_int_equal(guc_open_faults(gpu->gt[0]), 1);
	assert_int_not_equal(guest_at(H2G_DESC)[0], guest_at(H2G_DESC)[1]);
	command("hold what=h2g off");
	assert_int_equal(guc_open_faults(gpu->gt[0]), 0);
	assert_int_equal(guest_at(H2G_DESC)[0], guest_at(H2G_DESC)[1]);
	for (u32 leave = 0; leave < 40; leave += 3) {
		char line[32], want[32];

		snprintf(line, sizeof(line), "fill leave=%u", leave);
		command(line);
		/* a single dword can't be filled */
		assert_true(ctb_room(&gpu->mem, &gpu->gt[0]->guc.g2h) - leave <
			    2);
		snprintf(want, sizeof(want), "ok room=%u",
			 ctb_room(&gpu->mem, &gpu->gt[0]->guc.g2h));
		assert_string_equal(command(line), want);
		guest_at(G2H_DESC)[0] = guest_at(G2H_DESC)[1];
	}
}

static void latency(void **state)
{
	assert_string_equal(command("latency"), "ok n=0");
	for (u32 i = 0; i < 10; i++) {
		command("fault asid=1 va=0");
		next_fault(0);
		machine.clock += (10 - i) * 1000000;
		send_reply(0);
	}
	assert_non_null(strstr(command("latency"), "ok n=10 min=10"));
	assert_non_null(strstr(command("latency"), "max=100"));
	command("mark");
	assert_string_equal(command("latency"), "ok n=0");
}

static void contexts(void **state)
{
	assert_string_equal(command("asids"), "ok");
	assert_string_equal(command("contexts"), "ok");
	assert_string_equal(command("fault asid=all va=0"),
			    "error no context has run");
	for (u32 id = 1; id < 4; id++)
		machine_register(0, id, 3, id == 3 ? 11 : 10 + id);
	machine_run_anew();
	assert_string_equal(command("asids"), "ok 11,12");
	assert_string_equal(command("asids gt=1"), "ok");
	assert_non_null(strstr(command("contexts"),
			       " 2:asid=12,class=3,enabled=1,faults=0"));
	assert_string_equal(command("fault asid=first va=0"), "ok n=1");
	assert_string_equal(command("fault asid=all va=0"), "ok n=2");
	assert_string_equal(command("context-reset id=2"), "ok");
	assert_non_null(
		strstr(command("contexts"), " 2:asid=12,class=3,enabled=0"));
	assert_int_equal(gpu->gt[0]->guc.outs, 0);
	while (guest_receive(0, dw) && dw[0] != 0x90001008)
		;
	assert_int_equal(dw[1], 2);
}

/* each gets one error, and has no effect */
static void bad_commands(void **state)
{
	static const char *const bad[] = {
		"",
		" \t ",
		"nonsense",
		"STAT",
		"stat now",
		"stat gt=0",
		"asids gt=2",
		"asids gt=-1",
		"asids gt=",
		"asids gt=x",
		"asids gt=0x",
		"mark it",
		"latency n=1",
		"fault",
		"fault va=0",
		"fault asid= va=0",
		"fault asid=x va=0",
		"fault asid=1, va=0",
		"fault asid=1,,2 va=0",
		"fault asid=1 va=zero",
		"fault asid=1 va=0 access=execute",
		"fault asid=1 va=0 class=gpu",
		"fault asid=1 va=0 colour=3",
		"fault asid=1 va=0 gt=2",
		"fault asid=first va=0",
		"storm",
		"storm n=many asid=1",
		"storm n=1 asid=",
		"raw dw=1,",
		"raw dw=g",
		"raw dw=1,2,3 ledger=1",
		"raw ledger=1",
		"access-counter va=0",
		"access-counter asid=1 va=0 type=neither",
		"wait timeout=soon",
		"wait outstanding",
		"hold",
		"hold what=irq",
		"hold what=irq on off",
		"hold what=water on",
		"hold on",
		"fill leave=none",
		"rate",
		"rate h2g=0",
		"rate h2g=fast",
		"rate g2h=5",
		"delay event",
		"delay event=x",
		"ignore what=advice on",
		"ignore what=page-fault-reply",
		"falsify what=advice on",
		"falsify on",
		"expect",
		"expect what=happiness n=1",
		"expect what=faults n=1",
		"expect what=stray n=one",
		"context-reset",
		"context-reset id=1",
		"context-reset id=70000",
		"contexts all",
		"stat 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25",
	};

	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_memory_equal(command(bad[i]), "error ", 6);
		assert_int_equal(guest_receive(0, dw), 0);
		assert_int_equal(guc_open_faults(gpu->gt[0]), 0);
	}
	assert_false(gpu->irq.hold || gpu->ignore_reply || gpu->falsify_reply);
	assert_int_equal(gpu->expected[COUNT_STRAY], 0);
}

static void good_commands(void **state)
{
	static const char *const good[] = {
		"stat",
		"\t mark \r",
		"latency",
		"wait",
		"asids gt=1",
		"contexts gt=1",
		"delay reply-to-resume=10 event=0x10",
		"delay off",
		"delay threads=0",
		"rate h2g=1000",
		"rate off",
		"fill gt=1 leave=100",
		"fault asid=1,0x2,0xfffff va=0xffffffffffff gt=1",
		"fault asid=1 va=0 access=2 type=1 source=255 trva=1 prefetch=1",
		"raw action=0xffff",
		"expect what=missing n=4",
	};

	for (u32 i = 0; i < ARRAY_SIZE(good); i++)
		assert_memory_equal(command(good[i]), "ok", 2);
	assert_int_equal(gpu->opt.delay_us, 0);
	assert_int_equal(gpu->delay_event, 0);
	assert_int_equal(gpu->delay_resume, 0);
	assert_true(clean());
}

/* without a CT channel, nothing is accepted */
static void no_channel(void **state)
{
	assert_memory_equal(command("fault asid=1 va=0"), "error ", 6);
	assert_memory_equal(command("raw action=1"), "error ", 6);
	assert_memory_equal(command("access-counter asid=1 va=0"), "error ", 6);
	assert_string_equal(command("storm n=5 asid=1 va=0"), "ok n=0");
	assert_string_equal(command("fill"), "ok room=0");
	assert_true(clean());
}

static int client(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)),
			 0);
	return fd;
}

static const char *read_line(int fd)
{
	static char line[256];
	u32 n = 0;

	while (n < sizeof(line) - 1 && read(fd, line + n, 1) == 1 &&
	       line[n] != '\n')
		n++;
	line[n] = 0;
	return line;
}

/* several clients, with lines in pieces and several lines in a write */
static void control_socket(void **state)
{
	char path[64], flood[16384], far[200];
	struct control *control;
	int fd[3], i;

	snprintf(path, sizeof(path), "/tmp/xe-gpu-test.%d", getpid());
	control = control_start(gpu, path);
	assert_non_null(control);
	for (i = 0; i < 3; i++)
		fd[i] = client(path);
	assert_int_equal(write(fd[0], "mark\nasi", 8), 8);
	assert_int_equal(write(fd[1], "nonsense\n\n", 10), 10);
	assert_string_equal(read_line(fd[0]), "ok");
	assert_string_equal(read_line(fd[1]),
			    "error no such command: \"nonsense\"");
	assert_string_equal(read_line(fd[1]), "error no command");
	assert_int_equal(write(fd[0], "ds gt=1\n", 8), 8);
	assert_string_equal(read_line(fd[0]), "ok");
	close(fd[0]);
	/* an endless line: the client is disconnected */
	memset(flood, 'x', sizeof(flood));
	signal(SIGPIPE, SIG_IGN);
	while (send(fd[1], flood, sizeof(flood), MSG_NOSIGNAL) > 0)
		;
	read_line(fd[1]);
	/* other clients can still connect */
	for (i = 0; i < 40; i++) {
		int one = client(path);

		assert_int_equal(write(one, "latency\n", 8), 8);
		assert_string_equal(read_line(one), "ok n=0");
		close(one);
	}
	assert_int_equal(write(fd[2], "mark\n", 5), 5);
	assert_string_equal(read_line(fd[2]), "ok");
	control_stop(control);
	assert_string_equal(read_line(fd[2]), "");
	assert_int_not_equal(access(path, F_OK), 0);
	close(fd[1]);
	close(fd[2]);
	memset(far, 'x', sizeof(far) - 1);
	far[sizeof(far) - 1] = 0;
	assert_null(control_start(gpu, far));
	assert_null(control_start(gpu, "/dev/null/control"));
}

static u8 answer[8192];

static u32 open_files(void)
{
	u32 n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Send a request, serve it, and receive the answer. Return its errno. */
static int request(u32 command, const void *payload, u32 size, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct vfio_user_header h = { 7, command, sizeof(h) + size, 0, 0 };
	struct iovec iov[] = { { &h, sizeof(h) }, { (void *)payload, size } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr){ CMSG_LEN(sizeof(int)),
							 SOL_SOCKET,
							 SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(pair[0], &msg, 0), h.size);
	shutdown(pair[0], SHUT_WR);
	assert_int_equal(vfio_user_serve(gpu, pair[1]), 0);
	close(pair[1]);
	memset(answer, 0, sizeof(answer));
	size = 0;
	for (ssize_t n;
	     (n = read(pair[0], answer + size, sizeof(answer) - size)) > 0;)
		size += n;
	close(pair[0]);
	memcpy(&h, answer, sizeof(h));
	assert_int_equal(h.id, 7);
	assert_int_equal(h.command, command);
	assert_int_equal(h.size, size);
	assert_int_equal(h.flags, h.error ? 0x21 : 1);
	return h.error;
}

static int io(u32 command, u32 region, u64 offset, u32 count, const void *data,
	      u32 size)
{
	struct {
		struct vfio_user_access access;
		u8 data[4200];
	} r = { { offset, region, count }, { 0 } };

	memcpy(r.data, data, size);
	return request(command, &r, sizeof(r.access) + size, -1);
}

static u32 answer32(u32 at)
{
	u32 v;

	memcpy(&v, answer + sizeof(struct vfio_user_header) + at, 4);
	return v;
}

static void vfio_user_info(void **state)
{
	struct vfio_user_region_info region = { .argsz = 1000 };
	struct vfio_user_irq_info irq = { .index = 1 };

	assert_int_equal(request(1, "\0\0\0\0{}", 7, -1), 0);
	assert_int_equal(answer32(0), 0);
	assert_non_null(strstr((char *)answer + 20, "max_msg_fds"));
	assert_int_equal(request(4, "", 0, -1), 0);
	assert_int_equal(answer32(4), 3);
	for (region.index = 0; region.index < 20; region.index++) {
		u32 want[] = { 16 << 20, 0, 256 << 20, 0, 0, 0, 0, 4096 };

		assert_int_equal(request(5, &region, sizeof(region), -1), 0);
		assert_int_equal(answer32(16),
				 region.index < 8 ? want[region.index] : 0);
	}
	region.index = 0;
	request(5, &region, sizeof(region), -1);
	assert_int_equal(answer32(0), 80);
	assert_int_equal(answer32(32 + 16), 0x130000);
	region.argsz = 32; /* no room for the areas */
	request(5, &region, sizeof(region), -1);
	assert_int_equal(((struct vfio_user_header *)answer)->size, 48);
	assert_int_equal(request(7, &irq, sizeof(irq), -1), 0);
	assert_int_equal(answer32(12), 1);
	irq.index = 2;
	assert_int_equal(request(7, &irq, sizeof(irq), -1), 0);
	assert_int_equal(answer32(12), 0);
}

static void vfio_user_access(void **state)
{
	static const u8 bytes[4096];
	u32 v = 0x12345678;

	assert_int_equal(io(10, 0, 0x4f100, 4, &v, 4), 0);
	assert_int_equal(rd(0x4f100), v);
	assert_int_equal(io(10, 0, 0x4f102, 1, "\xff", 1), 0);
	assert_int_equal(io(9, 0, 0x4f100, 8, "", 0), 0);
	assert_int_equal(answer32(16), 0x12ff5678);
	assert_int_equal(io(10, 0, 0x800000, 4, &v, 4), 0); /* the GGTT */
	assert_int_equal((u32)gpu->mem.ggtt[0], v);
	assert_int_equal(io(10, 2, 0x1000, 4, &v, 4), 0);
	assert_memory_equal(gpu->mem.vram + 0x1000, &v, 4);
	assert_int_equal(io(9, 7, 0, 4, "", 0), 0);
	assert_int_equal(answer32(16), 0x64a08086);
	assert_int_equal(io(9, 0, 0x800000, 4, "", 0), 0);
	assert_int_equal(answer32(16), v);
	assert_int_equal(io(9, 0, (16 << 20) - 4096, 4096, "", 0), 0);
	assert_int_equal(io(9, 0, (4 << 20) - 8, 16, "", 0), 0);
	/* invalid ranges and regions */
	assert_int_equal(io(9, 0, (16 << 20) - 2, 4, "", 0), EINVAL);
	assert_int_equal(io(9, 0, ~0ull, 4, "", 0), EINVAL);
	assert_int_equal(io(9, 0, 0, 4097, "", 0), EINVAL);
	assert_int_equal(io(9, 0, 0, ~0u, "", 0), EINVAL);
	assert_int_equal(io(9, 2, 256 << 20, 1, "", 0), EINVAL);
	assert_int_equal(io(9, 7, 4093, 4, "", 0), EINVAL);
	assert_int_equal(io(9, 1, 0, 1, "", 0), EINVAL);
	assert_int_equal(io(9, ~0u, 0, 1, "", 0), EINVAL);
	assert_int_equal(io(10, 0, 0, 8, &v, 4),
			 EINVAL); /* fewer bytes than the count */
	assert_int_equal(io(10, 0, 0, 4096, bytes, 4095), EINVAL);
	assert_int_equal(request(9, bytes, 15, -1), EINVAL);
	assert_int_equal(request(10, bytes, 15, -1), EINVAL);
}

static void vfio_user_memory(void **state)
{
	struct vfio_user_dma_map map = { 32, 3, 0, 1ull << 40, PAGE };
	struct vfio_user_dma_unmap unmap = { 24, 0, 1ull << 40, PAGE };
	u32 maps = gpu->mem.maps, before = open_files();

	assert_int_equal(request(2, &map, sizeof(map), guest.fd), 0);
	assert_int_equal(gpu->mem.maps, maps + 1);
	assert_true(gpu->mem.map[maps].writable);
	assert_int_equal(request(3, &unmap, sizeof(unmap), -1), 0);
	assert_int_equal(gpu->mem.maps, maps);
	assert_int_equal(request(2, &map, sizeof(map), -1),
			 0); /* a BAR, or a ROM */
	assert_int_equal(gpu->mem.maps, maps);
	map.offset = RAM_BYTES;
	assert_int_equal(request(2, &map, sizeof(map), guest.fd), EINVAL);
	assert_int_equal(request(2, &map, sizeof(map) - 1, guest.fd), EINVAL);
	assert_int_equal(request(3, &unmap, sizeof(unmap) - 1, -1), EINVAL);
	map.offset = 0;
	map.flags = 1;
	assert_int_equal(request(2, &map, sizeof(map), guest.fd), 0);
	assert_false(gpu->mem.map[maps].writable);
	assert_int_equal(request(77, &map, sizeof(map), guest.fd), EOPNOTSUPP);
	/* none of these kept a file open */
	assert_int_equal(open_files(), before);
}

static void vfio_user_interrupts(void **state)
{
	struct vfio_user_irq_set set = { 20, 0x24, 1, 0, 1 };
	int fd[2];
	u64 one;

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(request(8, &set, sizeof(set), fd[1]), 0);
	close(fd[1]);
	irq_reset(&gpu->irq);
	wr(0x190008, 1u << 31);
	irq_raise(&gpu->irq, 0, 15, CLASS_COPY, 0, 1);
	assert_int_equal(read(fd[0], &one, 8), 8);
	set = (struct vfio_user_irq_set){ 20, 0x21, 1, 0, 0 };
	assert_int_equal(request(8, &set, sizeof(set), -1), 0);
	assert_int_equal(read(fd[0], &one, 8), 0); /* closed by the device */
	irq_raise(&gpu->irq, 0, 15, CLASS_COPY, 0, 1);
	close(fd[0]);
	assert_int_equal(request(8, &set, sizeof(set) - 1, -1), EINVAL);
	wr(0x4f100, 5);
	assert_int_equal(request(13, "", 0, -1), 0);
	assert_int_equal(rd(0x4f100), 0);
}

/* invalid requests end the connection; incomplete ones are not executed */
static void vfio_user_nonsense(void **state)
{
	static const u32 bad[][4] = {
		{ 0x00040001, 15 },
		{ 0x00040001, 0 },
		{ 0x00040001, ~0u },
		{ 0x00040001, 65553 },
	};
	int pair[2];

	for (u32 i = 0; i < ARRAY_SIZE(bad) + 2; i++) {
		bool cut = i >= ARRAY_SIZE(bad);

		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
		if (cut)
			write(pair[0], (const u32[]){ 0x000d0001, 20, 0, 0 },
			      i % 2 ? 16 : 9);
		else
			write(pair[0], bad[i], 16);
		shutdown(pair[0], SHUT_WR);
		wr(0x4f100, 5);
		assert_int_equal(vfio_user_serve(gpu, pair[1]), cut ? 0 : -1);
		assert_int_equal(rd(0x4f100), 5);
		close(pair[0]);
		close(pair[1]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reset_values, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(registers, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(firmware_start, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(mailbox, setup_cold, teardown),
		cmocka_unit_test_setup_teardown(requests, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_ring, setup, teardown),
		cmocka_unit_test_setup_teardown(unknown_request, setup,
						teardown),
		cmocka_unit_test_setup_teardown(responses, setup, teardown),
		cmocka_unit_test_setup_teardown(overwritten_ring, setup,
						teardown),
		cmocka_unit_test_setup_teardown(slow_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(interrupts, setup, teardown),
		cmocka_unit_test_setup_teardown(configuration, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(ledger_of_a_run, setup,
						teardown),
		cmocka_unit_test_setup_teardown(ledger_and_reset, setup,
						teardown),
		cmocka_unit_test_setup_teardown(negative_controls, setup,
						teardown),
		cmocka_unit_test_setup_teardown(unfounded, setup, teardown),
		cmocka_unit_test_setup_teardown(unfounded_or_removed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(invalidation, setup, teardown),
		cmocka_unit_test_setup_teardown(access_counter, setup,
						teardown),
		cmocka_unit_test_setup_teardown(raw, setup, teardown),
		cmocka_unit_test_setup_teardown(storm, setup, teardown),
		cmocka_unit_test_setup_teardown(held, setup, teardown),
		cmocka_unit_test_setup_teardown(latency, setup, teardown),
		cmocka_unit_test_setup_teardown(contexts, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(good_commands, setup, teardown),
		cmocka_unit_test_setup_teardown(no_channel, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(control_socket, setup,
						teardown),
		cmocka_unit_test_setup_teardown(vfio_user_info, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(vfio_user_access, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(vfio_user_memory, setup_cold,
						teardown),
		cmocka_unit_test_setup_teardown(vfio_user_interrupts,
						setup_cold, teardown),
		cmocka_unit_test_setup_teardown(vfio_user_nonsense, setup_cold,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
