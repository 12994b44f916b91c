# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: xe-memory
# about: memory for a userptr is short: the stock driver refuses the fault, the module waits
# gpu: lnl
# sides: stock ours
# short-sides: ours
# timeout: 300
# kernels: all
# short: none

. /job/lib.sh

short=/sys/module/answer/parameters/left
va=0x100000000

# no_memory N: so often will there be no memory for pages that the GPU wants to access
no_memory()
{
	echo "$1" >$short
}

# no_pages: start a client with a userptr that is bound, but has no pages any more
no_pages()
{
	client_start
	client vm a
	client userptr a $va 64K
	client write a $va 1
	client dontneed a $va 64K
	u=$(count unsuccessful)
}

# refused N: since then N faults were refused
refused()
{
	client_stop
	gpu wait outstanding=0 timeout=60 >/dev/null
	u=$(($(count unsuccessful) - u))
	[ "$u" = "$1" ] || fail "$u faults were refused, not $1"
}

be_gpu
of=hmm_range_fault_unlocked_timeout # 7.3
grep -q " $of\$" /proc/kallsyms || of=hmm_range_fault
insmod /usr/local/lib/klp/answer.ko of=$of value=-12 || fail "insmod answer"

say "three times there is no memory"
no_pages
no_memory 3
if [ "$SIDE" = stock ]; then
	client fails write a $va 2
	no_memory 0
	refused 1
	say "the stock driver has refused the fault"
	exit 0
fi
client write a $va 2
[ "$(cat $short)" = 0 ] || fail "only $((3 - $(cat $short))) attempts"
refused 0

say "twenty times, while the process changes the memory next to it"
no_pages
no_memory 20
echo 60000 >"$SYS/parameters/patience"
client start write a $va 2
for ((i = 0; i < 2000 && $(cat $short) > 0; i++)); do
	client dontneed a $((va + 0x8000)) 32K
done
[ "$(cat $short)" = 0 ] || fail "still $(cat $short) attempts to go"
client wait a
client peek a $va 2
refused 0

say "for longer than patience lasts; another process is served meanwhile"
echo 20000 >"$SYS/parameters/patience"
no_pages
no_memory 1000000
client start write a $va 2
/job/xe-client <<-'END' || fail "another process was not served"
	engine bcs
	vm b
	bo b 0x100000000 64K
	write b 0x100000000 1
END
[ "$(count outstanding)" = 1 ] || fail "the fault was answered before"
client fails wait a
no_memory 0
refused 1
dmesg | grep 'page fault refused.*pages of the userptr not available' || fail "no reason in the log"
rmmod answer
