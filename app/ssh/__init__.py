"""The SSH server: many sessions of dockbook in one process, with no shell behind them. Needs the extra `ssh`."""
