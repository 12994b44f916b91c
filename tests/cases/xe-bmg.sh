# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-bmg
# about: Battlemage: faults on VRAM and system memory, atomics that move an object to VRAM, SVM
# gpu: bmg
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: none

. /job/lib.sh

# copied TO: print how many KiB of SVM have been copied to the device, or to the CPU (cpu)
copied()
{
	sed -n "s/^svm_$1_copy_kb: //p" /sys/kernel/debug/dri/*/gt0/stats | sort -n | tail -n 1
}

be_gpu

say "objects in VRAM, in system memory and in either; a userptr"
faults 4 0 <<'END'
vm a
bo a 0x100000000 2M vram
bo a 0x200000000 2M
bo a 0x300000000 2M both
userptr a 0x400000000 2M
write a 0x100000004 0xc0ffee
write a 0x200000004 0xc0ffee
write a 0x300000004 0xc0ffee
write a 0x400000004 0xc0ffee
END

say "an atomic access moves an object to VRAM after a prefetch bound it in system memory"
faults 1 0 <<'END'
vm a
bo a 0x100000000 2M both
poke a 0x100000000 40
prefetch a 0x100000000 2M 0
resident gtt 2112K # including 64K for the space's own object
read a 0x100000000 40
resident gtt 2112K
atomic a 0x100000000 2 42
resident gtt 64K
read a 0x100000000 42
END

say "an atomic access is refused where the memory cannot be moved to VRAM"
faults 2 2 <<'END'
vm a
bo a 0x100000000 2M
userptr a 0x200000000 2M
fails atomic a 0x100000000 1
queue a
fails atomic a 0x200000000 1
END

say "the media GT"
faults 1 0 <<'END'
engine vcs 0 1
vm a
bo a 0x100000000 2M vram
write a 0x100000000 1
END

if has_svm; then
	say "shared virtual memory moves to VRAM and back"
	faults 3 0 <<-'END'
		vm a
		svm a 0x100000000000 4M
		poke a 0x100000000000 40
		atomic a 0x100000000000 2 42
		write a 0x100000000004 7
		peek a 0x100000000004 7
		read a 0x100000200000 0
	END

	say "memory of a process that has some in swap moves to VRAM, and stays there"
	null_blk
	null swap 16 0 0
	mkswap /dev/swap && swapon /dev/swap || fail "no swap"
	to=$(copied device) from=$(copied cpu)
	client_start
	client vm a
	client svm a 0x100000000000 4M
	# The kernel's count of swapped pages is not exact, and those with zeros don't count.
	for ((i = 0; i < 256; i++)); do
		client poke a $((0x100000000000 + i * 4096)) 1
	done
	client pageout a 0x100000000000 1M
	client poke a 0x100000200000 41
	client read a 0x100000200000 41
	say "$(($(copied device) - to)) KiB to VRAM, $(($(copied cpu) - from)) KiB back"
	((to > 0 && $(copied device) == to + 2048)) || fail "it did not move to VRAM"
	[ "$(copied cpu)" = "$from" ] || fail "it did not stay there"
	client_stop
	swapoff /dev/swap
fi

say "a storm"
/job/xe-client storm --spaces 16 --parallel 16 --rounds 5 --media || fail "the storm"
gpu wait outstanding=0 timeout=60
gpu stat

if [ "$SIDE" = ours ]; then
	# stock 6.12 oopses here
	say "an atomic access to a null binding"
	/job/xe-client <<-'END'
		vm a
		null a 0x100000000 64K
		start atomic a 0x100000000 1
		sleep 500
		vm b
		bo b 0x100000000 64K
		write b 0x100000000 1
	END
	gpu wait outstanding=0 timeout=60
fi
