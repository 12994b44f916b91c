# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: discard-early
# about: with discard enabled, journal buckets that the newest entry still needs are kept
# disks: 192M 192M
# timeout: 400
# kernels: bookworm trixie
# short: none
# sides: stock ours
# udev: no

. /job/lib.sh

discards()
{
	awk '{ print $12 }' "/sys/block/$(basename "$(disk 1)")/stat"
}

# newest KEY: print seq or last_seq of the newest entry on disk
newest()
{
	journal list "$(disk 1)" | sed -n "s/^# newest .*\<$1 \([0-9]*\).*/\1/p"
}

written()
{
	(($(newest seq) > seq))
}

discarded()
{
	(($(discards) > before))
}

modprobe bcache || fail "no bcache"
[ "$SIDE" = stock ] || attach
make_set --writeback --bucket 32k
echo 1 >"/sys/block/$(basename "$(disk 1)")/bcache/discard" || fail "no discard"
idle_range
before=$(discards)

# Write one key, without a flush, which would add a jset. The jset of this key still needs
# all older entries, although nothing in memory needs them any more.
seq=$(newest seq)
dd if=/dev/zero of=/dev/bcache0 bs=4k count=1 oflag=direct status=none || fail "dd"
wait_for 30 written || fail "no entry was written"
sleep 2 # give the discards time
journal list "$(disk 1)" | grep '^#'
say "one write caused $(($(discards) - before)) discards"
if [ "$SIDE" = stock ]; then
	! journal whole "$(disk 1)" || fail "stock was expected to discard too early"
	exit 0
fi
(($(cat "$(set_dir)/journal/last_seq") > $(newest last_seq))) ||
	fail "the newest entry needs no more than memory does: this proves nothing"
journal whole "$(disk 1)" || fail "entries that the newest one needs were discarded"

ack_signal CONT
wait_for 60 discarded || fail "discarding has stopped"
ack_signal STOP
journal whole "$(disk 1)" || fail "entries that the newest one needs were discarded"
ack_signal CONT
ack_stop
