"""Settings: the config file, the environment, secrets and paths."""
