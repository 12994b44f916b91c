# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: full-ring-crash
# about: repeated crashes during registration, with torn writes, on a full ring of 4 buckets
# disks: 256M 256M 256M 2048M
# timeout: 1500
# kernels: all
# short: trixie
# udev: no

. /job/lib.sh

size=8320 # sectors: 4 journal buckets of 2 blocks
images=$(rounds 6 16)

# image N: copy the current state of the cache, which is what a power cut would leave,
# except for a torn write: see tear
image()
{
	dmsetup suspend --nolockfs --noflush small || fail "dmsetup suspend"
	dd if="$(disk 1)" of="$(disk 3)" bs=512K count="$((size * 512))" \
		iflag=count_bytes,direct oflag=direct seek="$((5 * $1 * 2))" status=none ||
		fail "dd"
	[ ! -e "/run/acks.$1" ] || { # let writes to the backing device complete
		sleep 0.2
		dd if="$(disk 2)" of="$(disk 4)" bs=1M iflag=direct oflag=direct \
			seek="$((256 * ($1 - images / 2)))" status=none || fail "dd"
	}
	dmsetup resume small || fail "dmsetup resume"
}

# tear: make it look as if the power failed while the next entry was being written
tear()
{
	journal damage /dev/mapper/small newest next torn ||
		journal damage /dev/mapper/small newest+1 0 torn || return 0
	torn=$((torn + 1))
}

# restore N: copy image N back to the cache, and drop its cached pages
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

# register N CRASH: register the cache from image N; if CRASH is not empty, take image 20
# at a random moment of the registration
register()
{
	restore "$1"
	((RANDOM % 2)) || tear >/run/tear 2>&1
	(echo /dev/mapper/small >/sys/fs/bcache/register) 2>/run/reg.err &
	reg_pid=$!
	if [ "$2" ]; then
		sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
		image 20
	fi
	registrations=$((registrations + 1))
	wait_for 120 registered && return # twice 30 s are possible: see recovery.md
	say "registration $registrations hangs"
	cat "/proc/$reg_pid/stack" /sys/kernel/debug/bcache_journal/*/ring 2>/dev/null
	fail "registration hangs"
}

# compare N: check that the registered set, which descends from image N, has every write
# acknowledged before image N was taken
compare()
{
	dd if="$(disk 4)" of="$(disk 2)" bs=1M count=256 iflag=direct oflag=direct \
		skip="$((256 * ($1 - images / 2)))" status=none || fail "dd"
	blockdev --flushbufs "$(disk 2)"
	disk 2 >/sys/fs/bcache/register || fail "no backing device"
	wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
		fail "the backing device did not join the set"
	/job/ackwrite verify /dev/bcache0 "/run/acks.$1" 500 /run/acks ||
		fail "acknowledged writes lost"
	# the check must notice loss: the image lacks all later writes
	! /job/ackwrite verify /dev/bcache0 /run/acks >/run/all ||
		fail "verification passes although later writes are missing"
	compared=$((compared + 1))
}

modprobe bcache || fail "no bcache"
small_set $size --bucket 8k --block 4k
fio --name=w --filename=/dev/bcache0 --direct=1 --sync=1 --rw=randwrite --bs=4k \
	--numjobs=4 --size=64M --time_based --runtime=3600 >/run/fio.out 2>&1 &
fio=$!
sleep 5
for ((i = 0; i < images / 2; i++)); do
	sleep 2.$((RANDOM % 10))
	image $i
done

# Stock has filled the ring to the last block. From now on the module is attached, and
# acknowledged writes are recorded.
modprobe "$MODULE" transition_timeout=300 || fail "modprobe $MODULE"
wait_attached
kill $fio
wait $fio
ack_start 3>/run/acks # not sent to the host: this machine does not crash
sleep 10
for ((; i < images; i++)); do
	sleep 2.$((RANDOM % 10))
	cp /run/acks "/run/acks.$i"
	image $i
done
sleep 3 # so that the last image lacks some writes, too: see compare
ack_stop
stop_set

registrations=0 refused=0 torn=0 compared=0
until ((registrations >= $(rounds 40 500))); do
	first=$((RANDOM % images)) at=$first
	for ((crash = RANDOM % 9; crash >= 0; crash--)); do
		more=$crash
		[ "$crash" != 0 ] || more=
		from=$at at=20
		register $from "$more"
		if [ ! "$(set_dir)" ]; then
			refused=$((refused + 1))
			say "refused: $(dmesg | grep -E 'bcache' | tail -n 4)"
			wait_for 60 sets_gone || fail "the set was not removed"
			[ ! "$more" ] || break # image 20 may be from any moment
			dmesg | grep 'journal: full' | tail -n 1 | grep -oE '[0-9a-f-]{36}' \
				>"$SYS/parameters/accept_loss"
			register $from ""
			[ "$(set_dir)" ] || fail "not registered with accept_loss"
			say "registered with accept_loss"
		fi
		[ "$more" ] || [ ! -e /run/acks.$first ] || compare $first
		stop_set
	done
done
say "$registrations registrations, $torn after a torn write, none hung, $refused refused;" \
	"nothing lost in $compared comparisons"
((refused == 0)) || fail "$refused registrations were refused"
((torn > 0)) || fail "no write was torn"
((compared > 0)) || fail "nothing was compared"
