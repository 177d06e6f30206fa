"""The named enumerations of the contract.

Written by scripts/generate from contracts/; not edited by hand.
"""

from enum import StrEnum


class KeyScope(StrEnum):
    """What a key may be given. `*` is every scope that the user has who made the key, also those that come
    later. content.write, snapshot.manage and export.run are what the preset write stands for; no
    operation asks for them yet. New ones may come without a new version.
    """

    _ = "*"
    APPLICATIONS_READ = "applications.read"
    APPLICATIONS_WRITE = "applications.write"
    AUDIT_READ = "audit.read"
    CONTENT_WRITE = "content.write"
    EVENTS_READ = "events.read"
    EXPORT_RUN = "export.run"
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
    SNAPSHOT_MANAGE = "snapshot.manage"
    USAGE_READ = "usage.read"
    USERS_READ = "users.read"
    USERS_WRITE = "users.write"
    WEBHOOKS_READ = "webhooks.read"
    WEBHOOKS_WRITE = "webhooks.write"


class ApiKeyPreset(StrEnum):
    """Scopes by one word: read-only is every scope that ends in .read, full is `*`, write is content.write,
    snapshot.manage and export.run, project-specific is every scope of hosting and of jobs, and needs
    projects.
    """

    READ_ONLY = "read-only"
    FULL = "full"
    WRITE = "write"
    PROJECT_SPECIFIC = "project-specific"


class ApiKeyMode(StrEnum):
    """What the key begins with, writ_live_ or writ_test_, so that people tell them apart. Both do the same."""

    LIVE = "live"
    TEST = "test"


class ApiKeyType(StrEnum):
    """The tier that the key belongs to; standard unless said otherwise."""

    STANDARD = "standard"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class RateSubject(StrEnum):
    """For whom is counted, each on its own: a key; a user with a login or a token; an application; an
    organization; or the address of requests without a known caller, which only the server's own
    organization decides about.
    """

    KEY = "key"
    USER = "user"
    APPLICATION = "application"
    ORGANIZATION = "organization"
    ADDRESS = "address"


class RateSurface(StrEnum):
    """The operations that are counted, by the system that they belong to; * means all."""

    _ = "*"
    PUBLISHING = "publishing"
    STUDIO = "studio"
    CONTENT = "content"
    OAUTH = "oauth"
    PLATFORM = "platform"
    HOSTING = "hosting"


class RateClass(StrEnum):
    """The class of the operations that are counted; content is reads and writes together, * means all."""

    _ = "*"
    READ = "read"
    WRITE = "write"
    CONTENT = "content"
    UPLOAD = "upload"
    BATCH = "batch"
    WEBHOOK = "webhook"


class RateTier(StrEnum):
    """The tier of the callers that it is for; * means all."""

    _ = "*"
    STANDARD = "standard"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class DeliveryStatus(StrEnum):
    """What a delivery is; pending waits for its first attempt, retrying for another one."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    RETRYING = "retrying"


class DisabledReason(StrEnum):
    """Why nothing is sent: a person said so, the receiver answered 410, or it only failed for five days."""

    REQUESTED = "requested"
    GONE = "gone"
    FAILING = "failing"


class Role(StrEnum):
    """What a user may do; each role may do at least what the one after it may."""

    OWNER = "owner"
    ADMIN = "admin"
    CREATOR = "creator"
    REVIEWER = "reviewer"
    VIEWER = "viewer"


class UserStatus(StrEnum):
    """Whether the user can do anything; an inactive one cannot."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class ApprovalStatus(StrEnum):
    """Whether the application may ask for tokens; only an approved one may."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


class ApiTier(StrEnum):
    """The tier that the application's calls are counted in; standard unless said otherwise."""

    STANDARD = "standard"
    PREMIUM = "premium"
    ENTERPRISE = "enterprise"


class GrantType(StrEnum):
    """authorization_code asks a person and acts for them, refresh_token goes on without asking again,
    client_credentials acts for the application itself.
    """

    AUTHORIZATION_CODE = "authorization_code"
    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"


class SiteStatus(StrEnum):
    """Where a site is in its life. When a deletion succeeds, the site is gone."""

    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"
    DELETING = "deleting"


class JobKind(StrEnum):
    """What is ordered. New kinds may come without a new version."""

    SITE_CREATE = "site.create"
    SITE_DELETE = "site.delete"
    SITE_IMPORT = "site.import"
    ENVIRONMENT_CREATE = "environment.create"
    ENVIRONMENT_DELETE = "environment.delete"
    ENVIRONMENT_DRIFT_CHECK = "environment.drift_check"
    ENVIRONMENT_DEPLOY = "environment.deploy"
    ENVIRONMENT_UPDATE = "environment.update"
    ENVIRONMENT_RESTORE = "environment.restore"
    ENVIRONMENT_PROMOTE = "environment.promote"
    ENVIRONMENT_ROLLBACK = "environment.rollback"
    ENVIRONMENT_CACHE = "environment.cache"
    ENVIRONMENT_CACHE_PURGE = "environment.cache_purge"
    BACKUP_CREATE = "backup.create"
    BACKUP_DELETE = "backup.delete"
    DOMAIN_CREATE = "domain.create"
    DOMAIN_DELETE = "domain.delete"


class JobStatus(StrEnum):
    """Where a job is in its life. A running job goes back to queued when its worker is stopped or lost and
    the step can be repeated.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobStepStatus(StrEnum):
    """How a step stands. Undone means that it was carried out and then taken back."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNDONE = "undone"
    CANCELLED = "cancelled"


class JobLogLevel(StrEnum):
    """How serious an entry is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class EnvironmentType(StrEnum):
    """What an environment is for."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


class EnvironmentStatus(StrEnum):
    """Where an environment is in its life, whatever job is at work on it. When a deletion succeeds, it is
    gone.
    """

    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"
    DELETING = "deleting"


class OptionalPromotionPreset(StrEnum):
    """What an environment was, or is to be, copied with; null where there is no source."""

    FULL = "full"
    CODE = "code"
    CONTENT = "content"


class DriftStatus(StrEnum):
    """Whether the files on the node are those of the current release, as far as is known."""

    UNKNOWN = "unknown"
    CLEAN = "clean"
    DRIFTED = "drifted"


class PromotionPreset(StrEnum):
    """What is copied: code is the release; content is the database and the uploads; full is both."""

    FULL = "full"
    CODE = "code"
    CONTENT = "content"


class SourceType(StrEnum):
    """Where a deploy takes the code from."""

    GIT = "git"
    UPLOAD = "upload"


class UpdateScope(StrEnum):
    """Which parts of WordPress to update."""

    CORE = "core"
    PLUGINS = "plugins"
    THEMES = "themes"
    ALL = "all"


class ReleaseSource(StrEnum):
    """What a release was made from. New sources may come without a new version."""

    GIT = "git"
    UPLOAD = "upload"
    IMPORT = "import"
    CLONE = "clone"
    PROMOTE = "promote"
    RESTORE = "restore"
    UPDATE = "update"


class ReleaseStatus(StrEnum):
    """Whether a release passed its checks."""

    BUILDING = "building"
    GOOD = "good"
    BAD = "bad"


class BackupScope(StrEnum):
    """What a backup holds: the database, the files, or both."""

    DB = "db"
    FILES = "files"
    FULL = "full"


class BackupReason(StrEnum):
    """Why a backup was made."""

    REQUESTED = "requested"
    BEFORE_RESTORE = "before_restore"
    BEFORE_PROMOTE = "before_promote"
    BEFORE_IMPORT = "before_import"


class BackupStatus(StrEnum):
    """Where a backup is in its life. When a deletion succeeds, it is gone."""

    CREATING = "creating"
    AVAILABLE = "available"
    FAILED = "failed"
    DELETING = "deleting"


class DomainStatus(StrEnum):
    """Where a domain is in its life. When a deletion succeeds, it is gone."""

    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"
    DELETING = "deleting"
