# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-cut
# about: a power cut loses acknowledged writes if the disk ignores flushes
# disks: 64M
# volatile: unsafe
# timeout: 120
# kernels: all
# stock: all
# boots: 2
# expect: ^boot 2: the script failed .exit 3.

. /job/lib.sh

disk=$(disk 1)
if [ "$BOOT" = 1 ]; then
	/job/ackwrite write "$disk" 1000 >&3 &
	sleep 5
	cut_power
fi
/job/ackwrite verify "$disk" /job/acks 100 | tee /run/out
grep -q ' [1-9][0-9]* lost' /run/out && exit 3
