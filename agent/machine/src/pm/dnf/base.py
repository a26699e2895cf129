# Shared first part of the scripts that patchflock runs with dnf's own Python (`dnf.Base`, the public API).
#
# Why a script: dnf 4 has no machine-readable output, and one process with the API costs what one `dnf` command
# costs. The script reads dnf's configuration as dnf does and prints JSON lines on what was standard output;
# whatever dnf and its plugins print goes to standard error.
import contextlib, errno, fcntl, json, os, sys, time
OUT = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
os.dup2(2, 1)
import logging
import dnf, dnf.cli.cli, dnf.const, dnf.exceptions, dnf.lock, dnf.subject, dnf.yum.misc, hawkey

WORDS = []  # dnf's warnings, the reason behind a bare "all mirrors were tried"


class Listener(logging.Handler):
    def emit(self, record):
        WORDS.append(record.getMessage())


logging.getLogger("dnf").addHandler(Listener(logging.WARNING))


TEXT = 4000  # characters kept of one text
LINE = 32 << 10  # bytes of a line that holds several facts; its reader takes no more than 64 KiB


def shortened(value, limit):
    if isinstance(value, str):
        return value if len(value) <= limit else value[:limit] + "..."
    if isinstance(value, (list, tuple)):
        return [shortened(v, limit) for v in value[:limit]]
    return value


def encoded(fact):
    """One fact, with what is too long in it cut (a scriptlet may print anything)."""
    limit = TEXT
    while True:
        line = json.dumps({key: shortened(value, limit) for key, value in fact.items()})
        if len(line) <= LINE or limit < 50:
            return line
        limit //= 2


def say(**fact):
    try:
        OUT.write(encoded(fact) + "\n")
        OUT.flush()
    except BrokenPipeError:
        # patchflock was killed. A transaction goes on without a listener: half of one is worse.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for fd in (OUT.fileno(), 1, 2):
            os.dup2(nowhere, fd)


def say_all(facts):
    """Many facts, fifty on a line: one call of the encoder each costs more than all that it encodes."""
    for i in range(0, len(facts), 50):
        some = facts[i:i + 50]
        line = json.dumps(some)
        if len(line) <= LINE:
            OUT.write(line + "\n")
        else:
            OUT.writelines(encoded(fact) + "\n" for fact in some)
    OUT.flush()


def without_logs(conf):
    """For what only looks: not even hawkey's log is written."""
    if os.path.exists("/dev/null"):
        conf.logdir, dnf.const.LOG_HAWKEY = "/dev", "null"


# Repositories instead of the system's own, and where what is fetched from them is kept. Not for scriptlets to see.
SOURCES, CACHE = os.environ.pop("PATCHFLOCK_SOURCES", None), os.environ.pop("PATCHFLOCK_CACHE", None)
# The release whose repositories are looked at, where it is not the configured one.
RELEASEVER = os.environ.pop("PATCHFLOCK_RELEASEVER", None)


def add_repositories(base):
    """The system's own, or those of the baseline and no other: dnf.conf may hold some, too."""
    if SOURCES is None:
        base.read_all_repos()
        return
    own = base.conf.config_file_path
    base.conf.config_file_path, base.conf.reposdir = os.path.join(SOURCES, "none.conf"), [SOURCES]
    WORDS.clear()
    base.read_all_repos()
    base.conf.config_file_path = own
    for key, name in owners().items():
        # A word that dnf does not understand may be the one that asks for signatures.
        words = [w.replace(SOURCES, "") for w in WORDS if key.startswith("/") and SOURCES + key in w]
        if key[0] != "/" and key not in base.repos:
            words = ["dnf takes no repository [%s] from it" % key] + WORDS
        if words:
            say(fact="source_refused", name=name, why="is not as dnf wants it: " + "; ".join(words))
            sys.exit(0)


def owners():
    """{repository id, or "/" and file: name of its source}"""
    with open(os.path.join(SOURCES, "owners.json"), encoding="utf-8") as f:
        return json.load(f)


def drop_others(base):
    """Takes out what plugins have added."""
    if SOURCES is not None:
        for i in set(base.repos) - set(owners()):
            del base.repos[i]


def configured(cacheonly):
    """dnf's configuration, variables, plugins and repositories; the system's cache also for an ordinary user."""
    if os.geteuid():
        # Else dnf makes a directory for this user in /var/tmp, for a cache and logs that are not wanted.
        dnf.yum.misc.getCacheDir = lambda: dnf.const.SYSTEM_CACHEDIR
    base = dnf.Base()
    conf = base.conf
    conf.read(priority=dnf.conf.PRIO_MAINCONFIG)
    conf.substitutions.update_from_etc("/", varsdir=conf.varsdir)
    if conf.releasever is None:
        conf.releasever = dnf.rpm.detect_releasever("/")
    if RELEASEVER is not None:
        conf.releasever = RELEASEVER
    conf.exit_on_lock = True
    if SOURCES is not None:
        # dnf makes what is missing, which an ordinary user may not; before a refresh there is nothing in it anyway.
        conf.cachedir = CACHE if os.path.isdir(CACHE) else os.path.join(SOURCES, "cache")
    if cacheonly:
        conf.cacheonly = True
        if os.geteuid():
            without_logs(conf)
            if conf._get_priority("cachedir") == dnf.conf.PRIO_DEFAULT:
                conf.cachedir = conf.system_cachedir
        if not os.access(conf.cachedir, os.W_OK):
            # An ordinary user cannot write the index that dnf makes of the metadata; it is made in memory.
            dnf.sack.Sack.load_repo = lambda sack, repo, build_cache=False, **kind: hawkey.Sack.load_repo(
                sack, repo, build_cache=False, **kind)
            # Nor can it take the lock on that index; dnf would make one of the user's own in /var/tmp.
            dnf.lock.build_metadata_lock = lambda *of: contextlib.ExitStack()
    # Plugins expect a command line, as dnf-automatic gives them, and one that resolves: else versionlock stays off.
    cli = dnf.cli.cli.Cli(base)
    cli.demands.resolving = cli.demands.sack_activation = cli.demands.available_repos = True
    cli.demands.plugin_filtering_enabled = True
    # It keeps the names of what is offered for the shell, wherever that is offered.
    base.init_plugins(cli=cli, disabled_glob=["generate_completion_cache"] if SOURCES else ())
    base.pre_configure_plugins()
    add_repositories(base)
    base.configure_plugins()
    drop_others(base)
    if cacheonly:
        for repo in base.repos.values():
            repo._repo.setSyncStrategy(dnf.repo.SYNC_ONLY_CACHE)
            if os.geteuid() and not os.access(conf.cachedir, os.W_OK):
                # The keys that metadata are checked with lie where only root may look. It has checked them when it
                # fetched them, and does so again whenever it installs.
                repo.repo_gpgcheck = False
    return base


WAIT = float(sys.argv[1])  # seconds that another program's lock is waited for


def patiently(act):
    """Calls `act`, again and again while another dnf holds the lock that it needs; says so and ends after WAIT."""
    until = time.monotonic() + WAIT
    while True:
        try:
            return act()
        except dnf.exceptions.LockError as e:
            if time.monotonic() > until:
                say(fact="locked", holder=str(e), waited=int(WAIT))
                sys.exit(0)
            time.sleep(0.5)


def loaded(base):
    """Fills the sack, waiting a while for another dnf; returns {repository id: why it failed}."""
    failed = {}
    for repo in list(base.repos.iter_enabled()):
        try:
            repo.load()
        except dnf.exceptions.RepoError as e:
            failed[repo.id] = str(e)
            repo.disable()
    while True:
        try:
            before = {r.id for r in base.repos.iter_enabled()}
            patiently(base.fill_sack)
            break
        except dnf.exceptions.RepoError as e:
            # Damaged metadata; dnf names the repository only in words.
            broken = [i for i in before if "'%s'" % i in str(e)]
            if not broken:
                raise
            for i in broken:
                failed[i] = str(e)
                base.repos[i].disable()
    for i in before - {r.id for r in base.repos.iter_enabled()}:
        failed.setdefault(i, "dnf cannot load its metadata")
    return failed

