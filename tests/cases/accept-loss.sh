# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: accept-loss
# about: a set that is refused, registered by order of the operator: what is given up stays so
# disks: 192M 192M 192M 192M
# timeout: 600
# kernels: all
# short: trixie
# boots: 4
# udev: no

. /job/lib.sh

ACCEPT=$SYS/parameters/accept_loss

uuid()
{
	bcache-super-show "$(disk 1)" | sed -n 's/^cset.uuid[[:space:]]*//p'
}

# accept UUID
accept()
{
	[ -e "$ACCEPT" ] || fail "no parameter accept_loss"
	echo "$1" >"$ACCEPT" || fail "accept_loss does not take $1"
}

# given_up: the last registration used the acceptance, and said what was lost
given_up()
{
	! grep -q "$(uuid)" "$ACCEPT" || wrong "$1: the acceptance is still there"
	logged "$(uuid)" 'lost|given up|abandoned|accept' || wrong "$1: lost without a word"
}

# accepted WHAT BUCKET ENTRY KIND: refused, then accepted, then whole
accepted()
{
	local what="$4, $1" reg

	trials=$((${trials-0} + 1))
	say "== $what"
	snapshots
	journal damage /dev/mapper/cache "${@:2}" || fail "no such place"
	dmesg -C
	! register_snapshots || {
		wrong "$what: not refused"
		stop_set
		drop_snapshots || fail "the device is held"
		return
	}
	wait_for 60 sets_gone || fail "$what: the set does not go"
	dmesg | grep -F bcache | grep -qF "$(uuid)" || wrong "$what: the refusal has no UUID"

	accept 01234567-89ab-cdef-0123-456789abcdef
	! register_snapshots || fail "$what: another set's acceptance was taken"
	wait_for 60 sets_gone || fail "$what: the set does not go"

	accept "$(uuid)"
	dmesg -C
	register_snapshots && reg=yes || reg=no
	dmesg | grep -F bcache | head -n 12 | cut -c 1-300 | sed 's/^/    /'
	[ $reg = yes ] || fail "$what: refused though accepted"
	given_up "$what"
	fio_verify --size=4M
	stop_set

	# a set that was stopped in order has nothing to accept
	dmesg -C
	register_snapshots || fail "$what: refused the second time"
	fio_verify --size=4M
	stop_set
	drop_snapshots || fail "$what: the device is held"
}

case $BOOT in
1)
	be ours
	make_set --writeback --bucket 128k
	acks_until 120 journal ready "$(disk 1)"
	crash_now
	;;
2)
	modprobe bcache
	modprobe dm_snapshot
	journal list "$(disk 1)" | grep '^#'
	attach
	accepted "in the bucket before" newest-1 20 csum
	accepted "first entry of the newest bucket" newest 0 block
	accepted "third entry from the end" newest -3 inode
	accepted "the bucket before" newest-1 0 bucket
	accepted "the newest entry" newest -1 version
	trials_done

	say "== on the disks; and the power fails as soon as the set is registered"
	journal damage "$(disk 1)" newest-1 20 csum
	accept "$(uuid)"
	register_set
	given_up "on the disks"
	trials_done
	dd if=/dev/bcache0 of="$(disk 3)" bs=1M iflag=direct oflag=direct status=none
	sync
	crash_now
	;;
3)
	be ours
	journal list "$(disk 1)" | grep '^#'
	register_set # nobody has accepted anything
	dd if=/dev/bcache0 bs=1M iflag=direct status=none |
		cmp - "$(disk 3)" -n "$(blockdev --getsize64 /dev/bcache0)" ||
		fail "what was given up has come back"
	ack_start
	sleep 10
	ack_running
	crash_now
	;;
4)
	be ours
	journal list "$(disk 1)" | grep '^#'
	register_set
	# the writes of this life of the set only
	awk '$2 >= 3000000' /job/acks >/run/acks
	/job/ackwrite verify /dev/bcache0 /run/acks 500 || fail "acknowledged writes lost"
	fio_verify --size=8M
	stop_set
	register_set
	stop_set
	;;
esac
