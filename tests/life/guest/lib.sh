# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Functions for the scripts that run on the machine, in addition to tests/guest/lib.sh.

. /job/guest-lib.sh
. /job/common.sh

# wait_set: wait until udev has registered the set
wait_set()
{
	wait_for 120 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
		fail "the set did not come up"
}

# status: show the status as a user would
status()
{
	if command -v outriggerctl >/dev/null; then
		user outriggerctl status
	else
		user grep . /sys/module/bcache_journal/{version,state,target,reason}
	fi
}

# ack_gently: like ack_start, with a low priority
ack_gently()
{
	ack_start
	sleep 1
	renice -n 19 $(pgrep ackwrite) >/run/renice
}

# root_is_ours: check that the root file system is on bcache, and that the livepatch was
# enabled before it was mounted; the transition may complete later
root_is_ours()
{
	[ "$(findmnt -no SOURCE /)" = /dev/bcache0 ] || fail "the root file system is not on bcache"
	wait_attached
	dmesg | sed '/EXT4-fs (bcache0): mounted/,$d' |
		grep "livepatch: 'bcache_journal': starting patching" ||
		fail "the livepatch was enabled only after the root was mounted"
}

# file_start, file_verify: like ack_start and ack_verify, on a file of the root file system
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
