# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-race
# about: jobs of 16 exec queues write to a userptr that the CPU takes away all the time
# gpu: lnl media=off
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

# measure HOW PAGES: print the figures of the present side, and keep the highest p90 of the
# time from a fault to its reply, in us, in worst[SIDE,HOW]
declare -A worst=()
measure()
{
	local f u c=0 n latency p90

	gpu mark
	f=$(count faults) u=$(count unsuccessful)
	[ "$(side)" = stock ] || c=$(ours coalesced)
	/job/xe-client race "$1" 0 "$2" "$(rounds 3 30)" >/run/figures 2>&1 ||
		fail "$(cat /run/figures)"
	f=$(($(count faults) - f)) u=$(($(count unsuccessful) - u))
	[ "$(side)" = stock ] || c=$(($(ours coalesced) - c))
	say "$(side), a fault blocks $block, $1, $2 pages: $(cat /run/figures)"
	latency=$(gpu latency)
	say "    $f faults, $u refused, $c without a service; to the reply: $latency"

	read -r n _ </run/figures
	((n >= 16)) || fail "$n jobs"
	p90=${latency#*p90=} p90=${p90%% *}
	((p90 <= ${worst[$(side),$1]:-0})) || worst[$(side),$1]=$p90
	[ "$(side)" = stock ] && return
	((u == 0)) || fail "$u faults refused"
	[ $block = engine ] || ((c * 2 >= f)) || fail "$((f - c)) of $f faults had a service"
}

# all: a job that faults holds up the jobs behind it on its engine; or all fault at once
all()
{
	local pages how

	for block in engine none; do
		gpu block what=$block
		for pages in 1 16; do
			for how in mprotect madvise; do
				measure $how $pages
			done
		done
	done
}

SIDE=stock be_gpu
all
attach
all
sed -n '/^of that/,/reply/p' /sys/kernel/debug/xe_pagefault/*-gt0

# The thread that calls mprotect() can't hold up a service for long, because the service locks
# the memory, too. MADV_DONTNEED can, on either side.
say "p90 from a fault to its reply, at worst: $(declare -p worst)"
((worst[ours,mprotect] <= 2 * worst[stock,mprotect] + 15000)) ||
	fail "${worst[ours,mprotect]} us, with the stock driver ${worst[stock,mprotect]} us"
