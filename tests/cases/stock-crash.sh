# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: stock-crash
# about: crash under O_SYNC writes; stock recovers its own writes
# disks: 1G 1G
# timeout: 240
# kernels: all
# short: none
# boots: 2
# stock: all

. /job/lib.sh

case $BOOT in
1)
	make_set --writeback
	ack_start
	ack_for 15
	crash_now
	;;
2)
	register_set
	ack_verify
	stop_set
	;;
esac
