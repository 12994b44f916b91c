# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: ctl
# about: outriggerctl and modprobe -r with bcache; a detach that is cancelled
# disks: 512M 512M
# timeout: 900
# kernels: all
# short: trixie
# udev: no

. /job/lib.sh

# table TARGET [ARGUMENTS]: print the table that maps the cache device with TARGET
table()
{
	echo "0 $(blockdev --getsz "$(disk 1)") $1 $(disk 1) 0${2:+ $2}"
}

dm()
{
	dmsetup --noudevrules --noudevsync "$@" || fail "dmsetup $*"
}

register()
{
	echo /dev/dm-0 >/sys/fs/bcache/register_quiet
}

registered()
{
	[ -b /dev/bcache0 ] && [ -e /sys/block/bcache0/bcache/cache ]
}

in_our_scan()
{
	grep -q '\[bcache_journal\]' "/proc/$pid/stack"
}

say "no module is loaded"
ctl 0 status
says '^bcache_journal +not-loaded .*bcache, not loaded'
ctl 0 detach bcache-journal
says 'is not loaded'
ctl 2 status --timeout 1
ctl 2 attach ext4

say "armed"
ctl 0 attach bcache-journal
says 'armed: it attaches when bcache is loaded'
state_is armed || fail "not armed"
ctl 0 unload bcache-journal
[ "$(state)" = absent ] || fail "not unloaded"

modprobe bcache || fail "no bcache"
modprobe dm-mod
dm create cache --table "$(table linear)"
make-bcache --writeback -C /dev/dm-0 -B "$(disk 2)" >/dev/null || fail "make-bcache"
disk 2 >/sys/fs/bcache/register_quiet
register
wait_for 60 registered || fail "the set did not register"

say "attached"
ctl 0 attach --timeout 240 bcache_journal
says 'is attached to bcache'
state_is attached || fail "not attached"
fio_verify --size=4M
ctl 0 status bcache_journal
says '^bcache_journal +attached +[0-9]+ (s|min) +bcache +[0-9.]+ +ok$'
ctl 0 status --json
for word in '"state":"attached"' '"reload_due":false' '"transition":"none"' \
	"\"set\":\"$(basename "$(set_dir)")\"" '"health":"ok"'; do
	says "$word"
done
ctl 0 status --due
[ ! -s /run/ctl ] || fail "status --due reports a module"
ctl 0 metrics
says '^outrigger_module_state\{module="bcache_journal",state="attached"\} 1$'
says "^outrigger_bcache_journal_buckets\{set=\"$(basename "$(set_dir)")\"\} $(
	cat "$(set_dir)/journal/buckets")\$"
until [ -e /run/stop ]; do
	dd if=/dev/zero of=/dev/bcache0 bs=4k count=64 oflag=sync status=none
done &
ctl 0 watch --interval 5 --count 3 bcache_journal
says '^  seq +[0-9]+ +[1-9][0-9.]*/s$'
ctl 0 top --interval 5 --count 2 bcache_journal
# writes per second, mean, p99, stall, age of the oldest entry, ring
says "^$(basename "$(set_dir)")( +[1-9][0-9]*){3} +[0-9]+% +[0-9]+ +[0-9]+%\$"
touch /run/stop
wait $!
ctl 0 doctor bcache_journal
says '^ok +bcache_journal: attached'
says '^ok +kernel .* \(running\): headers, bcache_journal'
says '^ok +bcache: the loaded driver is the file on disk'

say "detached, and attached again, which needs a reload"
ctl 0 detach --timeout 240 bcache_journal
says 'is detached from bcache'
state_is inert || fail "not inert"
ctl 0 status
says 'inert.* ok$'
says 'outriggerctl attach bcache_journal'
ctl 0 attach --timeout 240 bcache_journal
state_is attached || fail "not attached"
ctl 0 reload --timeout 240 bcache_journal
says 'is unloaded'
says 'is attached to bcache'
fio_verify --size=4M

say "without root"
setpriv --reuid 65534 outriggerctl detach >/run/ctl 2>&1 && fail "any user can detach"
says 'must be run as root'
setpriv --reuid 65534 outriggerctl status || fail "users cannot run outriggerctl status"

say "modprobe -r"
autoload
modprobe -r bcache_journal || fail "modprobe -r"
[ "$(state)" = absent ] || fail "still loaded after modprobe -r"
registered || fail "the set is gone"

say "another livepatch is in transition"
ctl 0 attach --timeout 240 bcache_journal
insmod /usr/local/lib/klp/victim.ko || fail "insmod victim"
echo 60 >/sys/module/victim/parameters/sleep &
sleep 1
insmod /usr/local/lib/klp/other.ko || fail "insmod other"
ctl 3 detach --timeout 2 bcache_journal
says 'another livepatch \(other\) is in transition'
state_is attached || fail "no longer attached"
ctl 0 doctor bcache_journal
says '^(warn|ok) +other live patches: other'
wait_for 120 grep -q 0 /sys/kernel/livepatch/other/transition || fail "the transition of the other patch does not end"
echo 0 >/sys/kernel/livepatch/other/enabled
wait_for 60 test ! -e /sys/kernel/livepatch/other || fail "the other patch was not removed"

say "a registration sleeps in the module's scan: the detach must be cancelled"
stop_set
modprobe dm-delay || fail "no dm-delay"
dm suspend cache
dm reload cache --table "$(table delay 200)"
dm resume cache
register &
pid=$!
disk 2 >/sys/fs/bcache/register_quiet &
wait_for 60 in_our_scan || fail "the registration never reached the scan"
dm suspend --noflush --nolockfs cache
ctl 3 detach --timeout 8 bcache_journal
says "waiting for task bash, pid $pid, in .*called by bj_.*\[bcache_journal\]"
says 'detaching was reversed, it is attached as before'
state_is attached || fail "not attached"
[ "$(cat "$PATCH/enabled") $(cat "$PATCH/transition")" = "1 0" ] || fail "not enabled"
dm resume cache
wait_for 60 registered || fail "the set did not register"
fio_verify --size=4M
ctl 0 unload --timeout 240 bcache_journal
[ "$(state)" = absent ] || fail "not unloaded"
stop_set
# the last reference is dropped a moment after the set is gone
wait_for 30 dmsetup --noudevrules --noudevsync remove cache || fail "dmsetup remove"
rmmod_bcache
