# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: journal-error
# about: journal writes fail for a while, then permanently: no acknowledged write is lost
# disks: 256M 256M
# timeout: 600
# kernels: all
# short: trixie
# sides: stock ours
# short-sides: ours
# udev: no
# alerts: OutriggerJournalErrors
# allow: avoid potential data corruption

. /job/lib.sh

size=258048 # of the cache, in sectors

# media STATE: good; "journal" or "others", if these buckets are bad; "writes", if each write
# fails, and each flush. Of 1008 buckets, bucket 0 has the superblock, 1 to 7 are the journal.
media()
{
	dmsetup suspend --nolockfs --noflush small
	case $1 in
	good) echo "0 $size linear $(disk 1) 0" ;;
	writes) echo "0 $size flakey $(disk 1) 0 0 1000 1 error_writes" ;;
	journal)
		echo "0 256 linear $(disk 1) 0"
		echo "256 1792 error"
		echo "2048 $((size - 2048)) linear $(disk 1) 2048"
		;;
	others)
		echo "0 2048 linear $(disk 1) 0"
		echo "2048 $((size - 2048)) error"
		;;
	esac | dmsetup load small || fail "dmsetup load"
	dmsetup resume small || fail "dmsetup resume"
	say "${1/good/no} media are bad"
}

write_start()
{
	# in its own session: a writer that fails kills its process group
	setsid /job/ackwrite write /dev/bcache0 "$1" >>/run/acks 2>/run/ackwrite.err &
	ack_pid=$!
}

verify()
{
	/job/ackwrite verify /dev/bcache0 /run/acks 50
}

acked()	# N
{
	(($(wc -l </run/acks) > $1))
}

is_gone()
{
	! kill -0 "$ack_pid" 2>/dev/null
}

# The cache is on a device without a volatile write cache, later on one with it.
volatile=$(disk 1) cache_disk=/dev/nullb0 backing_disk=$(disk 2)
disk()
{
	[ "$1" = 1 ] && echo "$cache_disk" || echo "$backing_disk"
}

# null: make /dev/nullb0, which keeps its data in memory
null()
{
	local d=/sys/kernel/config/nullb/nullb0

	modprobe null_blk nr_devices=0 && mount -t configfs none /sys/kernel/config && mkdir "$d" &&
		echo 128 >"$d/size" && echo 4096 >"$d/blocksize" && echo 1 >"$d/memory_backed" &&
		echo 1 >"$d/power" || fail "null_blk"
}

modprobe bcache || fail "no bcache"
null
[ "$SIDE" = stock ] || attach
small_set $size --bucket 128k --block 4k
write_start 1000000
sleep 5

if [ "$SIDE" = ours ]; then
	metrics
	events_start
	media journal
	sleep 5
	n=$(wc -l </run/acks)
	(($(cat "$(set_dir)/journal/write_errors") > 0)) || fail "sysfs has no errors"
	media good
	wait_for 60 acked $((n + 50)) || fail "no writes after the media recovered"
	ack_running
	dmesg | grep "bcache_journal.*journal: " || fail "the errors were not reported"
	dmesg | grep -q "was written after retries" || fail "the entry was not written"
	events_are retrying ok
	metrics
	say "$(wc -l </run/acks) writes acknowledged"
	echo 4 >"$SYS/parameters/write_retry"
fi

# come_back: register the set, and check that no acknowledged write is lost
come_back()
{
	local n dev

	n=$(wc -l </run/acks)
	for dev in /dev/mapper/small "$(disk 2)"; do
		echo "$dev" >/sys/fs/bcache/register_quiet
	done 2>/dev/null
	wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
		fail "the set did not register"
	no_bypass
	if verify; then
		say "all $n acknowledged writes are there"
	elif [ "$SIDE" = stock ]; then
		say "stock lost some of $n acknowledged writes"
	else
		fail "acknowledged writes lost"
	fi
}

# small_set_again: start with a new set, on another disk
small_set_again()
{
	wait_for 60 dmsetup remove small || fail "dmsetup remove"
	: >/run/acks
	small_set $size --bucket 128k --block 4k
}

# failed WHAT [COMMAND...]: make the media bad until the set is gone or, if COMMAND is run
# meanwhile, until the writers notice; then check that no acknowledged write is lost
failed()
{
	say "$1"
	shift
	lines=$(($(dmesg | wc -l) + 1))
	media journal
	"$@"
	wait_for 60 is_gone || fail "the writers do not see the error"
	say "errors of the writers: $(sort -u /run/ackwrite.err | head -n 4)"
	[ $# = 0 ] || media good
	wait_for 60 sets_gone || fail "the set was not shut down"
	[ $# != 0 ] || media good
	dmesg | grep -E "error on|could not be written" | tail -n 3
	come_back
}

stop_it()
{
	sleep 1
	echo 1 >"$(set_dir)/stop"
	! dmesg | tail -n +"$lines" | grep 'could not be written' || fail "the set was stopped too late"
}

# block TEXT OPTION...: fill the first block with TEXT
block()
{
	local text=$1

	shift
	yes "$text" 2>/dev/null | head -c 4096 |
		dd of=/dev/bcache0 bs=4k iflag=fullblock status=none "$@"
}

overwrite()
{
	# O_SYNC would send another flush after the entry was abandoned
	(block new oflag=direct conv=fsync 2>/dev/null && touch /run/acknowledged) &
	ack_pid=$!
	stop_it
}

# A node is written 30 s after its first new key. If that fails, the keys are only in the
# journal, which must not give them up. The stock driver goes on, and may not be able to
# register the set again.
nodes_fail()
{
	say "errors of nodes"
	echo 0 >/sys/block/bcache0/bcache/writeback_running # it would read from the cache
	write_start 1500000
	sleep 5
	lines=$(($(dmesg | wc -l) + 1))
	kill -- -"$ack_pid"
	wait_for 10 is_gone
	[ "$SIDE" = stock ] || events_start
	media others
	if [ "$SIDE" = ours ]; then
		wait_for 60 sets_gone || fail "the set was not shut down"
		dmesg | tail -n +"$lines" | grep "node in bucket .* could not be written" ||
			fail "the error was not reported"
		events_are failed
		media good
		come_back
	else
		sleep 40
		media good
		[ -b /dev/bcache0 ] || fail "stock has shut the set down"
		dd if=/dev/zero of=/dev/bcache0 bs=4k count=1 seek=1000 oflag=direct,sync ||
			say "stock can't write any more"
		stop_set
		for dev in /dev/mapper/small "$(disk 2)"; do
			echo "$dev" >/sys/fs/bcache/register_quiet
		done 2>/dev/null
		sleep 5
		say "stock: $(dmesg | tail -n +"$lines" | grep bch_cache_set_error)"
	fi
}

failed "permanent errors"
nodes_fail
[ "$SIDE" = ours ] || exit 0

# An error does not shut down a set that is already being stopped. Even so, no entry may
# follow the abandoned one.
write_start 2000000
sleep 5
failed "permanent errors while the set is being stopped" stop_it
dmesg | tail -n +"$lines" | grep 'could not be written' || fail "the error was not reported"

# The write reaches the backing device, but the key that would remove the old copy from the
# index does not reach the journal.
echo writethrough >/sys/block/bcache0/bcache/cache_mode
echo 0 >/sys/block/bcache0/bcache/writeback_percent
wait_for 120 grep -q clean /sys/block/bcache0/bcache/state || fail "the set stays dirty"
sed -i '/^0 /d' /run/acks # this block no longer belongs to the writers
block old oflag=direct,sync || fail "dd"
failed "permanent errors while a clean set is being stopped" overwrite
if [ -e /run/acknowledged ]; then
	say "the overwrite was acknowledged"
	dd if=/dev/bcache0 bs=4k count=1 iflag=direct status=none | grep -q new ||
		fail "the overwrite was acknowledged, but is lost"
fi
stop_set

# The first error may have dropped what the device's cache held: a retry would succeed
# although earlier data is lost.
cache_disk=$volatile
echo 30 >"$SYS/parameters/write_retry"
small_set_again
write_start 3000000
sleep 5
failed "errors of a device with a volatile cache"
dmesg | tail -n +"$lines" | grep 'could not be written' || fail "the error was not reported"
! dmesg | tail -n +"$lines" | grep "retrying for" ||
	fail "retried although the device's cache may have been dropped"
stop_set

# A flush without an entry fails. Then the entries after it must not be written either.
small_set_again
block first oflag=direct,sync || fail "dd"
sync -d /dev/bcache0 || fail "sync"
lines=$(($(dmesg | wc -l) + 1))
media writes
! sync -d /dev/bcache0 2>/run/view || fail "a flush that failed was acknowledged"
wait_for 60 sets_gone || fail "the set was not shut down"
dmesg | tail -n +"$lines" | grep "the cache device could not be flushed" ||
	fail "the flush needed an entry"
