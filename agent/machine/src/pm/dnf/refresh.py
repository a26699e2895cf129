# Fetches the metadata of every enabled repository, each on its own, so that each failure is named.
def refresh():
    base = configured(cacheonly=False)
    for repo in list(base.repos.iter_enabled()):
        say(fact="repo", id=repo.id)
        repo._repo.expire()
        try:
            repo.load()
        except dnf.exceptions.RepoError as e:
            say(fact="bad", id=repo.id, why=str(e))
            repo.disable()
    # Also makes the indexes, so that an ordinary user's scan need not.
    try:
        base.fill_sack(load_system_repo=False)
    except dnf.exceptions.LockError as e:
        say(fact="locked", holder=str(e), waited=0)
        sys.exit(0)
    say(fact="refreshed")


refresh()
