#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests tests/vet with the source of two made-up kernels.
set -u
vet=$(cd "$(dirname "$0")/.." && pwd)/vet
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
export OUTRIGGER_CACHE="$tmp/cache"
failed=0
old=$tmp/old new=$tmp/new want=$tmp/d.want

verdict() {	# 0-or-not WHAT
	[ "$1" = 0 ] && { echo "ok - $2"; return; }
	echo "not ok - $2"
	sed 's/^/# /' "$tmp/out"
	failed=1
}

# kernel DIR SERIES: make the source of that series
kernel() {
	rm -rf "$1"
	mkdir -p "$1/drivers/d" "$1/include/linux" "$1/drivers/e"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = 5\n' "${2%.*}" "${2#*.}" >"$1/Makefile"
	cat >"$1/drivers/d/d.c" <<-'END'
		// the driver
		#include "d.h"

		/* Adds. */
		static int add(int a, int b)
		{
			return a + b; /* a brace in a string: */ puts("} /*");
		}

		int hooked(struct thing *t)
		{
		#ifdef CONFIG_A
			if (t) {
		#else
			if (!t) {
		#endif
				return add(t->a, 1);
			}
			return 0;
		}
		EXPORT_SYMBOL(hooked);
	END
	cat >"$1/drivers/e/e.c" <<-'END'
		int caller(struct thing *t)
		{
			return hooked(t) + 1;
		}

		int other(struct thing *t)
		{
			return t->a + 1;
		}
		late_initcall(other)

		#ifdef CONFIG_B
		DATA(wanted_data)
		#endif
	END
	cat >"$1/include/linux/thing.h" <<-'END'
		#ifndef _LINUX_THING_H
		#define _LINUX_THING_H
		#define SIZE_OF_THING 4
		#define OTHER_SIZE \
			5
		struct thing {
			int a;
		};
		enum { FIRST_THING, NO_THING };
		#endif
	END
}

cat >"$want" <<'END'
target d
vetted 6.12 7.3
read drivers/d	# all of it
skim drivers/e missing.c?
const SIZE_OF_THING 4
include <linux/thing.h>
struct thing from <linux/thing.h> {
	int a;
};
enum { FIRST_THING };
data wanted_data "int";
hook hooked;
END

compare() {	# STATUS
	"$vet" --old "$old" "$new" "$want" >"$tmp/out" 2>&1
	[ $? = "$1" ]
}

fresh() {
	kernel "$old" 7.3
	kernel "$new" 7.2
}

# shows WHAT FILE SED-SCRIPT REGEXP [NOT]: a change is shown, and no line that matches NOT
shows() {
	fresh
	sed -i "$3" "$new/$2"
	! cmp -s "$old/$2" "$new/$2" && compare 1 && grep -qE "$4" "$tmp/out" &&
		! grep -qE "${5:-^$}" "$tmp/out"
	verdict $? "$1 is shown"
}

# hides WHAT FILE SED-SCRIPT
hides() {
	fresh
	sed -i "$3" "$new/$2"
	! cmp -s "$old/$2" "$new/$2" && compare 0 && grep -q '^d: 7.2.5 does not differ from 7.3.5' "$tmp/out"
	verdict $? "$1 is not shown"
}

fresh
compare 0
verdict $? "the same source needs no reading"
hides "a comment" drivers/d/d.c 's/Adds/Sums up/; s/the driver/our driver/'
hides "white space" drivers/d/d.c 's/int add(int a, int b)/int add(int a,\n\t\t\tint b)/; s/a + b;/a +  b;/'
hides "a header to include" drivers/d/d.c '/#include/d'
hides "code that does not use the driver" drivers/e/e.c 's/a + 1/a + 2/'
hides "another constant" include/linux/thing.h 's/^5/6/'
shows "a function in the driver" drivers/d/d.c 's/a + b/a - b/' '^\+.*return a - b' 'hooked'
shows "text behind a comment in a string" drivers/d/d.c 's/"} /"{ /' '^\+.*return a \+ b' 'hooked'
shows "an end of a function" drivers/d/d.c 's/return 0/return 1/' '^\+.*return 1' 'int add'
shows "a caller" drivers/e/e.c 's/+ 1/+ 2/' '^\+.*hooked\(t\) \+ 2' 'int other'
shows "a struct" include/linux/thing.h 's/int a;/long a;/' '^\+.*long a;' 'SIZE'
shows "an enumerator" include/linux/thing.h 's/NO_THING/OF_ALL, &/' '^\+enum.*OF_ALL'
shows "a constant" include/linux/thing.h 's/THING 4/THING 8/' '^\+#define SIZE_OF_THING 8'
shows "a lost function" drivers/d/d.c '/^static int add/,/^}/d' '^-static int add'
shows "another condition" drivers/e/e.c 's/CONFIG_B/CONFIG_C/' '^\+#ifdef CONFIG_C'
shows "a new condition" drivers/d/d.c 's/^static int add/#ifdef CONFIG_C\n&/; $a#endif' '^\+#ifdef CONFIG_C'

fresh
mv "$new/drivers/d/d.c" "$new/drivers/d/moved.c"
compare 0
verdict $? "a moved function is not shown"
fresh
echo 'int gone(void);' >"$new/drivers/d/more.c"
compare 1 && grep -q '^+int gone' "$tmp/out"
verdict $? "a new file is shown"

mkdir -p "$tmp/linux-x"
fresh
sed -i 's/a + b/a - b/' "$new/drivers/d/d.c"
cp -r "$new"/* "$tmp/linux-x"
mkdir "$tmp/linux-x/drivers/md"
mv "$tmp/linux-x/drivers/d" "$tmp/linux-x/drivers/md/d"
sed 's|drivers/d|drivers/md/d|; s|drivers/e|kernel?|' "$want" >"$tmp/md.want"
cp -r "$old/drivers/d" "$tmp/d"
mkdir "$old/drivers/md"
mv "$tmp/d" "$old/drivers/md/d"
tar -C "$tmp" -cf "$tmp/linux-x.tar" linux-x
"$vet" --old "$old" "$tmp/linux-x.tar" "$tmp/md.want" >"$tmp/out" 2>&1
[ $? = 1 ] && grep -q '^+.*return a - b' "$tmp/out"
verdict $? "a tar file is unpacked"

fresh
for s in 6.12 7.3; do
	kernel "$tmp/cache/source-$s" $s
done
for pair in 6.14:6.12 7.0:7.3 7.3:7.3 7.4:7.3 6.1:6.12; do
	kernel "$new" "${pair%:*}"
	"$vet" "$new" "$want" >"$tmp/out" 2>&1 &&
		grep -q "^d: ${pair%:*}.5 does not differ from ${pair#*:}.5 " "$tmp/out"
	verdict $? "${pair%:*} is compared with ${pair#*:}"
done

kernel "$old" 7.1
compare 2 && grep -q 'd: 7.1.5 is not vetted' "$tmp/out"
verdict $? "a series that is not vetted is refused"
fresh
rm -r "$old/drivers/e" "$new/drivers/e"
compare 2 && grep -q 'neither source has drivers/e' "$tmp/out"
verdict $? "a missing path is refused"
rm "$new/Makefile"
compare 2 && grep -q 'is not the source of a kernel' "$tmp/out"
verdict $? "a directory without a kernel is refused"

exit $failed
