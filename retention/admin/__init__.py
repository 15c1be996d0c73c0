"""What operators see and do of retention."""

from retention.admin import cold, holds, policies, receipts, rules, runs

__all__ = ["cold", "holds", "policies", "receipts", "rules", "runs"]
