# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: locked-down
# about: attached, viewed, and detached under lockdown=confidentiality
# disks: 512M 512M
# timeout: 300
# kernels: all
# short: none
# udev: no

. /job/lib.sh

say "loaded, locked down, and only then attached"
# The kernel doesn't know the key with which the module is signed. If it were locked down
# from the start, it would refuse the module, as it does at the end of this case.
modprobe "$MODULE" || fail "modprobe"
mount -t securityfs none /sys/kernel/security
echo confidentiality >/sys/kernel/security/lockdown || fail "no lockdown"
! cat /sys/kernel/tracing/available_events >/run/events 2>&1 || fail "tracefs is not closed"
make_set --writeback
wait_attached

say "the views"
fio_verify --size=4M --sync=1
wait_for 30 test -e "$(set_dir)/journal/seq" || fail "no views in sysfs"
for f in "$(set_dir)"/journal/* /sys/kernel/debug/bcache_journal/*/{ring,latency}; do
	[ "$(cat "$f")" ] || fail "$f is empty"
done
(($(cat "$(set_dir)/journal/writes") > 16)) || fail "the writes are not counted"
ctl 0 status
says '^bcache_journal +attached .* ok'
ctl 0 metrics
says '^outrigger_bcache_journal_writes_total\{.*\} [0-9]'
ctl 1 doctor bcache_journal
says '^fail +signatures: the kernel requires them, and lacks the key'

say "detached, and refused from now on; the stock driver goes on"
ctl 0 detach --timeout 240 bcache_journal
fio_verify --size=4M
ctl 0 unload bcache_journal
ctl 1 attach bcache_journal
says 'the kernel forbids it: see "outriggerctl doctor"'
fio_verify --size=4M
stop_set
