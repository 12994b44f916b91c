# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: attach-full
# about: attach and detach on a small journal that small writes keep full
# disks: 256M 1G
# timeout: 600
# kernels: all
# short: trixie-backports

. /job/lib.sh

# small buckets make a small journal
make_set --writeback --bucket 64k
echo 0 >/sys/block/bcache0/bcache/sequential_cutoff
for i in 1 2 3; do
	attach
	fio_verify --size=64M --iodepth=64
	say "round $i: verified, attached"
	fio_start --size=16M --iodepth=64
	sleep 10
	detach
	fio_stop
done
stop_set
register_set
stop_set
rmmod_bcache
