# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-sticky
# about: one bad fault among good ones; stock 6.12 fails all faults queued behind it
# gpu: lnl
# sides: stock ours
# timeout: 300
# kernels: all
# short: none

. /job/lib.sh

# With interrupts held back, the faults queue up in the order in which they are sent, and
# one run of the driver's worker finds them all.
be_gpu
client_start

sticks=
[[ $SIDE/$(uname -r) != stock/6.12.* ]] || sticks=yes

say "injected: one bad fault, then 20 good ones in the same address space"
client vm a
client bo a 0x100000000 64K
client write a 0x100000000 1
before=$(count unsuccessful)
gpu hold what=irq on
gpu fault asid=first va=0xdead0000 access=write
gpu storm n=20 asid=first va=0x100000000 addresses=16 access=write
gpu hold what=irq off
gpu wait outstanding=0 timeout=60
bad=$(($(count unsuccessful) - before))
say "$bad of 21 were answered \"unsuccessful\""
if [ "$sticks" ]; then
	((bad > 1)) || fail "stock was expected to fail more than the bad one"
else
	[ "$bad" = 1 ] || fail "$bad faults were refused, not 1"
fi

# Spaces created in a row have consecutive ASIDs, and every fourth ASID shares a queue: the
# faults of b, f and j go to the same one. They use different engines, because an engine
# that waits for a fault runs nothing else.
say "real: one bad fault, and good ones in unrelated address spaces"
for s in b c d e f g h i j; do
	case $s in
	f) client engine rcs 0 0 ;;
	j) client engine bcs 0 0 ;;
	esac
	client vm "$s"
	client bo "$s" 0x100000000 64K
	client write "$s" 0x100001000 1
	client unbind "$s" 0x100000000 64K
	client bo "$s" 0x100000000 64K
done
before=$(count faults)
gpu hold what=irq on
n=0
for s in b f j; do
	case $s in
	b) client start write b 0xdead0000 1 ;;
	*) client start write "$s" 0x100000000 1 ;;
	esac
	n=$((n + 1))
	wait_for 30 counted faults $((before + n)) || fail "the GPU did not report the fault"
done
gpu hold what=irq off
client fails wait b
for s in f j; do
	if [ "$sticks" ]; then
		client fails wait "$s"
	else
		client wait "$s"
		client peek "$s" 0x100000000 1
	fi
done
client_stop
