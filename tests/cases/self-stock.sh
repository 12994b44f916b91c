# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-stock
# about: our module in a boot that is to be stock fails
# timeout: 60
# kernels: all
# stock: all
# expect: failed .exit 1.

# any module will do that goes by the name
mkdir -p /run/fake/bcache_journal
mount --bind /run/fake /sys/module
