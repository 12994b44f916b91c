# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: one-leaf
# about: a synchronous writer hardly ever waits for a small ring; the stock driver stops for 30 s
# disks: 256M 256M
# timeout: 300
# kernels: all
# sides: stock ours
# short: none
# short-sides: ours
# udev: no

. /job/lib.sh

# nodes_written: how often a btree node was written
nodes_written()
{
	awk '/Hits:/ { print $2 }' /sys/kernel/tracing/events/bcache/bcache_btree_write/hist
}

# The stock driver never writes the root to free a journal entry, and here the root has all
# keys. It is written 30 s after its first new key; until then the ring stays full.
modprobe bcache || fail "no bcache"
[ "$SIDE" = stock ] || attach
echo hist:keys=common_type >/sys/kernel/tracing/events/bcache/bcache_btree_write/trigger ||
	fail "no trigger"
small_set 131200 --bucket 64k --block 4k
fio --name=writer --filename=/dev/bcache0 --rw=randwrite --bs=4k --size=32M --direct=1 \
	--sync=dsync --time_based --runtime=600 --thread >/run/fio 2>&1 &
writer=$!

prev=0 still=0 longest=0
for ((i = 0; i < 45; i++)); do
	sleep 1
	n=$(awk '{ print $5 }' /sys/block/bcache0/stat)
	still=$((n == prev ? still + 1 : 0)) prev=$n
	((still <= longest)) || longest=$still
done
say "$SIDE: $n writes in 45 s, at most $longest s without one"
kill -0 "$writer" || fail "fio has ended: $(cat /run/fio)"
if [ "$SIDE" = stock ]; then
	((longest >= 15)) || fail "the stock driver was expected to stop"
else
	stalls=$(cat "$(set_dir)/journal/stalls")
	say "$stalls stalls, $(nodes_written) writes of nodes, $(cat "$(set_dir)/journal/stalled_ms") ms stalled"
	((longest < 5)) || fail "no write for $longest s"
	(($(cat "$(set_dir)/journal/longest_stall_ms") < 5000)) || fail "a long stall"
	((stalls * 500 < n)) || fail "the ring is full too often"
	(($(nodes_written) * 8 < n)) || fail "nodes are written too often"
fi
kill "$writer"
wait "$writer"
stop_set
