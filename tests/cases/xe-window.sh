# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-window
# about: memory is freed while a fault on it is being serviced; stock 6.12 misses that
# gpu: bmg media=off
# sides: stock ours
# timeout: 300
# kernels: all
# short: trixie

. /job/lib.sh

# answer LINE: send LINE to the client, print its answer
answer()
{
	local said

	client_say "$@"
	IFS= read -r -t 240 said <&"${CLIENT[0]}" || fail "no answer to $*"
	echo "$said"
}

# The worker that services the fault shares CPU 0 with the client, which has priority over
# it, and later with a busy loop that leaves CPU 0 only to the client. Everything else runs
# on CPU 1.
echo 1 >/sys/devices/virtual/workqueue/cpumask || fail "workqueues can't be bound"
taskset -cp 1 $$ >/dev/null
be_gpu
client_start taskset -c 0 chrt -f 50
client vm a
client vm b
client userptr a 0x100000000 64K
client write a 0x100000000 1
client dontneed a 0x100000000 64K

# The GuC does not read its messages. So the VRAM of the new object is not cleared yet, and
# the GPU has not written the page tables, which it does after that.
gpu hold what=h2g on
client bo b 0x100000000 2M vram
gpu fault asid=first va=0x100000000 access=write
sleep 0.5
client_say dontneed a 0x100000000 64K
sleep 0.1
taskset -c 0 chrt -f 40 bash -c 'while :; do :; done' &
sleep 0.1
gpu hold what=h2g off
client_hear dontneed a
kill $!
gpu wait outstanding=0 timeout=30

client poke a 0x100000000 5
said=$(answer ask write a 0x100000004 7)
say "$said"
if [[ $SIDE/$(uname -r) = stock/6.12.* ]]; then
	[[ $said = "not ok"*": found 0" ]] || fail "stock was expected to write to the freed page"
else
	[[ $said = "ok "* ]] || fail "the GPU wrote to the freed page"
	client peek a 0x100000000 5
fi
client_stop
