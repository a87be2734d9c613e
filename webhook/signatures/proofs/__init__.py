"""What proves a signature beside itself: certificate chains, certificate logs, transparency logs, timestamps.

`trust_root` reads whom to believe and is the way in; `log_entries` and `log_bodies` read what a log holds,
`transparency_log` whether it holds it. Nothing here is imported before a policy needs a trust root.
"""
