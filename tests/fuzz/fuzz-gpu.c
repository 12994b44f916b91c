// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest of the emulated GPU. The input is a list of actions in any order:
 * it writes registers, page table entries, rings, messages and instructions, and maps
 * or unmaps its memory, also while the GPU is working. The first byte selects the device
 * and whether a driver has started it.
 */
#include "gpu-fuzz.h"

#define PAUSES 400

static struct gpu *gpu;
static u32 countdown;

static const u32 actions[] = {
	0x0509, 0x0506, 0x1000, 0x1001, 0x100b, 0x3003, 0x3004, 0x4502, 0x4503,
	0x4601, 0x550a, 0x550e, 0x6003, 0x7000, 0x7002, 0x7003, 0x1234,
};

static const u32 instructions[] = {
	0x02u << 23, 0x0au << 23, 0x0e000002, 0x10000002, 0x10400002,
	0x12000002,  0x13000002,  0x13244003, 0x13004002, 0x17000003,
	0x17900009,  0x18800101,  0x18c00101, 0x18800001, 0x1b000002,
	0x1f000005,  0x7a000004,  0x50800008, 0x51000004, 0x56800007,
	0x56820007,  0x56880007,  0x56c00005, 0x56c20005, 0x00000000,
};

static u32 pick_register(void)
{
	u32 which = take(1);

	return which < ARRAY_SIZE(known) ?
		       known[which] :
		       (which << 16 | take(2)) & (MMIO_SIZE - 4);
}

static u32 pick_address(void)
{
	static const u32 base[] = { H2G_RING, H2G_DESC, G2H_DESC,      G2H_RING,
				    CONTEXT,  0x41000,	0x44000,       0x49000,
				    0x4c000,  TABLES,	TABLES + PAGE, DATA,
				    0x22000,  0x20000 };
	u32 which = take(1);

	if (which < ARRAY_SIZE(base))
		return base[which] + take(1) * 4;
	return (which << 16 | take(2)) % RAM_BYTES & ~3u;
}

/* Pick a page table entry: a page, mostly in RAM, and any of the meaningful bits. */
static u64 pick_entry(void)
{
	u64 v = take(2);

	return take(1) & 0xf ? (v & 0x3ff) << 12 | (v >> 10 & 3) | take(2) :
			       v << 36 | take(4);
}

static void instruction(u32 id)
{
	u32 dw[40] = { instructions[take(1) % ARRAY_SIZE(instructions)] }, n, i,
	    flags = take(1);

	n = (dw[0] >> 29 || dw[0] >> 23 > 0xf) ? (dw[0] & 0xff) + 2 : 1;
	if (flags & 1)
		dw[0] ^= take(4);
	for (i = 1; i < n; i++) { /* mostly meaningful values */
		u32 how = take(1);

		dw[i] = how < 0x40 ? how :
			how < 0x80 ? DATA + (how & 0x3f) * 0x400 :
			how < 0xc0 ? 0 :
				     take(4);
	}
	machine_submit(id >> 4 & 1, 1 + id % 3, dw, n);
}

static void message(u32 gt, u32 action)
{
	u32 dw[32], n = take(1) % ARRAY_SIZE(dw), i;

	dw[0] = (action & 0x80 ? 0 : 2u << 28) |
		actions[action % ARRAY_SIZE(actions)];
	for (i = 1; i < n; i++) {
		u32 how = take(1);

		dw[i] = how < 0x80 ? how :
			how < 0xc0 ? CONTEXT + (how & 3) * CONTEXT_BYTES :
				     take(4);
	}
	machine_send(gt, dw, n);
}

/* Receive a message from the GPU. Answer a fault, correctly or not. */
static void answer(u32 gt, u32 how)
{
	u32 f[CTB_MESSAGE], dw[3] = { 2u << 28 | 0x6003 };

	if (!guest_receive(gt, f) || (f[0] & 0xffff) != 0x6002)
		return;
	if (!(how & 1))
		guest_map(&gpu->mem, make64(f[3], f[4]) & VA_MASK,
			  (DATA + (f[3] >> 12 & 0xff) * PAGE) | 3 |
				  (how & 0x80) << 2,
			  0);
	dw[1] = (f[2] & ~0xfffu) | 0x401 | (how & 2);
	dw[2] = ((f[2] & 0xfff) << 4 | f[1] >> 28) << 16 |
		(f[1] >> 25 & 7) << 13 | (f[1] >> 19 & 0x3f) << 7 |
		(f[3] >> 4 & 0x3f);
	if (how & 4)
		dw[1 + (how >> 3 & 1)] ^= take(4);
	machine_send(gt, dw, 3);
	if (how & 16)
		machine_send(gt, dw, 2 + (how >> 5 & 1));
}

static void step(void)
{
	u32 op = take(1), addr, n;
	u8 bytes[256];

	switch (op & 0xf) {
	case 0:
		addr = pick_register();
		mmio_write(gpu, addr, take(4));
		break;
	case 1:
		mmio_read(gpu, pick_register());
		break;
	case 2:
		addr = pick_address();
		n = take_bytes(bytes, take(1));
		memcpy(guest.ram + addr, bytes, n < RAM_BYTES - addr ? n : 0);
		break;
	case 3:
		addr = take(2) % (RAM_BYTES / PAGE + 16);
		((u64 *)(gpu->bar0 + BAR0_GGTT))[addr] = pick_entry();
		break;
	case 4:
		n = take(1);
		memory_map(&gpu->mem, take(1) * 0x8000, (n & 0x3f) * 0x10000,
			   guest.fd, take(1) * 0x8000, n & 0x80);
		break;
	case 5:
		n = take(1);
		memory_unmap(&gpu->mem, take(1) * 0x8000,
			     n & 0x80 ? RAM_BYTES : n * 0x10000);
		break;
	case 6:
	case 7:
		message(op >> 4 & 1, take(1));
		break;
	case 8:
	case 9:
		instruction(op >> 4);
		break;
	case 10:
		answer(op >> 4 & 1, take(1));
		break;
	case 11:
		n = take(1);
		pci_write(&gpu->pci, take(1), bytes, take_bytes(bytes, n & 7));
		break;
	case 12:
		guest_map(&gpu->mem, (u64)take(1) << (op & 0x80 ? 39 : 12),
			  pick_entry(), op >> 4 & 3);
		break;
	case 13:
		countdown = 1 + take(1); /* continue while it works */
		break;
	case 14:
		machine.clock += take(1) << (op >> 3 & 0x1e);
		irq_kick(&gpu->irq);
		if (op == 0xfe)
			gpu_reset(gpu);
		break;
	case 15:
		machine.budget = PAUSES;
		machine_run(gpu);
		break;
	}
}

/* Actions of other threads while the lock is free, except those that run the units. */
static void meanwhile(struct gpu *g)
{
	if (g->quit || !countdown || --countdown || !more() ||
	    (*input.at & 0xf) == 15)
		return;
	step();
}

static void start(u32 how)
{
	u32 i;

	gpu = machine_new(how & 1);
	gpu->opt.delay_us = how & 8 ? 50 : 0;
	gpu->delay_event = how & 16 ? 50 : 0;
	countdown = 0;
	if (how & 1) /* page tables are in VRAM, rings may be in RAM */
		for (i = 0; i < 32; i++)
			guest_map(&gpu->mem, DATA + i * PAGE,
				  (DATA + i * PAGE) | 3, 0);
	if (!(how & 2))
		return;
	machine_boot(0);
	if (how & 32)
		machine_boot(1);
	for (i = 0; i < 32; i++)
		guest_map(&gpu->mem, DATA + i * PAGE, (DATA + i * PAGE) | 3, 0);
	if (how & 4) {
		machine_register(0, 1, 3, 5);
		machine_register(0, 2, 0, 5);
		machine_register(1, 3, 1, 6);
		machine_run_anew();
	}
	machine.meanwhile = meanwhile;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	input.at = data + 1;
	input.end = data + size;
	start(data[0]);
	for (u32 runs = 0; more() && runs < 64; runs++) {
		for (u32 i = 0; more() && i < 64 && (*input.at & 0xf) != 15;
		     i++)
			step();
		take(1);
		machine.budget = PAUSES;
		machine_run(gpu);
		check_promises(gpu, false);
	}
	machine.meanwhile = NULL;
	check_promises(gpu, true);
	if (data[0] & 64) {
		gpu_reset(gpu);
		check_promises(gpu, false);
		for (u32 gt = 0; gt < GTS; gt++)
			must(!guc_open_faults(gpu->gt[gt]));
	}
	machine_free();
	return 0;
}

#ifdef SEEDS
int main(int argc, char **argv)
{
	u8 bytes[256], head, i, n;

	for (head = 0; argc > 1 && head < 128; head++) {
		for (n = 0, bytes[n++] = head, i = 0; i < 25; i++) {
			bytes[n++] = 8; /* each instruction, and a reply */
			bytes[n++] = (head + i) % 25;
			bytes[n++] = 0;
			bytes[n++] = 0x40 + i;
			bytes[n++] = 0x80;
			bytes[n++] = i;
			if (i % 4)
				continue;
			bytes[n++] = 15;
			bytes[n++] = 10;
			bytes[n++] = i;
			bytes[n++] = 6;
			bytes[n++] = i + head;
			bytes[n++] = 8;
			bytes[n++] = 1;
			bytes[n++] = 1;
		}
		if (seed(argv[1], head, bytes, n))
			return 1;
	}
	return 0;
}
#endif
