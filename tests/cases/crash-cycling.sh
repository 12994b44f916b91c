# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-cycling
# about: crash while attaching and detaching; stock recovers and crashes; the module recovers
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: none
# boots: 3
# stock: 2
# udev: no

. /job/lib.sh

case $BOOT in
1)
	be stock
	make_set --writeback
	ack_start
	(
		ack_for $((10 + RANDOM % 10))
		crash_now
	) &
	while :; do
		attach
		detach
	done
	;;
2)
	be stock
	register_set
	ack_verify
	ack_start
	ack_for 10
	crash_now
	;;
3)
	be ours
	register_set
	ack_verify
	detach
	ack_verify
	stop_set
	;;
esac
