"""`gan-advisor keys`: what the operator does with the keys of all teams."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="API keys: who may call, and for which team.")


@app.command("create")
def create(
    team: Annotated[str, typer.Option(help="What the key makes belongs to this team.")] = "default",
    name: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="read, recommend, validate or admin; again for more. All but admin if absent.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="It ends by itself after so many days.")] = None,
    adopt: Annotated[bool, typer.Option("--adopt", help="Give the team what was made before there were keys.")] = False,
) -> None:
    """Makes a key and prints it, this once."""
    from app import db, keys

    scopes = keys.read_scopes(scope) if scope else keys.USUAL
    db.upgrade()
    made = keys.create(team, name, scopes, days)
    if adopt:
        sys.stderr.write(f"{keys.adopt(team)} things made without a key belong to {team} now\n")
    _show(made.key, f"{', '.join(made.scopes)} for team {made.team}")


@app.command("list")
def listing(team: Annotated[str | None, typer.Option(help="Of one team alone.")] = None) -> None:
    """Every key, oldest first; secrets are not kept."""
    from app import keys

    for key in keys.listing(team):
        ends = f"revoked {key.revoked_at}" if key.revoked_at else f"until {key.expires_at}" if key.expires_at else "no end"
        sys.stdout.write(f"{key.id}  {key.team:16} {','.join(key.scopes):30} {ends:34} {key.name}\n")


@app.command("rotate")
def rotate(
    key_id: Annotated[str, typer.Argument(help="The 12 characters between `ga_` and the secret.")],
    overlap_hours: Annotated[float, typer.Option(min=0, help="The old key works for so long.")] = 0.0,
) -> None:
    """Prints a new key with the team, scopes and term of an old one, and ends that."""
    from app import keys

    made = keys.rotate(key_id, overlap_hours)
    _show(made.key, f"{key_id} ends {f'in {overlap_hours:g} h' if overlap_hours else 'now'}")


@app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="The 12 characters between `ga_` and the secret.")]) -> None:
    """Ends a key, everywhere within a second."""
    from app import keys

    keys.revoke(key_id)
    sys.stdout.write(f"{key_id} is revoked\n")


def _show(key: str, about: str) -> None:
    sys.stdout.write(f"{key}\n")
    sys.stderr.write(f"{about}; this is the only time the key is shown\n")
