# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: damaged-journal
# about: journal entries are damaged anywhere in the ring: refused, or harmless
# disks: 192M 192M 192M 192M
# timeout: 900
# kernels: all
# short: trixie
# boots: 2
# udev: no

. /job/lib.sh

# at EXPECT WHAT BUCKET ENTRY KIND: a trial with this damage
at()
{
	trial "$1" "$5, $2" journal damage /dev/mapper/cache "$3" "$4" "$5"
}

case $BOOT in
1)
	crash_ready
	;;
2)
	after_crash

	say "stock loses acknowledged writes"
	trial whole "nothing"
	at less "first entry of the newest bucket" newest 0 block

	attach
	trial whole "nothing"
	at some "last entry" newest -1 csum
	at whole "behind the last entry" newest next torn
	for kind in csum block version inode; do
		at refused "third entry from the end" newest -3 "$kind"
		at refused "first entry of the newest bucket" newest 0 "$kind"
	done
	at refused "last entry of the bucket before the newest" newest-1 -1 csum
	at refused "in the bucket before the newest" newest-1 20 magic
	at refused "first entry of the bucket before the newest" newest-1 0 csum
	at refused "last entry" newest -1 version
	at refused:entry "the bucket before the newest" newest-1 0 bucket
	trial refused:entry "a newer entry behind a gap" \
		journal damage /dev/mapper/cache newest next ahead
	for where in unneeded newest+1; do
		at whole "first entry of $where, an unneeded bucket" "$where" 0 csum
		at whole "first entry of $where, an unneeded bucket" "$where" 0 block
	done

	if [ "${OUTRIGGER_LONG-}" ]; then
		for entry in 0 1 5 -5 -4 -2; do
			for kind in csum body magic block entry version inode level last-seq \
				seq-0 seq-ahead; do
				[[ $kind = *seq* ]] && how=refused:entry || how=refused
				at $how "entry $entry of the newest bucket" newest "$entry" \
					"$kind"
				at $how "entry $entry of the bucket before the newest" newest-1 \
					"$entry" "$kind"
			done
		done
		for entry in 0 7 -1; do
			for kind in csum magic block bucket; do
				at whole "entry $entry of an unneeded bucket" unneeded \
					"$entry" "$kind"
			done
			for kind in version inode; do
				at clean "entry $entry of an unneeded bucket" unneeded \
					"$entry" "$kind"
			done
		done
	fi

	say "refused many times in a row, then registered undamaged"
	for ((i = 1; i <= $(rounds 10 100); i++)); do
		at refused "in the bucket before the newest, time $i" newest-1 20 csum
	done
	trial whole "nothing"
	trials_done
	;;
esac
