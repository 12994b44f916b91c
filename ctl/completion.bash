# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# bash's completion of outriggerctl's command line

_outriggerctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' i words

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--timeout | --interval | --count) i=$((i + 1)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case $prev in
	--timeout | --interval | --count) COMPREPLY=(); return ;;
	esac
	words='bcache-journal xe-pagefault'
	case $command in
	'') words='status attach detach reload unload doctor watch top metrics --help --version' ;;
	status) words+=' --json --due' ;;
	attach | detach | reload | unload) words+=' --timeout' ;;
	watch | top) words+=' --interval --count' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _outriggerctl outriggerctl
