# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: power-cut
# about: power cuts at random moments of writes and recovery; the disks lose what was not flushed
# disks: 256M 96M
# volatile: writeback
# timeout: 600
# kernels: all
# short: none
# boots: 6
# udev: no

. /job/lib.sh

# later N: cut the power after a random time of at most N seconds
later()
{
	sleep "$((RANDOM % $1)).$((RANDOM % 1000))"
	cut_power
}

be ours
if [ "$BOOT" = 1 ]; then
	# a small ring, so that it wraps around; the writers can't fill the cache
	make_set --writeback --bucket 64k
elif [ "$BOOT" -lt "$OUTRIGGER_BOOTS" ] && ((RANDOM % 4 == 0)); then
	later 2 &
	register_set
	stop_set
	wait
else
	register_set
	ack_verify
fi
if [ "$BOOT" = "$OUTRIGGER_BOOTS" ]; then
	fio_verify --offset=32M --size=8M
	stop_set
	exit
fi
no_bypass
ack_start
ack_for 1
later 10
