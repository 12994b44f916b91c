# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: prio-error
# about: the priorities of buckets can't be written, of an old set and of a new one: it is released
# disks: 256M
# timeout: 300
# kernels: all
# short: none
# udev: no

. /job/lib.sh

size=131072 # sectors, of the cache: four buckets of priorities, 64 of the journal

# media bad|good: whether all writes fail but those to the superblock and the journal
media()
{
	dmsetup suspend --nolockfs --noflush small
	case $1 in
	good) echo "0 $size linear $(disk 1) 0" ;;
	bad)
		echo "0 1040 linear $(disk 1) 0"
		echo "1040 $((size - 1040)) flakey $(disk 1) 1040 0 1000 1 error_writes"
		;;
	esac | dmsetup load small || fail "dmsetup load"
	dmsetup resume small || fail "dmsetup resume"
}

# released WHAT: the set goes, and so do all users of the device
released()
{
	wait_for 90 sets_gone || fail "$1: the set stays"
	wait_for 60 closed small || fail "$1: the cache device is held"
	logged 'accessing priorities' || fail "$1: no priorities were written"
	say "$1: $(dmesg | grep -F bcache | tail -n 3)"
	dmesg -C
}

# fails WHAT: register the set on bad media, which may succeed at first; then on good ones
fails()
{
	media bad
	dmesg -C
	register /dev/mapper/small && say "$1 registers at first"
	released "$1"
	media good
	register /dev/mapper/small || fail "$1 does not register again"
	stop_set
	wait_for 30 closed small || fail "the cache device is held"
}

modprobe dm_flakey || fail "no dm-flakey"
modprobe bcache || fail "no bcache"
attach
wipefs -qa "$(disk 1)"
dmsetup create small --table "0 $size linear $(disk 1) 0" || fail "dmsetup"
dmsetup mknodes small
make-bcache --bucket 8k --block 4k -C /dev/mapper/small >/dev/null || fail "make-bcache"
fails "a new set"
# It has no keys: replay would write nodes, which would fail first.
fails "an old set"
