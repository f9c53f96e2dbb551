"""config.toml: every mistake at once, each with its line and the nearest known key."""

from __future__ import annotations

import pickle
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.config import Config, load_config, parse_config
from evidence.errors import UsageError

GOOD = """
[matter]
title = "T"
[us]
name = "Us"
addresses = ["a@us.example"]
[client]
name = "Them"
addresses = ["@Them.Example"]
"""


def test_the_example_shows_every_key_and_is_valid(repository: Path) -> None:
    text = (repository / "config.example.toml").read_text(encoding="utf-8")
    config = parse_config(text, repository / "config.example.toml")
    assert config.account[0].name == "office"

    def keys(model: type, prefix: str = "") -> set[str]:
        found = set()
        for name, field in model.model_fields.items():  # type: ignore[attr-defined]
            inner = [
                a for a in (field.annotation, *getattr(field.annotation, "__args__", ())) if hasattr(a, "model_fields")
            ]
            found |= keys(inner[0], f"{prefix}{name}.") if inner else {f"{prefix}{name}"}
        return found

    shown = text.replace("# ", "")
    missing = [
        k
        for k in keys(Config)
        if k != "folder" and f"\n{k.rpartition('.')[2]} = " not in "\n" + shown.replace("\n# ", "\n")
    ]
    assert missing == []


def test_domains_are_lower_case_and_paths_are_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(GOOD, encoding="utf-8")
    config = load_config(path)
    assert config.client.addresses == ("@them.example",)
    assert config.archive_path == tmp_path / "archive.db"


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("[matter2]\nx = 1\n", "did you mean “matter”"),
        ("[timeline]\nanswer_within_day = 3\n", "did you mean “answer_within_days”"),
        ("[timeline]\ndays = 'workdays'\n", "'working' or 'calendar'"),
        (
            "[[account]]\nname='a'\nhost='imap.far.example'\nusername='u'\ntls='none'\n",
            "only within this machine (loopback)",
        ),
        ("[[account]]\nname='a'\nhost='h'\nusername='u'\npassword_env='A'\nkeyring=true\n", "give only one of"),
        ("[[account]]\nname='a'\nhost='h'\nusername='u'\n[[account]]\nname='a'\nhost='h'\nusername='u'\n", "same name"),
        ("[[account]]\nname='a'\nhost=\"h\\r\\nx\"\nusername='u'\n", "line breaks"),
        ("[[client.delegates]]\nname='x'\naddresses=['a@us.example']\n", "both for us and for the client"),
        ("[[client.delegates]]\nname='x'\naddresses=['no address']\n", "neither an address"),
        ("[bundle]\nembed_max_mb = -1\n", "should be 0 or more"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(added: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_config(GOOD + added, Path("config.toml"))
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def test_the_line_of_an_unknown_key_is_told() -> None:
    text = GOOD + "[timeline]\ncountry = 'RU'\nanswer_within_day = 3\n"
    with pytest.raises(UsageError) as caught:
        parse_config(text, Path("config.toml"))
    line = text.splitlines().index("answer_within_day = 3") + 1
    assert f"line {line}:" in str(caught.value)


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        parse_config("[matter]\ntitle = 1\nzone = 'x'\n[us]\nname='n'\n", Path("config.toml"))
    assert "matter.title" in str(caught.value)
    assert "matter.zone" in str(caught.value)
    assert "client" in str(caught.value)


def test_a_file_that_is_not_toml_or_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="evidence init"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[matter\n", encoding="utf-8")
    with pytest.raises(UsageError, match="not valid TOML"):
        load_config(tmp_path / "bad.toml")
    (tmp_path / "latin.toml").write_bytes("title = 'ж'".encode("cp1251"))
    with pytest.raises(UsageError, match="UTF-8"):
        load_config(tmp_path / "latin.toml")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(["matter", "us", "client", "account", "scope"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text("abct", max_size=4), x, max_size=3),
            max_leaves=8,
        ),
    )
)
def test_no_shape_of_configuration_ends_in_a_traceback(table: dict[str, object]) -> None:
    import tomlkit

    try:
        text = tomlkit.dumps(table)
        tomllib.loads(text)
    except Exception:
        return
    with pytest.raises(UsageError):
        parse_config(text, Path("config.toml"))


def test_a_configuration_is_read_not_changed_and_survives_the_way_to_a_worker(repository: Path) -> None:
    config = load_config(repository / "config.example.toml")
    with pytest.raises(AttributeError):
        config.matter.title = "another"  # type: ignore[misc]
    there = pickle.loads(pickle.dumps(config))
    assert there == config
    assert hash(there) == hash(config)
    assert there.model_dump_json() == config.model_dump_json()


@pytest.mark.parametrize(
    ("section", "given", "kept"),
    [
        ("account.port", '"993"', 993),
        ("account.port", "993.0", 993),
        ("account.keyring", '"yes"', True),
        ("account.host", '"  imap.far.example "', "imap.far.example"),
        ("effort.minutes_per_message", "4", 4.0),
        ("effort.minutes_per_message", '"4.5"', 4.5),
    ],
)
def test_what_a_person_means_is_taken(section: str, given: str, kept: object) -> None:
    table, key = section.split(".")
    head = "[[account]]\nname='a'\nusername='u'\n" if table == "account" else f"[{table}]\n"
    head += "host='h'\n" if table == "account" and key != "host" else ""
    config = parse_config(GOOD + head + f"{key} = {given}\n", Path("config.toml"))
    holder = config.account[0] if table == "account" else config.effort
    assert getattr(holder, key) == kept
    assert type(getattr(holder, key)) is type(kept)


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (
            "[timeline]\nanswer_within_days = 2.5\n",
            "timeline.answer_within_days: should be a whole number, without a fraction",
        ),
        ("[timeline]\nanswer_within_days = 'soon'\n", "should be a whole number; this text is not one"),
        ("[timeline]\nanswer_within_days = 366\n", "should be 365 or less"),
        ("[effort]\nwords_per_minute_reading = 0\n", "should be more than 0"),
        ("[effort]\nwords_per_minute_reading = []\n", "should be a number"),
        ("[anchor]\ntest = 'perhaps'\n", "should be true or false; this value is neither"),
        ("[counsel]\naddresses = 'a@law.example'\n", "counsel.addresses: should be a list in square brackets"),
        ("[counsel]\naddresses = [1]\n", "counsel.addresses[1]: should be text in quotation marks"),
        ("account = 1\n", "account: should be a list in square brackets"),
        ("[matter.title]\nx = 1\n", "not valid TOML"),
        ("[[client.delegates]]\naddresses = []\n", "client.delegates[1].name: this key is required"),
    ],
)
def test_every_kind_of_value_is_checked(added: str, said: str) -> None:
    text = added + GOOD if added.startswith("account") else GOOD + added
    with pytest.raises(UsageError) as caught:
        parse_config(text, Path("config.toml"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("title = “Shelf”", "straight quotation marks"),
        ("title = «Полка»", "straight quotation marks"),
        ("title = Полка", "straight quotation marks"),
        ('archive = "C:\\Users\\me\\archive.db"', "write / in paths"),
        ('[us]\nname = "a"\n[us.staff]\nname = "a"', "write [[us.staff]], in double brackets"),
        ("test = True", "true and false, in small letters"),
        ('title = "a"\ntitle = "b"', "stands twice in its section"),
        ("[us]\n[us]", "A section stands twice"),
        ('[account]\nname = "a"', "write [[account]], in double brackets"),
    ],
)
def test_a_slip_of_a_person_not_used_to_toml_is_named_with_its_remedy(wrong: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_config("[matter]\n" + wrong + "\n", Path("config.toml"))
    assert said in str(caught.value)


def test_a_mistake_of_the_whole_file_names_no_place() -> None:
    twice = "[[account]]\nname='a'\nhost='h'\nusername='u'\n" * 2
    with pytest.raises(UsageError) as caught:
        parse_config(GOOD + twice, Path("config.toml"))
    assert "\n  two accounts" in str(caught.value)
