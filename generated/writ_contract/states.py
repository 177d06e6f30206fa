"""Which state may follow which, as `x-states` says.

Written by scripts/generate from contracts/; not edited by hand.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from writ_contract.enums import (
    ApprovalStatus,
    BackupStatus,
    DeliveryStatus,
    DomainStatus,
    EnvironmentStatus,
    JobStatus,
    JobStepStatus,
    ReleaseStatus,
    SiteStatus,
)

DELIVERY_STATUS: dict[DeliveryStatus, frozenset[DeliveryStatus]] = {
    DeliveryStatus.PENDING: frozenset(
        [DeliveryStatus.DELIVERED, DeliveryStatus.RETRYING, DeliveryStatus.FAILED]
    ),
    DeliveryStatus.RETRYING: frozenset([DeliveryStatus.DELIVERED, DeliveryStatus.FAILED]),
    DeliveryStatus.DELIVERED: frozenset([]),
    DeliveryStatus.FAILED: frozenset([]),
}

APPROVAL_STATUS: dict[ApprovalStatus, frozenset[ApprovalStatus]] = {
    ApprovalStatus.PENDING: frozenset([ApprovalStatus.APPROVED, ApprovalStatus.REJECTED]),
    ApprovalStatus.APPROVED: frozenset([ApprovalStatus.SUSPENDED]),
    ApprovalStatus.SUSPENDED: frozenset([ApprovalStatus.APPROVED]),
    ApprovalStatus.REJECTED: frozenset([]),
}

SITE_STATUS: dict[SiteStatus, frozenset[SiteStatus]] = {
    SiteStatus.CREATING: frozenset([SiteStatus.ACTIVE, SiteStatus.FAILED, SiteStatus.DELETING]),
    SiteStatus.ACTIVE: frozenset([SiteStatus.DELETING]),
    SiteStatus.FAILED: frozenset([SiteStatus.CREATING, SiteStatus.DELETING]),
    SiteStatus.DELETING: frozenset([SiteStatus.ACTIVE, SiteStatus.CREATING, SiteStatus.FAILED]),
}

JOB_STATUS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset([JobStatus.RUNNING, JobStatus.CANCELLED]),
    JobStatus.RUNNING: frozenset(
        [JobStatus.QUEUED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED]
    ),
    JobStatus.SUCCEEDED: frozenset([]),
    JobStatus.FAILED: frozenset([]),
    JobStatus.CANCELLED: frozenset([]),
}

JOB_STEP_STATUS: dict[JobStepStatus, frozenset[JobStepStatus]] = {
    JobStepStatus.PENDING: frozenset([JobStepStatus.RUNNING, JobStepStatus.CANCELLED]),
    JobStepStatus.RUNNING: frozenset(
        [
            JobStepStatus.PENDING,
            JobStepStatus.SUCCEEDED,
            JobStepStatus.FAILED,
            JobStepStatus.UNDONE,
            JobStepStatus.CANCELLED,
        ]
    ),
    JobStepStatus.SUCCEEDED: frozenset([JobStepStatus.UNDONE]),
    JobStepStatus.FAILED: frozenset([JobStepStatus.UNDONE]),
    JobStepStatus.UNDONE: frozenset([]),
    JobStepStatus.CANCELLED: frozenset([JobStepStatus.UNDONE]),
}

ENVIRONMENT_STATUS: dict[EnvironmentStatus, frozenset[EnvironmentStatus]] = {
    EnvironmentStatus.CREATING: frozenset(
        [EnvironmentStatus.ACTIVE, EnvironmentStatus.FAILED, EnvironmentStatus.DELETING]
    ),
    EnvironmentStatus.ACTIVE: frozenset([EnvironmentStatus.DELETING]),
    EnvironmentStatus.FAILED: frozenset([EnvironmentStatus.CREATING, EnvironmentStatus.DELETING]),
    EnvironmentStatus.DELETING: frozenset(
        [EnvironmentStatus.ACTIVE, EnvironmentStatus.CREATING, EnvironmentStatus.FAILED]
    ),
}

RELEASE_STATUS: dict[ReleaseStatus, frozenset[ReleaseStatus]] = {
    ReleaseStatus.BUILDING: frozenset([ReleaseStatus.GOOD, ReleaseStatus.BAD]),
    ReleaseStatus.GOOD: frozenset([]),
    ReleaseStatus.BAD: frozenset([]),
}

BACKUP_STATUS: dict[BackupStatus, frozenset[BackupStatus]] = {
    BackupStatus.CREATING: frozenset([BackupStatus.AVAILABLE, BackupStatus.FAILED, BackupStatus.DELETING]),
    BackupStatus.AVAILABLE: frozenset([BackupStatus.DELETING]),
    BackupStatus.FAILED: frozenset([BackupStatus.CREATING, BackupStatus.DELETING]),
    BackupStatus.DELETING: frozenset([BackupStatus.AVAILABLE, BackupStatus.FAILED]),
}

DOMAIN_STATUS: dict[DomainStatus, frozenset[DomainStatus]] = {
    DomainStatus.CREATING: frozenset([DomainStatus.ACTIVE, DomainStatus.FAILED, DomainStatus.DELETING]),
    DomainStatus.ACTIVE: frozenset([DomainStatus.DELETING]),
    DomainStatus.FAILED: frozenset([DomainStatus.CREATING, DomainStatus.DELETING]),
    DomainStatus.DELETING: frozenset([DomainStatus.ACTIVE, DomainStatus.CREATING, DomainStatus.FAILED]),
}

TRANSITIONS: dict[type[StrEnum], Mapping[Any, frozenset[Any]]] = {
    DeliveryStatus: DELIVERY_STATUS,
    ApprovalStatus: APPROVAL_STATUS,
    SiteStatus: SITE_STATUS,
    JobStatus: JOB_STATUS,
    JobStepStatus: JOB_STEP_STATUS,
    EnvironmentStatus: ENVIRONMENT_STATUS,
    ReleaseStatus: RELEASE_STATUS,
    BackupStatus: BACKUP_STATUS,
    DomainStatus: DOMAIN_STATUS,
}
