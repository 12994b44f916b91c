# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-hang
# about: a script that hangs fails at its timeout
# timeout: 20
# kernels: all
# stock: all
# expect: ^timed out

sleep 1000
