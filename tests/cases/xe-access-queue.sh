# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-access-queue
# about: access counters hold up neither each other, if a VM is locked, nor page faults
# gpu: bmg media=off
# sides: stock ours
# short-sides: ours
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

spaces=(a b c d)
trace=/sys/kernel/tracing

# in_ram KIB: succeed if the client has KIB in RAM
in_ram()
{
	local answer

	echo "ask resident gtt ${1}K" >&"${CLIENT[1]}"
	IFS= read -r -t 60 answer <&"${CLIENT[0]}"
	[[ $answer = ok* ]]
}

handled()
{
	grep -q xe_guc_pagefault_handler $trace/trace
}

be_gpu
gpu block what=none # as if each context had an engine of its own
modprobe fuse || fail "modprobe fuse"
mount -t tracefs tracefs $trace 2>/dev/null
echo 0 >/proc/sys/kernel/hung_task_timeout_secs

client_start
client vm a # keeps the device awake

say "a fault behind an access counter"
echo xe_guc_pagefault_handler >$trace/set_ftrace_filter || fail "set_ftrace_filter"
echo function >$trace/current_tracer
# The worker may be faster than the interrupt handler that has just woken it.
for ((i = 0; i < 5; i++)); do
	echo >$trace/trace
	gpu hold what=irq on # the driver must see both at once
	gpu access-counter asid=0xabcde va=0x100000000
	gpu fault asid=0xabcde va=0xdead0000
	gpu hold what=irq off
	gpu wait outstanding=0 timeout=60
	wait_for 30 handled || fail "the fault was not traced"
	caller=$(sed -n 's/.* xe_guc_pagefault_handler <-//p' $trace/trace)
	[ "$caller" != xe_guc_ct_fast_path ] || break
done
echo nop >$trace/current_tracer
say "the fault was handled in $caller"
if [[ $SIDE = stock || $(uname -r) = 6.12.* ]]; then
	[ "$caller" != xe_guc_ct_fast_path ] || fail "a worker was expected to take the fault"
else
	[ "$caller" = xe_guc_ct_fast_path ] || fail "the fault had to wait for a worker"
fi

say "a VM is locked, and four others are not"
va=0x200000000
for s in "${spaces[@]}"; do
	[ "$s" = a ] || client vm "$s"
	client null "$s" 0x100000000 64K
	client write "$s" 0x100000000 1
	client bo "$s" $va 64K both
	client prefetch "$s" $va 64K 0
done
in_ram $((4 * 128)) || fail "not in system memory at first"
/job/xe-client stuck /tmp/stuck 1 >/run/stuck 2>&1 &
pid=$!
wait_for 60 grep -q started /run/stuck || fail "$(cat /run/stuck)"
gpu access-counter asid="$(gpu asids | sed 's/.*,//')" va=$va # that of the locked VM
gpu access-counter asid=all va=$va
if [ "$SIDE" = stock ]; then
	# 6.12 has four queues, of which the stuck VM blocks one; 7.2 and later move nothing
	sleep 5
	! in_ram $((4 * 64)) || fail "stock was expected to hold up one"
else
	wait_for 30 in_ram $((4 * 64)) || fail "the locked VM holds up others"
fi

touch /tmp/stuck.go
wait $pid || fail "$(cat /run/stuck)"
umount /tmp/stuck
for s in "${spaces[@]}"; do
	client rebind "$s" $va
	client write "$s" $va 0xc0ffee
done
client_stop
gpu wait outstanding=0 timeout=60
