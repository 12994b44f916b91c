# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-stock-ours
# about: crash on stock; the module recovers
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: none
# boots: 2
# stock: 1
# udev: no

. /job/lib.sh

case $BOOT in
1) crash_on stock ;;
2) recover_on ours ;;
esac
