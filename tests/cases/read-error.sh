# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: read-error
# about: the newest journal bucket can't be read: the module refuses the set, stock rolls back
# disks: 256M 256M 256M
# timeout: 300
# kernels: all
# short: none
# boots: 2
# stock: 1
# udev: no

. /job/lib.sh

# jset_seq DEVICE SECTOR: print seq of the journal entry that begins there, if any
jset_seq()
{
	local seq version

	read -r seq version < <(od -An -t u8 -j $(($2 * 512 + 16)) -N 16 "$1" | xargs)
	[ "$((version & 0xffffffff))" = 1 ] && echo "$seq"
}

# newest_bucket DEVICE: print the sector of the journal bucket with the newest entries.
# make-bcache puts the journal into the buckets from 1 on.
newest_bucket()
{
	local sector seq newest=0 where=''

	for ((sector = size; sector < size * 17; sector += size)); do
		seq=$(jset_seq "$1" "$sector")
		[ ! "$seq" ] || ((seq <= newest)) || newest=$seq where=$sector
	done
	echo "$where"
}

# break_at DEVICE SECTOR: create /dev/mapper/broken, DEVICE with an unreadable bucket
break_at()
{
	local all

	all=$(blockdev --getsz "$1")
	dmsetup create broken <<-END || fail "dmsetup"
		0 $2 linear $1 0
		$2 $size error
		$(($2 + size)) $((all - $2 - size)) linear $1 $(($2 + size))
	END
	dmsetup mknodes broken # udev is not running
}

size=512	# bucket size in sectors
case $BOOT in
1)
	be stock
	make_set --writeback --bucket 256k
	ack_start
	ack_for 15
	crash_now
	;;
2)
	modprobe bcache
	modprobe dm_mod
	dd if="$(disk 1)" of="$(disk 3)" bs=1M conv=sparse status=none
	sector=$(newest_bucket "$(disk 1)")
	[ "$sector" ] || fail "no journal bucket found"

	say "the module refuses the set, and names the sector"
	attach
	break_at "$(disk 1)" "$sector"
	echo /dev/mapper/broken >/sys/fs/bcache/register
	dmesg | grep "bcache_journal: .*sector $sector: .*can't be read" ||
		fail "the log does not name sector $sector"
	wait_for 60 sets_gone || fail "the set was registered nevertheless"
	detach
	wait_for 30 dmsetup remove broken || fail "dmsetup remove"

	say "stock, on a copy, treats the bucket as empty"
	break_at "$(disk 3)" "$sector"
	first=$(jset_seq "$(disk 3)" "$sector")
	echo /dev/mapper/broken >/sys/fs/bcache/register
	last=$(dmesg | sed -n 's/.*bcache: .*journal replay done.*seq \([0-9]*\)$/\1/p' | tail -n 1)
	[ "$last" ] || fail "stock was expected to register it"
	((last < first)) || fail "stock replayed entry $last, which is in the bucket"
	say "stock registers it, replayed up to $last; the bucket has the entries from $first on"
	# the next write to the bucket fails too, and bcache shuts the set down
	wait_for 60 sets_gone || stop_set
	wait_for 30 dmsetup remove broken || fail "dmsetup remove"

	say "the module, with the bucket readable again: nothing is lost"
	attach
	register_set
	ack_verify
	stop_set
	detach
	;;
esac
