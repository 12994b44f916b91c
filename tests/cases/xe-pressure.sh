# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-pressure
# about: the GPU uses twice the memory that its process may have; the rest is in slow swap
# gpu: lnl
# timeout: 900
# kernels: all
# short: none

. /job/lib.sh

group=/sys/fs/cgroup/small
va=0x100000000000

# each FORMAT: print FORMAT for all 48 pieces of 2 MiB, with the number of the address space,
# of which there are 4, and the address
each()
{
	local i

	for i in {0..47}; do
		# shellcheck disable=SC2059
		printf "$1\n" $((i % 4)) $((va + i * 0x200000))
	done
}

# script KIND [alter]: 96 MiB of that kind of memory; the GPU writes to all pages, twice, 8
# MiB at a time; then the CPU looks at one page of each piece
script()
{
	local n

	printf 'vm v%s\n' {0..3}
	each "$1 v%s %s 2M"
	[ $# = 1 ] || echo alter
	for n in 1 2; do
		each "start parallel v%s 512 %s 4K ${n}0000" |
			awk '{ print } NR % 4 == 0 { for (i = 0; i < 4; i++) print "wait v" i }'
	done
	each 'peek v%s %s 20000'
}

# swapped in|out: print how many pages were
swapped()
{
	sed -n "s/^pswp$1 //p" /proc/vmstat
}

# measure KIND [alter]: run that with 48 MiB; with xe-pagefault no fault may be refused. Sets
# refused to their number.
measure()
{
	local f in out begin=$SECONDS ended=ended

	f=$(count faults) refused=$(count unsuccessful) in=$(swapped in) out=$(swapped out)
	script "$@" >/run/script
	(
		echo "$BASHPID" >$group/cgroup.procs || exit
		exec /job/xe-client </run/script >/run/out 2>&1
	) || ended=$(tail -n 1 /run/out)
	gpu wait outstanding=0 timeout=60 >/dev/null
	f=$(($(count faults) - f)) refused=$(($(count unsuccessful) - refused))
	in=$((($(swapped in) - in) / 256)) out=$((($(swapped out) - out) / 256))
	say "$(side), $*: $f faults, $refused refused, $((SECONDS - begin)) s;" \
		"swap: $out MiB out, $in MiB in; $ended"
	[ "$ended" != ended ] || ((out >= 48)) || fail "memory was not short"
	[ "$(side)" = stock ] && return
	[ "$refused $ended" = '0 ended' ] || fail "$(dmesg | grep 'page fault refused')"
}

all()
{
	local kind

	for kind in userptr svm; do
		[ $kind = userptr ] || has_svm || continue
		measure $kind
		measure $kind alter
		# that of 7.2 does now and then, and that of 7.3 does not
		[[ $(side)-$(uname -r) != stock-6.12.* ]] || ((refused > 0)) ||
			fail "the stock driver was expected to refuse faults"
	done
}

# tasks may wait for their memory for long
echo 0 >/proc/sys/kernel/hung_task_timeout_secs
null_blk
null swap 192 20000000 0
mkswap /dev/swap >/dev/null && swapon /dev/swap || fail "no swap"
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup || fail "no cgroup"
echo +memory >/sys/fs/cgroup/cgroup.subtree_control && mkdir $group &&
	echo 48M >$group/memory.max && echo 40M >$group/memory.high || fail "no memory.max"
SIDE=stock be_gpu
gpu block what=none # as if each address space had an engine of its own
all
sleep 10 # for the judge of the GPU
lies=$(count unfounded)
say "stock: $lies times \"successful\" for a page that was not mapped"
gpu expect what=unfounded n="$lies"
attach
all
sed -n '/^of that/,/reply/p' /sys/kernel/debug/xe_pagefault/*-gt0
