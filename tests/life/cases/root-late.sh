# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: root file system on bcache, with an initramfs older than the package
# short: none

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

prepared
installed
namespace install -D -m 644 "$MACHINE/root/boot/initrd.img-$KVER" \
	"upper/boot/initrd.img-$KVER"
in_initramfs bcache || fail "no bcache in the initramfs"
! in_initramfs bcache-journal || fail "the module is in the old initramfs"
disks bcache

boot --crash <<'END'
	[ "$(findmnt -no SOURCE /)" = /dev/bcache0 ] || fail "the root file system is not on bcache"
	wait_attached
	! dmesg | grep 'bcache_journal: .*journal read in' || fail "the module was loaded before bcache"
	file_start
	sleep 15
	ack_running
	crash_now
END

say "the stock driver recovers, then the module attaches"
boot <<'END'
	wait_attached
	file_verify
END
