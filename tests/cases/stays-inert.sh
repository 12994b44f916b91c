# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: stays-inert
# about: a module built for another kernel, a different bcache, a failing enable: stock works
# disks: 512M 512M
# timeout: 400
# kernels: all
# short: none
# udev: no
# alerts: OutriggerNotAttached

. /job/lib.sh

cd /run || exit
unpack bcache_journal ours.ko
unpack bcache bcache.ko
release=$(uname -r)

# load MODULE FILE: load FILE instead of the installed module, after its dependencies
load()
{
	modprobe --show-depends "$1" | sed -n '$d; s/^insmod //p' |
		xargs -rn 1 insmod 2>/dev/null
	insmod "$2" || fail "insmod $2"
}

say "built for another kernel, with a matching vermagic"
LC_ALL=C sed "s/$release\x00/${release/./x}\x00/g" ours.ko >elsewhere.ko
! cmp -s ours.ko elsewhere.ko || fail "the module does not contain the kernel's release"
if (load "$MODULE" elsewhere.ko) >/run/refused 2>&1; then
	load bcache bcache.ko
	inert_because 'built for another kernel'
else
	# a kernel without symbol versions checks only the release
	[ ! -e "$SYS" ] || fail "refused, but loaded"
	say "the kernel refuses to load it"
fi

say "two functions of bcache have swapped places; either order of loading"
objcopy --redefine-sym bch_journal=bch_journal_meta \
	--redefine-sym bch_journal_meta=bch_journal bcache.ko changed.ko
modprobe "$MODULE"
load bcache changed.ko
inert_because 'not the one this module was built for'
load bcache changed.ko
modprobe "$MODULE"
inert_because 'not the one this module was built for'

say "enabling fails: bcache lacks a function that the module calls"
objcopy --redefine-sym bch_cache_set_error=bch_cache_set_err0r bcache.ko lacking.ko
modprobe "$MODULE"
load bcache lacking.ko
inert_because 'livepatch refused the patch'
load bcache lacking.ko
modprobe "$MODULE"
inert_because 'livepatch refused the patch'

say "the real bcache works"
modprobe bcache
attach
metrics
detach
rmmod_bcache

say "an inert module is an alert"
modprobe "$MODULE"
load bcache lacking.ko
wait_for 30 state_is inert || fail "not inert"
metrics
