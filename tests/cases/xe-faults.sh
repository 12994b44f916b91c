# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-faults
# about: each kind of page fault separately: serviced once, with the right data
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: trixie-backports

. /job/lib.sh

be_gpu

say "buffer object: write, atomic, read; a second access does not fault"
faults 3 0 <<'END'
vm a
bo a 0x100000000 64K
bo a 0x200000000 64K
bo a 0x300000000 64K
write a 0x100000004 0xc0ffee
write a 0x100001000 1
poke a 0x200000000 40
atomic a 0x200000000 2 42
poke a 0x30000ff00 77
read a 0x30000ff00 77
END

say "userptr: write, atomic, read"
faults 3 0 <<'END'
vm a
userptr a 0x100000000 64K
userptr a 0x200000000 64K
userptr a 0x300000000 64K
write a 0x100000004 0xc0ffee
poke a 0x200000000 40
atomic a 0x200000000 2 42
poke a 0x30000ff00 77
read a 0x30000ff00 77
END

say "2 MiB pages"
faults 2 0 <<'END'
vm a
bo a 0x100000000 8M
userptr a 0x200000000 8M
write a 0x1007ffffc 1
write a 0x2007ffffc 1
END

say "null binding: reads return zero, writes are discarded"
faults 2 0 <<'END'
vm a
null a 0x100000000 64K
null a 0x200000000 2M
read a 0x100000000 0
write a 0x200000000 1
read a 0x200000000 0
END

say "a batch that itself faults"
faults 2 0 <<'END'
vm a
bo a 0x100000000 64K
bo a 0x200000000 64K
batch a 0x100000000
write a 0x200000000 1
END

say "a userptr that was invalidated"
faults 3 0 <<'END'
vm a
userptr a 0x100000000 2M
write a 0x100000000 1
dontneed a 0x100000000 2M
peek a 0x100000000 0
write a 0x100000004 2
dontneed a 0x100000000 4K
read a 0x100000004 0
END

say "another object at the same address"
faults 2 0 <<'END'
vm a
bo a 0x100000000 64K
write a 0x100000000 1
bo a 0x100000000 64K
peek a 0x100000000 0
write a 0x100000000 2
END

say "unbound, then bound again"
faults 2 0 <<'END'
vm a
bo a 0x100000000 64K
write a 0x100000000 1
unbind a 0x100000000 64K
userptr a 0x100000000 64K
write a 0x100000000 2
END

say "the same address in two spaces"
faults 2 0 <<'END'
vm a
vm b
bo a 0x100000000 64K
bo b 0x100000000 64K
write a 0x100000000 1
write b 0x100000000 2
peek a 0x100000000 1
END

say "64 faults at once"
faults 64 0 <<'END'
vm a
userptr a 0x100000000 256K
parallel a 64 0x100000000 4K 0x1000
END

say "the media GT"
faults 2 0 <<'END'
engine vcs 0 1
vm a
userptr a 0x100000000 64K
write a 0x100000004 0xc0ffee
engine vecs 0 1
vm b
bo b 0x100000000 64K
write b 0x100000004 0xc0ffee
END

if has_svm; then
	say "shared virtual memory"
	faults 4 0 <<-'END'
		vm a
		svm a 0x100000000000 2M
		svm a 0x100000400000 2M
		svm a 0x100000800000 2M
		write a 0x100000000004 0xc0ffee
		poke a 0x100000400000 40
		atomic a 0x100000400000 2 42
		poke a 0x100000800000 77
		read a 0x100000800000 77
		dontneed a 0x100000000000 2M
		write a 0x100000000008 1
	END
fi
