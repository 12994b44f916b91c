# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-served
# about: one service resolves the page faults on a binding that waited for it, and no others
# gpu: lnl
# timeout: 300
# kernels: all
# short: trixie

. /job/lib.sh

good=0x100000000 readonly=0x200000000 many=0x300000000

# waiting SUCCESSFUL UNSUCCESSFUL LEAST MOST COMMAND...: the faults of these commands of the
# GPU are all in the ring before the driver sees the first; so many get each kind of reply,
# and from LEAST to MOST need no service of their own
waiting()
{
	local s=$1 u=$2 least=$3 most=$4 r w c one

	shift 4
	r=$(count replies) w=$(count unsuccessful) c=$(ours coalesced)
	gpu hold what=irq on
	for one; do
		gpu "$one" >/dev/null
	done
	gpu hold what=irq off
	gpu wait outstanding=0 timeout=60
	r=$(($(count replies) - r)) w=$(($(count unsuccessful) - w)) c=$(($(ours coalesced) - c))
	say "$*: $r replies, $w unsuccessful, $c without a service"
	[ "$((r - w)) $w" = "$s $u" ] || fail "$((r - w)) successful, $w unsuccessful, not $s and $u"
	((c >= least && c <= most)) || fail "$c without a service, not $least to $most"
}

be_gpu
client_start
client vm a
client userptr a $good 2M
client userptr a $readonly 64K readonly
client write a $good 1
client read a $readonly 0

# The first service may begin before the last faults are in the queue.
waiting 512 0 400 511 "storm n=512 asid=first va=$good access=write"
waiting 512 0 400 511 "storm n=512 asid=first va=$good addresses=1"
waiting 128 0 100 127 "storm n=64 asid=first va=$good access=write" \
	"storm n=64 asid=first va=$good access=read"

say "a service for a read resolves no write, and a refusal is not shared"
waiting 64 64 48 63 "storm n=64 asid=first va=$readonly addresses=16 access=read" \
	"storm n=64 asid=first va=$readonly addresses=16 access=write"
waiting 64 0 0 0 "storm n=64 asid=first va=$good access=atomic"
waiting 0 64 0 0 "storm n=64 asid=first va=$good trva=1"

say "a service resolves nothing outside its binding"
waiting 32 32 16 31 "storm n=64 asid=first va=$((good + (2 << 20) - 4096)) addresses=2"
waiting 32 32 16 31 "storm n=64 asid=first va=$((good - 4096)) addresses=2"

say "faults on other bindings that are mapped need only a reply"
for ((i = 0; i < 32; i++)); do
	client userptr a $((many + i * 4096)) 4K
	client write a $((many + i * 4096)) 1
done
waiting 32 0 24 30 "storm n=32 asid=first va=$many addresses=32 access=write"

say "every page that vanishes needs a service again"
c=$(ours coalesced)
for i in {1..30}; do
	client dontneed a $good 64K
	client write a $good "$i"
done
[ "$(ours coalesced)" = "$c" ] || fail "$(($(ours coalesced) - c)) faults got no service"

echo 0 >/sys/module/xe_pagefault/parameters/coalesce
waiting 512 0 0 0 "storm n=512 asid=first va=$good access=write"
client_stop
