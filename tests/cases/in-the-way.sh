# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: in-the-way
# about: kernel.ftrace_enabled=0 and a kprobe with a post handler, before and after an attach
# disks: 512M 512M
# timeout: 500
# kernels: all
# short: none
# udev: no

. /job/lib.sh

klp=/usr/local/lib/klp

# refused_for TOKEN: the module is inert, and reason_token is TOKEN
refused_for()
{
	wait_for 60 state_is inert || fail "not inert"
	[ "$(cat "$SYS/reason_token")" = "$1" ] || fail "inert for another reason: $(cat "$SYS/reason_token")"
	[ ! -e "$PATCH" ] || fail "inert, but a patch exists"
}

ftrace()
{
	sysctl -q "kernel.ftrace_enabled=$1"
}

if [[ $(uname -r) = 7.3.* ]]; then # it never switches ftrace off
	modprobe bcache
	attach
else
	say "ftrace is off before anything is loaded"
	ftrace 0 || fail "sysctl"
	modprobe bcache
	modprobe "$MODULE"
	refused_for ftrace-off
	make_set --writeback
	fio_verify --size=4M
	ctl 1 status bcache_journal
	says 'sysctl kernel.ftrace_enabled=1'
	ctl 1 doctor bcache_journal
	says '^fail +ftrace: kernel.ftrace_enabled=0'
	ctl 1 attach bcache_journal
	says 'kernel.ftrace_enabled is 0'
	stop_set
	rmmod "$MODULE" && rmmod_bcache

	say "ftrace is switched off while the module is armed"
	ftrace 1
	modprobe "$MODULE"
	[ "$(cat "$SYS/reason_token")" = none ] || fail "armed, but with a reason"
	ftrace 0
	modprobe bcache || fail "bcache does not load"
	refused_for ftrace-off
	ftrace 1
	ctl 0 attach --timeout 240 bcache_journal
fi

say "the kernel refuses to switch ftrace off while attached"
ftrace 0 2>/dev/null && fail "ftrace was switched off"
[ "$(cat /proc/sys/kernel/ftrace_enabled)" = 1 ] || fail "ftrace is off"
if insmod "$klp/probe.ko" on=bcache:bch_journal 2>/dev/null; then
	# register_kprobe() of 7.2 and 7.3 succeeds even if it could not arm the kprobe
	[[ $(uname -r) = 7.* ]] || fail "a post handler was added to a replaced function"
	! grep bch_journal /sys/kernel/debug/kprobes/list || fail "such a kprobe is armed"
	rmmod probe
fi
detach

say "a kprobe with a post handler is there first"
insmod "$klp/probe.ko" on=bcache:bch_journal || fail "insmod probe"
ctl 0 doctor bcache_journal
says '^warn +kprobes: one is set on bch_journal of bcache, which bcache_journal replaces'
modprobe "$MODULE"
refused_for busy
ctl 1 doctor bcache_journal
says '^fail +kprobes: one is set on bch_journal of bcache, which bcache_journal replaces'
ctl 1 attach bcache_journal
says 'outriggerctl doctor bcache_journal'
rmmod probe
ctl 0 attach --timeout 240 bcache_journal
ctl 0 doctor bcache_journal
says '^ok +kprobes: none on a function that bcache_journal replaces'
make_set --writeback
fio_verify --size=4M
stop_set
detach
rmmod_bcache
