"""The vendor on loopback, for readers that ask one."""

from memories.tests.providers.conftest import vendor

__all__ = ["vendor"]
