# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: target-fails
# about: bcache's init function fails, and bcache is loaded again immediately
# disks: 512M 512M
# timeout: 400
# kernels: all
# short: bookworm
# udev: no

. /job/lib.sh

insmod /usr/local/lib/klp/fails.ko || fail "insmod fails"
modprobe "$MODULE"
state_is armed || fail "not armed"
modprobe bcache 2>/dev/null && fail "bcache loads though its init function fails"
modprobe bcache || fail "the livepatch keeps bcache from being loaded again"
wait_for 60 state_is inert || fail "not inert"
[ "$(cat "$SYS/reason_token")" = driver-failed ] || fail "inert for another reason"
dmesg | grep "applying patch '$MODULE' to loading" && fail "livepatch patched bcache without the module's comparison"
ctl 1 status bcache_journal
says 'dmesg . grep bcache'
make_set --writeback
fio_verify --size=4M
stop_set
rmmod "$MODULE"
rmmod_bcache
rmmod fails

say "later loads attach as usual"
modprobe bcache
attach
detach
rmmod_bcache
