# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-ours-stock
# about: crash on our journal; stock recovers
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: trixie
# boots: 2
# stock: 2
# udev: no

. /job/lib.sh

case $BOOT in
1)
	be ours
	make_set --writeback
	ack_start
	ack_for 15
	crash_now
	;;
2)
	be stock
	register_set
	ack_verify
	fio_verify --offset=512M --size=8M
	stop_set
	register_set
	fio_verify --offset=512M --size=8M
	stop_set
	;;
esac
