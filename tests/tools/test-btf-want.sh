#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests btf-want with a real bcache.ko: what it must refuse, with which message, and that
# its output compiles with the kernel's own headers.
#
#   BTF_WANT    the tool; built here if it isn't given
#   KVER        kernel release (default: the running one)
#   TARGET      its bcache.ko, .xz, .zst or .gz (default: from /lib/modules)
#   BASE        its BTF (default: btf-want looks for it)
#   WRONG_BASE  another kernel's BTF (default: made from BASE, if that is ELF)
#   KDIR        its headers, to compile with (default: from /lib/modules)

here=$(cd "$(dirname "$0")" && pwd)
tools=$here/../../tools
KVER=${KVER:-$(uname -r)}
TARGET=${TARGET:-$(find "/lib/modules/$KVER/kernel/drivers/md/bcache" -name 'bcache.ko*' 2>/dev/null | head -n 1)}
KDIR=${KDIR:-/lib/modules/$KVER/build}
number=$(expr "$KVER" : '\([0-9]*\.[0-9]*\)')
failed=0

if [ ! -r "$TARGET" ]; then
	echo "SKIP: no bcache.ko of $KVER here; set KVER and TARGET"
	exit 77
fi

tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
mkdir "$tmp/out"

if [ -z "$BTF_WANT" ]; then
	BTF_WANT=$tmp/btf-want
	cc -O2 -Wall -Wextra -o "$BTF_WANT" "$tools"/btf-want.c \
		"$tools"/want.c "$tools"/types.c "$tools"/driver.c "$tools"/resolve.c \
		"$tools"/emit.c "$tools"/../lib/*.c -lbpf -lelf || exit 1
fi

case $TARGET in
*.xz)	xz -dc "$TARGET" ;;
*.zst)	zstd -dcq "$TARGET" ;;
*.gz)	gzip -dc "$TARGET" ;;
*)	cat "$TARGET" ;;
esac > "$tmp/bcache.ko"

result() {
	if [ "$1" = 0 ]; then
		echo "ok - $2"
	else
		echo "not ok - $2"
		failed=1
	fi
}

skip() {
	echo "ok - $1 # SKIP $2"
}

# want VETTED: write the want file from stdin, after the lines "target" and "vetted"
want() {
	{
		printf 'target bcache\nvetted %s\n' "$1"
		cat
	} > "$tmp/test.want"
}

run() {
	# shellcheck disable=SC2086
	"$BTF_WANT" --kver "$KVER" --target "$TARGET" ${base:+--base "$base"} $flags \
		-o "$tmp/out/out.h" "$tmp/test.want" 2> "$tmp/err"
}

# refuse NAME SENTENCE: btf-want exits with 1, prints one line that matches SENTENCE, and
# leaves no file behind
refuse() {
	run
	rc=$?
	[ "$rc" = 1 ] && [ "$(wc -l < "$tmp/err")" = 1 ] &&
		grep -qF "btf-want: $KVER: $(basename "$TARGET"): " "$tmp/err" &&
		grep -q "$2" "$tmp/err" && [ -z "$(ls "$tmp/out")" ]
	ok=$?
	result $ok "$1"
	sed 's/^/# /' "$tmp/err"
	[ $ok = 0 ] || echo "# exit $rc, wanted: $2, left: $(ls "$tmp/out")"
	rm -f "$tmp"/out/*
}

# compile NAME: the header compiles with the kernel's own flags, without a warning
compile() {
	if [ ! -d "$KDIR" ]; then
		skip "$1" "no headers in $KDIR"
		return
	fi
	rm -rf "$tmp/mod"
	mkdir "$tmp/mod"
	cp "$tmp/out/out.h" "$tmp/mod"
	echo 'obj-m := t.o' > "$tmp/mod/Kbuild"
	cat > "$tmp/mod/t.c"
	make -s -C "$KDIR" "M=$tmp/mod" W=1 modules > "$tmp/log" 2>&1 &&
		! grep -E '(error|warning): ' "$tmp/log"
	ok=$?
	result $ok "$1"
	[ $ok = 0 ] || sed 's/^/# /' "$tmp/log"
}

# shellcheck disable=SC2153
base=$BASE
flags=

# $number, unless KVER is a kernel that follows no stable series
want none </dev/null
run
series=$(sed -n 's/.*kernel series \([^ ]*\) is not vetted.*/\1/p' "$tmp/err")

# ---- missing and changed types ----

want "$series" <<'EOF'
struct journal_nonesuch { int seq; };
EOF
refuse "missing struct" "test.want:3: there is no struct journal_nonesuch$"

want "$series" <<'EOF'
struct journal {
	spinlock_t lock;
	unsigned int blocks_fre;
};
EOF
refuse "missing member" "test.want:5: struct journal has no member 'blocks_fre'$"

want "$series" <<'EOF'
struct journal { struct { size_t front; size_t fronts; } pin; };
EOF
refuse "missing member of an anonymous struct" "struct journal has no member 'pin.fronts'$"

want "$series" <<'EOF'
struct journal { u32 seq; };
EOF
refuse "changed type" "member 'seq' of struct journal is 'uint64_t', not 'u32'$"

want "$series" <<'EOF'
struct journal { s64 seq; };
EOF
refuse "changed sign" "member 'seq' of struct journal is 'uint64_t', not 's64'$"

want "$series" <<'EOF'
struct journal { struct journal_write w; };
EOF
refuse "an array taken for one" "member 'w' of struct journal has the dimension \[2\], not none$"

want "$series" <<'EOF'
struct journal { struct journal_write w[3]; };
EOF
refuse "wrong array dimension" "member 'w' of struct journal has the dimension \[2\], not \[3\]$"

want "$series" <<'EOF'
struct journal { u64 seq[2]; };
EOF
refuse "no array" "member 'seq' of struct journal is not an array$"

want "$series" <<'EOF'
struct cache_set { unsigned int verify; };
EOF
refuse "unnoticed bitfield" "member 'verify' of struct cache_set is a bitfield of width 1$"

want "$series" <<'EOF'
struct cache_set { unsigned int verify:2; };
EOF
refuse "wrong bitfield" "bitfield 'verify' of struct cache_set has width 1, not 2$"

want "$series" <<'EOF'
enum btree_flags { BTREE_NODE_dirty, BTREE_NODE_nonesuch };
EOF
refuse "missing enumerator" "enum btree_flags has no 'BTREE_NODE_nonesuch'$"

want "$series" <<'EOF'
enum { ON_ERROR_NONESUCH };
EOF
refuse "missing anonymous enumerator" "no anonymous enum has 'ON_ERROR_NONESUCH'$"

# ---- unavailable functions ----

want "$series" <<'EOF'
hook bch_journal_nonesuch;
EOF
refuse "hook without a symbol" "function 'bch_journal_nonesuch' has no symbol"

want "$series" <<'EOF'
data bch_nonesuch_wq "struct workqueue_struct *";
EOF
refuse "data without a symbol" "variable 'bch_nonesuch_wq' has no symbol"

want "$series" <<'EOF'
func bch_journal_wq;
EOF
refuse "data taken for a function" "function 'bch_journal_wq' is not a function$"

want "$series" <<'EOF'
hook bcache_init;
EOF
refuse "hook in .init.text" "function 'bcache_init' is in .init.text, which does not stay in memory$"

nm "$tmp/bcache.ko" | awk '$2 ~ /^[tT]$/ { print $3 }' | sort > "$tmp/functions"
twice=$(uniq -d "$tmp/functions" | grep -v '^__\|\.' | head -n 1)
if [ "$twice" ]; then
	echo "hook $twice;" | want "$series"
	refuse "hook that is not unique" \
		"function '$twice' is not unique: there are [0-9]* symbols of that name$"
else
	skip "hook that is not unique" "all functions of this bcache.ko are"
fi

clone=$(grep '\.\(isra\|part\|constprop\)\.[0-9]*$' "$tmp/functions" | while read -r f; do
	grep -qxF "${f%%.*}" "$tmp/functions" || echo "$f"
done | head -n 1)
if [ "$clone" ]; then
	echo "hook ${clone%%.*};" | want "$series"
	refuse "hook that is only a clone" \
		"function '${clone%%.*}' has no symbol but '${clone%%.*}\.[a-z]*\.[0-9]*', "
else
	skip "hook that is only a clone" "this bcache.ko has none"
fi

# ---- the kernel and its BTF ----

want "4.4 4.9" < /dev/null
refuse "unvetted kernel" "kernel series $series is not vetted for bcache (vetted: 4.4, 4.9); .* --allow-unvetted$"

sed -i 's/^target .*/target bcachefs/' "$tmp/test.want"
flags=--allow-unvetted
refuse "another module" "test.want:1: this is module 'bcache', not 'bcachefs'$"
flags=

want "$series" < /dev/null
right=$KVER
KVER=$series.999-none
refuse "a module of another kernel" "this module was built for kernel $right$"
KVER=$right

# built_for RELEASE MODEL: copy the module, with the vermagic of another kernel
built_for()
{
	objcopy --dump-section .modinfo="$tmp/modinfo" "$tmp/bcache.ko" "$tmp/copy" &&
		sed -z "s/^vermagic=[^ ]* SMP [a-z_]* */vermagic=$1 SMP $2 /" \
			"$tmp/modinfo" >"$tmp/modinfo.new" &&
		objcopy --update-section .modinfo="$tmp/modinfo.new" "$tmp/bcache.ko" "$TARGET"
}
stock=$TARGET TARGET=$tmp/other/bcache.ko
mkdir "$tmp/other"
built_for "$right" preempt_rt
refuse "a kernel with PREEMPT_RT" "kernel series $series-rt is not vetted for bcache .*"
KVER=$number.999-rt-amd64
built_for "$KVER" preempt_rt
refuse "one that says so in its release, too" "kernel series $number-rt is not vetted for bcache .*"
for base in "$base" "$KDIR/vmlinux" "/boot/vmlinuz-$right"; do
	[ ! -r "$base" ] || break
done

want "6.1 6.12 7.3 $number" <<EOF
const NUMBER? 601 on 6.1
const NUMBER? 612 on 6.12
const NUMBER? 703 on 7.3
EOF
for KVER in "$number.999-rt-amd64" 6.12.5 6.12 7.3-rc4 6.12.118-debug \
	6.12.118+deb13-amd64 6.12.118+deb13-cloud-amd64 6.12.43+deb12-amd64 6.12.9+bpo-amd64 \
	6.12.25-amd64 6.1.0-57-amd64 6.1.0-57-cloud-amd64 6.1.0-57-rt-amd64 \
	6.12.74+deb13+1-amd64 6.12.90+deb13.1-amd64 6.12.74+deb12+1-rt-amd64 \
	6.1.0-0.deb11.28-amd64 6.12.5-arch1-1 6.12.5-1-default 6.12.5-200.fc41.x86_64; do
	built_for "$KVER" preempt
	run
	result $? "$KVER is of a stable series, and not PREEMPT_RT"
	sed 's/^/# /' "$tmp/err"
	rm -f "$tmp"/out/*
done
for KVER in 6.12.0-55.el10.x86_64 6.12.0-55.9.1.el10_0.x86_64 6.12.0-45-generic \
	6.1.0-1014-oem 6.12.8-4-pve 6.12.0-160000.5-default 6.12.0-1-default \
	6.12.21-150400.24.100-default 6.12.18-22-default 6.12.0-100.28.2.el10uek.x86_64 \
	6.1.102-108.177.amzn2023.x86_64 6.12.5-1.el9.elrepo.x86_64 6.12.0-65.fc42.x86_64 \
	6.12.5-1-liquorix-amd64 6.12.5-204.bazzite.fc41.x86_64 6.12.5+ 6.12.5-custom; do
	built_for "$KVER" preempt
	refuse "$KVER may have newer drivers" "kernel series $KVER is not vetted for bcache .*"
done
KVER=6.12.0-55.el10.x86_64 flags=--allow-unvetted
built_for "$KVER" preempt
run && grep -q '^#define NUMBER 612$' "$tmp/out/out.h"
result $? "--allow-unvetted takes the constants of 6.12 for $KVER"
rm -f "$tmp"/out/*
flags='' KVER=$right TARGET=$stock

base=$WRONG_BASE
if [ -z "$base" ] && [ -r "${BASE:-$KDIR/vmlinux}" ] &&
   objcopy --dump-section .BTF="$tmp/base.btf" "${BASE:-$KDIR/vmlinux}" "$tmp/copy" 2>/dev/null &&
   [ -s "$tmp/base.btf" ]; then
	# the same types with an additional string, which shifts everything behind it
	base=$tmp/base.btf
	len=$(($(od -An -tu4 -j20 -N4 "$base") + 1))
	printf '\0' >> "$base"
	# shellcheck disable=SC2059
	printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $((len & 255)) $((len >> 8 & 255)) \
		$((len >> 16 & 255)) $((len >> 24)))" |
		dd of="$base" bs=1 seek=20 conv=notrunc 2>/dev/null
fi
if [ "$base" ]; then
	want "$series" < /dev/null
	refuse "wrong base BTF" "is not the base of its BTF: "
else
	skip "wrong base BTF" "set WRONG_BASE"
fi
base=$tmp/bcache.ko
refuse "a base that is no kernel's" "the BTF of .* can't be read: \|is not the base of its BTF: "
base=$tmp/nonesuch
refuse "a base that isn't there" "the base BTF .* can't be opened: "
# shellcheck disable=SC2153
base=$BASE

# ---- the want file itself ----

want "$series" <<'EOF'
struct journal { u64 seq }
EOF
refuse "broken member" "test.want:3: "

want "$series" <<'EOF'
structure journal { u64 seq; };
EOF
refuse "unknown statement" "test.want:3: 'structure' does not begin a statement$"

want "$series 4.4" <<EOF
const JSET_BITS 3 on $series
EOF
refuse "constant without a value" "test.want:3: constant 'JSET_BITS' has no value on 4.4$"

want "$series" <<'EOF'
const JSET_BITS 3
const JSET_BITS 4
EOF
refuse "constant with two values" "test.want:3: constant 'JSET_BITS' has 2 values on $series$"

want "$series" <<'EOF'
hook bch_journal;
unhooked bch_btree_insert calls bch_journal_meta "it only looks";
EOF
refuse "a call past what is no hook" "test.want:4: there is no hook 'bch_journal_meta'$"

want "$series" <<'EOF'
hook bch_journal;
unhooked bch_btree_insert calls bch_journal;
EOF
refuse "a call past a hook without a reason" \
	"test.want:4: the reason for 'bch_btree_insert' is expected in quotes$"

want "$series" <<'EOF'
hook bch_journal;
unhooked bch_journal calls bch_journal "it is itself";
EOF
refuse "a call past a hook from a hook" "test.want:4: 'bch_journal' is a hook itself$"

# ---- the output ----

want "$series" <<EOF
const JSET_BITS 3
const ELSEWHERE? 1 on $series	# comment
include <linux/workqueue.h>
include <linux/mutex.h>
struct bio from <linux/bio.h>;
struct work_struct from <linux/workqueue.h> { work_func_t func; };
struct closure from <linux/closure.h>? {
	closure_fn *fn;
	struct work_struct work;
	struct closure *parent;
	atomic_t remaining;
};
struct bkey { u64 high; uint64_t low; unsigned long long ptr[]; };
struct keylist { struct bkey *keys; u64 *keys_p; struct bkey *top; };
struct cache_set {
	struct closure cl;
	struct cache *cache;
	struct mutex bucket_lock;
	struct journal journal;
	unsigned int verify:1;
	unsigned int nonesuch?:1;
};
struct journal {
	spinlock_t lock;
	struct closure io;
	u64 seq;
	struct { size_t front; size_t mask; atomic_t *data; u8 nonesuch?; } pin;
	u64 key_pad[8];
	struct journal_write w[];
	struct journal_write *cur;
	bool nonesuch?;
};
struct journal_write { struct jset *data; bool dirty?; };
struct nonesuch? { int x; };
enum btree_flags { BTREE_NODE_dirty, BTREE_NODE_write_idx?, BTREE_NODE_nonesuch? };
enum { ON_ERROR_UNREGISTER };
hook bch_journal;
hook bch_journal_meta?;
hook bch_journal_nonesuch?;
hook bch_journal_next? on 4.4;
unhooked bch_data_insert calls bch_journal "it only looks";
func bch_btree_insert;
func bch_cache_set_error;
data bch_journal_wq "struct workqueue_struct *";
data bch_register_lock "struct mutex";
data bch_nonesuch? "int";
EOF
run
result $? "a header with everything that exists"
sed 's/^/# /' "$tmp/err"

[ "$(ls "$tmp/out")" = out.h ]
result $? "no other file is left"

grep -q '^#define HAVE_HOOK_BCH_JOURNAL_META 1$' "$tmp/out/out.h" &&
	grep -q '^#define HAVE_FUNC_BCH_JOURNAL_META 1$' "$tmp/out/out.h" &&
	grep -q '^#define HAVE_JOURNAL_WRITE_DIRTY 1$' "$tmp/out/out.h" &&
	grep -q '^#define HAVE_BTREE_NODE_WRITE_IDX 1$' "$tmp/out/out.h" &&
	! grep -qi 'nonesuch\|bch_journal_next' "$tmp/out/out.h"
result $? "HAVE_ for optional items that exist"

# The address after the first nop or call of five bytes, according to the disassembler.
body=$(objdump -dr --disassemble=bch_journal "$tmp/bcache.ko" | awk '
	/^[0-9a-f]+ <bch_journal>:/ { from = $1; next }
	site && /^ +[0-9a-f]+:\t[0-9a-f][0-9a-f] / { sub(":", "", $1); print from, $1; exit }
	from && (/\t0f 1f 44 00 00 / || /\te8 00 00 00 00 /) { site = 1 }' |
	while read -r from to; do echo $((0x$to - 0x$from)); done)
[ "$body" ] && [ "$(grep -c '^#define OUTRIGGER_BODY_' "$tmp/out/out.h")" = 2 ] &&
	grep -qx "#define OUTRIGGER_BODY_bch_journal $body" "$tmp/out/out.h" &&
	grep -q "{ \"bch_journal\", .*, $body }," "$tmp/out/out.h"
result $? "OUTRIGGER_BODY_ of each hook that exists is the address after its ftrace site"

cp "$tmp/out/out.h" "$tmp/first.h"
run && cmp -s "$tmp/out/out.h" "$tmp/first.h"
result $? "a second run writes the same header"

compile "the header compiles with the kernel's headers at W=1" <<'EOF'
#include <linux/module.h>
#include <linux/ftrace.h>
#include "out.h"

static const struct { const char *name; u32 offset, size, body; } places[] = { OUTRIGGER_PLACES };
static_assert(ARRAY_SIZE(places) == 2);
static_assert(OUTRIGGER_BODY_bch_journal >= 5 && OUTRIGGER_BODY_bch_journal_meta >= 5);

static int __init t_init(void)
{
	struct cache_set *c = NULL;

	mutex_lock(&bch_register_lock);
	cache_set_set_verify(c, !cache_set_verify(c));
	queue_work(bch_journal_wq, &c->journal.io.work);
	bch_cache_set_error(c, "%s %d %s", places[0].name, JSET_BITS + BTREE_NODE_dirty,
			    OUTRIGGER_TARGET OUTRIGGER_TARGET_KVER);
	bch_journal_meta(c, &c->cl);
	mutex_unlock(&bch_register_lock);
	return bch_btree_insert(c, NULL, c->journal.pin.data, (struct bkey *)c->journal.key_pad) +
	       c->journal.w[1].dirty;
}
module_init(t_init);
MODULE_DESCRIPTION("test of btf-want");
MODULE_LICENSE("GPL");
EOF

rm -f "$tmp"/out/*
want 4.4 <<'EOF'
const OLD 1
EOF
flags=--allow-unvetted
run && grep -q '^#define OLD 1$' "$tmp/out/out.h"
result $? "--allow-unvetted accepts an unvetted kernel"

exit $failed
