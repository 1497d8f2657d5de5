"""Search for settings with Optuna: what may change (space), who tries it (worker), what came of it (report)."""
