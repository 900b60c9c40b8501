"""The tables; ``migrations/env.py`` reads their metadata here, without Flask."""

from app.models.base import (
    ROWS_PER_ENTRY,
    Base,
    TableKind,
    entry_of,
    row_id,
    tables_of,
)
from app.models.claims import ClaimRow, ClaimStateRow, ClaimWithdrawalRow
from app.models.facilities import FacilityRow, ScaleRow
from app.models.imports import ImportRow
from app.models.labels import LabelCodeRow, LabelRow, LabelVoidingRow
from app.models.log import (
    CheckpointRow,
    CosignatureRow,
    EntryPartyRow,
    LogEntryRow,
    LogHeadRow,
    LogTileRow,
    SignerRow,
    VoidingRow,
    WitnessRow,
)
from app.models.lots import (
    CELL_COLUMNS,
    UNCOUNTED_COLUMNS,
    DeliveryRow,
    LotAliasRow,
    LotBalanceRow,
    LotRevisionRow,
    LotRow,
    TakingRow,
)
from app.models.organisations import (
    DisclosureGrantRow,
    DisclosureKeyRow,
    DisclosureRow,
    ErasureRow,
    OrganisationRow,
    SealedKeyRow,
    SigningKeyEndRow,
    SigningKeyRow,
)
from app.models.runs import MonthClosureRow, ProcessRunRow, RunFlowRow
from app.models.statements import SupplyRecordRow
from app.models.transfers import TransferOutcomeRow, TransferRow
from app.models.users import RoleRow, TokenRow, UserRow, user_role

__all__ = [
    "CELL_COLUMNS",
    "ROWS_PER_ENTRY",
    "UNCOUNTED_COLUMNS",
    "Base",
    "CheckpointRow",
    "ClaimRow",
    "ClaimStateRow",
    "ClaimWithdrawalRow",
    "CosignatureRow",
    "DeliveryRow",
    "DisclosureGrantRow",
    "DisclosureKeyRow",
    "DisclosureRow",
    "EntryPartyRow",
    "ErasureRow",
    "FacilityRow",
    "ImportRow",
    "LabelCodeRow",
    "LabelRow",
    "LabelVoidingRow",
    "LogEntryRow",
    "LogHeadRow",
    "LogTileRow",
    "LotAliasRow",
    "LotBalanceRow",
    "LotRevisionRow",
    "LotRow",
    "MonthClosureRow",
    "OrganisationRow",
    "ProcessRunRow",
    "RoleRow",
    "RunFlowRow",
    "ScaleRow",
    "SealedKeyRow",
    "SignerRow",
    "SigningKeyEndRow",
    "SigningKeyRow",
    "SupplyRecordRow",
    "TableKind",
    "TakingRow",
    "TokenRow",
    "TransferOutcomeRow",
    "TransferRow",
    "UserRow",
    "VoidingRow",
    "WitnessRow",
    "entry_of",
    "row_id",
    "tables_of",
    "user_role",
]
