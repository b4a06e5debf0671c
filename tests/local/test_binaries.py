"""What is fetched where PostgreSQL is installed already, but without PostGIS."""

from api.local.binaries import without_postgresql

STATUS = """\
Package: libpq5
Status: install ok installed
Version: 15.18-0+deb12u1

Package: postgresql-15
Status: install ok installed
Version: 15.18-0+deb12u1
Depends: libpq5 (>= 15~), postgresql-common

Package: zlib1g
Status: install ok installed
Description: mentions
 Package: postgresql-15
"""


def test_an_installed_server_counts_as_missing_and_its_libraries_as_there() -> None:
    packages = without_postgresql(STATUS).split("\n\n")

    assert [package.splitlines()[0] for package in packages] == [
        "Package: libpq5",
        "Package: zlib1g",
    ]
    assert packages[1] == STATUS.split("\n\n")[2]
