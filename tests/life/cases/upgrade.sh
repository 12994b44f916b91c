# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# about: the package is upgraded while attached, and outriggerctl reload switches to it
# short: none

# shellcheck source=../lib.sh
. "$LIFE/lib.sh"

limit=5400
prepared
installed
disks
next_version

boot <<'END'
	wait_set
	wait_attached
	old=$(cat "$SYS/version")
	ack_gently
	user apt -y install /job/next/outrigger-*.deb | tee /run/apt
	[ "${PIPESTATUS[0]}" = 0 ] || fail "apt"
	grep 'outriggerctl reload' /run/apt || fail "apt does not say that a reload is due"
	state_is attached || fail "no longer attached"
	[ "$(cat "$SYS/version")" = "$old" ] || fail "the loaded version has changed"
	status
	user outriggerctl reload || fail "reload"
	wait_attached
	[ "$(cat "$SYS/version")" != "$old" ] || fail "still the old version"
	status
	sleep 10
	ack_stop
END
boot <<'END'
	wait_set
	wait_attached
	status
	[ "$(cat "$SYS/version")" = "$(modinfo -F version bcache-journal)" ] ||
		fail "not the new version"
	ack_verify
END
kept_out 'wait_set; ack_verify'
