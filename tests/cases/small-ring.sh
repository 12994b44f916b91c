# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: small-ring
# about: synchronous writers on the smallest rings never stall
# disks: 256M 256M
# timeout: 300
# kernels: all
# short: none
# sides: stock ours
# short-sides: ours
# udev: no

. /job/lib.sh

writes()
{
	awk '{ print $5 }' /sys/block/bcache0/stat
}

# stacks: print the stacks of the tasks that are in bcache
stacks()
{
	local t

	for t in /proc/[0-9]*; do
		grep -qE 'bcache|bj_' "$t/stack" 2>/dev/null || continue
		echo "$(cat "$t/comm") $(basename "$t"):"
		sed 's/^\[<0>\] /    /' "$t/stack"
	done
}

# try SECTORS OPTION...: run four writers on a cache of that size, and measure the longest
# time without a write
try()
{
	local n prev=0 still=0 longest=0 i

	small_set "$@"
	ack_start 3>/dev/null
	for ((i = 0; i < $(rounds 60 300); i++)); do
		sleep 1
		n=$(writes)
		still=$((n == prev ? still + 1 : 0)) prev=$n
		((still <= longest)) || longest=$still
		[ "$(side)" = stock ] || ((still != 10)) || break # look while it lasts
	done
	say "$(side), cache of $*: $n writes, at most $longest s without one"
	[ "$(side)" = stock ] ||
		say "$(cd "$(set_dir)/journal" && grep . stalls stalled_ms longest_stall_ms | paste -sd ' ')"
	[ "$(side)" = stock ] || ((longest < 10)) || {
		cat /sys/kernel/debug/bcache_journal/*/ring
		stacks
		fail "no write for $longest s"
	}
	[ "$(side)" = stock ] && return # stopping may take minutes
	ack_stop
	stop_set
	wait_for 20 dmsetup remove small || fail "dmsetup remove" # until the set is freed
}

modprobe bcache || fail "no bcache"
[ "$SIDE" = stock ] || attach
try 8320 --bucket 8k --block 4k   # 4 buckets of 2 blocks
[ "$SIDE" = stock ] || try 33280 --bucket 16k --block 4k # 8 buckets of 4 blocks
