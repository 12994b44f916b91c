# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: journal-stuck
# about: nothing empties a full journal: said in the log, in sysfs and as an event, until it ends
# disks: 256M 256M
# timeout: 400
# kernels: all
# short: none
# udev: no
# alerts: OutriggerJournalStalled

. /job/lib.sh

late=/sys/module/late/parameters

held()
{
	[ "$(cat $late/held)" = "$1" ]
}

reported()
{
	dmesg | grep -F 'bcache_journal' | grep -F 'the journal is full: none of entries'
}

acked()	# N
{
	(($(wc -l </run/acks) > $1))
}

# The kprobes that docs/monitoring.md names for 6.1, which has no tracepoints of the module.
# probe: set them; probed FUNCTION: print how often that one fired
tracing=/sys/kernel/tracing
probe()
{
	local f

	for f in journal_submit bj_btree_flush_write room_stalls; do
		echo "p:$f $f" >>"$tracing/kprobe_events" || fail "no probe at $f"
	done
	echo 1 >"$tracing/events/kprobes/enable" || fail "no probes"
}

probed()
{
	awk -v f="$1" '$1 == f { print $2 }' "$tracing/kprobe_profile"
}

# figure NAME: print a figure of the journal
figure()
{
	cat "$(set_dir)/journal/$1"
}

modprobe bcache || fail "no bcache"
attach
probe
small_set 33280 --bucket 16k --block 4k # a journal of 8 buckets of 4 blocks
ack_start 3>/run/acks
wait_for 200 blocks_written bcache0 600 || fail "hardly any writes"
counted()
{
	(($(figure writes) > 0)) # the directory appears some time after the set
}
wait_for 60 counted || fail "no figures"
! reported || fail "reported too early"
metrics
events_start

# a task that holds a pin is not scheduled: see tests/cases/late-pin.sh
insmod /usr/local/lib/klp/late.ko || fail "insmod late"
echo 1 >$late/hold
wait_for 30 held 1 || fail "no insertion"
wait_for 70 reported || fail "not reported: $(grep . "$(set_dir)"/journal/*)"
n=$(wc -l </run/acks)
grep . "$(set_dir)"/journal/* | sed 's|.*/||'
[ "$(figure full)" = 1 ] || fail "sysfs: not full"
ctl 1 status
says 'the journal is full, and none of its entries is reclaimed'
metrics
(($(figure stalls) > 0)) || fail "sysfs: no stall"
(($(figure oldest_age_ms) > 25000)) || fail "sysfs: the oldest entry is too young"
sleep 2
(($(wc -l </run/acks) == n)) || fail "writes are acknowledged although the journal is full"

echo 0 >$late/hold
wait_for 30 acked $((n + 100)) || fail "no writes after the task went on"
events_are stuck ok
ctl 0 status
(($(figure longest_stall_ms) > 25000)) || fail "sysfs: no long stall"
ack_stop
stalls=$(figure stalls) writes=$(figure writes)
say "fired: journal_submit $(probed journal_submit) for $writes writes, room_stalls" \
	"$(probed room_stalls) for $stalls stalls, bj_btree_flush_write $(probed bj_btree_flush_write)"
(($(probed journal_submit) >= writes)) || fail "kprobe: journal_submit"
(($(probed room_stalls) >= stalls)) || fail "kprobe: room_stalls"
(($(probed bj_btree_flush_write) > 0)) || fail "kprobe: bj_btree_flush_write"
/job/ackwrite verify /dev/bcache0 /run/acks 500 || fail "acknowledged writes lost"
stop_set
