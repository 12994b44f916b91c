# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-bad
# about: accesses that must fail do fail; their queue is given up, others survive
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: trixie-backports

. /job/lib.sh

be_gpu

say "nothing is bound there; a new queue of the space works, another space too"
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

say "no longer bound"
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

say "one of 16 at once is bad"
faults 16 1 <<'END'
vm a
userptr a 0x100000000 60K
fails parallel a 16 0x100000000 4K 1
END

say "a space that is not in fault mode"
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
	say "shared virtual memory without memory"
	faults 2 1 <<-'END'
		vm a
		svm a 0x100000000000 2M
		write a 0x100000000000 1
		munmap a 0x100000000000 2M
		fails write a 0x100000000000 1
	END

	say "an object that is not needed"
	faults 1 1 <<-'END'
		vm a
		bo a 0x100000000 64K
		purgeable a 0x100000000 64K
		fails write a 0x100000000 1
	END
fi
