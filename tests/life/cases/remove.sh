# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the packages are purged while attached
# short: none

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

limit=5400
prepared
installed
disks

boot <<'END'
	wait_set
	wait_attached
	ack_gently
	user apt -y purge outrigger-dkms outrigger-tools || fail "apt"
	[ "$(state)" = absent ] || fail "still loaded"
	unpatched || fail "still attached"
	sleep 10
	ack_stop
	find / -xdev -iname '*outrigger*' ! -path '/var/log/*' ! -path '/root/*' \
		! -path '/var/cache/*' | grep . && fail "files were left behind"
	initramfs_list >/run/image.list
	grep -q "/bcache[.]ko" /run/image.list || fail "no bcache in the initramfs"
	grep -E "bcache-journal|outrigger" /run/image.list &&
		fail "the initramfs still contains Outrigger"
	true
END
boot <<'END'
	wait_set
	[ "$(state)" = absent ] || fail "loaded"
	ack_verify
END
