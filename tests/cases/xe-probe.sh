# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-probe
# about: the stock driver probes the emulated GPU and runs a batch on each engine, twice
# gpu: lnl
# sides: stock ours
# timeout: 300
# kernels: all
# short: none

. /job/lib.sh

for i in 1 2; do
	be_gpu
	dmesg | sed -n 's/^.*\(xe [0-9a-f:.]*: .*firmware\)/\1/p; s/^.*\(Initialized xe\)/\1/p'
	ls /dev/dri
	for e in "rcs 0 0" "bcs 0 0" "ccs 0 0" "vcs 0 1" "vecs 0 1"; do
		faults 1 0 <<-END
			engine $e
			vm a
			bo a 0x100000000 64K
			write a 0x100000000 0xc0ffee
		END
	done
	say "round $i: a batch ran on each engine"
	leave_gpu
done
! dmesg | grep -E '\*ERROR\*|WARN' || fail "the driver complained"
