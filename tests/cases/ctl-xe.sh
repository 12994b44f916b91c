# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# case: ctl-xe
# about: outriggerctl with xe and page faults
# gpu: lnl
# timeout: 600
# kernels: all
# short: none

. /job/lib.sh

served()
{
	(($(ours replies) > 100))
}

say "armed before xe is loaded"
ctl 0 attach xe-pagefault
says 'armed: it attaches when xe is loaded'
modprobe xe || fail "modprobe xe"
compgen -G '/dev/dri/renderD*' >/dev/null || fail "xe found no GPU"
ctl 0 attach --timeout 240 xe-pagefault
says 'is attached to xe'
state_is attached || fail "not attached"

say "page faults, one of them refused"
faults 3 1 <<'END'
vm a
vm b
bo a 0x100000000 64K
bo b 0x100000000 64K
fails write a 0x200000000 1
write b 0x100000000 1
queue a
write a 0x100000000 2
END
ctl 0 status
says '^xe_pagefault +attached +[0-9]+ (s|min) +xe +[0-9.]+ +ok$'
ctl 0 status --json xe-pagefault
says '"gt":"0"'
says '"refused":1'
ctl 0 metrics
says '^outrigger_xe_pagefault_faults_total\{device="0000:[0-9a-f:.]+",gt="0"\} 3$'
says '^outrigger_xe_pagefault_refused_total\{.*gt="0"\} 1$'
ctl 0 doctor xe-pagefault
says '^ok +xe: the loaded driver is the file on disk'

say "under a storm: watch, top, detach, attach"
/job/xe-client storm --until /run/stop >/run/storm.out &
pid=$!
wait_for 60 counted faults 500 || fail "no storm"
ctl 0 watch --count 2 xe-pagefault
says '^  faults +[0-9]+ +[1-9][0-9.]*/s'
ctl 0 top --count 2 xe-pagefault
says '^0000:[0-9a-f:.]+-gt0 +[1-9][0-9]* '
# faults per second, mean, refused, stage
says '^  [0-9]+ +xe-client\[[0-9]+\]( +[1-9][0-9]*){2} +[0-9]+  (queue|VM lock|memory|page tables|reply)$'
ctl 0 detach --timeout 240 xe-pagefault
ctl 0 attach --timeout 240 xe-pagefault
wait_for 60 served || fail "the module gets no faults"
touch /run/stop
wait $pid || fail "the storm: $(cat /run/storm.out)"
ctl 0 status xe-pagefault

say "modprobe -r, then unload xe"
autoload
modprobe -r xe_pagefault || fail "modprobe -r"
[ "$(state)" = absent ] || fail "still loaded after modprobe -r"
rmmod_xe
ctl 0 unload xe-pagefault
says 'is not loaded'
