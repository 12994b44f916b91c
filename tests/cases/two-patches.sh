# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: two-patches
# about: another livepatch before, beside, during and in place of the module's, repeatedly
# disks: 1G 1G
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

klp=/usr/local/lib/klp
patches=/sys/kernel/livepatch

load()	# PATCH [PARAMETER]
{
	insmod "$klp/$1.ko" "${@:2}" || fail "insmod $1"
}

settled()
{
	[ "$(cat $patches/other/transition)" = 0 ]
}

gone()	# PATCH
{
	wait_for 60 test ! -e "$patches/$1" || fail "the patch $1 was not removed"
	wait_for 10 rmmod "$1" || fail "rmmod $1"
}

unload()	# PATCH
{
	echo 0 >"$patches/$1/enabled"
	gone "$1"
}

replaced()
{
	wait_for 60 state_is inert || fail "not inert"
	grep -q replaced "$SYS/reason" || fail "the reason does not say that it was replaced"
	wait_for 30 rmmod "$MODULE" || fail "rmmod $MODULE"
}

make_set --writeback
insmod "$klp/victim.ko" || fail "insmod victim"
fio_start

say "the transition of the other patch is running: the module waits for it"
echo 20 >/sys/module/victim/parameters/sleep &
sleep 1
load other
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
unload other
state_is attached || fail "no longer attached"

say "the other patch is enabled and disabled while the module is attached"
load other
wait_for 60 settled || fail "the transition of the other patch does not end"
unload other

say "the other patch replaces the module's"
load other replace=1
replaced

say "attached beside it, and replaced by its next version, which replaces it too"
attach
sleep 5
load newer replace=1
replaced
gone other

say "attached beside that, which is disabled first"
attach
sleep 5
unload newer
state_is attached || fail "no longer attached"
detach

say "once more without another patch"
attach
fio_stop
detach
stop_set
rmmod_bcache
rmmod victim
