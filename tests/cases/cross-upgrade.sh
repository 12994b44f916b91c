# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: cross-upgrade
# about: crash with discard enabled, then boot a newer kernel whose bcache has no discard
# disks: 192M 192M 192M 192M
# timeout: 600
# kernels: trixie forky trixie-backports
# short: none
# boots: 2
# on: bookworm -
# udev: no

. /job/lib.sh

case $BOOT in
1)
	be ours
	make_set --writeback --bucket 32k
	echo 1 >"/sys/block/$(basename "$(disk 1)")/bcache/discard" || fail "no discard"
	idle_range
	crash_now
	;;
2)
	modprobe bcache
	modprobe dm_snapshot
	journal list "$(disk 1)" | grep '^#'
	journal list "$(disk 1)" | grep -q 'flags 0x3' || fail "discard is not in the superblock"
	attach
	trial whole "nothing"
	trial whole "the first needed bucket was discarded" \
		journal damage /dev/mapper/cache oldest 0 bucket
	trials_done
	;;
esac
