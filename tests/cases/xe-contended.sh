# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-contended
# about: binds, execs and exit beside page faults on memory that keeps changing or is slow
# gpu: lnl
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

# measure HOW MIB [svm]: print the figures of the present side, and keep the longest times in
# us of exit, bind or unbind, exec and job, in longest[HOW-SIDE-exit] and so on, or
# longest[HOW-svm-...], and their numbers in times
declare -A longest=() times=()
measure()
{
	local key what n max

	/job/xe-client contended "$1" "$(rounds 6 60)" "${@:2}" >/run/figures 2>&1 ||
		fail "$(cat /run/figures)"
	say "$(side), $*"
	sed 's/^/    /' /run/figures
	while read -r what n _ _ _ _ _ max _; do
		what=${what%:} key=$1${3:+-$3}-$(side)-${what#un}
		[[ $key = *-@(exit|bind|exec|job) ]] || continue
		((n >= 2 && max > 0)) || fail "$what: $n times, $max us"
		((max <= ${longest[$key]:-0})) || longest[$key]=$max
		times[$key]=$n
	done </run/figures
}

# all: the userptr is dropped again and again; one of its pages is protected; both; its pages
# come from a disk that takes 1 ms for each; so do the pages of mirrored memory
all()
{
	measure drop 16
	measure mprotect 16
	measure split 16
	measure /dev/slow 2
	! has_svm || measure /dev/slow 2 svm
}

null_blk
null slow 64 1000000 0
SIDE=stock be_gpu
all
attach
all

# The stock driver holds the lock of the VM until it has read all 512 pages. A busy host may
# make anybody wait for a tenth of that.
for s in /dev/slow /dev/slow-svm; do
	[ "$s" = /dev/slow ] || has_svm || continue
	for what in exit bind; do
		stock=${longest[$s-stock-$what]} ours=${longest[$s-ours-$what]}
		((stock >= 300000)) || fail "$s, $what: the stock driver took only $stock us"
		((ours * 3 <= stock)) || fail "$s, $what: $ours us, with the stock driver $stock us"
	done
	# No lock holds up a job of another address space: it waits for the engine, until the
	# fault is answered.
	stock=${longest[$s-stock-job]} ours=${longest[$s-ours-job]}
	((ours <= 2 * stock + 200000)) ||
		fail "$s, job: $ours us, with the stock driver $stock us"
done

# The process takes away all pages before the kernel has got them all. Most of the time, the
# module tries that without the lock of the VM, so binds get through. An exec beside it must
# get through before stock gives up on it, after 5 s: xe-client ends with an error otherwise.
of=${times[mprotect-ours-bind]}
for how in drop split; do
	n=${times[$how-ours-bind]}
	((n * 8 >= of)) || fail "only $n binds beside $how, $of beside mprotect"
done
