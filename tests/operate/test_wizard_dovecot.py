"""A new owner's way against a real Dovecot: the wizard in a pseudo-terminal, the first sync, then the bundle. Both languages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from imapclient.imap_utf7 import encode

from evidence.config import load_config
from evidence.operate.demo import sample_folders
from tests.operate.terminal import Terminal
from tests.servers.dovecot import PASSWORD, Dovecot, binary

MAILBOX = "office@polka-tochka.example"
needs_dovecot = pytest.mark.skipif(
    binary() is None and not os.environ.get("EVIDENCE_REQUIRE_SERVERS"), reason="dovecot-imapd is not installed"
)


@pytest.fixture(scope="module")
def dovecot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dovecot]:
    """Filled with the Russian dispute about the shelf, by a hand that is not the program's."""
    with Dovecot(tmp_path_factory.mktemp("dovecot")) as server:
        client = server.client(MAILBOX)
        for name, messages in sample_folders("shelf").items():
            folder = encode(name).decode("ascii") if isinstance(encode(name), bytes) else encode(name)
            if folder != "INBOX":
                client.create(f'"{folder}"')
            for raw, date, _flags in messages:
                client.append(f'"{folder}"', "\\Seen", f'"{date}"', raw)
        client.logout()
        yield server


def evidence(*words: str, cwd: Path, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(
        [sys.executable, "-c", "from evidence.cli import main; main()", *words], cwd=cwd, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | {"EVIDENCE_LANG": "en"} | environment,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    return ended


@needs_dovecot
@pytest.mark.parametrize("language", ["ru", "en"])
def test_from_the_wizard_to_a_bundle_of_ones_own(dovecot: Dovecot, tmp_path: Path, language: str) -> None:
    ru = language == "ru"
    began = time.monotonic()
    terminal = Terminal(
        ["init", "matter", "--port", str(dovecot.tls_port), "--ca-file", str(dovecot.cert)],
        tmp_path,
        # no keyring and no crontab in reach: this machine's own must not be touched
        {"PW": PASSWORD, "EVIDENCE_LANG": language, "TERM": "dumb", "TZ": "Asia/Yekaterinburg", "XDG_RUNTIME_DIR": "",
         "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "PATH": str(tmp_path)},
    )  # fmt: skip

    def dialogue(*steps: tuple[str, str, str | None]) -> None:
        for russian, english, reply in steps:
            terminal.until(russian if ru else english)
            if reply is not None:
                terminal.answer(reply)

    dialogue(
        ("Адрес вашего ящика", "Your mailbox's address", "no address"),
        ("Похоже на ошибку", "does not look right", MAILBOX),
        (r"DNS.*\[Д/н\]", r"DNS.*\[Y/n\]", "нет" if ru else "no"),
        (r"IMAP \[imap\.polka-tochka\.example\]", r"IMAP server \[imap\.polka-tochka\.example\]", "127.0.0.1"),
        ("1  команда", "1  a command", None),  # no keyring here, so none is offered
        ("2  переменная", "2  an environment", None),
        (r"> \[1\]", r"> \[1\]", "2"),
        ("Имя переменной", "The variable's name", "WRONG"),
        ("WRONG", "WRONG", None),
        (r"\[Д/н\]", r"\[Y/n\]", None),
    )
    terminal.answer("н" if ru else "n")  # a refusal ends nothing: the set-up goes on without the mailbox
    dialogue(("Наше название", "Our name", None))
    terminal.close()

    terminal = Terminal(
        ["init", "matter", "--port", str(dovecot.tls_port), "--ca-file", str(dovecot.cert), "--address", MAILBOX, "--host", "127.0.0.1",
         "--password-env", "PW"],
        tmp_path,
        {"PW": PASSWORD, "EVIDENCE_LANG": language, "TERM": "dumb", "TZ": "Asia/Yekaterinburg", "XDG_RUNTIME_DIR": "", "PATH": str(tmp_path)},
    )  # fmt: skip
    dialogue(
        (r"IMAP.*\[127\.0\.0\.1\]", r"IMAP.*\[127\.0\.0\.1\]", ""),
        ("Вход удался", "The login works", None),
        (r"Клиенты +1\r", r"Клиенты +1\r", None),
        (r"Sent +22\r", r"Sent +22\r", None),
        (r"INBOX +18\r", r"INBOX +18\r", None),
        ("Наше название", "Our name", "Полка и точка"),
        (r"marina@polka-tochka\.example  Марина Соболева  \(\d+ пис", r"marina@polka-tochka\.example  Марина Соболева  \(\d+ message", None),
        ("Наши адреса", "Our addresses", ""),
        (
            r"1  teply-dom\.example  Виталий Крючков, Яна Тропинина  \(2 адреса, 3\d пис",
            r"1  teply-dom\.example  Виталий Крючков, Яна Тропинина  \(2 addresses, 3\d messages",
            None,
        ),
        ("Кто из них клиент", "Which of them is the client", "1"),
        (r"vitaly@teply-dom\.example  \(\d+ пис", r"vitaly@teply-dom\.example  \(\d+ message", None),
        (r"клиента \[Виталий Крючков\]", r"client's name \[Виталий Крючков\]", "Тёплый дом"),
        (r"Адреса клиента.*\[vitaly@teply-dom\.example conflict@teply-dom\.example\]", r"client's addresses.*conflict@", ""),
        (r"спор \[Спор с клиентом: Тёплый дом\]", r"Title of the dispute \[Dispute with Тёплый дом\]", ""),
        (rf"\[{language}\]", rf"\[{language}\]", ""),
        (r"\[Asia/Yekaterinburg\]", r"\[Asia/Yekaterinburg\]", "Europe/Moscow"),
        (r"\[RU\]" , r"\[GB\]", "RU"),
        (r"\[3\]", r"\[3\]", "5"),
        (r"ставки.*\[д/Н\]", r"hourly rates.*\[y/N\]", "да" if ru else "yes"),
        (r"Ставка в час — .*", r"Hourly rate of .*", "many"),  # not a number: passed over, and said
        ("не ставка|ставк", "not a rate", None),
        (r"Ставка в час — .*", r"Hourly rate of .*", "450"),
        (r"Ставка в час — .*", r"Hourly rate of .*", ""),
        (r"больше никого", r"no more", ""),
        (r"архив сейчас\? \[Д/н\]", r"mail now\? \[Y/n\]", "д" if ru else ""),
        (r"принято 3\d нов", r"3\d new messages archived", None),
        (r"каждый час.*\[д/Н\]", r"every hour.*\[y/N\]", "да" if ru else "y"),
        (r"sync --scheduled", r"sync --scheduled", None),
        (r"из переменной PW, а запуск по расписанию её не знает", r"the environment variable PW, which scheduled runs do not see", None),
        (r"Установить\? \[Д/н\]", r"Install this\? \[Y/n\]", ""),
        (r"нет ни пользовательских таймеров systemd, ни cron", r"neither systemd user timers nor cron", None),
        (r"evidence -c matter/config\.toml bundle", r"evidence -c matter/config\.toml bundle", None),
    )  # fmt: skip
    assert terminal.ended() == 0

    config = load_config(tmp_path / "matter" / "config.toml")
    text = (tmp_path / "matter" / "config.toml").read_text(encoding="utf-8")
    assert PASSWORD not in text
    assert config.client.addresses == ("vitaly@teply-dom.example", "conflict@teply-dom.example")
    assert [(s.addresses, s.hourly_rate) for s in config.us.staff] == [(config.us.staff[0].addresses, 450.0)]
    assert config.us.staff[0].addresses[0].endswith("@polka-tochka.example")
    assert (config.matter.timezone, config.timeline.answer_within_days, config.account[0].password_env) == (
        "Europe/Moscow",
        5,
        "PW",
    )

    pdf = evidence("-c", "matter", "bundle", cwd=tmp_path, PW=PASSWORD).stdout.strip()
    assert (tmp_path / pdf).read_bytes().startswith(b"%PDF-1.7")
    assert time.monotonic() - began < 300, "the whole way is far from ten minutes of reading"
    state = json.loads(evidence("-c", "matter", "status", "--json", cwd=tmp_path).stdout)
    assert (state["in_scope"], state["owed"], state["bundles"]) == (34, [], 1)
    assert evidence("-c", "matter", "verify", cwd=tmp_path).stdout.startswith("SOUND")


@needs_dovecot
def test_with_yes_and_flags_the_same_matter_is_set_up_and_read_without_a_question(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    ended = evidence(
        "init", "matter", "--yes", "--sync", "--no-schedule", "--address", MAILBOX, "--host", "127.0.0.1", "--port", str(dovecot.port),
        "--tls", "starttls", "--ca-file", str(dovecot.cert), "--password-env", "PW", "--us-name", "Shelf", "--us-address", "@polka-tochka.example",
        "--client-name", "Home", "--client-address", "@teply-dom.example", "--timezone", "Europe/Moscow",
        cwd=tmp_path, PW=PASSWORD,
    )  # fmt: skip
    assert ended.stdout.strip() == "matter/config.toml"
    assert "new messages archived" in ended.stderr
    assert (tmp_path / "matter" / "archive.db").exists()
