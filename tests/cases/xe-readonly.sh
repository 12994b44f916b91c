# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-readonly
# about: a write to a read-only binding is refused; stock 6.12 makes the GPU retry it forever
# gpu: lnl
# sides: stock ours
# timeout: 300
# kernels: all
# short: none

. /job/lib.sh

be_gpu
if [[ $SIDE/$(uname -r) = stock/6.12.* ]]; then
	# stock binds the page again each time, and reports success
	client_start
	client vm a
	client userptr a 0x100000000 64K readonly
	n=$(count faults) u=$(count unsuccessful)
	client start write a 0x100000000 1
	wait_for 120 counted livelock 1 || fail "on stock, the fault is not repeated"
	wait_for 60 counted unfounded 1 || fail "stock was expected to report a false success"
	gpu expect what=unfounded n=1
	gpu expect what=livelock n=1
	client stalled a 0
	[ "$(count unsuccessful)" = "$u" ] || fail "stock was not expected to refuse the write"
	say "one write caused $(($(count faults) - n)) faults"
	client destroy a # the access ends only when its address space is gone
	client_stop
	gpu wait outstanding=0 timeout=60
else
	faults 3 2 <<-'END'
		vm a
		userptr a 0x100000000 64K readonly
		userptr a 0x200000000 64K readonly
		fails write a 0x100000000 1
		queue a
		read a 0x200000000 0
		fails write a 0x200000000 1
	END
fi
