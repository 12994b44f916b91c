# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: ways-out
# about: off=1, then module_blacklist, on the kernel command line
# disks: 512M 512M
# timeout: 240
# kernels: all
# short: none
# boots: 2
# stock: 2
# cmdline: bcache_journal.off=1
# udev: no

. /job/lib.sh

start_udev
case $BOOT in
1)
	modprobe "$MODULE" || fail "modprobe"
	modprobe bcache
	inert_because 'off=1'
	;;
2)
	! modprobe "$MODULE" 2>/dev/null || fail "loaded despite module_blacklist"
	[ "$(state)" = absent ] || fail "loaded"
	register_set
	fio_verify --size=4M
	stop_set
	;;
esac
