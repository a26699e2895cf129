# What is installed, what is offered, and what dnf itself would do; from the cache, changes nothing.
import gc
import rpm


def origin(base, repo, packages):
    """Who is behind a repository: equal for those of one vendor, different for everyone else's.

    The package that owns its file, else the keys that its packages are checked with, else itself. Only package
    names stand alone: they contain no blank, so that no repository can call itself like one. What stands in dnf.conf
    says nothing about where it came from."""
    path = getattr(repo, "repofile", None) or base.conf.config_file_path
    if path != base.conf.config_file_path:
        if path not in packages:
            packages[path] = sorted(text(h["name"]) for h in rpm.TransactionSet().dbMatch("basenames", path))
        if packages[path]:
            return packages[path][0]
    if repo.gpgcheck and repo.gpgkey:
        return "gpgkey " + " ".join(sorted(set(repo.gpgkey)))
    return "repository " + repo.id


def text(name):
    """RHEL 8's rpm gives bytes in some versions."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


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
    say_all([{"fact": "native", "name": name, "arch": arch, "action": action, "to": to,
              "from": newest.get((name, arch)) or newest.get(name, "")}
             for (name, arch), (action, to) in sorted(lines.items())])


def scan():
    base = configured(cacheonly=True)
    without_logs(base.conf)
    enabled = list(base.repos.iter_enabled())
    failed = loaded(base)
    packages = {}
    for r in enabled:
        say(fact="source", id=r.id, name=r.name, origin=origin(base, r, packages), cache=r._repo.getCachedir(), failed=failed.get(r.id))

    installed = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed().apply()
    present = sorted(installed)
    newest = {}
    for p in present:
        newest[p.name] = newest[(p.name, p.arch)] = p.evr
    names = {p.name for p in present}
    # Our own view ignores the administrator's excludes (shown as held) and keeps dnf's modular filter.
    everything = base.sack.query(flags=hawkey.IGNORE_REGULAR_EXCLUDES).available().apply()
    newer = base.sack.query(flags=hawkey.IGNORE_REGULAR_EXCLUDES).upgrades().filterm(
        arch__neq=["src", "nosrc"]).apply()
    offering = {}
    for p in everything.difference(newer).filterm(name=list(names)):
        offering.setdefault((p.name, p.arch, p.evr), set()).add(p.reponame)
    twice = installed.duplicated().difference(base._get_installonly_query(installed))
    left_over = set(twice.difference(twice.latest()))
    say_all([{"fact": "installed", "name": p.name, "arch": p.arch, "version": p.evr, "broken": p in left_over,
              "built": p.buildtime, "installed": p.installtime, "auto": not base.history.user_installed(p),
              "sources": sorted(offering.get((p.name, p.arch, p.evr), ()))} for p in present])

    def candidate(p, held, replaces, old):
        return {"fact": "candidate", "name": p.name, "arch": p.arch, "version": p.evr, "built": p.buildtime,
                "size": p.downloadsize, "source": p.reponame, "held": held, "replaces": replaces, "from": old}

    visible = base.sack.query().available().apply()
    held = excluded_by(base, newer.difference(visible))
    # dnf's order follows the repositories; the reader of these lines sorts.
    candidates = [candidate(p, held.get(p), [], newest.get((p.name, p.arch)) or newest[p.name]) for p in newer]
    if base.conf.obsoletes:
        for p in visible.filter(obsoletes=installed):
            if p.name not in names:
                gone = installed.filter(provides=p.obsoletes)
                candidates.append(candidate(p, None, sorted({g.name for g in gone}), ""))
    say_all(candidates)
    say(fact="listed")  # the reader goes on with the advisories meanwhile
    native(base, newest)
    say(fact="scan", version=dnf.VERSION)
    # Nothing was written: taking all objects apart one by one is only time.
    sys.stderr.flush()
    os._exit(0)


# A short life needs no garbage collector, and dnf calls it at times.
gc.disable()
gc.collect = lambda *of: 0
scan()
