// SPDX-License-Identifier: GPL-2.0
/*
 * PCI configuration space: a display controller with BAR 0 (registers and GGTT),
 * BAR 2 (VRAM or stolen memory), MSI and power management.
 *
 * Device ids are from include/drm/intel/pciids.h. SNB_GMCH_CTRL (0x50) has the size
 * of the GGTT, which 6.12 reads (xe_ggtt.c). QEMU implements MSI: it keeps the state
 * and passes an eventfd.
 */
#include <string.h>

#include "gpu.h"

#define VENDOR_INTEL 0x8086
#define DEVICE_LNL 0x64a0
#define DEVICE_BMG 0xe20b

#define CONFIG_BAR0 0x10
#define CONFIG_BAR5 0x24
#define CONFIG_GMCH 0x50
#define CAP_EXPRESS 0x70
#define CAP_MSI 0xac
#define CAP_PM 0xd0

static void put(struct pci *pci, u32 offset, u32 value, u32 n)
{
	memcpy(pci->config + offset, &value, n);
}

/**
 * pci_init() - set the state after a reset
 * @pci: the configuration space
 * @discrete: Battlemage if true, otherwise Lunar Lake
 * @bar2_size: size of BAR 2
 */
void pci_init(struct pci *pci, bool discrete, u64 bar2_size)
{
	*pci = (struct pci){ .bar2_size = bar2_size };
	put(pci, 0x00, VENDOR_INTEL, 2);
	put(pci, 0x02, discrete ? DEVICE_BMG : DEVICE_LNL, 2);
	put(pci, 0x06, 0x10, 2); /* has capabilities */
	put(pci, 0x08, 0x03800004, 4); /* a display controller, revision 4 */
	put(pci, CONFIG_BAR0, 0x4, 4); /* 64 bits */
	put(pci, CONFIG_BAR0 + 8, 0xc, 4); /* 64 bits, prefetchable */
	put(pci, 0x2c, VENDOR_INTEL, 2);
	put(pci, 0x2e, 0x2212, 2);
	put(pci, 0x34, CAP_EXPRESS, 1);
	put(pci, CONFIG_GMCH, 0x00c0, 2); /* GGMS 3: 8 MiB of entries */
	put(pci, CAP_EXPRESS, 0x0092ac10,
	    4); /* a root complex integrated endpoint */
	put(pci, CAP_MSI, 0x0080d005, 4); /* one vector, 64 bits */
	put(pci, CAP_PM, 0x00030001, 4);
	put(pci, CAP_PM + 4, 0x0008, 4); /* D3 to D0 does not reset */
}

/**
 * pci_read() - read the configuration space
 * @pci: the configuration space
 * @offset: the first byte; the caller has checked the range
 * @to: destination
 * @n: number of bytes
 */
void pci_read(const struct pci *pci, u32 offset, u8 *to, u32 n)
{
	memcpy(to, pci->config + offset, n);
}

/* Write a BAR: keep its type, and mask the address bits below its size. */
static void write_bar(struct pci *pci, u32 offset, u32 value)
{
	u32 bar = (offset - CONFIG_BAR0) / 4;
	u64 size = bar < 2 ? BAR0_SIZE : pci->bar2_size;

	if (bar >= 4)
		return;
	if (!(bar & 1))
		value = (value & ~(u32)(size - 1)) | (bar ? 0xc : 0x4);
	put(pci, offset, value, 4);
}

/**
 * pci_write() - write the configuration space
 * @pci: the configuration space
 * @offset: the first byte; the caller has checked the range
 * @from: source
 * @n: number of bytes
 */
void pci_write(struct pci *pci, u32 offset, const u8 *from, u32 n)
{
	u32 value = 0;

	if (offset >= CONFIG_BAR0 && offset <= CONFIG_BAR5 + 3) {
		if (offset & 3 || n != 4)
			return;
		memcpy(&value, from, 4);
		write_bar(pci, offset, value);
	} else if (offset == 0x04 || offset == 0x3c ||
		   (offset >= 0x40 && offset + n <= 0x100 &&
		    (offset + n <= CONFIG_GMCH || offset >= CONFIG_GMCH + 2))) {
		memcpy(pci->config + offset, from, n);
	}
}
