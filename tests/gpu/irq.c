// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts: two banks of bits, each bit with an identity, and one MSI for all.
 *
 * The registers follow drivers/gpu/drm/xe/regs/xe_irq_regs.h. The driver's handler
 * turns the master off, reads which banks and bits are set, asks for the identity of
 * each bit, acknowledges the bits, and turns the master on. The selector moves a bit
 * from pending to latched, and the acknowledgement clears only latched bits:
 * interrupts that arrive in between stay pending, and fire again.
 */
#include <unistd.h>

#include "gpu.h"

#define DG1_MSTR_TILE_INTR 0x190008
#define GFX_MSTR_IRQ 0x190010
#define GT_INTR_DW(bank) (0x190018 + 4 * (bank))
#define INTR_IDENTITY_REG(bank) (0x190060 + 4 * (bank))
#define IIR_REG_SELECTOR(bank) (0x190070 + 4 * (bank))
#define MASTER_ENABLE BIT(31)
#define IDENTITY_VALID BIT(31)

/**
 * irq_reset() - clear all pending bits, and turn the master off
 * @irq: the interrupts
 */
void irq_reset(struct irq *irq)
{
	*irq = (struct irq){ .fd = irq->fd,
			     .hold = irq->hold,
			     .raised = irq->raised };
}

/**
 * irq_kick() - raise the MSI if a bit is pending
 * @irq: the interrupts
 */
void irq_kick(struct irq *irq)
{
	u64 one = 1;

	if (irq->fd < 0 || irq->hold || !irq->enabled ||
	    !(irq->pending[0] | irq->pending[1]))
		return;
	irq->raised++;
	if (write(irq->fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: an interrupt is pending anyway */
}

/**
 * irq_raise() - raise an interrupt of an engine or a GuC
 * @irq: the interrupts
 * @bank: bank of its bit
 * @bit: its bit in the bank
 * @class: class of the engine
 * @instance: instance of the engine
 * @vector: the interrupt vector
 */
void irq_raise(struct irq *irq, unsigned int bank, unsigned int bit,
	       enum engine_class class, unsigned int instance, u32 vector)
{
	u32 before = irq->pending[bank] & BIT(bit) ?
			     irq->identity[bank][bit] & 0xffff :
			     0;

	irq->identity[bank][bit] = IDENTITY_VALID | instance << 20 |
				   class << 16 | vector | before;
	irq->pending[bank] |= BIT(bit);
	irq_kick(irq);
}

static u32 banks(const struct irq *irq)
{
	u32 v = 0, bank;

	for (bank = 0; bank < IRQ_BANKS; bank++)
		if (irq->pending[bank] | irq->latched[bank])
			v |= BIT(bank);
	return v;
}

/**
 * irq_read() - read a register
 * @irq: the interrupts
 * @reg: its offset
 * @value: returns its value
 *
 * Return: whether it is an interrupt register.
 */
bool irq_read(struct irq *irq, u32 reg, u32 *value)
{
	u32 bank;

	if (reg == DG1_MSTR_TILE_INTR) {
		*value = (banks(irq) ? 1 : 0) |
			 (irq->enabled ? MASTER_ENABLE : 0);
		return true;
	}
	if (reg == GFX_MSTR_IRQ) {
		*value = banks(irq);
		return true;
	}
	for (bank = 0; bank < IRQ_BANKS; bank++) {
		if (reg == GT_INTR_DW(bank)) {
			*value = irq->pending[bank] | irq->latched[bank];
			return true;
		}
		if (reg == INTR_IDENTITY_REG(bank)) {
			*value = irq->selected[bank];
			return true;
		}
	}
	return false;
}

/**
 * irq_write() - write a register
 * @irq: the interrupts
 * @reg: its offset
 * @value: the value to write
 *
 * Return: whether it is an interrupt register.
 */
bool irq_write(struct irq *irq, u32 reg, u32 value)
{
	u32 bank;

	if (reg == DG1_MSTR_TILE_INTR) {
		irq->enabled = value & MASTER_ENABLE;
		irq_kick(irq);
		return true;
	}
	if (reg == GFX_MSTR_IRQ)
		return true;
	for (bank = 0; bank < IRQ_BANKS; bank++) {
		if (reg == GT_INTR_DW(bank)) {
			irq->latched[bank] &= ~value;
			return true;
		}
		if (reg == IIR_REG_SELECTOR(bank)) {
			u32 bit = value ? 31 - __builtin_clz(value) : 0;

			irq->selected[bank] = irq->pending[bank] & BIT(bit) ?
						      irq->identity[bank][bit] :
						      0;
			irq->pending[bank] &= ~BIT(bit);
			irq->latched[bank] |= BIT(bit);
			return true;
		}
		if (reg == INTR_IDENTITY_REG(bank)) {
			irq->selected[bank] = 0;
			return true;
		}
	}
	return false;
}
