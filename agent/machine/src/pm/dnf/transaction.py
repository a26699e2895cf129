# simulate | fetch | test | install | part | repair, with exact versions. `install` wants the whole list to change,
# `part` and `test` only what is wanted of it.
# Arguments: seconds to wait for a lock, mode, then one "want|may<TAB>name<TAB>arch<TAB>version<TAB>from" each
# (`from` is empty for a new package; a simulation has none). What is wanted
# becomes a job for dnf's solver; in all modes but `simulate` nothing but what is listed may change.
import atexit, dnf.callback, dnf.goal, dnf.transaction, dnf.yum.rpmtrans, rpm

MODE, LISTED = sys.argv[2], [a.split("\t") for a in sys.argv[3:]]
GAIN = (dnf.transaction.PKG_INSTALL, dnf.transaction.PKG_UPGRADE, dnf.transaction.PKG_DOWNGRADE)
LOSE = (dnf.transaction.PKG_ERASE, dnf.transaction.PKG_OBSOLETED)


def offers(base, name, arch, version, flags=0):
    return base.sack.query(flags=flags).available().filterm(name=name, arch=arch, evr=version)


def why_not_offered(base, name, arch, version):
    if offers(base, name, arch, version, hawkey.IGNORE_REGULAR_EXCLUDES):
        return "the administrator holds it (exclude or versionlock)"
    if offers(base, name, arch, version, hawkey.IGNORE_EXCLUDES):
        return "it belongs to a module stream that is not enabled"
    return "no repository offers this version"


def older(base, found):
    """Words if a newer version is installed: dnf would take an exact older version for a downgrade."""
    p = found[0]
    there = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed().filterm(name=p.name, arch=[p.arch, "noarch"])
    newer = [i for i in there if i > p]
    return "%s is installed, which is newer" % newer[-1] if newer else None


def selector(base, packages):
    chosen = dnf.selector.Selector(base.sack)
    chosen.set(pkg=list(packages))
    return chosen


def problem(base, jobs):
    """What keeps dnf from doing these jobs together, in its words; None if nothing does."""
    goal = dnf.goal.Goal(base.sack)
    goal.add_protected(base.sack.query().filterm(name=base.conf.protected_packages))
    for packages in jobs:
        goal.install(select=selector(base, packages), optional=False)
    if goal.run(allow_uninstall=False, force_best=base.conf.best,
                ignore_weak_deps=not base.conf.install_weak_deps):
        return None
    return dnf.util._format_resolve_problems(goal.problem_rules())


def possible(base, wanted):
    """The targets that can be done together; the others are refused with dnf's words for each."""
    done = []
    queue = [wanted]
    while queue:
        chunk = queue.pop()
        words = problem(base, [packages for _, packages in done + chunk])
        if words is None:
            done += chunk
        elif len(chunk) > 1:
            half = len(chunk) // 2
            queue += [chunk[half:], chunk[:half]]
        else:
            name, arch, _ = chunk[0][0]
            say(fact="refused", name=name, arch=arch, why=words)
    return done


def resolved(base, wanted):
    """Lets dnf make its transaction; returns its changes as {(name, arch, new version or None): old or None}."""
    for _, packages in wanted:
        base._goal.install(select=selector(base, packages), optional=False)
    base.resolve(allow_erasing=False)
    installed = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed().apply()
    changes = {}
    for item in base.transaction or ():
        if item.action not in GAIN + LOSE:
            continue
        p = item.pkg
        if item.action in GAIN:
            # For a kernel, which goes in beside the old one, the newest that is there.
            olds = sorted(installed.filter(name=p.name, arch=p.arch)) or sorted(installed.filter(name=p.name))
            changes[(p.name, p.arch, p.evr)] = olds[-1].evr if olds else None
        else:
            changes[(p.name, p.arch, None)] = p.evr
    return changes


def simulate(base):
    wanted = []
    installed = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed()
    for _, name, arch, version, _ in LISTED:
        if installed.filter(name=name, arch=arch, evr=version):
            continue
        found = offers(base, name, arch, version).run()
        why = older(base, found) if found else why_not_offered(base, name, arch, version)
        if why:
            say(fact="refused", name=name, arch=arch, why=why)
        else:
            wanted.append(((name, arch, version), found))
    changes = resolved(base, possible(base, wanted))
    for (name, arch, to), old in sorted(changes.items(), key=str):
        sources = sorted({p.reponame for p in offers(base, name, arch, to)}) if to else []
        say(fact="change", name=name, arch=arch, to=to, sources=sources, **{"from": old})
    say(fact="end")


class Display(dnf.yum.rpmtrans.TransactionDisplay):
    """Passes progress and rpm's words on while rpm works."""
    last = None

    def progress(self, package, action, ti_done, ti_total, ts_done, ts_total):
        step = (str(package), str(dnf.transaction.ACTIONS.get(action, action)))
        if step != self.last and step[0] and package is not None:
            self.last = step
            say(fact="progress", name=step[0], what=step[1], done=int(ts_done or 0), total=int(ts_total or 0))

    def scriptout(self, msgs):
        for line in (msgs or b"").splitlines():
            say(fact="rpm", line=line.decode("utf-8", "replace"))

    def error(self, message):
        say(fact="rpm", line=str(message))


class Meter(dnf.callback.DownloadProgress):
    def start(self, total_files, total_size, total_drpms=0):
        pass

    def progress(self, payload, done):
        pass

    def end(self, payload, status, msg):
        if msg:
            WORDS.append("%s: %s" % (payload, msg))
        else:
            say(fact="fetched", name=str(payload))


def exclusively(base):
    """Takes dnf's lock on the package database, before it is read: what another dnf does meanwhile is waited for and
    then seen. dnf drops it again after its transaction."""
    lock = dnf.lock.build_rpmdb_lock(base.conf.persistdir, True)
    patiently(lock.__enter__)
    atexit.register(unlocked, lock.target)
    free_rpm_lock()
    return database()


def unlocked(path):
    """A lock that names a process which is gone would hold up dnf as soon as that number is used again."""
    try:
        with open(path) as f:
            if f.read() == str(os.getpid()):
                os.unlink(path)
    except OSError:
        pass


def database():
    """A value that differs after each change of rpm's database."""
    return rpm.TransactionSet().dbCookie()


def unchanged_since(before):
    """rpm itself, which knows nothing of dnf's lock, may have been used since the database was read."""
    free_rpm_lock()
    if database() != before:
        say(fact="notplan", difference="another program changed the package database in the meantime")
        sys.exit(0)


def free_rpm_lock():
    """Waits until no other program writes rpm's database; rpm itself would wait for ever."""
    until = time.monotonic() + WAIT
    path = rpm.expandMacro("%{?_rpmlock_path}%{!?_rpmlock_path:%{_dbpath}/.rpm.lock}")
    while True:
        try:
            with open(path, "a") as f:
                fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as e:
            if e.errno not in (errno.EAGAIN, errno.EACCES):
                return
            if time.monotonic() > until:
                say(fact="locked", holder="another program that uses rpm", waited=int(WAIT))
                sys.exit(0)
            time.sleep(0.5)


def signed(base, packages):
    """Checks signatures as the configuration says (gpgcheck). Unlike dnf -y it imports no key: whom this machine trusts
    is for its administrator to say."""
    bad = []
    for p in packages:
        result, words = base.package_signature_check(p)
        if result == 1:
            keys = [k[7:] if k.startswith("file://") else k for k in p.repo.gpgkey]
            words = "the key of repository %s is not imported; check it and run: %s" % (
                p.repo.id, ", or ".join("rpm --import " + k for k in keys))
        if result:
            bad.append("%s: %s" % (p, words))
    if bad:
        say(fact="failed", why="signature check failed: " + "; ".join(bad))
        sys.exit(0)


def exact(base):
    """The transaction for what is listed, refused if it would change anything else."""
    allowed, wanted, wants = base.sack.query().filterm(empty=True), [], set()
    for role, name, arch, version, _ in LISTED:
        found = offers(base, name, arch, version)
        why = older(base, found.run()) if found else why_not_offered(base, name, arch, version)
        if why:
            say(fact="notplan", difference="%s-%s.%s: %s" % (name, version, arch, why))
            sys.exit(0)
        allowed = allowed.union(found)
        if role == "want":
            wanted.append(((name, arch, version), found.run()))
            wants.add((name, arch, version))
    # Like pins: the solver sees of the repositories only what the plan names.
    base.sack.add_excludes(base.sack.query().available().difference(allowed))
    try:
        changes = resolved(base, wanted)
    except dnf.exceptions.DepsolveError as e:
        say(fact="notplan", difference=str(e))
        sys.exit(0)
    listed = {(n, a, v): old or None for _, n, a, v, old in LISTED}
    # Of a part of the plan, what is only there for the rest may stay away.
    missing = (wants if MODE in ("test", "part") else set(listed)) - set(changes)
    extra = set(changes) - set(listed)
    stale = {c for c in set(changes) & set(listed) if changes[c] != listed[c]}
    if missing or extra or stale:
        words = ["%s %s.%s" % ("also " + ("installs" if v else "removes"), "-".join(filter(None, (n, v))), a)
                 for n, a, v in sorted(extra, key=str)]
        words += ["%s.%s is at %s, the plan was made for %s" % (c[0], c[1], changes[c] or "nothing", listed[c] or "nothing")
                  for c in sorted(stale)]
        words += ["would not install %s-%s.%s" % (n, v, a) for n, a, v in sorted(missing)]
        say(fact="notplan", difference="; ".join(words))
        sys.exit(0)


def fetch(base):
    exact(base)
    base.conf.cacheonly = False
    patiently(lambda: base.download_packages(base.transaction.install_set, Meter()))
    signed(base, base.transaction.install_set)
    base.close()
    say(fact="end")


def install(base):
    exact(base)
    try:
        patiently(lambda: base.download_packages(base.transaction.install_set))
    except dnf.exceptions.Error as e:
        say(fact="failed", why="not everything is in the cache, fetch again: %s" % e)
        sys.exit(0)
    unchanged_since(BEFORE)
    signed(base, base.transaction.install_set)
    free_rpm_lock()
    base.args = ["patchflock", "install"]
    if MODE == "test":
        base.conf.tsflags = list(base.conf.tsflags) + ["test"]
    say(fact="begin")
    try:
        base.do_transaction(Display())
    except Exception as e:
        # Before rpm began (test of the transaction) or after: the package database tells.
        say(fact="error", why=str(e) or type(e).__name__)
    if MODE != "test":
        with contextlib.suppress(Exception):
            base.close()
    say(fact="end")


def duplicates(base):
    """Older versions that an interrupted upgrade left in rpm's database beside the newer one."""
    installed = base.sack.query(flags=hawkey.IGNORE_EXCLUDES).installed()
    twice = installed.duplicated().difference(base._get_installonly_query(installed))
    return twice.difference(twice.latest())


def repair(base):
    """Does what the interrupted upgrade would have done last: takes the older versions out, and only those."""
    old = duplicates(base).run()
    if old:
        for p in old:
            base.package_remove(p)
        base.resolve(allow_erasing=True)
        others = [str(item.pkg) for item in base.transaction
                  if item.action in GAIN or item.action in LOSE and item.pkg not in old]
        if others:
            say(fact="failed", why="taking out the older versions (%s) would also change %s" % (
                ", ".join(map(str, old)), ", ".join(others)))
            sys.exit(0)
        unchanged_since(BEFORE)
        base.args = ["patchflock", "repair"]
        base.do_transaction(Display())
        for p in old:
            say(fact="removed", name=str(p))
    base.close()
    say(fact="end")


def main():
    global BEFORE
    base = configured(cacheonly=True)
    # No old kernel goes by the way: nothing is removed that the plan does not name. dnf itself takes it with its next one.
    base.conf.installonly_limit = 0
    BEFORE = exclusively(base) if MODE in ("test", "install", "part", "repair") else None
    failed = loaded(base)
    for i, words in failed.items():
        print("patchflock: repository %s is left out: %s" % (i, words), file=sys.stderr)
    {"simulate": simulate, "fetch": fetch, "test": install, "install": install, "part": install,
     "repair": repair}[MODE](base)


try:
    main()
except dnf.exceptions.Error as e:
    say(fact="failed", why="; ".join(dict.fromkeys([str(e)] + WORDS[-5:])))
