// SPDX-License-Identifier: GPL-2.0
/*
 * Decodes arbitrary words as messages of the GuC, in a buffer of exactly their length.
 * The decoded fields must equal those extracted with plain shifts, and the reply is
 * decoded as the GuC would.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../xe-pagefault/decode.h"
#include "must.h"

static void fault(const u32 *msg, size_t len, bool prefetch)
{
	struct pagefault pf;
	u32 reply[2];
	enum decode_result r = pagefault_decode(msg, len, prefetch, &pf);

	must(*decode_error(r));
	if (len != 4) {
		must(r == DECODE_LENGTH);
		return;
	}
	must((r == DECODE_OK) == ((msg[2] & 3) != 3));
	must(pf.addr == ((u64)msg[3] << 32 | msg[2] >> 12 << 12));
	must(pf.asid == msg[1] >> 12);
	must(pf.level == (msg[0] & 7) && pf.type == (msg[2] >> 2 & 3));
	must(pf.prefetch == (prefetch && msg[2] >> 11 & 1));

	for (int refused = 0; refused < 2; refused++) {
		pagefault_reply(&pf, refused, reply);
		must(reply[0] == (msg[1] >> 12 << 12 | 0x401 | refused << 1));
		must((reply[1] & 0x3f) == (msg[2] >> 4 & 0x3f));
		must((reply[1] >> 6 & 1) == (refused && pf.prefetch));
		must((reply[1] >> 7 & 0x3f) == (msg[0] >> 19 & 0x3f));
		must((reply[1] >> 13 & 7) == (msg[0] >> 25 & 7));
		must(reply[1] >> 16 == ((msg[1] & 0xfff) << 4 | msg[0] >> 28));
	}
}

static void access_counter(const u32 *msg, size_t len)
{
	struct access_counter ac;
	enum decode_result r = access_counter_decode(msg, len, &ac);
	u64 start, end, next;
	u32 blocks = 0;

	must(*decode_error(r));
	if (r != DECODE_OK)
		return;
	must(len == 4);
	must(ac.sub_granularity == (msg[1] << 31 | msg[0] >> 1) &&
	     ac.sub_granularity);
	must(ac.asid == msg[1] >> 12);
	must(ac.notify == (msg[0] & 1));

	for (start = ac.base; access_counter_next(&ac, &start, &end);
	     start = end) {
		must(start >= ac.base && end > start &&
		     end - ac.base <= ac.range);
		for (next = start; next < end; next += ac.range / 32)
			blocks |= 1U << (next - ac.base) / (ac.range / 32);
	}
	must(blocks == ac.sub_granularity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = size ? (size - 1) / 4 : 0;
	u32 *msg = malloc(len * 4 ?: 1);

	if (size)
		memcpy(msg, data + 1, len * 4);
	fault(msg, len, size && data[0] & 1);
	access_counter(msg, len);
	free(msg);
	return 0;
}

#ifdef SEEDS
int main(int argc, char **argv)
{
	static const unsigned char seed[2][17] = {
		{ 1, 2, 0, 0, 0x26, 0, 0x10, 0, 0, 1, 0, 0, 0, 2 },
		{ 0, 2, 0, 0, 0x80, 0xc9, 0xee, 0xcd, 0xab, 0x15, 0, 0xe2, 0x7f,
		  0x12 },
	};

	for (int i = 0; argc > 1 && i < 2; i++) {
		char name[4096];
		FILE *f;

		snprintf(name, sizeof(name), "%s/%d", argv[1], i);
		f = fopen(name, "wb");
		if (!f || fwrite(seed[i], sizeof(seed[i]), 1, f) != 1 ||
		    fclose(f))
			return 1;
	}
	return 0;
}
#endif
