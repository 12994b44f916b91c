# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: flush-bio
# about: a flush takes no bio from the pool that swap and file systems above bcache use
# disks: 512M 1G
# timeout: 300
# kernels: all
# short: none
# udev: no

. /job/lib.sh

tracing=/sys/kernel/tracing

# shared_flushes: fail if flushes of /dev/bcache0 take their bios from the pool of the layers
# above: its last bios may belong to swap, and be waiting in bcache
shared_flushes()
{
	local i pool all shared

	pool=0x$(awk '$3 == "fs_bio_set" { print $1 }' /proc/kallsyms)
	echo 'p:alloc bio_alloc_bioset opf=%dx:x32 pool=%r8' >"$tracing/kprobe_events" &&
		echo 'opf & 0x40000' >"$tracing/events/kprobes/alloc/filter" &&
		echo 1 >"$tracing/events/kprobes/alloc/enable" || fail "no probe"
	for ((i = 0; i < 32; i++)); do
		sync /dev/bcache0 || fail "sync"
	done
	echo 0 >"$tracing/events/kprobes/alloc/enable"
	shared=$(grep -c "alloc:.* pool=$pool$" "$tracing/trace")
	all=$(recorded alloc)
	say "$(side): $all bios for 32 flushes, $shared from the shared pool"
	echo >"$tracing/kprobe_events" # this also clears the trace
	((all > 16)) || fail "hardly any bios"
	[ "$shared" = 0 ] || fail "$shared of them are from the pool of the layers above"
}

make_set --writeback
no_bypass
attach
shared_flushes
stop_set
