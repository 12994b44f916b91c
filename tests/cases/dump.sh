# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: dump
# about: bcache-journal-dump says beforehand what stock and the module do with a damaged journal
# disks: 192M 192M 192M 192M
# timeout: 900
# kernels: all
# short: none
# boots: 3
# udev: no
# allow: kernel BUG at drivers/md/bcache/super\.c|Oops: invalid opcode|Call Trace:

. /job/lib.sh

# The series whose behaviour this kernel has, as the program names it
case $(uname -r) in
6.*) series="stock 6.1, 6.12" ;;
*) series="stock 7.2, 7.3" ;;
esac

# registers WHOSE: does the program say so? It says "true" or "false".
registers()
{
	sed -n "/^    \"$1\":/,/^    }/s/.*\"registers\": \([a-z]*\).*/\1/p" /run/dump.json
}

# first_last WHOSE: the first and the last entry that are replayed
first_last()
{
	sed -n "/^    \"$1\":/,/^    }/p" /run/dump.json |
		sed -n 's/^      "\(first\|last\)": *\([0-9]*\).*/\2/p' | paste -sd -
}

# predicted SIDE WHAT [COMMAND...]: damage the snapshot with COMMAND, ask the program,
# register, and compare
predicted()
{
	local side=$1 what=$2 whose=bcache-journal status want got range before reason

	shift 2
	[ "$side" = ours ] || whose=$series
	trials=$((${trials-0} + 1))
	say "== $(side): $what"
	snapshots
	[ $# = 0 ] || "$@" || fail "$*: no such place"
	sync
	before=$(sectors_written cache)
	bcache-journal-dump --verdict "$CACHE"
	status=$?
	bcache-journal-dump --json "$CACHE" >/run/dump.json
	[ "$(sectors_written cache)" = "$before" ] || wrong "$what: the program has written"
	want=$(registers "$whose")
	range=$(first_last "$whose")
	case $(registers bcache-journal):$status in
	true:0 | false:1) ;;
	*) wrong "$what: exit status $status" ;;
	esac

	dmesg -C
	if register_snapshots; then
		got=true
		stop_set
	elif [ ! "$(set_dir)" ] || wait_for 60 sets_gone; then
		got=false
	else
		stop_set
		got=neither
	fi
	show_log 6
	say "$whose: predicted $want, $range; it is $got"
	[ "$want" = "$got" ] || wrong "$what: $whose: predicted $want, got $got"
	if [ $got = true ]; then
		logged "seq ${range#*-}(;|$)" || wrong "$what: does not replay up to ${range#*-}"
	elif [ "$side" = ours ]; then
		reason=$(sed -n "/^    \"$whose\":/,/^    }/s/.*\"reason\": \"\(.*\)\",*/\1/p" \
			/run/dump.json)
		{ [ "$reason" ] && dmesg | grep -qF -- "$reason"; } ||
			wrong "$what: the module does not say: $reason"
	fi
	drop_snapshots || fail "$what: the device is still held"
}

# gone BUCKET ENTRY [SECTORS]: make the entry unreadable
gone()
{
	local sector sectors

	journal where /dev/mapper/cache "$1" "$2" >/run/bad || return
	. /run/bad
	# shellcheck disable=SC2154 # it is in there
	unreadable "$sector" "${3:-$sectors}"
}

# Damage that the stock driver does not notice, or that does not matter
harmless()	# SIDE
{
	local kind

	predicted "$1" "nothing"
	predicted "$1" "last entry" journal damage /dev/mapper/cache newest -1 csum
	predicted "$1" "behind it" journal damage /dev/mapper/cache newest next torn
	for kind in csum block version; do
		predicted "$1" "third entry from the end, $kind" \
			journal damage /dev/mapper/cache newest -3 $kind
	done
	predicted "$1" "first entry of the newest bucket" \
		journal damage /dev/mapper/cache newest 0 block
	predicted "$1" "not needed" journal damage /dev/mapper/cache unneeded 0 csum
	# stock may soon write there, and then gives up; the program says that it can't tell
	[ "$1" = stock ] || predicted "$1" "unreadable, not needed" gone unneeded 0
}

# refused_late WHAT COMMAND...: the stock driver misses an entry, as predicted. This can
# end in a BUG of its allocator, so it is the last thing in a boot.
refused_late()
{
	local missing

	say "== $(side): $1"
	snapshots
	"${@:2}" || fail "$*: no such place"
	sync
	bcache-journal-dump --verdict "$CACHE"
	bcache-journal-dump --json "$CACHE" >/run/dump.json
	[ "$(registers "$series")" = false ] || wrong "$1: the program says it registers"
	missing=$(sed -n "/^    \"$series\":/,/^    }/p" /run/dump.json |
		sed -n 's/.*"reason": "it does not find entry \([0-9]*\); it needs \([0-9-]*\).*/\1-.*missing! .replaying \2/p')
	dmesg -C
	echo 0 >/proc/sys/kernel/panic_on_oops
	! register "$CACHE" || wrong "$1: registered"
	show_log 2
	{ [ "$missing" ] && logged "$missing"; } || wrong "$1: the driver does not say $missing"
}

case $BOOT in
1)
	crash_ready
	;;
2)
	after_crash
	bcache-journal-dump "$(disk 1)" || wrong "the set would be refused"
	bcache-journal-dump --keys --nr-entries 2 "$(disk 1)" || wrong "no entries"
	harmless stock
	refused_late "in the bucket before" journal damage /dev/mapper/cache newest-1 20 csum
	trials_done
	crash_now
	;;
3)
	after_crash
	attach
	harmless ours
	predicted ours "a newer one" journal damage /dev/mapper/cache newest next ahead
	predicted ours "in the bucket before" journal damage /dev/mapper/cache newest-1 20 csum
	predicted ours "the bucket before" journal damage /dev/mapper/cache newest-1 0 bucket
	predicted ours "unreadable, the third from the end" gone newest -3
	predicted ours "unreadable, first of the newest bucket" gone newest 0
	predicted ours "the last entry's pointer" journal damage /dev/mapper/cache newest -1 pointer
	predicted ours "the superblock" journal super /dev/mapper/cache 'flags=|0x1c'

	say "it looks at a set in use, which goes on"
	snapshots
	register_snapshots || fail "not registered"
	bcache-journal-dump --verdict "$CACHE" >/run/dump
	cat /run/dump
	grep -q 'in use' /run/dump || wrong "in use, and not said"
	fio_verify --size=4M
	stop_set
	drop_snapshots || fail "the device is held"
	trials_done
	;;
esac
