# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-h2g-full
# about: a fault is answered although the H2G ring is completely full; then with a slow GuC
# gpu: lnl media=off
# sides: stock ours
# timeout: 900
# kernels: all
# short: trixie
# allow: WARNING: .*xe_uc\.c:|Call Trace:

. /job/lib.sh

# 6.12 wrongly warns at each reset: it treats a 0 from xe_force_wake_get() as a failure
[[ $(uname -r) != 6.12.* ]] || echo 0 >/proc/sys/kernel/panic_on_warn

spaces=(a b c d e f g h i j)

# full_or_reset N: succeed if the H2G ring is full, or if there was another reset after N
full_or_reset()
{
	[ "$(count room0)" = 0 ] || [ "$(count resets)" != "$1" ]
}

# settled: succeed if the driver sends nothing for 0.3 s
settled()
{
	local tail

	tail=$(count tail0)
	sleep 0.3
	[ "$(count tail0)" = "$tail" ]
}

reset_done()
{
	dmesg | grep -q 'GT0: reset done'
}

# submit N: start N batches that do not fault, round robin on the spaces
submit()
{
	local i

	for ((i = 0; i < $1; i++)); do
		client start write "${spaces[i % 10]}" 0x100000000 5
	done
}

# attempt: fill the ring of a GuC that has not reported any fault, and report one; succeed if
# the reply came before the driver reset the GT
attempt()
{
	local i r room s u

	# A GT reset resets the GuC more than once.
	dmesg -C
	r=$(count resets)
	gt_reset 0
	wait_for 30 counted resets $((r + 1)) || fail "no reset"
	wait_for 30 reset_done || fail "the reset does not end"
	client_start
	for s in "${spaces[@]}"; do
		client vm "$s" lr
		client bo "$s" 0x100000000 64K
		client write "$s" 0x100000000 1
	done

	# A batch takes 3 dwords of the ring, a TLB invalidation 8. Move the tail until batches
	# can fill the ring, up to the one dword that is always unused, without a gap at its end.
	for ((i = 0; i < 20; i++)); do
		wait_for 30 settled || fail "the driver keeps sending"
		((($(count size0) - $(count tail0)) % 3)) || break
		client bo a 0x200000000 64K
		client write a 0x200000000 1
		client unbind a 0x200000000 64K
	done
	dmesg -C
	r=$(count resets) u=$(count unsuccessful)
	gpu hold what=h2g on
	room=$(count room0)
	say "tail $(count tail0), room $room"
	submit $((room / 3))
	wait_for 30 full_or_reset "$r" || fail "the ring is not exactly full: $(gpu stat)"

	# The reply has to wait for room. If there is none for a second, the driver resets the
	# GT. That is correct, but leaves nothing to check.
	gpu fault asid=0xabcde va=0xdead0000
	sleep 0.2
	gpu hold what=h2g off
	gpu wait outstanding=0 timeout=30
	[ "$(count overwritten)" = 0 ] || fail "unread messages were overwritten"
	[ "$(count resets)" = "$r" ] || return 1
	for s in "${spaces[@]}"; do
		client wait "$s"
	done
	[ "$(count unsuccessful)" = $((u + 1)) ] || fail "the fault was not refused"
}

be_gpu
for ((n = 1; ; n++)); do
	! attempt || break
	((n < 5)) || fail "this machine is so slow that the GT was reset $n times"
	say "the GT was reset: once more"
	touch /run/cleared
	wait_for 30 reset_done || fail "that reset does not end"
	client_stop
done

r=$(count resets) replies=$(count replies)
# Cause more replies than fit into the ring, with a GuC that reads 100 messages per second.
gpu rate h2g=100
gpu storm n=300 asid=0xabcde va=0xdead0000
gpu wait outstanding=0 timeout=60
gpu rate h2g=500
faults 2 0 <<'END'
vm z
userptr z 0x100000000 64K
write z 0x100000000 1
dontneed z 0x100000000 64K
write z 0x100000000 2
END
gpu rate off
client_stop
replies=$(($(count replies) - replies))
[ "$replies" = 302 ] || fail "302 faults, $replies replies"
[ "$(count resets)" = "$r" ] || fail "the GT was reset"
