# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: checksums
# about: each side reads the nodes and priorities of the other; who computes the checksums
# disks: 768M 1G
# timeout: 600
# kernels: all
# short: none
# udev: no

. /job/lib.sh

tracing=/sys/kernel/tracing

# traced PATTERN: print how many lines of the trace match
traced()
{
	grep -cE "$1" "$tracing/trace"
}

# probe: trace the function of the module that computes checksums, for data as large as 6000
# words of keys; the kernel's crc64_be() can't be probed
probe()
{
	echo 'p:crc bcache_journal:bj_crc64 bytes=%dx' >>"$tracing/kprobe_events" &&
		echo 'bytes >= 48000' >"$tracing/events/kprobes/crc/filter" &&
		echo 1 >"$tracing/events/kprobes/crc/enable" || fail "no probe: $(cat $tracing/error_log)"
}

unprobe()
{
	echo 0 >"$tracing/events/kprobes/crc/enable"
	echo '-:crc' >>"$tracing/kprobe_events" || fail "the probe stays"
}

# round: write enough to split nodes and reuse buckets; sets $nodes, the large nodes that were
# written
round()
{
	echo >"$tracing/trace"
	echo 1 >"$tracing/tracing_on"
	fio_verify --size=160M --number_ios=25000
	echo 0 >"$tracing/tracing_on"
	(($(traced ' prio: ') > 0)) || fail "$(side): no priorities were written"
	nodes=$(traced ' bcache_btree_write: .* ([6-9][0-9]{3}|[0-9]{5,})$')
	((nodes >= 3)) || fail "$(side): only $nodes large nodes were written"
	say "$(side): $nodes large nodes, of which the module computed $(traced ' crc: ')"
}

modprobe bcache || fail "no bcache"
echo 32768 >"$tracing/buffer_size_kb"
echo 0 >"$tracing/tracing_on"
echo 'p:prio bcache:prio_io' >"$tracing/kprobe_events" || fail "kprobe"
for event in bcache/bcache_btree_write kprobes/prio; do
	echo 1 >"$tracing/events/$event/enable" || fail "$event"
done

make_set
no_bypass
for want in stock ours stock ours; do
	case $want:$(side) in
	ours:stock) attach ;;
	stock:ours) detach ;;
	esac
	case $want:$(uname -r) in
	ours:6.*)
		probe
		round
		(($(traced ' crc: ') >= nodes + $(traced ' prio: '))) ||
			fail "the checksums are the kernel's"
		unprobe
		;;
	*) round ;;
	esac
	# read back by the side that comes next, nodes and priorities by the stock driver
	stop_set
	[ "$want" = stock ] || detach
	register_set
	no_bypass
	fio_verify --size=1M --offset=500M
done
! logged 'bcache: .*(bad|error|corrupt)' || fail "a checksum is wrong"
stop_set
