"""Runs the migrations on the connection that scheduler.db hands over; there is no alembic.ini and no second way."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Enum

from scheduler.db import UtcDateTime
from scheduler.tables import metadata


def render_item(kind: str, item: Any, _autogen: object) -> str | Literal[False]:
    # A migration must not change when the program does: plain column types, not this program's.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String(length={item.length})"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a column: Alembic copies the table instead.
    render_as_batch=context.config.attributes.get("batch", True),
    render_item=render_item,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
