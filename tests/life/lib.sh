# shellcheck shell=bash disable=SC2034,SC2120 # for the cases
# SPDX-License-Identifier: GPL-2.0
# Functions for cases. A case is a bash script that runs on the host and describes the life
# of one machine: it begins as MACHINE/root (see mkmachine), gets layers on top and disks made
# from these, and is booted. tests/life/run sets
#   SUITE     the Debian suite
#   MACHINE   the directory made by mkmachine
#   DEBS      a directory with the packages to test
#   RUN       the directory of this run
#   LONG      not empty with --long
#   BIN       the directory of the programs for guests
# A case ends at the first failure.

set -euo pipefail
# shellcheck source=../qemu/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../qemu/common.sh"

KVER=$(cat "$MACHINE/kver")		# the newest kernel of the suite
OLDER=$(cat "$MACHINE/older")		# an older one
layers=$MACHINE/root kver=$KVER boots=0
cd "$RUN"

fail()
{
	echo "FAIL: $*"
	exit 1
}

say()
{
	echo "== $*"
}

prelude=$(cat "$tests/life/guest/common.sh")'
fail()
{
	echo "FAIL: $*"
	exit 1
}
'
key="$MACHINE $prelude"	# identifies a layer: covers all of its inputs

# native [--online] <SCRIPT: run SCRIPT on the machine while it is switched off
native()
{
	{ echo "$prelude"; cat; } |
		"$tests/life/native" "$@" "$layers" "$RUN/upper" "$kver" "$DEBS" ||
		fail "the script failed on the machine" >&2	# the case may be reading stdout
}

# layer NAME [--online] <SCRIPT: like native, but save the changes as a layer, for all cases
# that begin with the same layers
layer()
{
	local name=$1 script dir

	shift
	script=$(cat)
	key=$(echo "$key $kver $script" | sha256sum | cut -c 1-16)
	dir=$MACHINE/layers/$name-$key
	hold "$dir"
	lock "$dir/lock"
	if [ ! -e "$dir/done" ]; then
		[ ! -e "$dir/upper" ] || namespace rm -rf "$dir/upper"
		echo "$prelude$script" | "$tests/life/native" "$@" "$layers" "$dir/upper" \
			"$kver" "$DEBS" >"$dir/log" 2>&1 || {
			tail -n 20 "$dir/log"
			fail "$name: $dir/log"
		}
		touch "$dir/done"
	fi
	unlock
	layers=$dir/upper:$layers
	layer_log=$dir/log
}

depends=$(for deb in "$DEBS"/*.deb; do
	dpkg-deb -f "$deb" Depends Recommends | sed 's/^[^:]*: //; s/, */\n/g'
done | sed 's/[ (|].*//; /^outrigger-/d' | sort -u | xargs)

# fetched: get everything that the packages and the kernels need into the machine's apt
# cache; from then on the machine is offline
fetched()
{
	layer fetched --online <<-END
		get="apt-get -y --download-only install"
		\$get $depends || {
			echo "the mirror has changed: run \"tests/life/run --update\""
			exit 1
		}
		\$get linux-image-$OLDER linux-headers-$OLDER
	END
}

# prepared: install the dependencies of the packages
prepared()
{
	fetched
	layer prepared <<<"apt-get -y install $depends; initramfs_make"
}

# older: give the machine the older kernel instead of the newest
older()
{
	layer older --online <<-END
		apt-get -y --download-only --reinstall install linux-image-amd64 linux-image-$KVER
		apt-get -y install linux-image-$OLDER linux-headers-$OLDER
		apt-get -y purge linux-image-amd64 linux-image-$KVER
	END
	kver=$OLDER
}

# installed: install the packages as a user does
installed()
{
	layer installed <<-END
		# $(cat "$DEBS"/*.deb | sha256sum)
		cd /tmp/${DEBS##*/}
		user apt -y install ./outrigger-*.deb
	END
}

# exists PATTERN: succeed if the machine has such a file
exists()
{
	native <<<"compgen -G '$1' || echo none" >exists
	! grep -qx none exists
}

# in_initramfs MODULE: succeed if the initramfs contains MODULE
in_initramfs()
{
	native <<<initramfs_list >initramfs.list
	grep "/${1//_/-}[.]ko" initramfs.list
}

# next_version: make the same packages with a higher version, in /job/next on the machine
next_version()
{
	local deb tree=$RUN/tree version next

	mkdir -p job/next
	for deb in "$DEBS"/*.deb; do
		version=$(dpkg-deb -f "$deb" Version) next=$version.1
		rm -rf "$tree"
		dpkg-deb -R "$deb" "$tree"
		rm "$tree/DEBIAN/md5sums"
		sed -i "s/\<${version//./[.]}\>/$next/g" "$tree"/DEBIAN/*
		if [ -e "$tree/usr/src" ]; then
			mv "$tree/usr/src/outrigger-$version" "$tree/usr/src/outrigger-$next"
			sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$next\"/" \
				"$tree/usr/src/outrigger-$next/dkms.conf"
			sed -i "s/^Version: .*/Version: $next/" "$tree/usr/src/outrigger-$next/META"
		fi
		dpkg-deb -b --root-owner-group "$tree" job/next >next.log
	done
}

# disks [bcache]: make disks from the current state of the machine; with "bcache", its root
# file system is on bcache
disks()
{
	mkdir -p upper
	"$tests/life/image" "$RUN/upper:$layers" "$RUN" "${1-}" >image.log 2>&1 ||
		fail "cannot make the disks: $RUN/image.log"
}

# boot [--kernel KVER] [--with PARAMETERS] [--crash] <SCRIPT: boot the machine and run SCRIPT
# on it, which can use tests/guest/lib.sh. With --crash, SCRIPT must end with crash_now.
boot()
{
	local kver='' with='' crash=0 status=0 wrong start=$SECONDS

	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) kver=$2; shift ;;
		--with) with=$2; shift ;;
		--crash) crash=1 ;;
		esac
		shift
	done
	boots=$((boots + 1))
	mkdir -p job
	cp "$tests"/life/guest/* "$BIN/ackwrite" job
	cp "$tests/guest/lib.sh" job/guest-lib.sh
	cp -r "$DEBS" job
	echo "export OUTRIGGER_BOOT=$boots" >job/env
	cat acks.* >job/acks 2>/dev/null || true
	{ echo ". /job/lib.sh"; cat; } >job/script
	setpriv --pdeathsig KILL "$tests/life/boot" "$RUN" "$boots" "${limit:-900}" "$kver" \
		"$with" >"qemu.$boots" 2>&1 || status=$?
	cat "output.$boots"
	wrong=$(judge . "$boots" "$status" Installed $((boots + crash)))
	[ ! "$wrong" ] || fail "boot $boots: $wrong"
	[ "$crash" = 0 ] || [ "$(tail -n 1 "result.$boots")" = crash ] ||
		fail "boot $boots: no crash"
	say "boot $boots: $((SECONDS - start)) s"
}

# root_on_bcache: boot the current machine with its root file system on bcache and the module
# in the initramfs, crash, and check that the module did the recovery
root_on_bcache()
{
	in_initramfs bcache-journal || fail "the module is not in the initramfs"
	disks bcache
	boot --crash <<-'END'
		root_is_ours
		file_start
		sleep 15
		ack_running
		crash_now
	END
	say "the module recovers in the initramfs"
	boot <<-'END'
		root_is_ours
		dmesg | grep -E 'bcache_journal: .*journal (read|replayed) in' ||
			fail "the module did not do the recovery"
		file_verify
	END
	kept_out 'file_verify'
}

# kept_out SCRIPT: with --long, check both ways to keep the machine on stock with the kernel
# command line; SCRIPT runs in each of these boots
kept_out()
{
	[ "$LONG" ] || return 0
	say "module_blacklist keeps the module out"
	boot --with module_blacklist=bcache_journal,xe_pagefault <<-END
		[ "\$(state)" = absent ] || fail "loaded"
		$1
	END
	say "off=1 keeps it inert"
	boot --with bcache_journal.off=1 <<-END
		state_is inert || fail "not inert"
		grep off=1 "\$SYS/reason" || fail "inert for another reason"
		status
		$1
	END
}
