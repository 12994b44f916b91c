# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-ours
# about: crash under O_SYNC writes on our journal; we recover
# disks: 1G 1G
# timeout: 300
# kernels: all
# boots: 2
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
	be ours
	register_set
	ack_verify
	fio_verify --offset=512M --size=8M
	stop_set
	register_set
	fio_verify --offset=512M --size=8M
	stop_set
	;;
esac
