"""The types of events that others hear of.

Written by scripts/generate from contracts/; not edited by hand.
"""

API_KEY_CREATED = "api_key.created"
API_KEY_DELETED = "api_key.deleted"
API_KEY_REVOKED = "api_key.revoked"
API_KEY_ROTATED = "api_key.rotated"
API_KEY_UPDATED = "api_key.updated"
APPLICATION_APPROVED = "application.approved"
APPLICATION_DELETED = "application.deleted"
APPLICATION_REGISTERED = "application.registered"
APPLICATION_REJECTED = "application.rejected"
APPLICATION_SECRET_ROTATED = "application.secret_rotated"
APPLICATION_SUSPENDED = "application.suspended"
APPLICATION_UPDATED = "application.updated"
BACKUP_COMPLETED = "backup.completed"
BACKUP_DELETED = "backup.deleted"
DOMAIN_ADDED = "domain.added"
DOMAIN_REMOVED = "domain.removed"
ENVIRONMENT_CACHE_CHANGED = "environment.cache_changed"
ENVIRONMENT_CACHE_PURGED = "environment.cache_purged"
ENVIRONMENT_CREATED = "environment.created"
ENVIRONMENT_DELETED = "environment.deleted"
ENVIRONMENT_DEPLOYED = "environment.deployed"
ENVIRONMENT_DRIFT_CHECKED = "environment.drift_checked"
ENVIRONMENT_DRIFTED = "environment.drifted"
ENVIRONMENT_PROMOTED = "environment.promoted"
ENVIRONMENT_RESTORED = "environment.restored"
ENVIRONMENT_ROLLED_BACK = "environment.rolled_back"
ENVIRONMENT_UPDATED = "environment.updated"
JOB_CANCELLED = "job.cancelled"
JOB_COMPLETED = "job.completed"
JOB_FAILED = "job.failed"
JOB_RETRIED = "job.retried"
SITE_CREATED = "site.created"
SITE_DELETED = "site.deleted"
SITE_IMPORTED = "site.imported"
UPLOAD_CREATED = "upload.created"
USER_CREATED = "user.created"
USER_DEACTIVATED = "user.deactivated"
USER_UPDATED = "user.updated"
WEBHOOK_DISABLED = "webhook.disabled"

ALL_EVENTS: frozenset[str] = frozenset(
    [
        API_KEY_CREATED,
        API_KEY_DELETED,
        API_KEY_REVOKED,
        API_KEY_ROTATED,
        API_KEY_UPDATED,
        APPLICATION_APPROVED,
        APPLICATION_DELETED,
        APPLICATION_REGISTERED,
        APPLICATION_REJECTED,
        APPLICATION_SECRET_ROTATED,
        APPLICATION_SUSPENDED,
        APPLICATION_UPDATED,
        BACKUP_COMPLETED,
        BACKUP_DELETED,
        DOMAIN_ADDED,
        DOMAIN_REMOVED,
        ENVIRONMENT_CACHE_CHANGED,
        ENVIRONMENT_CACHE_PURGED,
        ENVIRONMENT_CREATED,
        ENVIRONMENT_DELETED,
        ENVIRONMENT_DEPLOYED,
        ENVIRONMENT_DRIFT_CHECKED,
        ENVIRONMENT_DRIFTED,
        ENVIRONMENT_PROMOTED,
        ENVIRONMENT_RESTORED,
        ENVIRONMENT_ROLLED_BACK,
        ENVIRONMENT_UPDATED,
        JOB_CANCELLED,
        JOB_COMPLETED,
        JOB_FAILED,
        JOB_RETRIED,
        SITE_CREATED,
        SITE_DELETED,
        SITE_IMPORTED,
        UPLOAD_CREATED,
        USER_CREATED,
        USER_DEACTIVATED,
        USER_UPDATED,
        WEBHOOK_DISABLED,
    ]
)
