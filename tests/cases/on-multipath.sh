# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: on-multipath
# about: the cache is on dm-multipath: one path or both fail under O_SYNC writes, and return
# disks: 1G
# timeout: 600
# kernels: all
# short: none
# udev: no

. /job/lib.sh

# lose PATH: switch the path off
# find_again PATH: switch it on, and tell dm-multipath, as multipathd would
lose()
{
	say "$1 fails"
	echo offline >"/sys/block/$1/device/state" || fail "$1 can't be switched off"
}
find_again()
{
	say "$1 is back"
	echo running >"/sys/block/$1/device/state" &&
		dmsetup message mp 0 reinstate_path "$(cat "/sys/block/$1/dev")" ||
		fail "$1 can't be switched on"
}

# usable N: succeed if dm-multipath considers N paths usable
usable()
{
	[ "$(dmsetup status mp | grep -oE ' [0-9]+:[0-9]+ A ' | wc -l)" = "$1" ]
}

both_disks()
{
	[ -b /dev/sda ] && [ -b /dev/sdb ]
}

# acknowledged N: succeed if there have been N writes
acknowledged()
{
	(($(wc -l </run/acks) >= $1))
}

# moves N: wait for more acknowledged writes, while N paths are usable
moves()
{
	ack_running
	wait_for 200 acknowledged $(($(wc -l </run/acks) + 300)) || fail "the writes stand still"
	usable "$1" || fail "$1 paths should be usable: $(dmsetup status mp)"
	say "$(side): $(wc -l </run/acks) writes; sectors through each path:" \
		"$(awk '{ print $7 }' /sys/block/sd[ab]/stat | paste -sd ' ')"
}

modprobe dm_multipath && modprobe dm_round_robin && modprobe sd_mod || fail "no dm-multipath"
# all hosts of scsi_debug show the same disk
modprobe scsi_debug dev_size_mb=256 add_host=2 ndelay=50000 || fail "no scsi_debug"
wait_for 60 both_disks || fail "no disks"
dmsetup create mp --table "0 $(blockdev --getsz /dev/sda) multipath 1 queue_if_no_path 0 \
	1 1 round-robin 0 2 1 /dev/sda 1 /dev/sdb 1" || fail "dmsetup create mp"
dmsetup mknodes
modprobe bcache
CACHE=/dev/mapper/mp BACKING=$(disk 1)
make-bcache --writeback --bucket 64k -C "$CACHE" -B "$BACKING" >/dev/null || fail "make-bcache"
register_snapshots || fail "the set did not register"
no_bypass
ack_start 3>/run/acks
moves 2
attach
moves 2

lose sda
wait_for 60 usable 1 || fail "dm-multipath has not noticed"
moves 1
find_again sda
moves 2

lose sdb
detach
moves 1

say "no path is left, and the module is attached meanwhile"
lose sda
wait_for 60 usable 0 || fail "a path is left: $(dmsetup status mp)"
modprobe "$MODULE"
sleep 5
find_again sda
find_again sdb
wait_attached
moves 2

say "no path is left, and the module is detached meanwhile"
lose sda
lose sdb
wait_for 60 usable 0 || fail "a path is left: $(dmsetup status mp)"
(sleep 5 && find_again sda && find_again sdb) &
detach
moves 2

attach
moves 2
[ "$(cat "$(set_dir)/journal/write_errors")" = 0 ] || fail "journal writes failed"
[ "$(cat "$(set_dir)/cache0/io_errors")" = 0 ] || fail "an error reached bcache"
ack_stop
stop_set
wait_for 30 closed mp || fail "bcache does not close the cache device"
register_snapshots || fail "the set does not register again"
/job/ackwrite verify /dev/bcache0 /run/acks 2000 || fail "acknowledged writes lost"
stop_set
