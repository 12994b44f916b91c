# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: accept-loss
# about: a refused set is registered with accept_loss; abandoned entries never come back
# disks: 192M 192M 192M 192M 192M 192M
# timeout: 600
# kernels: all
# short: trixie
# boots: 2
# udev: no

. /job/lib.sh

# given_up WHAT: check that the last registration used accept_loss, and reported the loss
given_up()
{
	! grep -q "$(uuid)" "$ACCEPT" || wrong "$1: accept_loss still holds the UUID"
	logged "$(uuid)" 'lost|given up|abandoned|accept' || wrong "$1: the loss was not reported"
}

# copy FROM TO: copy a disk
copy()
{
	dd if="$(disk "$1")" of="$(disk "$2")" bs=1M iflag=direct oflag=direct status=none ||
		fail "copy"
}

# power_cut: copy disks 3 and 4 to disks 5 and 6, as a power failure would leave them
power_cut()
{
	dmsetup suspend --nolockfs backing && dmsetup suspend --nolockfs cache || fail suspend
	cp /run/new /run/acks 2>/dev/null
	copy 3 5
	copy 4 6
	dmsetup resume cache && dmsetup resume backing || fail resume
}

# acked N: succeed if N writes have been acknowledged
acked()
{
	(($(wc -l </run/new) >= $1))
}

content()	# FILE
{
	dd if=/dev/bcache0 of="$1" bs=1M iflag=direct status=none || fail "cannot read bcache0"
}

not_registered()	# WHY
{
	if register_snapshots; then
		wrong "$what: registered, $1"
		return 1
	fi
	wait_for 60 sets_gone || fail "$what: the set was not removed"
}

# accepted SECONDS WHAT BUCKET ENTRY KIND: damage the journal, register the set with
# accept_loss after it was refused, write for SECONDS, and cut the power. The abandoned
# entries must not come back.
accepted()
{
	local what="$5, $2, then $1 s of writes" pid

	trials=$((${trials-0} + 1))
	say "== $what"
	copy 1 3
	copy 2 4
	rm -f /run/new /run/acks
	journal damage "$(disk 3)" "${@:3}" || fail "no such place"
	through 3 4
	dmesg -C
	if not_registered "not accepted"; then
		logged 'not registered|refused' "$(uuid)" || wrong "$what: the refusal does not name the UUID"
		accept 01234567-89ab-cdef-0123-456789abcdef
		if not_registered "another set's loss was accepted"; then
			accept "$(uuid)"
			dmesg -C
			register_snapshots || wrong "$what: refused despite accept_loss"
			[ ! "$(set_dir)" ] || given_up "$what"
		fi
	fi
	show_log 12
	if [ ! "$(set_dir)" ]; then
		drop_snapshots || fail "$what: the device is still held"
		return
	fi

	no_bypass
	if [ "$1" = 0 ]; then
		power_cut
		content /run/before
	else
		content /run/before
		/job/ackwrite write /dev/bcache0 5000000 >/run/new &
		pid=$!
		sleep "$1"
		wait_for 60 acked 5 || fail "no writes"
		power_cut
		kill $pid || wrong "$what: the writers died early"
	fi
	stop_set
	drop_snapshots || fail "$what: the device is still held"

	journal list "$(disk 5)" | grep -E '^# newest|stale' | head -n 3
	through 5 6
	dmesg -C
	if register_snapshots; then
		/job/ackwrite same /dev/bcache0 /run/before 5000000 ||
			wrong "$what: abandoned entries have come back"
		[ "$1" = 0 ] || /job/ackwrite verify /dev/bcache0 /run/acks 5 ||
			wrong "$what: acknowledged writes lost"
		fio_verify --size=4M
	else
		wrong "$what: refused after the power cut"
	fi
	show_log 12
	stop_set
	rm -f /run/before
	drop_snapshots || fail "$what: the device is still held"
}

case $BOOT in
1)
	crash_ready
	;;
2)
	after_crash
	attach
	[ -e "$ACCEPT" ] || wrong "no parameter accept_loss"
	accepted 0 "in the bucket before the newest" newest-1 20 csum
	accepted 0.3 "in the bucket before the newest" newest-1 20 csum
	accepted 0.1 "first entry of the newest bucket" newest 0 block
	if [ "${OUTRIGGER_LONG-}" ]; then
		accepted 2 "first entry of the newest bucket" newest 0 csum
		accepted 0.1 "third entry from the end" newest -3 inode
		for t in 0 0.1 0.2 0.5 1 3; do
			accepted $t "the bucket before the newest" newest-1 0 bucket
			accepted $t "first entry of the bucket before the newest" newest-1 0 csum
			accepted $t "second entry of the newest bucket" newest 1 csum
			accepted $t "the newest entry" newest -1 version
		done
	fi
	trials_done
	;;
esac
