# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-stock
# about: a stock boot in which a module is loaded fails
# timeout: 60
# kernels: all
# stock: all
# expect: failed .exit 1.

# make it look as if bcache_journal were loaded
mkdir -p /run/fake/bcache_journal
mount --bind /run/fake /sys/module
