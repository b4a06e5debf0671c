"""Django's settings, as MapIt ships them where they matter; libpq's variables name the database."""

import os

SECRET_KEY = "bench"  # noqa: S105 - nothing is signed
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "bench.mapit.urls"
INSTALLED_APPS = ["django.contrib.gis", "bench.mapit"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": os.environ["PGDATABASE"],
        "CONN_MAX_AGE": None if os.environ.get("BENCH_KEEP_CONNECTIONS") else 0,
    }
}
"""Django's default, and so MapIt's, is a connection for each request."""

if "BENCH_GDAL" in os.environ:
    GDAL_LIBRARY_PATH = os.environ["BENCH_GDAL"]
    GEOS_LIBRARY_PATH = os.environ["BENCH_GEOS"]
