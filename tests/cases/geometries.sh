# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: geometries
# about: small rings, buckets of 8 KiB to 8 MiB, blocks of 512 to 4096, 4Kn: crash, recover
# disks: 20G 4G
# timeout: 900
# kernels: all
# short: none
# boots: 2
# udev: no

. /job/lib.sh

# Block size, bucket size, cache size in MiB, logical block size of the devices. bcache
# needs more than 512 buckets; 1/128 of them belongs to the journal.
if [ "${OUTRIGGER_LONG-}" ]; then
	geometries="512 8k 16 512
		512 8k 64 512
		1k 8k 64 512
		4k 8k 64 512
		4k 8k 64 4096
		512 16k 16 512
		2k 16k 32 512
		4k 16k 64 4096
		512 64k 64 512
		4k 64k 64 4096
		4k 128k 65 512
		512 512k 512 512
		4k 512k 2048 512
		512 1M 1024 512
		4k 1M 520 4096
		4k 8M 4160 512
		4k 8M 4160 4096"
else
	geometries="512 8k 64 512
		4k 16k 64 4096
		2k 64k 64 512
		4k 128k 65 512
		4k 8M 4160 512"
fi
BACKING_MB=128

# piece DISK AT MB NAME LOGICAL-BLOCK: map MB MiB of the disk from AT MiB on, print the device
piece()
{
	dmsetup create "$4" --table "0 $(($3 * 2048)) linear $(disk "$1") $(($2 * 2048))" ||
		fail "dmsetup create $4"
	dmsetup mknodes
	if [ "$5" = 512 ]; then
		echo "/dev/mapper/$4"
	else
		losetup -b "$5" --direct-io=on --show -f "/dev/mapper/$4" || fail losetup
	fi
}

at=0 n=0
modprobe dm_mod
modprobe loop
modprobe bcache
attach # without udev, which would register the devices first
while read -r block bucket mb lbs; do
	name="g$n"
	cache=$(piece 1 $at "$mb" "c$n" "$lbs") || exit
	backing=$(piece 2 $((n * BACKING_MB)) $BACKING_MB "b$n" "$lbs") || exit
	at=$((at + mb))
	say "== $name: block $block, bucket $bucket, $mb MiB, devices with blocks of $lbs"
	case $BOOT in
	1)
		wipefs -qa "$cache" "$backing"
		make-bcache --writeback --block "$block" --bucket "$bucket" \
			-C "$cache" -B "$backing" >/dev/null || fail "make-bcache"
		register "$cache" || fail "the cache does not register"
		register "$backing"
		wait_for 60 test -b "/dev/bcache$n" -a -e "/sys/block/bcache$n/bcache/cache" ||
			fail "the set did not register"
		/job/ackwrite write "/dev/bcache$n" 1000000 "$name" >&3 &
		pid=$!
		sleep "$(rounds 5 30)"
		wait_for 100 blocks_written "bcache$n" 1000 || fail "hardly any writes"
		kill -0 $pid || fail "the writers died"
		# halt the writers; they continue just before the crash
		pids+=" $(cat /proc/$pid/task/$pid/children)"
		# shellcheck disable=SC2086
		kill -STOP $pids
		;;
	2)
		journal list "$cache" | grep '^# [bn][le]'
		sed -n "s/^$name //p" /job/acks >/run/acks
		register "$cache" || fail "the cache does not register"
		register "$backing"
		wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
			fail "the set did not register"
		/job/ackwrite verify /dev/bcache0 /run/acks 100 || fail "acknowledged writes lost"
		fio_verify --size=8M
		stop_set
		register "$cache" || fail "the cache does not register again"
		stop_set
		;;
	esac
	n=$((n + 1))
done <<<"$geometries"
if [ "$BOOT" = 1 ]; then
	# shellcheck disable=SC2086
	kill -CONT $pids
	sleep 3
	crash_now
fi
