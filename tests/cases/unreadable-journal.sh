# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: unreadable-journal
# about: read errors anywhere in the journal: refused only where an entry is needed
# disks: 192M 192M 192M 192M
# timeout: 900
# kernels: all
# short: trixie
# boots: 2
# udev: no

. /job/lib.sh

# bad BUCKET ENTRY [SECTORS]: make the entry unreadable, and print its place
bad()
{
	local sector sectors

	journal where /dev/mapper/cache "$1" "$2" >/run/bad || return
	cat /run/bad
	. /run/bad
	# shellcheck disable=SC2154 # set by that file
	unreadable "$sector" "${3:-$sectors}"
}

case $BOOT in
1)
	crash_ready
	;;
2)
	after_crash
	size=$(journal list "$(disk 1)" | sed -n 's/.* bucket \([0-9]*\) sectors.*/\1/p')

	say "stock registers a set with a read error in an unneeded bucket"
	# Not at its start: if its search for the newest bucket meets that place, it rolls back.
	trial whole "an entry of an unneeded bucket" bad unneeded 3

	attach
	trial whole "an entry of an unneeded bucket" bad unneeded 3
	trial whole "the first entry of an unneeded bucket" bad unneeded 0
	trial whole "all of an unneeded bucket" bad unneeded 0 "$size"
	trial whole "the block behind the newest entry" bad newest next
	trial whole "16 sectors behind the newest entry" bad newest next 16
	trial refused "the first entry of the newest bucket" bad newest 0
	trial refused "the third entry from the end" bad newest -3
	trial refused "an entry of the bucket before the newest" bad newest-1 20
	trial refused "the first entry of the bucket before the newest" bad newest-1 0
	trial refused "all of the bucket before the newest" bad newest-1 0 "$size"
	trial refused:entry "all of the newest bucket" bad newest 0 "$size"

	say "the loss is accepted, and the unreadable places can't be overwritten either"
	accept "$(uuid)"
	trial less "all of the bucket before the newest, accepted" bad newest-1 0 "$size"
	accept "$(uuid)"
	trial refused:place "all of the newest bucket, where writing continues" bad newest 0 "$size"
	logged "can't be overwritten" || wrong "it was refused for another reason"
	[ ! "$(tr -d '\n' <"$ACCEPT")" ] || wrong "accept_loss is still set"
	trial whole "nothing"
	trials_done
	;;
esac
