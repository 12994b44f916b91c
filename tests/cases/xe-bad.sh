# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-bad
# about: invalid accesses fail; their queue is banned, other queues survive
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: none

. /job/lib.sh

be_gpu
if [ "$SIDE" = ours ]; then
	udevadm monitor --kernel --property --subsystem-match=module >/run/uevents &
	wait_for 20 grep -q "the kernel uevent" /run/uevents || fail "udevadm"
fi

# told ADDRESS CAUSE WORDS: the log has a line for the refused fault with the nearest VMA in
# WORDS, and there was a uevent
told()
{
	[ "$SIDE" = ours ] || return 0
	dmesg | grep "page fault refused, xe-client\[[0-9]*\] ASID [0-9]* address $1: $2 .*; $3; write" ||
		fail "the log does not say '$3' of $1: $(dmesg | grep 'page fault refused' | tail -n 3)"
	wait_for 10 grep -q "^CAUSE=$2\$" /run/uevents || fail "no uevent: $(cat /run/uevents)"
}

say "an unmapped address; a new queue of the same space works, and so does another space"
faults 3 1 <<'END'
vm a
vm b
bo a 0x100000000 64K
bo b 0x100000000 64K
fails write a 0x200000000 1
write b 0x100000000 1
queue a
write a 0x100000000 2
END
told 0x200000000 'no VMA at the address' '0xffff0001 above BO 0x100000000-0x10000ffff'

say "an address below all buffers"
faults 2 1 <<'END'
vm a
bo a 0x100000000 64K
write a 0x100000000 1
fails write a 0xfffff000 1
END
told 0xfffff000 'no VMA at the address' '0x1000 below BO 0x100000000-0x10000ffff'

say "an address that was unbound"
faults 2 1 <<'END'
vm a
bo a 0x100000000 64K
write a 0x100000000 1
unbind a 0x100000000 64K
fails read a 0x100000000 1
END

say "the memory behind a userptr is unmapped"
faults 2 1 <<'END'
vm a
userptr a 0x100000000 64K
write a 0x100000000 1
munmap a 0x100000000 64K
fails write a 0x100000000 1
END
told 0x100000000 'pages of the userptr not available' 'in userptr 0x100000000-0x10000ffff'

say "one of 16 simultaneous accesses is bad"
faults 16 1 <<'END'
vm a
userptr a 0x100000000 60K
fails parallel a 16 0x100000000 4K 1
END

say "an address space that is not in fault mode"
faults 2 1 <<'END'
vm a
vm b lr
bo a 0x100000000 64K
bo b 0x100000000 64K
write b 0x100000000 1
fails write b 0x200000000 1
write a 0x100000000 1
END

if [ "$SIDE" = ours ]; then
	say "2000 faults of an unknown address space: the log stays short"
	before=$(dmesg | grep -c 'page fault refused')
	client_start # keeps the GPU awake
	client vm a
	n=$(ours refused) start=$SECONDS
	gpu storm n=2000 asid=0xabcde va=0xdead0000 access=write
	gpu wait outstanding=0 timeout=120 >/dev/null
	[ "$(ours refused)" = $((n + 2000)) ] || fail "$(($(ours refused) - n)) were refused"
	lines=$(($(dmesg | grep -c 'page fault refused') - before))
	most=$((10 * ((SECONDS - start) / 5 + 2))) # 10 in 5 s
	say "$lines lines in $((SECONDS - start)) s"
	((lines <= most)) || fail "at most $most were expected"
	client_stop
fi

if has_svm; then
	say "shared virtual memory whose CPU mapping is gone"
	faults 2 1 <<-'END'
		vm a
		svm a 0x100000000000 2M
		write a 0x100000000000 1
		munmap a 0x100000000000 2M
		fails write a 0x100000000000 1
	END

	say "an object marked as purgeable"
	faults 1 1 <<-'END'
		vm a
		bo a 0x100000000 64K
		purgeable a 0x100000000 64K
		fails write a 0x100000000 1
	END
fi
