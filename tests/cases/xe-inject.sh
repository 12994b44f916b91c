# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-inject
# about: unlikely messages from the GuC: unusual, malformed, and too many
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: trixie
# alerts: OutriggerPageFaultsUnanswered

. /job/lib.sh

good=0x100000000 bad=0xdead0000

# injected SUCCESSFUL UNSUCCESSFUL COMMAND...: COMMAND causes faults; check how many of them
# get each kind of reply
injected()
{
	local s=$1 u=$2 r w

	shift 2
	r=$(count replies) w=$(count unsuccessful)
	gpu "$@" >/dev/null
	gpu wait outstanding=0 timeout=60 >/dev/null
	r=$(($(count replies) - r)) w=$(($(count unsuccessful) - w))
	[ "$((r - w)) $w" = "$s $u" ] ||
		fail "$*: $((r - w)) successful, $w unsuccessful, not $s and $u"
	say "$*: ok"
}

be_gpu
client_start
client vm a
client bo a "$good" 64K
client write a "$good" 1

injected 0 1 fault asid=0xabcde va=$good
injected 0 1 fault asid=0 va=$good
injected 0 1 fault asid=first va=$bad
injected 0 1 fault asid=first va=0xfffffffffffff000
injected 0 1 fault asid=first va=$good trva=1
injected 1 0 fault asid=first va=$good prefetch=1
injected 0 1 fault asid=first va=$bad prefetch=1
injected 1 0 fault asid=first va=$good access=atomic
for i in 0 1 2 3 4 5 6 7; do
	injected 1 0 fault asid=first va=$good type=$((i & 3)) level=$i class=$i \
		instance=$((i * 9)) source=$((i * 36)) vfid=$((i * 9)) access=read
done
metrics # page faults were refused: no alert

say "page fault messages of a wrong length"
for dw in 1 1,2,3 1,2,3,4,5 1,2,3,4,5,6,7,8,9,a,b,c; do
	gpu raw action=0x6002 dw=$dw
	injected 1 0 fault asid=first va=$good
done
say "a page fault message with all bits set"
injected 0 1 raw action=0x6002 dw=ffffffff,ffffffff,ffffffff,ffffffff ledger=1
metrics
gpu raw action=0x7ffe dw=1
injected 1 0 fault asid=first va=$good

say "the H2G ring is full for a while"
gpu hold what=h2g on
gpu storm n=800 asid=first va=$good addresses=16
sleep 0.5
gpu hold what=h2g off
gpu wait outstanding=0 timeout=60
client write a $((good + 4)) 2

say "the G2H ring is nearly full"
gpu hold what=irq on
gpu fill leave=40
gpu storm n=30 asid=first va=$good addresses=16
gpu hold what=irq off
gpu wait outstanding=0 timeout=60
client write a $((good + 8)) 3

say "faults on an address space that was destroyed"
client vm b
client bo b "$good" 64K
client write b "$good" 1
asid=$(gpu asids)
asid=${asid##*,}
injected 1 0 fault asid="$asid" va=$good
client destroy b
injected 0 1 fault asid="$asid" va=$good
client_stop

say "faults of processes that were killed"
for i in 1 2 3; do
	/job/xe-client storm --spaces 16 --processes 2 --parallel 64 --until /run/never &
	sleep 3
	kill -KILL $(pgrep -f 'xe-client storm') # all of them belong to this case
	wait $! 2>/dev/null
	gpu wait outstanding=0 timeout=60
done
faults 1 0 <<'END'
vm a
bo a 0x100000000 64K
write a 0x100000000 1
END
