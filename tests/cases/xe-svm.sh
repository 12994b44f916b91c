# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-svm
# about: SVM: the CPU's mapping changes below a range, or memory is short; stock spins or lies
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 400
# kernels: forky trixie-backports
# short: trixie-backports

. /job/lib.sh

short=/sys/module/answer/parameters/left

# no_pages FUNCTION ERRNO: FUNCTION is to fail with that, for as many calls as missing says
no_pages()
{
	rmmod answer 2>/dev/null
	insmod /usr/local/lib/klp/answer.ko of="$1" value="-$2" || fail "insmod answer"
}

# missing N: so often will there be no pages that the GPU can access
missing()
{
	echo "$1" >$short
}

# three_times: the pages of a range are missing three times. Sets lies to the number of such
# tests in which the stock driver has answered "successful" all the same
lies=0
three_times()
{
	local n

	client_start
	client vm a
	client svm a 0x200000000 2M
	sleep 6 # for so long, the judge of the GPU excuses an answer by what went before
	n=$(count faults)
	missing 3
	client write a 0x200000000 1
	[ "$(cat $short)" = 0 ] || fail "only $((3 - $(cat $short))) attempts"
	n=$(($(count faults) - n))
	if [ "$SIDE" = stock ]; then
		[ "$n" = 4 ] || fail "stock was expected to report 3 false successes: $n faults"
		lies=$((lies + 1))
		wait_for 60 counted unfounded $lies || fail "the false successes were not noticed"
	else
		[ "$n" = 1 ] || fail "$n faults"
	fi
	client_stop
}

# tried_again: print the number of services that were tried again
tried_again()
{
	cat /sys/kernel/debug/xe_pagefault/*-gt* |
		awk 'match($0, /tried again [0-9]+/) { n += substr($0, RSTART + 12, RLENGTH - 12) }
			END { print n }'
}

# counted_faults: print the number of SVM faults that the stock driver's statistics show
counted_faults()
{
	sed -n 's/^svm_pagefault_count: //p' /sys/kernel/debug/dri/*/gt0/stats | sort -n | tail -n 1
}

be_gpu
has_svm || fail "no SVM"
of=hmm_range_fault_unlocked_timeout # 7.3
grep -q " $of\$" /proc/kallsyms || of=hmm_range_fault

say "the CPU may only read one half of what the GPU has bound as a whole"
client_start
client vm a
client svm a 0x200000000 2M
client write a 0x200000000 1
client mprotect a 0x200100000 1M ro
client start write a 0x200000000 2
if [ "$SIDE" = stock ]; then
	sleep 3
	[ "$(count outstanding)" = 1 ] || fail "stock was expected not to answer the fault"
	say "3 s later, stock has not answered the fault"
	client mprotect a 0x200100000 1M rw
fi
client wait a
client peek a 0x200000000 2
client_stop
gpu wait outstanding=0 timeout=60 >/dev/null

say "the pages keep changing, until drm_gpusvm gives up"
get=drm_gpusvm_range_get_pages # 7.2
grep -q " $get\>" /proc/kallsyms || get=drm_gpusvm_get_pages
no_pages $get 16 # EBUSY
three_times

say "there is no memory for the pages"
no_pages $of 12 # ENOMEM
three_times
if [ "$SIDE" = stock ]; then
	gpu expect what=unfounded n=$lies
	exit 0
fi

say "memory from a file, which is read before the VM is locked"
truncate -s 2M /run/file
n=$(counted_faults)
faults 1 0 <<-'END'
	vm a
	svm a 0x200000000 2M /run/file
	write a 0x200000000 1
	peek a 0x200000000 1
END
[ "$(counted_faults)" = $((n + 1)) ] || fail "$(($(counted_faults) - n)) faults counted, not 1"

n=$(tried_again)
say "smaller and smaller parts"
faults 5 1 <<-'END'
	vm a
	svm a 0x200000000 2M
	write a 0x200000000 1
	mprotect a 0x200100000 1M ro
	write a 0x200000000 2
	mprotect a 0x200001000 4K ro
	write a 0x200000000 3
	fails write a 0x200001000 4
	queue a
	mprotect a 0x200001000 4K rw
	write a 0x200001000 5
	peek a 0x200000000 3
	peek a 0x200001000 5
END
(($(tried_again) >= n + 2)) || fail "no range was replaced"

say "the CPU unmaps a part"
faults 3 1 <<-'END'
	vm a
	svm a 0x200000000 2M
	write a 0x200000000 1
	munmap a 0x200100000 1M
	write a 0x200000000 2
	peek a 0x200000000 2
	fails write a 0x200100000 3
	queue a
	read a 0x200000000 2
END

say "there is no memory for longer than patience lasts"
echo 300 >"$SYS/parameters/patience"
missing 1000000
faults 2 1 <<-'END'
	vm a
	svm a 0x200000000 2M
	fails write a 0x200000000 1
	vm b
	bo b 0x100000000 64K
	write b 0x100000000 1
END
n=$(counted_faults)
faults 2 2 <<-'END'
	vm a
	svm a 0x200000000 4M
	fails parallel a 2 0x200000000 2M 1
END
[ "$(counted_faults)" = $((n + 2)) ] || fail "$(($(counted_faults) - n)) of 2 faults counted"
missing 0
dmesg | grep 'no pages for the SVM range' || fail "no reason in the log"
rmmod answer
