// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile client of the emulated GPU's vfio-user server. The input is a list of
 * requests, which may contain files and arrive in pieces. The fuzzer replaces the socket
 * functions, so that it can check the answers and that no file stays open.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/socket.h>

#include "gpu-fuzz.h"

static ssize_t fuzz_recv(int fd, void *to, size_t n, int flags);
static ssize_t fuzz_recvmsg(int fd, struct msghdr *msg, int flags);
static ssize_t fuzz_sendmsg(int fd, const struct msghdr *msg, int flags);

#define recv fuzz_recv
#define recvmsg fuzz_recvmsg
#define sendmsg fuzz_sendmsg
#include "../gpu/vfio-user.c"
#undef recv
#undef recvmsg
#undef sendmsg

#define REQUESTS 200
#define PAUSES 400

/* The request that is being sent. */
static struct {
	struct vfio_user_header header;
	u8 bytes[sizeof(struct vfio_user_header) + 8192];
	u32 size, sent, piece, number;
	bool answered;
} out;

/* Limit numbers to mostly valid ranges: most random ones would be rejected. */
static void bring_near(u32 command, u8 *payload)
{
	static const u32 regions[] = { REGION_BAR0, REGION_BAR2, REGION_CONFIG,
				       REGION_BAR0 };
	struct vfio_user_access io;
	struct vfio_user_dma_map map;

	memcpy(&io, payload, sizeof(io));
	memcpy(&map, payload, sizeof(map));
	switch (command) {
	case VFIO_USER_REGION_READ:
	case VFIO_USER_REGION_WRITE:
		io.region = regions[io.region % 4];
		if (io.region == REGION_BAR0 && !(io.offset & 0x800000))
			io.offset = known[io.offset % ARRAY_SIZE(known)];
		io.offset &= io.region == REGION_CONFIG ? 0xfff : 0xffffff;
		io.count = io.count & 0x80 ? io.count & 0xfff : 4;
		memcpy(payload, &io, sizeof(io));
		break;
	case VFIO_USER_DMA_MAP:
		map.offset &= RAM_BYTES - PAGE;
		map.address &= 0xffffff000;
		map.size &= RAM_BYTES - PAGE;
		memcpy(payload, &map, sizeof(map));
		break;
	}
}

static bool next_request(void)
{
	static const u8 commands[] = {
		1, 2, 3, 4, 5, 7, 8, 9, 10, 13, 6, 0, 255
	};
	u32 how = take(1), payload;

	if (!more() || out.number++ == REQUESTS)
		return false;
	/* each request gets an answer, unless it asks for none */
	must(out.number == 1 ||
	     out.answered == !(out.header.flags & VFIO_USER_NO_REPLY));
	out.answered = false;
	payload = how & 0x80 ? take(2) % 8192 :
		  how & 0x40 ? take(1) :
			       16 + take(1) % 48;
	payload = take_bytes(out.bytes + sizeof(out.header), payload);
	out.header = (struct vfio_user_header){
		.id = out.number,
		.command = commands[(how & 0xf) % sizeof(commands)],
		.size = sizeof(out.header) + payload,
		.flags = how & 0x10 && take(1) & 1 ? VFIO_USER_NO_REPLY : 0,
	};
	if (how & 0x20 && !take(1))
		out.header.size = take(4);
	memcpy(out.bytes, &out.header, sizeof(out.header));
	if (out.number % 4)
		bring_near(out.header.command, out.bytes + sizeof(out.header));
	out.size = sizeof(out.header) + payload;
	out.sent = 0;
	out.piece = how & 0x10 ? 1 + take(1) : sizeof(out.bytes);
	return true;
}

static ssize_t fuzz_recv(int fd, void *to, size_t n, int flags)
{
	u32 left = out.size - out.sent;

	(void)fd;
	(void)flags;
	if (n > left)
		n = left;
	if (n > out.piece)
		n = out.piece;
	memcpy(to, out.bytes + out.sent, n);
	out.sent += n;
	return n;
}

static ssize_t fuzz_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	u32 fds, i;
	int *file;

	if (machine.gpu->opt.media) { /* let earlier requests complete */
		machine.budget = PAUSES;
		machine_run(machine.gpu);
	}
	if (!next_request())
		return 0;
	fds = out.header.command == VFIO_USER_DMA_MAP	      ? 1 :
	      out.header.command == VFIO_USER_DEVICE_SET_IRQS ? 1 :
								0;
	if (out.header.command & 1 && out.bytes[sizeof(out.header)] & 0x80)
		fds = out.bytes[sizeof(out.header)] & 7;
	if (fds && c && msg->msg_controllen >= CMSG_SPACE(fds * sizeof(int))) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		file = (int *)CMSG_DATA(c);
		for (i = 0; i < fds; i++)
			file[i] = dup(out.header.command == VFIO_USER_DMA_MAP ?
					      guest.fd :
					      2);
		msg->msg_controllen = CMSG_SPACE(fds * sizeof(int));
		if (out.header.command != VFIO_USER_DMA_MAP)
			for (i = 0; i < fds; i++)
				dup2(guest.fd, file[i]);
	} else {
		msg->msg_controllen = 0;
	}
	return fuzz_recv(fd, msg->msg_iov[0].iov_base, msg->msg_iov[0].iov_len,
			 flags);
}

static ssize_t fuzz_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	static u8 copy[8192]; /* copying it all lets ASan check it */
	struct vfio_user_header h;
	size_t n = 0;

	(void)fd;
	(void)flags;
	memcpy(&h, msg->msg_iov[0].iov_base, sizeof(h));
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		must(n + msg->msg_iov[i].iov_len <= sizeof(copy));
		memcpy(copy + n, msg->msg_iov[i].iov_base,
		       msg->msg_iov[i].iov_len);
		n += msg->msg_iov[i].iov_len;
	}
	must(h.size == n);
	must(h.id == out.header.id && h.command == out.header.command);
	must(h.flags & VFIO_USER_REPLY);
	must(!!(h.flags & VFIO_USER_ERROR) == !!h.error && (int)h.error >= 0);
	must(!h.error || n == sizeof(h));
	must(out.sent == out.header.size);
	must(!out.answered);
	out.answered = true;
	return n;
}

static u32 open_files(void)
{
	u32 n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u32 before = open_files();
	struct gpu *gpu;

	if (!size)
		return 0;
	input.at = data + 1;
	input.end = data + size;
	gpu = machine_new(data[0] & 1);
	if (data[0] & 2)
		machine_boot(0);
	out.number = 0;
	vfio_user_serve(gpu, -1);
	check_promises(gpu, true);
	machine_free();
	must(open_files() == before);
	return 0;
}

#ifdef SEEDS
/* Write a request in the format that next_request() reads. */
static u32 put_request(u8 *to, u32 command, const void *payload, u32 n)
{
	to[0] = 0x40 | command;
	to[1] = n;
	memcpy(to + 2, payload, n);
	return n + 2;
}

int main(int argc, char **argv)
{
	struct vfio_user_dma_map map = { 32, 3, 0, 1ull << 32, 1 << 20 };
	struct vfio_user_dma_unmap unmap = { 24, 0, 1ull << 32, 1 << 20 };
	struct vfio_user_region_info region = { .argsz = 80 };
	struct vfio_user_irq_info irq = { .argsz = 16, .index = 1 };
	struct vfio_user_irq_set set = { 20, 0x24, 1, 0, 1 };
	struct {
		struct vfio_user_access access;
		u32 value;
	} io = { { 0x190240, 0, 4 }, 0x508 };
	u8 b[1024];
	u32 n, i;

	for (i = 0; argc > 1 && i < 4; i++) {
		n = 0;
		b[n++] = i;
		n += put_request(b + n, 0, "\0\0\0\0{}", 7);
		n += put_request(b + n, 3, "", 0);
		n += put_request(b + n, 1, &map, sizeof(map));
		for (region.index = 0; region.index < 9; region.index++)
			n += put_request(b + n, 4, &region, sizeof(region));
		n += put_request(b + n, 5, &irq, sizeof(irq));
		n += put_request(b + n, 6, &set, sizeof(set));
		n += put_request(b + n, 8, &io, sizeof(io));
		n += put_request(b + n, 7, &io, sizeof(io.access));
		io.access.offset = i * 0x200000;
		io.access.region = i & 1 ? 0 : 7;
		n += put_request(b + n, 8, &io, sizeof(io));
		n += put_request(b + n, 7, &io, sizeof(io.access));
		n += put_request(b + n, 2, &unmap, sizeof(unmap));
		set.count = 0;
		n += put_request(b + n, 6, &set, sizeof(set));
		n += put_request(b + n, 9, "", 0);
		if (seed(argv[1], i, b, n))
			return 1;
	}
	return 0;
}
#endif
