"""The shapes of bodies and answers, as types that cost nothing at run time.

Written by scripts/generate from contracts/; not edited by hand.
"""

# ruff: noqa

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict


class ApiKey(TypedDict, closed=True):
    """
    What is known of a key, but not the key.
    """

    id: str
    key_name: str
    description: str | None
    key_prefix: str
    mode: ApiKeyMode
    key_type: ApiKeyType
    scopes: list[KeyScope]
    ip_allowlist: list[str]
    is_active: bool
    last_used_at: str | None
    expires_at: str | None
    previous_key_expires_at: str | None
    revoked_at: str | None
    created_by: str
    created_at: str


class ApiKeyList(TypedDict, closed=True):
    """
    A page of keys.
    """

    data: list[ApiKey]
    pagination: Pagination


ApiKeyMode: TypeAlias = Literal["live", "test"]


ApiKeyPreset: TypeAlias = Literal["read-only", "full", "write"]


class ApiKeyRegeneration(TypedDict, closed=True):
    """
    How a key is replaced by a new one.
    """

    grace_seconds: NotRequired[int]


class ApiKeySettings(TypedDict, closed=True):
    """
    All that can be set of a key.
    """

    key_name: str
    description: NotRequired[str | None]
    scopes: NotRequired[list[KeyScope]]
    preset: NotRequired[ApiKeyPreset]
    key_type: NotRequired[ApiKeyType]
    expires_at: NotRequired[str | None]
    ip_allowlist: NotRequired[list[Network]]


ApiKeyType: TypeAlias = Literal["standard", "premium", "enterprise"]


ApiTier: TypeAlias = Literal["standard", "premium", "enterprise"]


class Application(TypedDict, closed=True):
    """
    What is known of an application, but not its secret.
    """

    id: str
    organization_id: str
    application_name: str
    application_description: str | None
    application_url: str | None
    contact_email: str
    api_tier: ApiTier
    approval_status: ApprovalStatus
    approved_by: str | None
    approved_at: str | None
    client_id: str
    is_confidential: bool
    redirect_uris: list[str]
    scopes: list[str]
    grant_types: list[GrantType]
    created_by: str
    created_at: str


class ApplicationList(TypedDict, closed=True):
    """
    A page of applications.
    """

    data: list[Application]
    pagination: Pagination


class ApplicationSettings(TypedDict, closed=True):
    """
    All that can be set of an application.
    """

    application_name: str
    application_description: NotRequired[str | None]
    application_url: NotRequired[str | None]
    contact_email: str
    api_tier: NotRequired[ApiTier]
    redirect_uris: NotRequired[list[RedirectUri]]
    scopes: list[KeyScope]
    grant_types: list[GrantType]


ApprovalStatus: TypeAlias = Literal["pending", "approved", "rejected", "suspended"]


class AuthorizationServer(TypedDict, closed=True):
    """
    The metadata of RFC 8414, section 2.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    service_documentation: str


class Backup(TypedDict, closed=True):
    """
    A state of an environment, kept as an archive.
    """

    id: str
    environment_id: str
    backup_scope: BackupScope
    reason: BackupReason
    status: BackupStatus
    size_bytes: int | None
    sha256: str | None
    verified_at: str | None
    created_at: str


class BackupList(TypedDict, closed=True):
    """
    A page of backups.
    """

    data: list[Backup]
    pagination: Pagination


BackupReason: TypeAlias = Literal["requested", "before_restore", "before_promote", "before_import"]


BackupScope: TypeAlias = Literal["db", "files", "full"]


BackupStatus: TypeAlias = Literal["creating", "available", "failed", "deleting"]


class CacheSettings(TypedDict, closed=True):
    """
    Which caches to switch.
    """

    fastcgi_cache_enabled: NotRequired[bool]
    redis_cache_enabled: NotRequired[bool]


class Consent(TypedDict, extra_items=str):
    """
    The user's decision, with what the page was asked with.
    """

    decision: Literal["allow", "deny"]
    response_type: str
    client_id: str
    redirect_uri: NotRequired[str]
    scope: NotRequired[str]
    state: NotRequired[str]
    code_challenge: NotRequired[str]
    code_challenge_method: NotRequired[str]


class Credential(TypedDict, closed=True):
    """
    What the request was authenticated with.
    """

    kind: Literal["session", "key", "token"]
    scopes: list[str]
    key_id: str | None
    application_id: str | None


class Credentials(TypedDict, closed=True):
    """
    Who wants to log in.
    """

    email: str
    password: str


class CurrentUser(TypedDict, closed=True):
    """
    Who calls, and with what.
    """

    id: str
    email: str
    name: str | None
    role: Role
    status: UserStatus
    created_at: str
    updated_at: str
    organization_id: str
    credential: Credential


class DeployOrder(TypedDict, closed=True):
    """
    What to deploy.
    """

    source_type: SourceType
    source_ref: str
    health_path: NotRequired[str | None]


class Domain(TypedDict, closed=True):
    """
    A hostname that an environment answers to.
    """

    id: str
    environment_id: str
    hostname: str
    status: DomainStatus
    created_at: str


class DomainList(TypedDict, closed=True):
    """
    A page of domains.
    """

    data: list[Domain]
    pagination: Pagination


DomainStatus: TypeAlias = Literal["creating", "active", "failed", "deleting"]


DriftStatus: TypeAlias = Literal["unknown", "clean", "drifted"]


class Environment(TypedDict, closed=True):
    """
    One running copy of a site.
    """

    id: str
    site_id: str
    name: str
    slug: str
    type: EnvironmentType
    status: EnvironmentStatus
    url: str | None
    current_release_id: str | None
    source_environment_id: str | None
    promotion_preset: OptionalPromotionPreset | None
    fastcgi_cache_enabled: bool
    redis_cache_enabled: bool
    drift_status: DriftStatus
    drift_checked_at: str | None
    created_at: str
    updated_at: str


class EnvironmentList(TypedDict, closed=True):
    """
    A page of environments.
    """

    data: list[Environment]
    pagination: Pagination


EnvironmentStatus: TypeAlias = Literal["creating", "active", "failed", "deleting"]


EnvironmentType: TypeAlias = Literal["production", "staging", "development"]


class Error(TypedDict, closed=True):
    """
    What every refusal looks like, whatever refuses.
    """

    code: str
    message: str
    request_id: str
    errors: list[FieldError]
    error: ErrorDetail


class ErrorDetail(TypedDict, closed=True):
    """
    The same refusal, for clients that read an `error` object.
    """

    code: str
    message: str
    details: dict[str, Any]
    request_id: str


class FieldError(TypedDict, closed=True):
    """
    One fault at one place of the request.
    """

    field: str
    code: str
    message: str


GrantType: TypeAlias = Literal["authorization_code", "client_credentials", "refresh_token"]


class ImportOrder(TypedDict, closed=True):
    """
    What to import.
    """

    archive_url: str


class Job(TypedDict, closed=True):
    """
    One order and what became of it.
    """

    id: str
    kind: JobKind
    status: JobStatus
    site_id: str | None
    environment_id: str | None
    backup_id: str | None
    retry_of: str | None
    cancel_requested: bool
    error_code: str | None
    error_message: str | None
    progress: int
    steps: list[JobStep]
    result: dict[str, Any] | None
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobAccepted(TypedDict, closed=True):
    """
    The order is accepted, and this job carries it out.
    """

    job_id: str


JobKind: TypeAlias = Literal[
    "site.create",
    "site.delete",
    "site.import",
    "environment.create",
    "environment.delete",
    "environment.drift_check",
    "environment.deploy",
    "environment.update",
    "environment.restore",
    "environment.promote",
    "environment.rollback",
    "environment.cache",
    "environment.cache_purge",
    "backup.create",
    "backup.delete",
    "domain.create",
    "domain.delete",
]


class JobList(TypedDict, closed=True):
    """
    A page of jobs.
    """

    data: list[Job]
    pagination: Pagination


class JobLog(TypedDict, closed=True):
    """
    A page of a job's log.
    """

    data: list[JobLogEntry]
    pagination: Pagination


class JobLogEntry(TypedDict, closed=True):
    """
    One line of a job's log.
    """

    sequence: int
    at: str
    level: JobLogLevel
    step: str | None
    message: str


JobLogLevel: TypeAlias = Literal["info", "warning", "error"]


JobStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class JobStep(TypedDict, closed=True):
    """
    One step of a job.
    """

    name: str
    status: JobStepStatus
    started_at: str | None
    finished_at: str | None


JobStepStatus: TypeAlias = Literal["pending", "running", "succeeded", "failed", "undone", "cancelled"]


class Key(TypedDict, closed=True):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    kid: str
    use: Literal["sig"]
    alg: Literal["ES256"]


KeyScope: TypeAlias = Literal[
    "content.write",
    "export.run",
    "hosting.backup",
    "hosting.deploy",
    "hosting.login",
    "hosting.read",
    "hosting.restore",
    "hosting.write",
    "jobs.read",
    "jobs.write",
    "keys.read",
    "keys.write",
    "snapshot.manage",
    "applications.read",
    "applications.write",
    "users.read",
    "users.write",
]


class KeySet(TypedDict, closed=True):
    """
    A JWK set (RFC 7517).
    """

    keys: list[Key]


class MagicLogin(TypedDict, closed=True):
    """
    A one-time login.
    """

    login_url: str
    expires_at: str


class Metrics(TypedDict, closed=True):
    """
    Counters of the moment.
    """

    jobs_running: int
    jobs_queued: int
    nodes_active: int
    sites_total: int


Network: TypeAlias = str


class NewApiKey(TypedDict, closed=True):
    """
    A key to be made.
    """

    mode: NotRequired[ApiKeyMode]
    key_name: str
    description: NotRequired[str | None]
    scopes: NotRequired[list[KeyScope]]
    preset: NotRequired[ApiKeyPreset]
    key_type: NotRequired[ApiKeyType]
    expires_at: NotRequired[str | None]
    ip_allowlist: NotRequired[list[Network]]


class NewApplication(TypedDict, closed=True):
    """
    An application to be registered.
    """

    application_name: str
    application_description: NotRequired[str | None]
    application_url: NotRequired[str | None]
    contact_email: str
    api_tier: NotRequired[ApiTier]
    redirect_uris: NotRequired[list[RedirectUri]]
    scopes: list[KeyScope]
    grant_types: list[GrantType]
    is_confidential: NotRequired[bool]


class NewBackup(TypedDict, closed=True):
    """
    What to back up.
    """

    backup_scope: BackupScope


class NewDomain(TypedDict, closed=True):
    """
    A hostname to be added.
    """

    hostname: str


class NewEnvironment(TypedDict, closed=True):
    """
    An environment to be created.
    """

    name: str
    slug: str
    type: EnvironmentType
    source_environment_id: NotRequired[str | None]
    promotion_preset: NotRequired[OptionalPromotionPreset | None]


class NewSite(TypedDict, closed=True):
    """
    A site to be created.
    """

    name: str
    slug: str
    repository_url: NotRequired[str | None]


class NewUser(TypedDict, closed=True):
    """
    A user to be made.
    """

    email: str
    name: NotRequired[str | None]
    role: Role
    password: NotRequired[str]


class OAuthDone(TypedDict, closed=True):
    """
    Nothing is to be told.
    """


class OAuthError(TypedDict, closed=True):
    """
    A refusal as OAuth clients read it (RFC 6749, section 5.2), with what every refusal of this API says beside it.
    """

    error: Literal[
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "unsupported_token_type",
        "invalid_scope",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
    ]
    error_description: str
    code: str
    message: str
    request_id: str
    errors: list[FieldError]


class OAuthTokens(TypedDict, closed=True):
    """
    An access token, and a refresh token where the application may have one.
    """

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: NotRequired[str]
    scope: str


OptionalPromotionPreset: TypeAlias = Literal["full", "code", "content"] | None


class Pagination(TypedDict, closed=True):
    """
    Where this page stands in its list.
    """

    limit: int
    next_cursor: str | None


class PasswordChange(TypedDict, closed=True):
    """
    The old and the new password.
    """

    old_password: str
    new_password: str


class PromoteOrder(TypedDict, closed=True):
    """
    Where to promote, and what.
    """

    target_environment_id: str
    promotion_preset: NotRequired[PromotionPreset]


PromotionPreset: TypeAlias = Literal["full", "code", "content"]


RedirectUri: TypeAlias = str


class Release(TypedDict, closed=True):
    """
    One version of the files of an environment, whole and unchanging.
    """

    id: str
    environment_id: str
    source_type: ReleaseSource
    source_ref: str | None
    commit: str | None
    sha256: str | None
    status: ReleaseStatus
    active: bool
    kept: bool
    file_count: int
    size_bytes: int
    created_at: str
    activated_at: str | None


class ReleaseList(TypedDict, closed=True):
    """
    A page of releases.
    """

    data: list[Release]
    pagination: Pagination


ReleaseSource: TypeAlias = Literal["git", "upload", "import", "clone", "promote", "restore", "update"]


ReleaseStatus: TypeAlias = Literal["building", "good", "bad"]


class RestoreOrder(TypedDict, closed=True):
    """
    What to restore.
    """

    backup_id: str


Role: TypeAlias = Literal["owner", "admin", "creator", "reviewer", "viewer"]


class RollbackOrder(TypedDict, closed=True):
    """
    Which release to go back to.
    """

    release_id: NotRequired[str | None]


class ShownApiKey(TypedDict, closed=True):
    """
    A key with what is known of it.
    """

    api_key: str
    id: str
    key_name: str
    description: str | None
    key_prefix: str
    mode: ApiKeyMode
    key_type: ApiKeyType
    scopes: list[KeyScope]
    ip_allowlist: list[str]
    is_active: bool
    last_used_at: str | None
    expires_at: str | None
    previous_key_expires_at: str | None
    revoked_at: str | None
    created_by: str
    created_at: str


class ShownApplication(TypedDict, closed=True):
    """
    An application and its secret.
    """

    id: str
    organization_id: str
    application_name: str
    application_description: str | None
    application_url: str | None
    contact_email: str
    api_tier: ApiTier
    approval_status: ApprovalStatus
    approved_by: str | None
    approved_at: str | None
    client_id: str
    is_confidential: bool
    redirect_uris: list[str]
    scopes: list[str]
    grant_types: list[GrantType]
    created_by: str
    created_at: str
    client_secret: str | None


class ShownUser(TypedDict, closed=True):
    """
    A user, and a password that was made for them.
    """

    id: str
    email: str
    name: str | None
    role: Role
    status: UserStatus
    created_at: str
    updated_at: str
    password: str | None


class Site(TypedDict, closed=True):
    """
    A WordPress site: what its environments have in common.
    """

    id: str
    name: str
    slug: str
    repository_url: str | None
    status: SiteStatus
    created_at: str
    updated_at: str


class SiteList(TypedDict, closed=True):
    """
    A page of sites.
    """

    data: list[Site]
    pagination: Pagination


SiteStatus: TypeAlias = Literal["creating", "active", "failed", "deleting"]


SourceType: TypeAlias = Literal["git", "upload"]


class Success(TypedDict, closed=True):
    """
    The answer of what is done at once and has nothing to tell.
    """

    success: Literal[True]


class TokenQuery(TypedDict, extra_items=str):
    """
    The token that is meant, and who asks.
    """

    token: NotRequired[str]
    token_type_hint: NotRequired[str]
    client_id: NotRequired[str]
    client_secret: NotRequired[str]


class TokenRequest(TypedDict, extra_items=str):
    """
    What an application asks for; which fields it needs depends on grant_type.
    """

    grant_type: NotRequired[str]
    client_id: NotRequired[str]
    client_secret: NotRequired[str]
    code: NotRequired[str]
    redirect_uri: NotRequired[str]
    code_verifier: NotRequired[str]
    refresh_token: NotRequired[str]
    scope: NotRequired[str]


class TokenState(TypedDict, closed=True):
    """
    What a token is good for; nothing but active for one that is good for nothing.
    """

    active: bool
    client_id: NotRequired[str]
    scope: NotRequired[str]
    token_type: NotRequired[Literal["Bearer", "refresh_token"]]
    username: NotRequired[str]
    sub: NotRequired[str]
    exp: NotRequired[int]
    iat: NotRequired[int]
    iss: NotRequired[str]
    aud: NotRequired[str]
    jti: NotRequired[str]


class UpdateOrder(TypedDict, closed=True):
    """
    What to update.
    """

    scope: UpdateScope


UpdateScope: TypeAlias = Literal["core", "plugins", "themes", "all"]


class Upload(TypedDict, closed=True):
    """
    An archive that was uploaded.
    """

    upload_id: str
    sha256: str
    size: int


class User(TypedDict, closed=True):
    """
    A person who can log in.
    """

    id: str
    email: str
    name: str | None
    role: Role
    status: UserStatus
    created_at: str
    updated_at: str


class UserList(TypedDict, closed=True):
    """
    A page of users.
    """

    data: list[User]
    pagination: Pagination


class UserSettings(TypedDict, closed=True):
    """
    All that can be set of a user.
    """

    email: str
    name: NotRequired[str | None]
    role: Role
    status: NotRequired[UserStatus]


UserStatus: TypeAlias = Literal["active", "inactive"]
