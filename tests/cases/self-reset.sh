# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-reset
# about: an unannounced reset fails
# timeout: 60
# kernels: all
# stock: all
# expect: ^the machine died

echo b >/proc/sysrq-trigger
sleep 60
