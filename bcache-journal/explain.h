/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words for what the validator and the judge of the ring have found.
 *
 * Pure like ondisk.h: the kernel module and bcache-journal-dump say the same.
 */
#ifndef BCACHE_JOURNAL_EXPLAIN_H
#define BCACHE_JOURNAL_EXPLAIN_H

#include "ring.h"

/* A stock superblock has at least this many; with fewer, none ever comes free. */
#define MIN_JOURNAL_BUCKETS 3

/* The replacement policy in the superblock's flags, and the highest that there is. */
#define SUPER_POLICY_SHIFT 2
#define SUPER_POLICY_MASK 7
#define SUPER_POLICY_RANDOM 2

/* What is wrong with a jset, for a message. */
struct fault_text {
	char text[80];
};

/* A sentence without a full stop and without a newline. */
struct sentence {
	char text[320];
};

struct fault_text fault_text(const struct jset_fault *f);
struct sentence explain_spot(const struct ring_spot *at, u64 sector);
struct sentence explain_refusal(const struct ring *r, enum ring_verdict v,
				u64 sector);
struct sentence explain_torn(const struct ring *r);
struct sentence explain_discarded(const struct ring *r);
struct sentence explain_unneeded(const struct ring *r);
bool explain_super(u32 njournal_buckets, u64 flags, struct sentence *why);
bool explain_given_up(const struct ring *r, int error, struct sentence *why);

#endif
