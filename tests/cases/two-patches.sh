# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: two-patches
# about: another livepatch before, next to, during and in place of the module's
# disks: 1G 1G
# timeout: 400
# kernels: all
# short: trixie-backports

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
	wait_for 60 test ! -e "$other" || fail "the other patch does not go away"
	wait_for 10 rmmod other || fail "rmmod other"
}

make_set --writeback
insmod "$klp/victim.ko" || fail "insmod victim"
fio_start

say "the other's transition is running: we wait for it"
echo 20 >/sys/module/victim/parameters/sleep &
sleep 1
load_other
modprobe "$MODULE"
sleep 5
state_is armed || fail "did not wait"
grep -q 'another livepatch' "$SYS/reason" || fail "does not say what it waits for"
wait_attached
wait_for 60 settled || fail "the other's transition does not end"

say "both; we go first"
detach
attach

say "both; the other goes first"
unload_other
state_is attached || fail "no longer attached"

say "the other comes and goes while we are attached"
load_other
wait_for 60 settled || fail "the other's transition does not end"
unload_other

say "the other replaces us"
load_other replace=1
wait_for 60 state_is inert || fail "not inert"
grep -q replaced "$SYS/reason" || fail "does not say that it was replaced"
wait_for 30 rmmod "$MODULE" || fail "rmmod $MODULE"
unload_other

say "and once more, alone"
attach
fio_stop
detach
stop_set
rmmod_bcache
rmmod victim
