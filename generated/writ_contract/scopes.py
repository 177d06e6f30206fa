"""The scopes that operations ask for.

Written by scripts/generate from contracts/; not edited by hand.
"""

APPLICATIONS_READ = "applications.read"
APPLICATIONS_WRITE = "applications.write"
AUDIT_READ = "audit.read"
EVENTS_READ = "events.read"
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
LIMITS_READ = "limits.read"
LIMITS_WRITE = "limits.write"
NOTIFICATIONS_READ = "notifications.read"
NOTIFICATIONS_WRITE = "notifications.write"
USAGE_READ = "usage.read"
USERS_READ = "users.read"
USERS_WRITE = "users.write"
WEBHOOKS_READ = "webhooks.read"
WEBHOOKS_WRITE = "webhooks.write"

ALL_SCOPES: frozenset[str] = frozenset(
    [
        APPLICATIONS_READ,
        APPLICATIONS_WRITE,
        AUDIT_READ,
        EVENTS_READ,
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
        LIMITS_READ,
        LIMITS_WRITE,
        NOTIFICATIONS_READ,
        NOTIFICATIONS_WRITE,
        USAGE_READ,
        USERS_READ,
        USERS_WRITE,
        WEBHOOKS_READ,
        WEBHOOKS_WRITE,
    ]
)
