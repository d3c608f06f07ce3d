"""The third step: the audit log, export jobs, changes of norms, and things placed by hand."""

from __future__ import annotations

from sqlalchemy import Connection

from gridmap.stores.sql_store import SqlStore

#: Tables that the step makes; a new store has them from the start.
MADE = ("audit", "export_jobs", "norm_changes", "placements")
_SAYS = "rows of the audit log are never changed"


def run(store: SqlStore, connection: Connection) -> None:
    """Make what is not there yet, and let nobody change or delete a row of the audit log."""
    for name in MADE:
        store.control[name].create(connection, checkfirst=True)
    table = connection.dialect.identifier_preparer.format_table(store.control["audit"])
    if connection.dialect.name == "sqlite":
        for deed in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS audit_no_{deed.lower()} BEFORE {deed} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
            )
        return
    function = f'"{store.schema}".audit_stays'
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{_SAYS}'; END $$"
    )
    connection.exec_driver_sql(
        f"CREATE OR REPLACE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"EXECUTE FUNCTION {function}()"
    )
