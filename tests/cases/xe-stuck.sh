# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-stuck
# about: processes whose memory does not come, from FUSE; the stock driver then serves nobody
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 900
# kernels: all
# short: none

. /job/lib.sh

# The stock driver has four workers, and each of these processes takes one for itself.
fours=(f1 f2 f3 f4)
dir=/sys/kernel/debug/xe_pagefault
stages=/sys/kernel/tracing/events/xe_pagefault/xpf_stages

# good SECONDS: a process with memory of its own gets its page fault served
good()
{
	local before=$SECONDS

	timeout -k 1 "$1" /job/xe-client >/run/good 2>&1 <<-'END' || return
		vm a
		userptr a 0x100000000 64K
		write a 0x100000000 1
	END
	say "another process was served, in at most $((SECONDS - before + 1)) s"
}

# stuck NAME N [OPTION...]: start a process that is stuck in N address spaces
stuck()
{
	/job/xe-client stuck "/tmp/$1" "${@:2}" >"/run/$1" 2>&1 &
	pids[$1]=$!
	wait_for 60 grep -q started "/run/$1" || fail "$1: $(cat "/run/$1")"
}

# under_way N M: N services are under way, M wait for them
under_way()
{
	cat "$dir"/*-gt0 "$dir"/*-gt1 >/run/way 2>/dev/null
	grep -q "^under way: $1, waiting for another of their process: $2\$" /run/way
}

# waited NAME STAGE: the faults of one address space of that process waited there for 2 s, and
# hardly elsewhere: 4 for its turn, 6 for memory
waited()
{
	cat "$dir"/*-gt0 "$dir"/*-gt1 2>/dev/null | sed -n '/^busiest/,/^$/p' >/run/busiest
	awk -v process="xe-client[${pids[$1]}]" -v stage="$2" '
		$9 == process && $stage >= 2000 && $4 + $5 + $6 + $7 + $8 - $stage < 2000 { found = 1 }
		END { exit !found }' /run/busiest
}

queued()
{
	[ "$(ours queued)" = "$1" ]
}

be_gpu
gpu block what=none # as if each had an engine of its own
modprobe fuse || fail "modprobe fuse"
declare -A pids=()
# they wait for as long as this says
echo 0 >/proc/sys/kernel/hung_task_timeout_secs

good 60 || fail "no process is stuck, but $(cat /run/good)"

if [ "$SIDE" = ours ]; then
	# the services that end must let on those that wait, though their VMs are gone
	say "a process is killed while its faults wait for each other"
	echo 1 >/sys/module/xe_pagefault/parameters/per_process
	stuck dead 3
	wait_for 30 under_way 1 2 || fail "$(grep 'under way' /run/way)"
	kill -KILL "${pids[dead]}"
	touch /tmp/dead.go
	wait_for 60 queued 0 || fail "$(ours queued) faults are queued"
	umount -l /tmp/dead
	unset "pids[dead]"

	say "an address space is closed while its fault waits for another"
	stuck closed 3 0 close
	wait_for 30 under_way 1 1 || fail "$(grep 'under way' /run/way)"
	touch /tmp/closed.last
	wait_for 30 under_way 1 2 || fail "$(grep 'under way' /run/way)"
	before=$(count unsuccessful)
	touch /tmp/closed.close
	wait_for 10 queued 2 || fail "$(ours queued) faults are queued, not 2"
	under_way 1 1 || fail "$(grep 'under way' /run/way)"
	[ "$(($(count unsuccessful) - before))" = 1 ] || fail "it was not refused"
	touch /tmp/closed.go
	wait "${pids[closed]}" || fail "$(cat /run/closed)"
	umount /tmp/closed
	unset "pids[closed]"

	say "a larger share, while faults wait"
	mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
	echo 'hist:keys=memory.log2' >$stages/trigger || fail "no histogram"
	stuck more 3
	wait_for 30 under_way 1 2 || fail "$(grep 'under way' /run/way)"
	sleep 3
	echo 16 >/sys/module/xe_pagefault/parameters/per_process
	touch /tmp/more.go
	wait "${pids[more]}" || fail "$(cat /run/more)"
	waited more 6 && waited more 4 || fail "$(cat /run/busiest)"
	cat /run/busiest
	# one service waited for its memory for 2^31 ns or longer
	grep -E 'memory: ~ 2\^3[1-3] ' $stages/hist ||
		fail "histogram: $(cat $stages/hist)"
	echo '!hist:keys=memory.log2' >$stages/trigger || fail "the trigger stays"
	umount /tmp/more
	unset "pids[more]"
fi
for f in "${fours[@]}"; do
	stuck "$f" 1
done
sleep 2
if [ "$SIDE" = stock ]; then
	! good 20 || fail "the stock driver was expected to serve nobody"
	say "four processes are stuck, and nobody is served"
else
	good 60 || fail "four processes are stuck: $(cat /run/good)"
	say "one process is stuck in 20 address spaces; its share is 16"
	stuck many 20
	wait_for 30 under_way 20 4 || fail "$(grep 'under way' /run/way)"
	sed -n '/^under way/,/^$/p' /run/way
	grep -q "xe-client\[${pids[many]}\]" /run/way || fail "no process is named"
	good 60 || fail "many are stuck: $(cat /run/good)"

	say "two of them are killed"
	kill -KILL "${pids[f1]}" "${pids[f2]}"
	good 60 || fail "two were killed: $(cat /run/good)"

	say "detaching waits for them, and says so"
	! outriggerctl detach --timeout 25 xe_pagefault >/run/detach 2>&1 || fail "detached"
	outriggerctl status >/run/status 2>&1
	cat /run/detach /run/status
	for f in f3 f4; do
		grep -q "serving a page fault of xe-client\[${pids[$f]}\], ASID" /run/detach ||
			fail "detach does not name $f, xe-client[${pids[$f]}]"
	done
	grep -q 'such as a FUSE server' /run/detach || fail "detach does not say what is missing"
	grep -q 'still serves a page fault of xe-client\[' /run/status ||
		fail "status names no process"
	dmesg | grep -q 'waiting for a page fault of xe-client\[[0-9]*\], ASID' ||
		fail "the log names no process"
	good 60 || fail "the stock driver serves nobody meanwhile: $(cat /run/good)"
fi

say "their memory comes"
for f in "${!pids[@]}"; do
	touch "/tmp/$f.go"
done
for f in "${!pids[@]}"; do
	wait "${pids[$f]}"
	grep -q 'ended: Success' "/run/$f" || [[ $SIDE$f = oursf[12] ]] ||
		fail "$f: $(cat "/run/$f")"
done
if [ "$SIDE" = ours ]; then
	wait_for 60 state_is inert || fail "not detached"
	rmmod "$MODULE" || fail "rmmod $MODULE"
	attach
fi
good 60 || fail "$(cat /run/good)"
gpu wait outstanding=0 timeout=60
for f in "${!pids[@]}"; do
	umount "/tmp/$f" || fail "umount $f"
done
