// SPDX-License-Identifier: GPL-2.0
/*
 * Sends arbitrary lines to the control socket of the emulated GPU. A driver has started
 * the GPU, and for lines that begin with "!" it also reads and answers messages.
 */
#include "gpu-fuzz.h"

#define LINES 24
#define PAUSES 100

static void answer_all(struct gpu *gpu)
{
	u32 f[CTB_MESSAGE], dw[3] = { 2u << 28 | 0x6003 };

	for (u32 i = 0; i < 200 && guest_receive(i & 1, f); i++) {
		if ((f[0] & 0xffff) != 0x6002)
			continue;
		dw[1] = (f[2] & ~0xfffu) | 0x401;
		dw[2] = ((f[2] & 0xfff) << 4 | f[1] >> 28) << 16 |
			(f[1] >> 25 & 7) << 13 | (f[1] >> 19 & 0x3f) << 7 |
			(f[3] >> 4 & 0x3f);
		machine_send(i & 1, dw, 3);
		machine.budget = PAUSES;
		machine_run(gpu);
	}
}

static void do_line(struct gpu *gpu, char *line)
{
	static char reply[8193];
	size_t size = 8192;
	bool ok;

	if (*line == '!') {
		answer_all(gpu);
		size = 64; /* the answer may be truncated */
		line++;
	}
	memset(reply, 0x7f, sizeof(reply));
	machine.budget = PAUSES;
	gpu->quit = false;
	ok = !control_line(gpu, line, reply, size);
	must(memchr(reply, 0, size));
	must(!strpbrk(reply, "\r\n"));
	must(ok ? !strncmp(reply, "ok", 2) : !strncmp(reply, "error ", 6));
	must(reply[size] == 0x7f);
	machine.budget = PAUSES;
	machine_run(gpu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line = text, *end;
	struct gpu *gpu = machine_new(size & 1);

	memcpy(text, data, size);
	text[size] = 0;
	machine_boot(0);
	machine_boot(1);
	machine_register(0, 1, 3, 5);
	machine_register(0, 2, 0, 6);
	machine_register(1, 3, 1, 6);
	machine_run_anew();
	for (u32 i = 0; i < LINES && line; i++) {
		end = strchr(line, '\n');
		if (end)
			*end++ = 0;
		do_line(gpu, line);
		line = end;
	}
	check_promises(gpu, true);
	machine_free();
	free(text);
	return 0;
}

#ifdef SEEDS
int main(int argc, char **argv)
{
	static const char *const text[] = {
		"stat\nasids gt=1\ncontexts\nmark\nlatency\n",
		"fault gt=0 asid=5 va=0x1000 access=write type=1 level=3 class=bcs instance=8 source=3 trva=1 prefetch=1 vfid=2\n!wait outstanding=0 timeout=3\n!latency\n",
		"fault asid=first va=1 access=read\nfault asid=all va=2 access=atomic class=ccs\nfault asid=1,2,3 va=3 class=rcs\nfault asid=1 va=4 class=vcs\nfault gt=1 asid=9 va=5 class=vecs\n!stat\nfault asid=1 va=6 class=other",
		"storm n=400 asid=1,2 va=0x1000 stride=0x2000 addresses=7\n!stat\n!wait\n",
		"raw gt=0 action=0x6002 dw=1,2,3,4 ledger=1\nraw action=0x8003 dw=ffffffff\n!stat\n",
		"access-counter asid=5 va=0x200000 granularity=2 sub=3 type=notify class=bcs instance=1 vfid=1 gt=1\naccess-counter asid=all va=0 type=trigger\n",
		"hold what=irq on\nfill gt=0 leave=20\nhold what=irq off\n!fill\n",
		"hold what=h2g on\nfault asid=1 va=0\n!stat\nhold what=h2g off\nhold what=g2h on gt=1\n",
		"delay reply-to-resume=10 event=20 threads=30\ndelay off\nfault asid=1 va=0\n",
		"ignore what=tlb-invalidation on\nignore what=page-fault-reply on\n!stat\n",
		"falsify what=page-fault-reply on\nfault asid=1 va=0\n!falsify what=page-fault-reply off\n!stat",
		"falsify what=refusal on\nfault asid=5 va=0\n!wait\n!stat\nfalsify what=refusal off\n",
		"block what=group\nfault asid=5 va=0\n!block what=none\nblock what=engine\n",
		"expect what=stray n=1\nexpect what=missing n=2\nexpect what=3 n=3\ncontext-reset id=1 gt=0\ncontexts\n",
	};

	for (u32 i = 0; argc > 1 && i < ARRAY_SIZE(text); i++)
		if (seed(argv[1], i, text[i], strlen(text[i])))
			return 1;
	return 0;
}
#endif
