# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-storm
# about: 10240 page faults in 64 address spaces of four processes, on both GTs, with races
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

be_gpu

# exactly N OPTION...: run a storm that must cause N faults, all of them serviced
exactly()
{
	local n=$1 f r

	shift
	f=$(count faults) r=$(count replies)
	/job/xe-client storm "$@" || fail "the storm"
	gpu wait outstanding=0 timeout=60
	f=$(($(count faults) - f)) r=$(($(count replies) - r))
	[ "$f $r" = "$n $n" ] || fail "$f faults, $r replies, not $n"
}

say "as many faults at once as stock can handle"
gpu block what=none # many more address spaces fault at once than the GPU has engines
exactly 10240 --media
if [ "$SIDE" = ours ]; then
	say "all faults at once"
	exactly 10240 --media --parallel 160 --rounds 1
fi

gpu block what=engine

say "while the protection of the memory changes"
# Stock 6.12 occasionally refuses a good fault because of such a change.
refuses=
[[ $SIDE/$(uname -r) != stock/6.12.* ]] || refuses=--resilient
/job/xe-client storm --spaces 8 --rounds "$(rounds 50 400)" --race $refuses || fail "the race"
gpu wait outstanding=0 timeout=60
n=$(count unsuccessful)
say "$n faults were refused"
[ "$refuses" ] || [ "$n" = 0 ] || fail "$n good faults were refused"
gpu stat

if [ "$SIDE" = ours ]; then
	[ "$(ours faults) $(ours replies)" = "$(count faults) $(count replies)" ] ||
		fail "the module counts $(ours faults) faults, $(ours replies) replies"
	[ "$(ours queued) $(ours dropped) $(ours unsent) $(ours malformed)" = "0 0 0 0" ] ||
		fail "the module counts queued, dropped, unsent or malformed faults"
	cat /sys/kernel/debug/$MODULE/*-gt0
fi
