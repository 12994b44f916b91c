// SPDX-License-Identifier: GPL-2.0
/* Prints a survey as JSON. bcache-journal-dump.8 describes the fields. */
#include <json-c/json.h>
#include <string.h>

#include "../../lib/error.h"
#include "print.h"

static void put(struct json_object *o, const char *key,
		struct json_object *value)
{
	if (json_object_object_add(o, key, value))
		die("out of memory");
}

static void append(struct json_object *list, struct json_object *value)
{
	if (json_object_array_add(list, value))
		die("out of memory");
}

static struct json_object *number(u64 value)
{
	return must(json_object_new_uint64(value));
}

static struct json_object *boolean(bool value)
{
	return must(json_object_new_boolean(value));
}

static void put_number(struct json_object *o, const char *key, u64 value)
{
	put(o, key, number(value));
}

static void put_bool(struct json_object *o, const char *key, bool value)
{
	put(o, key, boolean(value));
}

/*
 * Length of the character of UTF-8 at @p, which is neither too long an encoding, nor half
 * of a surrogate pair, nor a control character; 0 if there is none.
 */
static unsigned int utf8_length(const unsigned char *p)
{
	static const u32 lowest[] = { 0, ' ', 0xa0, 0x800, 0x10000 };
	unsigned int n, i;
	u32 c;

	if (*p < 0x80)
		return *p >= ' ' && *p <= '~';
	if (*p >= 0xf8 || *p < 0xc0)
		return 0;
	n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
	c = *p & 0x7f >> n;
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < lowest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	return n;
}

/* Strings come from the device: JSON is UTF-8, so replace all other bytes. */
static struct json_object *string(const char *value)
{
	char *copy = must(strdup(value)), *p = copy;
	struct json_object *o;

	while (*p) {
		unsigned int n = utf8_length((unsigned char *)p);

		if (!n) {
			*p = '?';
			n = 1;
		}
		p += n;
	}
	o = must(json_object_new_string(copy));
	free(copy);
	return o;
}

static void put_text(struct json_object *o, const char *key, const char *value)
{
	put(o, key, string(value));
}

static struct json_object *object(void)
{
	return must(json_object_new_object());
}

static struct json_object *array(void)
{
	return must(json_object_new_array());
}

static struct json_object *super(const struct survey *s)
{
	const struct super *sb = &s->sb;
	struct json_object *o = object();
	char uuid[UUID_TEXT];

	put_bool(o, "csum_ok", sb->csum == sb->csum_right);
	put_number(o, "version", sb->version);
	put_number(o, "seq", sb->seq);
	put_number(o, "last_mount", sb->last_mount);
	put_text(o, "label", sb->label);
	uuid_text(uuid, sb->uuid);
	put_text(o, "uuid", uuid);
	uuid_text(uuid, sb->set_uuid);
	put_text(o, "set_uuid", uuid);
	put_number(o, "flags", sb->flags);
	put_bool(o, "sync", sb->flags & SUPER_SYNC);
	put_bool(o, "discard", sb->flags & SUPER_DISCARD);
	put_text(o, "replacement", super_policy(sb));
	put_number(o, "feature_compat", sb->feature_compat);
	put_number(o, "feature_ro_compat", sb->feature_ro_compat);
	put_number(o, "feature_incompat", sb->feature_incompat);
	put_number(o, "block_sectors", sb->block_size);
	put_number(o, "bucket_sectors", sb->bucket_size);
	put_number(o, "buckets", sb->nbuckets);
	put_number(o, "first_bucket", sb->first_bucket);
	put_number(o, "nr_in_set", sb->nr_in_set);
	put_number(o, "nr_this_dev", sb->nr_this_dev);
	put_number(o, "journal_buckets", sb->njournal);
	if (s->sb_refused)
		put_text(o, "refused", s->sb_refused);
	return o;
}

static struct json_object *bucket(const struct survey *s, u32 i)
{
	const struct bucket *b = &s->bucket[i];
	struct json_object *o = object();

	put_number(o, "bucket", i);
	put_number(o, "sector", survey_sector(s, i, 0));
	put_text(o, "state", bucket_names[b->state]);
	put_bool(o, "needed", b->needed);
	put_number(o, "entries", b->entries);
	if (b->entries) {
		put_number(o, "first_seq", b->first);
		put_number(o, "last_seq", b->last);
	}
	put_number(o, "stale", b->stale);
	put_number(o, "damaged", b->damaged);
	put_number(o, "unreadable", b->unreadable);
	return o;
}

static struct json_object *ring(const struct survey *s)
{
	struct json_object *o = object(), *buckets = array();
	const struct ring *r = &s->ring;
	u32 i;

	if (r->newest) {
		put_number(o, "newest", r->newest);
		put_number(o, "last_seq", r->last_seq);
		put_number(o, "newest_bucket", r->cur);
	}
	for (i = 0; i < r->nbuckets; i++)
		append(buckets, bucket(s, i));
	put(o, "buckets", buckets);
	return o;
}

static struct json_object *key(const struct bkey *k)
{
	struct json_object *o = object(), *ptrs = array();
	unsigned int i;

	put_number(o, "inode", key_inode(k));
	put_number(o, "offset", key_offset(k));
	put_number(o, "size", key_size(k));
	put_bool(o, "dirty", key_dirty(k));
	for (i = 0; i < key_ptrs(k) && i < KEY_MAX_PTRS; i++) {
		struct json_object *p = object();

		put_number(p, "dev", ptr_dev(k, i));
		put_number(p, "offset", ptr_offset(k, i));
		put_number(p, "gen", ptr_gen(k, i));
		append(ptrs, p);
	}
	put(o, "ptrs", ptrs);
	return o;
}

static void put_keys(struct json_object *o, struct survey *s,
		     const struct place *p)
{
	const struct jset *j = survey_jset(s, p);
	struct json_object *list, *prios;
	const struct bkey *k;
	u32 used, i;

	if (!j)
		return;
	put_number(o, "btree_level", j->btree_level);
	put(o, "btree_root", key((const struct bkey *)j->btree_root_pad));
	put(o, "uuid_bucket", key((const struct bkey *)j->uuid_bucket_pad));
	prios = array();
	for (i = 0; i < s->sb.nr_in_set && i < JSET_CACHES; i++)
		append(prios, number(j->prio_bucket[i]));
	put(o, "prio_bucket", prios);
	list = array();
	for (used = 0; used < j->keys; used += key_u64s(k)) {
		k = (const struct bkey *)(j->d + used);
		if (j->keys - used < key_u64s(k))
			break;
		append(list, key(k));
	}
	put(o, "key_list", list);
}

static struct json_object *entry(struct survey *s, const struct place *p,
				 bool keys)
{
	const struct ring_spot *at = &p->spot;
	struct json_object *o = object();

	put_number(o, "bucket", at->bucket);
	put_number(o, "sector", survey_sector(s, at->bucket, at->offset));
	put_number(o, "sectors", at->sectors);
	put_text(o, "state", place_names[p->state]);
	if (p->state == PLACE_UNREADABLE)
		return o;
	if (p->state == PLACE_DAMAGED) {
		put_text(o, "verdict", jset_verdict_text(at->verdict));
		put_text(o, "fault", fault_text(&at->fault).text);
	}
	put_number(o, "seq", at->seq);
	put_number(o, "last_seq", p->last_seq);
	put_number(o, "version", p->version);
	put_number(o, "keys", p->keys);
	put_number(o, "key_sectors", p->key_sectors);
	if (keys)
		put_keys(o, s, p);
	return o;
}

static void put_loss(struct json_object *o, const struct survey *s,
		     const struct loss *l)
{
	struct json_object *lost = object();

	put_number(lost, "entries", l->count);
	if (l->count) {
		put_bool(lost, "at_least", l->at_least);
		put_number(lost, "first", l->first);
		put_number(lost, "last", l->last);
		put_number(lost, "keys", l->keys);
		put_number(lost, "sectors", l->sectors);
		put_number(lost, "entries_unreadable", l->unknown);
	}
	if (s->verdict == RING_HIDDEN)
		put_number(lost, "unknown_from", s->ring.newest + 1);
	if (s->verdict == RING_LATER)
		put_number(lost, "unless_torn", s->ring.at.seq);
	put(o, "lost", lost);
}

static void put_outcome(struct json_object *o, enum outcome outcome,
			const char *reason)
{
	static const char *const words[] = {
		[OUTCOME_REGISTERS] = "registers",
		[OUTCOME_REFUSES] = "refuses",
		[OUTCOME_FAILS] = "fails",
		[OUTCOME_CRASHES] = "crashes",
	};

	put_text(o, "outcome", words[outcome]);
	put_bool(o, "registers", outcome == OUTCOME_REGISTERS);
	if (outcome != OUTCOME_REGISTERS)
		put_text(o, "reason", reason);
}

static struct json_object *verdict(const struct survey *s)
{
	static const char *const words[] = {
		[RING_OK] = "ok",	    [RING_EMPTY] = "empty",
		[RING_MISSING] = "missing", [RING_REJECTED] = "rejected",
		[RING_LATER] = "later",	    [RING_HIDDEN] = "hidden",
		[RING_TWICE] = "twice",
	};
	struct json_object *o = object(), *of = object();
	const struct ring *r = &s->ring;
	enum series n;

	put_outcome(of,
		    survey_registers(s) ? OUTCOME_REGISTERS : OUTCOME_REFUSES,
		    ours_reason(s).text);
	if (!s->error)
		put_text(of, "ring", words[s->verdict]);
	if (r->newest && !s->error) {
		put_number(of, "first", r->first);
		put_number(of, "last", r->newest);
		put_number(of, "keys", s->replayed);
		put_number(of, "sectors", s->replayed_sectors);
	}
	if (!s->error && s->verdict != RING_OK && s->verdict != RING_EMPTY) {
		put_number(of, "bucket", r->at.bucket);
		put_number(of, "sector",
			   survey_sector(s, r->at.bucket, r->at.offset));
	}
	put_bool(of, "accept_loss", survey_accepts(s));
	if (survey_accepts(s))
		put_loss(of, s, &s->lost);
	if (!s->error && r->torn.kind != RING_BLANK)
		put_number(of, "torn", r->newest + 1);
	put(o, "bcache-journal", of);

	for (n = 0; n < NR_SERIES; n++) {
		const struct stock_verdict *v = &s->stock[n];

		of = object();
		put_outcome(of, stock_outcome(s, n), stock_reason(s, n).text);
		if (v->to) {
			put_number(of, "first", v->from);
			put_number(of, "last", v->to);
		}
		if (s->sync && stock_outcome(s, n) == OUTCOME_REGISTERS)
			put_loss(of, s, &s->stock_lost[n]);
		put_bool(of, "sure", !s->stock_errors);
		put(o, series_names[n], of);
	}
	return o;
}

/* Writes @value, indented by @indent from its second line on, and frees it. */
static void write_value(FILE *out, struct json_object *value, int indent)
{
	const char *text = json_object_to_json_string_ext(
		value, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			       JSON_C_TO_STRING_NOSLASHESCAPE);
	const char *end;

	if (!text)
		die("out of memory");
	for (end = strchr(text, '\n'); end; end = strchr(text, '\n')) {
		fprintf(out, "%.*s\n%*s", (int)(end - text), text, indent, "");
		text = end + 1;
	}
	fputs(text, out);
	json_object_put(value);
}

static void write_member(FILE *out, const char *key, struct json_object *value)
{
	fprintf(out, ",\n  \"%s\": ", key);
	write_value(out, value, 2);
}

/* One by one: all keys of all entries can need a thousand times the size of an image. */
static void write_entries(FILE *out, struct survey *s, bool keys,
			  const struct filter *f)
{
	bool any = false;
	size_t i;

	fputs(",\n  \"entries\": [", out);
	for (i = 0; i < s->nr_places; i++) {
		if (!filter_shows(f, &s->place[i]))
			continue;
		fputs(any ? ",\n    " : "\n    ", out);
		write_value(out, entry(s, &s->place[i], keys), 4);
		any = true;
	}
	fputs(any ? "\n  ]" : "]", out);
}

/**
 * print_json() - print a survey as JSON
 * @out: where to
 * @s: the survey
 * @show: the parts
 * @f: the entries to list
 */
void print_json(FILE *out, struct survey *s, unsigned int show,
		const struct filter *f)
{
	fputs("{\n  \"device\": ", out);
	write_value(out, string(s->im->name), 2);
	write_member(out, "in_use", boolean(s->im->in_use));
	if (s->past_end)
		write_member(out, "past_end", boolean(true));
	if (s->left_out)
		write_member(out, "left_out", number(s->left_out));
	if (show & SHOW_SUPER)
		write_member(out, "superblock", super(s));
	if (show & SHOW_RING)
		write_member(out, "journal", ring(s));
	if (show & (SHOW_ENTRIES | SHOW_KEYS))
		write_entries(out, s, show & SHOW_KEYS, f);
	if (show & SHOW_VERDICT)
		write_member(out, "verdict", verdict(s));
	fputs("\n}\n", out);
}
