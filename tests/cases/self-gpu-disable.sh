# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-gpu-disable
# about: a context whose page fault gets no reply can't be disabled; the driver complains
# gpu: lnl
# timeout: 120
# kernels: all
# stock: all
# allow: WARNING: .*xe_uc\.c:|Call Trace:
# expect: ^the GPU's ledger: missing 1,

. /job/lib.sh

complains()
{
	dmesg | grep -q 'disable failed to respond'
}

# 6.12 wrongly warns at each reset: it treats a 0 from xe_force_wake_get() as a failure
[[ $(uname -r) != 6.12.* ]] || echo 0 >/proc/sys/kernel/panic_on_warn

modprobe xe
client_start
client vm a
client bo a 0x100000000 64K
client write a 0x100000000 1
n=$(count faults)
gpu ignore what=page-fault-reply on
client bo a 0x200000000 64K
client start write a 0x200000000 1
wait_for 30 counted faults $((n + 1)) || fail "no fault"
touch /run/cleared # the driver resets the GT
kill -KILL "$CLIENT_PID"
wait_for 60 complains || fail "the context was disabled without a reply"
