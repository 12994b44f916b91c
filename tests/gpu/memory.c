// SPDX-License-Identifier: GPL-2.0
/*
 * Memory as the GPU sees it: the guest's RAM, through the files that QEMU names
 * in DMA_MAP, and the VRAM of a discrete part.
 *
 * An address comes from page tables or descriptors that the guest wrote: it may
 * be anything.  What is not mapped reads as zero, takes writes silently, and is
 * counted.  memory_at() gives a pointer that is good while the model's lock is
 * held, since unmapping takes it too.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "gpu.h"

/**
 * memory_map() - map a range of guest-physical addresses
 * @m: the memory
 * @gpa: the first address
 * @size: in bytes
 * @fd: the file behind it; stays the caller's
 * @offset: of the range in the file
 * @writable: whether the GPU may write there
 *
 * Return: 0, or a negative errno.
 */
int memory_map(struct memory *m, u64 gpa, u64 size, int fd, u64 offset,
	       bool writable)
{
	struct stat st;
	void *host;

	if (!size || gpa + size < gpa || offset + size < offset)
		return -EINVAL;
	if (m->maps == MEMORY_MAPS)
		return -ENOSPC;
	/* Beyond the end of the file lies a SIGBUS. */
	if (fstat(fd, &st) || st.st_size < 0 || offset + size > (u64)st.st_size)
		return -EINVAL;
	host = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0),
		    MAP_SHARED, fd, offset);
	if (host == MAP_FAILED)
		return -errno;
	m->map[m->maps++] = (struct memory_map){ gpa, size, host, writable };
	return 0;
}

/**
 * memory_unmap() - unmap what lies wholly in a range
 * @m: the memory
 * @gpa: the first address
 * @size: in bytes
 */
void memory_unmap(struct memory *m, u64 gpa, u64 size)
{
	unsigned int i = 0;

	while (i < m->maps) {
		struct memory_map *map = &m->map[i];

		if (map->gpa < gpa || map->gpa - gpa > size ||
		    map->size > size - (map->gpa - gpa)) {
			i++;
			continue;
		}
		munmap(map->host, map->size);
		*map = m->map[--m->maps];
	}
}

/**
 * memory_unmap_all() - unmap everything
 * @m: the memory
 */
void memory_unmap_all(struct memory *m)
{
	while (m->maps) {
		m->maps--;
		munmap(m->map[m->maps].host, m->map[m->maps].size);
	}
}

/**
 * memory_at() - where some bytes of memory are
 * @m: the memory
 * @p: the first byte
 * @n: how many; what crosses the end of a map is not mapped
 * @write: whether they will be written
 *
 * Return: a pointer for as long as the model is locked; NULL, counted, if there
 * is no such memory.
 */
void *memory_at(struct memory *m, struct phys p, size_t n, bool write)
{
	unsigned int i;

	if (p.vram) {
		if (p.addr < m->vram_size && n <= m->vram_size - p.addr)
			return m->vram + p.addr;
		m->dma_errors++;
		return NULL;
	}
	for (i = m->maps; i--;) {
		struct memory_map *map = &m->map[i];

		if (p.addr >= map->gpa && p.addr - map->gpa < map->size &&
		    n <= map->size - (p.addr - map->gpa) &&
		    (map->writable || !write))
			return map->host + (p.addr - map->gpa);
	}
	m->dma_errors++;
	return NULL;
}

/**
 * memory_read() - read memory; a dword or qword that is aligned at once
 * @m: the memory
 * @p: the first byte
 * @to: where to put them
 * @n: how many
 */
void memory_read(struct memory *m, struct phys p, void *to, size_t n)
{
	const void *at = memory_at(m, p, n, false);

	if (!at) {
		memset(to, 0, n);
	} else if (n == 4 && !(p.addr & 3)) {
		u32 v = __atomic_load_n((const u32 *)at, __ATOMIC_ACQUIRE);

		memcpy(to, &v, 4);
	} else if (n == 8 && !(p.addr & 7)) {
		u64 v = __atomic_load_n((const u64 *)at, __ATOMIC_ACQUIRE);

		memcpy(to, &v, 8);
	} else {
		memcpy(to, at, n);
	}
}

/**
 * memory_write() - write memory; a dword or qword that is aligned at once
 * @m: the memory
 * @p: the first byte
 * @from: what to write
 * @n: how many
 */
void memory_write(struct memory *m, struct phys p, const void *from, size_t n)
{
	void *at = memory_at(m, p, n, true);

	if (!at)
		return;
	if (n == 4 && !(p.addr & 3)) {
		u32 v;

		memcpy(&v, from, 4);
		__atomic_store_n((u32 *)at, v, __ATOMIC_RELEASE);
	} else if (n == 8 && !(p.addr & 7)) {
		u64 v;

		memcpy(&v, from, 8);
		__atomic_store_n((u64 *)at, v, __ATOMIC_RELEASE);
	} else {
		memcpy(at, from, n);
	}
}
