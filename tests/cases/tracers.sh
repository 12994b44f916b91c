# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: tracers
# about: ftrace, kprobes and BPF on replaced functions, before, during and after an attach
# disks: 512M 512M
# timeout: 900
# kernels: all
# short: none
# udev: no

. /job/lib.sh

cd /sys/kernel/tracing || fail "no tracefs"

# replaced functions that every synchronous write calls, by name or through a pointer
functions="bch_journal journal_write_done journal_write_endio journal_write_unlock"
# a function that only replaced functions call
inner=bch_journal_next
case $(uname -r) in
6.1.*) bpf= ;; # its ftrace can't bear them beside a livepatch: see docs/monitoring.md
*) bpf="fentry fexit multi multi-return" ;;
esac
all=$((4 * (3 + $(wc -w <<<"$bpf"))))

# bpf_table: print what bpf-count prints up to the next empty line
bpf_table()
{
	local line

	while read -rt 200 -u "${BPF[0]}" line; do
		[ "$line" ] || return 0
		echo "$line"
	done
	fail "bpf-count: $(cat /run/bpf.err)"
}

# set_all: set a probe of each kind on each of the functions
set_all()
{
	local f

	for f in $functions; do
		echo "p:entry_$f bcache:$f" && echo "r:return_$f bcache:$f"
	done >kprobe_events && echo 1 >events/kprobes/enable || fail "kprobes: $(cat error_log)"
	mkdir instances/calls
	# shellcheck disable=SC2086
	printf '%s:mod:bcache\n' $functions $inner >instances/calls/set_ftrace_filter &&
		echo function >instances/calls/current_tracer || fail "function tracer"
	# the kernel keeps the second line for a module that is not loaded yet
	printf '%s\n' bch_journal:mod:bcache bj_journal:mod:bcache_journal >set_ftrace_filter &&
		echo bch_journal >set_graph_function &&
		echo function_graph >current_tracer || fail "function_graph tracer"
	[ "$bpf" ] || return 0
	# shellcheck disable=SC2086
	coproc BPF { exec /job/bpf-count bcache "$bpf" $functions 2>/run/bpf.err; }
	bpf_table
}

clear_all()
{
	local pid in

	if [ "$bpf" ]; then
		pid=$BPF_PID in=${BPF[1]}
		exec {in}>&-
		wait "$pid" || fail "bpf-count: $(cat /run/bpf.err)"
	fi
	echo nop >current_tracer
	echo >set_graph_function
	echo >set_ftrace_filter
	rmdir instances/calls || fail "instances/calls"
	echo 0 >events/kprobes/enable
	echo >kprobe_events || fail "the kprobes can't be removed"
}

# counts FILE: write a line "FUNCTION:KIND CALLS" for each probe to FILE
counts()
{
	local f

	{
		awk '{ sub("_", " ", $1); split($1, w, " "); print w[2], w[1], $2 }' kprobe_profile
		for f in $functions; do
			echo "$f function $(grep -c ": $f <-" instances/calls/trace)"
		done
		[ ! "$bpf" ] || { echo >&"${BPF[1]}" && bpf_table; }
	} >/run/counts # not a pipe: a subshell could not talk to bpf-count
	sed 's/ /:/' /run/counts | sort >"$1"
}

# traced FUNCTION: print how often function_graph has shown it
traced()
{
	grep -cF " $1()" trace
}

# all_fire: fail unless every probe fires for synchronous writes. While attached, the inner
# function is not called.
all_fire()
{
	local quiet graph calls

	echo >trace
	echo >instances/calls/trace
	counts /run/before
	fio_verify --size=1M --sync=1 --iodepth=1 --number_ios=64
	counts /run/after
	graph=$(traced 'bch_journal [bcache]') replaced=$(traced 'bj_journal [bcache_journal]')
	calls=$(grep -c ": $inner <-" instances/calls/trace)
	say "$(side): bch_journal: graph $graph, replacement $replaced," \
		"$(sed -n 's/^bch_journal://p' /run/after | paste -sd ' '); $inner: $calls"
	[ "$(wc -l </run/after)" = $all ] || fail "some are gone: $(cat /run/after)"
	quiet=$(join /run/before /run/after | awk '$3 - $2 < 16')
	[ ! "$quiet" ] || fail "these do not fire: $quiet"
	((graph >= 16)) || fail "function_graph does not show bch_journal"
	case $(side) in
	ours) ((calls == 0)) ;;
	stock) ((calls >= 16)) ;;
	esac || fail "$inner: $calls"
}

decided()
{
	state_is attached || state_is inert
}

make_set --writeback
no_bypass
set_all
all_fire
say "attach while they are set"
attach
all_fire
say "remove them, and set them again while attached"
clear_all
set_all
all_fire
((replaced >= 16)) || fail "function_graph does not show bj_journal below bch_journal"
say "detach"
detach
all_fire
clear_all

say "attach and detach while they come and go, under I/O"
fio_start --rate_iops=100 --iodepth=4 --size=16M
(
	until [ -e /run/fio.stop ]; do
		set_all
		clear_all
	done
) &
churn=$!
cycles=$(rounds 2 10) refused=0
for ((i = 0; i < cycles; i++)); do
	modprobe "$MODULE" || fail "modprobe"
	wait_for 240 decided || fail "neither attached nor refused"
	if state_is inert; then
		[ "$(cat "$SYS/reason_token")" = busy ] || fail "refused for another reason"
		say "refused: $(cat "$SYS/reason")"
		refused=$((refused + 1))
		rmmod "$MODULE" || fail "rmmod"
	else
		wait_attached
		detach
	fi
done
fio_stop
wait $churn || fail "the probes"
say "$cycles times, $refused of them refused"
stop_set
