# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: foreign-stuck
# about: another livepatch, with and without replace, is stuck in its transition
# disks: 512M 512M
# timeout: 900
# kernels: all
# short: none
# udev: no

. /job/lib.sh

klp=/usr/local/lib/klp
other=/sys/kernel/livepatch/other

# stick [PARAMETER]: load the other patch while a task sleeps in the function that it
# replaces
stick()
{
	bash -c 'echo 100000 >/sys/module/victim/parameters/sleep' &
	stuck=$!
	sleep 1
	insmod "$klp/other.ko" "$@" || fail "insmod other"
	sleep 3
	[ "$(cat "$other/transition")" = 1 ] || fail "the other patch is not stuck"
}

unstick()
{
	kill -9 "$stuck"
	wait_for 60 grep -q 0 "$other/transition" || fail "the transition of the other patch does not end"
}

unload_other()
{
	echo 0 >"$other/enabled"
	wait_for 60 test ! -e "$other" || fail "the other patch was not removed"
	wait_for 10 rmmod other || fail "rmmod other"
}

# prerm: run the prerm script of the package
prerm()
{
	local began=$SECONDS

	sed '/^# Automatically added/,$d' /var/lib/dpkg/info/outrigger-dkms.prerm >/run/prerm
	sh /run/prerm remove >/run/ctl 2>&1 || fail "the package can't be removed"
	sed 's/^/    /' /run/ctl
	((SECONDS - began < 100)) || fail "removing took $((SECONDS - began)) s"
}

insmod "$klp/victim.ko" || fail "insmod victim"

say "the other patch is stuck when bcache is loaded: the module waits, bcache runs on stock"
stick
modprobe "$MODULE"
modprobe bcache || fail "bcache does not load"
make_set --writeback
fio_verify --size=4M
state_is armed || fail "not armed"
[ "$(cat "$SYS/reason_token")" = other-patch ] || fail "the reason is not other-patch"
ctl 0 status bcache_journal
says 'waiting for the transition of another livepatch'
ctl 3 attach --timeout 3 bcache_journal
says 'waiting for the transition of another livepatch \(other\); it stays armed'
ctl 0 doctor bcache_journal
says '^warn +other live patches: other is in transition'
prerm
[ "$(state)" = absent ] || fail "prerm did not unload the armed module"
modprobe "$MODULE"
unstick
wait_attached
unload_other

say "attached, then another patch gets stuck"
stick
ctl 3 detach --timeout 3 bcache_journal
says 'another livepatch \(other\) is in transition, nothing was changed'
ctl 0 status --due
prerm
says 'another livepatch \(other\) is in transition'
says 'stays loaded until the next boot'
state_is attached || fail "not attached"
fio_verify --size=4M
unstick
unload_other

say "attached, then a patch that replaces the module gets stuck"
stick replace=1
ctl 3 unload --timeout 3 bcache_journal
says 'another livepatch \(other\) is in transition'
ctl 0 doctor bcache_journal
says '^warn +other live patches: other is in transition'
fio_verify --size=4M
unstick
wait_for 60 state_is inert || fail "not inert"
[ "$(cat "$SYS/reason_token")" = replaced ] || fail "the reason is not replaced"
ctl 1 status bcache_journal
ctl 0 unload bcache_journal
unload_other

say "attached, and the machine powers off while another patch is stuck"
attach
stick
fio_verify --size=1M
stop_set
