# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: journal-stuck
# about: nothing empties a full journal: said in the log, in sysfs and as an event, until it ends
# disks: 256M 256M
# timeout: 400
# kernels: all
# short: none
# udev: no

. /job/lib.sh

late=/sys/module/late/parameters

held()
{
	[ "$(cat $late/held)" = "$1" ]
}

reported()
{
	dmesg | grep -F 'bcache_journal' | grep -F 'the journal is full: none of entries'
}

acked()	# N
{
	(($(wc -l </run/acks) > $1))
}

# figure NAME: print a figure of the journal
figure()
{
	cat "$(set_dir)/journal/$1"
}

modprobe bcache || fail "no bcache"
attach
small_set 33280 --bucket 16k --block 4k # a journal of 8 buckets of 4 blocks
ack_start 3>/run/acks
wait_for 200 blocks_written bcache0 600 || fail "hardly any writes"
counted()
{
	(($(figure writes) > 0)) # the directory appears some time after the set
}
wait_for 60 counted || fail "no figures"
! reported || fail "reported too early"
events_start

# a task that holds a pin is not scheduled: see tests/cases/late-pin.sh
insmod /usr/local/lib/klp/late.ko || fail "insmod late"
echo 1 >$late/hold
wait_for 30 held 1 || fail "no insertion"
wait_for 70 reported || fail "not reported: $(grep . "$(set_dir)"/journal/*)"
n=$(wc -l </run/acks)
grep . "$(set_dir)"/journal/* | sed 's|.*/||'
[ "$(figure full)" = 1 ] || fail "sysfs: not full"
ctl 1 status
says 'the journal is full, and none of its entries is reclaimed'
(($(figure stalls) > 0)) || fail "sysfs: no stall"
(($(figure oldest_age_ms) > 25000)) || fail "sysfs: the oldest entry is too young"
sleep 2
(($(wc -l </run/acks) == n)) || fail "writes are acknowledged although the journal is full"

echo 0 >$late/hold
wait_for 30 acked $((n + 100)) || fail "no writes after the task went on"
events_are stuck ok
ctl 0 status
(($(figure longest_stall_ms) > 25000)) || fail "sysfs: no long stall"
ack_stop
/job/ackwrite verify /dev/bcache0 /run/acks 500 || fail "acknowledged writes lost"
stop_set
