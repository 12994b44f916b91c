# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: prio-error
# about: bucket priorities can't be written, in a set's use and when it is new: it is released
# disks: 256M
# timeout: 600
# kernels: all
# short: none
# udev: no

. /job/lib.sh

backing=$(disk 1)
disk()
{
	[ "$1" = 1 ] && echo /dev/nullb0 || echo "$backing"
}

size=131072 # sectors, of the cache: four buckets of priorities, 64 of the journal

# media bad|good: whether all writes fail but those to the superblock and the journal
media()
{
	dmsetup suspend --nolockfs --noflush small
	case $1 in
	good) echo "0 $size linear $(disk 1) 0" ;;
	bad)
		echo "0 1040 linear $(disk 1) 0"
		echo "1040 $((size - 1040)) flakey $(disk 1) 1040 0 1000 1 error_writes"
		;;
	esac | dmsetup load small || fail "dmsetup load"
	dmsetup resume small || fail "dmsetup resume"
}

# released WHAT: the set goes, and so do all users of the device
released()
{
	wait_for 90 sets_gone || fail "$1: the set stays"
	wait_for 60 closed small || fail "$1: the cache device is held"
	logged 'accessing priorities' || fail "$1: no priorities were written"
	say "$1: $(dmesg | grep -F bcache | tail -n 3)"
	dmesg -C
}

# check OPTION...: write more than the cache holds, or read it
check()
{
	fio --name=check --filename=/dev/bcache0 --direct=1 --rw=randwrite --bs=4k --size=96M \
		--ioengine=libaio --iodepth=16 --verify=xxhash --verify_dump=0 --randseed=1 "$@" \
		>/run/fio.out 2>&1 || fail "fio: $(tail -n 5 /run/fio.out)"
}

modprobe dm_flakey || fail "no dm-flakey"
modprobe bcache || fail "no bcache"
null_blk
null=/sys/kernel/config/nullb/nullb0
mkdir $null && echo 128 >$null/size && echo 1 >$null/memory_backed && echo 1 >$null/power ||
	fail "null_blk"
small_set $size --bucket 8k --block 4k
# The allocator has to invalidate clean data.
echo writethrough >/sys/block/bcache0/bcache/cache_mode
check --do_verify=0
# Nothing shall be left to replay: that would write nodes. The stock driver writes an entry
# for a flush.
sleep 40
sync /dev/bcache0
stop_set
attach
wait_for 30 closed small || fail "the cache device is held"

media bad
dmesg -C
register /dev/mapper/small # it may succeed: the allocator needs the priorities later
released "a set with data"
media good

for dev in /dev/mapper/small "$(disk 2)"; do
	register "$dev" || fail "$dev does not register again"
done
wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache || fail "no set"
check --verify_only
stop_set
wait_for 30 closed small || fail "the cache device is held"

wipefs -qa /dev/mapper/small
make-bcache --bucket 8k --block 4k -C /dev/mapper/small >/dev/null || fail "make-bcache"
media bad
dmesg -C
register /dev/mapper/small && say "the new set registers at first"
released "a new set"
media good
register /dev/mapper/small || fail "the new set does not register again"
stop_set
