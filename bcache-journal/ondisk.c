// SPDX-License-Identifier: GPL-2.0
/* The validator of the bcache journal; see ondisk.h. */
#include "ondisk.h"

static enum jset_verdict fault(struct jset_fault *where, const char *field,
			       u64 value, enum jset_verdict v)
{
	where->field = field;
	where->value = value;
	return v;
}

/**
 * jset_check_header() - does a jset begin here, and is its length possible?
 * @j: the start of a block of the bucket; a whole header must be readable if
 *     @bytes_left_in_bucket has room for one
 * @g: the geometry
 * @bytes_left_in_bucket: from @j to the bucket's end
 *
 * Checks only the magic and the length: the other fields mean nothing until the
 * checksum has been verified. On JSET_OK, the jset fits into the rest of the bucket,
 * also when rounded up to whole blocks, and into g->max_bytes.
 *
 * Return: JSET_OK, JSET_EMPTY or JSET_TOO_BIG.
 */
enum jset_verdict jset_check_header(const struct jset *j,
				    const struct jset_geom *g,
				    u32 bytes_left_in_bucket)
{
	if (bytes_left_in_bucket < sizeof(*j) || j->magic != g->magic)
		return JSET_EMPTY;

	if (jset_bytes(j->keys) > g->max_bytes ||
	    jset_blocks(j->keys, g) > bytes_left_in_bucket / g->block_bytes)
		return JSET_TOO_BIG;

	return JSET_OK;
}

static enum jset_verdict ptr_check(const struct bkey *k, unsigned int i,
				   const struct jset_geom *g,
				   struct jset_fault *where)
{
	u64 bucket = ptr_bucket(k, i, g);
	u32 remainder = ptr_offset(k, i) & (g->bucket_sectors - 1);

	/* Like stock, ignore a pointer to a cache that the set does not have. */
	if (ptr_dev(k, i) >= JSET_CACHES)
		return JSET_OK;

	if (bucket < g->first_bucket || bucket >= g->nbuckets)
		return fault(where, "pointer's bucket", bucket, JSET_BAD_PTR);

	if (key_size(k) + remainder > g->bucket_sectors)
		return fault(where, "pointer's offset", ptr_offset(k, i),
			     JSET_BAD_PTR);

	return JSET_OK;
}

/**
 * key_check() - can bcache insert this key into a leaf of its btree?
 * @k: the key; all key_u64s() of it must be readable
 * @g: the geometry
 * @where: describes the fault unless JSET_OK is returned; key_index is the
 *         caller's and is not touched
 *
 * Apart from extents that stock calls invalid, this refuses keys that would make
 * stock's btree code hit a BUG_ON or read beyond the table of devices.
 *
 * Return: JSET_OK, JSET_BAD_KEY, JSET_BAD_INODE, JSET_BAD_EXTENT or JSET_BAD_PTR.
 */
enum jset_verdict key_check(const struct bkey *k, const struct jset_geom *g,
			    struct jset_fault *where)
{
	unsigned int i;

	if (key_ptrs(k) > KEY_MAX_PTRS)
		return fault(where, "key's pointer count", key_ptrs(k),
			     JSET_BAD_KEY);

	if (g->nr_inodes && key_inode(k) >= g->nr_inodes)
		return fault(where, "key's inode", key_inode(k),
			     JSET_BAD_INODE);

	if (!key_size(k))
		return fault(where, "key's size", 0, JSET_BAD_EXTENT);

	if (key_size(k) > key_offset(k) || key_offset(k) > KEY_MAX_OFFSET)
		return fault(where, "key's offset", key_offset(k),
			     JSET_BAD_EXTENT);

	for (i = 0; i < key_ptrs(k); i++) {
		enum jset_verdict v = ptr_check(k, i, g, where);

		if (v != JSET_OK)
			return v;
	}

	return JSET_OK;
}

/**
 * jset_check_body() - are all fields and keys of a jset safe for bcache to use?
 * @j: a jset that has passed jset_check_header(), all jset_bytes() of it in memory
 * @g: the geometry
 * @csum_computed: crc64 of jset_csum_bytes() from jset_csum_start() of @j; or @j->csum
 *                 to check a jset again whose checksum was correct on disk
 * @where: describes the fault unless JSET_OK is returned
 *
 * Checks the keys of the root and of the uuid bucket only as far as copying them
 * requires: the stock driver reads only those of the newest jset, and checks them then.
 * But it does not check that the root's range ends where all keys end, and replays a key
 * behind that end forever.
 *
 * Return: JSET_OK, or the first fault in the order of the fields.
 */
enum jset_verdict jset_check_body(const struct jset *j,
				  const struct jset_geom *g, u64 csum_computed,
				  struct jset_fault *where)
{
	const struct bkey *uuid = (const struct bkey *)j->uuid_bucket_pad;
	const struct bkey *root = (const struct bkey *)j->btree_root_pad;
	const struct bkey *k;
	u32 used, left;

	where->key_index = JSET_NO_KEY;

	if (j->csum != csum_computed)
		return fault(where, "csum", j->csum, JSET_BAD_CSUM);

	if (j->version > JSET_VERSION)
		return fault(where, "version", j->version, JSET_BAD_VERSION);

	if (!j->seq || j->seq > JSET_MAX_SEQ)
		return fault(where, "seq", j->seq, JSET_BAD_SEQ);

	if (!j->last_seq || j->last_seq > j->seq ||
	    (g->max_open && j->seq - j->last_seq >= g->max_open))
		return fault(where, "last_seq", j->last_seq, JSET_BAD_SEQ);

	if (key_ptrs(uuid) > KEY_MAX_PTRS)
		return fault(where, "uuid_bucket's pointer count",
			     key_ptrs(uuid), JSET_BAD_UUID);

	if (key_ptrs(root) > KEY_MAX_PTRS)
		return fault(where, "btree_root's pointer count",
			     key_ptrs(root), JSET_BAD_ROOT);

	if (key_ptrs(root) && (key_inode(root) != KEY_MAX_INODE ||
			       key_offset(root) != KEY_MAX_OFFSET))
		return fault(where, "end of btree_root's range",
			     key_offset(root), JSET_BAD_ROOT);

	if (j->btree_level > JSET_MAX_LEVEL)
		return fault(where, "btree_level", j->btree_level,
			     JSET_BAD_LEVEL);

	where->key_index = 0;
	for (used = 0; used < j->keys; used += key_u64s(k)) {
		enum jset_verdict v;

		k = (const struct bkey *)(j->d + used);
		left = j->keys - used;

		if (left < key_u64s(k))
			return fault(where, "u64s left for the key", left,
				     JSET_CUT_KEY);

		v = key_check(k, g, where);
		if (v != JSET_OK)
			return v;

		where->key_index++;
	}

	return JSET_OK;
}

/**
 * jset_verdict_text() - describe a verdict in words
 * @v: the verdict
 *
 * Return: a phrase that completes the sentence "journal entry N ...".
 */
const char *jset_verdict_text(enum jset_verdict v)
{
	switch (v) {
	case JSET_OK:
		return "is sound";
	case JSET_EMPTY:
		return "does not exist";
	case JSET_TOO_BIG:
		return "is longer than an entry can be, or than its bucket";
	case JSET_BAD_CSUM:
		return "has a wrong checksum";
	case JSET_BAD_VERSION:
		return "has a newer format than this software supports";
	case JSET_BAD_SEQ:
		return "has impossible sequence numbers";
	case JSET_BAD_LEVEL:
		return "has an impossible btree level";
	case JSET_BAD_UUID:
		return "has too many pointers to the uuid bucket";
	case JSET_BAD_ROOT:
		return "has an impossible key for the btree's root";
	case JSET_BAD_KEY:
		return "has a key with too many pointers";
	case JSET_CUT_KEY:
		return "ends in the middle of a key";
	case JSET_BAD_INODE:
		return "has a key for a device that can't exist";
	case JSET_BAD_EXTENT:
		return "has a key with an impossible size or offset";
	case JSET_BAD_PTR:
		return "has a pointer that leads outside the cache's buckets";
	}
	return "has an unknown fault";
}
