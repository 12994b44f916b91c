# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Page faults, served by the stock driver and by the module in turn. Run by tests/bench, in a
# machine whose clock counts instructions. Prints a line for each row, side and pair.
# gpu: lnl media=off delay-us=0 verbose=0
# udev: no

. /job/lib.sh

pairs=3 rows= # settings, from tests/bench:
. /job/bench.conf

tracing=/sys/kernel/tracing
ack=$tracing/events/xpf/ack bell=$tracing/events/xpf/bell
irq=$tracing/events/irq/irq_handler_entry ended=$tracing/events/workqueue/workqueue_execute_end
slow=(s1 s2 s3 s4) # the stock driver has four workers

# bench ROW RUNS: print the figures of a row
bench()
{
	local figures

	figures=$(/job/xe-client bench "$GPU_PORT" "$1" "$2") || fail "$1: $figures"
	say "bench: row=$1 side=$(side) $figures"
}

# traced ROW RUNS EVENT...: the same, with a trace of interrupts and these events; each costs
# instructions
traced()
{
	local event events=("$irq" "${@:3}")

	for event in "${events[@]}"; do
		echo 1 >"$event/enable" || fail "no trace"
	done
	bench "$1" "$2"
	for event in "${events[@]}"; do
		echo 0 >"$event/enable" || fail "the trace does not end"
	done
}

# replied: print the event of a reply
replied()
{
	[ "$(side)" = stock ] && echo "$ack" || echo "$tracing/events/xe_pagefault/xpf_ack"
}

# slow_memory: the faults of a process, beside four whose memory takes 100 ms a page
slow_memory()
{
	local s pids=()

	for s in "${slow[@]}"; do
		/job/xe-client stuck "/run/$s" 1 100 >"/run/$s.out" 2>&1 &
		pids+=($!)
		wait_for 60 grep -q started "/run/$s.out" || fail "$s: $(cat "/run/$s.out")"
	done
	bench slow-memory 50
	for s in "${slow[@]}"; do
		touch "/run/$s.go"
	done
	wait "${pids[@]}" || fail "$(cat /run/s?.out)"
	for s in "${slow[@]}"; do
		umount "/run/$s" || fail "umount"
		rm "/run/$s".*
	done
}

# walk: the faults of a process that walks through SVM which the CPU has touched
walk()
{
	local before

	has_svm || return 0
	client_start
	client vm a
	client svm a 0x200000000 256M
	client touch a 0x200000000 256M
	before=$(count faults)
	client walk a 128 0x200000000 2M 1
	gpu wait outstanding=0 timeout=60 >/dev/null
	say "bench: row=walk side=$(side) count=$(($(count faults) - before))"
	client_stop
}

run_rows()
{
	local row

	for row in ${rows:-one-page one-page-bind pages bindings bindings-bind spaces rate single same-queue other-queue slow-memory walk}; do
		case $row in
		slow-memory) slow_memory ;;
		walk) walk ;;
		rate) traced rate 3 "$ended" ;;
		single) traced single 1 "$(replied)" "$bell" ;;
		*-queue) traced "$row" 3 "$(replied)" ;;
		*) bench "$row" 3 ;;
		esac
	done
}

# burst: ten times as many faults as fit into a queue of the stock driver
burst()
{
	/job/xe-client bench "$GPU_PORT" burst 10240 >/run/burst 2>&1 &
	wait_for 600 grep -q answered= /run/burst || fail "burst: $(cat /run/burst)"
	say "bench: row=burst side=$(side) $(cat /run/burst)"
}

# shellcheck disable=SC2034 # be_gpu uses it
SIDE=stock
be_gpu
gpu block what=none >/dev/null # as if each address space had an engine of its own
modprobe fuse || fail "modprobe fuse"
echo 16384 >$tracing/buffer_size_kb && echo x86-tsc >$tracing/trace_clock &&
	echo 0 >$tracing/tracing_on && echo 'name == "xe"' >$irq/filter &&
	echo 'p:xpf/ack xe:guc_ct_send_locked a=+0(%si):x32 d=+4(%si):x32' \
		>>$tracing/kprobe_events &&
	echo 'p:xpf/bell xe:xe_mmio_write32 reg=%si:b28@0/32' >>$tracing/kprobe_events &&
	echo 'reg == 0x1901f0' >"$bell/filter" || fail "no trace"
for ((pair = 0; pair < pairs; pair++)); do
	run_rows
	attach
	run_rows
	[ "$pair" != 0 ] || burst
	detach
done
burst # the last: the stock driver loses faults, and the GT has to be reset
lost "$(count outstanding)"
