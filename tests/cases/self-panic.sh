# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-panic
# about: a panic fails
# timeout: 60
# kernels: all
# stock: all
# expect: ^console: .*Kernel panic|^console: .*Call Trace

echo c >/proc/sysrq-trigger
