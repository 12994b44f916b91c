/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of the vfio-user protocol: see docs/interop/vfio-user.rst of QEMU; the
 * structures are those of linux/vfio.h.
 */
#ifndef TESTS_GPU_VFIO_USER_H
#define TESTS_GPU_VFIO_USER_H

#include <stdint.h>

enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DEVICE_RESET = 13,
};

#define VFIO_USER_REPLY 0x1
#define VFIO_USER_NO_REPLY 0x10
#define VFIO_USER_ERROR 0x20

struct vfio_user_header {
	uint16_t id, command;
	uint32_t size, flags, error;
};

struct vfio_user_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, address, size;
};

#define VFIO_USER_DMA_WRITE 0x2

struct vfio_user_dma_unmap {
	uint32_t argsz, flags;
	uint64_t address, size;
};

struct vfio_user_device_info {
	uint32_t argsz, flags, regions, irqs;
};

struct vfio_user_region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};

#define VFIO_USER_REGION_READABLE 0x1
#define VFIO_USER_REGION_WRITABLE 0x2
#define VFIO_USER_REGION_MMAP 0x4
#define VFIO_USER_REGION_CAPS 0x8

/* The capability that follows it: the areas of the region that can be mapped. */
struct vfio_user_sparse {
	uint16_t id, version;
	uint32_t next, areas, reserved;
	struct {
		uint64_t offset, size;
	} area[2];
};

struct vfio_user_irq_info {
	uint32_t argsz, flags, index, count;
};

struct vfio_user_irq_set {
	uint32_t argsz, flags, index, start, count;
};

struct vfio_user_access {
	uint64_t offset;
	uint32_t region, count;
};

enum vfio_user_region {
	REGION_BAR0 = 0,
	REGION_BAR2 = 2,
	REGION_CONFIG = 7,
	REGIONS = 9,
};

#define IRQ_MSI 1
#define IRQS 5

#endif
