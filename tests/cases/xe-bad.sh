# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-bad
# about: invalid accesses fail; their queue is banned, other queues survive
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: trixie-backports

. /job/lib.sh

be_gpu

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
