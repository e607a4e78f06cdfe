"""Migrations that would close the shop, or break the release that still runs, are found before anybody runs them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from alembic.config import Config

from facepay.migrate import MIGRATIONS, alembic_config
from facepay.migration_check import BASELINE, Breach, breaches

HEAD = '''
"""One."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = {revision!r}, {down!r}
{declared}

def upgrade():
    {body}
'''
CONCURRENTLY = """with op.get_context().autocommit_block():
        op.execute("drop index concurrently if exists ix_member_born_on")
        op.create_index("ix_member_born_on", "member", ["born_on"], postgresql_concurrently=True)"""
STOPS_THE_SHOP = {
    "op.alter_column('member', 'phone', type_=sa.Text())": "Add another",
    "op.alter_column('member', 'phone', new_column_name='number')": "Add another",
    "op.rename_table('member', 'customer')": "Add another",
    "op.execute('alter type ledger.kind rename value \\'void\\' to \\'undone\\'')": "Add another",
    "op.alter_column('member', 'phone', nullable=False)": "validate it in a later migration",
    "op.add_column('member', sa.Column('title', sa.Text(), nullable=False))": "nullable",
    "op.add_column('member', sa.Column('id2', sa.Uuid(), server_default=sa.text('gen_random_uuid()')))": "backfill",
    "op.add_column('member', sa.Column('store_id', sa.Uuid(), sa.ForeignKey('store.id')))": "NOT VALID",
    "op.create_index('ix_member_born_on', 'member', ['born_on'])": "concurrently",
    "op.create_index('ix_member_born_on', 'member', ['born_on'], postgresql_concurrently=True)": "outside",
    "op.drop_index('ix_member_home_region', 'member')": "CONCURRENTLY",
    "op.create_check_constraint('ck', 'member', 'version > 0')": "NOT VALID",
    "op.create_foreign_key('fk', 'member', 'store', ['store_id'], ['id'])": "NOT VALID",
    "op.create_unique_constraint('uq', 'member', ['phone'])": "CONCURRENTLY",
}
DROPS = (
    "op.drop_column('member', 'phone')",
    "op.drop_table('wallet_freeze')",
    "op.alter_column('member', 'status', server_default=None)",
    "op.execute('drop function open_channel()')",
    "op.execute('drop type ledger.side')",
    "op.execute('drop schema access_log')",
)


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    shutil.copy(MIGRATIONS / "env.py", tmp_path)
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "0001.py").write_text(HEAD.format(revision="0001", down=None, declared="", body="pass"))
    return tmp_path


def found(migrations: Path, *bodies: str, declared: str = "") -> list[Breach]:
    # A file written twice within a second may be run as it was compiled first.
    shutil.rmtree(migrations / "versions" / "__pycache__", ignore_errors=True)
    for number, body in enumerate(bodies, start=2):
        text = HEAD.format(revision=f"{number:04}", down=f"{number - 1:04}", declared=declared, body=body)
        (migrations / "versions" / f"{number:04}.py").write_text(text)
    config = Config()
    config.set_main_option("script_location", str(migrations))
    return breaches(config, baseline="0001", release="1.4.0")


@pytest.mark.parametrize(("operation", "instead"), STOPS_THE_SHOP.items())
def test_what_stops_the_shop_is_named_with_what_to_do_instead(migrations: Path, operation: str, instead: str) -> None:
    told = found(migrations, "pass", operation, declared='contracts = "1.3.0"')
    assert {breach.revision for breach in told} == {"0003"}
    assert instead in "\n".join(map(str, told))
    assert all(re.match("(alter|create|drop) ", breach.statement, re.IGNORECASE) for breach in told)


@pytest.mark.parametrize("operation", DROPS)
def test_what_the_release_before_may_use_goes_only_once_a_release_did_without(migrations: Path, operation: str) -> None:
    (breach,) = found(migrations, operation)
    assert "contracts =" in breach.instead
    assert found(migrations, operation, declared='contracts = "1.4.0"') == [breach]
    assert found(migrations, operation, declared='contracts = "1.3.0"') == []


def test_what_leaves_the_shop_open_passes(migrations: Path) -> None:
    rule = "op.create_check_constraint('ck', 'member', 'phone is not null', postgresql_not_valid=True)"
    table = "op.create_table('tip', sa.Column('id', sa.Uuid(), primary_key=True), sa.Column('of', sa.Uuid()))"
    assert not found(
        migrations,
        "op.add_column('member', sa.Column('title', sa.Text()))",
        "op.add_column('member', sa.Column('visits', sa.BigInteger(), server_default='0', nullable=False))",
        rule,
        "op.execute('alter table member validate constraint ck')",
        "op.alter_column('member', 'phone', nullable=False)",
        "op.drop_constraint('ck', 'member')",
        f"{table}\n    op.create_index('ix_tip', 'tip', ['of'])",
        CONCURRENTLY,
    )


def test_a_check_validated_where_it_is_added_keeps_everybody_waiting(migrations: Path) -> None:
    rule = "op.create_check_constraint('ck', 'member', 'phone is not null', postgresql_not_valid=True)"
    (breach,) = found(migrations, f"{rule}\n    op.execute('alter table member validate constraint ck')")
    assert "separate transaction" in breach.instead


def test_our_own_migrations_leave_the_shop_open() -> None:
    assert breaches(alembic_config(), baseline=BASELINE, release="1.0.0") == []
