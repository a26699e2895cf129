say(fact="failed", why="not written yet")
