# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: late-wake
# about: a registration does not return before its threads have used its stack for the last time
# disks: 256M 256M
# timeout: 300
# kernels: all
# sides: stock ours
# short: trixie
# udev: no

. /job/lib.sh

wake=/sys/module/wake/parameters

content()
{
	dd if=/dev/bcache0 bs=1M count=32 iflag=direct status=none | md5sum
}

is_dirty()
{
	! grep -q '^0' /sys/block/bcache0/bcache/dirty_data
}

modprobe bcache || fail "no bcache"
[ "$SIDE" = stock ] || attach
make_set --writeback --bucket 16k
no_bypass
echo 0 >/sys/block/bcache0/bcache/writeback_running
fio_verify
before=$(content)
# with a single node, there are no threads
(($(cat "$(set_dir)/tree_depth") > 0)) || fail "the btree has only one node"
is_dirty || fail "nothing is dirty"

insmod /usr/local/lib/klp/wake.ko || fail "insmod wake"
for ((i = 1; i <= $(rounds 5 50); i++)); do
	stop_set
	register_set
	is_dirty || fail "dirty data was not counted"
	[ "$(content)" = "$before" ] || fail "not the data that was written"
done
waits=$(cat $wake/waits) gone=$(cat $wake/gone)
say "$(side): slept $waits times; was gone $gone times before it was woken"
if [ "$SIDE" = stock ]; then
	((gone > 0)) || fail "the stock driver was expected to return too early"
else
	((gone == 0)) || fail "woken too late"
	((waits == 2 * (i - 1))) || fail "has not waited for all threads"
	detach
fi
stop_set
