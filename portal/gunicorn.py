"""How gunicorn serves the portal: `gunicorn --config python:portal.gunicorn portal.wsgi`.

Threads, because pages wait for the database and files go out by sendfile; two processes, so that one
that dies takes nobody else's request with it. The command line overrides every value.
"""

from pathlib import Path

worker_class = "gthread"
workers = 2
threads = 32
bind = ["127.0.0.1:8000"]
graceful_timeout = 8
max_requests = 20_000  # memory that leaks anyway
max_requests_jitter = 2_000
control_socket_disable = (
    True  # its default place in the home folder is shared by every portal there
)
accesslog = None  # addresses hold tokens
if Path("/dev/shm").is_dir():  # noqa: S108 - heartbeats on disk stall a worker when the disk is busy
    worker_tmp_dir = "/dev/shm"  # noqa: S108
