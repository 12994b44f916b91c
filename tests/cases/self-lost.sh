# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-lost
# about: ackwrite finds one lost, one torn and one stale write among many
# disks: 64M
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
	crash_now
fi
/job/ackwrite verify "$disk" /job/acks 100 || fail "verification fails before any damage"
# Of the latest acknowledged blocks, zero one, tear one, and replace one by an earlier block.
mapfile -t blocks < <(tail -n 4 /job/acks | head -n 3 | cut -d ' ' -f 1)
dd if=/dev/zero of="$disk" bs=4k seek="${blocks[0]}" count=1 oflag=direct status=none
dd if=/dev/zero of="$disk" bs=512 seek=$((blocks[1] * 8 + 5)) count=1 oflag=direct status=none
dd if="$disk" of="$disk" bs=4k skip="${blocks[1]}" seek="${blocks[2]}" count=1 status=none
/job/ackwrite verify "$disk" /job/acks | tee /run/out
grep -q ' 3 lost' /run/out && exit 3
