# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-access
# about: access counters of each granularity cause the right object to be moved to VRAM
# gpu: bmg media=off
# sides: stock ours
# timeout: 300
# kernels: all
# short: trixie-backports

. /job/lib.sh

# in_ram KIB: the client has KIB in RAM; the rest is in VRAM
in_ram()
{
	local answer

	echo "ask resident gtt ${1}K" >&"${CLIENT[1]}"
	IFS= read -r -t 60 answer <&"${CLIENT[0]}"
	echo "$answer" >/run/in_ram
	[[ $answer = ok* ]]
}

# only 6.12 handles it; newer kernels report the message as unexpected
moves=yes
[[ $SIDE/$(uname -r) = stock/6.12.* || $SIDE = ours ]] || moves=

be_gpu
client_start
client vm a
client null a 0x100000000 64K
client write a 0x100000000 1
base=0x400000000
ram=64 # including what every space has
# granularity, its size, and which 1/32 of it is to be moved
for g in "0 0x20000 5" "1 0x200000 9" "2 0x1000000 31" "3 0x4000000 30"; do
	read -r granularity size sub <<<"$g"
	va=$((base + (granularity << 32)))
	block=$((size / 32))
	[ $block -ge 65536 ] || block=65536 # no smaller object
	at=$((va + sub * (size / 32) / block * block))
	client bo a $((at - block)) $block both
	client bo a $at $block both
	client prefetch a $((at - block)) $block 0
	client prefetch a $at $block 0
	ram=$((ram + block / 512))
	in_ram $ram || fail "not in the system's memory before: $(</run/in_ram)"
	gpu access-counter asid=first va=$va granularity="$granularity" \
		sub=$((1 << sub)) type=notify
	sleep 1
	in_ram $ram || fail "moved without need"
	gpu access-counter asid=first va=$va granularity="$granularity" \
		sub=$((1 << sub)) type=trigger
	if [ "$moves" ]; then
		ram=$((ram - block / 1024))
		wait_for 30 in_ram $ram || fail "granularity $granularity: it was not moved"
		# Stock 6.12 considers bindings made by a prefetch invalid, and has now
		# moved the object without telling the GPU.
		client rebind a $at
		client write a $at 0xc0ffee
		say "granularity $granularity: moved"
	else
		sleep 1
		in_ram $ram || fail "stock moved it"
	fi
done

say "nothing there, nothing to move, no such space, no block"
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
