# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: bcache is the root file system, our module in the initramfs; the plug is pulled
# short: bookworm

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

prepared
installed
in_initramfs bcache-journal || fail "our module is not in the initramfs"
disks bcache

boot --crash <<'END'
	root_is_ours
	file_start
	sleep 15
	ack_running
	crash_now
END

say "recovered by us, in the initramfs"
boot <<'END'
	root_is_ours
	dmesg | grep -E 'bcache_journal: .*journal (read|replayed) in' || fail "the recovery was not ours"
	file_verify
END
kept_out 'file_verify'
