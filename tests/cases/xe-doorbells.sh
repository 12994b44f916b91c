# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-doorbells
# about: replies that are ready together share a doorbell; address spaces take turns
# gpu: lnl media=off
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: none
# cmdline: maxcpus=1

. /job/lib.sh

# storm N PART WHO: N faults that one service resolves, at most N / PART doorbells. There
# is one CPU, and the faults are in the G2H ring before the interrupt: so all of them are
# in the queue when the worker runs.
storm()
{
	local r d

	gpu hold what=irq on
	gpu storm n="$1" asid=first va=0x100000000 addresses=512 access=write
	r=$(count replies) d=$(count doorbells)
	gpu hold what=irq off
	gpu wait outstanding=0 timeout=60 >/dev/null
	r=$(($(count replies) - r)) d=$(($(count doorbells) - d))
	say "$3: $r replies, $d doorbells"
	[ "$r" = "$1" ] || fail "$1 faults, $r replies"
	[ "$SIDE" = stock ] || ((d <= r / $2)) || fail "too many doorbells"
}

# used_up: print how many turns ended with faults left
used_up()
{
	cat /sys/kernel/debug/xe_pagefault/*-gt* |
		awk 'match($0, /turns used up [0-9]+/) { n += substr($0, RSTART + 14, RLENGTH - 14) }
			END { print n }'
}

# turns: one fault in 64 is of another address space. Its faults are behind 63 of the first
# space in the queue, so they are to be answered behind 64 of them, not behind all.
turns()
{
	local a b list n last before

	IFS=, read -r a b <<<"$(gpu asids)"
	list=$(printf "$a,%.0s" {1..63})$b
	before=$(used_up)
	gpu hold what=irq on
	gpu storm n=896 asid="$list" va=0x100000000 addresses=512 access=write
	echo >trace
	echo 1 >events/xe_pagefault/xpf_ack/enable
	gpu hold what=irq off
	gpu wait outstanding=0 timeout=60 >/dev/null
	echo 0 >events/xe_pagefault/xpf_ack/enable
	read -r n last <<<"$(awk -v b="ASID $b " '/xpf_ack:/ { n++ } /xpf_ack:/ && index($0, b) { last = n }
		END { print n, last }' trace)"
	say "the last of 14 replies to the other address space is number $last of $n"
	[ "$n" = 896 ] || fail "$n replies are in the trace"
	((last <= 160)) || fail "it had to wait"
	# If its worker ran in the middle, the queue was empty, and no turn had to end.
	((last <= 64 || $(used_up) > before)) || fail "no turn was used up"
}

be_gpu
client_start
client vm a
client bo a 0x100000000 2M
client write a 0x100000000 1
resets=$(count resets)

# All of these fit into the H2G ring, whose 1024 dwords take 255 replies. The GuC reads
# only what was in the ring at a doorbell: a group of replies without one would be missing.
storm 240 12 "a fast GuC"

# These do not: the stock driver's functions send those that must wait for room.
gpu rate h2g=500
storm 512 1 "a GuC that reads 500 messages per second"
gpu rate off

cd /sys/kernel/tracing || fail "no tracefs"
if [ "$SIDE" = ours ]; then
	client vm b
	client bo b 0x100000000 2M
	client write b 0x100000000 1
	turns
fi

# The stock driver's tracepoints show each message.
for e in xe_guc_ctb_g2h xe_guc_ctb_h2g; do
	echo 1 >"events/xe/$e/enable" || fail "no event $e"
done
echo >trace
storm 240 1 "traced"
for e in xe_guc_ctb_g2h xe_guc_ctb_h2g; do
	n=$(grep -c "$e:" trace)
	say "$e: $n events"
	((n >= 240)) || fail "$n events of $e"
done
client_stop
[ "$(count resets) $(count overwritten)" = "$resets 0" ] || fail "$(gpu stat)"
[ "$SIDE" = stock ] || [ "$(ours queued) $(ours unsent)" = "0 0" ] ||
	fail "$(ours queued) queued, $(ours unsent) unsent"
