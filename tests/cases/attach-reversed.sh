# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: attach-reversed
# about: an attach that waits for a task is reversed after transition_timeout, and names it
# disks: 512M 512M
# timeout: 600
# kernels: all
# short: none
# udev: no
# allow: attaching stalled

. /job/lib.sh

dm()
{
	dmsetup --noudevrules --noudevsync "$@" || fail "dmsetup $*"
}

# in_journal_read: the task that registers the set sleeps in a function to be replaced
in_journal_read()
{
	grep -q 'bch_journal_read' "/proc/$pid/stack"
}

modprobe -a dm-mod dm-delay bcache || fail "no dm-delay, or no bcache"
make_set --writeback # a new set has no journal to read
fio_verify --size=4M
stop_set
dm create slow --table "0 $(blockdev --getsz "$(disk 1)") delay $(disk 1) 0 10000"
dm mknodes slow
sh -c 'echo /dev/mapper/slow >/sys/fs/bcache/register' &
pid=$!
wait_for 60 in_journal_read || fail "the registration does not read the journal"

modprobe "$MODULE" transition_timeout=2 || fail "modprobe"
wait_for 120 state_is inert || fail "not reversed"
[ "$(cat "$SYS/reason_token")" = stalled ] || fail "another reason: $(cat "$SYS/reason")"
dmesg | grep -q "waiting for task sh/$pid " || fail "the task is not named"
in_journal_read || fail "the registration was over; this showed nothing"

say "the stock driver goes on; then the module attaches"
dm suspend slow
dm reload slow --table "0 $(blockdev --getsz "$(disk 1)") linear $(disk 1) 0"
dm resume slow
wait "$pid" || fail "the registration failed"
disk 2 >/sys/fs/bcache/register
wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache || fail "no set"
rmmod "$MODULE" || fail "rmmod"
attach
fio_verify --size=4M
stop_set
