# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Functions for cases. A case is a bash script; it fails if it calls `fail`, if a helper
# fails, or if it exits with an error.

set -u
BOOT=${OUTRIGGER_BOOT:-1}
SIDE=${OUTRIGGER_SIDE:-ours}
[ "${OUTRIGGER_GPU-}" ] && MODULE=xe_pagefault || MODULE=bcache_journal
SYS=/sys/module/$MODULE
PATCH=/sys/kernel/livepatch/$MODULE

# rounds N LONG: print the number of rounds: N, or LONG with tests/vm --long
rounds()
{
	[ "${OUTRIGGER_LONG-}" ] && echo "$2" || echo "$1"
}

say()
{
	echo "[$(cut -d ' ' -f 1 /proc/uptime)] $*"
}

fail()
{
	say "FAIL: $*"
	[ ! -e "$SYS/state" ] || say "state $(state): $(cat "$SYS/reason")"
	[ "$BASHPID" = $$ ] || kill $$ # in a subshell: end the case as well
	exit 1
}

# wait_for SECONDS COMMAND...: repeat COMMAND until it succeeds, for at most SECONDS, or for
# several times as long on a slow kernel
wait_for()
{
	local end=$((SECONDS + $1 * ${OUTRIGGER_SLOW:-1}))

	shift
	until "$@" 2>/dev/null; do
		((SECONDS < end)) || return 1
		sleep 0.1
	done
}

# crash_now: reset without warning, so that data that the kernel has not written is lost.
# The host accepts this only if the case has another boot.
crash_now()
{
	say "crash"
	echo crash >&4
	echo b >/proc/sysrq-trigger
	sleep 60
	fail "still alive after the crash"
}

# reboot_now: call reboot(2), as "reboot -ff" does: nothing is synced or unmounted, but the
# drivers are told to shut down. Like crash_now, only if the case has another boot.
reboot_now()
{
	say "reboot"
	echo crash >&4
	perl -e 'syscall(169, 0xfee1dead, 0x28121969, 0x1234567, 0)'
	sleep 60
	fail "still alive after the reboot"
}

# cut_power: the host kills the machine, at some moment after this is called, and the disks
# of a case with the header "volatile" lose what was not flushed. Only if the case has
# another boot.
cut_power()
{
	say "cut"
	echo cut >&4
	sleep 60
	fail "still alive after the power cut"
}

start_udev()
{
	/lib/systemd/systemd-udevd --daemon 2>/dev/null
	# only block devices matter: drivers of the others would take a minute to load
	udevadm trigger --action=add --subsystem-match=block
	udevadm settle
}

# --- bcache --------------------------------------------------------------------

# disk N: print the device of the N-th disk in the header of the case
disk()
{
	local serial

	for serial in /sys/block/vd*/serial; do
		[ "$(cat "$serial")" != "disk$1" ] || basename "${serial%/serial}"
	done | sed 's|^|/dev/|'
}

set_dir()
{
	compgen -G '/sys/fs/bcache/*-*' | head -n 1
}

# make_set [OPTION of make-bcache...]: create /dev/bcache0, with disk 1 as its cache and
# disk 2 as its backing device
# shellcheck disable=SC2120 # its callers are in other files
make_set()
{
	wipefs -qa "$(disk 1)" "$(disk 2)"
	modprobe bcache || fail "no bcache"
	make-bcache "$@" -C "$(disk 1)" -B "$(disk 2)" >/dev/null || fail "make-bcache"
	register_set
}

# small_set SECTORS OPTION...: like make_set, but the cache is /dev/mapper/small, the first
# SECTORS of disk 1, and everything is cached. For cases without udev, which would register
# the disk that an earlier boot left behind.
small_set()
{
	local dev

	wipefs -qa "$(disk 1)" "$(disk 2)"
	dmsetup create small --table "0 $1 linear $(disk 1) 0" || fail "dmsetup"
	dmsetup mknodes small
	shift
	make-bcache --writeback "$@" -C /dev/mapper/small -B "$(disk 2)" >/dev/null ||
		fail "make-bcache"
	for dev in /dev/mapper/small "$(disk 2)"; do
		echo "$dev" >/sys/fs/bcache/register_quiet
	done 2>/dev/null
	wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
		fail "the set did not register"
	echo 0 >/sys/block/bcache0/bcache/sequential_cutoff
	echo 0 >"$(set_dir)/congested_read_threshold_us"
	echo 0 >"$(set_dir)/congested_write_threshold_us"
}

# register_set: register as udev does, which may already have done it
register_set()
{
	local n

	modprobe bcache || fail "no bcache"
	for n in 1 2; do
		disk "$n" >/sys/fs/bcache/register_quiet
	done 2>/dev/null
	wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache ||
		fail "the set did not register"
}

# stop_set: shut down the set cleanly, and wait until it and its device are gone
stop_set()
{
	local set

	set=$(set_dir)
	[ ! -e /sys/block/bcache0/bcache/stop ] || echo 1 >/sys/block/bcache0/bcache/stop
	[ ! "$set" ] || echo 1 >"$set/stop"
	wait_for 120 sets_gone || fail "the set did not stop"
}

sets_gone()
{
	! compgen -G '/sys/fs/bcache/*-*' >/dev/null && [ ! -e /sys/block/bcache0 ]
}

# closed NAME...: succeed if bcache has closed these mapped devices, which it does a moment
# after stop_set. Until then, register_quiet does nothing, and reports success.
closed()
{
	local name

	for name; do
		[ "$(dmsetup info -c --noheadings -o open "$name")" = 0 ] || return
	done
}

# rmmod_bcache: the last references are dropped a moment after the last set is gone
rmmod_bcache()
{
	wait_for 30 rmmod bcache || fail "rmmod bcache"
}

# --- the module ----------------------------------------------------------------

state()
{
	cat "$SYS/state" 2>/dev/null || echo absent
}

state_is()
{
	[ "$(state)" = "$1" ]
}

# events_start, events_are WORD...: the uevents since then told of these states of health
events_start()
{
	udevadm monitor --kernel --property --subsystem-match=module >/run/uevents &
	monitor=$!
	wait_for 20 grep -q "the kernel uevent" /run/uevents || fail "udevadm"
}
events_are()
{
	local last

	for last; do :; done
	wait_for 10 grep -q "JOURNAL_HEALTH=$last" /run/uevents
	kill "$monitor"
	[ "$(sed -n 's/^JOURNAL_HEALTH=//p' /run/uevents | paste -sd ' ')" = "$*" ] ||
		fail "uevents: $(cat /run/uevents)"
}

# side: print which side serves the journal or the page faults: "ours" (the module) or
# "stock"
side()
{
	state_is attached && echo ours || echo stock
}

# has_events: the module has tracepoints, which the kernel creates from 6.12 on
# record NAME: record that tracepoint from now on; recorded NAME: print how often it fired
has_events()
{
	[ -e /sys/kernel/tracing/events/bcache_journal ]
}
record()
{
	! has_events || echo 1 >"/sys/kernel/tracing/events/bcache_journal/$1/enable"
}
recorded()
{
	grep -c "$1:" /sys/kernel/tracing/trace
}

wait_attached()
{
	wait_for 240 state_is attached || fail "not attached"
	wait_for 240 grep -q 0 "$PATCH/transition" || fail "the transition did not end"
}

attach()
{
	modprobe "$MODULE" || fail "modprobe $MODULE"
	wait_attached
}

unpatched()
{
	[ ! -e "$PATCH" ]
}

detach()
{
	echo 0 >"$PATCH/enabled" || fail "cannot disable the livepatch"
	wait_for 240 unpatched || fail "the livepatch was not removed"
	wait_for 30 rmmod "$MODULE" || fail "rmmod $MODULE"
}

# be SIDE: attach if SIDE is "ours"; for boots without udev, before any set is registered
be()
{
	modprobe bcache || fail "no bcache"
	[ "$1" = stock ] || attach
	[ "$(side)" = "$1" ] || fail "the journal is not served by $1"
	start_udev
}

# ctl STATUS COMMAND...: run outriggerctl, which must exit with STATUS
# says REGEX: the output of the last ctl must match
ctl()
{
	local want=$1 got

	shift
	outriggerctl "$@" >/run/ctl 2>&1
	got=$?
	sed 's/^/    /' /run/ctl
	[ "$got" = "$want" ] || fail "outriggerctl $*: exit status $got, not $want"
}

says()
{
	grep -qE "$1" /run/ctl || fail "outriggerctl does not print '$1'"
}

# metrics: take a sample of the metrics for the rules of the alerts; in a case with the header
# "alerts", tests/vm checks which alerts fire. Does nothing on stock.
metrics()
{
	[ "$SIDE" = ours ] || return 0
	outriggerctl metrics >/run/metrics || fail "outriggerctl metrics"
	sed -n 's/^outrigger_/metrics: &/p' /run/metrics
	echo "metrics: end"
}

# unpack MODULE FILE: write the plain ELF file of the installed module to FILE
unpack()
{
	local ko

	ko=$(modinfo -n "$1") || fail "no module $1"
	case $ko in
	*.xz) xz -dc "$ko" ;;
	*.zst) zstd -dcq "$ko" ;;
	*) cat "$ko" ;;
	esac >"$2"
}

# autoload: from here on the module is loaded and unloaded as the package configures it
autoload()
{
	rm -f /etc/modprobe.d/outrigger.conf /etc/udev/rules.d/60-outrigger.rules
	udevadm control --reload 2>/dev/null || true # udev reads them when it starts
}

# unsigned FILE NEW: copy the module FILE to NEW without its appended signature
unsigned()
{
	local magic='~Module signature appended~' length

	[ "$(tail -c 28 "$1" | tr -d '\0')" = "$magic" ] || fail "$1 is not signed"
	# The 12 bytes before the magic line end with the length of the signature, 4 bytes.
	length=$((16#$(tail -c 32 "$1" | head -c 4 | od -An -tx1 | tr -d ' ')))
	head -c -$((length + 12 + 28)) "$1" >"$2"
}

# inert_because REGEX: the module did not attach and says why; the stock driver works
inert_because()
{
	wait_for 30 state_is inert || fail "not inert"
	grep -q "$1" "$SYS/reason" || fail "inert for another reason"
	[ ! -e "$PATCH" ] || fail "inert, but a livepatch exists"
	make_set
	fio_verify --size=4M
	stop_set
	rmmod "$MODULE" || fail "rmmod $MODULE"
	rmmod_bcache
}

# --- I/O -----------------------------------------------------------------------

# fio_verify [OPTION of fio...]: write random blocks, read all of them back, compare
fio_verify()
{
	fio --name=verify --filename=/dev/bcache0 --ioengine=libaio --direct=1 \
		--rw=randwrite --bs=4k --iodepth=16 --size=32M \
		--verify=xxhash --do_verify=1 --verify_fatal=1 --verify_dump=0 \
		--output-format=terse --randseed="$RANDOM" "$@" >/run/fio.out 2>&1 &&
		! grep -q 'verify:' /run/fio.out && return
	tail -n 20 /run/fio.out
	fail "fio verify"
}

# fio_start: repeat fio_verify in the background, until fio_stop checks the result
fio_start()
{
	rm -f /run/fio.stop
	(
		rounds=0
		until [ -e /run/fio.stop ]; do
			fio_verify "$@"
			rounds=$((rounds + 1))
			echo "$rounds" >/run/fio.rounds
		done
	) &
	fio_pid=$!
}

fio_stop()
{
	touch /run/fio.stop
	wait "$fio_pid" || fail "fio in the background"
	say "$(cat /run/fio.rounds) rounds of fio, all verified"
}

# ack_start: start O_SYNC writes; the host records their acknowledgements across a crash
ack_start()
{
	/job/ackwrite write /dev/bcache0 "${BOOT}000000" >&3 &
	ack_pid=$!
}

# blocks_written DEVICE N: succeed if at least N blocks of 4 KiB were written to DEVICE
blocks_written()
{
	(($(awk '{ print int($7 / 8) }' "/sys/block/$1/stat") >= $2))
}

# ack_for SECONDS: let the writers run for SECONDS, or longer on a slow machine, until there
# are enough writes for ack_verify
ack_for()
{
	sleep "$1"
	wait_for 200 blocks_written bcache0 600 || fail "hardly any writes"
	ack_running
}

ack_running()
{
	kill -0 "$ack_pid" 2>/dev/null || fail "the writers died"
}

ack_stop()
{
	ack_running
	kill "$ack_pid"
	wait "$ack_pid" 2>/dev/null || true # it was killed
}

# ack_verify [MIN]: check that every write acknowledged in earlier boots is there
# shellcheck disable=SC2120 # its callers are in other files
ack_verify()
{
	/job/ackwrite verify /dev/bcache0 /job/acks "${1:-500}" || fail "acknowledged writes lost"
}

# crash_on SIDE: a boot that ends in a crash under O_SYNC writes, with that side's journal
crash_on()
{
	be "$1"
	make_set --writeback
	ack_start
	ack_for 15
	crash_now
}

# recover_on SIDE: the boot after crash_on: all acknowledged writes are there, and the set
# works and can be registered again
recover_on()
{
	be "$1"
	register_set
	ack_verify
	fio_verify --offset=512M --size=8M
	stop_set
	register_set
	fio_verify --offset=512M --size=8M
	stop_set
}

# --- a damaged journal -----------------------------------------------------------

# journal COMMAND ARGUMENT...: run tests/guest/journal.c, which lists the commands
journal()
{
	/job/journal "$@"
}

# uuid: print the UUID of the set on disk 1
uuid()
{
	bcache-super-show "$(disk 1)" | sed -n 's/^cset.uuid[[:space:]]*//p'
}

# accept UUID: let that set lose entries at its next registration
ACCEPT=/sys/module/bcache_journal/parameters/accept_loss
accept()
{
	[ ! -e "$ACCEPT" ] || echo "$1" >"$ACCEPT" || wrong "accept_loss rejects $1"
}

# no_bypass: send every write to the cache. If its cache device is slow, bcache bypasses it:
# it journals a key without a pointer, and at the same time writes the data to the backing
# device. If the power fails between the two, the block may have lost both its old data in
# the cache and the new data: a read returns what the backing device had before. No journal
# can prevent this; the stock driver behaves the same.
no_bypass()
{
	echo 0 >"$(set_dir)/congested_read_threshold_us" &&
		echo 0 >"$(set_dir)/congested_write_threshold_us" &&
		echo 0 >/sys/block/bcache0/bcache/sequential_cutoff || fail "writes may bypass the cache"
}

# ack_signal SIGNAL: signal the writers, not the process that started them
ack_signal()
{
	# shellcheck disable=SC2046
	kill "-$1" $(cat "/proc/$ack_pid/task/$ack_pid/children")
}

# acks_until SECONDS COMMAND...: start the writers, and halt them repeatedly to run COMMAND,
# until it succeeds; return with the writers halted
acks_until()
{
	local end=$((SECONDS + $1))

	shift
	no_bypass # otherwise the journal may be full of keys without pointers
	ack_start
	sleep 5
	while :; do
		ack_running
		ack_signal STOP
		sleep 0.2 # let the current write complete
		! "$@" >/run/until || return 0
		((SECONDS < end)) || fail "the journal never got ready: $(cat /run/until)"
		ack_signal CONT
		sleep 0.2
	done
}

# crash_ready: the first boot of most cases that damage a journal: with the module attached,
# crash under writes as soon as the journal meets the requirements of "journal ready"
crash_ready()
{
	be ours
	make_set --writeback --bucket 64k
	acks_until 300 journal ready "$(disk 1)"
	crash_now
}

# after_crash [COMMAND...]: begin the boot after that crash; fails unless COMMAND, by default
# "journal ready", still succeeds
after_crash()
{
	[ $# -gt 0 ] || set -- journal ready "$(disk 1)"
	modprobe bcache
	modprobe dm_snapshot
	journal list "$(disk 1)" | grep '^#'
	"$@" || fail "the journal is not as it was before the crash"
}

# long_range: succeed if recovery needs three or more buckets
long_range()
{
	local newest oldest n

	journal list "$(disk 1)" >/run/list
	n=$(sed -n 's/.*, \([0-9]*\) journal buckets.*/\1/p' /run/list)
	newest=$(journal where "$(disk 1)" newest 0 | sed 's/bucket=\([0-9]*\).*/\1/')
	oldest=$(journal where "$(disk 1)" oldest 0 | sed 's/bucket=\([0-9]*\).*/\1/')
	echo "buckets $oldest to $newest of $n are needed"
	((n > 0 && (newest - oldest + n) % n >= 2))
}

# idle_range: reach a state in which a crash leaves a journal that starts with buckets that
# nothing needs any more: a long_range whose btree nodes have been written, which bcache
# does after 30 seconds, while last_seq on disk has not moved yet. The writers stay halted.
idle_range()
{
	# writeback would add keys while this function waits
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	acks_until 300 long_range
	cat /run/until
	sleep 45
	long_range || fail "the journal has advanced"
}

# snapshots: create snapshots of $ORIGINS (by default disks 1 and 2), /dev/mapper/cache and
# /dev/mapper/backing, whose writes go to disks 3 and 4. Sets $CACHE and $BACKING, the
# devices for register_snapshots.
snapshots()
{
	local n=3 name=cache origin

	for origin in ${ORIGINS:-$(disk 1) $(disk 2)}; do
		dmsetup create "$name" --table "0 $(blockdev --getsz "$origin") \
			snapshot $origin $(disk $n) N 16" || fail "dmsetup create $name"
		n=4 name=backing
	done
	dmsetup mknodes # udev is not running
	CACHE=/dev/mapper/cache BACKING=/dev/mapper/backing
}

# through N M: like snapshots, but map disks N and M directly
through()
{
	local n=$1 name

	for name in cache backing; do
		dmsetup create "$name" --table \
			"0 $(blockdev --getsz "$(disk "$n")") linear $(disk "$n") 0" ||
			fail "dmsetup create $name"
		n=$2
	done
	dmsetup mknodes
	CACHE=/dev/mapper/cache BACKING=/dev/mapper/backing
}

# unreadable SECTOR SECTORS: make reads of these sectors of $CACHE fail
unreadable()
{
	local all

	all=$(blockdev --getsz /dev/mapper/cache)
	dmsetup create broken <<-END || fail "dmsetup create broken"
		0 $1 linear /dev/mapper/cache 0
		$1 $2 error
		$(($1 + $2)) $((all - $1 - $2)) linear /dev/mapper/cache $(($1 + $2))
	END
	dmsetup mknodes
	CACHE=/dev/mapper/broken
}

# drop_snapshots: remove the mapped devices; fails if bcache still holds one
drop_snapshots()
{
	local name

	for name in broken slow cache backing; do
		[ ! -e "/dev/mapper/$name" ] || wait_for 20 dmsetup remove "$name" || {
			say "$name is held"
			return 1
		}
	done
}

# sectors_written NAME: print how many sectors were written to a mapped device
sectors_written()
{
	awk '{ print $7 }' "/sys/block/$(dmsetup info -c --noheadings -o blkdevname "$1")/stat"
}

# register DEVICE: succeed if the kernel registers it; ends the case if registration hangs
register()
{
	local pid

	(echo "$1" >/sys/fs/bcache/register_quiet) 2>/dev/null &
	pid=$!
	wait_for 90 test ! -e "/proc/$pid" || {
		cat "/proc/$pid/stack"
		fail "registration hangs"
	}
	wait "$pid"
}

# register_snapshots: register the cache and then, if that worked, its backing device
register_snapshots()
{
	register "$CACHE" || return
	register "$BACKING"
	wait_for 30 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache
}

wrong=0
wrong()
{
	say "WRONG: $*"
	wrong=$((wrong + 1))
}

# logged REGEXP...: succeed if one line of bcache in the kernel log matches all of them
logged()
{
	local lines one

	lines=$(dmesg | grep bcache)
	for one; do
		lines=$(grep -E "$one" <<<"$lines")
	done
	[ "$lines" ]
}

# show_log N: print the first N lines of bcache in the kernel log
show_log()
{
	dmesg | grep -F bcache | head -n "$1" | cut -c 1-300 | sed 's/^/    /'
}

# trial EXPECT WHAT [COMMAND...]: take a snapshot of the crashed set, run COMMAND to damage
# it, register it, and compare the outcome with EXPECT. COMMAND may print the damaged place
# in the format of "journal damage". EXPECT is one of
#   whole    registered, and no acknowledged write is lost
#   some     registered, and at most the writes of the damaged entry are lost
#   less     registered, and acknowledged writes are lost: because of accept_loss, or of a
#            bug of the stock driver
#   refused  not registered; the log names bucket, sector and entry; nothing was written,
#            and the device is released. For "refused:entry" the log need only name the
#            entry; for "refused:place" it need not name the entry
#   late     not registered, with a message, perhaps after writes; the device is released
#   clean    registered or refused, without a BUG or a hang
# An unexpected outcome does not end the case: trials_done fails at the end.
trial()
{
	local expect=$1 what=$2 bucket='' entry='' sector='' seq='' sectors='' keys=0 before
	local got lost

	shift 2
	trials=$((${trials-0} + 1))
	say "== $(side): $what"
	snapshots
	[ $# = 0 ] || {
		"$@" >/run/where || fail "$*: no such place"
		[ ! -s /run/where ] || . /run/where
	}
	[ ! "$sector" ] ||
		say "bucket $bucket, sector $sector, entry $seq (number $entry of the bucket), $sectors sectors"
	sync
	dmesg -C
	before=$(sectors_written cache)
	if register_snapshots; then
		got=registered
		/job/ackwrite verify /dev/bcache0 "${ACKS:-/job/acks}" 100 >/run/verify 2>&1
		tail -n 4 /run/verify
		lost=$(sed -n 's/.* blocks: \([0-9]*\) lost.*/\1/p' /run/verify)
		say "registered, ${lost:-?} lost"
		stop_set
	elif [ ! "$(set_dir)" ] || wait_for 60 sets_gone; then
		got=refused
		before=$(($(sectors_written cache) - before))
		say "refused, $before sectors written"
	else
		stop_set
		got="neither registered nor refused"
	fi
	show_log 8
	case $expect:$got in
	whole:registered) [ "$lost" = 0 ] || wrong "$what: ${lost:-?} lost" ;;
	some:registered)
		[ "$lost" ] && ((lost <= (keys + 2) / 3)) ||
			wrong "$what: ${lost:-?} lost, but the entry had only $keys words of keys"
		;;
	less:registered) ((${lost:-0} > 0)) || wrong "$what: nothing was lost" ;;
	refused*:refused)
		[ "$before" = 0 ] || wrong "$what: refused, but something was written"
		logged 'refused|not registered' || wrong "$what: refused without a message"
		[[ $expect != *:place ]] || seq=''
		[ ! "$seq" ] || logged "entr(y|ies) .*\<$seq\>" ||
			wrong "$what: the log does not name entry $seq"
		[[ ! $sector || $expect = *:entry ]] ||
			logged "bucket $bucket\>" "sector $sector\>" "${seq:+\<$seq\>}" ||
			wrong "$what: the log does not name bucket $bucket, sector $sector, entry $seq"
		;;
	late:refused) logged 'not replayed' || wrong "$what: refused without a message" ;;
	clean:*) ;;
	*) wrong "$what: $got" ;;
	esac
	drop_snapshots || fail "$what: $got, but the device is still held"
}

trials_done()
{
	say "${trials-0} trials, $wrong wrong"
	((wrong == 0 && ${trials-0} > 0)) || fail "$wrong of ${trials-0} trials wrong"
}

# --- simulated disks -------------------------------------------------------------

# null_blk: load the driver of the simulated disks
null_blk()
{
	modprobe null_blk nr_devices=0 || fail "no null_blk"
	mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config ||
		fail "configfs"
}

# null NAME MB NSEC CACHE: a disk in memory, each command of which takes NSEC; with CACHE,
# it has a volatile write cache of so many MB
null()
{
	local d=/sys/kernel/config/nullb/$1

	mkdir "$d" && echo 1 >"$d/memory_backed" && echo "$2" >"$d/size" &&
		echo 2 >"$d/irqmode" && echo 2 >"$d/queue_mode" && echo "$3" >"$d/completion_nsec" &&
		echo 256 >"$d/hw_queue_depth" || fail "null_blk"
	[ "$4" = 0 ] || echo "$4" >"$d/cache_size" || fail "cache_size"
	[ ! -e "$d/fua" ] || echo 1 >"$d/fua"
	echo 1 >"$d/power" || fail "null_blk: power"
}

# no_null NAME: remove that disk and its content
no_null()
{
	echo 0 >"/sys/kernel/config/nullb/$1/power" && rmdir "/sys/kernel/config/nullb/$1" ||
		fail "null_blk: $1 is busy"
}

# --- the GPU -------------------------------------------------------------------

gpu_port()
{
	local port

	for port in /sys/class/virtio-ports/*; do
		[ "$(<"$port/name")" != gpu ] || echo "/dev/${port##*/}"
	done
}
[ ! "${OUTRIGGER_GPU-}" ] || GPU_PORT=$(gpu_port)

# gpu COMMAND...: send COMMAND to the emulated GPU, print its answer, if any
gpu()
{
	local reply='' port

	# the port can be open only once
	until { exec {port}<>"$GPU_PORT"; } 2>/dev/null; do
		sleep 0.1
	done
	echo "$*" >&"$port"
	IFS= read -r -t 600 reply <&"$port"
	exec {port}>&-
	[[ $reply = ok* ]] || fail "gpu $*: ${reply:-no answer}"
	[ "$reply" = ok ] || echo "${reply#ok }"
}

# count KEY: print a counter of the emulated GPU
count()
{
	local stat

	stat=" $(gpu stat) "
	[[ $stat =~ " $1="([0-9]+) ]] || fail "the GPU does not count $1"
	echo "${BASH_REMATCH[1]}"
}

# be_gpu: load xe and, if $SIDE is "ours", the module
be_gpu()
{
	modprobe xe || fail "modprobe xe"
	compgen -G '/dev/dri/renderD*' >/dev/null || fail "xe found no GPU"
	[ "$SIDE" = stock ] || attach
	[ "$(side)" = "$SIDE" ] || fail "the page faults are not served by $SIDE"
}

# faults N UNSUCCESSFUL <SCRIPT: run SCRIPT in xe-client; the GPU must count exactly N page
# faults, all of them answered, UNSUCCESSFUL of them with "unsuccessful"
faults()
{
	local f r u

	f=$(count faults) r=$(count replies) u=$(count unsuccessful)
	/job/xe-client || fail "xe-client"
	gpu wait outstanding=0 timeout=60 >/dev/null
	f=$(($(count faults) - f)) r=$(($(count replies) - r)) u=$(($(count unsuccessful) - u))
	[ "$f $r $u" = "$1 $1 $2" ] ||
		fail "$f faults, $r replies, $u of them unsuccessful; expected $1, $1, $2"
}

# has_svm: succeed if this xe supports CPU address mirrors
has_svm()
{
	modprobe -q drm_gpusvm_helper
	[ -e /sys/module/drm_gpusvm_helper ]
}

# leave_gpu: detach, and unload xe
leave_gpu()
{
	[ "$SIDE" = stock ] || detach
	rmmod_xe
}

# rmmod_xe: unload xe; on 7.3, drop the coredumps of failed jobs first, which would hold
# references for minutes
rmmod_xe()
{
	local dump

	for dump in /sys/class/devcoredump/*/data; do
		[ ! -e "$dump" ] || echo 1 >"$dump"
	done
	wait_for 60 rmmod xe || fail "rmmod xe"
}

# counted KEY N: succeed if the counter KEY of the GPU has reached N
counted()
{
	(($(count "$1") >= $2))
}

# client_start [COMMAND...]: start an xe-client in the background, through COMMAND if given;
# from then on, client LINE... makes it execute LINE
client_start()
{
	coproc CLIENT { exec "$@" /job/xe-client; }
}

client_say()
{
	echo "$*" >&"${CLIENT[1]}"
}

client_hear()
{
	local answer

	IFS= read -r -t 240 answer <&"${CLIENT[0]}" || fail "no answer to $*"
	[[ $answer = "ok "* ]] || fail "$answer"
}

client()
{
	client_say "$@"
	client_hear "$@"
}

client_stop()
{
	local pid=$CLIENT_PID in=${CLIENT[1]}

	exec {in}>&-
	wait "$pid" || fail "xe-client"
}

# gt_reset GT: reset a GT through debugfs; 6.12 resets when the file is read
gt_reset()
{
	local file

	file=$(compgen -G "/sys/kernel/debug/dri/*/gt$1/force_reset" | head -n 1)
	case $(uname -r) in
	6.12.*) cat "$file" >/dev/null ;;
	*) echo 1 >"$file" ;;
	esac
}

# lost N: declare that N page faults will never be answered, as the case expects
lost()
{
	gpu expect what=missing n="$1"
	echo "$1" >/run/lost
}

no_device()
{
	! compgen -G '/dev/dri/renderD*' >/dev/null
}

# ours FILE: print the sum of a sysfs counter of the module over all GTs
ours()
{
	local file n sum=0

	for file in /sys/bus/pci/devices/*/xe_pagefault-gt*/"$1"; do
		read -r n <"$file" && sum=$((sum + n))
	done
	echo "$sum"
}
