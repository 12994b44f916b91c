# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-gpu-livelock
# about: a page fault that is answered "successful" again and again fails
# gpu: lnl
# timeout: 240
# kernels: all
# stock: all
# expect: ^the GPU's ledger: .*livelock 1,

. /job/lib.sh

modprobe xe
gpu falsify what=refusal on # as if the driver had not refused it
client_start
client vm a
client start write a 0xdead0000 1
wait_for 180 counted livelock 1 || fail "no livelock"
gpu falsify what=refusal off
gpu wait outstanding=0 timeout=60
