# Fetches the metadata of every enabled repository, each on its own, so that each failure is named.
def refresh():
    base = configured(cacheonly=False)
    for repo in list(base.repos.iter_enabled()):
        say(fact="repo", id=repo.id)
        repo._repo.expire()
        WORDS.clear()
        try:
            repo.load()
        except dnf.exceptions.RepoError as e:
            say(fact="bad", id=repo.id, why="; ".join([str(e)] + WORDS))
            repo.disable()
    # Also makes the indexes, so that an ordinary user's scan need not.
    for i, words in loaded(base).items():
        say(fact="bad", id=i, why=words)
    say(fact="refreshed")


refresh()
