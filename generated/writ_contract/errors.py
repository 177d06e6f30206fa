"""The error catalogue: what every code means, and what to do about it.

Written by scripts/generate from contracts/; not edited by hand.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """One code of the catalogue. `status` is the HTTP status; None for a code that only a failed job has."""

    code: str
    status: int | None
    message: str
    remedy: str


MALFORMED_REQUEST = "MALFORMED_REQUEST"
INVALID_REQUEST = "INVALID_REQUEST"
INVALID_GRANT = "INVALID_GRANT"
INVALID_SCOPE = "INVALID_SCOPE"
UNAUTHORIZED_CLIENT = "UNAUTHORIZED_CLIENT"
UNSUPPORTED_GRANT_TYPE = "UNSUPPORTED_GRANT_TYPE"
UNSUPPORTED_RESPONSE_TYPE = "UNSUPPORTED_RESPONSE_TYPE"
UNSUPPORTED_TOKEN_TYPE = "UNSUPPORTED_TOKEN_TYPE"
INVALID_CLIENT = "INVALID_CLIENT"
UNAUTHORIZED = "UNAUTHORIZED"
INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
API_KEY_INVALID = "API_KEY_INVALID"
API_KEY_EXPIRED = "API_KEY_EXPIRED"
API_KEY_REVOKED = "API_KEY_REVOKED"
SIGNATURE_REQUIRED = "SIGNATURE_REQUIRED"
SIGNATURE_INVALID = "SIGNATURE_INVALID"
SIGNATURE_REPLAYED = "SIGNATURE_REPLAYED"
TOKEN_INVALID = "TOKEN_INVALID"
TOKEN_EXPIRED = "TOKEN_EXPIRED"
TOKEN_REVOKED = "TOKEN_REVOKED"
FORBIDDEN = "FORBIDDEN"
AUTH_SCOPE_MISSING = "AUTH_SCOPE_MISSING"
ORIGIN_NOT_ALLOWED = "ORIGIN_NOT_ALLOWED"
ADDRESS_NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
ROLE_TOO_HIGH = "ROLE_TOO_HIGH"
NOT_FOUND = "NOT_FOUND"
SITE_NOT_FOUND = "SITE_NOT_FOUND"
ENVIRONMENT_NOT_FOUND = "ENVIRONMENT_NOT_FOUND"
RELEASE_NOT_FOUND = "RELEASE_NOT_FOUND"
BACKUP_NOT_FOUND = "BACKUP_NOT_FOUND"
DOMAIN_NOT_FOUND = "DOMAIN_NOT_FOUND"
UPLOAD_NOT_FOUND = "UPLOAD_NOT_FOUND"
JOB_NOT_FOUND = "JOB_NOT_FOUND"
API_KEY_NOT_FOUND = "API_KEY_NOT_FOUND"
RATE_POLICY_NOT_FOUND = "RATE_POLICY_NOT_FOUND"
AUDIT_ENTRY_NOT_FOUND = "AUDIT_ENTRY_NOT_FOUND"
WEBHOOK_NOT_FOUND = "WEBHOOK_NOT_FOUND"
DELIVERY_NOT_FOUND = "DELIVERY_NOT_FOUND"
USER_NOT_FOUND = "USER_NOT_FOUND"
APPLICATION_NOT_FOUND = "APPLICATION_NOT_FOUND"
METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
NOT_ACCEPTABLE = "NOT_ACCEPTABLE"
SITE_SLUG_TAKEN = "SITE_SLUG_TAKEN"
SITE_NOT_ACTIVE = "SITE_NOT_ACTIVE"
SITE_DELETING = "SITE_DELETING"
ENVIRONMENT_SLUG_TAKEN = "ENVIRONMENT_SLUG_TAKEN"
ENVIRONMENT_NOT_ACTIVE = "ENVIRONMENT_NOT_ACTIVE"
ENVIRONMENT_DELETING = "ENVIRONMENT_DELETING"
SOURCE_OTHER_SITE = "SOURCE_OTHER_SITE"
PROMOTE_SAME_ENVIRONMENT = "PROMOTE_SAME_ENVIRONMENT"
PROMOTE_OTHER_SITE = "PROMOTE_OTHER_SITE"
NO_CURRENT_RELEASE = "NO_CURRENT_RELEASE"
NO_EARLIER_RELEASE = "NO_EARLIER_RELEASE"
RELEASE_NOT_GOOD = "RELEASE_NOT_GOOD"
BACKUP_ENVIRONMENT_MISMATCH = "BACKUP_ENVIRONMENT_MISMATCH"
BACKUP_NOT_AVAILABLE = "BACKUP_NOT_AVAILABLE"
BACKUP_IN_USE = "BACKUP_IN_USE"
HOSTNAME_TAKEN = "HOSTNAME_TAKEN"
DOMAIN_DELETING = "DOMAIN_DELETING"
JOB_NOT_CANCELLABLE = "JOB_NOT_CANCELLABLE"
JOB_NOT_RETRYABLE = "JOB_NOT_RETRYABLE"
API_KEY_NOT_ACTIVE = "API_KEY_NOT_ACTIVE"
RATE_POLICY_EXISTS = "RATE_POLICY_EXISTS"
IDEMPOTENCY_IN_PROGRESS = "IDEMPOTENCY_IN_PROGRESS"
WEBHOOK_NOT_ACTIVE = "WEBHOOK_NOT_ACTIVE"
DELIVERY_NOT_REPLAYABLE = "DELIVERY_NOT_REPLAYABLE"
EMAIL_TAKEN = "EMAIL_TAKEN"
LAST_OWNER = "LAST_OWNER"
APPLICATION_WRONG_STATUS = "APPLICATION_WRONG_STATUS"
APPLICATION_HAS_NO_SECRET = "APPLICATION_HAS_NO_SECRET"
PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
FILE_TOO_LARGE = "FILE_TOO_LARGE"
UNSUPPORTED_FORMAT = "UNSUPPORTED_FORMAT"
VALIDATION_ERROR = "VALIDATION_ERROR"
EVENT_NOT_FOUND = "EVENT_NOT_FOUND"
NOTIFICATION_NOT_FOUND = "NOTIFICATION_NOT_FOUND"
EVENT_GONE = "EVENT_GONE"
EVENT_TYPE_UNKNOWN = "EVENT_TYPE_UNKNOWN"
CURSOR_INVALID = "CURSOR_INVALID"
IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
SPAN_TOO_LONG = "SPAN_TOO_LONG"
EXPIRY_NOT_AHEAD = "EXPIRY_NOT_AHEAD"
SCALE_BELOW_AMOUNT = "SCALE_BELOW_AMOUNT"
PROJECT_UNKNOWN = "PROJECT_UNKNOWN"
ENDPOINT_UNKNOWN = "ENDPOINT_UNKNOWN"
SOURCE_REF_INVALID = "SOURCE_REF_INVALID"
SOURCE_NOT_ALLOWED = "SOURCE_NOT_ALLOWED"
UPLOAD_UNKNOWN = "UPLOAD_UNKNOWN"
URL_NOT_ALLOWED = "URL_NOT_ALLOWED"
REPLAY_TOO_LARGE = "REPLAY_TOO_LARGE"
RATE_LIMITED = "RATE_LIMITED"
INTERNAL_ERROR = "INTERNAL_ERROR"
WP_CLI_ERROR = "WP_CLI_ERROR"
SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
NODE_UNREACHABLE = "NODE_UNREACHABLE"
SOURCE_REF_NOT_FOUND = "SOURCE_REF_NOT_FOUND"
SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
ARCHIVE_UNSAFE = "ARCHIVE_UNSAFE"
ARCHIVE_INVALID = "ARCHIVE_INVALID"
ARCHIVE_TOO_LARGE = "ARCHIVE_TOO_LARGE"
DOWNLOAD_FAILED = "DOWNLOAD_FAILED"
RELEASE_INVALID = "RELEASE_INVALID"
HEALTH_CHECK_FAILED = "HEALTH_CHECK_FAILED"
BACKUP_CORRUPT = "BACKUP_CORRUPT"
DISK_FULL = "DISK_FULL"
NODE_COMMAND_FAILED = "NODE_COMMAND_FAILED"
STEP_TIMEOUT = "STEP_TIMEOUT"
WORKER_LOST = "WORKER_LOST"
JOB_CANCELLED = "JOB_CANCELLED"

ERRORS: dict[str, ErrorSpec] = {
    "MALFORMED_REQUEST": ErrorSpec(
        "MALFORMED_REQUEST",
        400,
        "The request could not be read.",
        "Send well-formed UTF-8 JSON without duplicate keys, NaN or Infinity, and check the query string and the headers.",
    ),
    "INVALID_REQUEST": ErrorSpec(
        "INVALID_REQUEST",
        400,
        "The OAuth request lacks something, or has it wrong.",
        "Compare it with the contract.",
    ),
    "INVALID_GRANT": ErrorSpec(
        "INVALID_GRANT",
        400,
        "The code or the token is wrong, expired, used, revoked or not yours.",
        "Ask the user again.",
    ),
    "INVALID_SCOPE": ErrorSpec(
        "INVALID_SCOPE",
        400,
        "The application may not have one of these scopes.",
        "Ask for scopes that it was registered with.",
    ),
    "UNAUTHORIZED_CLIENT": ErrorSpec(
        "UNAUTHORIZED_CLIENT",
        400,
        "The application was not registered for this way of asking.",
        "Add it to its grant_types.",
    ),
    "UNSUPPORTED_GRANT_TYPE": ErrorSpec(
        "UNSUPPORTED_GRANT_TYPE",
        400,
        "There is no such grant_type.",
        "Use authorization_code, client_credentials or refresh_token.",
    ),
    "UNSUPPORTED_RESPONSE_TYPE": ErrorSpec(
        "UNSUPPORTED_RESPONSE_TYPE", 400, "There is no such response_type.", "Use code."
    ),
    "UNSUPPORTED_TOKEN_TYPE": ErrorSpec(
        "UNSUPPORTED_TOKEN_TYPE",
        400,
        "There is no such token_type_hint.",
        "Use access_token or refresh_token, or leave it out.",
    ),
    "INVALID_CLIENT": ErrorSpec(
        "INVALID_CLIENT",
        401,
        "There is no approved application of this name, or its secret is wrong.",
        "Compare client_id and client_secret with what its registration showed, and see that it is approved.",
    ),
    "UNAUTHORIZED": ErrorSpec(
        "UNAUTHORIZED",
        401,
        "A valid credential is required, and none was given or it has expired.",
        "Log in with POST /api/login and send the session_token cookie, or send an API key.",
    ),
    "INVALID_CREDENTIALS": ErrorSpec(
        "INVALID_CREDENTIALS",
        401,
        "The e-mail address or the password is wrong.",
        "Check both and try again; repeated attempts are slowed down.",
    ),
    "API_KEY_INVALID": ErrorSpec(
        "API_KEY_INVALID",
        401,
        "The API key is not one of this server's.",
        "Compare it with the key as it was shown, character by character, or make a new one.",
    ),
    "API_KEY_EXPIRED": ErrorSpec(
        "API_KEY_EXPIRED",
        401,
        "The time of the API key is over.",
        "Use the key that came after it, or make a new one.",
    ),
    "API_KEY_REVOKED": ErrorSpec("API_KEY_REVOKED", 401, "The API key was revoked.", "Make a new one."),
    "SIGNATURE_REQUIRED": ErrorSpec(
        "SIGNATURE_REQUIRED",
        401,
        "The API key demands that its requests are signed, and this one is not.",
        "Sign it with the key's api_secret as docs/signing-requests.md shows.",
    ),
    "SIGNATURE_INVALID": ErrorSpec(
        "SIGNATURE_INVALID",
        401,
        "The request's signature is not good.",
        "details.reason says what is wrong with it; sign the request again, as it is sent.",
    ),
    "SIGNATURE_REPLAYED": ErrorSpec(
        "SIGNATURE_REPLAYED",
        401,
        "A request with this signature came before.",
        "Sign each request anew, with a nonce of its own.",
    ),
    "TOKEN_INVALID": ErrorSpec(
        "TOKEN_INVALID",
        401,
        "The access token is not one of this server's.",
        "Send the access_token as POST /api/oauth/token answered it.",
    ),
    "TOKEN_EXPIRED": ErrorSpec(
        "TOKEN_EXPIRED", 401, "The time of the access token is over.", "Get a new one with the refresh token."
    ),
    "TOKEN_REVOKED": ErrorSpec(
        "TOKEN_REVOKED",
        401,
        "The access token was revoked, or its application or user may do nothing any more.",
        "Ask for a new one.",
    ),
    "FORBIDDEN": ErrorSpec(
        "FORBIDDEN", 403, "This is not allowed for you.", "Ask an administrator for access."
    ),
    "AUTH_SCOPE_MISSING": ErrorSpec(
        "AUTH_SCOPE_MISSING",
        403,
        "A scope that this operation needs is missing.",
        "Use a login or a key that has the scope named in details.required_scope.",
    ),
    "ORIGIN_NOT_ALLOWED": ErrorSpec(
        "ORIGIN_NOT_ALLOWED",
        403,
        "A request with a session cookie came from a foreign origin.",
        "Send it from the same origin as the server, or with an Origin header that equals it.",
    ),
    "ADDRESS_NOT_ALLOWED": ErrorSpec(
        "ADDRESS_NOT_ALLOWED",
        403,
        "The API key may not be used from this address.",
        "Call from a network on the key's ip_allowlist, or have the address added to it.",
    ),
    "ROLE_TOO_HIGH": ErrorSpec(
        "ROLE_TOO_HIGH",
        403,
        "A role above your own cannot be given, changed or taken away.",
        "Ask somebody who has that role.",
    ),
    "NOT_FOUND": ErrorSpec(
        "NOT_FOUND",
        404,
        "There is nothing at this path.",
        "Compare the path with the contract at /openapi.json.",
    ),
    "SITE_NOT_FOUND": ErrorSpec(
        "SITE_NOT_FOUND", 404, "There is no site with this id.", "List the sites with GET /api/sites."
    ),
    "ENVIRONMENT_NOT_FOUND": ErrorSpec(
        "ENVIRONMENT_NOT_FOUND",
        404,
        "There is no such environment.",
        "List the environments of the site with GET /api/sites/{id}/environments.",
    ),
    "RELEASE_NOT_FOUND": ErrorSpec(
        "RELEASE_NOT_FOUND",
        404,
        "The environment has no release with this id.",
        "List its releases with GET /api/environments/{id}/releases.",
    ),
    "BACKUP_NOT_FOUND": ErrorSpec(
        "BACKUP_NOT_FOUND",
        404,
        "There is no backup with this id.",
        "List the backups of the environment with GET /api/environments/{id}/backups.",
    ),
    "DOMAIN_NOT_FOUND": ErrorSpec(
        "DOMAIN_NOT_FOUND",
        404,
        "There is no domain with this id.",
        "List the domains of the environment with GET /api/environments/{id}/domains.",
    ),
    "UPLOAD_NOT_FOUND": ErrorSpec(
        "UPLOAD_NOT_FOUND",
        404,
        "There is no upload with this id.",
        "Upload the archive with POST /api/uploads and use the upload_id of the answer.",
    ),
    "JOB_NOT_FOUND": ErrorSpec(
        "JOB_NOT_FOUND", 404, "There is no job with this id.", "List the jobs with GET /api/jobs."
    ),
    "API_KEY_NOT_FOUND": ErrorSpec(
        "API_KEY_NOT_FOUND",
        404,
        "There is no API key with this id.",
        "List the keys with GET /api/v1/api-keys.",
    ),
    "RATE_POLICY_NOT_FOUND": ErrorSpec(
        "RATE_POLICY_NOT_FOUND",
        404,
        "There is no rate policy with this id.",
        "List the policies with GET /api/v1/rate-policies.",
    ),
    "AUDIT_ENTRY_NOT_FOUND": ErrorSpec(
        "AUDIT_ENTRY_NOT_FOUND",
        404,
        "There is no entry of the audit log with this id.",
        "List the entries with GET /api/v1/audit-log; old ones are deleted after WRIT_AUDIT_DAYS.",
    ),
    "WEBHOOK_NOT_FOUND": ErrorSpec(
        "WEBHOOK_NOT_FOUND",
        404,
        "There is no webhook with this id.",
        "List the webhooks with GET /api/v1/webhooks.",
    ),
    "DELIVERY_NOT_FOUND": ErrorSpec(
        "DELIVERY_NOT_FOUND",
        404,
        "The webhook has no delivery with this id.",
        "List its deliveries with GET /api/v1/webhooks/{id}/deliveries.",
    ),
    "USER_NOT_FOUND": ErrorSpec(
        "USER_NOT_FOUND", 404, "There is no user with this id.", "List the users with GET /api/v1/users."
    ),
    "APPLICATION_NOT_FOUND": ErrorSpec(
        "APPLICATION_NOT_FOUND",
        404,
        "There is no application with this id.",
        "List the applications with GET /api/v1/applications.",
    ),
    "METHOD_NOT_ALLOWED": ErrorSpec(
        "METHOD_NOT_ALLOWED",
        405,
        "This path does not have this method.",
        "Use one of the methods that the Allow header names.",
    ),
    "NOT_ACCEPTABLE": ErrorSpec(
        "NOT_ACCEPTABLE",
        406,
        "The Accept header allows none of the media types that this operation answers with.",
        "Accept the media type that the contract names, or */*.",
    ),
    "SITE_SLUG_TAKEN": ErrorSpec(
        "SITE_SLUG_TAKEN", 409, "Another site already has this slug.", "Choose another slug."
    ),
    "SITE_NOT_ACTIVE": ErrorSpec(
        "SITE_NOT_ACTIVE",
        409,
        "The site is not active.",
        "Wait until its status is active, or delete it if it failed.",
    ),
    "SITE_DELETING": ErrorSpec(
        "SITE_DELETING",
        409,
        "The site is being deleted.",
        "Nothing more can be ordered for it; follow the job that deletes it.",
    ),
    "ENVIRONMENT_SLUG_TAKEN": ErrorSpec(
        "ENVIRONMENT_SLUG_TAKEN",
        409,
        "Another environment of this site already has this slug.",
        "Choose another slug.",
    ),
    "ENVIRONMENT_NOT_ACTIVE": ErrorSpec(
        "ENVIRONMENT_NOT_ACTIVE",
        409,
        "The environment is not active.",
        "Wait until its status is active, or delete it if it failed.",
    ),
    "ENVIRONMENT_DELETING": ErrorSpec(
        "ENVIRONMENT_DELETING",
        409,
        "The environment is being deleted.",
        "Nothing more can be ordered for it; follow the job that deletes it.",
    ),
    "SOURCE_OTHER_SITE": ErrorSpec(
        "SOURCE_OTHER_SITE",
        409,
        "The source environment belongs to another site.",
        "Name a source environment of the same site.",
    ),
    "PROMOTE_SAME_ENVIRONMENT": ErrorSpec(
        "PROMOTE_SAME_ENVIRONMENT",
        409,
        "An environment cannot be promoted onto itself.",
        "Name another environment of the site as the target.",
    ),
    "PROMOTE_OTHER_SITE": ErrorSpec(
        "PROMOTE_OTHER_SITE",
        409,
        "The target environment belongs to another site.",
        "Name a target environment of the same site.",
    ),
    "NO_CURRENT_RELEASE": ErrorSpec(
        "NO_CURRENT_RELEASE", 409, "The environment has no current release.", "Deploy to it first."
    ),
    "NO_EARLIER_RELEASE": ErrorSpec(
        "NO_EARLIER_RELEASE",
        409,
        "There is no earlier good release to go back to.",
        "List the releases, and deploy the version that is wanted.",
    ),
    "RELEASE_NOT_GOOD": ErrorSpec(
        "RELEASE_NOT_GOOD",
        409,
        "The release cannot be made live: it is not good, or it is live already.",
        "Choose a release with status good that is kept and not active.",
    ),
    "BACKUP_ENVIRONMENT_MISMATCH": ErrorSpec(
        "BACKUP_ENVIRONMENT_MISMATCH",
        409,
        "The backup was made of another environment.",
        "Choose a backup of this environment.",
    ),
    "BACKUP_NOT_AVAILABLE": ErrorSpec(
        "BACKUP_NOT_AVAILABLE",
        409,
        "The backup is not available.",
        "Wait until its status is available, or make another one.",
    ),
    "BACKUP_IN_USE": ErrorSpec(
        "BACKUP_IN_USE", 409, "A job is at work on the backup.", "Wait until that job has ended."
    ),
    "HOSTNAME_TAKEN": ErrorSpec(
        "HOSTNAME_TAKEN",
        409,
        "An environment already has this hostname.",
        "Remove the hostname there first, or choose another one.",
    ),
    "DOMAIN_DELETING": ErrorSpec(
        "DOMAIN_DELETING", 409, "The domain is being deleted.", "Follow the job that deletes it."
    ),
    "JOB_NOT_CANCELLABLE": ErrorSpec(
        "JOB_NOT_CANCELLABLE",
        409,
        "The job has already ended and cannot be cancelled.",
        "Only a queued or running job can be cancelled.",
    ),
    "JOB_NOT_RETRYABLE": ErrorSpec(
        "JOB_NOT_RETRYABLE",
        409,
        "The job cannot be retried.",
        "Only a failed or cancelled job whose subject still exists can be retried; place a new order instead.",
    ),
    "API_KEY_NOT_ACTIVE": ErrorSpec(
        "API_KEY_NOT_ACTIVE", 409, "The API key was revoked, which is for good.", "Make a new one."
    ),
    "RATE_POLICY_EXISTS": ErrorSpec(
        "RATE_POLICY_EXISTS",
        409,
        "There is a rate policy for this subject, surface, rate class, tier and window already.",
        "Replace that one, whose id is in details.policy_id.",
    ),
    "IDEMPOTENCY_IN_PROGRESS": ErrorSpec(
        "IDEMPOTENCY_IN_PROGRESS",
        409,
        "The first request with this Idempotency-Key still runs.",
        "Send it again after as many seconds as the Retry-After header says; it gets the first one's answer.",
    ),
    "WEBHOOK_NOT_ACTIVE": ErrorSpec(
        "WEBHOOK_NOT_ACTIVE", 409, "The webhook is disabled.", "Enable it first, with PUT and is_active true."
    ),
    "DELIVERY_NOT_REPLAYABLE": ErrorSpec(
        "DELIVERY_NOT_REPLAYABLE",
        409,
        "The event of the delivery is no longer kept.",
        "Read what it was about by the API.",
    ),
    "EMAIL_TAKEN": ErrorSpec(
        "EMAIL_TAKEN", 409, "Another user has this e-mail address.", "Choose another one."
    ),
    "LAST_OWNER": ErrorSpec(
        "LAST_OWNER",
        409,
        "The last active owner cannot be removed or get another role.",
        "Make somebody else an owner first.",
    ),
    "APPLICATION_WRONG_STATUS": ErrorSpec(
        "APPLICATION_WRONG_STATUS",
        409,
        "The approval status of the application does not allow this.",
        "Get the application to see its approval_status.",
    ),
    "APPLICATION_HAS_NO_SECRET": ErrorSpec(
        "APPLICATION_HAS_NO_SECRET",
        409,
        "The application keeps no secret, so there is none to replace.",
        "Register another application with is_confidential if it can keep one.",
    ),
    "PAYLOAD_TOO_LARGE": ErrorSpec(
        "PAYLOAD_TOO_LARGE",
        413,
        "The body is larger than the server accepts.",
        "Send less; details.limit_bytes says how much is accepted.",
    ),
    "FILE_TOO_LARGE": ErrorSpec(
        "FILE_TOO_LARGE",
        413,
        "The file is larger than uploads may be.",
        "Send a smaller archive; details.limit_bytes says how large it may be.",
    ),
    "UNSUPPORTED_FORMAT": ErrorSpec(
        "UNSUPPORTED_FORMAT",
        415,
        "The body is not in a format that this operation reads.",
        "Send one of the media types that the contract names, with a Content-Type header that says so.",
    ),
    "VALIDATION_ERROR": ErrorSpec(
        "VALIDATION_ERROR",
        422,
        "The request does not fit the contract.",
        "Correct every place that errors names.",
    ),
    "EVENT_NOT_FOUND": ErrorSpec(
        "EVENT_NOT_FOUND",
        404,
        "There is no event with this id.",
        "List the events with GET /api/v1/events; they are kept for as many days as WRIT_EVENT_DAYS says.",
    ),
    "NOTIFICATION_NOT_FOUND": ErrorSpec(
        "NOTIFICATION_NOT_FOUND",
        404,
        "There is no notification with this id for you.",
        "List yours with GET /api/v1/notifications.",
    ),
    "EVENT_GONE": ErrorSpec(
        "EVENT_GONE",
        410,
        "The event to go on after is not kept any more, or never was one.",
        "Read the resources as they are now, then begin again without it.",
    ),
    "EVENT_TYPE_UNKNOWN": ErrorSpec(
        "EVENT_TYPE_UNKNOWN",
        422,
        "No type of event is named so.",
        "Use a type of the table in docs/event-types.md, or a pattern like environment.*.",
    ),
    "CURSOR_INVALID": ErrorSpec(
        "CURSOR_INVALID",
        422,
        "The cursor is not one that this list gave out.",
        "Take next_cursor from the page before, with the same filters and sort, or start without a cursor.",
    ),
    "IDEMPOTENCY_KEY_REUSED": ErrorSpec(
        "IDEMPOTENCY_KEY_REUSED",
        422,
        "The Idempotency-Key was used for another request.",
        "Give every new request a key of its own; only an exact repetition has the same one.",
    ),
    "SPAN_TOO_LONG": ErrorSpec(
        "SPAN_TOO_LONG",
        422,
        "The span of time is too long to be summed up.",
        "Ask for a shorter one, or by the day.",
    ),
    "EXPIRY_NOT_AHEAD": ErrorSpec(
        "EXPIRY_NOT_AHEAD",
        422,
        "The time at which the API key would end is not ahead.",
        "Give a time to come, or leave expires_at out.",
    ),
    "SCALE_BELOW_AMOUNT": ErrorSpec(
        "SCALE_BELOW_AMOUNT",
        422,
        "The amount of the rate policy would grow to less than it is.",
        "Give a scales_to of at least amount, or leave it out.",
    ),
    "PROJECT_UNKNOWN": ErrorSpec(
        "PROJECT_UNKNOWN",
        422,
        "There is no such project that the key could be confined to.",
        "Name sites that you can see; GET /api/sites lists them.",
    ),
    "ENDPOINT_UNKNOWN": ErrorSpec(
        "ENDPOINT_UNKNOWN",
        422,
        "The contract has no operation with this method and path.",
        "Write method and path as the contract does, such as GET /sites/{id}.",
    ),
    "SOURCE_REF_INVALID": ErrorSpec(
        "SOURCE_REF_INVALID",
        422,
        "The source cannot be understood.",
        "For git give <url>#<branch, tag or commit>, or only the ref if the site has a repository_url; for an upload give its id.",
    ),
    "SOURCE_NOT_ALLOWED": ErrorSpec(
        "SOURCE_NOT_ALLOWED",
        422,
        "The source may not be used from this server.",
        "Use https or ssh and a public host, or have the network or folder added to the trusted ones.",
    ),
    "UPLOAD_UNKNOWN": ErrorSpec(
        "UPLOAD_UNKNOWN",
        422,
        "The upload that the request names does not exist.",
        "Upload the archive with POST /api/uploads and use the upload_id of the answer.",
    ),
    "URL_NOT_ALLOWED": ErrorSpec(
        "URL_NOT_ALLOWED",
        422,
        "The URL may not be fetched from this server.",
        "Use an https URL on a public host, or have the network added to the trusted ones.",
    ),
    "REPLAY_TOO_LARGE": ErrorSpec(
        "REPLAY_TOO_LARGE",
        422,
        "These are more events than one order may send once more.",
        "Name a shorter time or fewer types; details.limit says how many they may be.",
    ),
    "RATE_LIMITED": ErrorSpec(
        "RATE_LIMITED",
        429,
        "There were too many requests.",
        "Wait for as many seconds as the Retry-After header says.",
    ),
    "INTERNAL_ERROR": ErrorSpec(
        "INTERNAL_ERROR",
        500,
        "Something went wrong in the server.",
        "Try again; if it happens again, report the request_id or the id of the job.",
    ),
    "WP_CLI_ERROR": ErrorSpec(
        "WP_CLI_ERROR",
        502,
        "WP-CLI failed on the node.",
        "Read the message, and check that PHP, WP-CLI and the database of the site work there.",
    ),
    "SERVICE_UNAVAILABLE": ErrorSpec(
        "SERVICE_UNAVAILABLE", 503, "The server cannot do this at the moment.", "Try again in a little while."
    ),
    "NODE_UNREACHABLE": ErrorSpec(
        "NODE_UNREACHABLE",
        503,
        "The node did not answer within the time limit.",
        "Check that the node is up and that SSH reaches it, then try again.",
    ),
    "SOURCE_REF_NOT_FOUND": ErrorSpec(
        "SOURCE_REF_NOT_FOUND",
        None,
        "The repository has no such branch, tag or commit.",
        "Check the ref, push it if needed, and deploy again.",
    ),
    "SOURCE_UNAVAILABLE": ErrorSpec(
        "SOURCE_UNAVAILABLE",
        None,
        "The repository could not be reached or read.",
        "Check the URL, the network and the access rights, then retry the job.",
    ),
    "ARCHIVE_UNSAFE": ErrorSpec(
        "ARCHIVE_UNSAFE",
        None,
        "The archive holds an entry that is not safe to unpack.",
        "Pack it again without absolute paths, .. in names, links that leave the tree, and devices.",
    ),
    "ARCHIVE_INVALID": ErrorSpec(
        "ARCHIVE_INVALID", None, "The archive cannot be read.", "Pack it again as a whole zip or tar.gz file."
    ),
    "ARCHIVE_TOO_LARGE": ErrorSpec(
        "ARCHIVE_TOO_LARGE",
        None,
        "The unpacked archive would be larger than is allowed.",
        "Pack less, or have the limits raised.",
    ),
    "DOWNLOAD_FAILED": ErrorSpec(
        "DOWNLOAD_FAILED",
        None,
        "The archive could not be downloaded.",
        "Check that the URL answers with the archive, then retry the job.",
    ),
    "RELEASE_INVALID": ErrorSpec(
        "RELEASE_INVALID",
        None,
        "The new release did not pass its checks and was not made live.",
        "Read the job's log, correct the source, and deploy again.",
    ),
    "HEALTH_CHECK_FAILED": ErrorSpec(
        "HEALTH_CHECK_FAILED",
        None,
        "The new release did not answer as expected, and the release before it was made live again.",
        "Read the job's log, correct the release, and deploy again.",
    ),
    "BACKUP_CORRUPT": ErrorSpec(
        "BACKUP_CORRUPT", None, "The backup does not match its checksums.", "Use another backup."
    ),
    "DISK_FULL": ErrorSpec(
        "DISK_FULL",
        None,
        "The disk of the server or of the node is full.",
        "Free some space, then retry the job.",
    ),
    "NODE_COMMAND_FAILED": ErrorSpec(
        "NODE_COMMAND_FAILED",
        None,
        "A command failed on the node.",
        "Read the job's log for what the command said.",
    ),
    "STEP_TIMEOUT": ErrorSpec(
        "STEP_TIMEOUT",
        None,
        "A step took longer than it may.",
        "Look in the job's log for what it waited for, then retry the job.",
    ),
    "WORKER_LOST": ErrorSpec(
        "WORKER_LOST",
        None,
        "The worker that carried out the job died, and the job could not be repeated safely.",
        "Look at the environment, then retry the job.",
    ),
    "JOB_CANCELLED": ErrorSpec(
        "JOB_CANCELLED", None, "The job was cancelled.", "Retry the job if it is wanted after all."
    ),
}
