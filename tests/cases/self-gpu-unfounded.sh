# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-gpu-unfounded
# about: a "successful" reply to a page fault on an unmapped address fails
# gpu: lnl
# timeout: 120
# kernels: all
# stock: all
# expect: ^the GPU's ledger: unfounded 1,

. /job/lib.sh

modprobe xe
client_start
client vm a
client bo a 0x100000000 64K
client write a 0x100000000 1
sleep 6 # the invalidations of the bind are no excuse any more
gpu falsify what=refusal on # as if the driver had not refused it
gpu fault asid=first va=0xdead0000
gpu wait outstanding=0 timeout=60
sleep 6 # time for an excuse
