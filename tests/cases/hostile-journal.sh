# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: hostile-journal
# about: impossible values with valid checksums in journal and superblock: no hang, no BUG
# disks: 192M 192M 192M 192M
# timeout: 900
# kernels: all
# short: trixie
# boots: 2
# udev: no

. /job/lib.sh

last()	# EXPECT KIND: a trial with a damaged newest entry, from which recovery starts
{
	trial "$1" "the newest entry: $2" journal damage /dev/mapper/cache newest -1 "$2"
}

super()	# EXPECT FIELD=VALUE: a trial with a changed superblock
{
	trial "$1" "the superblock: $2" journal super /dev/mapper/cache "$2"
}

case $BOOT in
1)
	crash_ready
	;;
2)
	after_crash
	attach
	trial whole "nothing"
	for kind in version inode pointer level root last-seq; do
		last refused "$kind"
	done
	for kind in seq-0 seq-near-max seq-ahead; do
		last refused:place "$kind"
	done
	# Refused in replay, while the allocator starts: the stock bch_bucket_alloc() loses that
	# race in one of five to ten sets, and hits a BUG_ON() in bch_prio_write().
	for ((i = 0; i < $(rounds 12 40); i++)); do
		last late gen
		last late gens
	done
	for kind in old-gen apart wrapped; do
		last late "$kind"
	done
	for n in 0 1 2; do
		super refused njournal=$n
	done
	super clean njournal=3
	super clean njournal=256
	# an unknown replacement policy makes the stock allocator loop forever
	super clean 'flags=|0x1c'
	super clean 'flags=|0xfffffffffffffff0'
	last refused:place seq-max
	trial whole "nothing"
	trials_done
	;;
esac
