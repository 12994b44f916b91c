# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: discarded-start
# about: a set whose first needed journal buckets were discarded before the crash registers
# disks: 192M 192M 192M 192M
# timeout: 600
# kernels: all
# short: bookworm trixie-backports
# boots: 2
# udev: no

. /job/lib.sh

# gap DISCARD N: zero the first N needed buckets; the superblock says whether discard was on
gap()
{
	local n

	for ((n = $2 - 1; n >= 0; n--)); do
		# trial() reads the last line printed, the one for the first bucket
		journal damage /dev/mapper/cache "oldest+$n" 0 bucket
	done | tail -n 1
	journal super /dev/mapper/cache discard="$1"
}

case $BOOT in
1)
	be ours
	make_set --writeback --bucket 32k
	idle_range
	crash_now
	;;
2)
	after_crash long_range
	# No stock trial: stock 6.1 and 6.12 accept the gap only on a device that supports
	# discard now, which these snapshots do not.
	attach
	trial whole "nothing"
	trial whole "discard was on" gap 1 0
	trial whole "discard was on, a bucket is gone" gap 1 1
	logged 'discard' || wrong "no word of discard"
	trial whole "discard was on, two buckets are gone" gap 1 2
	trial refused:entry "discard was off, a bucket is gone" gap 0 1
	trial refused:entry "discard was off, two buckets are gone" gap 0 2

	say "discard was on, but that is no bucket that was discarded"
	journal super "$(disk 1)" discard=1
	trial refused "the oldest entry that is needed" \
		journal damage /dev/mapper/cache oldest+1 0 csum
	trial refused:entry "a bucket in the middle" \
		journal damage /dev/mapper/cache oldest+1 0 bucket
	trials_done
	;;
esac
