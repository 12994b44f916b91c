# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The journal, on the stock driver and attached in turn: first without pressure, then with a
# ring that is always full. Run by tests/bench, in a machine whose clock counts instructions.
# Prints a line for each row, side and pair.
# udev: no

. /job/lib.sh

pairs=3 writes=1000 rows='' seconds=10 # settings, from tests/bench:
. /job/bench.conf

# wanted NAME...: succeed if one of these rows is to be measured
wanted()
{
	local name

	for name; do
		[[ $rows && " $rows " != *" $name "* ]] || return 0
	done
	return 1
}

fio_on_bcache()
{
	fio --name=bench --filename=/dev/bcache0 --clocksource=clock_gettime --direct=1 \
		--rw=randwrite --bs=4k --size=64M --randseed="$seed" --percentile_list=50:99 \
		--output-format=json --output=/run/fio.json "$@" >/run/fio.err 2>&1 ||
		fail "fio: $(cat /run/fio.err)"
}

# stall DISK KIND NAME COMMAND: the longest read or write (KIND) while COMMAND runs. Writes
# also wait for the btree node that the stock driver writes now and then, reads do not.
stall()
{
	wanted stall || {
		"$4"
		return
	}
	fio_on_bcache --ioengine=psync --time_based --runtime=2 --rw="rand$2" &
	sleep 0.5
	"$4"
	wait $! || fail "fio failed"
	say "bench: disk=$1 row=stall-$2-$3 max=$(value "$2" clat_ns max)"
}

# row DISK NAME OPTION...: a line with the figures of one run of fio
row()
{
	local disk=$1 name=$2 what=write

	shift 2
	wanted "$name" || return 0
	[ "$name" != fdatasync ] || what=sync
	sync
	sleep 0.5 # of what is still being written
	fio_on_bcache --number_ios="$writes" "$@"
	say "bench: disk=$disk row=$name side=$(side) iops=$(value write iops) p50=$(value "$what" 50.000000)" \
		"p99=$(value "$what" 99.000000)"
}

# value PART... NAME: the first figure of that name in a part of a part... of fio's output
value()
{
	local text part

	text=$(cat /run/fio.json)
	for part in "${@:1:$#-1}"; do
		text=$(sed -n "/^ *\"$part\" : {/,\$p" <<<"$text")
	done
	sed -n "s/^ *\"${!#}\" : \([0-9.]*\).*/\1/p" <<<"$text" | head -n 1
}

rows()
{
	row "$1" dsync --ioengine=psync --sync=dsync
	row "$1" plain --ioengine=psync
	row "$1" dsync-32 --ioengine=libaio --iodepth=32 --sync=dsync
	row "$1" plain-32 --ioengine=libaio --iodepth=32
	row "$1" fdatasync --ioengine=psync --direct=0 --fdatasync=1
	row "$1" sequential-64k --ioengine=libaio --iodepth=4 --rw=write --bs=64k
}

# events NAME...: how often these tracepoints of bcache have fired
events()
{
	local name

	for name; do
		awk '/Hits:/ { print $2 }' "/sys/kernel/tracing/events/bcache/$name/hist"
	done
}

# counters: how many blocks of 4 KiB were written to the set, the time in us, and the events
counters()
{
	local stat

	read -ra stat </sys/block/bcache0/stat
	printf "%s\n" $((stat[6] / 8)) "${EPOCHREALTIME/./}"
	events bcache_btree_write bcache_journal_write bcache_journal_full
}

# steady NAME OPTION...: how many writes the seconds of one run of fio have
steady()
{
	local name=$1 i pid first last now each=()

	shift
	wanted "$name" || return 0
	sync
	sleep 0.5 # of what is still being written
	fio_on_bcache --ioengine=psync --sync=dsync --time_based --runtime=$((seconds + 3)) \
		--thread --group_reporting "$@" &
	pid=$!
	sleep 1 # until fio has started
	mapfile -t first < <(counters)
	last=("${first[@]}")
	for ((i = 0; i < seconds; i++)); do
		sleep 1
		mapfile -t now < <(counters)
		each+=($(((now[0] - last[0]) * 1000000 / (now[1] - last[1]))))
		last=("${now[@]}")
	done
	wait $pid || fail "fio failed"
	echo "$name: ${each[*]}"
	mapfile -t each < <(printf '%s\n' "${each[@]}" | sort -n)
	say "bench: steady=$name side=$(side) worst=${each[0]} median=${each[seconds / 2]}" \
		"max=$(value write clat_ns max) writes=$((last[0] - first[0]))" \
		"nodes=$((last[2] - first[2])) jsets=$((last[3] - first[3]))" \
		"waits=$((last[4] - first[4]))"
}

# steady_ring NAME MB SPAN OPTION...: the rows with a cache of that size that make-bcache sets
# up with these options; the writes go to the first SPAN of the set
steady_ring()
{
	local name=$1 span=$3 i

	wanted "$name" "$name-16" || return 0
	null nullb0 "$2" 20000 0
	null nullb1 512 1000000 0
	make_set --writeback "${@:4}"
	no_bypass
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	seed=1
	fio_on_bcache --ioengine=libaio --iodepth=32 --rw=write --size="$span"
	for ((i = 0; i < 2 * pairs; i++)); do
		# stock, attached, attached, stock...
		(((i + 1) / 2 % 2)) && attach
		seed=$((i / 2 + 2))
		steady "$name" --size="$span"
		steady "$name-16" --size="$span" --numjobs=16
		! state_is attached || detach
	done
	stop_set
	no_null nullb0
	no_null nullb1
}

disk()
{
	echo "/dev/nullb$(($1 - 1))"
}

modprobe bcache || fail "no bcache"
null_blk
for kind in fast cached; do
	wanted dsync plain dsync-32 plain-32 fdatasync sequential-64k stall || continue
	case $kind in
	fast) null nullb0 1024 20000 0 ;;
	cached) null nullb0 1024 100000 64 ;;
	esac
	null nullb1 512 1000000 0
	make_set --writeback
	no_bypass
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	seed=1
	fio_on_bcache --ioengine=libaio --iodepth=32 --number_ios=8000 # warm
	for ((seed = 2; seed < pairs + 2; seed++)); do
		# Each side goes first in turn: the second one finds the same keys in the index.
		((seed % 2)) || rows "$kind"
		stall "$kind" write neither :
		stall "$kind" write attaching attach
		stall "$kind" read neither :
		rows "$kind"
		stall "$kind" write detaching detach
		((!(seed % 2))) || rows "$kind"
		stall "$kind" read attaching attach
		stall "$kind" read detaching detach
	done
	stop_set
	no_null nullb0
	no_null nullb1
done

for event in btree_write journal_write journal_full; do
	echo hist:keys=common_type >"/sys/kernel/tracing/events/bcache/bcache_$event/trigger" ||
		fail "no trigger"
done
steady_ring small 65 16M --bucket 64k --block 4k
steady_ring default 1024 400M --block 4k
