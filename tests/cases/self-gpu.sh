# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-gpu
# about: a reply that matches no open page fault fails
# gpu: lnl
# timeout: 120
# kernels: all
# stock: all
# expect: ^the GPU's ledger: stray 1,

. /job/lib.sh

modprobe xe
client_start
client vm a # keeps the GPU awake
gpu falsify what=page-fault-reply on
gpu fault asid=0xabcde va=0x100000000
wait_for 10 counted stray 1 || fail "the GPU saw no reply"
lost 1
