// SPDX-License-Identifier: GPL-2.0
/*
 * The vfio-user server: it serves one QEMU with one device.
 *
 * The upper half of BAR 0 (the GGTT) and all of BAR 2 can be mapped, so that the guest
 * writes them without a message. So can the page at 0x130000 of BAR 0, which is only
 * used by a workaround of the driver (Wa_15015404425) that writes it four times before
 * each read of a register.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpu.h"
#include "vfio-user.h"

#define FDS_MAX 8
#define PAYLOAD_MAX 65536u
#define DATA_MAX 4096u
#define DUMMY_PAGE 0x130000

struct request {
	struct vfio_user_header header;
	u8 payload[PAYLOAD_MAX];
	u32 size; /* size of the payload */
	int fd[FDS_MAX];
	unsigned int fds;
};

struct reply {
	u8 payload[DATA_MAX + 64];
	u32 size;
	int fd; /* file descriptor to send, or -1 */
};

static int receive_all(int fd, void *to, size_t n)
{
	u8 *b = to;
	ssize_t k;

	while (n) {
		k = recv(fd, b, n, 0);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		b += k;
		n -= k;
	}
	return 0;
}

/* Return: 1 with a request, 0 if QEMU disconnected, -1 on a protocol error. */
static int receive(int fd, struct request *r)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct iovec iov = { &r->header, sizeof(r->header) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c;
	ssize_t n;

	r->fds = 0;
	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		r->fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(r->fd, CMSG_DATA(c), r->fds * sizeof(int));
	}
	if ((size_t)n < sizeof(r->header) &&
	    receive_all(fd, (u8 *)&r->header + n, sizeof(r->header) - n))
		return 0;
	if (r->header.size < sizeof(r->header) ||
	    r->header.size - sizeof(r->header) > sizeof(r->payload))
		return -1;
	r->size = r->header.size - sizeof(r->header);
	return receive_all(fd, r->payload, r->size) ? 0 : 1;
}

static int answer(int fd, const struct request *r, struct reply *a, int error)
{
	struct vfio_user_header h = {
		.id = r->header.id,
		.command = r->header.command,
		.size = sizeof(h) + (error ? 0 : a->size),
		.flags = VFIO_USER_REPLY | (error ? VFIO_USER_ERROR : 0),
		.error = -error,
	};
	struct iovec iov[2] = { { &h, sizeof(h) },
				{ a->payload, error ? 0 : a->size } };
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c;

	if (r->header.flags & VFIO_USER_NO_REPLY)
		return 0;
	if (a->fd >= 0 && !error) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &a->fd, sizeof(int));
	}
	return sendmsg(fd, &msg, 0) == (ssize_t)h.size ? 0 : -1;
}

static void put(struct reply *a, const void *from, u32 n)
{
	memcpy(a->payload + a->size, from, n);
	a->size += n;
}

static int version(struct reply *a)
{
	static const char capabilities[] =
		"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":4096}}";
	static const u16 number[2] = { 0, 0 }; /* QEMU 11 refuses 0.1 */

	put(a, number, sizeof(number));
	put(a, capabilities, sizeof(capabilities));
	return 0;
}

static int dma_map(struct gpu *gpu, const struct request *r, struct reply *a)
{
	struct vfio_user_dma_map map;
	int error = 0;

	if (r->size < sizeof(map))
		return -EINVAL;
	memcpy(&map, r->payload, sizeof(map));
	/* Without a file it is a ROM or a BAR of this device: ignore it. */
	if (r->fds)
		error = memory_map(&gpu->mem, map.address, map.size, r->fd[0],
				   map.offset, map.flags & VFIO_USER_DMA_WRITE);
	put(a, &map, sizeof(map));
	return error;
}

static int dma_unmap(struct gpu *gpu, const struct request *r, struct reply *a)
{
	struct vfio_user_dma_unmap unmap;

	if (r->size < sizeof(unmap))
		return -EINVAL;
	memcpy(&unmap, r->payload, sizeof(unmap));
	memory_unmap(&gpu->mem, unmap.address, unmap.size);
	put(a, &unmap, sizeof(unmap));
	return 0;
}

static int device_info(struct reply *a)
{
	struct vfio_user_device_info info = { sizeof(info), 0x3, REGIONS,
					      IRQS };

	put(a, &info, sizeof(info)); /* flags: PCI, supports reset */
	return 0;
}

static int region_info(struct gpu *gpu, const struct request *r,
		       struct reply *a)
{
	struct vfio_user_sparse sparse = {
		.id = 1,
		.version = 1,
		.areas = 2,
		.area = { { DUMMY_PAGE, PAGE },
			  { BAR0_GGTT, BAR0_SIZE - BAR0_GGTT } },
	};
	struct vfio_user_region_info info;
	u32 argsz;

	if (r->size < sizeof(info))
		return -EINVAL;
	memcpy(&info, r->payload, sizeof(info));
	argsz = info.argsz;
	info = (struct vfio_user_region_info){ .argsz = sizeof(info),
					       .index = info.index };
	switch (info.index) {
	case REGION_BAR0:
		info.argsz += sizeof(sparse);
		info.flags = VFIO_USER_REGION_READABLE |
			     VFIO_USER_REGION_WRITABLE | VFIO_USER_REGION_MMAP |
			     VFIO_USER_REGION_CAPS;
		info.cap_offset = sizeof(info);
		info.size = BAR0_SIZE;
		a->fd = gpu->bar0_fd;
		break;
	case REGION_BAR2:
		info.flags = VFIO_USER_REGION_READABLE |
			     VFIO_USER_REGION_WRITABLE | VFIO_USER_REGION_MMAP;
		info.size = gpu->mem.vram_size;
		a->fd = gpu->vram_fd;
		break;
	case REGION_CONFIG:
		info.flags = VFIO_USER_REGION_READABLE |
			     VFIO_USER_REGION_WRITABLE;
		info.size = sizeof(gpu->pci.config);
		break;
	}
	put(a, &info, sizeof(info));
	if (info.cap_offset && argsz >= info.argsz)
		put(a, &sparse, sizeof(sparse));
	return 0;
}

static int irq_info(const struct request *r, struct reply *a)
{
	struct vfio_user_irq_info info;

	if (r->size < sizeof(info))
		return -EINVAL;
	memcpy(&info, r->payload, sizeof(info));
	info.argsz = sizeof(info);
	info.flags = info.index == IRQ_MSI ? 0x9 :
					     0; /* eventfd, not resizable */
	info.count = info.index == IRQ_MSI;
	put(a, &info, sizeof(info));
	return 0;
}

static int set_irqs(struct gpu *gpu, struct request *r)
{
	struct vfio_user_irq_set set;

	if (r->size < sizeof(set))
		return -EINVAL;
	memcpy(&set, r->payload, sizeof(set));
	if (set.index != IRQ_MSI)
		return 0;
	if (r->fds || !set.count) {
		if (gpu->irq.fd >= 0)
			close(gpu->irq.fd);
		gpu->irq.fd = -1;
	}
	if (r->fds) {
		gpu->irq.fd = r->fd[0];
		r->fd[0] = -1;
		irq_kick(&gpu->irq);
	}
	return 0;
}

static bool inside(struct gpu *gpu, const struct vfio_user_access *io)
{
	u64 size = io->region == REGION_BAR0   ? BAR0_SIZE :
		   io->region == REGION_BAR2   ? gpu->mem.vram_size :
		   io->region == REGION_CONFIG ? sizeof(gpu->pci.config) :
						 0;

	return io->count <= DATA_MAX && io->offset <= size &&
	       io->count <= size - io->offset;
}

/* Registers are always accessed as dwords, for any size of the guest's access. */
static void read_registers(struct gpu *gpu, u32 offset, u8 *to, u32 n)
{
	u32 v, k, at;

	for (; n; n -= k, offset += k, to += k) {
		at = offset & 3;
		k = n < 4 - at ? n : 4 - at;
		v = mmio_read(gpu, offset - at);
		memcpy(to, (u8 *)&v + at, k);
	}
}

static void write_registers(struct gpu *gpu, u32 offset, const u8 *from, u32 n)
{
	u32 v, k, at;

	for (; n; n -= k, offset += k, from += k) {
		at = offset & 3;
		k = n < 4 - at ? n : 4 - at;
		v = k < 4 ? gpu->regs[offset / 4] : 0;
		memcpy((u8 *)&v + at, from, k);
		mmio_write(gpu, offset - at, v);
	}
}

static int region_read(struct gpu *gpu, const struct request *r,
		       struct reply *a)
{
	struct vfio_user_access io;
	u8 *to;

	if (r->size < sizeof(io))
		return -EINVAL;
	memcpy(&io, r->payload, sizeof(io));
	if (!inside(gpu, &io))
		return -EINVAL;
	put(a, &io, sizeof(io));
	to = a->payload + a->size;
	a->size += io.count;
	if (io.region == REGION_CONFIG)
		pci_read(&gpu->pci, io.offset, to, io.count);
	else if (io.region == REGION_BAR2)
		memcpy(to, gpu->mem.vram + io.offset, io.count);
	else if (io.offset + io.count <= MMIO_SIZE)
		read_registers(gpu, io.offset, to, io.count);
	else
		memcpy(to, gpu->bar0 + io.offset, io.count);
	return 0;
}

static int region_write(struct gpu *gpu, const struct request *r,
			struct reply *a)
{
	const u8 *from = r->payload + sizeof(struct vfio_user_access);
	struct vfio_user_access io;

	if (r->size < sizeof(io))
		return -EINVAL;
	memcpy(&io, r->payload, sizeof(io));
	if (!inside(gpu, &io) || io.count > r->size - sizeof(io))
		return -EINVAL;
	put(a, &io, sizeof(io));
	if (io.region == REGION_CONFIG)
		pci_write(&gpu->pci, io.offset, from, io.count);
	else if (io.region == REGION_BAR2)
		memcpy(gpu->mem.vram + io.offset, from, io.count);
	else if (io.offset + io.count <= MMIO_SIZE)
		write_registers(gpu, io.offset, from, io.count);
	else
		memcpy(gpu->bar0 + io.offset, from, io.count);
	return 0;
}

static int dispatch(struct gpu *gpu, struct request *r, struct reply *a)
{
	switch (r->header.command) {
	case VFIO_USER_VERSION:
		return version(a);
	case VFIO_USER_DMA_MAP:
		return dma_map(gpu, r, a);
	case VFIO_USER_DMA_UNMAP:
		return dma_unmap(gpu, r, a);
	case VFIO_USER_DEVICE_GET_INFO:
		return device_info(a);
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		return region_info(gpu, r, a);
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return irq_info(r, a);
	case VFIO_USER_DEVICE_SET_IRQS:
		return set_irqs(gpu, r);
	case VFIO_USER_REGION_READ:
		return region_read(gpu, r, a);
	case VFIO_USER_REGION_WRITE:
		return region_write(gpu, r, a);
	case VFIO_USER_DEVICE_RESET:
		gpu_reset(gpu);
		pci_init(&gpu->pci, gpu->opt.discrete, gpu->mem.vram_size);
		return 0;
	}
	return -EOPNOTSUPP;
}

static void close_files(struct request *r)
{
	for (unsigned int i = 0; i < r->fds; i++)
		if (r->fd[i] >= 0)
			close(r->fd[i]);
	r->fds = 0;
}

/**
 * vfio_user_serve() - serve a client until it disconnects
 * @gpu: the device
 * @fd: the connection
 *
 * Return: 0 if it disconnected, -1 on an error.
 */
int vfio_user_serve(struct gpu *gpu, int fd)
{
	struct request r;
	struct reply a;
	int got, error;

	while ((got = receive(fd, &r)) > 0) {
		a.size = 0;
		a.fd = -1;
		gpu_lock(gpu);
		error = dispatch(gpu, &r, &a);
		gpu_unlock(gpu);
		if (error)
			trace(gpu, 1, "vfio-user: command %u: error %d",
			      r.header.command, error);
		close_files(&r);
		if (answer(fd, &r, &a, error))
			return 0; /* disconnected */
	}
	close_files(&r); /* of an incomplete request */
	return got;
}
