// SPDX-License-Identifier: GPL-2.0
/*
 * Memory as the GPU sees it: the guest's RAM, through the files that QEMU passes in
 * DMA_MAP, and the VRAM of a discrete GPU.
 *
 * Addresses come from page tables or descriptors that the guest wrote, so they can
 * have any value. Unmapped memory reads as zero and ignores writes; such accesses are
 * counted. memory_at() returns a pointer that is valid while the model's lock is held,
 * since unmapping takes that lock too.
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
 * @size: size in bytes
 * @fd: the backing file; the caller keeps it
 * @offset: offset of the range in the file
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
	/* Accesses beyond the end of the file would raise SIGBUS. */
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
 * memory_unmap() - remove the mappings that are completely within a range
 * @m: the memory
 * @gpa: the first address
 * @size: size in bytes
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
 * memory_at() - get a pointer to memory
 * @m: the memory
 * @p: the first byte
 * @n: number of bytes, which must be in one mapping
 * @write: whether they will be written
 *
 * Return: a pointer that is valid while the model is locked, or NULL if there is no
 * such memory, which is counted.
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
 * memory_read() - read memory; an aligned dword or qword is read atomically
 * @m: the memory
 * @p: the first byte
 * @to: destination
 * @n: number of bytes
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
 * memory_write() - write memory; an aligned dword or qword is written atomically
 * @m: the memory
 * @p: the first byte
 * @from: source
 * @n: number of bytes
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
