# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-warn
# about: a warning in the log fails a script that otherwise succeeds
# timeout: 60
# kernels: all
# stock: all
# expect: ^console: .*WARNING

echo "WARNING: deliberate" >/dev/kmsg
