# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: sync-writes
# about: journal entries for O_DSYNC writes and flushes: one for each write, none for nothing
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: trixie
# udev: no

. /job/lib.sh

tracing=/sys/kernel/tracing

# entries COMMAND...: print how many journal entries are written during COMMAND
entries()
{
	echo >"$tracing/trace"
	echo 1 >"$tracing/events/bcache/bcache_journal_write/enable"
	"$@" >/run/out 2>&1 || fail "$*: $(cat /run/out)"
	echo 0 >"$tracing/events/bcache/bcache_journal_write/enable"
	grep -c bcache_journal_write: "$tracing/trace"
}

# flushed: how often the cache device has been flushed so far
flushed()
{
	awk '{ print $16 }' "/sys/block/$(basename "$(disk 1)")/stat"
}

# writes: each is durable when it returns
writes() # N
{
	dd if=/dev/urandom of=/dev/bcache0 bs=4k count="$1" oflag=direct,dsync conv=notrunc
}

flushes() # N
{
	local i

	for ((i = 0; i < $1; i++)); do
		sync /dev/bcache0 || return
	done
}

# written_flushes: each time a write that is not durable, then a flush
written_flushes() # N
{
	local i

	for ((i = 0; i < $1; i++)); do
		dd if=/dev/urandom of=/dev/bcache0 bs=4k count=1 seek=$((i * 7)) \
			oflag=direct conv=notrunc status=none || return
		sync /dev/bcache0 || return
	done
}

# figures: how many entries 256 O_DSYNC writes, 64 flushes, and 64 writes with a flush make;
# each flush must reach the cache device
figures()
{
	writes=$(entries writes 256)
	device=$(flushed)
	flushes=$(entries flushes 64)
	device=$(($(flushed) - device))
	both=$(entries written_flushes 64)
	say "$(side): 256 writes: $writes entries; 64 flushes: $flushes, $device of the device;" \
		"64 of each: $both"
	((device >= 64)) || fail "64 flushes flushed the cache device $device times"
}

# Anything else that bcache journals, such as priorities, is a few entries.
ours_is_right()
{
	((writes >= 256 && writes < 300)) || fail "$writes entries for 256 O_DSYNC writes"
	((flushes < 10)) || fail "$flushes entries for 64 flushes of nothing"
	((both >= 64 && both < 90)) || fail "$both entries for 64 writes, each with a flush"
}

make_set --writeback
echo 0 >/sys/block/bcache0/bcache/sequential_cutoff
no_bypass
fio_verify --size=1M
figures
((writes >= 512 && flushes >= 64 && both >= 64)) ||
	fail "the stock driver has other figures than expected"
attach
figures
ours_is_right

say "detached, and attached again"
detach
flushes 8 || fail "sync"
attach
# what the stock driver wrote last does not count
(($(entries flushes 1) >= 1)) || fail "no entry for the first flush after an attach"
figures
ours_is_right
