#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The source as "make dkms-install" installs it, one without META, and a kernel without
# livepatch.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0

verdict() {	# 0-or-not WHAT
	[ "$1" = 0 ] && { echo "ok - $2"; return; }
	echo "not ok - $2"
	sed 's/^/# /' "$tmp/out"
	failed=1
}

install_source() {	# TREE
	make -s -C "$1" dkms-source DESTDIR="$tmp/root" >"$tmp/out" 2>&1
}

version=$(sed -n 's/^Version: *//p' "$top/META")
dir=$tmp/root/usr/src/outrigger-$version
install_source "$top"
verdict $? "the source is installed"
(cd "$dir" && find . -type f | sort) >"$tmp/once"
touch "$dir/tools/ko.c"	# make would prefer it to lib/ko.c
install_source "$top" && (cd "$dir" && find . -type f | sort) | diff "$tmp/once" - >"$tmp/out"
verdict $? "no file of an older version stays"

cp -r "$top/packaging" "$dir"
install_source "$dir" && [ -e "$dir/packaging/build" ] && [ -e "$dir/META" ]
verdict $? "a source tree that is in that place already stays as it is"

# Without btf-want, all modules fit that have a driver.
mkdir -p "$tmp/kdir/include/config"
touch "$tmp/kdir/Makefile" "$tmp/bcache.ko"
on_kernel() {	# LIVEPATCH TARGET: the option's line in the kernel's configuration
	echo "$1" >"$tmp/kdir/include/config/auto.conf"
	make -s -C "$dir" "$2" TOOLDIR=/nonexistent KVER=9.9.9 KDIR="$tmp/kdir" \
		BCACHE_KO="$tmp/bcache.ko" XE_KO= VMLINUX_BTF="$tmp/bcache.ko" \
		>"$tmp/fit" 2>"$tmp/out"
}
on_kernel CONFIG_LIVEPATCH=y fitting && [ "$(cat "$tmp/fit")" = bcache-journal ] &&
	[ ! -s "$tmp/out" ]
verdict $? "a kernel with livepatch: bcache-journal fits"
why="built without CONFIG_LIVEPATCH, which the modules need"
on_kernel CONFIG_LIVEPATCH_WO_FTRACE=y fitting && [ ! -s "$tmp/fit" ] &&
	echo "outrigger: bcache-journal is left out: 9.9.9: the kernel was $why" |
	diff - "$tmp/out"
verdict $? "a kernel without: left out, in one line that says why"
! on_kernel CONFIG_LIVEPATCH_WO_FTRACE=y .kernel &&
	grep -qx "outrigger: kernel 9.9.9 was $why" "$tmp/out"
verdict $? "a kernel without: make fails, and says why"

tree=$tmp/tree
mkdir -p "$tree"
cp -r "$top/Makefile" "$top/Kbuild" "$top/dkms.conf" "$top/META" "$top/packaging" "$top/ctl" "$tree"
mkdir "$tree/tools"
cp -r "$top/tools/dump" "$tree/tools"
sed -i /^Version/d "$tree/META"
for state in "no version" "no META"; do
	refused() {	# WHAT COMMAND...
		what=$1
		shift
		! "$@" >"$tmp/out" 2>&1 && grep -q 'outrigger: META .* version' "$tmp/out"
		verdict $? "$state: $what fails, and says why"
	}
	refused "make" make -C "$tree" fitting
	refused "kbuild" make -f "$tree/Kbuild" src="$tree" OUTRIGGER_MODULES=
	refused "outriggerctl's make" make -C "$tree/ctl" -n
	refused "bcache-journal-dump's make" make -C "$tree/tools/dump" -n
	refused "making a package" "$tree/packaging/build" source
	# an excluded kernel would pass in silence
	[ "$(cd "$tree" && dkms_tree=$tmp/dkms kernelver=1.2.3 bash -c '. ./dkms.conf
		echo $AUTOINSTALL ${BUILT_MODULE_NAME[*]} $BUILD_EXCLUSIVE_KERNEL' 2>"$tmp/out")" = \
		"yes bcache-journal xe-pagefault" ] && grep -q 'outrigger: META .* version' "$tmp/out"
	verdict $? "$state: DKMS excludes nothing, so that the build fails"
	rm -f "$tree/META"
done
exit $failed
