# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: views
# about: sysfs and debugfs before, during and after; the stock tracepoints keep firing
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: trixie

. /job/lib.sh

# names: print the names of all files that bcache provides
names()
{
	find /sys/fs/bcache "$(set_dir)"/ /sys/block/bcache0/bcache/ /sys/module/bcache/ \
		/sys/kernel/debug/bcache* /sys/kernel/debug/closures |
		grep -v '/module/bcache/holders/' | sort -u
}

# fired: print how often a stock tracepoint fires for 256 synchronous writes
fired()
{
	local tracing=/sys/kernel/tracing

	echo >"$tracing/trace"
	echo 1 >"$tracing/events/bcache/bcache_journal_write/enable"
	fio_verify --size=1M --sync=1
	echo 0 >"$tracing/events/bcache/bcache_journal_write/enable"
	grep -c bcache_journal_write: "$tracing/trace"
}

make_set --writeback
fio_verify --size=1M
names >before
stock_fired=$(fired)

attach
names >attached
comm -23 before attached >gone
[ ! -s gone ] || fail "gone while attached: $(cat gone)"
comm -13 before attached >added
say "added while attached:"
cat added
while read -r f; do
	[ ! -f "$f" ] || [ ! -r "$f" ] || cat "$f" >/run/view || fail "cannot read $f"
done <added

journal=$(set_dir)/journal
for f in seq last_seq entries entries_max buckets buckets_free full oldest_age_ms stalls \
	stalled_ms longest_stall_ms writes write_p50_us write_p99_us write_max_us write_total_us \
	write_errors flushes flush_p50_us flush_p99_us flush_max_us flush_total_us; do
	[[ $(cat "$journal/$f") =~ ^[0-9]+$ ]] || fail "$f: $(cat "$journal/$f")"
done
seq=$(cat "$journal/seq")
record bj_write
record bj_write_done
our_fired=$(fired)
! has_events || (($(recorded bj_write) >= our_fired && $(recorded bj_write_done) > 0)) ||
	fail "$our_fired writes, events: bj_write $(recorded bj_write), bj_write_done $(recorded bj_write_done)"
(($(cat "$journal/seq") > seq)) || fail "seq does not advance"
writes=$(cat "$journal/writes") p50=$(cat "$journal/write_p50_us")
p99=$(cat "$journal/write_p99_us") max=$(cat "$journal/write_max_us")
((writes >= 16 && 0 < p50 && p50 <= p99 && p99 <= max)) ||
	fail "$writes writes, in $p50, $p99 and at most $max us"
latency=$(sed '/^longest:/q' /sys/kernel/debug/bcache_journal/*/latency) # see flush-time
tail -n 3 <<<"$latency"
n=$(awk '$1 ~ /^[0-9]+$/ { n += $2 } END { print n }' <<<"$latency")
((writes <= n && n <= $(cat "$journal/writes"))) ||
	fail "the histogram has $n writes, sysfs $writes to $(cat "$journal/writes")"
(($(awk '$1 ~ /^[0-9]+$/ { print $3 }' <<<"$latency" | tail -n 1) == 100)) ||
	fail "the histogram does not end with 100 %"
((stock_fired > 0 && our_fired > 0)) ||
	fail "bcache_journal_write fired $stock_fired times on stock, $our_fired times while attached"

# Keep one of the module's files open across the detach.
exec 5<"$journal/seq"
detach
cat <&5 >/run/view 2>&1
exec 5<&-
names >after
cmp before after || fail "not the same files as before: $(diff before after)"
stop_set
rmmod_bcache
