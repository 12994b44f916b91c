# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-stock
# about: the module being loaded in a stock boot fails
# timeout: 60
# kernels: all
# stock: all
# expect: failed .exit 1.

# any module with that name will do
mkdir -p /run/fake/bcache_journal
mount --bind /run/fake /sys/module
