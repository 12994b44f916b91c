# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: cross-kernel
# about: dirty journals from every kernel, stock or attached, with and without discard: all recover
# disks: 3G 3G 256M 256M
# timeout: 600
# kernels: all
# short: none
# boots: 9
# on: bookworm bookworm trixie trixie forky forky trixie-backports trixie-backports -
# stock: 1 3 5 7
# udev: no

. /job/lib.sh

MB=160

# set_of N: set $ORIGINS to the devices of the N-th set
set_of()
{
	local disk

	ORIGINS=
	for disk in 1 2; do
		dmsetup create "set$1-$disk" \
			--table "0 $((MB * 2048)) linear $(disk $disk) $(($1 * MB * 2048))" ||
			fail dmsetup
		ORIGINS+="/dev/mapper/set$1-$disk "
	done
	dmsetup mknodes
}

make_dirty()	# N DISCARD
{
	local cache backing minor=$(($1 % 2)) pid

	set_of "$1"
	read -r cache backing <<<"$ORIGINS"
	wipefs -qa "$cache" "$backing"
	make-bcache --writeback --bucket 128k -C "$cache" -B "$backing" >/dev/null ||
		fail "make-bcache"
	register "$cache" || fail "the cache does not register"
	[ "$2" = 0 ] || echo 1 2>/dev/null \
		>"/sys/block/$(dmsetup info -c --noheadings -o blkdevname "$cache")/bcache/discard" ||
		say "this kernel has no discard"
	register "$backing"
	wait_for 60 test -b "/dev/bcache$minor" -a -e "/sys/block/bcache$minor/bcache/cache" ||
		fail "the set did not register"
	say "set $1: by $(side), on $(uname -r), discard $2"
	/job/ackwrite write "/dev/bcache$minor" 1000000 "set$1" >&3 &
	pid=$!
	sleep 15
	wait_for 120 blocks_written "bcache$minor" 200 || fail "hardly any writes"
	kill -0 $pid || fail "the writers died"
}

modprobe dm_mod
modprobe bcache
case $BOOT in
[1-8])
	[ $((BOOT % 2)) = 1 ] || attach # without udev, which would register the devices first
	make_dirty $((BOOT * 2 - 2)) 0
	make_dirty $((BOOT * 2 - 1)) 1
	crash_now
	;;
9)
	modprobe dm_snapshot
	for ((n = 0; n < 16; n++)); do
		set_of $n
		sed -n "s/^set$n //p" /job/acks >"/run/acks.$n"
		origins[n]=$ORIGINS
	done
	for side in stock ours; do
		[ $side = stock ] || attach
		for ((n = 0; n < 16; n++)); do
			# shellcheck disable=SC2034 # used by trial
			ORIGINS=${origins[n]} ACKS=/run/acks.$n
			journal list "${ORIGINS%% *}" | grep '^# [bn][le]'
			# stock 7.3 may reject a gap that a discard on an older kernel left
			[[ $side = stock && $(uname -r) = 7.* && $((n % 2)) = 1 ]] ||
				trial whole "set $n"
		done
	done
	trials_done
	;;
esac
