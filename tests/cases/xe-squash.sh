# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-squash
# about: faults that wait when the GuC is reset are dropped at once, and cost no service
# gpu: lnl media=off
# sides: ours
# timeout: 600
# kernels: all
# short: trixie-backports
# allow: WARNING: .*xe_(uc|guc)\.c:|Call Trace:|\*ERROR\*

. /job/lib.sh

n=65535 # and the one that is stuck: as many as a GuC can tell apart
tracing=/sys/kernel/tracing
dir=/sys/kernel/debug/$MODULE

# At each reset 6.12 warns of a failure, because it treats a 0 from xe_force_wake_get() as
# one. If the GuC does not start, all kernels warn.
echo 0 >/proc/sys/kernel/panic_on_warn

# stuck NAME N: N faults wait behind one whose memory does not come
stuck()
{
	local asid

	/job/xe-client stuck "/tmp/$1" 1 >"/run/$1" 2>&1 &
	wait_for 60 grep -q started "/run/$1" || fail "$1: $(cat "/run/$1")"
	wait_for 30 grep -q '^under way: 1,' "$dir"/*-gt0 || fail "no fault is under way"
	asid=$(sed -n '/^    since/{n;s/^ *[0-9.]* *\([0-9]*\) .*/\1/p}' "$dir"/*-gt0)
	gpu storm n="$2" asid="$asid" va=0xdead00000000
	wait_for 120 queued $(($2 + 1)) || fail "$(ours queued) faults are queued"
}

queued()
{
	[ "$(ours queued)" = "$1" ]
}

# services: the number of services since it was last called
services()
{
	grep -c xpf_service: $tracing/trace
	echo >$tracing/trace
}

reset_done()
{
	dmesg | grep -q 'GT0: reset done'
}

wedged()
{
	dmesg | grep -q 'declared device .* as wedged'
}

be_gpu
touch /run/cleared # by the resets, faults that wait
gpu block what=none # as if each context had an engine of its own
modprobe fuse || fail "modprobe fuse"
mount -t tracefs tracefs $tracing 2>/dev/null
echo 1 >"$tracing/events/$MODULE/xpf_service/enable" || fail "no tracepoint xpf_service"
echo 0 >/proc/sys/kernel/hung_task_timeout_secs

say "a GT reset while $n faults wait behind one that is stuck"
stuck a "$n"
echo xpf_note_guc_start >$tracing/set_ftrace_filter || fail "set_ftrace_filter"
echo function_graph >$tracing/current_tracer || fail "no function graph"
gpu hold what=h2g on # or the faults would count as forgotten
gt_reset 0
wait_for 60 reset_done || fail "the reset does not end"
faults 1 0 <<'END'
vm a
userptr a 0x100000000 64K
write a 0x100000000 1
END
# The first fault of the new GuC empties the queues, although the worker still sleeps.
# The reply leaves before its fault is counted as finished.
wait_for 10 queued 1
[ "$(ours queued) $(ours stale) $(ours dropped)" = "1 $n 0" ] ||
	fail "$(ours queued) queued, $(ours stale) stale, $(ours dropped) dropped"
us=$(sed -n 's/.* \([0-9]*\)\.[0-9]* us .* xpf_note_guc_start.*/\1/p' $tracing/trace |
	sort -n | tail -n 1)
[ "$us" ] || fail "xpf_note_guc_start() was not called"
say "$n faults were dropped in $((us / 1000)).$(printf %03d $((us % 1000))) ms"
# about 1 ms; on a busy host up to 200. With a service for each it would be seconds.
((us < 1000000)) || fail "that is too slow"
echo nop >$tracing/current_tracer
services >/dev/null
touch /tmp/a.go
wait_for 60 queued 0 || fail "$(ours queued) faults are queued"
s=$(services)
((s <= 1)) || fail "$s services, not only of the stuck fault"
umount -l /tmp/a

say "no service while the channel to the GuC is down: the device is wedged"
stale=$(ours stale)
stuck b 1000
services >/dev/null
gpu hold what=boot on
gpu hold what=h2g on
gt_reset 0
wait_for 60 wedged || fail "not wedged"
touch /tmp/b.go
wait_for 60 queued 0 || fail "$(ours queued) faults are queued"
s=$(services)
((s <= 1)) || fail "$s services, not only of the stuck fault"
[ "$(ours stale)" = $((stale + 1001)) ] || fail "$(($(ours stale) - stale)) stale, not 1001"
umount -l /tmp/b
