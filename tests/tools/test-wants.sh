#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests btf-want with the want file of each module and its stock driver: the file is
# accepted, and refused after any change that the driver does not meet. What it finds is
# what docs/adding-a-kernel.md says about the kernel's series.
#
#   BTF_WANT    the tool (default: tools/btf-want)
#   KVER        kernel release (default: the running one)
#   BASE        its BTF (default: btf-want looks for it)
#   WRONG_BASE  another kernel's BTF

top=$(cd "$(dirname "$0")/../.." && pwd)
KVER=${KVER:-$(uname -r)}
BTF_WANT=${BTF_WANT:-$top/tools/btf-want}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0 tried=0

verdict() {	# 0-or-not WHAT
	[ "$1" = 0 ] && { echo "ok - $2"; return; }
	echo "not ok - $2"
	sed 's/^/# /' "$tmp/err"
	failed=1
}

run() {
	rm -f "$tmp/out.h"
	# shellcheck disable=SC2086
	"$BTF_WANT" --kver "$KVER" --target "$target" ${base:+--base "$base"} -o "$tmp/out.h" \
		"$tmp/$name" >"$tmp/err" 2>&1
}

refused() {	# SED-SCRIPT SENTENCE: the edited want file is refused with SENTENCE
	sed "$1" "$want" >"$tmp/$name"
	! run && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -q "$2" "$tmp/err" && [ ! -e "$tmp/out.h" ]
	verdict $? "$name: $(grep -m 1 -o 'function .*\|struct .*\|enum .*\|variable .*\|kernel series .*\|[^ ]* is not the base.*' "$tmp/err")"
}

for want in "$top"/*/*.want; do
	name=$(basename "$want")
	driver=${name%.want}
	target=$(find "/lib/modules/$KVER/kernel" -name "$driver.ko*" 2>/dev/null | head -n 1)
	# shellcheck disable=SC2153
	base=$BASE
	if [ ! "$target" ]; then
		echo "ok - $name # SKIP there is no $driver.ko of $KVER here"
		continue
	fi
	# btf-want knows which series the kernel is of; test-btf-want.sh tests that
	none="s/^vetted .*/vetted 4.4/; s/ on [0-9. ]*//"
	sed "$none" "$want" >"$tmp/$name"
	run
	series=$(sed -n 's/.*kernel series \([^ ]*\) is not vetted.*/\1/p' "$tmp/err")
	if ! sed -n 's/^vetted //p' "$want" | tr ' ' '\n' | grep -qxF "$series"; then
		refused "" "kernel series $series is not vetted for $driver"
		continue
	fi
	tried=1
	cp "$want" "$tmp/$name"
	run
	verdict $? "$name: fits $(basename "$target") of $KVER"

	awk -F ' *[|] *' -v driver="$driver" -v series="$series" '
		$2 == "driver" { for (i = 5; i < NF; i++) if ($i == series) column = i }
		column && $2 == driver && $3 ~ /HAVE_/ { gsub("`", "", $3); print $3, $column }
	' "$top/docs/adding-a-kernel.md" >"$tmp/table"
	while read -r macro _; do
		grep -q "^#define $macro " "$tmp/out.h" && echo "$macro yes" || echo "$macro no"
	done <"$tmp/table" >"$tmp/found"
	[ -s "$tmp/table" ] && diff "$tmp/table" "$tmp/found" >"$tmp/err"
	verdict $? "$name: docs/adding-a-kernel.md says what $series has"

	refused "$none" "kernel series $series is not vetted for $driver"
	# rename the last item of each kind
	for kind in hook func data; do
		one=$(sed -n "s/^$kind \([a-z0-9_]*\)[; ].*/\1/p" "$want" | tail -n 1)
		refused "s/^$kind $one\>/&x/" "$name:[0-9]*: [a-z]* '${one}x' has no symbol"
	done
	one=$(sed -n 's/^struct \([a-z0-9_]*\) {$/\1/p' "$want" | tail -n 1)
	refused "/^struct $one {\$/a\\	int nonesuch;" \
		"$name:[0-9]*: struct $one has no member 'nonesuch'"
	one=$(sed -n 's/^enum \([a-z0-9_]*\) {.*/\1/p' "$want" | tail -n 1)
	refused "s/^enum $one {/& NONESUCH,/" "$name:[0-9]*: enum $one has no 'NONESUCH'"
	if [ "$WRONG_BASE" ]; then
		base=$WRONG_BASE
		refused "" "is not the base of its BTF"
	fi
done

[ $tried = 1 ] || exit 77
exit $failed
