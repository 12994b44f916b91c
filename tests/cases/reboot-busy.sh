# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: reboot-busy
# about: reboot under O_SYNC writes, attached, then while attaching and detaching; all recover
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: none
# boots: 3
# udev: no

. /job/lib.sh

case $BOOT in
1)
	be ours
	make_set --writeback
	ack_start
	ack_for 15
	reboot_now
	;;
2)
	be stock
	register_set
	ack_verify
	ack_start
	(
		ack_for $((10 + RANDOM % 10))
		touch /run/rebooting
		reboot_now
	) &
	until [ -e /run/rebooting ]; do
		attach
		detach
	done
	sleep 100
	;;
3)
	be ours
	register_set
	ack_verify
	fio_verify --offset=512M --size=8M
	stop_set
	;;
esac
