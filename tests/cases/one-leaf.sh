# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: one-leaf
# about: a synchronous writer hardly ever waits for a small ring; the stock driver stops for 30 s
# disks: 256M 256M
# timeout: 300
# kernels: all
# sides: stock ours
# short: trixie
# short-sides: ours
# udev: no

. /job/lib.sh

# nodes_written: how often a btree node was written
nodes_written()
{
	awk '/Hits:/ { print $2 }' /sys/kernel/tracing/events/bcache/bcache_btree_write/hist
}

# figure NAME: print a figure of the journal
figure()
{
	cat "$(set_dir)/journal/$1"
}

writes()
{
	awk '{ print $5 }' /sys/block/bcache0/stat
}

# refused NAME VALUE...: each of these is an invalid argument of a parameter, and changes nothing
refused()
{
	local file=$SYS/parameters/$1 value error old

	shift
	old=$(cat "$file")
	for value; do
		! error=$( (echo "$value" >"$file") 2>&1) || fail "$file accepts \"$value\""
		[[ $error = *"Invalid argument" ]] || fail "$file, \"$value\": $error"
		[ "$(cat "$file")" = "$old" ] || fail "$file: $(cat "$file") after \"$value\""
	done
}

# set_to NAME VALUE: set a parameter, and begin to count anew
set_to()
{
	echo "$2" >"$SYS/parameters/$1" || fail "$1 can't be set to $2"
	sleep 1 # until nodes that are being written are done
	echo >/sys/kernel/tracing/trace
	stalls=$(figure stalls) n=$(writes)
}

# several: how often more than one node was written together
several()
{
	grep -cE 'bj_flush: .* ([2-9]|[0-9]{2,}) nodes' /sys/kernel/tracing/trace
}

# buckets_used: print the buckets in which writing has continued
buckets_used()
{
	grep -oE 'bj_bucket: .* bucket [0-9]+' /sys/kernel/tracing/trace | sed 's/.* //' | sort -u
}

all_recorded()
{
	(($(recorded bj_full) >= stalls))
}

# The stock driver never writes the root to free a journal entry, and here the root has all
# keys. It is written 30 s after its first new key; until then the ring stays full.
modprobe bcache || fail "no bcache"
[ "$SIDE" = stock ] || { attach && record bj_bucket && record bj_flush && record bj_full; }
echo hist:keys=common_type >/sys/kernel/tracing/events/bcache/bcache_btree_write/trigger ||
	fail "no trigger"
small_set 131200 --bucket 64k --block 4k
fio --name=writer --filename=/dev/bcache0 --rw=randwrite --bs=4k --size=32M --direct=1 \
	--sync=dsync --time_based --runtime=600 --thread >/run/fio 2>&1 &
writer=$!

prev=0 still=0 longest=0
for ((i = 0; i < 45; i++)); do
	sleep 1
	n=$(writes)
	still=$((n == prev ? still + 1 : 0)) prev=$n
	((still <= longest)) || longest=$still
done
say "$SIDE: $n writes in 45 s, at most $longest s without one"
kill -0 "$writer" || fail "fio has ended: $(cat /run/fio)"
if [ "$SIDE" = stock ]; then
	((longest >= 15)) || fail "the stock driver was expected to stop"
else
	stalls=$(figure stalls)
	say "$stalls stalls, $(nodes_written) writes of nodes, $(figure stalled_ms) ms stalled"
	((longest < 5)) || fail "no write for $longest s"
	(($(figure longest_stall_ms) < 5000)) || fail "a long stall"
	((stalls * 500 < n)) || fail "the ring is full too often"
	(($(nodes_written) * 8 < n)) || fail "nodes are written too often"
	! has_events || {
		say "events: bj_bucket for $(buckets_used | paste -sd ' '), bj_flush $(recorded bj_flush)," \
			"$(several) with several nodes"
		[ "$(buckets_used | wc -l)" = "$(figure buckets)" ] ||
			fail "not every bucket has an event bj_bucket"
		(($(several) > 0)) || fail "no event bj_flush with several nodes"
	}
	refused early_percent -1 101 x ''
	refused early_nodes -1 0 33 x ''

	set_to early_nodes 1
	sleep 10
	stalls=$(($(figure stalls) - stalls)) n=$(($(writes) - n))
	say "early_nodes=1: $n writes, $stalls stalls"
	# tasks that look for room may write several
	! has_events || (($(several) * 4 <= $(recorded bj_flush))) ||
		fail "$(several) of $(recorded bj_flush) events bj_flush with several nodes"

	set_to early_percent 0
	sleep 15
	n=$(($(writes) - n))
fi
kill "$writer"
wait "$writer"
[ "$SIDE" = stock ] || {
	stalls=$(($(figure stalls) - stalls))
	say "early_percent=0: $n writes, $stalls stalls"
	((stalls * 500 > n)) || fail "early_percent=0, but writers hardly wait"
	! has_events || wait_for 5 all_recorded || fail "bj_full $(recorded bj_full), $stalls stalls"
}
stop_set
