# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-access
# about: access counters of each granularity move the right objects to VRAM
# gpu: bmg media=off
# sides: stock ours
# timeout: 300
# kernels: all
# short: trixie-backports

. /job/lib.sh

# in_ram KIB: succeed if the client has KIB in RAM; the rest is in VRAM
in_ram()
{
	local answer

	echo "ask resident gtt ${1}K" >&"${CLIENT[1]}"
	IFS= read -r -t 60 answer <&"${CLIENT[0]}"
	echo "$answer" >/run/in_ram
	[[ $answer = ok* ]]
}

# of the stock drivers, only 6.12 handles the message; newer ones report it as unexpected
moves=yes
[[ $SIDE/$(uname -r) = stock/6.12.* || $SIDE = ours ]] || moves=

be_gpu
client_start
client vm a
client null a 0x100000000 64K
client write a 0x100000000 1
base=0x400000000
ram=64 # each space's own object
# granularity, its size, and the index of the 1/32 of it to be moved
for g in "0 0x20000 5" "1 0x200000 9" "2 0x1000000 31" "3 0x4000000 30"; do
	read -r granularity size sub <<<"$g"
	va=$((base + (granularity << 32)))
	block=$((size / 32))
	[ $block -ge 65536 ] || block=65536 # the smallest object
	at=$((va + sub * (size / 32) / block * block))
	client bo a $((at - block)) $block both
	client bo a $at $block both
	client prefetch a $((at - block)) $block 0
	client prefetch a $at $block 0
	ram=$((ram + block / 512))
	in_ram $ram || fail "not in system memory at first: $(</run/in_ram)"
	gpu access-counter asid=first va=$va granularity="$granularity" \
		sub=$((1 << sub)) type=notify
	sleep 1
	in_ram $ram || fail "a notification moved the object"
	gpu access-counter asid=first va=$va granularity="$granularity" \
		sub=$((1 << sub)) type=trigger
	if [ "$moves" ]; then
		ram=$((ram - block / 1024))
		wait_for 30 in_ram $ram || fail "granularity $granularity: the object was not moved"
		# Stock 6.12 considers bindings made by a prefetch invalid, so it moved
		# the object without invalidating the GPU's translations.
		client rebind a $at
		client write a $at 0xc0ffee
		say "granularity $granularity: moved"
	else
		sleep 1
		in_ram $ram || fail "stock was not expected to move the object"
	fi
done

# Stock 6.12 moves only the first.
say "objects in several blocks, two of them in one block, and one across two"
moved=5
[ "$SIDE" = ours ] || moved=${moves:+1}
va=0x900000000 # 16 MiB, in blocks of 512 KiB
objects="0x000000 0x080000 0x180000 0x280000 0xf10000 0xf40000 0xfc0000"
for at in $objects; do
	at=$((va + at))
	size=65536
	[ "$at" != $((va + 0x280000)) ] || size=$((0x100000)) # blocks 5 and 6
	client bo a $at $size both
	client prefetch a $at $size 0
	ram=$((ram + size / 1024))
done
in_ram $ram || fail "not in system memory at first: $(</run/in_ram)"
# blocks 0, 3, 6, 30: not the one at 0x080000 in block 1, nor that at 0xfc0000 in block 31
gpu access-counter asid=first va=$va granularity=2 sub=0x40000049
case $moved in
5) ram=$((ram - 4 * 64 - 1024)) ;;
1) ram=$((ram - 64)) ;;
esac
wait_for 30 in_ram $ram || fail "not $moved objects were moved: $(</run/in_ram)"
sleep 1
in_ram $ram || fail "not only $moved objects were moved: $(</run/in_ram)"

say "unmapped address, nothing to move, unknown ASID, no sub-granularity, bad length"
client userptr a 0x100000000 64K
client null a 0x200000000 64K
gpu access-counter asid=first va=0x100000000 sub=1
gpu access-counter asid=first va=0x200000000 sub=1
gpu access-counter asid=first va=0xdead00000 sub=1
gpu access-counter asid=0xabcde va=0x100000000 sub=1
gpu access-counter asid=first va=0x100000000 sub=0
gpu raw action=0x6004 dw=1,2,3
gpu raw action=0x6004 dw=1,2,3,4,5
for ((i = 0; i < 200; i++)); do
	gpu access-counter asid=first va=0x100000000 sub=0x80000000
done
client dontneed a 0x100000000 64K
client write a 0x100000000 1
client_stop
gpu wait outstanding=0 timeout=60
