"""Environments: the packages that a version's code was written for, built once and shared read-only.

    wishes    what a bundle's files ask for (Django-free, read in a child process)
    pythons   which installed Python fits
    locks     from wishes to exact versions with hashes, by uv
    builds    from a lock to a folder: built once, whoever asks; swept when unused
    pins      which environment belongs to which version

A version is resolved once, at its first run. Later runs, and runs after a rollback, use the lock of then.
"""
