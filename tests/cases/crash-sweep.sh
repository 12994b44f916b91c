# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: crash-sweep
# about: power cuts at recorded flushes and FUA writes, rebuilt, registered and compared
# disks: 80M 3G
# timeout: 1800
# kernels: all
# short: none
# udev: no

. /job/lib.sh

# The cache and its backing devices are parts of one disk, below which dm-log-writes
# records every write (disk 2); tests/guest/crash.c rebuilds the disk as a power cut would
# leave it. tests/crash runs this with other settings, in /job/crash.conf:
workloads="random sequential hot fsync late nodes full busy cycling two discard"
record=ours	# the side on which the writes are recorded
recover="ours"	# the sides that recover: ours, stock; ours-stock: crashes on the one first
number=$(rounds 8 100)	# of points, for each workload and recoverer
nested=25	# percent of the points that crash a second time, in or after registration
seconds=$(rounds 6 10)	# of writes
slow_root=0	# ms by which each replacement of the root of the btree is delayed
recorded=''	# "yes": the log is on disk 2 already, of the only workload
seed=$RANDOM
tear_nodes=''	# "tear-nodes": a power cut may leave half of a btree node's write
only=''	# "POINT SEED [again]" of a log that is already on disk 2: only that point
[ ! -e /job/crash.conf ] || . /job/crash.conf

# --- the disk and the set ----------------------------------------------------------

# geometry WORKLOAD: the sizes, in sectors, and the options of make-bcache
geometry()
{
	cache=$((40 << 11)) backing=$((16 << 11)) devices=1
	options=(--writeback --bucket 64k) pattern=random
	case $1 in
	sequential | hot | fsync | late) pattern=$1 ;;
	nodes) cache=$((24 << 11)) options=(--writeback --bucket 8k --block 4k) ;;
	full) cache=8320 options=(--writeback --bucket 8k --block 4k) ;;
	two) devices=2 ;;
	discard) options+=(--discard) ;;
	random | busy | cycling) ;;
	*) fail "no workload $1" ;;
	esac
	all=$((cache + devices * backing))
}

# parts UNDER: the devices of the set, as parts of the mapped device UNDER
parts()
{
	local i at=$cache

	dmsetup create part0 --table "0 $cache linear /dev/mapper/$1 0" || fail "dmsetup"
	for ((i = 1; i <= devices; i++, at += backing)); do
		dmsetup create "part$i" --table "0 $backing linear /dev/mapper/$1 $at" ||
			fail "dmsetup"
	done
	dmsetup mknodes
}

drop_parts()
{
	local i

	for ((i = 0; i <= devices; i++)); do
		wait_for 20 dmsetup remove "part$i" || fail "part$i is still held"
	done
}

all_there()
{
	local i

	for ((i = 0; i < devices; i++)); do
		[ -b "/dev/bcache$i" ] && [ -e "/sys/block/bcache$i/bcache/cache" ] || return 1
	done
}

# register_parts: fails if the set is refused
register_parts()
{
	local i

	for ((i = 0; i <= devices; i++)); do
		register "/dev/mapper/part$i" || return 1
	done
	wait_for 60 all_there
}

stop_parts()
{
	local stop

	for stop in /sys/block/bcache*/bcache/stop /sys/fs/bcache/*-*/stop; do
		[ ! -e "$stop" ] || echo 1 >"$stop"
	done
	wait_for 120 parts_stopped || fail "the set did not stop"
}

parts_stopped()
{
	! compgen -G '/sys/fs/bcache/*-*' >/dev/null && ! compgen -G '/sys/block/bcache*' >/dev/null
}

# to SIDE: have that side recover
to()
{
	[ "$(side)" != "$1" ] || return 0
	if [ "$1" = ours ]; then attach; else detach; fi
}

# --- recording ---------------------------------------------------------------------

# busy: garbage collection, and writeback at full speed
busy()
{
	echo 0 >/sys/block/bcache0/bcache/writeback_percent
	until [ -e /run/stop ]; do
		echo 1 >"$(set_dir)/internal/trigger_gc"
		sleep 0.5
	done
}

cycling()
{
	until [ -e /run/stop ]; do
		if [ "$(side)" = ours ]; then detach; else attach; fi
	done
}

# record WORKLOAD: leave its log on disk 2
record_log()
{
	local i other='' writers

	to "$record"
	blkdiscard -f -z "$(disk 1)" 2>/dev/null || fail "blkdiscard"
	dmsetup create log --table "0 $all log-writes $(disk 1) $(disk 2)" || fail "log-writes"
	dmsetup mknodes
	parts log
	make-bcache "${options[@]}" -C /dev/mapper/part0 \
		-B "${disks_of_set[@]:1:devices}" >/dev/null || fail "make-bcache"
	register_parts || fail "the new set did not register"
	for ((i = 0; i < devices; i++)); do
		echo 0 >"/sys/block/bcache$i/bcache/sequential_cutoff"
	done
	no_bypass
	# so that nodes are written before the journal is
	[ "$1" != late ] || echo 30000 >"$(set_dir)/journal_delay_ms"
	# of its own session: if a writer fails, it ends its process group
	setsid /job/crash write log "$pattern" "${bcaches[@]:0:devices}" &
	writers=$!
	case $1 in
	busy | cycling)
		"$1" &
		other=$!
		;;
	esac
	sleep "$seconds"
	touch /run/stop
	[ ! "$other" ] || wait "$other" || fail "$1"
	rm /run/stop
	kill "$writers" || fail "the writers died"
	wait "$writers" 2>/dev/null # and their parent with them
	bypassed=$(cat /sys/block/bcache*/bcache/stats_total/bypassed | sort -u | paste -sd ,)
	stop_parts
	drop_parts
	wait_for 20 dmsetup remove log || fail "the log is still held"
}

# check WORKLOAD: in the log, do the journal, the priorities and the nodes always agree?
check()
{
	local status

	/job/crash index "$(disk 2)" /run/index >/run/n || fail "no log"
	/job/crash check /run/index "$(disk 2)" >/run/check 2>&1
	status=$?
	[ "$status" -le 1 ] || fail "crash check: exit status $status: $(cat /run/check)"
	stale=$(sed -n 's/.*stale=//p' /run/check)
	say "$1: recorded on $record: $(tail -n 1 /run/check)"
	[ "$record:$status" != ours:1 ] ||
		wrong "a power cut could have lost nodes: $(cat /run/check)"
}

# --- the sweep ---------------------------------------------------------------------

# verify POINT: 0 if all writes acknowledged before POINT are there, 1 if not; prints
verify()
{
	local status i at=$((cache + 16)) devs=() # make-bcache leaves 16 sectors free

	for ((i = 0; i < devices; i++, at += backing)); do
		devs+=("${bcaches[i]}=$at")
	done
	/job/crash verify /run/index "$1" "${devs[@]}" >/run/verify 2>&1
	status=$?
	[ "$status" -le 1 ] || fail "crash verify: exit status $status: $(cat /run/verify)"
	return "$status"
}

# image INDEX LOG BASE POINT SEED: disk "work" is BASE as after a power cut there
image()
{
	/job/crash image "$1" "$2" "$3" /dev/ram1 /run/changed "$4" "$5" \
		${tear_nodes:+"$tear_nodes"} ${ahead:+"$ahead"} /dev/mapper/work \
		"${disks_of_set[@]:0:devices+1}" || fail "no image of point $4 in $1"
}

# below KIND ARGUMENT...: what "work" is
below()
{
	dmsetup suspend work && dmsetup reload work --table "0 $all $*" &&
		dmsetup resume work || fail "dmsetup: $*"
}

# trace_work: have the kernel tell crash.c of each write to "work"
trace_work()
{
	local event=$trace/events/block/block_bio_queue work

	work=$(dmsetup info -c --noheadings --separator ' ' -o major,minor work) || fail "dmsetup"
	mkdir -p "$trace" && echo "dev == $((${work% *} << 20 | ${work#* })) && !(rwbs ~ \"R*\")" \
		>"$event/filter" && echo 1 >"$event/enable" || fail "no tracepoint"
}

# crash_again POINT SEED: register the image of that point, crash during that or later, and
# make "work" what that leaves. No two registrations write the same, so a second try is not
# the same crash.
crash_again()
{
	local points at

	below log-writes /dev/ram1 /dev/ram2
	dmsetup message work 0 mark begin:nested:1:0
	register_parts || return 1
	stop_parts
	below linear /dev/ram1 0
	/job/crash index /dev/ram2 /run/again >/run/n || fail "no log of the registration"
	. /run/n
	((points > 0)) || return 0 # nothing was written
	at=$(($2 * 7919 % points))
	image /run/index "$log" /dev/ram0 "$1" "$2"
	image /run/again /dev/ram2 /dev/ram1 "$at" "$2"
}

# attempt POINT SEED [again]: register what a power cut leaves, and compare. Fails with the
# reason in "why".
attempt()
{
	local status=0

	why=''
	image /run/index "$log" /dev/ram0 "$1" "$2"
	if [ "${3-}" ]; then
		to "$first"
		crash_again "$1" "$2" || why=refused
	fi
	if [ ! "$why" ]; then
		to "$second"
		register_parts || why=refused
	fi
	[ "$why" ] || verify "$1" || why="lost: $(cat /run/verify)"
	[ "$why" != refused ] || why+=": $(dmesg | grep bcache | tail -n 6 | cut -c 1-200)"
	[ ! "$why" ] || status=1
	# would a loss be seen? The first image lacks what came after it
	[ "$why$only" ] || ((tried > 1)) || ! verify "$last" || fail "nothing is missing there"
	stop_parts
	[ ! "${3-}" ] || below linear /dev/ram1 0
	return "$status"
}

# try_point POINT SEED [again]: the verdict on a point; counts it
try_point()
{
	local what="point $1, seed $2${3:+, and again}" ahead=''

	tried=$((tried + 1))
	[ ! "${3-}" ] || twice=$((twice + 1))
	! attempt "$@" || return 0
	what+=": $why"
	# perhaps a write was durable that the log has behind this point
	ahead=ahead
	if attempt "$@"; then
		early=$((early + 1))
		say "$what: not with the writes of the flushes that follow"
		return 0
	fi
	case $why in
	lost*) lost=$((lost + 1)) ;;
	*) refused=$((refused + 1)) ;;
	esac
	wrong "$what"
}

# sweep WORKLOAD RECOVERER
sweep()
{
	local points acks discards ambiguous near last at n=$number i at_points=() twice_too
	local tried=0 twice=0 lost=0 refused=0 early=0 before again=$nested
	local first=${2%-*} second=${2#*-} log

	[ "$first" = "$second" ] || again=100
	log=$(disk 2)
	/job/crash index "$log" /run/index >/run/n || fail "no log"
	. /run/n
	((points > n && acks > 3)) || fail "only $points points, $acks acknowledgements"
	last=$((points - 1))
	blkdiscard -f -z /dev/ram0 2>/dev/null || fail "blkdiscard"
	dmsetup create work --table "0 $all linear /dev/ram1 0" || fail "dmsetup"
	dmsetup mknodes
	parts work
	trace_work
	rm -f /run/changed
	before=$SECONDS
	if [ "$only" ]; then
		# shellcheck disable=SC2086
		try_point $only
		n=0
	fi
	# BASE goes forward only. Every other point is near a discard, if there are any: they
	# are few, and one that comes too early is wrong only until the next entry.
	read -ra near <<<"$discards"
	for ((i = 0; i < n; i++)); do
		at=$((points * i / n + (RANDOM << 15 | RANDOM) % (points / n)))
		((i % 2 == 0 || ${#near[@]} == 0)) ||
			at=$((near[RANDOM % ${#near[@]}] + RANDOM % 6))
		at_points+=($((at < points ? at : last)))
	done
	mapfile -t at_points < <(printf '%s\n' "${at_points[@]}" | sort -n)
	for ((i = 0; i < n; i++)); do
		((RANDOM % 100 < again)) && twice_too=again || twice_too=''
		try_point "${at_points[i]}" $((seed + i)) $twice_too
		((i % 25)) || say "$1, $2: $tried of $n points, $lost lost, $refused refused"
	done
	echo 0 >$trace/events/block/block_bio_queue/enable
	drop_parts
	dmsetup remove work
	# a slow flush is rare; if there are many, writes were durable later than they should be
	((early <= 1 + tried / 50)) ||
		wrong "$early of $tried points: not with the writes of later flushes"
	say "crash: workload=$1 record=$record recover=$2 points=$tried nested=$twice" \
		"lost=$lost refused=$refused stale=$stale early=$early of=$points ambiguous=$ambiguous" \
		"bypassed=$bypassed seed=$seed seconds=$((SECONDS - before))"
}

RANDOM=$seed
disks_of_set=(/dev/mapper/part{0,1,2})
bcaches=(/dev/bcache{0,1})
trace=/sys/kernel/tracing/instances/crash # for crash.c
modprobe bcache && modprobe dm_log_writes &&
	modprobe brd rd_nr=3 rd_size=$((96 << 10)) || fail "no modules"
# bch_btree_set_root() is inlined, but has a tracepoint
[ "$slow_root" = 0 ] ||
	{ insmod /usr/local/lib/klp/probe.ko on=trace_event_raw_event_btree_node \
		"delay_ms=$slow_root" &&
		echo 1 >/sys/kernel/tracing/events/bcache/bcache_btree_set_root/enable; } ||
	fail "no probe"
bypassed=- stale=-
for w in $workloads; do
	geometry "$w"
	[ "$only$recorded" ] || { record_log "$w" && check "$w"; }
	for r in $recover; do
		# the ramdisks of 6.1 have no discard, without which the stock driver refuses
		# a journal that was discarded in part
		[[ "$w $r" != discard*stock ]] || continue
		sweep "$w" "$r"
		# the log stays on disk 2: see tests/crash --again
		# shellcheck disable=SC2154 # from lib.sh
		((wrong == 0)) || fail "$w: $wrong points were wrong"
	done
done
