# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: detach-again
# about: 0, 1, 0 written to "enabled" in quick succession; a view that cannot stop is reported
# disks: 512M 512M 512M
# timeout: 600
# kernels: all
# short: trixie
# udev: no

. /job/lib.sh

dm()
{
	dmsetup --noudevrules --noudevsync "$@" || fail "dmsetup $*"
}

in_our_scan()
{
	grep -q '\[bcache_journal\]' "/proc/$pid/stack"
}

sets()
{
	[ "$(compgen -G '/sys/fs/bcache/*-*' | wc -l)" = "$1" ]
}

# hang_in FILE: start a read of FILE that never returns: its buffer is on a userfaultfd
# page that nothing fills
hang_in()
{
	# shellcheck disable=SC2016 # it is perl
	perl -e '
		$fd = syscall(323, 0);						# userfaultfd
		$api = pack("Q3", 0xaa, 0, 0);
		syscall(16, $fd, 0xc018aa3f, $api) == 0 or die "UFFDIO_API";
		$page = syscall(9, 0, 4096, 3, 0x22, -1, 0);			# mmap
		$range = pack("Q4", $page, 4096, 1, 0);
		syscall(16, $fd, 0xc020aa00, $range) == 0 or die "UFFDIO_REGISTER";
		open $f, "<", $ARGV[0] or die "open";
		print "reading\n";
		syscall(0, fileno $f, $page, 4096);				# read
		print "read\n"' "$1" >/run/hang 2>&1 &
	pid=$!
	wait_for 60 grep -q handle_userfault "/proc/$pid/stack" ||
		fail "the reader does not hang: $(cat /run/hang)"
}

say "disabled, enabled and disabled, with a task in a replacement function"
make_set --writeback
first=$(set_dir)
modprobe dm-mod
modprobe dm-delay || fail "no dm-delay"
make-bcache -C "$(disk 3)" >/dev/null || fail "make-bcache"
# a new set has no journal to read, so register it once before the test
disk 3 >/sys/fs/bcache/register_quiet
wait_for 60 sets 2 || fail "the second set did not register"
echo 1 >"$(compgen -G '/sys/fs/bcache/*-*' | grep -vF "$first")/stop"
wait_for 60 sets 1 || fail "the second set did not stop"
attach
dm create cache --table "0 $(blockdev --getsz "$(disk 3)") delay $(disk 3) 0 200"
echo /dev/dm-0 >/sys/fs/bcache/register_quiet &
pid=$!
wait_for 60 in_our_scan || fail "the registration never reached the scan"
dm suspend --noflush --nolockfs cache
n=$(rounds 30 300)
for ((i = 1; i <= n; i++)); do
	echo 0 >"$PATCH/enabled" && echo 1 >"$PATCH/enabled" ||
		fail "the transition ended although a task was in the scan"
	((i % 3)) || sleep 0.0$((RANDOM % 10))
done
echo 0 >"$PATCH/enabled" || fail "cannot disable the livepatch"
dm resume cache
wait "$pid"
wait_for 120 state_is inert || fail "not inert"
[ "$(cat "$SYS/reason_token")" = detached ] || fail "the reason is not that it was disabled"
wait_for 30 rmmod "$MODULE" || fail "rmmod $MODULE"

say "a read that never returns keeps the views from being removed"
attach
echo 5 >"$SYS/parameters/transition_timeout"
ring=$(echo /sys/kernel/debug/bcache_journal/*/ring)
ring=${ring%% *}
wait_for 30 test -e "$ring" || fail "no ring"
hang_in "$ring"
dmesg -C
echo 0 >"$PATCH/enabled" || fail "cannot disable the livepatch"
wait_for 40 sh -c 'dmesg | grep "has not finished after .* its services are still being stopped"' ||
	fail "the stuck detach is not reported"
state_is detaching || fail "not detaching"
kill -9 "$pid"
wait_for 60 state_is inert || fail "not inert"
[ "$(cat "$SYS/reason_token")" = detached ] || fail "the reason is not that it was disabled"
wait_for 30 rmmod "$MODULE" || fail "rmmod $MODULE"
fio_verify --size=1M
