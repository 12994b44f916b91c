# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-ahead
# about: SVM: ranges are bound ahead of a walk through memory, if the CPU has the pages
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 400
# kernels: forky trixie-backports
# short: none

. /job/lib.sh

# bound_ahead: print the number of ranges that were bound ahead
bound_ahead()
{
	if [ "$SIDE" = stock ]; then
		echo 0
	else
		cat /sys/kernel/debug/xe_pagefault/*-gt* |
			awk '/SVM ranges bound ahead/ { n += $5 } END { print n }'
	fi
}

# memory: print the kilobytes of memory of the client
memory()
{
	awk '/^VmRSS/ { print $2 }' "/proc/$CLIENT_PID/status"
}

# begin VA SIZE: start a client with an SVM area
begin()
{
	client_start
	client vm a
	client svm a "$1" "$2"
	look
}

# look: begin to count faults, and ranges that are bound ahead
look()
{
	faults=$(count faults) ranges=$(bound_ahead)
}

# expect N WHAT [MOST]: since then there have been N faults, and nothing was bound ahead; or,
# if MOST is given and the module is attached, at most MOST faults, and the rest of the N
# ranges was bound ahead, and no more than a batch in vain
expect()
{
	local f a

	gpu wait outstanding=0 timeout=60 >/dev/null
	f=$(($(count faults) - faults)) a=$(($(bound_ahead) - ranges))
	say "$2: $f faults, $a ranges bound ahead"
	if [ "$SIDE" = stock ] || [ $# = 2 ]; then
		[ "$f $a" = "$1 0" ] || fail "$1 faults were expected, and nothing ahead"
	else
		((f <= $3 && f + a >= $1)) || fail "at most $3 faults were expected"
		((f + a <= $1 + 7)) || fail "too many ranges were bound ahead"
	fi
	look
}

be_gpu
has_svm || fail "no SVM"
# An emulated machine is too slow for the default.
[ "$SIDE" = stock ] || echo 10000000 >"$SYS/parameters/ahead_us"

begin 0x200000000 256M
client touch a 0x200000000 256M
client walk a 128 0x200000000 2M 1
expect 128 "upwards through 256 MiB" 32
client walk a 128 0x200000000 2M 1000
expect 0 "again"
client dontneed a 0x208000000 2M
client write a 0x208000000 7
expect 1 "the CPU has dropped a range"
client_stop

begin 0x200000000 128M
client touch a 0x200000000 128M
client walk a 64 0x207e00000 -2M 1
expect 64 "downwards through 128 MiB" 16
client_stop

# 15 ranges of 4 KiB and 31 of 64 KiB
begin 0x200001000 2044K
client touch a 0x200001000 2044K
client walk a 511 0x200001000 4K 1
expect 46 "through small ranges" 11
client_stop

begin 0x200000000 120M
client touch a 0x200000000 120M
for ((i = 0; i < 20; i++)); do
	for array in 0 20 40; do
		client write a $((0x200000000 + ((array + i) << 21))) "$i"
	done
done
expect 60 "through three arrays in turn" 18
client_stop

begin 0x200000000 32M
client touch a 0x200000000 32M
client vm b
client svm b 0x300000000 32M
client touch b 0x300000000 32M
for ((i = 0; i < 16; i++)); do
	client write a $((0x200000000 + (i << 21))) "$i"
	client write b $((0x300000000 + (i << 21))) "$i"
done
expect 32 "two address spaces in turn" 10
client_stop

begin 0x200000000 256M
client touch a 0x200000000 256M
for ((i = 0; i < 64; i++)); do
	client write a $((0x200000000 + ((i * 37 % 128) << 21))) "$i"
done
expect 64 "at random"
client_stop

say "nothing is bound ahead that the CPU does not have"
begin 0x200000000 64M
before=$(memory)
client walk a 8 0x200000000 2M 1
expect 8 "memory that the CPU has not touched"
((after = $(memory) - before))
((after < (16 << 10) + 1024)) || fail "$after KiB for 16 MiB"
for ((i = 8; i < 32; i++)); do
	client peek a $((0x200000000 + (i << 21))) 0 # only maps the page of zeroes
done
client walk a 8 0x201000000 2M 1
expect 8 "memory that the CPU has only read"
((after = $(memory) - before))
((after < (32 << 10) + 2048)) || fail "$after KiB for 32 MiB"
client_stop

begin 0x200000000 64M
client touch a 0x200000000 64M
client mprotect a 0x200d00000 1M ro # the second half of the seventh range
client walk a 8 0x200000000 2M 1
expect 8 "part of a range is read-only" 5
client_stop

begin 0x200000000 256M
client touch a 0x200000000 256M
client walk a 16 0x200000000 2M 1
look
client walk a 14 0x202e00000 16M 1
if [ "$SIDE" = stock ]; then
	expect 14 "each eighth range"
else
	gpu wait outstanding=0 timeout=60 >/dev/null
	say "each eighth range: $(($(bound_ahead) - ranges)) ranges bound ahead"
	(($(bound_ahead) - ranges <= 7)) || fail "at most 7 were expected"
fi
client_stop

[ "$SIDE" = ours ] || exit 0
grep 'bound ahead' /sys/kernel/debug/xe_pagefault/*-gt*
echo 0 >"$SYS/parameters/ahead"
begin 0x200000000 32M
client touch a 0x200000000 32M
client walk a 16 0x200000000 2M 1
expect 16 "not wanted"
client_stop

echo 7 >"$SYS/parameters/ahead"
echo 0 >"$SYS/parameters/ahead_us"
begin 0x200000000 32M
client touch a 0x200000000 32M
client walk a 16 0x200000000 2M 1
expect 16 "no time"
client_stop
