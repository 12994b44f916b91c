# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# self-test: self-gpu-lost
# about: a page fault that gets no reply fails
# gpu: lnl
# timeout: 120
# kernels: all
# stock: all
# expect: ^the script failed .*

. /job/lib.sh

modprobe xe
client_start
client vm a # keeps the GPU awake
gpu ignore what=page-fault-reply on
gpu fault asid=0xabcde va=0x100000000
gpu wait outstanding=0 timeout=5
