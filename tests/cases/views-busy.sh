# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: views-busy
# about: a long registration blocks neither readers of the views nor a detach; then bcache goes
# disks: 512M 512M 512M
# timeout: 600
# kernels: all
# short: none
# udev: no

. /job/lib.sh

dm()
{
	dmsetup --noudevrules --noudevsync "$@" || fail "dmsetup $*"
}

in_our_scan()
{
	grep -q '\[bcache_journal\]' "/proc/$pid/stack"
}

# busy FILE: a read of FILE fails with EAGAIN instead of blocking
busy()
{
	timeout -s KILL 30 cat "$1" >/dev/null 2>/run/busy && fail "$1 was read"
	grep -q 'Resource temporarily unavailable' /run/busy || fail "$1: $(cat /run/busy)"
}

sets()
{
	compgen -G '/sys/fs/bcache/*-*'
}

two_sets()
{
	[ "$(sets | wc -l)" = 2 ]
}

one_set()
{
	[ "$(sets | wc -l)" = 1 ]
}

second_set()
{
	sets | grep -vF "$first"
}

make_set --writeback
first=$(set_dir)
attach
views=$(set_dir)/journal
wait_for 60 test -e "$views/seq" || fail "no views"
ring=$(echo /sys/kernel/debug/bcache_journal/*/ring)

modprobe dm-mod
modprobe dm-delay || fail "no dm-delay"
make-bcache -C "$(disk 3)" >/dev/null || fail "make-bcache"
# a new set has no journal to read, so register it once before the test
disk 3 >/sys/fs/bcache/register_quiet
wait_for 60 two_sets || fail "the second set did not register"
echo 1 >"$(second_set)/stop"
wait_for 60 one_set || fail "the second set did not stop"
dm create cache --table "0 $(blockdev --getsz "$(disk 3)") delay $(disk 3) 0 200"
echo /dev/dm-0 >/sys/fs/bcache/register_quiet &
pid=$!
wait_for 60 in_our_scan || fail "the registration never reached the scan"
dm suspend --noflush --nolockfs cache

say "a registration sleeps with the lock held"
busy "$views/seq"
busy "$views/full"
busy "$ring"
ctl 0 status
say "detach while each file is being read"
for f in "$views"/* "$ring"; do
	while cat "$f" >/dev/null 2>&1 || [ -e "$f" ]; do :; done &
done
echo 0 >"$PATCH/enabled" || fail "cannot disable the livepatch"
wait_for 120 test ! -e "$views" -a ! -e "$ring" || fail "the views were not removed"
state_is detaching || fail "not detaching: $(state)"

say "the registration goes on in our functions; the search for new sets must not run again"
cd /sys/kernel/tracing || fail "no tracefs"
echo 1 >events/workqueue/workqueue_execute_start/enable || fail "no such event"
dm resume cache
wait_for 240 unpatched || fail "the livepatch was not removed"
wait "$pid"
sleep 3
grep -q 'function ' trace || fail "nothing is traced"
! grep 'bj_views_sync' trace || fail "bj_views_sync ran after the views had been taken down"
fio_verify --size=1M
sets | sed 's|$|/stop|' | while read -r stop; do
	echo 1 >"$stop"
done
stop_set
# bcache closes the device a moment after the set has left sysfs
wait_for 30 dmsetup remove cache || fail "the cache device is still held"
rmmod_bcache
sleep 3
wait_for 30 rmmod "$MODULE" || fail "rmmod $MODULE"
