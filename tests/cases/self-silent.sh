# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-silent
# about: a power-off that bypasses PID 1 fails
# timeout: 60
# kernels: all
# stock: all
# expect: ^the machine died

echo o >/proc/sysrq-trigger
sleep 60
