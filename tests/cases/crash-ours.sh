# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-ours
# about: crash under O_SYNC writes with the module attached; the module recovers
# disks: 1G 1G
# timeout: 300
# kernels: all
# boots: 2
# udev: no

. /job/lib.sh

case $BOOT in
1) crash_on ours ;;
2) recover_on ours ;;
esac
