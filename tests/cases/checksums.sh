# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: checksums
# about: each side reads the nodes and priorities of the other; time to write a node
# disks: 768M 1G
# timeout: 600
# kernels: all
# short: bookworm
# udev: no

. /job/lib.sh

tracing=/sys/kernel/tracing
declare -A best

# large_writes: print for each write of a large btree node the time from the stock driver's
# tracepoint until the bio is submitted, in ns for each word of keys: most of it is the
# checksum. The shortest comes first: the host may be busy.
large_writes()
{
	awk '
		{ sub(/^ */, ""); task = $1; match($0, / [0-9]+\.[0-9]+: /) }
		{ now = substr($0, RSTART + 1, RLENGTH - 3) }
		/ bcache_btree_write: / && $NF >= 6000 { began[task] = now; words = $NF }
		/ block_bio_queue: / && task in began {
			printf "%d\n", (now - began[task]) * 1000000000 / words
			delete began[task]
		}' "$tracing/trace" | sort -n
}

# round: write enough to split nodes and reuse buckets; sets $shortest, of large_writes
round()
{
	local n

	echo >"$tracing/trace"
	echo 1 >"$tracing/tracing_on"
	fio_verify --size=160M --number_ios=25000
	echo 0 >"$tracing/tracing_on"
	grep -q ' prio: ' "$tracing/trace" || fail "$(side): no priorities were written"
	large_writes >/run/large
	n=$(wc -l </run/large)
	((n >= 3)) || fail "$(side): only $n large nodes were written"
	shortest=$(head -n 1 /run/large)
	say "$(side): $n large nodes, $shortest ns for a word of keys"
}

modprobe bcache || fail "no bcache"
echo 32768 >"$tracing/buffer_size_kb"
echo 0 >"$tracing/tracing_on"
echo 'p:prio bcache:prio_io' >"$tracing/kprobe_events" || fail "kprobe"
echo 'rwbs ~ "*M*"' >"$tracing/events/block/block_bio_queue/filter" || fail "filter"
for event in bcache/bcache_btree_write block/block_bio_queue kprobes/prio; do
	echo 1 >"$tracing/events/$event/enable" || fail "$event"
done

declare -A best=()
make_set
no_bypass
for want in stock ours stock ours; do
	case $want:$(side) in
	ours:stock) attach ;;
	stock:ours) detach ;;
	esac
	round
	# read back by the side that comes next, nodes and priorities by the stock driver
	stop_set
	[ "$want" = stock ] || detach
	register_set
	no_bypass
	fio_verify --size=1M --offset=500M
	((shortest < ${best[$want]-shortest + 1})) && best[$want]=$shortest
done
! logged 'bcache: .*(bad|error|corrupt)' || fail "a checksum is wrong"
case $(uname -r) in
6.*) ((best[ours] < best[stock] / 2)) || fail "the checksum is not faster" ;;
esac
stop_set
