# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-queue-full
# about: 2500 simultaneous page faults in one address space; stock loses more than half
# gpu: lnl
# sides: stock ours
# timeout: 300
# kernels: all
# short: none

. /job/lib.sh

be_gpu
client_start
client vm a
client userptr a 0x100000000 10M
client write a 0x1009ff000 1
client dontneed a 0x100000000 10M
first=$(count replies)
f=$(count faults)
gpu hold what=irq on # the driver must not start before all faults have arrived
client start parallel a 2500 0x100000000 4K 0x10000
wait_for 60 counted faults $((f + 2500)) || fail "the GPU did not report all faults"
gpu hold what=irq off

if [ "$SIDE" = stock ]; then
	replies=$first quiet=0
	while ((quiet < 5)); do
		sleep 1
		now=$(count replies)
		((now == replies)) && quiet=$((quiet + 1)) || quiet=0
		replies=$now
	done
	n=$(count outstanding)
	say "$((replies - first)) faults were answered, $n never will be"
	((n > 0)) || fail "stock was expected to lose some faults"
	client stalled a 0
	dmesg | grep -E 'ull, shouldn|G2H action' | head -n 4
	lost "$n"
	# Keep the client until the end: its context can't be disabled any more, and after 5 s
	# the driver would reset the GT.
	exec {keep}>&"${CLIENT[1]}"
	sleep 600 >&"$keep" &
	exit 0
fi
client wait a
for i in 0 1000 2499; do
	client peek a $((0x100000000 + i * 4096)) $((0x10000 + i))
done
client_stop
gpu wait outstanding=0 timeout=10
