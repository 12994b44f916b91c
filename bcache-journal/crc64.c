// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: a fast CRC-64
 *
 * The polynomial P is that of ECMA-182, most significant bit first. The data is the
 * polynomial M over GF(2) whose highest coefficient is the top bit of the first byte. Its
 * CRC is the remainder of M * x^64 divided by P. To continue a CRC, add it to the first
 * eight bytes of the data that follow. Addition is exclusive or.
 *
 * The remainder of a sum is the sum of the remainders. So sixteen bytes are replaced at
 * once by the sum of their remainders, which depend only on a byte's value and its
 * position: crc64_by_table() looks them up.
 *
 * crc64_by_pclmul() keeps a block of 16 bytes, H * x^64 + L, that has the same remainder
 * as the data read so far. To move it d bits forwards, to where the next block can be
 * added, it is multiplied by x^d: H by the remainder of x^(d + 64), and L by that of x^d.
 * Both products, and so their sum, again have at most 128 bits. Eight such blocks make
 * use of the multiplier while its earlier results are not ready yet.
 *
 * Nothing is computed without tables. Instructions on vector registers need the FPU, and
 * with less than PCLMUL_MIN bytes (csum.c), saving its registers takes longer than the
 * tables do. With more, the tables reduce the last block to the remainder, which takes 4 ns
 * on an EPYC, and add up to 15 bytes behind it, 2 ns each. Two more products (Barrett
 * reduction) could save no more than that, of at least 34 ns.
 */

#include "crc64.h"

#define POLY 0x42f0e1eba9ea3693ULL /* P - x^64 */

#define BLOCK 16
#define LANES 8
#define CHECKED (2 * LANES * BLOCK + BLOCK) /* bytes */

/* Let the compiler use these instructions, here only. */
#define __pclmul __attribute__((target("sse2,ssse3,pclmul")))

typedef u64 block __attribute__((vector_size(BLOCK)));

/* The remainder of a byte that is followed by so many bytes of its block. */
static u64 remainders[BLOCK][256];

/* Remainders of x^d and x^(d + 64) for a distance of one block, and of all lanes. */
static u64 one_block[2], all_lanes[2];

/* Multiply by x^n. */
static u64 shifted(u64 r, unsigned int n)
{
	while (n--)
		r = r << 1 ^ (r >> 63 ? POLY : 0);
	return r;
}

static void distance(u64 *k, unsigned int bits)
{
	k[0] = shifted(1, bits);
	k[1] = shifted(k[0], 64);
}

/* The compiler recognises this as a load and a swap. */
static inline u64 load_be64(const u8 *p)
{
	return (u64)p[0] << 56 | (u64)p[1] << 48 | (u64)p[2] << 40 |
	       (u64)p[3] << 32 | (u64)p[4] << 24 | (u64)p[5] << 16 |
	       (u64)p[6] << 8 | p[7];
}

/**
 * crc64_by_table() - CRC-64 without special instructions
 * @crc: of the data before
 * @data: at any alignment
 * @bytes: its length
 *
 * Any context, after crc64_init().
 *
 * Return: the CRC.
 */
u64 crc64_by_table(u64 crc, const void *data, size_t bytes)
{
	const u8 *p = data;

	for (; bytes >= BLOCK; bytes -= BLOCK, p += BLOCK) {
		u64 high = crc ^ load_be64(p), low = load_be64(p + 8);
		unsigned int i;

		crc = 0;
#pragma GCC unroll 8
		for (i = 0; i < 8; i++)
			crc ^= remainders[i][low >> 8 * i & 0xff];
#pragma GCC unroll 8
		for (i = 0; i < 8; i++)
			crc ^= remainders[8 + i][high >> 8 * i & 0xff];
	}
	while (bytes--)
		crc = crc << 8 ^ remainders[0][crc >> 56 ^ *p++];
	return crc;
}

static inline __pclmul block load(const void *p)
{
	block b;

	__builtin_memcpy(&b, p, sizeof(b));
	return b;
}

static inline __pclmul block reversed(block b)
{
	static const u64 order[] = { 0x08090a0b0c0d0e0fULL,
				     0x0001020304050607ULL };

	asm("pshufb %1, %0" : "+x"(b) : "x"(load(order)));
	return b;
}

/* Move a block by the distance @k, and add @next. */
static inline __pclmul block move(block b, block k, block next)
{
	block high = b;

	asm("pclmulqdq $0x11, %1, %0" : "+x"(high) : "x"(k));
	asm("pclmulqdq $0x00, %1, %0" : "+x"(b) : "x"(k));
	return high ^ b ^ next;
}

/**
 * crc64_by_pclmul() - CRC-64 with SSSE3 and PCLMULQDQ
 * @crc: of the data before
 * @data: at any alignment
 * @bytes: its length
 *
 * The caller has made sure that the CPU has these instructions and, in the kernel, that
 * they may be used: between kernel_fpu_begin() and kernel_fpu_end().
 *
 * Return: the CRC.
 */
__pclmul u64 crc64_by_pclmul(u64 crc, const void *data, size_t bytes)
{
	const u64 start[2] = { 0, crc };
	const u8 *p = data;
	u8 last[BLOCK];
	block b, k = load(one_block), all = load(all_lanes);

	if (bytes < BLOCK)
		return crc64_by_table(crc, data, bytes);

	b = reversed(load(p)) ^ load(start);
	if (bytes >= LANES * BLOCK) {
		block lane[LANES] = { b };
		unsigned int i;

#pragma GCC unroll 8
		for (i = 1; i < LANES; i++)
			lane[i] = reversed(load(p + i * BLOCK));
		p += LANES * BLOCK;
		bytes -= LANES * BLOCK;

		for (; bytes >= LANES * BLOCK; bytes -= LANES * BLOCK) {
#pragma GCC unroll 8
			for (i = 0; i < LANES; i++)
				lane[i] = move(lane[i], all,
					       reversed(load(p + i * BLOCK)));
			p += LANES * BLOCK;
		}

		b = lane[0];
#pragma GCC unroll 8
		for (i = 1; i < LANES; i++)
			b = move(b, k, lane[i]);
	} else {
		p += BLOCK;
		bytes -= BLOCK;
	}

	for (; bytes >= BLOCK; bytes -= BLOCK, p += BLOCK)
		b = move(b, k, reversed(load(p)));

	b = reversed(b);
	__builtin_memcpy(last, &b, sizeof(b));
	return crc64_by_table(crc64_by_table(0, last, BLOCK), p, bytes);
}

/**
 * crc64_init() - make the tables, and check both functions
 * @reference: computes the same CRC, if more slowly
 * @by_pclmul: calls crc64_by_pclmul() as its caller must, or NULL if the CPU can't
 *
 * Call this before the other functions. Compares their results with those of @reference,
 * for data that begins at different alignments and ends at each place of each loop.
 *
 * Return: whether all results are the same.
 */
bool crc64_init(crc64_fn *reference, crc64_fn *by_pclmul)
{
	const u8 *data = (const u8 *)remainders; /* as good as random */
	u64 seed = ~0ULL;
	unsigned int i, n;

	for (i = 0; i < BLOCK; i++)
		for (n = 0; n < 256; n++)
			remainders[i][n] =
				i ? shifted(remainders[i - 1][n], 8) :
				    shifted(n, 64);
	distance(one_block, BLOCK * 8);
	distance(all_lanes, LANES * BLOCK * 8);

	for (n = 0; n <= CHECKED; n++, data++) {
		u64 crc = reference(seed, data, n);

		if (crc64_by_table(seed, data, n) != crc ||
		    (by_pclmul && by_pclmul(seed, data, n) != crc))
			return false;
		seed = crc;
	}
	return true;
}
