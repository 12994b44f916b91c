# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-reset
# about: GT resets during a storm: no reply to a fault from before the reset
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: trixie-backports
# allow: WARNING: .*xe_uc\.c:|Call Trace:

. /job/lib.sh

# 6.12 wrongly warns at each reset: it treats a 0 from xe_force_wake_get() as a failure
[[ $(uname -r) != 6.12.* ]] || echo 0 >/proc/sys/kernel/panic_on_warn

be_gpu
touch /run/cleared
# Use objects only: stock warns if process memory is invalidated during a reset.
/job/xe-client storm --objects --spaces 16 --parallel 32 --media --resilient --until /run/stop &
pid=$!
wait_for 60 counted faults 512 || fail "no storm"
n=$(rounds 6 60)
for ((i = 1; i <= n; i++)); do
	r=$(count resets)
	gt_reset $((i % 2))
	wait_for 30 counted resets $((r + 1)) || fail "no reset"
	r=$(count replies)
	wait_for 60 counted replies $((r + 500)) || fail "the storm stalls"
done
touch /run/stop
wait $pid || fail "the storm"
gpu wait outstanding=0 timeout=60
gpu stat
stray=$(count stray)
if [ "$SIDE" = stock ]; then
	say "$stray stray replies"
	gpu expect what=stray n="$stray"
else
	[ "$stray" = 0 ] || fail "$stray stray replies"
fi
faults 1 0 <<'END'
vm a
bo a 0x100000000 64K
write a 0x100000000 1
END
