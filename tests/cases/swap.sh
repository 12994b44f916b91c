# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: swap
# about: swap on a bcache device, with little memory: attach and detach while it is in use
# disks: 512M 1G
# timeout: 1800
# kernels: all
# short: none
# udev: no
# cmdline: OUTRIGGER_SLOW=4

. /job/lib.sh

# swapped: print how many pages have gone to swap or have come back from there, whichever is
# less
swapped()
{
	awk '/^pswp(in|out) / { print $2 }' /proc/vmstat | sort -n | head -n 1
}

swapped_since()
{
	(($(swapped) >= $1))
}

# busy: wait until swap has been in use for a while
busy()
{
	wait_for 200 swapped_since $(($(swapped) + 1000)) || fail "hardly anything is swapped"
	say "$(side): $(swapped) pages so far," \
		"$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) KiB of memory available"
}

# during COMMAND...: run COMMAND; pages must be swapped meanwhile
during()
{
	local before

	before=$(swapped)
	"$@"
	say "$*: $(($(swapped) - before)) pages meanwhile"
	swapped_since $((before + 1)) || fail "nothing is swapped"
}

make_set --writeback
no_bypass
mkswap /dev/bcache0 >/dev/null && swapon /dev/bcache0 || fail "swapon"
# Leave 224 MiB: huge pages can't be swapped out.
echo $((($(awk '/^MemAvailable/ { print $2 }' /proc/meminfo) / 1024 - 224) / 2)) \
	>/proc/sys/vm/nr_hugepages
mount -t tmpfs -o size=1G none /mnt || fail "tmpfs"
head -c 1M /dev/urandom >/run/pattern
for i in {0..287}; do
	cp /run/pattern "/mnt/$i" || fail "cp"
done
(
	n=0
	until [ -e /run/stop ]; do
		cmp /run/pattern "/mnt/$((n++ % 288))" || fail "swap returns something else"
		# An attach takes 1.5 s, and without a pause minutes: a transition waits long for
		# the tasks of a machine whose CPUs are all busy.
		sleep 0.4
	done
	say "compared $n times"
) &
compare=$!
# each of these needs the journal, and a bio
while sync /dev/bcache0; do
	sleep 1
done &
flushes=$!
busy
n=$(rounds 1 5)
for ((i = 0; i < n; i++)); do
	during attach
	busy
	during detach
	busy
done
touch /run/stop
wait $compare || fail "cmp"
kill $flushes || fail "the flushes have ended"
umount /mnt && swapoff /dev/bcache0 || fail "swapoff"
echo 0 >/proc/sys/vm/nr_hugepages
stop_set
