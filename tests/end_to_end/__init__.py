"""A whole Kansoku in a browser; a package, so that its tests share one and stop it when they end."""
