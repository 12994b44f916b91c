# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: on-crypt
# about: cache and backing device are encrypted: attach, detach and a crash under O_SYNC writes
# disks: 256M 256M
# timeout: 600
# kernels: all
# short: none
# boots: 2
# udev: no

. /job/lib.sh

# decrypt N NAME: map disk N, as cryptsetup does for LUKS
decrypt()
{
	dmsetup create "$2" --table "0 $(blockdev --getsz "$(disk "$1")") crypt aes-xts-plain64 \
		$(printf '%064d' "$1") 0 $(disk "$1") 0 1 allow_discards" || fail "dm-crypt"
	dmsetup mknodes "$2"
}

# is_encrypted: succeed if bcache finds its superblock on the mapped devices only
is_encrypted()
{
	bcache-super-show "$CACHE" && bcache-super-show "$BACKING" &&
		! bcache-super-show "$(disk 1)" && ! bcache-super-show "$(disk 2)"
} >/dev/null 2>&1

# moves: wait for more acknowledged writes
moves()
{
	local before

	before=$(awk '{ print int($7 / 8) }' /sys/block/bcache0/stat)
	wait_for 200 blocks_written bcache0 $((before + 300)) || fail "the writes stand still"
	ack_running
	say "$(side): $(awk '{ print int($7 / 8) }' /sys/block/bcache0/stat) blocks written"
}

# crypt requests go through workqueues, and complete in their threads
modprobe dm_crypt && modprobe bcache || fail "no dm-crypt"
decrypt 1 cache
decrypt 2 backing
CACHE=/dev/mapper/cache BACKING=/dev/mapper/backing
case $BOOT in
1)
	make-bcache --writeback --discard --bucket 64k -C "$CACHE" -B "$BACKING" >/dev/null ||
		fail "make-bcache"
	register_snapshots || fail "the set did not register"
	is_encrypted || fail "the disks are not encrypted"
	no_bypass
	ack_start
	moves
	for _ in 1 2 3; do
		attach
		moves
		detach
		moves
	done
	attach
	moves
	wait_for 60 test -e "$(set_dir)/journal/write_errors" || fail "no figures"
	[ "$(cat "$(set_dir)/journal/write_errors")" = 0 ] || fail "journal writes failed"
	crash_now
	;;
2)
	attach
	register_snapshots || fail "the set did not register"
	ack_verify 2000
	sum=$(dd if=/dev/bcache0 iflag=direct bs=1M status=none | md5sum)
	stop_set
	detach
	wait_for 30 closed cache backing || fail "bcache does not close the devices"
	register_snapshots || fail "the set does not register with the stock driver"
	[ "$(dd if=/dev/bcache0 iflag=direct bs=1M status=none | md5sum)" = "$sum" ] ||
		fail "the stock driver reads something else"
	fio_verify --size=8M
	stop_set
	;;
esac
