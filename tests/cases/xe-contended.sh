# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-contended
# about: bind, unbind and exit beside page faults on memory that keeps changing or is slow
# gpu: lnl
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

# measure HOW MIB: print the figures of the present side, and keep the longest times in us of
# exit, and of bind or unbind, in longest[HOW-SIDE-exit] and longest[HOW-SIDE-bind]
declare -A longest=()
measure()
{
	local key what n max

	/job/xe-client contended "$1" "$(rounds 6 60)" "$2" >/run/figures 2>&1 ||
		fail "$(cat /run/figures)"
	say "$(side), $1, $2 MiB"
	sed 's/^/    /' /run/figures
	while read -r what n _ _ _ _ _ max _; do
		what=${what%:} key=$1-$(side)-${what#un}
		[[ $key = *-@(exit|bind) ]] || continue
		((n >= 2 && max > 0)) || fail "$what: $n times, $max us"
		((max <= ${longest[$key]:-0})) || longest[$key]=$max
	done </run/figures
}

# all: the userptr is dropped again and again; one of its pages is protected; its pages come
# from a disk that takes 1 ms for each
all()
{
	measure drop 16
	measure mprotect 16
	measure /dev/slow 2
}

null_blk
null slow 64 1000000 0
SIDE=stock be_gpu
all
attach
all

# the stock driver holds the lock of the VM until it has read all 512 pages
for what in exit bind; do
	stock=${longest[/dev/slow-stock-$what]} ours=${longest[/dev/slow-ours-$what]}
	((stock >= 300000)) || fail "$what: the stock driver took only $stock us"
	((ours * 10 <= stock)) || fail "$what: $ours us, with the stock driver $stock us"
done
