# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: full-ring-crash
# about: crashes inside registration, again and again, on a full ring of 4 buckets
# disks: 256M 256M 256M
# timeout: 1500
# kernels: all
# short: trixie
# udev: no

. /job/lib.sh

size=8320 # sectors: 4 journal buckets of 2 blocks
images=$(rounds 6 16)

# image N: a copy of the cache as it is at this moment, as a power cut leaves it
image()
{
	dmsetup suspend --nolockfs --noflush small || fail "dmsetup suspend"
	dd if="$(disk 1)" of="$(disk 3)" bs=512K count="$((size * 512))" \
		iflag=count_bytes,direct oflag=direct seek="$((5 * $1 * 2))" status=none ||
		fail "dd"
	dmsetup resume small || fail "dmsetup resume"
}

# restore N: image N is on the cache again, of which nobody has a page cached
restore()
{
	dd if="$(disk 3)" of="$(disk 1)" bs=512K count="$((size * 512))" \
		iflag=count_bytes,direct oflag=direct skip="$((5 * $1 * 2))" status=none ||
		fail "dd"
	blockdev --flushbufs /dev/mapper/small
}

registered()
{
	! kill -0 "$reg_pid" 2>/dev/null
}

# register N CRASH: register the cache as in image N; image 20 is how it is at some
# moment of that, if CRASH is not empty
register()
{
	restore "$1"
	(echo /dev/mapper/small >/sys/fs/bcache/register) 2>/run/reg.err &
	reg_pid=$!
	if [ "$2" ]; then
		sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
		image 20
	fi
	registrations=$((registrations + 1))
	wait_for 120 registered && return # it may take 30 s twice: see recovery.md
	say "registration $registrations hangs"
	cat "/proc/$reg_pid/stack" /sys/kernel/debug/bcache_journal/*/ring 2>/dev/null
	fail "registration hangs"
}

modprobe bcache || fail "no bcache"
small_set $size --bucket 8k --block 4k
fio --name=w --filename=/dev/bcache0 --direct=1 --sync=1 --rw=randwrite --bs=4k \
	--numjobs=4 --size=64M --time_based --runtime=3600 >/run/fio.out 2>&1 &
fio=$!
sleep 5
for ((i = 0; i < images; i++)); do
	sleep 2.$((RANDOM % 10))
	image $i
done

# stock has filled the ring, and may need minutes to stop the set
attach
kill $fio
wait $fio
stop_set

registrations=0 refused=0
until ((registrations >= $(rounds 40 500))); do
	at=$((RANDOM % images))
	for ((crash = RANDOM % 9; crash >= 0; crash--)); do
		more=$crash
		[ "$crash" != 0 ] || more=
		from=$at at=20
		register $from "$more"
		if [ ! "$(set_dir)" ]; then
			refused=$((refused + 1))
			say "refused: $(dmesg | grep -E 'bcache' | tail -n 4)"
			wait_for 60 sets_gone || fail "the set is still there"
			[ ! "$more" ] || break # image 20 may be of any moment
			dmesg | grep 'journal: full' | tail -n 1 | grep -oE '[0-9a-f-]{36}' \
				>"$SYS/parameters/accept_loss"
			register $from ""
			[ "$(set_dir)" ] || fail "not registered with accept_loss"
			say "registered with accept_loss"
		fi
		echo 1 >"$(set_dir)/stop"
		wait_for 60 sets_gone || fail "the set does not stop"
	done
done
say "$registrations registrations, none hangs, $refused refused"
((refused == 0)) || fail "refused"
