# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-access-queue
# about: access counters do not hold up each other if a VM is locked
# gpu: bmg media=off
# sides: stock ours
# short-sides: ours
# timeout: 600
# kernels: all
# short: trixie trixie-backports

. /job/lib.sh

spaces=(a b c d)

# in_ram KIB: succeed if the client has KIB in RAM
in_ram()
{
	local answer

	echo "ask resident gtt ${1}K" >&"${CLIENT[1]}"
	IFS= read -r -t 60 answer <&"${CLIENT[0]}"
	[[ $answer = ok* ]]
}

be_gpu
gpu block what=none # as if each context had an engine of its own
modprobe fuse || fail "modprobe fuse"
echo 0 >/proc/sys/kernel/hung_task_timeout_secs

say "a VM is locked, and four others are not"
/job/xe-client stuck /tmp/stuck 1 >/run/stuck 2>&1 &
pid=$!
wait_for 60 grep -q started /run/stuck || fail "$(cat /run/stuck)"
client_start
va=0x200000000
for s in "${spaces[@]}"; do
	client vm "$s"
	client null "$s" 0x100000000 64K
	client write "$s" 0x100000000 1
	client bo "$s" $va 64K both
	client prefetch "$s" $va 64K 0
done
in_ram $((4 * 128)) || fail "not in system memory at first"
gpu asids
gpu access-counter asid=all va=$va
if [ "$SIDE" = stock ]; then
	# 6.12 has four queues, of which the stuck VM blocks one; 7.2 and later move nothing
	sleep 5
	! in_ram $((4 * 64)) || fail "stock was expected to hold up one"
else
	wait_for 30 in_ram $((4 * 64)) || fail "the locked VM holds up others"
fi

touch /tmp/stuck.go
wait $pid || fail "$(cat /run/stuck)"
umount /tmp/stuck
for s in "${spaces[@]}"; do
	client rebind "$s" $va
	client write "$s" $va 0xc0ffee
done
client_stop
gpu wait outstanding=0 timeout=60
