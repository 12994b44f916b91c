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
! in_initramfs bcache-journal || fail "our module is in that initramfs"
disks bcache

boot --crash <<'END'
	[ "$(findmnt -no SOURCE /)" = /dev/bcache0 ] || fail "the root is elsewhere"
	wait_attached
	! dmesg | grep 'bcache_journal: .*journal read in' || fail "there before bcache"
	file_start
	sleep 15
	ack_running
	crash_now
END

say "recovered by stock, then taken over"
boot <<'END'
	wait_attached
	file_verify
END
