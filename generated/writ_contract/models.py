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
    projects: list[str] | None
    endpoints: KeyEndpoints
    ip_allowlist: list[str]
    rate_limits: KeyRateLimits
    rate_limit_per_hour: int
    require_signature: bool
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


ApiKeyPreset: TypeAlias = Literal["read-only", "full", "write", "project-specific"]


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
    projects: NotRequired[list[str] | None]
    endpoints: NotRequired[KeyEndpoints]
    key_type: NotRequired[ApiKeyType]
    expires_at: NotRequired[str | None]
    ip_allowlist: NotRequired[list[Network]]
    rate_limits: NotRequired[KeyRateLimits]
    require_signature: NotRequired[bool]


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


class AuditEntry(TypedDict, closed=True):
    """
    One call of the API.
    """

    id: str
    request_id: str
    timestamp: str
    organization_id: str | None
    api_key_id: str | None
    user_id: str | None
    application_id: str | None
    actor_kind: str | None
    operation_id: str | None
    endpoint: str
    method: str
    path: str
    parameters: dict[str, Any] | None
    status_code: int
    error_code: str | None
    response_time_ms: float
    request_size_bytes: int
    response_size_bytes: int
    ip_address: str
    user_agent: str
    seal: int


class AuditLog(TypedDict, closed=True):
    """
    A page of the audit log.
    """

    data: list[AuditEntry]
    pagination: Pagination


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


class Delivery(TypedDict, closed=True):
    """
    One event on its way to one webhook.
    """

    id: str
    subscription_id: str
    event_id: str
    event_type: str
    status: DeliveryStatus
    attempt_number: int
    attempt_id: str | None
    next_retry_at: str | None
    http_status_code: int | None
    response_body: str | None
    response_time_ms: int | None
    error: str | None
    delivered_at: str | None
    replay_of: str | None
    created_at: str


class DeliveryAttempt(TypedDict, closed=True):
    """
    One attempt at a delivery.
    """

    attempt_number: int
    attempt_id: str | None
    attempted_at: str
    http_status_code: int | None
    response_body: str | None
    response_time_ms: int | None
    error: str | None


class DeliveryInFull(TypedDict, closed=True):
    """
    A delivery with its payload and its attempts.
    """

    payload: dict[str, Any] | None
    attempts: list[DeliveryAttempt]
    id: str
    subscription_id: str
    event_id: str
    event_type: str
    status: DeliveryStatus
    attempt_number: int
    attempt_id: str | None
    next_retry_at: str | None
    http_status_code: int | None
    response_body: str | None
    response_time_ms: int | None
    error: str | None
    delivered_at: str | None
    replay_of: str | None
    created_at: str


class DeliveryList(TypedDict, closed=True):
    """
    A page of deliveries.
    """

    data: list[Delivery]
    pagination: Pagination


DeliveryStatus: TypeAlias = Literal["pending", "delivered", "failed", "retrying"]


class DeployOrder(TypedDict, closed=True):
    """
    What to deploy.
    """

    source_type: SourceType
    source_ref: str
    health_path: NotRequired[str | None]


DisabledReason: TypeAlias = Literal["requested", "gone", "failing"] | None


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


class EndpointUsage(TypedDict, closed=True):
    """
    What was counted of one operation.
    """

    operation_id: str
    endpoint: str
    method: str
    requests: int
    errors: int
    average_response_time_ms: float
    request_bytes: int
    response_bytes: int


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


class ErrorUsage(TypedDict, closed=True):
    """
    What was counted of one operation with one status.
    """

    operation_id: str
    endpoint: str
    method: str
    status_code: int
    requests: int
    errors: int
    average_response_time_ms: float
    request_bytes: int
    response_bytes: int


class Event(TypedDict, closed=True):
    """
    One thing that happened, as GET shows it and as webhooks carry it.
    """

    id: str
    type: str
    created_at: str
    timestamp: str
    organization_id: str
    project_id: str | None
    api_version: str
    subject: str
    data: dict[str, Any]
    changes: NotRequired[dict[str, FieldChange]]
    truncated: NotRequired[Literal[True]]


class EventList(TypedDict, closed=True):
    """
    A page of events.
    """

    data: list[Event]
    pagination: Pagination


EventPattern: TypeAlias = str


class FieldChange(TypedDict, closed=True):
    """
    A field before and after.
    """

    before: Any | None
    after: Any | None


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


KeyEndpoints: TypeAlias = dict[str, bool]
"""
Operations by their method and their path as the contract writes it, such as GET /sites/{id}. What is false the key may not do, whatever its scopes are; what is true changes nothing.
"""


class KeyRateLimits(TypedDict, closed=True):
    """
    Limits of this key that take the place of those that its tier has.
    """

    read_per_minute: NotRequired[int]
    write_per_minute: NotRequired[int]
    per_hour: NotRequired[int]
    burst: NotRequired[int]


KeyScope: TypeAlias = Literal[
    "*",
    "applications.read",
    "applications.write",
    "audit.read",
    "content.write",
    "events.read",
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
    "limits.read",
    "limits.write",
    "notifications.read",
    "notifications.write",
    "snapshot.manage",
    "usage.read",
    "users.read",
    "users.write",
    "webhooks.read",
    "webhooks.write",
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
    projects: NotRequired[list[str] | None]
    endpoints: NotRequired[KeyEndpoints]
    key_type: NotRequired[ApiKeyType]
    expires_at: NotRequired[str | None]
    ip_allowlist: NotRequired[list[Network]]
    rate_limits: NotRequired[KeyRateLimits]
    require_signature: NotRequired[bool]


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


class NewWebhook(TypedDict, closed=True):
    """
    A webhook to be made. An address and types are required, each under one of its two names.
    """

    webhook_url: NotRequired[str]
    url: NotRequired[str]
    event_types: NotRequired[list[EventPattern]]
    events: NotRequired[list[EventPattern]]
    secret_key: NotRequired[str]
    secret: NotRequired[str]
    description: NotRequired[str | None]
    filters: NotRequired[WebhookFilters]
    is_active: NotRequired[bool]
    ordered: NotRequired[bool]
    max_per_second: NotRequired[int | None]
    retry_policy: NotRequired[RetryPolicy]


class Notification(TypedDict, closed=True):
    """
    What somebody is to know.
    """

    id: str
    kind: str
    title: str
    message: str
    link: str | None
    project_id: str | None
    for_all: bool
    created_at: str
    read_at: str | None


class NotificationList(TypedDict, closed=True):
    """
    A page of notifications.
    """

    data: list[Notification]
    pagination: Pagination


class NotificationsRead(TypedDict, closed=True):
    """
    How many notifications were marked.
    """

    marked: int


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


class OwnLimit(TypedDict, closed=True):
    """
    A limit that requests of the caller meet, and how much of it is used now.
    """

    limit: str
    subject: str
    surface: str
    rate_class: str
    window_seconds: int
    is_burst: bool
    amount: int
    used: int
    remaining: int
    resets_at: str


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


class Quota(TypedDict, closed=True):
    """
    What a key may do in an hour, and has done in this one.
    """

    api_key_id: str
    key_name: str
    key_type: str
    limit_per_hour: int
    used: int
    remaining: int
    resets_at: str


class QuotaList(TypedDict, closed=True):
    """
    A page of quotas.
    """

    own: list[OwnLimit] | None
    data: list[Quota]
    pagination: Pagination


RateClass: TypeAlias = Literal["*", "read", "write", "content", "upload", "batch", "webhook"]


class RatePolicy(TypedDict, closed=True):
    """
    A policy that is in force.
    """

    id: str
    subject: RateSubject
    surface: RateSurface
    rate_class: RateClass
    tier: RateTier
    amount: int
    window: str
    window_seconds: int
    burst: int | None
    scales_to: int | None
    description: str | None
    created_at: str
    updated_at: str


class RatePolicyDefault(TypedDict, closed=True):
    """
    What holds where an organization says nothing.
    """

    subject: RateSubject
    surface: RateSurface
    rate_class: RateClass
    tier: RateTier
    amount: int
    window: str
    window_seconds: int
    burst: int | None
    scales_to: int | None


class RatePolicyDefaults(TypedDict, closed=True):
    """
    All defaults.
    """

    data: list[RatePolicyDefault]


class RatePolicyList(TypedDict, closed=True):
    """
    A page of policies.
    """

    data: list[RatePolicy]
    pagination: Pagination


class RatePolicySettings(TypedDict, closed=True):
    """
    What a policy says. A surface, rate class or tier that is left out is *.
    """

    subject: RateSubject
    surface: NotRequired[RateSurface]
    rate_class: NotRequired[RateClass]
    tier: NotRequired[RateTier]
    amount: int
    window: RateWindow
    burst: NotRequired[int | None]
    scales_to: NotRequired[int | None]
    description: NotRequired[str | None]


RateSubject: TypeAlias = Literal["key", "user", "application", "organization", "address"]


RateSurface: TypeAlias = Literal["*", "publishing", "studio", "content", "oauth", "platform", "hosting"]


RateTier: TypeAlias = Literal["*", "standard", "premium", "enterprise"]


RateWindow: TypeAlias = str | int


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


class RetryPolicy(TypedDict, closed=True):
    """
    How often a delivery is attempted, and when. exponential without initial_seconds waits 5 seconds, 5 minutes, 30 minutes, 2, 5, 10 and 10 hours; with it, each delay is twice the one before. linear adds initial_seconds each time, fixed keeps it. Each delay is up to a fifth shorter or longer.
    """

    max_attempts: NotRequired[int]
    backoff: NotRequired[Literal["exponential", "linear", "fixed"]]
    initial_seconds: NotRequired[int]
    max_seconds: NotRequired[int]


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
    api_secret: str
    id: str
    key_name: str
    description: str | None
    key_prefix: str
    mode: ApiKeyMode
    key_type: ApiKeyType
    scopes: list[KeyScope]
    projects: list[str] | None
    endpoints: KeyEndpoints
    ip_allowlist: list[str]
    rate_limits: KeyRateLimits
    rate_limit_per_hour: int
    require_signature: bool
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


class ShownWebhook(TypedDict, closed=True):
    """
    A webhook with its secret.
    """

    secret_key: str
    id: str
    organization_id: str
    api_key_id: str | None
    webhook_url: str
    description: str | None
    event_types: list[str]
    filters: WebhookFilters
    is_active: bool
    ordered: bool
    max_per_second: int | None
    retry_policy: RetryPolicy
    api_version: str
    last_delivery_at: str | None
    success_count: int
    failure_count: int
    first_failure_at: str | None
    disabled_at: str | None
    disabled_reason: DisabledReason | None
    previous_secret_expires_at: str | None
    created_by: str | None
    created_at: str
    updated_at: str


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


Subject: TypeAlias = str


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


UsageByEndpoint = TypedDict(
    "UsageByEndpoint",
    {
        "from": str,
        "to": str,
        "data": list[EndpointUsage],
    },
    closed=True,
)


UsageByError = TypedDict(
    "UsageByError",
    {
        "from": str,
        "to": str,
        "data": list[ErrorUsage],
    },
    closed=True,
)


class UsageCounts(TypedDict, closed=True):
    """
    What was counted.
    """

    requests: int
    errors: int
    average_response_time_ms: float
    request_bytes: int
    response_bytes: int


class UsagePeriod(TypedDict, closed=True):
    """
    What was counted in an hour or a day.
    """

    starts_at: str
    requests: int
    errors: int
    average_response_time_ms: float
    request_bytes: int
    response_bytes: int


UsageSummary = TypedDict(
    "UsageSummary",
    {
        "from": str,
        "to": str,
        "interval": Literal["hour", "day"],
        "total": UsageCounts,
        "data": list[UsagePeriod],
    },
    closed=True,
)


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


class Webhook(TypedDict, closed=True):
    """
    What is known of a webhook, but not its secret.
    """

    id: str
    organization_id: str
    api_key_id: str | None
    webhook_url: str
    description: str | None
    event_types: list[str]
    filters: WebhookFilters
    is_active: bool
    ordered: bool
    max_per_second: int | None
    retry_policy: RetryPolicy
    api_version: str
    last_delivery_at: str | None
    success_count: int
    failure_count: int
    first_failure_at: str | None
    disabled_at: str | None
    disabled_reason: DisabledReason | None
    previous_secret_expires_at: str | None
    created_by: str | None
    created_at: str
    updated_at: str


class WebhookDeleted(TypedDict, closed=True):
    """
    The webhook is gone.
    """

    success: bool


class WebhookDisabled(TypedDict):
    """
    A webhook that is not called any more.
    """

    id: str
    webhook_url: str
    reason: str


class WebhookFilters(TypedDict, closed=True):
    """
    Only events that pass all of these; none lets everything through.
    """

    project_ids: NotRequired[list[str]]
    subjects: NotRequired[list[Subject]]
    data: NotRequired[dict[str, str | int | bool]]


class WebhookList(TypedDict, closed=True):
    """
    A page of webhooks.
    """

    data: list[Webhook]
    pagination: Pagination


WebhookReplay = TypedDict(
    "WebhookReplay",
    {
        "from": str,
        "to": NotRequired[str],
        "event_types": NotRequired[list[EventPattern]],
    },
    closed=True,
)


class WebhookReplayCount(TypedDict, closed=True):
    """
    How many events are sent once more.
    """

    count: int


class WebhookSecretRotation(TypedDict, closed=True):
    """
    How a secret is replaced.
    """

    secret_key: NotRequired[str]
    secret: NotRequired[str]
    grace_seconds: NotRequired[int]


class WebhookSettings(TypedDict, closed=True):
    """
    All that can be set of a webhook. An address and types are required, each under one of its two names.
    """

    webhook_url: NotRequired[str]
    url: NotRequired[str]
    event_types: NotRequired[list[EventPattern]]
    events: NotRequired[list[EventPattern]]
    description: NotRequired[str | None]
    filters: NotRequired[WebhookFilters]
    is_active: NotRequired[bool]
    ordered: NotRequired[bool]
    max_per_second: NotRequired[int | None]
    retry_policy: NotRequired[RetryPolicy]


class WebhookTestEvent(TypedDict, closed=True):
    """
    What a test sends.
    """

    event_type: NotRequired[str]
    type: NotRequired[str]
    data: NotRequired[dict[str, Any]]


class WebhookTestResult(TypedDict, closed=True):
    """
    What came of a test.
    """

    success: bool
    statusCode: int | None
    status_code: int | None
    error: str | None
    response_body: str | None
    response_time_ms: int
    delivery_id: str
    event_id: str
    event_type: str
