# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: discarded-start
# about: a set whose first needed journal buckets were discarded before the crash registers
# disks: 192M 192M 192M 192M
# timeout: 600
# kernels: all
# short: bookworm
# boots: 2
# udev: no

. /job/lib.sh

# gap DISCARD N: zero the first N needed buckets, and set the superblock's discard flag
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
	trial whole "discard enabled" gap 1 0
	trial whole "discard enabled, one bucket missing" gap 1 1
	logged 'discard' || wrong "the log does not mention discard"
	trial whole "discard enabled, two buckets missing" gap 1 2
	trial refused:entry "discard disabled, one bucket missing" gap 0 1
	trial refused:entry "discard disabled, two buckets missing" gap 0 2

	say "discard enabled, but the damage is no discarded bucket"
	journal super "$(disk 1)" discard=1
	trial refused "first entry of the second needed bucket" \
		journal damage /dev/mapper/cache oldest+1 0 csum
	trial refused:entry "the second needed bucket" \
		journal damage /dev/mapper/cache oldest+1 0 bucket
	trials_done
	;;
esac
