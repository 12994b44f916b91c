# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-together
# about: bindings of the next faults are mapped by one service, unless they have to wait
# gpu: lnl media=off
# timeout: 300
# kernels: all
# short: none
# cmdline: maxcpus=1

. /job/lib.sh

va=0x100000000 objects=0x200000000 n=64

# faults_on FIRST N: the faults on N bindings, from the one with number FIRST, are
# all in the queue when the worker runs, as there is one CPU
faults_on()
{
	r=$(count replies) u=$(count unsuccessful) d=$(count doorbells) c=$(ours coalesced)
	gpu hold what=irq on
	gpu storm n="$2" asid="$asid" va=$((va + $1 * 4096)) addresses="$2" access=write >/dev/null
	gpu hold what=irq off
}

# answered SUCCESSFUL UNSUCCESSFUL DOORBELLS LEAST MOST: that many replies, at most so many
# doorbells; from LEAST to MOST faults need no service of their own
answered()
{
	gpu wait outstanding=0 timeout=60 >/dev/null
	r=$(($(count replies) - r)) u=$(($(count unsuccessful) - u))
	d=$(($(count doorbells) - d)) c=$(($(ours coalesced) - c))
	say "$r replies, $u unsuccessful, $d doorbells, $c without a service"
	[ "$((r - u)) $u" = "$1 $2" ] || fail "$((r - u)) successful, $u unsuccessful, not $1 and $2"
	((d <= $3)) || fail "more than $3 doorbells"
	((c >= $4 && c <= $5)) || fail "$c without a service, not $4 to $5"
}

# unmap: let the bindings lose their memory, and with it their entries in the page tables
unmap()
{
	local i

	for ((i = 0; i < n; i++)); do
		[ $i = 40 ] || client dontneed a $((va + i * 4096)) 4K
	done
}

one_more()
{
	[ "$(count replies)" = $((r + 1)) ]
}

be_gpu
# On a slow machine, mapping takes longer than the time for which a reply may be held back.
echo 100000 >/sys/module/xe_pagefault/parameters/together_us
client_start
client vm a
for ((i = 0; i < n; i++)); do
	case $i in
	20) client userptr a $((va + i * 4096)) 4K readonly ;;
	40) ;; # nothing is bound there
	*) client userptr a $((va + i * 4096)) 4K ;;
	esac
done
client write a $va 1
asid=$(gpu asids)

say "bindings that have lost their pages"
unmap
faults_on 0 16
answered 16 0 2 14 15
for i in {0..15}; do
	client write a $((va + i * 4096)) $((i + 7))
done

say "each is accessible, and those behind are not"
unmap
faults_on 0 16
answered 16 0 2 14 15
f=$(count faults)
client write a $((va + 15 * 4096)) 1
[ "$(count faults)" = "$f" ] || fail "$(($(count faults) - f)) more faults"
client write a $((va + 16 * 4096)) 1
[ "$(count faults)" = $((f + 1)) ] || fail "$(($(count faults) - f)) more faults, not 1"

say "a refusal is not shared"
unmap
faults_on 16 16 # a binding is read-only
answered 15 1 5 11 14
faults_on 32 16 # one is missing
answered 15 1 5 11 14

say "objects may have to be waited for"
for ((i = 0; i < 16; i++)); do
	client bo a $((objects + i * 4096)) 4K
done
faults_on $(((objects - va) / 4096)) 16
answered 16 0 16 0 1
for ((i = 0; i < 16; i++)); do
	client write a $((objects + i * 4096)) $((i + 1))
done

say "not if the time is over"
echo 0 >/sys/module/xe_pagefault/parameters/together_us
unmap
faults_on 0 16
answered 16 0 16 0 1
echo 100000 >/sys/module/xe_pagefault/parameters/together_us

say "a reply does not wait for memory from FUSE"
modprobe fuse || fail "modprobe fuse"
echo 0 >/proc/sys/kernel/hung_task_timeout_secs
/job/xe-client stuck /run/slow 1 1 >/run/slow.out 2>&1 &
pid=$!
wait_for 60 grep -q started /run/slow.out || fail "$(cat /run/slow.out)"
client file a $((va + n * 4096)) 4K /run/slow/file 0x8000
sleep 2 # the other process drops the file's pages again and again
touch /run/slow.held
unmap
client dontneed a $((va + n * 4096)) 4K
faults_on $((n - 1)) 2
wait_for 30 one_more || fail "$(count replies) replies, there were $r"
sleep 2
one_more || fail "$(count replies) replies, there were $r"
touch /run/slow.go
answered 3 0 1000 0 0 # one is the other process's
wait $pid || fail "$(cat /run/slow.out)"
client_stop
