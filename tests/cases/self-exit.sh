# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-exit
# about: a script that exits with an error fails
# timeout: 60
# kernels: all
# stock: all
# expect: failed .exit 3.

exit 3
