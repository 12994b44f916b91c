# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: late-pin
# about: while a task that holds a pin is not scheduled, others don't use up the journal
# disks: 256M 256M
# timeout: 400
# kernels: all
# short: none
# udev: no

. /job/lib.sh

late=/sys/module/late/parameters

held()
{
	[ "$(cat $late/held)" = "$1" ]
}

written()
{
	awk '{ print $5 }' /sys/block/bcache0/stat
}

more_than()
{
	(($(written) > $1))
}

misses()
{
	fio --name=misses --filename=/dev/bcache0 --direct=1 --rw=randread --bs=4k --size=200M \
		--ioengine=libaio --iodepth=4 --number_ios=3000 --randseed="$RANDOM" >/run/fio.out 2>&1
}

# replaces all nodes, again and again
collect()
{
	local n

	echo 1 >"$(set_dir)/internal/gc_always_rewrite"
	for ((n = 0; n < 20; n++)); do
		echo 1 >"$(set_dir)/internal/trigger_gc"
		sleep 0.1
	done
	echo 0 >"$(set_dir)/internal/gc_always_rewrite"
}

# try COMMAND: hold up a task that has a pin while COMMAND runs, for at most a minute
try()
{
	local pid n

	echo 1 >$late/hold
	wait_for 30 held 1 || fail "no insertion"
	"$1" &
	pid=$!
	for ((n = 0; n < 60; n++)); do
		kill -0 $pid 2>/dev/null || break
		sleep 1
	done
	! kill -0 $pid 2>/dev/null || fail "$1 is not over in a minute"
	echo 0 >$late/hold
	wait_for 10 held 0 || fail "still held"
	n=$(written)
	wait_for 30 more_than $((n + 20)) || {
		cat /sys/kernel/debug/bcache_journal/*/ring
		fail "no writes after $1"
	}
	wait $pid || fail "$1"
}

modprobe bcache || fail "no bcache"
attach
small_set 33280 --bucket 16k --block 4k # a journal of 8 buckets of 4 blocks
ack_start 3>/dev/null
wait_for 200 blocks_written bcache0 600 || fail "hardly any writes"
insmod /usr/local/lib/klp/late.ko || fail "insmod late"

for ((i = 0; i < $(rounds 3 30); i++)); do
	try misses
	try collect
done
bypassed()
{
	(($(cat /sys/block/bcache0/bcache/stats_total/cache_bypass_misses) > 0))
}
wait_for 30 bypassed || fail "the journal was never tight" # bcache counts every 13 s
say "$(written) writes"
say "$(cd "$(set_dir)/journal" && grep . stalls stalled_ms longest_stall_ms | paste -sd ' ')"

ack_stop
stop_set
