# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# bash's completion of bcache-journal-dump's command line

_bcache_journal_dump()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

	case $prev in
	-n | --nr-entries | -S | --seq | -o | --offset) COMPREPLY=(); return ;;
	esac
	case $cur in
	-*) mapfile -t COMPREPLY < <(compgen -W '--super --ring --entries --keys --verdict --all
		--nr-entries --seq --json --offset --help --version' -- "$cur") ;;
	*) mapfile -t COMPREPLY < <(compgen -f -- "${cur:-/dev/}") ;;
	esac
}
complete -o filenames -F _bcache_journal_dump bcache-journal-dump
