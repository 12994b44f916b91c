# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-reset
# about: a reset that was not announced fails
# timeout: 60
# kernels: all
# stock: all
# expect: ^the machine died

echo b >/proc/sysrq-trigger
sleep 60
