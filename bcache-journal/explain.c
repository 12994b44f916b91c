// SPDX-License-Identifier: GPL-2.0
/* The words for a verdict; see explain.h. */
#include "explain.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/kernel.h>
#else
#include <errno.h>
#include <stdio.h>
#endif

#define say(s, fmt, ...) \
	snprintf((s)->text, sizeof((s)->text), fmt, __VA_ARGS__)

/**
 * fault_text() - describe a fault of an entry
 * @f: the fault
 *
 * Return: the field and its value, and the key if the fault is in one.
 */
struct fault_text fault_text(const struct jset_fault *f)
{
	struct fault_text t;

	if (!f->field)
		t.text[0] = 0;
	else if (f->key_index == JSET_NO_KEY)
		say(&t, "%s %llu", f->field, f->value);
	else
		say(&t, "key %u: %s %llu", f->key_index, f->field, f->value);
	return t;
}

/**
 * explain_spot() - describe a place in a bucket
 * @at: the place
 * @sector: where on the device it is
 *
 * Return: the bucket, the sector, and what is there.
 */
struct sentence explain_spot(const struct ring_spot *at, u64 sector)
{
	struct sentence s;

	if (at->kind == RING_UNREADABLE)
		say(&s,
		    "journal bucket %u, sector %llu: %u sectors can't be read",
		    at->bucket, sector, at->sectors);
	else if (at->kind == RING_BAD)
		say(&s, "journal bucket %u, sector %llu: entry %llu %s (%s)",
		    at->bucket, sector, at->seq, jset_verdict_text(at->verdict),
		    fault_text(&at->fault).text);
	else
		say(&s, "journal bucket %u, sector %llu: entry %llu is sound",
		    at->bucket, sector, at->seq);
	return s;
}

/**
 * explain_refusal() - say why a set with this ring is not registered
 * @r: the ring, after ring_judge()
 * @v: its verdict, neither RING_OK nor RING_EMPTY
 * @sector: where on the device r->at is
 *
 * The caller also describes r->damage and, unless an entry is missing, r->at.
 *
 * Return: the reason.
 */
struct sentence explain_refusal(const struct ring *r, enum ring_verdict v,
				u64 sector)
{
	struct sentence s = {};

	switch (v) {
	case RING_MISSING:
		say(&s,
		    "journal bucket %u, sector %llu: entries %llu-%llu are missing, %llu in all; recovery needs %llu-%llu",
		    r->at.bucket, sector, r->gone_first, r->gone_last, r->gone,
		    r->last_seq, r->newest);
		break;
	case RING_REJECTED:
		say(&s,
		    "journal entry %llu has a correct checksum but can't be used; recovery needs %llu-%llu",
		    r->at.seq, r->last_seq, r->newest);
		break;
	case RING_LATER:
		say(&s,
		    "journal entry %llu is missing, although it was complete before entry %llu was started",
		    r->at.seq - 1, r->at.seq);
		break;
	case RING_HIDDEN:
		say(&s, "journal entries from %llu on may be hidden there",
		    r->newest + 1);
		break;
	case RING_TWICE:
		say(&s,
		    "journal entry %llu exists twice: part of the journal was once abandoned and then rewritten; recovery needs %llu-%llu",
		    r->at.seq, r->last_seq, r->newest);
		break;
	case RING_EMPTY:
		say(&s, "no sound journal entry in any of %u buckets",
		    r->nbuckets);
		break;
	case RING_OK:
		break;
	}
	return s;
}

/**
 * explain_torn() - describe the entry that was being written, which is at r->torn
 * @r: the ring, after ring_judge(); the kind of r->torn is not RING_BLANK
 *
 * Return: the description.
 */
struct sentence explain_torn(const struct ring *r)
{
	struct sentence s;

	say(&s, "journal entry %llu was being written when power was lost%s",
	    r->newest + 1,
	    r->torn.kind == RING_UNREADABLE ?
		    ", or it is unreadable and lost" :
		    ", and had not been acknowledged");
	return s;
}

/**
 * explain_discarded() - say which entries at the start are gone without harm
 * @r: the ring, after ring_judge(); r->discarded is not 0
 *
 * Return: the description.
 */
struct sentence explain_discarded(const struct ring *r)
{
	struct sentence s;

	say(&s,
	    "journal entries %llu-%llu were no longer needed and have been %s; recovery uses %llu-%llu",
	    r->last_seq, r->last_seq + r->discarded - 1,
	    r->overwritten ? "overwritten" : "discarded",
	    r->last_seq + r->discarded, r->newest);
	return s;
}

/**
 * explain_unneeded() - say how many damaged buckets do not matter
 * @r: the ring, after ring_judge(); r->unneeded is not 0
 *
 * Return: the description.
 */
struct sentence explain_unneeded(const struct ring *r)
{
	struct sentence s;

	say(&s, "%u journal buckets that recovery does not need are damaged",
	    r->unneeded);
	return s;
}

/**
 * explain_super() - check superblock fields that the stock driver does not check
 * @njournal_buckets: the field of that name
 * @flags: the field of that name
 * @why: set to the reason if the set can't be registered
 *
 * The stock driver hangs on these: of two journal buckets none ever comes free, and the
 * allocator makes no progress with an unknown replacement policy.
 *
 * Return: true if the set can be registered.
 */
bool explain_super(u32 njournal_buckets, u64 flags, struct sentence *why)
{
	unsigned int policy = flags >> SUPER_POLICY_SHIFT & SUPER_POLICY_MASK;

	if (njournal_buckets < MIN_JOURNAL_BUCKETS ||
	    njournal_buckets > RING_BUCKETS) {
		say(why,
		    "superblock has %u journal buckets, should be %u to %u",
		    njournal_buckets, MIN_JOURNAL_BUCKETS, RING_BUCKETS);
		return false;
	}
	if (policy > SUPER_POLICY_RANDOM) {
		say(why, "superblock has unknown replacement policy %u",
		    policy);
		return false;
	}
	return true;
}

/**
 * explain_given_up() - say why ring_scan() was given up
 * @r: the ring
 * @error: what ring_scan() returned
 * @why: set to the reason
 *
 * Return: false if there are no words for that error.
 */
bool explain_given_up(const struct ring *r, int error, struct sentence *why)
{
	switch (error) {
	case -EIO:
		say(why,
		    "the same journal buckets were sometimes readable and sometimes not (%u attempts)",
		    r->nbuckets);
		return true;
	case -ENOMEM:
		say(why, "%s", "not enough memory for the journal's entries");
		return true;
	}
	return false;
}
