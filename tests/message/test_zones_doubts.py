"""Sentences that look like a signature, a disclaimer or a mark and are the writer's; quotes whose mark is hard to see."""

from __future__ import annotations

import pytest

from tests.message.letters import body_zones, own_words, parsed, squeeze

OWN = [
    "Отправлено со склада вчера.\nТрек 123456.",
    "Отправлено через СДЭК 12 марта\nНакладная 1234567",
    "Отправлено из Казани 12 марта\nЖдите звонка",
    "Отправлено через Почту России\nНакладная 1234567",
    "Sent via DHL on Monday.\nTracking 12345",
    "Sent from our warehouse\nTracking 12345",
    "Thanks\nWe will sue you",
    "С уважением,\nАнна\n\nЖду деньги до завтра, иначе суд",
    "--\nВерните деньги до пятницы, иначе мы пойдём в суд.\nЖдём.",
    "Важно: получателем платежа является ИП Иванов, оплатите до пятницы.",
    "Внимание! Получатель груза отказался платить, подаём в суд.",
    "Если вы получили оплату ошибочно, верните её до пятницы, иначе подадим в суд.",
    "Это нарушение коммерческой тайны, мы подаём на вас в суд.",
    "Это письмо — последнее предупреждение. Вы разгласили коммерческую тайну, увидимся в суде.",
    "If you have received the payment in error, return it by Friday or we will go to court.",
    "The email you sent last week is legally binding and we will hold you to it.",
    "Important: the recipient refused the parcel, so we will sue.",
    "Unsubscribe me from your list immediately or I will report you.",
    "Отписаться от рассылки не могу уже месяц, жалуюсь в ФАС.",
    "No agreement between us is legally binding until you pay.",
]


@pytest.mark.parametrize("words", OWN)
def test_a_sentence_is_not_withheld_as_a_signature_or_a_disclaimer(words: str) -> None:
    assert squeeze(words) in own_words(parsed(f"Добрый день.\n\n{words}\n", subject="Order"))


DISCLAIMERS = [
    "Важно: это сообщение и вложения конфиденциальны и предназначены для адресата.",
    "IMPORTANT NOTICE: This e-mail is confidential.",
    "This message (including any attachments) may contain confidential material.",
    "The information contained in this e-mail is confidential.",
    "If you are not the intended recipient, please delete it.",
    "If you have received this email in error, please notify the sender.",
    "Данное электронное сообщение может содержать сведения, составляющие коммерческую тайну.",
    "Настоящее письмо и любые приложения к нему предназначены исключительно для адресата.",
    "Информация, содержащаяся в данном письме, не является офертой.",
    "Если Вы не являетесь адресатом данного письма, удалите его.",
    "Если Вы получили это сообщение по ошибке, пожалуйста, уничтожьте его.",
    "Если вы не являетесь надлежащим получателем, уведомите отправителя.",
    "Unsubscribe from this list: https://lists.example/u",
    "Отписаться от рассылки",
    "Nothing in this email is legally binding.",
]


@pytest.mark.parametrize("words", DISCLAIMERS)
def test_a_disclaimer_of_the_letter_itself_is_still_one(words: str) -> None:
    zones = body_zones(parsed(f"Добрый день, счёт во вложении.\n\nАнна\n\n{words}\n", subject="Order"))
    assert zones[-1] == ("disclaimer", words)


MOBILE = [
    "Отправлено с iPhone", "Отправлено с моего Galaxy", "Отправлено из Mail.ru для Android", "Отправлено из Яндекс Почты",
    "Отправлено с устройства Xiaomi", "Отправлено из Почты Mail.ru", "Sent from my OnePlus 9", "Sent from Outlook for Android",
    "Sent from Mail for Windows", "Sent with Proton Mail secure email.",
]  # fmt: skip


@pytest.mark.parametrize("line", MOBILE)
def test_the_line_of_a_telephone_or_program_is_a_signature_and_words_typed_under_it_are_not(line: str) -> None:
    zones = body_zones(parsed(f"Верните деньги.\n\n{line}\n\nЖдём до пятницы\n", subject="Order"))
    assert zones == [("own", "Верните деньги."), ("signature", line), ("own", "Ждём до пятницы")]


def test_words_under_the_line_of_a_telephone_are_own_where_nothing_stands_above() -> None:
    assert own_words(parsed("Отправлено с iPhone\n\nВерните деньги\n", subject="Order")) == "Верните деньги"


HIDDEN_MARKS = {
    "byte order mark": "\ufeff> We will sue you\n> tomorrow",
    "zero-width space": "\u200b> We will sue you\n\u200b> tomorrow",
    "direction mark": "\u200eOn 3 Mar 2025, at 11:12, Peter Vetrov <petr@romashka.example> wrote:\n> We will sue you tomorrow",
    "no-break space": "\xa0> We will sue you\n\xa0> tomorrow",
    "no-break spaces in a header": "\xa0From:\xa0Peter <petr@romashka.example>\nSent:\xa03 March 2025 11:12\nTo:\xa0Anna\nSubject:\xa0shelf\n\nWe will sue you tomorrow",
    "one line of The Bat!": "ПВ> We will sue you tomorrow",
    "ticket, Russian": "-- Пишите ответ выше этой линии --\n\nWe will sue you tomorrow",
    "ticket, English": "##- Please type your reply above this line -##\n\nWe will sue you tomorrow",
}  # fmt: skip


@pytest.mark.parametrize("mark", HIDDEN_MARKS)
def test_a_quoted_threat_is_not_the_quoters_however_its_mark_is_hidden(mark: str) -> None:
    message = parsed(f"No.\n\n{HIDDEN_MARKS[mark]}\n")
    assert own_words(message) == "No."
    first = parsed(f"{HIDDEN_MARKS[mark]}\n\nNo.\n")
    if "mark" in mark or ("space" in mark and "header" not in mark):
        assert "sue" not in own_words(first)


def test_the_answer_under_one_quoted_line_of_the_bat_is_own() -> None:
    body = "Здравствуйте.\n\nВы писали 3 марта 2025 г., 11:12:42:\n\nПВ> Вернёте деньги?\n\nНет, увидимся в суде.\n\n-- \nС уважением,\n Анна"
    assert own_words(parsed(body)) == "Здравствуйте. Нет, увидимся в суде."


def test_a_ticket_systems_own_letter_below_its_line_is_its_own() -> None:
    assert "Заявка 5 закрыта" in own_words(
        parsed("-- Пишите ответ выше этой линии --\n\nЗаявка 5 закрыта.\n", subject="x")
    )


TIGHT = [
    '25.03.2026, 10:12, "Пётр" <petr@romashka.example>:',
    "25.03.2026 10:12, Пётр <petr@romashka.example> пишет:",
    "ср, 25 мар. 2026 г. в 10:12, Пётр Ветров\n<petr@romashka.example>:",
    "On Wed, Mar 25, 2026 at 10:12 AM Peter Vetrov <petr@romashka.example>\nwrote:",
    "On Wed, 25 Mar 2026 10:12:00 +0300\nPeter Vetrov <petr@romashka.example> wrote:",
    "On Wed,\n25 Mar 2026 10:12, Peter <petr@romashka.example> wrote:",
]


@pytest.mark.parametrize("attribution", TIGHT)
@pytest.mark.parametrize(
    "own", ["Нет.", "Денег не вернём", "We will not pay!", "We will not pay", "Деньги вернули 3 марта 2026 в 11:12."]
)
def test_a_sentence_set_tight_above_an_attribution_line_is_not_taken_for_its_beginning(
    own: str, attribution: str
) -> None:
    assert own_words(parsed(f"{own}\n{attribution}\n> We will sue you\n")) == own
    assert own_words(parsed(f"{own}\n\n{attribution}\n> We will sue you\n")) == own


HEAD = "От: Пётр <petr@romashka.example>\nКому: Анна\nДата: 25 марта 2026 г., 10:12:00\nТема: полка\n\n"
THE_BAT = [
    f"This is a forwarded message\n{HEAD}===8<==============Original message text===============\nWe will sue you.\n===8<===========End of original message text===========\n",
    f"Это пересылаемое сообщение\n{HEAD}===8<==============Исходный текст сообщения===============\nWe will sue you.\n===8<===========Конец исходного текста сообщения===========\n",
    "===8<==============Original message text===============\nWe will sue you.\n===8<===========End of original message text===========\n",
]


@pytest.mark.parametrize("forward", THE_BAT)
def test_a_forward_of_the_bat_ends_at_its_mark(forward: str) -> None:
    zones = body_zones(parsed(f"Смотрите.\n\n{forward}\nЧто будем делать?\n", subject="Fwd: x"))
    assert [kind for kind, _ in zones] == ["own", "forwarded", "own"]
    assert zones[0][1] == "Смотрите." and zones[2][1] == "Что будем делать?"


def test_a_forward_of_apple_mail_in_its_other_wording() -> None:
    body = "Начало перенаправленного сообщения:\n\n> От: Пётр <petr@romashka.example>\n> Тема: x\n> \n> Мы подадим в суд.\n"
    assert {kind for kind, _ in body_zones(parsed(body, subject="Fwd: x"))} == {"forwarded"}
