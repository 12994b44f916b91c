# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: no-memory
# about: allocations fail while the module is loaded, attaches, and a set is registered
# disks: 512M 512M
# timeout: 1800
# kernels: all
# short: none
# udev: no

. /job/lib.sh

parameters=/sys/module/nomem/parameters

# without N COMMAND...: run COMMAND while the N-th allocation fails; succeed if there was one
without()
{
	local left

	echo "$1" >$parameters/nth
	"${@:2}"
	left=$(cat $parameters/nth)
	echo 0 >$parameters/nth
	[ "$left" = 0 ]
}

settled()
{
	state_is inert || { state_is attached && grep -q 0 "$PATCH/transition"; }
}

# load TOKEN [PARAMETER]: the module is attached; or inert because of TOKEN; or not loaded,
# and has left nothing behind
load()
{
	local token=$1

	shift
	if ! modprobe "$MODULE" "$@" 2>/run/error; then
		grep -q 'Cannot allocate memory' /run/error || fail "modprobe: $(cat /run/error)"
		[ ! -e "$SYS" ] && [ ! -e /sys/kernel/debug/bcache_journal ] &&
			[ ! -e "$PATCH" ] || fail "not loaded, but something is left"
		refused=$((refused + 1))
		return
	fi
	wait_for 240 settled || fail "neither attached nor inert"
	state_is inert || return 0
	[ "$(cat "$SYS/reason_token")" = "$token" ] || fail "inert for another reason"
	rmmod "$MODULE" || fail "rmmod $MODULE"
	inert=$((inert + 1))
}

has_view()
{
	[ -e "$(set_dir)/journal/seq" ]
}

# register CACHE BACKING: the set is registered, or refused with a message and released
register()
{
	dmesg -C
	if (echo "$1" >/sys/fs/bcache/register) 2>/dev/null; then
		echo "$2" >/sys/fs/bcache/register
		wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
			fail "the backing device did not join the set"
		fio_verify --size=1M
		wait_for 30 has_view || fail "no view"
		registered=$((registered + 1))
	else
		dmesg | grep -q 'not registered' || fail "refused without a message"
		wait_for 60 sets_gone || fail "the set was not released"
		refused=$((refused + 1))
	fi
}

make_set --writeback
fio_verify --size=1M
insmod /usr/local/lib/klp/nomem.ko of="$MODULE" depth=32 || fail "insmod nomem"

refused=0 inert=0
for ((n = 1; ; n++)); do
	without $n load off off=1 || break
done
say "load: $((n - 1)) allocations, $refused times not loaded, $((inert - 1)) times loaded"
((refused > 10)) || fail "fewer failures than expected"

# These are in livepatch, which undoes everything in the same way: skip most.
inert=0
while without $n load refused && ! state_is attached; do
	n=$((n + 23))
done
state_is attached || fail "not attached"
say "attach: inert $inert times"
((inert > 3)) || fail "fewer failures than expected"
stop_set

# what the functions of this module allocate themselves
echo 1 >$parameters/depth
refused=0 registered=0
for ((n = 1; ; n++)); do
	without $n register "$(disk 1)" "$(disk 2)" || break
	[ ! "$(set_dir)" ] || stop_set
done
say "register: $((n - 1)) allocations, $refused times refused, $registered times registered"
((refused > 0 && registered > 1)) || fail "fewer failures than expected"
stop_set
detach
rmmod nomem
