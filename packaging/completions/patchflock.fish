# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_patchflock_global_optspecs
    string join \n h/help V/version
end

function __fish_patchflock_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_patchflock_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_patchflock_using_subcommand
    set -l cmd (__fish_patchflock_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c patchflock -n "__fish_patchflock_needs_command" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_needs_command" -s V -l version -d 'Print version'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "apply" -d 'Adopt documents: baselines, windows, patch groups, defaults'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "get" -d 'List the adopted documents'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "scan" -d 'Look for missing patches now'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "install" -d 'Install what is approved now, after showing it and asking; no window is waited for'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "patch-now" -d 'Install what is approved now, after showing it and asking; no window is waited for'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "status" -d 'Show this machine: baseline, compliance, what runs and what comes next'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "explain" -d 'Say why a patch is installed or not, and when it will be'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "runs" -d 'Show what was done and when'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "history" -d 'Show what was done and when'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "compliance" -d 'Show which patches are missing, failed, or wait for a reboot'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "describe" -d 'Show one document, and of a window its next openings'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "diff" -d 'Show what `apply` would change'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "delete" -d 'Delete a document'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "approve" -d 'Approve a patch in a baseline'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "reject" -d 'Reject a patch in a baseline'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "try" -d 'Show what is missing here, what a baseline approves today, and why (changes nothing, no root)'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "once" -d 'Install what a baseline approves, after showing it and asking (needs root)'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "inventory" -d 'Print what is installed and what is offered here, as JSON (changes nothing, no root)'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "evaluate" -d 'As `try`, for a saved inventory and for any day: what would be approved then?'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "window" -d 'Show when a maintenance window opens'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "import" -d 'Turn what the AWS CLI prints into a Patchflock document'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "validate" -d 'Check baselines and windows, and name every problem with its line'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "predefined" -d 'Show the baselines that come with Patchflock'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "completions" -d 'Print a completion script for your shell'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "man" -d 'Write the man pages into a directory'
complete -c patchflock -n "__fish_patchflock_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand apply" -s f -l file -d 'Documents to adopt; `-` reads standard input' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand apply" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand apply" -l dry-run -d 'Only show what would change'
complete -c patchflock -n "__fish_patchflock_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand get" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand get" -l all -d 'Deleted ones, too'
complete -c patchflock -n "__fish_patchflock_using_subcommand get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand scan" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand scan" -l detach -d 'Do not wait for the end'
complete -c patchflock -n "__fish_patchflock_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -l reboot -d 'Reboot afterwards' -r -f -a "if-needed\t'When the machine shows that it needs one'
always\t'In any case'
never\t'Never; what needs a reboot stays not compliant until one'"
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -l baseline-override -d 'Judge by this baseline, or list of baselines, instead of the one in force; for this run only' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -l install-override-list -d 'Install exactly what this list names, whatever the baseline says; compliance is still judged by it' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -l exclude -d 'Leave these patches out of this run, and what depends on them' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -l reason -d 'Words for the history' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -s y -l yes -d 'Install without showing the plan and asking; needed where standard input is no terminal'
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -l dry-run -d 'Only show what would change'
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -l detach -d 'Do not wait for the end'
complete -c patchflock -n "__fish_patchflock_using_subcommand install" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -l reboot -d 'Reboot afterwards' -r -f -a "if-needed\t'When the machine shows that it needs one'
always\t'In any case'
never\t'Never; what needs a reboot stays not compliant until one'"
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -l baseline-override -d 'Judge by this baseline, or list of baselines, instead of the one in force; for this run only' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -l install-override-list -d 'Install exactly what this list names, whatever the baseline says; compliance is still judged by it' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -l exclude -d 'Leave these patches out of this run, and what depends on them' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -l reason -d 'Words for the history' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -s y -l yes -d 'Install without showing the plan and asking; needed where standard input is no terminal'
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -l dry-run -d 'Only show what would change'
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -l detach -d 'Do not wait for the end'
complete -c patchflock -n "__fish_patchflock_using_subcommand patch-now" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand status" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand explain" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -l package -d 'Only runs that touched this package' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -l cve -d 'Only runs that fixed this CVE' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -l limit -d 'How many' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -f -a "show" -d 'Show the whole story of a run: steps, packages, hooks, reboot, compliance'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -f -a "watch" -d 'Follow a run until it ends'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -f -a "cancel" -d 'End a run that has not changed anything yet'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and not __fish_seen_subcommand_from show watch cancel help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from show" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from watch" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the whole story of a run: steps, packages, hooks, reboot, compliance'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "watch" -d 'Follow a run until it ends'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'End a run that has not changed anything yet'
complete -c patchflock -n "__fish_patchflock_using_subcommand runs; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -l package -d 'Only runs that touched this package' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -l cve -d 'Only runs that fixed this CVE' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -l limit -d 'How many' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -f -a "show" -d 'Show the whole story of a run: steps, packages, hooks, reboot, compliance'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -f -a "watch" -d 'Follow a run until it ends'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -f -a "cancel" -d 'End a run that has not changed anything yet'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and not __fish_seen_subcommand_from show watch cancel help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from show" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from watch" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the whole story of a run: steps, packages, hooks, reboot, compliance'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "watch" -d 'Follow a run until it ends'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'End a run that has not changed anything yet'
complete -c patchflock -n "__fish_patchflock_using_subcommand history; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand compliance" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand compliance" -l all -d 'Show every patch, not only what makes the machine not compliant'
complete -c patchflock -n "__fish_patchflock_using_subcommand compliance" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand describe" -l version -d 'An older version' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand describe" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand diff" -s f -l file -d 'Documents to compare with what is adopted; `-` reads standard input' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand diff" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand delete" -s y -l yes -d 'Delete without asking'
complete -c patchflock -n "__fish_patchflock_using_subcommand delete" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand approve" -l baseline -d 'The baseline to change' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand approve" -s y -l yes -d 'Do not ask, whatever the newest survey says of the name'
complete -c patchflock -n "__fish_patchflock_using_subcommand approve" -l dry-run -d 'Only show what would change'
complete -c patchflock -n "__fish_patchflock_using_subcommand approve" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand reject" -l baseline -d 'The baseline to change' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand reject" -s y -l yes -d 'Do not ask, whatever the newest survey says of the name'
complete -c patchflock -n "__fish_patchflock_using_subcommand reject" -l dry-run -d 'Only show what would change'
complete -c patchflock -n "__fish_patchflock_using_subcommand reject" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand try" -s f -l baseline -d 'Baseline: which patches are approved, and when [default: the predefined one of the operating system]' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand try" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand try" -l root -d 'Use the system in this directory instead of the running one (needs root)' -r -f -a "(__fish_complete_directories)"
complete -c patchflock -n "__fish_patchflock_using_subcommand try" -l operating-system -d 'What the machine is, if its /etc/os-release does not tell: DEBIAN, ROCKY_LINUX …' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand try" -l all -d 'Show every offered version of a package, not only the one that decides'
complete -c patchflock -n "__fish_patchflock_using_subcommand try" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -s f -l baseline -d 'Baseline: which patches are approved, and when [default: the predefined one of the operating system]' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -l install-override-list -d 'Install exactly what this list names, whatever the baseline says; compliance is still judged by it' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -l root -d 'Use the system in this directory instead of the running one (needs root)' -r -f -a "(__fish_complete_directories)"
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -l operating-system -d 'What the machine is, if its /etc/os-release does not tell: DEBIAN, ROCKY_LINUX …' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -s y -l yes -d 'Install without asking'
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -l dry-run -d 'Show what would be installed, and install nothing (no root)'
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -l no-refresh -d 'Do not fetch newer repository metadata first'
complete -c patchflock -n "__fish_patchflock_using_subcommand once" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand inventory" -s o -l output -d 'Form of the output; a table shows only counts' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand inventory" -l root -d 'Use the system in this directory instead of the running one (needs root)' -r -f -a "(__fish_complete_directories)"
complete -c patchflock -n "__fish_patchflock_using_subcommand inventory" -l operating-system -d 'What the machine is, if its /etc/os-release does not tell: DEBIAN, ROCKY_LINUX …' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand inventory" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand evaluate" -s f -l baseline -d 'Baseline: which patches are approved, and when [default: the predefined one of the operating system]' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand evaluate" -l inventory -d 'What `patchflock inventory` printed, on any machine; `-` reads standard input' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand evaluate" -l at -d 'Moment to judge for, as 2026-12-24T18:00:00Z [default: now]' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand evaluate" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand evaluate" -l all -d 'Show every offered version of a package, not only the one that decides'
complete -c patchflock -n "__fish_patchflock_using_subcommand evaluate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and not __fish_seen_subcommand_from next help" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and not __fish_seen_subcommand_from next help" -f -a "next" -d 'Show its next openings: start, cutoff (nothing new begins) and end'
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and not __fish_seen_subcommand_from next help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and __fish_seen_subcommand_from next" -s f -l window -d 'Maintenance window document' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and __fish_seen_subcommand_from next" -l from -d 'Moment to start from, as 2026-12-24T18:00:00Z [default: now]' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and __fish_seen_subcommand_from next" -l count -d 'How many openings' -r
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and __fish_seen_subcommand_from next" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and __fish_seen_subcommand_from next" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and __fish_seen_subcommand_from help" -f -a "next" -d 'Show its next openings: start, cutoff (nothing new begins) and end'
complete -c patchflock -n "__fish_patchflock_using_subcommand window; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand import; and not __fish_seen_subcommand_from aws help" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand import; and not __fish_seen_subcommand_from aws help" -f -a "aws" -d 'Read what `aws ssm get-patch-baseline`, `get-maintenance-window` or `describe-patch-groups` prints, print YAML'
complete -c patchflock -n "__fish_patchflock_using_subcommand import; and not __fish_seen_subcommand_from aws help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand import; and __fish_seen_subcommand_from aws" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "aws" -d 'Read what `aws ssm get-patch-baseline`, `get-maintenance-window` or `describe-patch-groups` prints, print YAML'
complete -c patchflock -n "__fish_patchflock_using_subcommand import; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand validate" -s f -l file -d 'Documents to check; `-` reads standard input' -r -F
complete -c patchflock -n "__fish_patchflock_using_subcommand validate" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and not __fish_seen_subcommand_from list show help" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and not __fish_seen_subcommand_from list show help" -f -a "list" -d 'List their names and what they approve'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and not __fish_seen_subcommand_from list show help" -f -a "show" -d 'Print one as YAML, ready to be edited'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and not __fish_seen_subcommand_from list show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and __fish_seen_subcommand_from list" -s o -l output -d 'Form of the output' -r -f -a "table\t'For people; may change'
json\t'For programs; stable'
yaml\t'For programs; stable'"
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and __fish_seen_subcommand_from help" -f -a "list" -d 'List their names and what they approve'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print one as YAML, ready to be edited'
complete -c patchflock -n "__fish_patchflock_using_subcommand predefined; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand completions" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand man" -s h -l help -d 'Print help'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "apply" -d 'Adopt documents: baselines, windows, patch groups, defaults'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "get" -d 'List the adopted documents'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "scan" -d 'Look for missing patches now'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "install" -d 'Install what is approved now, after showing it and asking; no window is waited for'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "status" -d 'Show this machine: baseline, compliance, what runs and what comes next'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "explain" -d 'Say why a patch is installed or not, and when it will be'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "runs" -d 'Show what was done and when'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "compliance" -d 'Show which patches are missing, failed, or wait for a reboot'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "describe" -d 'Show one document, and of a window its next openings'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "diff" -d 'Show what `apply` would change'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "delete" -d 'Delete a document'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "approve" -d 'Approve a patch in a baseline'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "reject" -d 'Reject a patch in a baseline'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "try" -d 'Show what is missing here, what a baseline approves today, and why (changes nothing, no root)'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "once" -d 'Install what a baseline approves, after showing it and asking (needs root)'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "inventory" -d 'Print what is installed and what is offered here, as JSON (changes nothing, no root)'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "evaluate" -d 'As `try`, for a saved inventory and for any day: what would be approved then?'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "window" -d 'Show when a maintenance window opens'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "import" -d 'Turn what the AWS CLI prints into a Patchflock document'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "validate" -d 'Check baselines and windows, and name every problem with its line'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "predefined" -d 'Show the baselines that come with Patchflock'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "completions" -d 'Print a completion script for your shell'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "man" -d 'Write the man pages into a directory'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and not __fish_seen_subcommand_from apply get scan install status explain runs compliance describe diff delete approve reject try once inventory evaluate window import validate predefined completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "show" -d 'Show the whole story of a run: steps, packages, hooks, reboot, compliance'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "watch" -d 'Follow a run until it ends'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and __fish_seen_subcommand_from runs" -f -a "cancel" -d 'End a run that has not changed anything yet'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and __fish_seen_subcommand_from window" -f -a "next" -d 'Show its next openings: start, cutoff (nothing new begins) and end'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and __fish_seen_subcommand_from import" -f -a "aws" -d 'Read what `aws ssm get-patch-baseline`, `get-maintenance-window` or `describe-patch-groups` prints, print YAML'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and __fish_seen_subcommand_from predefined" -f -a "list" -d 'List their names and what they approve'
complete -c patchflock -n "__fish_patchflock_using_subcommand help; and __fish_seen_subcommand_from predefined" -f -a "show" -d 'Print one as YAML, ready to be edited'
