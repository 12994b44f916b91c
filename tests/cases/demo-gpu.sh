# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# demo: the guest side of the GPU part of "make demo"; tests/demo is the host side
# gpu: lnl
# timeout: 240

. /job/lib.sh

# note KEY VALUE: for the summary at the end
note()
{
	echo "@$*"
}

# ledger: print the counters of the GPU in words
ledger()
{
	echo "$(count faults) faults, $(count replies) replies, $(count stray) stray," \
		"$(count doubled) doubled, $(count mismatched) mismatched"
}

# tell: print what the client has done, and its errors
tell()
{
	sed -n 's/^ok /    GPU: /p; /^not ok/p'
}

note kernel "$(uname -r)"
note version "$(modinfo -F version "$MODULE")"
echo "Debian's kernel $(uname -r) is up, with an emulated Lunar Lake; modprobe xe"
modprobe xe || fail "modprobe xe"
dmesg | sed -n 's/^[^]]*\] \(xe .*GuC firmware\|.*Initialized xe\)/kernel: \1/p'
note probe "$(dmesg | grep -c 'Initialized xe') GPU, $(cd /dev/dri && echo renderD*), by Debian's own xe"

echo "a program maps memory to the GPU, and a batch on the GPU writes to it;"
echo "stock xe services the page fault:"
faults 1 0 <<-'END' | tell
	vm a
	userptr a 0x100000000 64K
	write a 0x100000000 0xc0ffee
END
[ "${PIPESTATUS[0]}" = 0 ] || exit 1

echo "now a continuous storm from 64 address spaces of four processes; modprobe $MODULE"
/job/xe-client storm --until /run/stop >/run/storm.out &
pid=$!
wait_for 60 counted faults 1000 || fail "no storm"
read -r before _ </proc/uptime
attach
read -r after _ </proc/uptime
note attach_ds $((10#${after/./} / 10 - 10#${before/./} / 10))
dmesg | sed -n "s/^[^]]*\] \($MODULE: attached\)/kernel: \1/p"
sysfs=$(echo /sys/bus/pci/devices/*/xe_pagefault-gt0)
n=$(count faults)
wait_for 60 counted replies $((n + 2000)) || fail "the storm stalls"
touch /run/stop
wait $pid || fail "the storm: $(cat /run/storm.out)"
gpu wait outstanding=0 timeout=60 >/dev/null
cat /run/storm.out
note storm "$(sed -n 's/^ok storm: //p' /run/storm.out), all data verified"
echo "the ledger of the GPU: $(ledger)"

echo "one fault, as the tracepoints $MODULE:* show it:"
echo 1 >"/sys/kernel/tracing/events/$MODULE/enable"
faults 1 0 <<-'END' | tell
	vm a
	bo a 0x100000000 2M
	atomic a 0x100001000 1 1
END
[ "${PIPESTATUS[0]}" = 0 ] || exit 1
sed -n 's/^.*: \(xpf_[a-z]*\)/    \1/p' /sys/kernel/tracing/trace
echo 0 >"/sys/kernel/tracing/events/$MODULE/enable"

echo "2500 faults at once; the stock driver loses more than half of them:"
faults 2500 0 <<-'END' | tell
	vm a
	userptr a 0x100000000 10M
	parallel a 2500 0x100000000 4K 0x10000
END
[ "${PIPESTATUS[0]}" = 0 ] || exit 1
note many "2500 faults at once, all answered, all data correct"

echo "a bad fault, on an unmapped address: its job is terminated, and the log says why"
faults 2 1 <<-'END' | tell
	vm a
	vm b
	bo b 0x100000000 64K
	fails write a 0xdead0000 1
	write b 0x100000000 1
END
[ "${PIPESTATUS[0]}" = 0 ] || exit 1
dmesg | sed -n 's/^[^]]*\] \(.*page fault refused\)/    \1/p' | tail -n 1
note bad "$(dmesg | sed -n 's/^.*\(page fault refused, .*\);.*/\1/p' | tail -n 1)"

echo "the counters ($sysfs):"
for f in faults served refused replies coalesced dropped stale queued_max; do
	printf '    %-20s %s\n' "$f" "$(cat "$sysfs/$f")"
done
echo "the latency of the replies (debugfs):"
sed -n '/^G2H to reply/,/^$/s/^/    /p' /sys/kernel/debug/$MODULE/*-gt0
detach
gpu wait outstanding=0 timeout=60 >/dev/null
note ledger "$(ledger)"
note clean $(($(count faults) - $(count replies) + $(count stray) + $(count doubled) + $(count mismatched)))
