#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tests klp-link and klp-check with small assembled objects: invalid ones are refused, each
# with one sentence, and valid ones pass.
# shellcheck disable=SC2317 # functions that accepted and refused call
# usage: test-klp.sh [DIRECTORY-OF-THE-BUILT-TOOLS]
set -u
tools=$(cd "${1:-$(dirname "$0")/../../tools}" && pwd) || exit 1
cc=${CC:-cc}
tmp=$(mktemp -d) && cd "$tmp" || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0 count=0

verdict() {	# 0-or-not WHAT
	count=$((count + 1))
	[ "$1" = 0 ] && { echo "ok $count - $2"; return; }
	echo "not ok $count - $2"
	sed 's/^/# /' out
	failed=1
}

accepted() {	# WHAT COMMAND...
	what=$1
	shift
	"$@" >out 2>&1
	verdict $? "$what"
}

refused() {	# SENTENCE COMMAND...: exit status 1, and one line contains SENTENCE
	what=$1
	shift
	"$@" >out 2>&1
	[ $? = 1 ] && [ "$(grep -c . out)" = 1 ] && grep -qF -- "$what" out
	verdict $? "$what"
}

assemble() { "$cc" -c -x assembler - -o "$1"; }

# func NAME ENDBR(0/1): a function of the stock object, with an ftrace site, in 32 bytes.
func() {
	cat <<-EOF
	.balign 32
	.globl $1
	.type $1, @function
	$1:
	$([ "$2" = 1 ] && echo endbr64)
	.Lsite_$1: .byte 0x0f, 0x1f, 0x44, 0, 0
	$3
	ret
	.size $1, . - $1
	.pushsection __mcount_loc, "a"
	.quad .Lsite_$1
	.popsection
	EOF
}

seal() { printf '.pushsection .ibt_endbr_seal, "a"\n.long %s - .\n.popsection\n' "$1"; }

modinfo() {
	printf '.section .modinfo, "a"\n'
	for i; do printf '.asciz "%s"\n' "$i"; done
}

stock() {	# FILLER: put at the start of .text, so that builds differ
	echo ".text"
	echo "$1"
	func open_fn 1 ""
	func sealed_fn 1 ""
	seal sealed_fn
	func direct_fn 0 ""
	func split_fn 1 "call split_fn.part.0"
	func other_fn 1 "call split_fn.part.0"
	func near_fn 1 "call near_fn.part.0"
	func short_fn 1 "jmp near_fn.part.0"	# two bytes long
	func far_fn 1 ""
	func taken_fn 1 ""
	cat <<-EOF
	.type near_fn.part.0, @function
	near_fn.part.0: ret
	.size near_fn.part.0, . - near_fn.part.0
	.type far_fn.constprop.0, @function
	far_fn.constprop.0: ret
	.size far_fn.constprop.0, . - far_fn.constprop.0
	.type taken_fn.isra.0, @function
	taken_fn.isra.0: ret
	.size taken_fn.isra.0, . - taken_fn.isra.0
	.section .text.unlikely, "ax"
	.type edge_fn.cold, @function
	edge_fn.cold: jne far_fn.constprop.0
	.size edge_fn.cold, . - edge_fn.cold
	.section .rodata, "a"
	some_table: .quad 0, taken_fn.isra.0
	.text
	.type split_fn.part.0, @function
	split_fn.part.0: ret
	.size split_fn.part.0, . - split_fn.part.0
	.type gone_fn.isra.0, @function
	gone_fn.isra.0: ret
	.size gone_fn.isra.0, . - gone_fn.isra.0
	.type twice_fn, @function
	twice_fn: ret
	.size twice_fn, . - twice_fn
	.globl untraced_fn
	.type untraced_fn, @function
	untraced_fn: endbr64
	ret
	.size untraced_fn, . - untraced_fn
	.section .init.text, "ax"
	.type early_fn, @function
	early_fn: ret
	.size early_fn, . - early_fn
	.data
	.type some_data, @object
	some_data: .quad 0
	.size some_data, . - some_data
	EOF
	modinfo "vermagic=9.9.9-test SMP" "name=stock"
}

# The part of a kernel image that klp-check reads: BTF with the function find_module.
assemble vmlinux <<-EOF
	.section .BTF
	.short 0xeb9f
	.byte 1, 0
	.long 24, 0, 2f - 1f, 2f - 1f, 3f - 2f
	1: .long 1, 1 << 24, 4, 1 << 24 | 32
	.long 0, 13 << 24, 1
	.long 5, 12 << 24, 2
	2: .asciz "", "int", "find_module"
	3:
EOF
echo 'twice_fn: ret; .type twice_fn, @function; .size twice_fn, 1' | assemble twice.o
stock "" | assemble one.o && ld -r one.o twice.o -o stock.ko
stock ".skip 64, 0x90" | assemble one.o && ld -r one.o twice.o -o moved.ko

# An entry of the table of hooks that matches the stock object.
place() {	# NAME [BODY]
	# shellcheck disable=SC2046 # offset and size, or nothing
	set -- "$1" "${2:-9}" $(nm -S stock.ko |
		awk -v n="$1" '$4 == n { print "0x" $1, "0x" $2; exit }')
	cat <<-EOF
	.section .rodata.str1.1, "aMS", @progbits, 1
	.Lname_$1: .asciz "$1"
	.section .outrigger.places, "a"
	.quad .Lname_$1
	.long ${3:-0}, ${4:-0}, $2, 0
	$(klp_func .Lname_$1)
	EOF
}

# An entry of the table that livepatch uses.
klp_func() {	# LABEL [FUNCTION]
	cat <<-EOF
	.section .data.klp, "aw"
	.ifndef outrigger_hooks
	.globl outrigger_hooks
	.type outrigger_hooks, @object
	outrigger_hooks:
	.endif
	.quad $1, ${2:-new_fn}, 0, 0
	.size outrigger_hooks, . - outrigger_hooks
	EOF
}

module() {	# NAME [MODINFO...]: the code comes on stdin
	m=$1
	shift
	{
		echo '.section .text..hook.new, "ax"; .type new_fn, @function'
		echo "new_fn: endbr64; call exported_fn; ret; .size new_fn, . - new_fn"
		echo '.section .orc_unwind_ip, "a"; .long new_fn - .; .text'
		cat
		modinfo vermagic="9.9.9-test SMP" name="$m" "$@"
	} | assemble "$m.ko"
}

# A call to stock_FN() of OUTRIGGER_STOCK_BODY, as the compiler emits it.
body() { printf 'call __klp_stock__%s+%s\n\t.weak __klp_stock__%s\n' "$1" "$2" "$1"; }

livepatch() { m=$1; shift; module "$m" livepatch=Y depends= "$@"; }

check() {	# MODULE [OPTION...]
	m=$1
	shift
	"$tools/klp-check" --target stock=stock.ko --symvers Module.symvers --kver 9.9.9-test \
		--base vmlinux "$@" "$m.ko"
}

link_and_check() { "$tools/klp-link" "$1.ko" && check "$@"; }

printf '0x1\texported_fn\tvmlinux\tEXPORT_SYMBOL\t\n' >Module.symvers
printf '0x1\t__klp_sched_try_switch\tvmlinux\tEXPORT_SYMBOL\t\n' >>Module.symvers
printf '0x2\topen_fn\tdrivers/stock\tEXPORT_SYMBOL_GPL\t\n' >>Module.symvers

### valid modules
livepatch good <<EOF
.weak __klp_stock__direct_fn, __klp_stock__open_fn, __klp_stock__some_data, __klp_vmlinux__find_module
call __klp_stock__direct_fn
jmp __klp_stock__direct_fn
je __klp_stock__sealed_fn
$(body direct_fn 5)
call __klp_vmlinux__find_module
mov \$__klp_stock__open_fn, %rax
lea __klp_stock__open_fn(%rip), %rax
mov __klp_stock__some_data(%rip), %rax
call exported_fn
call __klp_sched_try_switch
.data
.quad __klp_stock__open_fn
$(place open_fn; place direct_fn 5; place split_fn)
EOF
cp good.ko before.ko
accepted "klp-link accepts a valid module" "$tools/klp-link" -v good.ko
cat >stock.want <<EOF
target stock
hook split_fn;
unhooked other_fn calls split_fn "it only prints";
EOF
accepted "klp-check accepts it" check good -v --want stock.want
grep -q "other_fn is not hooked and runs the stock split_fn.part.0: it only prints" out
verdict $? "klp-check lists a caller that hooks do not cover"
grep -q "hook direct_fn: .* body +5 no-endbr" out && grep -q "klp stock.direct_fn: 3 calls, 0 relative, 0 absolute, 1 to its body" out &&
	grep -q "klp stock.open_fn: 0 calls, 1 relative, 2 absolute, endbr" out
verdict $? "klp-check -v describes hooks and symbols"

readelf -SW good.ko | grep -F .klp.rela >out
[ "$(awk '{ print $2, $3 }' FS='] *' out | awk '{ print $1, $7 }' | sort | tr '\n' ' ')" = \
  ".klp.rela.stock..data AIo .klp.rela.stock..text AIo .klp.rela.vmlinux..text AIo " ]
verdict $? "one livepatch section for each object and section"
readelf -sW good.ko | awk '/klp/ && !/sched/ { print $2, $5, $7, $8 $9 $10 }' | sort >out
[ "$(grep -c '^0000000000000000 GLOBAL OS \[0xff20\].klp.sym.*,0$' out)" = 5 ] && [ "$(grep -c . out)" = 5 ]
verdict $? "the symbols are livepatch symbols"
readelf -sW good.ko | grep -q ' UND __klp_sched_try_switch$'
verdict $? "a function of the kernel with that prefix stays as it was"
for f in before good; do
	readelf -rW $f.ko | awk '/^Reloc/ { s = $3 } /R_X86/ && $0 !~ /klp/ && s !~ /klp/ { print s, $1, $3, $4, $5, $6, $7 }' >$f.rela
	readelf -sW $f.ko | awk 'NF > 7 && $8 !~ /klp|0xff20/ && $7 != "OS" { print $1, $2, $4, $5, $7, $8 }' >$f.syms
	for s in .text .data .orc_unwind_ip .modinfo; do readelf -x $s $f.ko | grep 0x; done >$f.bytes
done
{ cmp before.rela good.rela && cmp before.syms good.syms && cmp before.bytes good.bytes; } >out 2>&1
verdict $? "everything else is unchanged, in the same order"
readelf -rW good.ko | awk '/klp.sym.stock.direct_fn/ { print $6 $7 }' | sort | tr '\n' ' ' >out
[ "$(cat out)" = "+1 -4 -4 " ]
verdict $? "a call past the ftrace site keeps its offset"
cp good.ko before.ko
accepted "klp-link accepts a linked module" "$tools/klp-link" good.ko
cmp good.ko before.ko >out 2>&1
verdict $? "  and does not change it"

for p in xz zstd gzip; do
	command -v $p >/dev/null || continue
	$p -c stock.ko >stock.ko.$p
	accepted "a target compressed by $p" "$tools/klp-check" --target stock=stock.ko.$p --base vmlinux \
		--want stock.want good.ko
	head -c 300 stock.ko.$p >cut.ko
	"$tools/klp-check" --target stock=cut.ko --base vmlinux good.ko >out 2>&1
	[ $? = 1 ] && grep -q "^klp-check: cut.ko: $p cannot unpack it" out
	verdict $? "a truncated target compressed by $p"
done

### klp-link refuses these, and does not change the file
link_refuses() {	# SENTENCE; code on stdin
	livepatch bad
	cp bad.ko before.ko
	refused "$1" "$tools/klp-link" bad.ko
	cmp -s bad.ko before.ko && [ "$(echo bad.ko*)" = bad.ko ]
	verdict $? "  and does not change the file"
}
weak="without the prefix __klp_<object>__ would be 0 at run time"
link_refuses "weak undefined symbol 'open_fn' $weak" <<EOF
.weak open_fn
call open_fn
EOF
for s in .init.text .altinstr_replacement .static_call.text; do
	link_refuses "$s uses '__klp_stock__open_fn', but the kernel can't write a livepatch relocation there" <<-EOF
	.section $s, "ax"
	call __klp_stock__open_fn
	EOF
done
for s in __jump_table .static_call_sites __bug_table .data..percpu .init.data; do
	link_refuses "$s uses '__klp_stock__some_data', but the kernel can't" <<-EOF
	.section $s, "aw"
	.quad __klp_stock__some_data
	EOF
done
link_refuses "uses '__klp_stock__some_data' by relocation type 12, which livepatch does not support" <<EOF
.data
.short __klp_stock__some_data - 0
EOF
link_refuses "an object name can't contain a dot" <<EOF
call __klp_st.ock__open_fn
EOF
link_refuses "is not of the form __klp_<object>__<name>" <<EOF
call __klp_stock_open_fn
EOF
long=$(printf '%056d' 0 | tr 0 o)
link_refuses "an object name can have at most 55 characters" <<EOF
call __klp_${long}__open_fn
EOF
cp before.ko bad.ko
printf 'xx~Module signature appended~\n' >>bad.ko
refused "is signed: link it before signing it" "$tools/klp-link" bad.ko
gzip -c before.ko >bad.ko
refused "is compressed: link it before compressing it" "$tools/klp-link" bad.ko
refused "No such file" "$tools/klp-link" none.ko
refused "is not an ELF object" "$tools/klp-link" Module.symvers

### klp-check refuses these
check_refuses() {	# SENTENCE [MODINFO...]; code on stdin
	what=$1
	shift
	livepatch bad "$@"
	refused "$what" link_and_check bad
}
check_refuses "klp symbol 'no_such_fn' is not in stock.ko" <<EOF
call __klp_stock__no_such_fn
$(place open_fn)
EOF
check_refuses "klp symbol 'gone_fn' is not in stock.ko: the compiler made it gone_fn.isra.0" <<EOF
call __klp_stock__gone_fn
$(place open_fn)
EOF
check_refuses "klp symbol 'gone_fn.isra.0' has a compiler-generated suffix" <<EOF
call __klp_stock__gone_fn.isra.0
$(place open_fn)
EOF
check_refuses "klp symbol 'twice_fn' is ambiguous: stock.ko has 2 of that name" <<EOF
call __klp_stock__twice_fn
$(place open_fn)
EOF
check_refuses "klp symbol 'early_fn' is discarded once stock is loaded: it is in .init.text" <<EOF
call __klp_stock__early_fn
$(place open_fn)
EOF
check_refuses "klp symbol 'no_such_fn' is not in the kernel's BTF" <<EOF
call __klp_vmlinux__no_such_fn
$(place open_fn)
EOF
check_refuses "klp symbol 'open_fn' is of 'elsewhere', for which no --target is given" <<EOF
call __klp_elsewhere__open_fn
$(place open_fn)
EOF
for f in sealed_fn direct_fn; do
	check_refuses ".data+0 takes the address of '$f', but stock keeps no ENDBR there" <<-EOF
	.data
	.quad __klp_stock__$f
	$(place open_fn)
	EOF
	check_refuses "takes the address of '$f', but stock keeps no ENDBR there" <<-EOF
	mov \$__klp_stock__$f, %rax
	$(place open_fn)
	EOF
	check_refuses "takes the address of '$f', but stock keeps no ENDBR there" <<-EOF
	lea __klp_stock__$f(%rip), %rax
	$(place open_fn)
	EOF
done
check_refuses "takes the address of 'open_fn', but stock has no ENDBR at that offset" <<EOF
mov \$__klp_stock__open_fn + 9, %rax
$(place open_fn)
EOF
for at in 5 8 10 -9; do
	check_refuses "goes to 'open_fn'$([ $at -lt 0 ] || echo +)$at, which is neither its start nor its body at +9" <<-EOF
	$(body open_fn $at)
	$(place open_fn)
	EOF
done
check_refuses "goes to 'open_fn'+5, which is neither its start nor its body at +9" <<EOF
.byte 0xe9
.reloc ., R_X86_64_PC32, __klp_stock__open_fn + 1
.long 0
$(place open_fn)
EOF
check_refuses "goes to 'sealed_fn'+9, which is not its start" <<EOF
$(body sealed_fn 9)
$(place open_fn)
EOF
check_refuses "takes the address of 'find_module' of vmlinux" <<EOF
mov \$__klp_vmlinux__find_module, %rax
$(place open_fn)
EOF
check_refuses "hook 'untraced_fn' has no ftrace site in stock.ko" <<EOF
$(place untraced_fn)
EOF
check_refuses "hook 'no_such_fn' is not in stock.ko" <<EOF
$(place no_such_fn)
EOF
check_refuses "hook 'twice_fn' is ambiguous" <<EOF
$(place twice_fn)
EOF
check_refuses "hook 'open_fn' appears twice" <<EOF
$(place open_fn; place open_fn | sed 's/\.Lname_/.Lagain_/; /\.data.klp/,$d')
EOF
check_refuses "hook 'some_data' is not a function of stock" <<EOF
$(place some_data)
EOF
check_refuses "hook 'open_fn' was built for .text+0, size 10, body +5, but in stock.ko it is .text+0, size 10, body +9" <<EOF
$(place open_fn 5)
EOF
check_refuses "has no table of hooks" <<EOF
EOF

# the table that livepatch uses
check_refuses "klp_func 'other_fn' has no entry in .outrigger.places" <<EOF
$(place open_fn)
.section .rodata.str1.1
.Lname_other_fn: .asciz "other_fn"
$(klp_func .Lname_other_fn)
EOF
check_refuses "klp_func 'open_fn' appears twice" <<EOF
$(place open_fn; klp_func .Lname_open_fn)
EOF
check_refuses "hook 'direct_fn' has no klp_func" <<EOF
$(place open_fn; place direct_fn 5 | sed '/\.section .data.klp/,$d')
EOF
check_refuses "has no table of klp_funcs" <<EOF
$(place open_fn | sed '/\.section .data.klp/,$d')
EOF
check_refuses "klp_func 'open_fn' is not replaced by a function of this module" <<EOF
$(place open_fn | sed 's/, new_fn, 0/, exported_fn, 0/')
EOF
for piece in cold part.0 part.0.cold constprop.0.cold; do
	check_refuses "'new_fn.$piece' is a part of 'new_fn', which replaces 'open_fn': livepatch does not look for tasks there" <<-EOF
	.section .text.unlikely, "ax"
	.type new_fn.$piece, @function
	new_fn.$piece: ret
	.size new_fn.$piece, . - new_fn.$piece
	$(place open_fn)
	EOF
done
livepatch good2 <<EOF
.type new_fn.isra.0, @function
new_fn.isra.0: ret
.size new_fn.isra.0, . - new_fn.isra.0
.type new_fn_too.cold, @function
new_fn_too.cold: ret
.size new_fn_too.cold, . - new_fn_too.cold
$(place open_fn)
EOF
accepted "a complete copy of a hook, or a part of its callee, is harmless" link_and_check good2

# tail calls
jumping() {	# BRANCH [SECTION]: a hook that ends in it
	cat <<-EOF
	.type near_helper, @function
	near_helper: nop
	ret
	.size near_helper, . - near_helper
	.pushsection ${2-.text..hook.jumping}, "ax"
	.type __pfx_jumping_fn, @function
	__pfx_jumping_fn: .skip 16, 0x90
	.size __pfx_jumping_fn, . - __pfx_jumping_fn
	.type jumping_fn, @function
	jumping_fn: call exported_fn
	jne 1f
	jmp 2f
	.skip 200, 0x90	# too far for a short jump
	1: jmp jumping_fn
	2: $1
	.size jumping_fn, . - jumping_fn
	.popsection
	.type next_fn, @function
	next_fn: ret
	.size next_fn, . - next_fn
	.section .text.unlikely, "ax"
	.type far_helper, @function
	far_helper: nop
	ret
	.size far_helper, . - far_helper
	$(place open_fn | sed 's/, new_fn, 0/, jumping_fn, 0/')
	EOF
}
printf '0x3\t__x86_indirect_thunk_rax\tvmlinux\tEXPORT_SYMBOL\t\n' >>Module.symvers
printf '0x4\t__x86_return_thunk\tvmlinux\tEXPORT_SYMBOL\t\n' >>Module.symvers
for branch in "jmp exported_fn" "jne exported_fn" "jmp near_helper" "je near_helper" "jmp far_helper" \
	"jmp far_helper+1" "jmp next_fn" "jmp new_fn" "jmp __x86_indirect_thunk_rax" \
	"jmp __klp_stock__direct_fn; .weak __klp_stock__direct_fn"; do
	to=${branch#* } to=${to%%[;+]*}
	to=$(echo "$to" | sed 's/__klp_stock__\(.*\)/.klp.sym.stock.\1,0/')
	check_refuses "'jumping_fn', which replaces 'open_fn', jumps to '$to'" <<-EOF
	$(jumping "$branch")
	EOF
done
livepatch good3 <<EOF
$(jumping "jmp __x86_return_thunk")
EOF
accepted "a jump to the return thunk, or within the hook, is not a tail call" link_and_check good3

# In one section, a jump to a neighbour takes two bytes, and needs no relocation.
for branch in "jmp next_fn" "je next_fn" ret; do
	check_refuses "'jumping_fn', which replaces 'open_fn', is in one section with 'near_helper'" <<-EOF
	$(jumping "$branch" .text)
	EOF
done
check_refuses "'jumping_fn', which replaces 'open_fn', is in one section with 'new_fn'" <<EOF
$(jumping "jmp new_fn" .text..hook.new)
EOF

# calls in the stock driver that bypass a hook
check_refuses "'other_fn' of stock runs 'split_fn.part.0', bypassing the hook of 'split_fn'" <<EOF
$(place split_fn)
EOF
check_refuses "'short_fn' of stock runs 'near_fn.part.0', bypassing the hook of 'near_fn'" <<EOF
$(place near_fn)
EOF
check_refuses "'edge_fn.cold' of stock runs 'far_fn.constprop.0', bypassing the hook of 'far_fn'" <<EOF
$(place far_fn)
EOF
check_refuses "'.rodata+0x8' of stock runs 'taken_fn.isra.0', bypassing the hook of 'taken_fn'" <<EOF
$(place taken_fn)
EOF
livepatch good3 <<EOF
$(place split_fn; place other_fn)
EOF
accepted "a hooked caller bypasses nothing" link_and_check good3
sed 's/other_fn/short_fn/' stock.want >wrong.want
place split_fn | livepatch good4
refused "'other_fn' of stock runs 'split_fn.part.0', bypassing the hook of 'split_fn'" \
	link_and_check good4 --want wrong.want
check_refuses "'exported_too' is not exported by this kernel" <<EOF
call exported_too
$(place open_fn)
EOF
check_refuses "'open_fn' is bound to the export of 'stock', which would be loaded before this module" <<EOF
call open_fn
$(place open_fn)
EOF

place open_fn | module bad livepatch=Y depends=crc64,stock
refused "depends on 'stock': modpost has bound it to an export of the target" link_and_check bad
place open_fn | module bad livepatch=Y depends=stocks,crc64
accepted "depends= may name others" link_and_check bad
place open_fn | module bad depends=
refused "is not marked as a livepatch" link_and_check bad

place open_fn | livepatch good1
refused "hook 'open_fn' was built for .text+0, size 10, body +9, but in moved.ko it is .text+0x40" \
	"$tools/klp-check" --target stock=moved.ko good1.ko
"$tools/klp-check" --target stock=stock.ko --kver 6.1.0 good1.ko >out 2>&1
[ $? = 1 ] && grep -q "good1.ko: it is not built for 6.1.0 but for 9.9.9-test" out &&
	grep -q "stock.ko is not built for 6.1.0 but for 9.9.9-test" out
verdict $? "a module or target for a kernel other than --kver is refused"

[ $failed = 0 ] && echo "klp: all $count passed"
exit $failed
