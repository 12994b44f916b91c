# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: stalls
# about: two sets with full rings; 16 writers, writeback, gc, a slow backing device: no stall
# disks: 256M 256M 256M 256M
# timeout: 400
# kernels: all
# sides: stock ours
# short: none
# short-sides: ours
# udev: no

. /job/lib.sh

# set_on N CACHE BACKING: create bcacheN with a ring of 8 buckets; everything is cached
set_on()
{
	local dev file

	dmsetup create "cache$1" --table "0 131200 linear $2 0" || fail "dmsetup"
	dmsetup mknodes
	make-bcache --writeback --bucket 64k --block 4k -C "/dev/mapper/cache$1" -B "$3" \
		>/dev/null || fail "make-bcache"
	for dev in "/dev/mapper/cache$1" "$3"; do
		echo "$dev" >/sys/fs/bcache/register_quiet
	done
	wait_for 60 test -b "/dev/bcache$1" -a -e "/sys/block/bcache$1/bcache/cache" ||
		fail "the set did not register"
	cd "/sys/block/bcache$1/bcache" || fail "no bcache$1"
	for file in sequential_cutoff writeback_delay writeback_percent \
		cache/congested_read_threshold_us cache/congested_write_threshold_us; do
		echo 0 >$file || fail "$file"
	done
	cd /
}

# writers N JOBS: synchronous writers on bcacheN
writers()
{
	fio --name=writer --filename="/dev/bcache$1" --rw=randwrite --bs=4k --size=32M --direct=1 \
		--sync=dsync --time_based --runtime=600 --thread --numjobs="$2" >"/run/fio$1" 2>&1 &
	pids+=($!)
}

modprobe -a dm-mod dm-delay bcache || fail "no dm-delay, or no bcache"
[ "$SIDE" = stock ] || attach
wipefs -qa "$(disk 1)" "$(disk 2)" "$(disk 3)" "$(disk 4)"
dmsetup create slow --table \
	"0 $(blockdev --getsz "$(disk 2)") delay $(disk 2) 0 20" || fail "dmsetup create slow"
dmsetup mknodes
set_on 0 "$(disk 1)" /dev/mapper/slow
set_on 1 "$(disk 3)" "$(disk 4)"
pids=()
writers 0 16
writers 1 4

prev=(0 0) still=(0 0) longest=(0 0)
for ((i = 0; i < 60; i++)); do
	sleep 1
	for set in 0 1; do
		echo 1 >"/sys/block/bcache$set/bcache/cache/internal/trigger_gc"
		n=$(awk '{ print $5 }' "/sys/block/bcache$set/stat")
		still[set]=$((n == prev[set] ? still[set] + 1 : 0)) prev[set]=$n
		((still[set] <= longest[set])) || longest[set]=${still[set]}
	done
done
for set in 0 1; do
	j=/sys/block/bcache$set/bcache/cache/journal
	say "$SIDE: bcache$set: ${prev[set]} writes in 60 s, at most ${longest[set]} s without one" \
		"$([ "$SIDE" = stock ] || (cd "$j" && grep . stalls stalled_ms longest_stall_ms) |
			paste -sd ' ')"
	[ "$SIDE" = stock ] || ((longest[set] < 5)) || fail "no write for ${longest[set]} s"
	kill -0 "${pids[set]}" || fail "fio has ended: $(cat "/run/fio$set")"
done
kill "${pids[@]}"
[ "$SIDE" = stock ] && exit # stopping may take minutes
wait # they were killed
