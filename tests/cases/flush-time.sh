# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: flush-time
# about: flushes without an entry are counted and timed; one in flight survives the module
# disks: 512M 1G
# timeout: 300
# kernels: all
# short: trixie
# udev: no

. /job/lib.sh

# slow_flushes MS: let each flush of the cache device take that long
slow_flushes()
{
	local dev

	dev="$(disk 1) 0"
	dmsetup suspend --nolockfs small &&
		dmsetup reload small --table "0 $sectors delay $dev 0 $dev 0 $dev $1" &&
		dmsetup resume small || fail "dmsetup"
}

get()
{
	cat "$(set_dir)/journal/$1"
}

# histogram: print the sum of the table of flushes in debugfs
histogram()
{
	awk '$3 == "flushes" { f = 1 } f && $1 ~ /^[0-9]+$/ { n += $2 } END { print n + 0 }' \
		/sys/kernel/debug/bcache_journal/*/latency
}

modprobe -a dm-mod dm-delay bcache || fail "no dm-delay, or no bcache"
sectors=$(blockdev --getsz "$(disk 1)")
attach
small_set "$sectors"
wait_for 30 test -e "$(set_dir)/journal" || fail "no view"
dd if=/dev/zero of=/dev/bcache0 bs=4k count=16 oflag=direct,dsync status=none || fail "dd"

flushes=$(get flushes)
began=$(date +%s%N)
for ((i = 0; i < 64; i++)); do
	sync /dev/bcache0 || fail "sync"
done
us=$((($(date +%s%N) - began) / 1000))
flushes=$(($(get flushes) - flushes))
say "$flushes flushes in $us us: sum $(get flush_total_us), p50 $(get flush_p50_us)," \
	"p99 $(get flush_p99_us), at most $(get flush_max_us)"
((60 <= flushes && flushes <= 64)) || fail "$flushes flushes were counted"
((0 < $(get flush_total_us) && $(get flush_total_us) <= us)) || fail "they took longer than that"
((0 < $(get flush_p50_us) && $(get flush_p50_us) <= $(get flush_p99_us) &&
	$(get flush_p99_us) <= $(get flush_max_us))) || fail "quantiles"
[ "$(histogram)" = "$(get flushes)" ] || fail "the histogram has $(histogram) flushes"

slow_flushes 3000
total=$(get flush_total_us)
sync /dev/bcache0 || fail "sync"
say "a flush that takes 3 s: $(($(get flush_total_us) - total)) us"
((3000000 <= $(get flush_max_us) && $(get flush_max_us) <= 20000000)) ||
	fail "at most $(get flush_max_us) us"

# The endio of this flush runs when the module is gone.
slow_flushes 20000
entries=$(get seq)
sync /dev/bcache0 &
sync=$!
sleep 2
[ "$(get seq)" = "$entries" ] || fail "the flush wrote an entry"
detach
kill -0 "$sync" || fail "the flush did not outlast the module"
wait "$sync" || fail "sync"
slow_flushes 0
stop_set
rmmod_bcache
