# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: no-debugfs
# about: debugfs=off: attached, viewed in sysfs, and detached
# disks: 512M 512M
# timeout: 300
# kernels: all
# short: none
# cmdline: debugfs=off
# udev: no

. /job/lib.sh

! ls /sys/kernel/debug/* 2>/dev/null || fail "there is a debugfs"
make_set --writeback
attach
fio_verify --size=4M --sync=1
wait_for 30 test -e "$(set_dir)/journal/seq" || fail "no views in sysfs"
(($(cat "$(set_dir)/journal/writes") > 16)) || fail "the writes are not counted"
ctl 0 status
says '^bcache_journal +attached .* ok'
ctl 0 doctor bcache_journal
says "^skip +kprobes: .*/list can't be read"
stop_set
register_set
fio_verify --size=4M
detach
stop_set
