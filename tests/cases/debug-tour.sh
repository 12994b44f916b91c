# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: debug-tour
# about: everything once in one boot, for slow kernels: attach, write, recover, refuse, detach
# disks: 128M 64M 128M 64M 128M
# timeout: 300
# kernels: debug
# udev: no

. /job/lib.sh

# content: print the checksum of the blocks that were written
content()
{
	dd if=/dev/bcache0 bs=4k count=256 iflag=direct status=none | md5sum
}

copy() # FROM TO
{
	dd if="$(disk "$1")" of="$(disk "$2")" bs=1M iflag=direct oflag=direct status=none ||
		fail "copy"
}

# use CACHE BACKING: register these disks
# shellcheck disable=SC2034 # register_snapshots uses them
use()
{
	CACHE=$(disk "$1") BACKING=$(disk "$2")
	register_snapshots
}

modprobe bcache || fail "no bcache"
attach
say "attached"
make_set --writeback --bucket 64k
no_bypass
dd if=/dev/urandom of=/dev/bcache0 bs=4k count=256 oflag=direct,dsync status=none ||
	fail "write"
before=$(content)
find "$(set_dir)/journal" /sys/kernel/debug/bcache_journal -type f -exec cat {} + >/run/view ||
	fail "cannot read the views"
# what a power cut would leave
copy 1 3
copy 2 4
copy 1 5
stop_set
say "written"

use 3 4 || fail "not registered after the power cut"
dmesg | grep 'journal replayed' || fail "nothing was replayed"
[ "$(content)" = "$before" ] || fail "the content differs"
stop_set
say "recovered"

journal damage "$(disk 5)" newest -3 csum || fail "no such place"
! use 5 4 || fail "registered in spite of the damage"
wait_for 60 sets_gone || fail "the refused set was not removed"
bcache-super-show "$(disk 5)" | sed -n 's/^cset.uuid[[:space:]]*//p' >"$SYS/parameters/accept_loss"
use 5 4 || fail "not registered with accept_loss"
say "refused, then accepted"

detach
fio_verify --size=1M
stop_set
rmmod_bcache
say "detached"
