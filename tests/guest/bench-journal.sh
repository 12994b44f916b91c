# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The journal, on the stock driver and attached in turn: first without pressure, then below a
# file system, then with a ring that is always full. Run by tests/bench, in a machine whose
# clock counts instructions. Prints a line for each row, side and pair.
# udev: no

. /job/lib.sh

pairs=3 writes=1000 rows='' real='' seconds=10 # settings, from tests/bench:
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

target=/dev/bcache0
fio_on_bcache()
{
	fio --name=bench --filename="$target" --clocksource=clock_gettime --direct=1 \
		--rw=randwrite --bs=4k --size=64M --randseed="$seed" --percentile_list=50:99:99.9 \
		--output-format=json --output=/run/fio.json "$@" >/run/fio.err 2>&1 ||
		fail "fio: $(cat /run/fio.err)"
}

# div A B: A/B with two decimals, or 0
div()
{
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f\n", b ? a / b : 0 }'
}

# stall DISK KIND [COMMAND]: the longest read or write (KIND) in two seconds, while COMMAND
# runs. Writes also wait for the btree node that the stock driver writes now and then, reads
# do not.
stall()
{
	local name="$1-longest-$2${3:+-${3}ing}" side=ours

	wanted stall || return 0
	[ "${3-}" ] || side=$(side)
	fio_on_bcache --ioengine=psync --time_based --runtime=2 --rw="rand$2" &
	sleep 0.5
	${3:-:}
	wait $! || fail "fio failed"
	say "bench: row=$name side=$side" \
		"longest=$(div "$(value "$2" clat_ns max)" 1000000)"
}

# row DISK NAME OPTION...: a line with the figures of one run of fio
row()
{
	local disk=$1 name=$2 what=write time=clat_ns

	shift 2
	wanted "$name" || return 0
	case $name in
	*fdatasync | *-fsync) what=sync time=lat_ns ;;
	esac
	sync
	sleep 0.5 # of what is still being written
	fio_on_bcache --number_ios="$writes" "$@"
	say "bench: row=$disk-$name side=$(side)" \
		"p50=$(div "$(value "$what" 50.000000)" 1000)" \
		"p999=$(div "$(value "$what" 99.900000)" 1000)" \
		"longest=$(div "$(value "$what" $time max)" 1000000) iops=$(value write iops)"
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

# in_turn COMMAND...: run it stock, attached, attached, stock... Each side goes first in turn:
# the second one finds the same keys in the index.
in_turn()
{
	local i

	for ((i = 0; i < 2 * pairs; i++)); do
		seed=$((i / 2 + 2))
		((!((i + 1) / 2 % 2))) || attach
		"$@"
		! state_is attached || detach
	done
}

rows()
{
	stall "$1" write
	stall "$1" read
	row "$1" dsync --ioengine=psync --sync=dsync
	row "$1" plain --ioengine=psync
	row "$1" dsync-32 --ioengine=libaio --iodepth=32 --sync=dsync
	row "$1" plain-32 --ioengine=libaio --iodepth=32
	row "$1" fdatasync --ioengine=psync --direct=0 --fdatasync=1
	row "$1" sequential-64k --ioengine=libaio --iodepth=4 --rw=write --bs=64k
}

# sqlite DISK MODE: transactions of one row each, with that journal_mode
sqlite()
{
	local figures

	wanted "sqlite-$2" || return 0
	sync
	figures=$(python3 - "$2" "$writes" 2>&1 <<-END
		import sqlite3, sys, time
		db = sqlite3.connect("/mnt/db", isolation_level=None)
		db.execute("pragma journal_mode=" + sys.argv[1])
		db.execute("pragma synchronous=full")
		db.execute("create table if not exists t (a integer primary key, b blob)")
		took = []
		began = time.monotonic()
		for i in range(int(sys.argv[2])):
		    now = time.monotonic()
		    db.execute("insert into t (b) values (zeroblob(100))")
		    took.append(time.monotonic() - now)
		n = len(took)
		print("p50=%.1f longest=%.2f iops=%.0f" % (sorted(took)[n // 2] * 1e6,
		      max(took) * 1e3, n / (time.monotonic() - began)))
	END
	) || fail "sqlite: $figures"
	rm -f /mnt/db*
	say "bench: row=$1-sqlite-$2 side=$(side) $figures"
}

# appends DISK NAME: append to a file on /mnt, with fsync()
appends()
{
	target=/mnt/file
	row "$1" "$2" --ioengine=psync --direct=0 --fsync=1 --rw=write --fallocate=none
	rm -f $target
	target=/dev/bcache0
}

# files DISK: what programs do on a file system: append and fsync(), and commit
files()
{
	appends "$1" append-fsync
	target=/mnt/file
	row "$1" wal-fdatasync --ioengine=psync --direct=0 --fdatasync=1 --rw=write --bs=8k \
		--overwrite=1 --size=16M
	rm -f $target
	target=/dev/bcache0
	sqlite "$1" delete
	sqlite "$1" wal
	postgresql "$1"
}

# The programs that only this benchmark needs are in a layer of packages over the machine's
# own file system, on a disk that tests/bench has made.
programs()
{
	mkdir -p /run/layer /run/programs
	mountpoint -q /run/programs && return
	mount -o ro "$layer" /run/layer &&
		mount -t overlay none -o lowerdir=/run/layer:/ /run/programs &&
		mount --rbind /dev /run/programs/dev && mount -t proc none /run/programs/proc &&
		mount -t tmpfs none /run/programs/run || fail "no programs"
}

# in_programs COMMAND...: run it there
in_programs()
{
	chroot /run/programs "$@"
}

# as_postgres PROGRAM ARGUMENT...: run a program of PostgreSQL as its user
as_postgres()
{
	local bin=(/run/programs/usr/lib/postgresql/*/bin)

	in_programs setpriv --reuid=postgres --regid=postgres --clear-groups \
		env LC_ALL=C.UTF-8 HOME=/run "${bin[0]#/run/programs}/$1" "${@:2}"
}

# postgresql_start: make a database on /mnt, with its default settings, and start the server
postgresql_start()
{
	wanted postgresql || return 0
	programs
	mount --bind /mnt /run/programs/mnt && mkdir /mnt/pg && chown "$(
		in_programs id -u postgres)" /mnt/pg /run/programs/run || fail "no place for a database"
	as_postgres initdb -D /mnt/pg >/run/postgresql 2>&1 &&
		as_postgres pg_ctl -D /mnt/pg -l /run/log -w -t 600 -o "-k /run -h ''" \
			start >>/run/postgresql 2>&1 &&
		as_postgres pgbench -h /run -i -q >>/run/postgresql 2>&1 ||
		fail "PostgreSQL: $(cat /run/postgresql /run/programs/run/log)"
}

postgresql_stop()
{
	wanted postgresql || return 0
	as_postgres pg_ctl -D /mnt/pg -w stop >/run/postgresql 2>&1 || fail "$(cat /run/postgresql)"
	umount /run/programs/mnt
	rm -rf /mnt/pg
}

# postgresql DISK: transactions of pgbench, one client: each changes a row and adds another
postgresql()
{
	local figures

	wanted postgresql || return 0
	sync
	figures=$(as_postgres pgbench -h /run -n -N -M prepared -t "$writes" 2>&1) ||
		fail "pgbench: $figures"
	say "bench: row=$1-postgresql side=$(side) $(sed -nE \
		's/^latency average = ([0-9.]*) ms.*/mean=\1/p; s/^tps = ([0-9.]*) .*/iops=\1/p' \
		<<<"$figures" | paste -sd ' ')"
}

# events NAME...: how often these tracepoints of bcache have fired
events()
{
	local name

	for name; do
		awk '/Hits:/ { print $2 }' "/sys/kernel/tracing/events/bcache/$name/hist"
	done
}

# counters: how many blocks of 4 KiB were written to the set, the time in us, how much of it
# the CPU was idle, its switches from task to task, the events, and the writes to the
# backing device
counters()
{
	local stat

	read -ra stat </sys/block/bcache0/stat
	printf "%s\n" $((stat[6] / 8)) "${EPOCHREALTIME/./}"
	awk '$1 == "cpu" { print ($5 + $6) * 10000 } $1 == "ctxt" { print $2 }' /proc/stat
	events bcache_btree_write bcache_journal_write bcache_journal_full
	awk '{ print $5 }' "/sys/block/${disks[1]##*/}/stat"
}

# steady NAME OPTION...: how many writes the seconds of one run of fio have
steady()
{
	local name=$1 i pid first last now each=()

	shift
	wanted "$name" || return 0
	sync
	sleep 0.5 # of what is still being written
	mapfile -t first < <(counters)
	# with 16 writers, a second of counting takes longer
	fio_on_bcache --ioengine=psync --sync=dsync --time_based --runtime=$((seconds + 7)) \
		--thread --group_reporting "$@" &
	pid=$!
	wait_for 3 blocks_written bcache0 $((first[0] + 100))
	mapfile -t first < <(counters)
	last=("${first[@]}")
	for ((i = 0; i < seconds; i++)); do
		sleep 1
		mapfile -t now < <(counters)
		each+=($(((now[0] - last[0]) * 1000000 / (now[1] - last[1]))))
		last=("${now[@]}")
	done
	kill -0 $pid || fail "fio ended before the last second"
	wait $pid || fail "fio failed"
	echo "$name: ${each[*]}"
	mapfile -t each < <(printf '%s\n' "${each[@]}" | sort -n)
	for ((i = 0; i < ${#now[@]}; i++)); do
		now[i]=$((now[i] - first[i]))
	done
	say "bench: row=$name side=$(side) median=${each[seconds / 2]}" \
		"worst=$(div "${each[0]}" "${each[seconds / 2]}")" \
		"longest=$(div "$(value write clat_ns max)" 1000000)" \
		"instructions=$(div $(((now[1] - now[2]) * 1000)) "${now[0]}")" \
		"switches=$(div "${now[3]}" "${now[0]}")" \
		"nodes=$(div $((now[4] * 1000)) "${now[0]}")" \
		"jsets=${now[5]} waits=${now[6]} through=${now[7]}"
}

full_ring()
{
	steady "$1" --size="$2"
	steady "$1-16" --size="$2" --numjobs=16
}

# steady_ring NAME MB SPAN OPTION...: the rows with a cache of that size that make-bcache sets
# up with these options; the writes go to the first SPAN of the set
steady_ring()
{
	wanted "$1" "$1-16" || return 0
	null nullb0 "$2" 20000 0
	null nullb1 512 1000000 0
	make_set --writeback "${@:4}"
	no_bypass
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	seed=1
	fio_on_bcache --ioengine=libaio --iodepth=32 --rw=write --size="$3"
	in_turn full_ring "$1" "$3"
	stop_set
	no_null nullb0
	no_null nullb1
}

layer=$(disk 1) kinds="fast cached"
disks=(/dev/nullb0 /dev/nullb1)
if [ "$real" ]; then
	kinds=real disks=("$(disk 2)" "$(disk 3)")
fi
disk()
{
	echo "${disks[$1 - 1]}"
}

modprobe bcache || fail "no bcache"
null_blk
for kind in $kinds; do
	wanted dsync plain dsync-32 plain-32 fdatasync sequential-64k stall append-fsync \
		wal-fdatasync sqlite-delete sqlite-wal postgresql xfs-append-fsync || continue
	case $kind in
	fast) null nullb0 1024 20000 0 ;;
	cached) null nullb0 1024 100000 64 ;;
	esac
	[ "$real" ] || null nullb1 512 1000000 0
	make_set --writeback
	no_bypass
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	seed=1
	fio_on_bcache --ioengine=libaio --iodepth=32 --number_ios=8000 # warm
	in_turn rows "$kind"
	for ((i = 0; i < pairs; i++)); do
		for how in write read; do
			stall "$kind" "$how" attach
			stall "$kind" "$how" detach
		done
	done
	mkfs.ext4 -qF -E lazy_itable_init=0,lazy_journal_init=0 /dev/bcache0 || fail "mkfs.ext4"
	mount /dev/bcache0 /mnt || fail "mount"
	postgresql_start
	in_turn files "$kind"
	postgresql_stop
	umount /mnt || fail "umount"
	if wanted xfs-append-fsync; then
		programs
		in_programs mkfs.xfs -qf /dev/bcache0 || fail "mkfs.xfs"
		mount /dev/bcache0 /mnt || fail "mount"
		in_turn appends "$kind" xfs-append-fsync
		umount /mnt || fail "umount"
	fi
	stop_set
	[ "$real" ] || no_null nullb0
	[ "$real" ] || no_null nullb1
done
[ ! "$real" ] || exit 0

for event in btree_write journal_write journal_full; do
	echo hist:keys=common_type >"/sys/kernel/tracing/events/bcache/bcache_$event/trigger" ||
		fail "no trigger"
done
steady_ring small 65 8M --bucket 64k --block 4k
# Of 1 GiB, 64 MiB: if more than 70 % of the cache is in use, the driver writes through
# ("through" counts that). Each bucket that has any data of these is in use.
steady_ring default 1024 64M --block 4k
