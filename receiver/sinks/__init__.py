"""Where the rebuilt call goes: files, a window, or nowhere. `open.open_sinks` makes them from their specs."""
