# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The journal without pressure, on the stock driver and attached in turn. Run by
# tests/bench, in a machine whose clock counts instructions. Prints a line for each row,
# side and pair.
# udev: no

. /job/lib.sh

pairs=3 writes=1000 # settings, from tests/bench:
. /job/bench.conf

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

disk()
{
	echo "/dev/nullb$(($1 - 1))"
}

modprobe bcache || fail "no bcache"
null_blk
for kind in fast cached; do
	case $kind in
	fast) null nullb0 1024 20000 0 ;;
	cached) null nullb0 1024 100000 64 ;;
	esac
	null nullb1 512 1000000 0
	make_set --writeback
	no_bypass
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	seed=1
	row "$kind" warm --ioengine=libaio --iodepth=32 --number_ios=8000
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
