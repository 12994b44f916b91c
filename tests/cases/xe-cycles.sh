# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-cycles
# about: attach and detach during a storm of page faults, as fast as transitions complete
# gpu: lnl
# sides: ours
# timeout: 1800
# kernels: all
# short: none

. /job/lib.sh

modprobe xe || fail "modprobe xe"
/job/xe-client storm --spaces 16 --parallel 32 --media --until /run/stop &
pid=$!
wait_for 60 counted faults 512 || fail "no storm"
n=$(rounds 6 50)
for ((i = 1; i <= n; i++)); do
	attach
	f=$(count faults)
	wait_for 60 counted replies $((f + 200)) || fail "the storm stalls while attached"
	detach
	f=$(count faults)
	wait_for 60 counted replies $((f + 200)) || fail "the storm stalls while detached"
	((i % 5)) || say "$i times, $f faults"
done

say "each side takes over while the other still has faults queued"
for i in 1 2 3; do
	gpu hold what=irq on
	gpu storm n=900 asid=all va=0x100000000 addresses=16 access=write
	gpu hold what=irq off
	attach
	gpu hold what=irq on
	gpu storm n=900 asid=all va=0x100000000 addresses=16 access=write
	gpu hold what=irq off
	detach
done
touch /run/stop
wait $pid || fail "the storm"
gpu wait outstanding=0 timeout=60
gpu stat
