"""The scopes that operations ask for.

Written by scripts/generate from contracts/; not edited by hand.
"""

APPLICATIONS_READ = "applications.read"
APPLICATIONS_WRITE = "applications.write"
HOSTING_BACKUP = "hosting.backup"
HOSTING_DEPLOY = "hosting.deploy"
HOSTING_LOGIN = "hosting.login"
HOSTING_READ = "hosting.read"
HOSTING_RESTORE = "hosting.restore"
HOSTING_WRITE = "hosting.write"
JOBS_READ = "jobs.read"
JOBS_WRITE = "jobs.write"
KEYS_READ = "keys.read"
KEYS_WRITE = "keys.write"
USERS_READ = "users.read"
USERS_WRITE = "users.write"

ALL_SCOPES: frozenset[str] = frozenset(
    [
        APPLICATIONS_READ,
        APPLICATIONS_WRITE,
        HOSTING_BACKUP,
        HOSTING_DEPLOY,
        HOSTING_LOGIN,
        HOSTING_READ,
        HOSTING_RESTORE,
        HOSTING_WRITE,
        JOBS_READ,
        JOBS_WRITE,
        KEYS_READ,
        KEYS_WRITE,
        USERS_READ,
        USERS_WRITE,
    ]
)
