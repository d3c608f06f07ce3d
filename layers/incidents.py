"""The words of incidents: what they are about, the states they go through, how they came in."""

from __future__ import annotations

__all__ = ["CATEGORIES", "CLOSED", "OPEN", "SOURCES", "STATES"]

#: What a report is about: governance first, then the classes of events of GB/T 30428.2. Files may bring others.
CATEGORIES = (
    "safety_hazard", "dispute", "livelihood", "environment", "street_order", "construction", "advertising",
    "emergency", "policy_outreach", "opinion", "other",
)

#: States that are still somebody's work, in the order in which an incident goes through them.
OPEN = ("reported", "accepted", "dispatched", "in_progress", "resolved", "returned")
#: States after which nobody works on it.
CLOSED = ("closed", "rejected", "archived")
#: Every state.
STATES = (*OPEN, *CLOSED)

#: How an incident came in.
SOURCES = ("patrol", "resident", "hotline", "visit", "video", "transfer", "superior")
