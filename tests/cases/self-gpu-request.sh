# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-gpu-request
# about: a failed fast request is returned to the driver, and breaks a rule
# gpu: lnl
# timeout: 120
# kernels: all
# stock: all
# allow: WARNING: .*xe_uc\.c:|Call Trace:
# expect: ^the GPU's ledger: .*unknown [1-9]

. /job/lib.sh

complains()
{
	dmesg | grep -q 'FAST_REQ H2G fence 0x[0-9a-f]* failed! e=0x60'
}

# 6.12 wrongly warns at each reset: it treats a 0 from xe_force_wake_get() as a failure
[[ $(uname -r) != 6.12.* ]] || echo 0 >/proc/sys/kernel/panic_on_warn

modprobe xe
client_start
client vm a # keeps the GPU awake
touch /run/cleared # the driver resets the GT
gpu falsify what=request on
gpu fault asid=0xabcde va=0x100000000 # its reply is a fast request
wait_for 60 complains || fail "the driver does not notice the failure"
gpu falsify what=request off
