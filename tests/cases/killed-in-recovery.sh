# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: killed-in-recovery
# about: the process that registers a set on a slow disk is killed, as udev does on timeout
# disks: 192M 192M 192M 192M
# timeout: 900
# kernels: all
# short: trixie
# boots: 2
# udev: no

. /job/lib.sh

# slow MS: make each read of $CACHE take MS
slow()
{
	local all

	all=$(blockdev --getsz "$CACHE")
	dmsetup create slow --table "0 $all delay $CACHE 0 $1 $CACHE 0 0" || fail "dmsetup create slow"
	dmsetup mknodes
	CACHE=/dev/mapper/slow
}

# start: begin to register $CACHE, in process $pid
start()
{
	dmesg -C
	(echo "$CACHE" >/sys/fs/bcache/register_quiet) 2>/dev/null &
	pid=$!
}

# ends PID: succeed if the process has exited
ends()
{
	[ ! -e "/proc/$1" ]
}

# in_our_scan PID: succeed if the registering process is reading the journal
in_our_scan()
{
	grep -q '\[bcache_journal\]' "/proc/$1/stack"
}

# killed_after SECONDS: kill the registering process SECONDS after the scan began; fails if
# the set was registered before that
#
# Never kill it before the scan. The stock driver fails on its own there: first with "IO
# error" while it reads the superblock, then because a killed process cannot start a
# workqueue. In the latter case it removes a kobject that was never added, and kernfs warns.
killed_after()
{
	local pid began phase

	say "== $(side): killed after $1 s"
	snapshots
	slow 300
	start
	wait_for 60 in_our_scan "$pid" || fail "the registration never reached the scan"
	sleep "$1"
	if ends "$pid"; then
		wait "$pid" || wrong "after $1 s: refused although it was not killed"
		say "it was already registered: $(dmesg | sed -n 's/.*\(journal read in .*\)/\1/p')"
		stop_set
		drop_snapshots || fail "the device is still held"
		return 1
	fi
	kill -9 "$pid"
	began=$SECONDS
	wait_for 60 ends "$pid" || fail "the process does not end"
	# Look at the log only now: the scan may have ended while the signal was on its way.
	phase=replay
	if ! logged 'journal read in'; then
		phase=scan
		in_scan=$((in_scan + 1))
		logged 'killed while reading the journal' ||
			wrong "after $1 s: the log does not say why it failed"
	fi
	say "killed in: $phase; ended after $((SECONDS - began)) s; $(tail -n 1 "$RECOVERY")"
	if [ "$(set_dir)" ] && ! wait_for 10 sets_gone; then
		say "the set was registered nevertheless"
		stop_set
	elif [ "$phase" = replay ]; then
		# stock: kthread_run() fails in a task with a fatal signal
		logged 'error in recovery|error starting|replay|killed|signal' ||
			wrong "after $1 s: the log does not say why it failed"
	fi
	show_log 8
	drop_snapshots || fail "after $1 s: the device is still held"
}

# killed_in_replay: kill the registering process in its first insertion, which late.ko holds up
killed_in_replay()
{
	local late=/sys/module/late/parameters pid

	say "== $(side): killed in replay"
	trials=$((${trials-0} + 1))
	insmod /usr/local/lib/klp/late.ko hold=1 || fail "insmod late"
	snapshots
	start
	wait_for 60 grep -qx 1 $late/held || fail "no insertion"
	kill -9 "$pid"
	echo 0 >$late/hold
	wait_for 60 ends "$pid" || fail "the process does not end"
	wait_for 60 sets_gone || fail "the set was not removed"
	logged 'was killed: replay stopped at entry [0-9]+: not registered' ||
		wrong "killed in replay: the log does not say why it failed"
	grep '^replaying' "$RECOVERY" || wrong "killed in replay: $RECOVERY does not show it"
	show_log 8
	drop_snapshots || fail "killed in replay: the device is still held"
}

# says_how_long: a replay that stands still after 10 keys for seconds says how long it will
# take, in sysfs and, with the next entry, in the log
says_how_long()
{
	local late=/sys/module/late/parameters pid got all ms left

	say "== $(side): a slow replay"
	trials=$((${trials-0} + 1))
	echo 10 >$late/skip
	echo 1 >$late/hold
	snapshots
	start
	wait_for 60 grep -qx 1 $late/held || fail "no insertion"
	sleep 6
	read -r got all ms left < <(sed -nE \
		's/^replaying: ([0-9]+) of ([0-9]+) keys, ([0-9]+) ms, about ([0-9]+) s left$/\1 \2 \3 \4/p' \
		"$RECOVERY")
	say "$(tail -n 1 "$RECOVERY")"
	((${got:-0} > 0 && got <= 10 && ms >= 6000 && left == ms * (all - got) / got / 1000)) ||
		wrong "$RECOVERY does not say how long it will take"
	echo 0 >$late/hold
	register "$BACKING"
	wait_for 60 test -b /dev/bcache0 || fail "not registered"
	logged "replaying: [0-9]+ of $all keys, about [0-9]+ s left" ||
		wrong "the log does not say how long it will take"
	stop_set
	drop_snapshots || fail "the device is still held"
}

in_scan=0
RECOVERY=/sys/module/bcache_journal/parameters/recovery
case $BOOT in
1)
	crash_ready
	;;
2)
	after_crash
	modprobe dm_delay || modprobe dm-delay
	attach
	for ((ms = 100; ms < 60000; ms = ms * $(rounds 16 11) / 10)); do
		trials=$((${trials-0} + 1))
		killed_after "$((ms / 1000)).$(printf %03d $((ms % 1000)))" || break
	done
	# The scan takes 4 steps of 300 ms: the heads, the rest of the newest bucket, the bucket
	# behind it, and the needed buckets. With reads of 32 KiB, it would take 12 or more.
	ms=$(dmesg | sed -n 's/.*journal read in \([0-9]*\) ms.*/\1/p')
	((${ms:-9999} < 3500)) || wrong "the scan took ${ms:-?} ms"
	((in_scan >= 2)) || wrong "killed in the scan $in_scan times"
	killed_in_replay
	says_how_long
	trial whole "not killed"
	keys=$(dmesg | sed -n 's/.*journal replayed in .* ms: \([0-9]*\) keys.*/\1/p' | tail -n 1)
	cat "$RECOVERY"
	grep -qx "replaying: $keys of $keys keys, [0-9]* ms" "$RECOVERY" ||
		wrong "$RECOVERY does not show that $keys keys were replayed"
	trials_done
	;;
esac
