# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-ours-stock
# about: crash with the module attached; stock recovers
# disks: 1G 1G
# timeout: 300
# kernels: all
# short: none
# boots: 2
# stock: 2
# udev: no

. /job/lib.sh

case $BOOT in
1) crash_on ours ;;
2) recover_on stock ;;
esac
