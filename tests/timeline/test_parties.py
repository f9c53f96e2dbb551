"""Who is who, what is in scope, and what of counsel's mail is withheld."""

from __future__ import annotations

import pytest

from evidence.config import Config
from evidence.model import Address
from evidence.timeline.parties import Parties

CONFIG = Config.model_validate(
    {
        "matter": {"title": "t"},
        "us": {
            "name": "North",
            "addresses": ["office@north.example", "@north.example"],
            "staff": [{"name": "Anna Orlova", "addresses": ["Anna@north.example"]}],
        },
        "client": {
            "name": "Romashka",
            "addresses": ["director@romashka.example", "@romashka.example"],
            "delegates": [{"name": "Conflict manager", "addresses": ["claims@hired.example"]}],
        },
        "counsel": {"addresses": ["@lawfirm.example", "own.lawyer@romashka.example"]},
    }
)
PARTIES = Parties(CONFIG)


def mail(sender: str, *to: str, cc: tuple[str, ...] = ()) -> tuple[Address, ...]:
    return (Address("from", "", sender), *(Address("to", "", t) for t in to), *(Address("cc", "", c) for c in cc))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("anna@NORTH.example", ("us", "Anna Orlova")),
        ("someone@north.example", ("us", "North")),
        ("Director@Romashka.Example", ("client", "Romashka")),
        ("claims@hired.example", ("client", "Conflict manager")),
        ("other@hired.example", ("third", "")),
        ("x@lawfirm.example", ("counsel", "")),
        ("own.lawyer@romashka.example", ("counsel", "")),  # the exact address beats the client's domain
        ("anna@north.example.evil.example", ("third", "")),
        ("", ("third", "")),
    ],
)
def test_an_exact_address_beats_a_domain_and_case_does_not_matter(address: str, expected: tuple[str, str]) -> None:
    assert PARTIES.who(address) == expected


@pytest.mark.parametrize(
    ("letter", "scope"),
    [
        (mail("anna@north.example", "director@romashka.example"), "in-scope"),
        (mail("claims@hired.example", "office@north.example"), "in-scope"),
        (mail("anna@north.example", "boss@north.example", cc=("director@romashka.example",)), "in-scope"),
        (mail("anna@north.example", "boss@north.example"), "context"),
        (mail("director@romashka.example", "claims@hired.example"), "context"),
        (mail("anna@north.example", "carrier@truck.example"), "context"),
        (mail("carrier@truck.example", "anna@north.example", "director@romashka.example"), "context"),
        (mail("x@lawfirm.example", "director@romashka.example"), "in-scope"),
    ],
)
def test_scope_is_from_one_side_to_the_other(letter: tuple[Address, ...], scope: str) -> None:
    assert PARTIES.scope(letter)[0] == scope


@pytest.mark.parametrize(
    ("letter", "withheld"),
    [
        (mail("anna@north.example", "x@lawfirm.example"), True),
        (mail("x@lawfirm.example", "anna@north.example"), True),
        (mail("anna@north.example", "boss@north.example", cc=("x@lawfirm.example",)), True),
        (mail("x@lawfirm.example", "director@romashka.example", cc=("anna@north.example",)), False),
        (mail("anna@north.example", "x@lawfirm.example", cc=("expert@third.example",)), False),
        (mail("anna@north.example", "boss@north.example"), False),
    ],
)
def test_counsels_mail_is_withheld_only_where_no_outsider_saw_it(letter: tuple[Address, ...], withheld: bool) -> None:
    assert PARTIES.withheld(letter) is withheld


def test_counsel_writing_to_the_client_speaks_for_us() -> None:
    assert PARTIES.speaker(mail("x@lawfirm.example", "director@romashka.example")) == ("us", "x@lawfirm.example")


def test_the_header_names_the_person_where_only_the_firm_is_configured() -> None:
    sender = (Address("from", "Pyotr Petrov", "pp@north.example"), Address("to", "", "director@romashka.example"))
    assert PARTIES.speaker(sender) == ("us", "Pyotr Petrov")


def test_sender_speaks_only_where_from_is_missing() -> None:
    both = (Address("sender", "", "anna@north.example"), Address("from", "", "director@romashka.example"))
    assert PARTIES.speaker(both)[0] == "client"
    assert PARTIES.speaker(both[:1])[0] == "us"


def test_addressees_are_sides_without_repetition() -> None:
    letter = mail(
        "director@romashka.example", "anna@north.example", "boss@north.example", cc=("carrier@truck.example",)
    )
    assert PARTIES.addressees(letter) == ("us", "third")


@pytest.mark.parametrize(
    "written", ["ромашка.рф", "Ромашка.РФ", "xn--80aa3agjl3d.xn--p1ai", "XN--80AA3AGJL3D.xn--p1ai"]
)
@pytest.mark.parametrize(
    "configured", ["@ромашка.рф", "@Ромашка.РФ", "@xn--80aa3agjl3d.xn--p1ai", "director@ромашка.рф"]
)
def test_a_domain_in_its_own_letters_and_in_ascii_is_one_domain(configured: str, written: str) -> None:
    parties = Parties(
        Config.model_validate(
            {
                "matter": {"title": "t"},
                "us": {"name": "North", "addresses": ["@north.example"]},
                "client": {"name": "Romashka", "addresses": [configured]},
            }
        )
    )
    assert parties.who(f"Director@{written}") == ("client", "Romashka")
    assert parties.scope(mail(f"director@{written}", "office@north.example"))[0] == "in-scope"


def test_counsel_with_a_cyrillic_domain_is_still_privileged() -> None:
    parties = Parties(
        Config.model_validate(
            {
                "matter": {"title": "t"},
                "us": {"name": "North", "addresses": ["@north.example"]},
                "client": {"name": "Romashka", "addresses": ["@romashka.example"]},
                "counsel": {"addresses": ["@юрист.рф"]},
            }
        )
    )
    assert parties.withheld(mail("office@north.example", "anna@" + "юрист.рф".encode("idna").decode()))
