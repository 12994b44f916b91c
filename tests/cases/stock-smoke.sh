# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: stock-smoke
# about: format, fio verify, stop and register again, on stock only
# disks: 1G 1G
# timeout: 240
# kernels: all
# short: none
# stock: all

. /job/lib.sh

make_set --writeback
fio_verify
say "verified"
stop_set
register_set
fio_verify --size=8M
say "verified after registering again"
stop_set
rmmod_bcache
