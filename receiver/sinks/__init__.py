"""Where the rebuilt call goes: files, a window, players, servers, other programs. `open.open_sinks` makes them from specs."""
