// SPDX-License-Identifier: GPL-2.0
/* Prints a survey as text. */
#include "print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#define say(s, ...) snprintf((s)->text, sizeof((s)->text), __VA_ARGS__)

/**
 * uuid_text() - write a UUID as text
 * @text: UUID_TEXT bytes
 * @uuid: the UUID
 */
void uuid_text(char *text, const u8 *uuid)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		text += sprintf(text,
				i == 4 || i == 6 || i == 8 || i == 10 ?
					"-%02x" :
					"%02x",
				uuid[i]);
}

static const char *version_text(u64 version)
{
	switch (version) {
	case 0:
	case 3:
		return "cache device";
	case 1:
	case 4:
		return "backing device";
	case 5:
		return "cache device with features";
	case 6:
		return "backing device with features";
	}
	return "unknown";
}

/* A label is what its owner wrote: print nothing that a terminal might obey. */
static void print_label(FILE *out, const char *label)
{
	if (!*label)
		fputs("(empty)", out);
	for (; *label; label++)
		fputc(*label >= ' ' && *label <= '~' ? *label : '?', out);
}

static void print_super(FILE *out, const struct survey *s)
{
	const struct super *sb = &s->sb;
	u64 total = sb->nbuckets * sb->bucket_size;
	u64 first = (u64)sb->first_bucket * sb->bucket_size;
	time_t mounted = sb->last_mount;
	char uuid[UUID_TEXT], date[32];
	struct tm tm;

	fprintf(out, "sb.magic\t\t%s\n", sb->magic_ok ? "ok" : "bad magic");
	fprintf(out, "sb.first_sector\t\t%llu [%s]\n", sb->offset,
		sb->offset == SUPER_AT >> 9 ? "match" : "expected 8");
	fprintf(out, "sb.csum\t\t\t%016llX [", sb->csum);
	if (sb->csum == sb->csum_right)
		fputs("match]\n", out);
	else
		fprintf(out, "expected %016llX]\n", sb->csum_right);
	fprintf(out, "sb.version\t\t%llu [%s]\n", sb->version,
		version_text(sb->version));
	fprintf(out, "sb.seq\t\t\t%llu\n", sb->seq);
	fprintf(out,
		"sb.features\t\tcompat %#llx, ro_compat %#llx, incompat %#llx\n",
		sb->feature_compat, sb->feature_ro_compat,
		sb->feature_incompat);
	fputs("sb.last_mount\t\t", out);
	if (gmtime_r(&mounted, &tm) &&
	    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm))
		fprintf(out, "%u [%s]\n", sb->last_mount, date);
	else
		fprintf(out, "%u\n", sb->last_mount);

	fputs("\ndev.label\t\t", out);
	print_label(out, sb->label);
	uuid_text(uuid, sb->uuid);
	fprintf(out, "\ndev.uuid\t\t%s\n", uuid);
	fprintf(out, "dev.sectors_per_block\t%u\n", sb->block_size);
	fprintf(out, "dev.sectors_per_bucket\t%u\n", sb->bucket_size);
	if (sb->backing)
		goto set;
	fprintf(out, "dev.cache.first_sector\t%llu\n", first);
	fprintf(out, "dev.cache.cache_sectors\t%llu\n",
		total > first ? total - first : 0);
	fprintf(out, "dev.cache.total_sectors\t%llu\n", total);
	fprintf(out, "dev.cache.ordered\t%s\n",
		sb->flags & SUPER_SYNC ? "yes" : "no");
	fprintf(out, "dev.cache.discard\t%s\n",
		sb->flags & SUPER_DISCARD ? "yes" : "no");
	fprintf(out, "dev.cache.pos\t\t%u of %u\n", sb->nr_this_dev,
		sb->nr_in_set);
	fprintf(out, "dev.cache.replacement\t%llu [%s]\n", sb->flags >> 2 & 7,
		super_policy(sb));
	fprintf(out, "dev.cache.journal\t%u buckets from %llu on\n",
		sb->njournal, sb->njournal ? sb->d[0] : 0);
set:
	uuid_text(uuid, sb->set_uuid);
	fprintf(out, "\ncset.uuid\t\t%s\n", uuid);
	if (s->sb_refused)
		fprintf(out, "\nThe superblock is refused: %s.\n",
			s->sb_refused);
	if (s->partial)
		fputs("\nThe image is shorter than the device.\n", out);
}

static void print_range(FILE *out, u64 first, u64 last, int width)
{
	char text[48] = "-";

	if (first)
		snprintf(text, sizeof(text), "%llu-%llu", first, last);
	fprintf(out, "  %-*s", width, text);
}

static void print_bucket(FILE *out, const struct survey *s, u32 i)
{
	const struct bucket *b = &s->bucket[i];
	const struct ring *r = &s->ring;

	fprintf(out, "%6u  %10llu  %7u", i, survey_sector(s, i, 0), b->entries);
	print_range(out, b->first, b->last, 19);
	fprintf(out, "  %-10s  %s", bucket_names[b->state],
		b->needed ? "yes" : "no");
	if (b->stale)
		fprintf(out, ", %u stale", b->stale);
	if (b->damaged)
		fprintf(out, ", %u damaged", b->damaged);
	if (b->unreadable)
		fprintf(out, ", %u blocks unreadable", b->unreadable);
	if (r->newest && i == r->cur)
		fprintf(out, ", has the newest entry");
	fputc('\n', out);
}

static void print_ring(FILE *out, const struct survey *s)
{
	const struct ring *r = &s->ring;
	u32 i, n;

	fprintf(out, "journal: %u buckets of %u sectors, blocks of %u\n",
		r->nbuckets, s->sb.bucket_size, s->sb.block_size);
	if (r->newest)
		fprintf(out, "recovery needs entries %llu-%llu\n", r->last_seq,
			r->newest);
	fputs("bucket      sector  entries  seq                  state       needed\n",
	      out);
	for (i = 0; i < r->nbuckets; i += n) {
		for (n = 0; i + n < r->nbuckets; n++)
			if (s->bucket[i + n].state != BUCKET_EMPTY ||
			    s->bucket[i + n].needed)
				break;
		if (n > 3) {
			fprintf(out, "%6u-%u: empty\n", i, i + n - 1);
			continue;
		}
		n = 1;
		print_bucket(out, s, i);
	}
}

static void print_key(FILE *out, const struct bkey *k, const char *what)
{
	unsigned int i;

	fprintf(out, "    %s %u:%llu len %u -> [", what, key_inode(k),
		key_offset(k), key_size(k));
	for (i = 0; i < key_ptrs(k) && i < KEY_MAX_PTRS; i++)
		fprintf(out, "%s%u:%llu gen %u", i ? ", " : "", ptr_dev(k, i),
			ptr_offset(k, i), ptr_gen(k, i));
	fprintf(out, "]%s", key_dirty(k) ? " dirty" : "");
}

static void print_keys(FILE *out, struct survey *s, const struct place *p)
{
	const struct jset *j = survey_jset(s, p);
	const struct bkey *k;
	u32 used, i;

	if (!j)
		return;
	print_key(out, (const struct bkey *)j->btree_root_pad, "btree root");
	fprintf(out, " level %u\n", j->btree_level);
	print_key(out, (const struct bkey *)j->uuid_bucket_pad, "uuids");
	fprintf(out, "\n    prios in bucket");
	for (i = 0; i < s->sb.nr_in_set && i < JSET_CACHES; i++)
		fprintf(out, " %llu", j->prio_bucket[i]);
	fputc('\n', out);
	for (used = 0; used < j->keys; used += key_u64s(k)) {
		struct jset_fault fault;
		enum jset_verdict v;

		k = (const struct bkey *)(j->d + used);
		if (j->keys - used < key_u64s(k)) {
			fprintf(out, "    %u words are left, not a key\n",
				j->keys - used);
			break;
		}
		print_key(out, k, "key");
		fault.key_index = JSET_NO_KEY;
		v = key_check(k, &s->ring.geom, &fault);
		if (v != JSET_OK)
			fprintf(out, " impossible: %s",
				fault_text(&fault).text);
		fputc('\n', out);
	}
}

/**
 * filter_apply() - find the first seq to list, if only the newest are wanted
 * @f: the filter
 * @s: the survey
 */
void filter_apply(struct filter *f, const struct survey *s)
{
	u64 newest = s->ring.newest;

	if (f->newest && newest >= f->newest &&
	    f->first < newest - f->newest + 1)
		f->first = newest - f->newest + 1;
}

/**
 * filter_shows() - is a place to be listed?
 * @f: the filter
 * @p: the place
 *
 * Places whose seq is not known are listed unless a range of seqs was asked for.
 *
 * Return: true if it is.
 */
bool filter_shows(const struct filter *f, const struct place *p)
{
	if (!p->spot.seq && p->state != PLACE_DAMAGED)
		return !f->first && f->last == ~0ULL;
	if (p->spot.seq < f->first || p->spot.seq > f->last)
		return false;
	return f->all || (p->state != PLACE_OLD && p->state != PLACE_STALE &&
			  p->state != PLACE_FOREIGN);
}

static void print_entries(FILE *out, struct survey *s, bool keys,
			  const struct filter *f)
{
	size_t i;

	fputs("bucket      sector  length         seq    last_seq   keys  sectors  state\n",
	      out);
	for (i = 0; i < s->nr_places; i++) {
		const struct place *p = &s->place[i];
		const struct ring_spot *at = &p->spot;

		if (!filter_shows(f, p))
			continue;
		fprintf(out, "%6u  %10llu  %6u", at->bucket,
			survey_sector(s, at->bucket, at->offset), at->sectors);
		if (p->state == PLACE_UNREADABLE) {
			fprintf(out, "  %10s  %10s  %5s  %7s  unreadable\n",
				"-", "-", "-", "-");
			continue;
		}
		fprintf(out, "  %10llu  %10llu  %5u  %7llu  %s", at->seq,
			p->last_seq, p->keys, p->key_sectors,
			place_names[p->state]);
		if (p->state == PLACE_DAMAGED)
			fprintf(out, ": %s (%s)",
				jset_verdict_text(at->verdict),
				fault_text(&at->fault).text);
		fputc('\n', out);
		if (keys)
			print_keys(out, s, p);
	}
}

/* --- the verdict ------------------------------------------------------------------ */

/**
 * ours_reason() - why would bcache-journal refuse the set?
 * @s: the survey
 *
 * Return: the reason, empty if it would register it.
 */
struct sentence ours_reason(const struct survey *s)
{
	const struct ring *r = &s->ring;
	struct sentence why = {};

	if (s->sb_refused)
		say(&why, "the superblock is refused: %s", s->sb_refused);
	else if (!s->sync)
		;
	else if (s->ours_refused.text[0])
		return s->ours_refused;
	else if (s->error && !explain_given_up(r, s->error, &why))
		say(&why, "%s", strerror(-s->error));
	else if (s->error)
		;
	else if (s->verdict != RING_OK)
		return explain_refusal(r, s->verdict,
				       survey_sector(s, r->at.bucket,
						     r->at.offset));
	else if (!s->root_ok)
		say(&why,
		    "journal entry %llu has an impossible key for the btree's root or the uuids",
		    r->newest);
	return why;
}

/* Would the set hang or be refused whatever its journal has? */
static bool stopped_early(const struct survey *s)
{
	return s->sb_refused || (s->sync && s->ours_refused.text[0]);
}

/**
 * stock_outcome() - what would a stock driver do with the set?
 * @s: the survey
 * @n: its series
 *
 * Return: the outcome.
 */
enum outcome stock_outcome(const struct survey *s, enum series n)
{
	if (s->sb_refused)
		return OUTCOME_REFUSES;
	if (!s->sync)
		return OUTCOME_REGISTERS;
	if (s->ours_refused.text[0])
		return OUTCOME_CRASHES;
	switch (s->stock[n].outcome) {
	case STOCK_REGISTERS:
		return OUTCOME_REGISTERS;
	case STOCK_BAD_KEY:
		return OUTCOME_FAILS;
	case STOCK_CRASHES:
		return OUTCOME_CRASHES;
	default:
		return OUTCOME_REFUSES;
	}
}

/**
 * stock_reason() - why would a stock driver not register the set?
 * @s: the survey
 * @n: its series
 *
 * Return: the reason, empty if it would register it.
 */
struct sentence stock_reason(const struct survey *s, enum series n)
{
	const struct stock_verdict *v = &s->stock[n];
	struct sentence why = {};

	if (stopped_early(s))
		return ours_reason(s);
	if (!s->sync)
		return why;
	switch (v->outcome) {
	case STOCK_REGISTERS:
		break;
	case STOCK_NOTHING:
		say(&why, "it finds no journal entry");
		break;
	case STOCK_MISSING:
		say(&why,
		    "it does not find entry %llu; it needs %llu-%llu; refusing a set so late can end in a kernel BUG",
		    v->at, v->needed, v->to);
		break;
	case STOCK_BAD_ROOT:
		say(&why,
		    "entry %llu has an impossible key for the btree's root or the uuids",
		    v->at);
		break;
	case STOCK_BAD_KEY:
		say(&why, "entry %llu has an impossible key", v->at);
		break;
	case STOCK_CRASHES:
		say(&why,
		    "entry %llu has an impossible value that it does not check",
		    v->at);
		break;
	}
	return why;
}

static void print_loss(FILE *out, const struct survey *s, const struct loss *l)
{
	if (l->count == 1)
		fprintf(out, "entry %llu", l->first);
	else
		fprintf(out, "%s%llu entries, %llu-%llu",
			l->at_least ? "at least " : "", l->count, l->first,
			l->last);
	if (l->unknown == l->count)
		fputs(" (keys unreadable)", out);
	else if (l->unknown)
		fprintf(out,
			" (%llu keys, %llu sectors, without the keys of %llu unreadable %s)",
			l->keys, l->sectors, l->unknown,
			l->unknown == 1 ? "entry" : "entries");
	else
		fprintf(out, " (%llu keys, %llu sectors)", l->keys, l->sectors);
	if (s->verdict == RING_LATER)
		fprintf(out,
			", and entry %llu unless it was being written when power was lost",
			s->ring.at.seq);
	if (s->verdict == RING_HIDDEN)
		fprintf(out, ", and any entries from %llu on",
			s->ring.newest + 1);
	fputc('\n', out);
}

static void print_spot(FILE *out, const struct survey *s,
		       const struct ring_spot *at)
{
	fprintf(out, "  %s\n",
		explain_spot(at, survey_sector(s, at->bucket, at->offset)).text);
}

/* What the module logs before the reason, and if there is none. */
static void print_causes(FILE *out, const struct survey *s)
{
	const struct ring *r = &s->ring;
	u32 i, n = r->damages < RING_DAMAGES ? r->damages : RING_DAMAGES;

	if (s->error || !r->newest)
		return;
	if (s->verdict == RING_OK) {
		if (r->torn.kind != RING_BLANK) {
			print_spot(out, s, &r->torn);
			fprintf(out, "  %s\n", explain_torn(r).text);
		}
		if (r->discarded)
			fprintf(out, "  %s\n", explain_discarded(r).text);
		if (r->unneeded)
			fprintf(out, "  %s\n", explain_unneeded(r).text);
		return;
	}
	for (i = 0; i < n; i++)
		if (r->damage[i].bucket != r->at.bucket ||
		    r->damage[i].offset != r->at.offset ||
		    s->verdict == RING_MISSING)
			print_spot(out, s, &r->damage[i]);
	if (r->damages > RING_DAMAGES)
		fprintf(out, "  %u more damaged places in the journal\n",
			r->damages - RING_DAMAGES);
	if (s->verdict != RING_MISSING)
		print_spot(out, s, &r->at);
}

static void print_accepted(FILE *out, const struct survey *s)
{
	const struct ring *r = &s->ring;

	if (stopped_early(s) || !s->sync || s->error || s->verdict == RING_OK ||
	    s->verdict == RING_EMPTY)
		return;
	fputs("with accept_loss: ", out);
	if (!s->root_ok) {
		fputs("would still refuse the set: the newest entry has an impossible key for the btree's root or the uuids\n",
		      out);
	} else if (s->lost.count) {
		fputs("would lose ", out);
		print_loss(out, s, &s->lost);
	} else if (s->verdict == RING_HIDDEN) {
		fprintf(out,
			"would lose any entries from %llu on, at most %u of them\n",
			r->newest + 1, r->at.sectors / ring_block(r));
	} else {
		fputs("would use the one of the two that comes later in the ring\n",
		      out);
	}
}

static void print_stock(FILE *out, const struct survey *s, enum series n)
{
	static const char *const words[] = {
		[OUTCOME_REFUSES] = "would refuse the set",
		[OUTCOME_FAILS] = "would fail in the middle of registration",
		[OUTCOME_CRASHES] = "would crash or hang",
	};
	const struct stock_verdict *v = &s->stock[n];
	enum outcome outcome = stock_outcome(s, n);

	fprintf(out, "%s: ", series_names[n]);
	if (outcome != OUTCOME_REGISTERS) {
		fprintf(out, "%s: %s\n", words[outcome],
			stock_reason(s, n).text);
		return;
	}
	if (!s->sync) {
		fputs("would register the set and begin a new journal\n", out);
		return;
	}
	fprintf(out, "would register the set and replay entries %llu-%llu\n",
		v->from, v->to);
	if (s->stock_lost[n].count) {
		fputs("  and would silently lose ", out);
		print_loss(out, s, &s->stock_lost[n]);
	} else if (s->verdict == RING_HIDDEN) {
		fprintf(out,
			"  and would silently lose any entries from %llu on\n",
			s->ring.newest + 1);
	}
}

static void print_verdict(FILE *out, const struct survey *s)
{
	struct sentence why = ours_reason(s);
	const struct ring *r = &s->ring;
	enum series n;

	fputs("bcache-journal: ", out);
	if (why.text[0])
		fprintf(out, "would refuse the set: %s\n", why.text);
	else if (!s->sync)
		fputs("would register the set and begin a new journal: the set was never in use\n",
		      out);
	else
		fprintf(out,
			"would register the set and replay entries %llu-%llu (%llu keys, %llu sectors)\n",
			r->first, r->newest, s->replayed, s->replayed_sectors);
	if (s->sync && !stopped_early(s))
		print_causes(out, s);
	print_accepted(out, s);
	for (n = 0; n < NR_SERIES; n++)
		print_stock(out, s, n);
	if (s->sync && s->stock_errors)
		fputs("  The stock driver does not notice read errors: it uses the contents of its\n"
		      "  buffer, which depend on the device. The prediction may be wrong.\n",
		      out);
}

/**
 * print_text() - print a survey as text
 * @out: where to
 * @s: the survey
 * @show: the parts
 * @f: the entries to list
 */
void print_text(FILE *out, struct survey *s, unsigned int show,
		const struct filter *f)
{
	bool more = false;

	if (s->im->in_use)
		fputs("The device is in use: its journal may change while it is read.\n\n",
		      out);
	if (s->past_end)
		fputs("The buckets of the cache extend past the end of the device: I/O there fails.\n\n",
		      out);
	if (s->left_out && show & (SHOW_ENTRIES | SHOW_KEYS | SHOW_VERDICT))
		fprintf(out,
			"%llu entries or damaged places are too many: they are not listed, and keys in them\n"
			"are not counted in what would be lost.\n\n",
			s->left_out);
	if (show & SHOW_SUPER) {
		print_super(out, s);
		more = true;
	}
	if (show & SHOW_RING) {
		fputs(more ? "\n" : "", out);
		print_ring(out, s);
		more = true;
	}
	if (show & (SHOW_ENTRIES | SHOW_KEYS)) {
		fputs(more ? "\n" : "", out);
		print_entries(out, s, show & SHOW_KEYS, f);
		more = true;
	}
	if (show & SHOW_VERDICT) {
		fputs(more ? "\n" : "", out);
		print_verdict(out, s);
	}
}
