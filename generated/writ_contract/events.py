"""The events that operations can cause.

Written by scripts/generate from contracts/; not edited by hand.
"""

BACKUP_CREATED = "backup.created"
BACKUP_DELETED = "backup.deleted"
DOMAIN_CREATED = "domain.created"
DOMAIN_DELETED = "domain.deleted"
ENVIRONMENT_CACHE_CHANGED = "environment.cache_changed"
ENVIRONMENT_CACHE_PURGED = "environment.cache_purged"
ENVIRONMENT_CREATED = "environment.created"
ENVIRONMENT_DELETED = "environment.deleted"
ENVIRONMENT_DEPLOYED = "environment.deployed"
ENVIRONMENT_DRIFT_CHECKED = "environment.drift_checked"
ENVIRONMENT_LOGIN_CREATED = "environment.login_created"
ENVIRONMENT_PROMOTED = "environment.promoted"
ENVIRONMENT_RESTORED = "environment.restored"
ENVIRONMENT_ROLLED_BACK = "environment.rolled_back"
ENVIRONMENT_UPDATED = "environment.updated"
JOB_CANCELLED = "job.cancelled"
JOB_RETRIED = "job.retried"
SITE_CREATED = "site.created"
SITE_DELETED = "site.deleted"
SITE_IMPORTED = "site.imported"
UPLOAD_CREATED = "upload.created"

ALL_EVENTS: frozenset[str] = frozenset(
    [
        BACKUP_CREATED,
        BACKUP_DELETED,
        DOMAIN_CREATED,
        DOMAIN_DELETED,
        ENVIRONMENT_CACHE_CHANGED,
        ENVIRONMENT_CACHE_PURGED,
        ENVIRONMENT_CREATED,
        ENVIRONMENT_DELETED,
        ENVIRONMENT_DEPLOYED,
        ENVIRONMENT_DRIFT_CHECKED,
        ENVIRONMENT_LOGIN_CREATED,
        ENVIRONMENT_PROMOTED,
        ENVIRONMENT_RESTORED,
        ENVIRONMENT_ROLLED_BACK,
        ENVIRONMENT_UPDATED,
        JOB_CANCELLED,
        JOB_RETRIED,
        SITE_CREATED,
        SITE_DELETED,
        SITE_IMPORTED,
        UPLOAD_CREATED,
    ]
)
