"""The portal's own settings, on a data folder of this test run and without a broker."""

import atexit
import os
import shutil
import tempfile

DATA = tempfile.mkdtemp(prefix="broadsheet-tests-")
atexit.register(shutil.rmtree, DATA, ignore_errors=True)
os.environ["BROADSHEET_DATA_DIR"] = DATA

from portal.settings import *  # noqa: E402, F403, TID251 - the settings under test

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast, for made-up people
CELERY_BROKER_URL = "memory://"
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):  # noqa: F405
    # A file, not memory: the threads of a live server must not share one connection.
    DATABASES["default"]["TEST"] = {"NAME": f"{DATA}/test.sqlite3"}  # noqa: F405
WHITENOISE_AUTOREFRESH = (
    True  # looks for a file when it is asked for: every browser of a test would list all
)
STATIC_ROOT = DATA  # WhiteNoise warns when it is not there; files come from the finders
