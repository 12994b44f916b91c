# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: attach-boot
# about: boots in which the module is loaded before and after udev registers the set
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: bookworm
# boots: 3
# udev: no

. /job/lib.sh

case $BOOT in
1)
	start_udev
	make_set --writeback
	;;
2)
	autoload
	start_udev
	register_set
	wait_attached
	ack_verify
	;;
3)
	start_udev
	register_set
	attach
	ack_verify
	;;
esac
ack_start
ack_for 5
ack_stop
[ "$BOOT" = 1 ] || detach
stop_set
rmmod_bcache
