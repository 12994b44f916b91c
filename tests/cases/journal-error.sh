# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: journal-error
# about: journal writes fail for a while, then for good: no acknowledged write is lost
# disks: 256M 256M
# timeout: 400
# kernels: all
# short: trixie
# sides: stock ours
# short-sides: ours
# udev: no
# allow: avoid potential data corruption

. /job/lib.sh

# media STATE: from now on the journal's buckets are good, or bad
media()
{
	local size=$((262144 - 4096))

	dmsetup suspend --nolockfs --noflush small
	if [ "$1" = good ]; then
		echo "0 $size linear $(disk 1) 0" | dmsetup load small
	else
		# bucket 0 has the superblock, 1 to 7 are the journal of 1008 buckets
		dmsetup load small <<-END || fail "dmsetup load"
			0 256 linear $(disk 1) 0
			256 1792 error
			2048 $((size - 2048)) linear $(disk 1) 2048
		END
	fi
	dmsetup resume small || fail "dmsetup resume"
	say "the journal's media are $1"
}

write_start()
{
	# of its own session: one that fails takes its process group along
	setsid /job/ackwrite write /dev/bcache0 "$1" >>/run/acks 2>/run/ackwrite.err &
	ack_pid=$!
}

verify()
{
	/job/ackwrite verify /dev/bcache0 /run/acks 50
}

is_gone()
{
	! kill -0 "$ack_pid" 2>/dev/null
}

modprobe bcache || fail "no bcache"
[ "$SIDE" = stock ] || attach
small_set $((262144 - 4096)) --bucket 128k --block 4k
write_start 1000000
sleep 5

if [ "$SIDE" = ours ]; then
	n=$(wc -l </run/acks)
	media bad
	sleep 5
	media good
	sleep 5
	ack_running
	(($(wc -l </run/acks) > n + 50)) || fail "no write since"
	dmesg | grep "bcache_journal.*journal: " || fail "nothing was said"
	dmesg | grep -q "written at last" || fail "it was not written"
	say "$(wc -l </run/acks) writes acknowledged"
	echo 4 >"$SYS/parameters/write_retry"
fi

# failed WHAT [COMMAND...]: the media are bad for good; then COMMAND; what was acknowledged
# is there when they are good again
failed()
{
	local n dev

	say "$1"
	shift
	media bad
	"$@"
	wait_for 60 is_gone || fail "the writers do not see it"
	say "the writers: $(sort -u /run/ackwrite.err | head -n 4)"
	media good
	wait_for 60 sets_gone || fail "the set is still there"
	dmesg | grep -E "error on|could not be written" | tail -n 3
	n=$(wc -l </run/acks)
	for dev in /dev/mapper/small "$(disk 2)"; do
		echo "$dev" >/sys/fs/bcache/register_quiet
	done 2>/dev/null
	wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
		fail "the set did not register"
	if verify; then
		say "all of $n acknowledged writes are there"
	elif [ "$SIDE" = stock ]; then
		say "stock lost some of $n"
	else
		fail "acknowledged writes lost"
	fi
}

stop_it()
{
	sleep 1
	echo 1 >"$(set_dir)/stop"
}

failed "for good"
[ "$SIDE" = ours ] || exit 0

# A set that is being stopped is not shut down for an error: nothing may follow the entry
# that was given up.
write_start 2000000
sleep 5
failed "for good, while the set is being stopped" stop_it
stop_set
