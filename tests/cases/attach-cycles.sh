# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: attach-cycles
# about: attach and detach as fast as transitions complete, under fio with verify
# disks: 1G 1G
# timeout: 1800
# kernels: all
# short: none

. /job/lib.sh

make_set --writeback
# Not at full speed: on 6.12 a transition patches every call of cond_resched(), with IPIs
# to all CPUs for each, and takes minutes if both CPUs are busy emulating fio.
fio_start --rate_iops=100 --iodepth=4 --size=16M
n=$(rounds 10 50)
for ((i = 1; i <= n; i++)); do
	attach
	detach
	((i % 5)) || say "$i times"
done
fio_stop
stop_set
rmmod_bcache
