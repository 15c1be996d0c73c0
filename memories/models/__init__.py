"""The rows of the domain."""

from memories.models.conversation import Conversation
from memories.models.embedding import EmbeddingStatus, EmbeddingWindow, MessageEmbedding
from memories.models.fact import Fact, FactSource, FactVector, Profile
from memories.models.hold import Hold
from memories.models.job import Job, JobKind, JobStatus, Reading, TokenSpend
from memories.models.message import Message, Role
from memories.models.posting import CommonTerm, Posting
from memories.models.usage import DailyUsage, TenantSize

__all__ = [
    "CommonTerm",
    "Conversation",
    "DailyUsage",
    "EmbeddingStatus",
    "EmbeddingWindow",
    "Fact",
    "FactSource",
    "FactVector",
    "Hold",
    "Job",
    "JobKind",
    "JobStatus",
    "Message",
    "MessageEmbedding",
    "Posting",
    "Profile",
    "Reading",
    "Role",
    "TenantSize",
    "TokenSpend",
]
