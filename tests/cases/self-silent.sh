# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-silent
# about: a power-off behind PID 1's back fails
# timeout: 60
# kernels: all
# stock: all
# expect: ^the machine died

echo o >/proc/sysrq-trigger
sleep 60
