# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-ours
# about: crash under O_SYNC writes with the module attached; the module recovers
# disks: 1G 1G
# timeout: 300
# kernels: all
# boots: 2
# udev: no

. /job/lib.sh

case $BOOT in
1) crash_on ours ;;
2)
	modprobe bcache && attach
	record bj_replay
	recover_on ours
	entries=$(dmesg | sed -n 's/.*: journal replayed in .* keys in \([0-9]*\) entries.*/\1/p' |
		paste -sd +)
	has_events || exit 0
	(($(recorded bj_replay) == entries && entries > 0)) ||
		fail "$(recorded bj_replay) events, but $entries entries were replayed"
	;;
esac
