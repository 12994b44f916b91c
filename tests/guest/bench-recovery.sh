# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The two phases of recovery, on the stock driver and attached in turn, always from the same
# image of a crashed cache device. Run by tests/bench, in a machine whose clock counts
# instructions. Prints a line for each row, side and pair.
# udev: no

. /job/lib.sh

pairs=3 rows='' entries=19000 keys=300000 # settings, from tests/bench:
. /job/bench.conf

# The cache has 32768 buckets, for a journal of 256; only the first LOW sectors are ever
# written, and have a disk. The rest reads as zeroes.
ALL=$((32768 * 1024)) LOW=$((1 << 21))

disk()
{
	[ "$1" = 1 ] && echo /dev/mapper/cache || echo /dev/nullb1
}

# cache_on NAME: create /dev/mapper/cache with that null_blk below it
cache_on()
{
	dmsetup create cache <<-END || fail "dmsetup create cache"
		0 $LOW linear /dev/$1 0
		$LOW $((ALL - LOW)) linear /dev/mapper/rest 0
	END
	dmsetup mknodes
}

writes()
{
	fio --name=fill --filename=/dev/bcache0 --direct=1 --rw=randwrite --norandommap \
		--random_generator=tausworthe64 "$@" >/run/fio.out 2>&1 ||
		fail "fio: $(cat /run/fio.out)"
}

# crash_image BLOCK OPTION...: make nullb2, the image of a cache that crashed under writes of
# BLOCK bytes with these options of fio
crash_image()
{
	local block=$1

	shift
	null nullb0 $((LOW >> 11)) 20000 0
	null nullb1 8192 1000000 0
	cache_on nullb0
	make_set --writeback --bucket 512k --block "$block"
	no_bypass
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	# Give the first gigabyte leaves of its own. The last of these writes, which has 30
	# seconds until its leaf is written, keeps all later entries in use.
	writes --ioengine=libaio --iodepth=32 --bs="$block" --number_ios=30000 --offset=0 --size=1G
	writes --ioengine=libaio --iodepth=32 --bs="$block" --number_ios=30000 --offset=1G --size=1G
	sync
	sleep 40
	writes --ioengine=psync --bs="$block" --number_ios=1 --offset=0 --size=1M
	writes --offset=1G --bs="$block" "$@"
	sleep 0.5 # for the last entry
	null nullb2 $((LOW >> 11)) 20000 0
	dmsetup suspend --noflush --nolockfs cache || fail "dmsetup suspend"
	dd if=/dev/nullb0 of=/dev/nullb2 bs=1M conv=sparse status=none || fail "dd"
	dmsetup resume cache || fail "dmsetup resume"
	stop_set
	wait_for 20 dmsetup remove cache || fail "dmsetup remove"
	no_null nullb0
	no_null nullb1
	[ "$(sectors_written rest)" = 0 ] || fail "more than the first GiB was written"
}

# timed PHASE: print how long the last call of bch_journal_PHASE took, in ms
timed()
{
	awk -v began="$1_began:" -v ended="$1_ended:" '
		{ for (i = 1; i < NF; i++) {
			if ($(i + 1) == began) b = $i + 0
			if ($(i + 1) == ended) e = $i + 0
		} }
		END { if (e <= b) exit 1; printf "%.1f\n", (e - b) * 1000 }' \
		/sys/kernel/tracing/trace || fail "no times of bch_journal_$1"
}

# recover ROW NSEC: recover from the image; the commands of the cache device take NSEC
recover()
{
	local phase

	null nullb0 $((LOW >> 11)) "$2" 0
	dd if=/dev/nullb2 of=/dev/nullb0 bs=1M conv=sparse status=none || fail "dd"
	cache_on nullb0
	for phase in read replay; do
		echo "p:${phase}_began bcache:bch_journal_$phase"
		echo "r:${phase}_ended bcache:bch_journal_$phase"
	done >/sys/kernel/tracing/kprobe_events || fail "kprobe_events"
	echo mono >/sys/kernel/tracing/trace_clock
	echo 1 >/sys/kernel/tracing/events/kprobes/enable
	echo >/sys/kernel/tracing/trace
	dmesg -C
	register /dev/mapper/cache || fail "not registered: $(dmesg | tail)"
	echo 0 >/sys/kernel/tracing/events/kprobes/enable
	say "bench: row=$1 side=$(side) read=$(timed read) replay=$(timed replay)"
	dmesg | grep -E 'journal re(ad|play)' | cut -c 1-200
	echo >/sys/kernel/tracing/kprobe_events
	stop_set
	wait_for 20 dmsetup remove cache || fail "dmsetup remove"
	no_null nullb0
}

# row NAME NSEC BLOCK OPTION...: compare both sides
row()
{
	local i

	[[ -z $rows || " $rows " == *" $1 "* ]] || return 0
	crash_image "${@:3}"
	for ((i = 0; i < pairs; i++)); do
		detach
		recover "$1" "$2"
		attach
		recover "$1" "$2"
	done
	no_null nullb2
}

modprobe bcache && modprobe dm_mod || fail "no modules"
null_blk
dmsetup create rest --table "0 $((ALL - LOW)) zero" || fail "dmsetup create rest"
dmsetup mknodes
attach
row scan 1000000 4k --ioengine=psync --sync=dsync --size=1G --number_ios="$entries"
row random 20000 512 --ioengine=libaio --iodepth=32 --size=1G --number_ios="$keys"
# 16 writes of each place; without io_size, fio stops after --size
row hot 20000 512 --ioengine=libaio --iodepth=32 --size=$((keys * 32)) --io_size=$((keys * 512))
