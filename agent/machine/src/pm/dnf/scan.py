# What is installed, what is offered, and what dnf itself would do; from the cache, changes nothing.
def excluded_by(base, pool):
    """{package: reason} for packages in `pool` that the administrator's excludes hide."""
    reasons = {}

    def note(patterns, query, words):
        for pattern in patterns:
            found = dnf.subject.Subject(pattern).get_best_query(
                base.sack, with_nevra=True, with_provides=False, with_filenames=False, query=query)
            for pkg in found:
                reasons.setdefault(pkg, words % pattern)

    note(base.conf.excludepkgs, pool, "exclude=%s in dnf.conf")
    for repo in base.repos.iter_enabled():
        of_repo = pool.filter(reponame=repo.id)
        note(repo.excludepkgs, of_repo, "excludepkgs=%%s of repository %s" % repo.id)
        if repo.includepkgs or base.conf.includepkgs:
            for pkg in of_repo:
                reasons.setdefault(pkg, "not in includepkgs (dnf.conf or repository %s)" % repo.id)
    locked = ""
    try:
        with open("/etc/dnf/plugins/versionlock.list", errors="replace") as f:
            locked = "\n".join(line for line in f if not line.startswith("#"))
    except OSError:
        pass
    for pkg in pool:
        reasons.setdefault(pkg, "dnf versionlock" if pkg.name in locked else "excluded by a dnf plugin")
    return reasons


def native(base, newest):
    """dnf check-update's list, then what dnf upgrade makes of it."""
    def line(p, action, to):
        lines[(p.name, p.arch)] = (action, to)

    lines = {}
    for p in base.sack.query().filterm(upgrades_by_priority=True).filterm(arch__neq=["src", "nosrc"]).latest():
        line(p, "kept_back", p.evr)
    # The solver's answer itself: making a transaction of it costs more than all the rest.
    base.upgrade_all()
    goal = base._goal
    if goal.run(allow_uninstall=False, force_best=base.conf.best,
                ignore_weak_deps=not base.conf.install_weak_deps):
        for p in goal.list_upgrades() + goal.list_installs():
            # A new kernel is an install beside the old one and still an upgrade.
            line(p, "upgrade" if p.name in newest else "install", p.evr)
        for p in goal.list_obsoleted() + goal.list_erasures():
            line(p, "remove", "")
    else:
        print("patchflock: dnf upgrade cannot be resolved: %s" %
              dnf.util._format_resolve_problems(goal.problem_rules()), file=sys.stderr)
    for (name, arch), (action, to) in sorted(lines.items()):
        say(fact="native", name=name, arch=arch, action=action, to=to,
            **{"from": newest.get((name, arch)) or newest.get(name, "")})


def scan():
    base = configured(cacheonly=True)
    without_logs(base.conf)
    enabled = list(base.repos.iter_enabled())
    failed = loaded(base)
    for r in enabled:
        say(fact="source", id=r.id, name=r.name, cache=r._repo.getCachedir(), failed=failed.get(r.id))

    installed = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed().apply()
    newest = {}
    for p in sorted(installed):
        newest[p.name] = newest[(p.name, p.arch)] = p.evr
    names = {p.name for p in installed}
    # Our own view ignores the administrator's excludes (shown as held) and keeps dnf's modular filter.
    everything = base.sack.query(flags=hawkey.IGNORE_REGULAR_EXCLUDES)
    offering = {}
    for p in everything.available().filterm(name=list(names)):
        offering.setdefault((p.name, p.arch, p.evr), set()).add(p.reponame)
    twice = installed.duplicated().difference(base._get_installonly_query(installed))
    left_over = set(twice.difference(twice.latest()))
    for p in sorted(installed):
        say(**named(p, fact="installed", broken=p in left_over, built=p.buildtime, installed=p.installtime,
                    auto=not base.history.user_installed(p),
                    sources=sorted(offering.get((p.name, p.arch, p.evr), ()))))

    def candidate(p, **more):
        say(**named(p, fact="candidate", built=p.buildtime, size=p.downloadsize, source=p.reponame, **more))

    newer = everything.upgrades().filterm(arch__neq=["src", "nosrc"])
    visible = base.sack.query().available()
    held = excluded_by(base, newer.difference(visible))
    for p in sorted(newer):
        candidate(p, held=held.get(p), replaces=[],
                  **{"from": newest.get((p.name, p.arch)) or newest[p.name]})
    if base.conf.obsoletes:
        for p in sorted(visible.filter(obsoletes=installed)):
            if p.name not in names:
                gone = installed.filter(provides=p.obsoletes)
                candidate(p, held=None, replaces=sorted({g.name for g in gone}), **{"from": ""})
    native(base, newest)
    say(fact="scan", version=dnf.VERSION)


scan()
