# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: hostile-sweep
# about: random changes of a dirty journal and superblock: registered or explained, no harm
# disks: 24M 24M
# timeout: 900
# kernels: all
# short: none
# udev: no
# The stock driver adds a trace to what it says of the root of the btree, or of the node to
# which that points: see mutant().
# allow: Call Trace:

. /job/lib.sh

# tests/guest/mutate.c makes the changes; a seed stands for the same ones on the same
# image. tests/hostile runs this with other settings, in /job/hostile.conf:
first=1	# seed
number=$(rounds 120 3000)	# of mutants
side=ours	# or stock, which is expected to fail
recorded=''	# "yes": the image is on disks 1 and 2 already
every=25	# mutants between two registrations of the intact image
[ ! -e /job/hostile.conf ] || . /job/hostile.conf

# /dev/mapper/work is the cache device, in ram0; ram1 has the intact image; ram2 is the
# backing device.
cache=$((24 << 11))
work=/dev/mapper/work
marker='hostile-sweep: seed'

# work TABLE...: what "work" is
work()
{
	dmsetup suspend work && printf '%s\n' "$@" | dmsetup reload work &&
		dmsetup resume work || fail "dmsetup: $*"
}

# pause: 20 ms, without a process
exec {never}<> <(:)
pause()
{
	! read -rt 0.02 -u "$never"
}

copy()	# FROM TO
{
	dd if="$1" of="$2" bs=1M iflag=direct oflag=direct status=none || fail "dd"
}

# backed: register the backing device too, and wait until it is there
backed()
{
	register /dev/ram2 && wait_for 60 test -b /dev/bcache0 -a -e /sys/block/bcache0/bcache/cache
}

content()
{
	dd if=/dev/bcache0 bs=1M count=8 iflag=direct status=none | cksum
}

# make_image: as a power cut leaves it while nothing is being written, and all that has
# been acknowledged is in "sum"
make_image()
{
	make-bcache --writeback --block 512 --bucket 16k -C "$work" -B /dev/ram2 >/dev/null ||
		fail "make-bcache"
	register "$work" && backed || fail "the new set did not register"
	no_bypass
	echo 0 >/sys/block/bcache0/bcache/writeback_running
	fio --name=fill --filename=/dev/bcache0 --ioengine=libaio --direct=1 --sync=1 \
		--rw=randwrite --bs=4k --iodepth=8 --number_ios=2000 --size=8M --norandommap \
		--output-format=terse >/run/fio.out 2>&1 || fail "fio"
	dmsetup suspend --nolockfs work && copy /dev/ram0 /dev/ram1 && dmsetup resume work ||
		fail "dmsetup"
	sum=$(content)
	stop_set
	copy /dev/ram1 "$(disk 1)"
	copy /dev/ram2 "$(disk 2)"
}

# references: of bcache, one of them by the module
references()
{
	local n

	read -r n </sys/module/bcache/refcnt
	echo "$n"
}

all_gone()
{
	local n

	read -r n </sys/module/bcache/refcnt
	((n == idle)) && ! compgen -G '/sys/fs/bcache/*-*' >/dev/null
}

# gone: wait until no set is left, and nothing holds the devices
gone()
{
	local end=$((SECONDS + 60))

	until all_gone; do
		((SECONDS < end)) || return 1
		pause
	done
}

stop_cache()
{
	local stop

	for stop in /sys/block/{bcache,dm-}*/bcache/stop /sys/fs/bcache/*-*/stop; do
		[ ! -e "$stop" ] || echo 1 >"$stop"
	done
}

# reason LOG: print who has refused the mutant. Stock says why it refuses what it checks
# itself.
reason()
{
	local log=$1

	case $log in
	*bcache_journal:*not\ registered* | *bcache_journal:*not\ replayed*) echo ours ;;
	*bcache_journal:*could\ not\ be\ inserted*) echo ours ;;
	*bcache:*error* | *bcache:*"failed to register"*) echo stock ;;
	*) echo "nobody:$log" ;;
	esac
}

bad()	# SEED WHAT: a mutant has done harm
{
	wrong "seed $1: $2: ${what[*]}"
}

# mutant SEED: make it, register it, and judge. A BUG, a WARNING or a task that hangs ends
# the machine, see tests/qemu/common.sh; the last seed in the log is the one.
mutant()
{
	local seed=$1 line who log unreadable=()

	/job/journal mutate "$work" "$seed" /dev/ram1 >/run/what ||
		fail "seed $seed: the device is still held, or can't be restored"
	mapfile -t what </run/what
	# if the machine dies, the line has no verdict
	printf 'seed %s:' "$seed"
	printf ' %s;' "${what[@]}"
	for line in "${what[@]}"; do
		case $line in
		unreadable*) unreadable+=("${line#* }") ;;
		seen*) seen=$((seen + 1)) ;;
		esac
	done
	[ ${#unreadable[@]} = 0 ] || holes "${unreadable[@]}"
	echo "$marker $seed" >/dev/kmsg
	if echo "$work" >/sys/fs/bcache/register_quiet; then
		who=registered registered=$((registered + 1))
		log=$(dmesg -c)
		stop_cache
	else
		log=$(dmesg -c)
		log=${log##*"$marker"}
		who=$(reason "$log")
		case $who in
		ours) ours=$((ours + 1)) ;;
		stock) stock=$((stock + 1)) ;;
		esac
	fi 2>/dev/null
	if ! gone; then
		bad "$seed" "the set does not go away; bcache has $(references) references, not $idle"
		fail "seed $seed"
	fi
	echo " -> ${who%%:*}"
	case $log in
	*'spotted btree ptr'* | *bch_btree_node_read_done*) ;;
	*'Call Trace'*) bad "$seed" "a trace that is not of the root: $log" ;;
	esac
	[[ $who != nobody* ]] || bad "$seed" "refused without a reason: ${who#*:}"
	[ ${#unreadable[@]} = 0 ] || work "0 $cache linear /dev/ram0 0"
}

# holes "SECTOR SECTORS"...: make these sectors unreadable
holes()
{
	local at=0 from n table=()

	while read -r from n; do
		((from + n <= cache)) || n=$((cache - from))
		((from >= at)) || { n=$((n - (at - from))) from=$at; }
		((n > 0)) || continue
		((from == at)) || table+=("$at $((from - at)) linear /dev/ram0 $at")
		table+=("$from $n error")
		at=$((from + n))
	done < <(printf '%s\n' "$@" | sort -n)
	((at == cache)) || table+=("$at $((cache - at)) linear /dev/ram0 $at")
	work "${table[@]}"
}

# intact: the image itself registers, with all data
intact()
{
	local now

	/job/journal restore "$work" /dev/ram1 || fail "the device is still held"
	register "$work" && backed || fail "after seed $seed, the intact image is refused"
	now=$(content)
	[ "$now" = "$sum" ] || fail "after seed $seed, the data of the intact image differ"
	stop_cache
	gone || fail "after seed $seed, the intact set does not go away"
}

# unreclaimable: print KiB of memory that nobody can get back. A disk in memory loses what is
# discarded, and grows again when that is written.
unreclaimable()
{
	local key n rest sum=0 free=0

	for n in 0 1 2; do
		copy /dev/ram$n /dev/ram$n
	done
	echo 3 >/proc/sys/vm/drop_caches
	while read -r key n rest; do
		case $key in
		MemTotal:) sum=$n ;;
		MemFree: | Buffers: | Cached: | SReclaimable: | AnonPages:) free=$((free + n)) ;;
		esac
	done </proc/meminfo
	echo $((sum - free))
}

modprobe bcache && modprobe brd rd_nr=3 rd_size=$((cache / 2)) || fail "no modules"
# the free pages that a CPU keeps for itself, which do not count as free, may be many
echo 10000 >/proc/sys/vm/percpu_pagelist_high_fraction || fail "no fraction"
[ "$side" = stock ] || attach
idle=$(references)
# from now on, the disks in memory do not grow
for n in 0 1 2; do
	dd if=/dev/zero of=/dev/ram$n bs=1M count=24 oflag=direct status=none || fail "dd"
done
dmsetup create work --table "0 $cache linear /dev/ram0 0" && dmsetup mknodes || fail "dmsetup"
if [ "$recorded" ]; then
	copy "$(disk 1)" /dev/ram1
	copy "$(disk 2)" /dev/ram2
	/job/journal restore "$work" /dev/ram1 || fail "no image"
	register "$work" && backed || fail "the image is refused"
	sum=$(content)
	stop_set
else
	make_image
fi
gone || fail "the set does not go away"
/job/journal list /dev/ram1 | grep '^#'

seen=0 registered=0 ours=0 stock=0 what=() began=$SECONDS
dmesg -C
for ((seed = first; seed < first + number; seed++)); do
	mutant "$seed"
	(((seed - first + 1) % every)) || {
		intact
		# the first ones warm caches up
		((seed - first + 1 != every)) || before=$(unreclaimable)
		# shellcheck disable=SC2154 # wrong: from lib.sh
		say "$((seed - first + 1)) of $number mutants: $registered registered," \
			"$ours refused by the module, $stock by stock, $wrong wrong"
	}
done
intact
grown=0
[ ! "${before-}" ] || grown=$(($(unreclaimable) - before))
say "hostile: mutants=$number seen=$seen registered=$registered ours=$ours stock=$stock" \
	"wrong=$wrong grown_kib=$grown first=$first seconds=$((SECONDS - began))"
# a leak of one bucket's memory in each mutant would be much more
((grown < 4096 + number)) || fail "the kernel has $grown KiB less memory than before"
wait_for 20 dmsetup remove work || fail "the device is still held"
[ "$side" = stock ] || detach
rmmod_bcache # warns of objects that are left
((wrong == 0)) || fail "$wrong mutants were wrong"
((ours > 0 && registered > 0)) || fail "the mutants are all of one kind"
