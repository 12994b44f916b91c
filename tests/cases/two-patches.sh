# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: two-patches
# about: another livepatch before, beside, during and in place of the module's
# disks: 1G 1G
# timeout: 400
# kernels: all
# short: none

. /job/lib.sh

klp=/usr/local/lib/klp
other=/sys/kernel/livepatch/other

load_other()
{
	insmod "$klp/other.ko" "$@" || fail "insmod other"
}

settled()
{
	[ "$(cat "$other/transition")" = 0 ]
}

unload_other()
{
	echo 0 >"$other/enabled"
	wait_for 60 test ! -e "$other" || fail "the other patch was not removed"
	wait_for 10 rmmod other || fail "rmmod other"
}

make_set --writeback
insmod "$klp/victim.ko" || fail "insmod victim"
fio_start

say "the transition of the other patch is running: the module waits for it"
echo 20 >/sys/module/victim/parameters/sleep &
sleep 1
load_other
modprobe "$MODULE"
sleep 5
state_is armed || fail "the module did not wait"
grep -q 'another livepatch' "$SYS/reason" || fail "the reason does not name the other livepatch"
wait_attached
wait_for 60 settled || fail "the transition of the other patch does not end"

say "both are enabled; the module is detached first"
detach
attach

say "both are enabled; the other patch is disabled first"
unload_other
state_is attached || fail "no longer attached"

say "the other patch is enabled and disabled while the module is attached"
load_other
wait_for 60 settled || fail "the transition of the other patch does not end"
unload_other

say "the other patch replaces the module's"
load_other replace=1
wait_for 60 state_is inert || fail "not inert"
grep -q replaced "$SYS/reason" || fail "the reason does not say that it was replaced"
wait_for 30 rmmod "$MODULE" || fail "rmmod $MODULE"
unload_other

say "once more without the other patch"
attach
fio_stop
detach
stop_set
rmmod_bcache
rmmod victim
