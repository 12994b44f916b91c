# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Functions for the scripts that run on the machine, in addition to tests/guest/lib.sh.

. /job/guest-lib.sh
. /job/common.sh

# wait_set: wait until udev has registered the set; the case does not register it
wait_set()
{
	wait_for 120 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
		fail "the set did not come up"
}

# status: show what a user looks at
status()
{
	if command -v outriggerctl >/dev/null; then
		user outriggerctl status
	else
		user grep . /sys/module/bcache_journal/{version,state,target,reason}
	fi
}

# ack_gently: like ack_start, but leaves CPU time to other tasks
ack_gently()
{
	ack_start
	sleep 1
	renice -n 19 $(pgrep ackwrite) >/run/renice
}

# root_is_ours: root is on bcache, and our livepatch was in place before it was mounted; the
# last tasks may switch to our functions a moment later
root_is_ours()
{
	[ "$(findmnt -no SOURCE /)" = /dev/bcache0 ] || fail "the root is elsewhere"
	wait_attached
	dmesg | sed '/EXT4-fs (bcache0): mounted/,$d' |
		grep "livepatch: 'bcache_journal': starting patching" ||
		fail "attached only after the root was mounted"
}

# file_start, file_verify: like ack_start and ack_verify, in a file on the root file system
file_start()
{
	truncate -s 64M /var/acks
	loop
	/job/ackwrite write "$loop" "${BOOT}000000" >&3 &
	# shellcheck disable=SC2034 # for ack_running
	ack_pid=$!
}

file_verify()
{
	loop
	/job/ackwrite verify "$loop" /job/acks 100 || fail "acknowledged writes lost"
}

loop()
{
	loop=$(losetup --direct-io=on --show -f /var/acks) || fail "losetup"
}
