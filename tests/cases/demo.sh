# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# demo: the guest side of "make demo"; tests/demo is the host side
# disks: 1G 1G
# boots: 2
# udev: no
# timeout: 240

. /job/lib.sh

# show FILE...: print the files, one per line, as "name value"
show()
{
	local f

	for f in "$@"; do
		printf '    %-20s %s\n' "${f##*/}" "$(cat "$f")"
	done
}

# note KEY VALUE: for the summary at the end
note()
{
	echo "@$*"
}

uptime_ms()
{
	local up

	read -r up _ </proc/uptime
	echo "${up/./}0"
}

# udev is not running: it would register the set before this script begins.
case $BOOT in
1)
	note kernel "$(uname -r)"
	note version "$(modinfo -F version "$MODULE")"
	echo "Debian's kernel $(uname -r) is up, with two empty disks; Outrigger is not loaded"
	make_set --writeback
	journal=$(set_dir)/journal
	echo "/dev/bcache0 exists; stock bcache writes its journal"

	fio_start --size=16M
	wait_for 60 test -s /run/fio.rounds || fail "fio makes no progress"
	echo "fio writes and verifies, round after round; modprobe $MODULE"
	start=$(uptime_ms)
	attach
	note attach_ds $((($(uptime_ms) - start) / 100))
	note hooks "$(dmesg | sed -n 's/.*attached to bcache.*, \([0-9]*\) functions.*/\1/p')"
	dmesg | sed -n "s/^[^]]*\] \($MODULE: attached\)/kernel: \1/p"

	wait_for 30 test -e "$journal/seq" || fail "no journal directory"
	echo "the knobs (/sys/module/$MODULE/parameters):"
	show "/sys/module/$MODULE/parameters"/*
	echo "the live journal (/sys/fs/bcache/<set>/journal):"
	show "$journal"/*
	first=$(cat "$journal/seq")
	sleep 3
	echo "$(($(cat "$journal/seq") - first)) entries and three seconds later; the ring (debugfs):"
	sed -n '/^ *entry /q; / empty /d; /./s/^/    /p' "/sys/kernel/debug/$MODULE"/*/ring
	fio_stop
	note fio_rounds "$(cat /run/fio.rounds)"

	echo "now four writers with O_SYNC; the host records each acknowledgement"
	first=$(cat "$journal/seq")
	ack_start
	for n in 5 10 15; do
		sleep 5
		ack_running
		echo "$n s: $(($(cat "$journal/seq") - first)) journal entries"
	done
	[ "$(side)" = ours ] || fail "no longer attached"
	echo "pulling the plug (sysrq b)"
	crash_now
	;;
2)
	note acks "$(wc -l </job/acks)"
	echo "booted again; modprobe bcache: the package's softdep loads bcache_journal first"
	autoload
	modprobe bcache || fail "no bcache"
	wait_attached
	echo "$MODULE: $(state); registering the set"
	register_set
	dmesg | sed -n "s/^[^]]*\] $MODULE: [-0-9a-f]*: \(journal re\)/kernel: \1/p" >/run/recovery
	cat /run/recovery
	note read "$(sed -n 's/.*journal read in //p' /run/recovery)"
	note replayed "$(sed -n 's/.*journal replayed in //p' /run/recovery)"
	[ "$(wc -l </run/recovery)" = 2 ] || fail "the module did not do the recovery"
	echo "reading back every acknowledged block"
	ack_verify | tee /run/verified
	[ "${PIPESTATUS[0]}" = 0 ] || exit 1
	note verified "$(cat /run/verified)"
	echo "detaching: stock bcache takes over its journal again"
	detach
	fio_verify --size=8M
	stop_set
	echo "fio verified on stock bcache; the set is stopped, the machine powers off"
	note detached yes
	;;
esac
