"""Replies and forwards as mail programs write them, in both languages: whose words are whose."""

from __future__ import annotations

import pytest

from evidence.message.zones import find_zones
from tests.message.letters import body_zones, own_words, parsed

OWN_RU = "Добрый день! Накладную пришлю завтра.\n\nДеньги верните до пятницы."
OWN_EN = "Hello, the invoice is attached.\n\nWe will pay by Friday."
THEIRS_RU = "Мы подадим на вас в суд.\nВерните отпариватель."
THEIRS_EN = "We will take you to court.\nReturn the steamer."


def marked(text: str) -> str:
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


TOP_POSTED = {
    "gmail ru": f"{OWN_RU}\n\nпн, 3 мар. 2025 г. в 11:12, Пётр Ветров <petr@romashka.example>:\n\n{marked(THEIRS_RU)}\n",
    "gmail en": f"{OWN_EN}\n\nOn Mon, Mar 3, 2025 at 11:12 AM Peter Vetrov <petr@romashka.example>\nwrote:\n\n{marked(THEIRS_EN)}\n",
    "gmail en narrow no-break space": f"{OWN_EN}\n\nOn Mon, Mar 3, 2025 at 11:12\u202fAM Peter Vetrov <petr@romashka.example> wrote:\n\n{marked(THEIRS_EN)}\n",
    "yandex": f'{OWN_RU}\n\n03.03.2025, 11:12, "Пётр Ветров" <petr@romashka.example>:\n{marked(THEIRS_RU)}\n',
    "yandex with fields": f'{OWN_RU}\n\n----------------\nКому: Анна Орлова (anna@north.example);\nТема: полка;\n03.03.2025, 11:12, "Пётр Ветров" <petr@romashka.example>:\n{marked(THEIRS_RU)}\n',
    "gmail ru without в": f"{OWN_RU}\n\nпн, 3 мар. 2025 г., 11:12 Пётр Ветров <petr@romashka.example>:\n\n{marked(THEIRS_RU)}\n",
    "roundcube ru": f"{OWN_RU}\n\nПётр Ветров писал 2025-03-03 11:12:\n{marked(THEIRS_RU)}\n",
    "roundcube en": f"{OWN_EN}\n\nOn 2025-03-03 11:12, Peter Vetrov wrote:\n{marked(THEIRS_EN)}\n",
    "ios 17 ru": f"{OWN_RU}\n\nПользователь Пётр Ветров <petr@romashka.example> написал(а) 3 марта 2025 г. в 11:12:\n\n{marked(THEIRS_RU)}\n",
    "name and time": f"{OWN_RU}\n\nПётр Ветров, 03.03.2025 11:12:\n{marked(THEIRS_RU)}\n",
    "lotus": f"{OWN_EN}\n\nFrom:\tPeter/Romashka\nTo:\tAnna\nDate:\t03/03/2025 11:12\nSubject:\tshelf\n\n{THEIRS_EN}\n",
    "blackberry": f"{OWN_EN}\n\nOn Mar 3, 2025 11:12 AM, Peter Vetrov wrote:\n{THEIRS_EN}\n",
    "yandex without marks": f'{OWN_RU}\n\n03.03.2025, 11:12, "Пётр Ветров" <petr@romashka.example>:\n{THEIRS_RU}\n',
    "mail.ru": f"{OWN_RU}\n\n\n>Понедельник,  3 марта 2025, 11:12 +03:00 от Пётр Ветров <petr@romashka.example>:\n>\n>Мы подадим на вас в суд.\n>Верните отпариватель.\n",
    "mail.ru without marks": f"{OWN_RU}\n\nПонедельник, 3 марта 2025, 11:12 +03:00 от Пётр Ветров <petr@romashka.example>:\n \n{THEIRS_RU}\n",
    "thunderbird ru": f"{OWN_RU}\n\n03.03.2025 11:12, Пётр Ветров пишет:\n{marked(THEIRS_RU)}\n",
    "thunderbird en": f"{OWN_EN}\n\nOn 03/03/2025 11:12, Peter Vetrov wrote:\n{marked(THEIRS_EN)}\n",
    "apple ru": f"{OWN_RU}\n\n> 3 марта 2025 г., в 11:12, Пётр Ветров <petr@romashka.example> написал(а):\n> \n{marked(THEIRS_RU)}\n",
    "apple en": f"{OWN_EN}\n\n> On 3 Mar 2025, at 11:12, Peter Vetrov <petr@romashka.example> wrote:\n> \n{marked(THEIRS_EN)}\n",
    "outlook desktop ru": f"{OWN_RU}\n\nFrom: Пётр Ветров [mailto:petr@romashka.example] \nSent: Monday, March 3, 2025 11:12 AM\nTo: Анна Орлова\nCc: Бухгалтерия\nSubject: полка\n\n{THEIRS_RU}\n",
    "outlook ru keys": f"{OWN_RU}\n\nОт: Пётр Ветров <petr@romashka.example>\nОтправлено: 3 марта 2025 г. 11:12\nКому: Анна Орлова <anna@north.example>\nТема: полка\n\n{THEIRS_RU}\n",
    "outlook 2003 ru": f"{OWN_RU}\n\n-----Исходное сообщение-----\nОт: Пётр Ветров [mailto:petr@romashka.example]\nОтправлено: 3 марта 2025 г. 11:12\nКому: Анна\nТема: полка\n\n{THEIRS_RU}\n",
    "outlook 2003 en": f"{OWN_EN}\n\n-----Original Message-----\nFrom: Peter Vetrov [mailto:petr@romashka.example]\nSent: Monday, March 3, 2025 11:12 AM\nTo: Anna\nSubject: shelf\n\n{THEIRS_EN}\n",
    "outlook mobile en": f"{OWN_EN}\n\nGet Outlook for iOS<https://aka.example/ios>\n________________________________\nFrom: Peter Vetrov <petr@romashka.example>\nSent: Monday, March 3, 2025 11:12:00 AM\nTo: Anna <anna@north.example>\nSubject: shelf\n\n{THEIRS_EN}\n",
    "outlook mobile ru": f"{OWN_RU}\n\nСкачать Outlook для Android\n________________________________\nОт: Пётр Ветров <petr@romashka.example>\nОтправлено: понедельник, 3 марта 2025 г. 11:12:00\nКому: Анна <anna@north.example>\nТема: полка\n\n{THEIRS_RU}\n",
    "outlook bold keys": f"{OWN_EN}\n\n*From:* Peter Vetrov <petr@romashka.example>\n*Sent:* Monday, March 3, 2025 11:12 AM\n*To:* Anna\n*Subject:* shelf\n\n{THEIRS_EN}\n",
    "samsung en": f"{OWN_EN}\n\n\nSent from my Galaxy\n\n\n-------- Original message --------\nFrom: Peter Vetrov <petr@romashka.example> \nDate: 03/03/2025  11:12  (GMT+03:00) \nTo: anna@north.example \nSubject: shelf \n\n{THEIRS_EN}\n",
    "samsung ru": f"{OWN_RU}\n\nОтправлено с моего Galaxy\n\n-------- Исходное сообщение --------\nОт: Пётр Ветров <petr@romashka.example>\nДата: 03.03.2025 11:12 (GMT+03:00)\nКому: anna@north.example\nТема: полка\n\n{THEIRS_RU}\n",
    "iphone ru": f"{OWN_RU}\n\nОтправлено с iPhone\n\n> 3 марта 2025 г., в 11:12, Пётр Ветров <petr@romashka.example> написал(а):\n> \n{marked(THEIRS_RU)}\n",
    "iphone en": f"{OWN_EN}\n\nSent from my iPhone\n\n> On 3 Mar 2025, at 11:12, Peter Vetrov <petr@romashka.example> wrote:\n> \n{marked(THEIRS_EN)}\n",
    "the bat": f"Здравствуйте, Пётр.\n\n{OWN_RU}\n\nВы писали 3 марта 2025 г., 11:12:42:\n\nПВ> Мы подадим на вас в суд.\nПВ> Верните отпариватель.\n",
    "proton": f"{OWN_EN}\n\nSent with Proton Mail secure email.\n\nOn Monday, March 3rd, 2025 at 11:12 AM, Peter Vetrov <petr@romashka.example> wrote:\n\n{marked(THEIRS_EN)}\n",
    "mail.ru mobile": f"{OWN_RU}\n--\nОтправлено из Mail.ru для Android\nпонедельник, 03 марта 2025г., 11:12 +03:00 от Пётр Ветров petr@romashka.example:\n\n{marked(THEIRS_RU)}\n",
}


@pytest.mark.parametrize("program", TOP_POSTED)
def test_a_top_posted_reply_keeps_own_words_and_nothing_of_the_quote(program: str) -> None:
    message = parsed(TOP_POSTED[program])
    own = own_words(message)
    assert "суд" not in own and "court" not in own and "отпариватель" not in own and "steamer" not in own
    wanted = OWN_RU if "Накладную" in TOP_POSTED[program] else OWN_EN
    expected = " ".join(wanted.split())
    if program == "the bat":
        expected = f"Здравствуйте, Пётр. {expected}"
    assert own == expected
    assert any(kind == "quoted" for kind, _ in body_zones(message))


FORWARDED = {
    "gmail ru": f"Смотрите, что пишет.\n\n---------- Forwarded message ---------\nОт: Пётр Ветров <petr@romashka.example>\nDate: пн, 3 мар. 2025 г. в 11:12\nSubject: полка\nTo: Анна <anna@north.example>\n\n\n{THEIRS_RU}\n",
    "yandex": f"Смотрите, что пишет.\n\n-------- Пересылаемое сообщение --------\n03.03.2025, 11:12, \"Пётр Ветров\" <petr@romashka.example>:\n\n{THEIRS_RU}\n\n-------- Конец пересылаемого сообщения --------\n",
    "mail.ru": f"Смотрите, что пишет.\n\n-------- Пересылаемое сообщение --------\nОт: Пётр Ветров <petr@romashka.example>\nКому: anna@north.example\nДата: Понедельник, 3 марта 2025, 11:12 +03:00\nТема: полка\n\n{THEIRS_RU}\n",
    "thunderbird ru": f"Смотрите, что пишет.\n\n-------- Перенаправленное сообщение --------\nТема: \tполка\nДата: \tMon, 3 Mar 2025 11:12:00 +0300\nОт: \tПётр Ветров <petr@romashka.example>\nКому: \tanna@north.example\n\n{THEIRS_RU}\n",
    "apple ru": f"Смотрите, что пишет.\n\nНачало переадресованного сообщения:\n\n> От: Пётр Ветров <petr@romashka.example>\n> Тема: полка\n> Дата: 3 марта 2025 г. в 11:12:00 MSK\n> Кому: anna@north.example\n> \n{marked(THEIRS_RU)}\n",
    "apple en": f"See what he writes.\n\nBegin forwarded message:\n\nFrom: Peter Vetrov <petr@romashka.example>\nSubject: shelf\nDate: 3 March 2025 at 11:12:00 GMT+3\nTo: anna@north.example\n\n{THEIRS_EN}\n",
    "outlook en": f"See what he writes.\n\nFrom: Peter Vetrov <petr@romashka.example>\nSent: Monday, March 3, 2025 11:12 AM\nTo: Anna\nSubject: shelf\n\n{THEIRS_EN}\n",
}  # fmt: skip


@pytest.mark.parametrize("program", FORWARDED)
def test_a_forwarded_message_is_nobodys_words_here(program: str) -> None:
    message = parsed(FORWARDED[program], subject="Fwd: shelf")
    zones = body_zones(message)
    assert zones[0][0] == "own" and zones[0][1] in {"Смотрите, что пишет.", "See what he writes."}
    assert {kind for kind, _ in zones[1:]} == {"forwarded"}
    subject = next(z for z in find_zones(message) if z.part == "subject")
    assert subject.kind == "forwarded"


def test_own_words_after_the_end_mark_of_a_forward_are_own_again() -> None:
    message = parsed(FORWARDED["yandex"] + "\nЖду вашего решения сегодня.\n", subject="Fwd: shelf")
    assert body_zones(message)[-1] == ("own", "Жду вашего решения сегодня.")


def test_inline_answers_are_own_and_point_at_the_question_above() -> None:
    body = "Анна, отвечаю по пунктам.\n\n> Когда вернёте деньги?\n\nДенег не будет.\n\n> Где накладная?\nВ приложении.\n\n-- \nПётр"
    message = parsed(body)
    zones = [z for z in find_zones(message) if z.part == "body"]
    assert [z.kind for z in zones] == ["own", "quoted", "own", "quoted", "own", "signature"]
    assert [z.answers for z in zones] == [None, None, 2, None, 4, None]


def test_a_bottom_posted_reply_is_own() -> None:
    message = parsed(f"On 03/03/2025 11:12, Peter Vetrov wrote:\n{marked(THEIRS_EN)}\n\n{OWN_EN}\n")
    assert own_words(message) == " ".join(OWN_EN.split())


def test_a_quote_wrapped_by_the_program_stays_quoted() -> None:
    body = "No.\n\nOn 03/03/2025 11:12, Peter wrote:\n> We are most disappointed with the way in which your people\nhandled it\n> and will go to court.\n"
    assert own_words(parsed(body)) == "No."


def test_an_answer_typed_into_an_unmarked_quote_is_found_by_the_parent() -> None:
    parent = "Здравствуйте, Анна.\nКогда вы вернёте деньги за отпариватель?\nГде накладная, которую мы просили в марте?\nПришлите её сегодня же, пожалуйста.\nПётр"
    quoted = parent.replace("отпариватель?\n", "отпариватель?\nНикогда, он не был у нас на складе.\n")
    body = f"Ответы ниже.\n\nОт: Пётр <petr@romashka.example>\nОтправлено: 3 марта 2025 г. 11:12\nКому: Анна\nТема: полка\n\n{quoted}\n"
    assert own_words(parsed(body)) == "Ответы ниже."
    assert (
        own_words(
            parsed(body),
        )
        == "Ответы ниже."
    )
    assert "Никогда, он не был у нас на складе." in own_words(parsed(body), parent)


def test_an_unmarked_copy_of_the_parents_words_is_quoted_only_with_the_parent() -> None:
    parent = "Если вы не вернёте деньги до пятницы, мы подадим на вас заявление в полицию и расскажем об этом всем."
    message = parsed(f"Вы пишете:\n\n{parent}\n\nМы с этим не согласны.\n")
    assert "полицию" in own_words(message)
    assert "полицию" not in own_words(message, parent)
    assert "не согласны" in own_words(message, parent)


def test_own_words_that_look_like_a_quote_stay_own() -> None:
    cases = [
        "Прошу принять:\n> 50 коробок стандарта S\n> 12 коробок M\n",
        "Вы писали в понедельник, что вернёте деньги.\nЭтого не было.\n",
        "Дата: 5 марта.\nМесто: склад.\nЖдём вас.\n",
        "From: the warehouse we send only pallets.\nCall us.\n",
        "3 марта 2025 г. в 11:12 от вас пришло письмо со следующими словами:\nВерните деньги.\nМы отвечаем отказом.\n",
        "В понедельник 3 марта 2025 в 11:12 ваш менеджер писал:\nВсё отдадим.\nНичего не отдали, идём в суд.\n",
        "On 3 March 2025 at 11:12 you wrote:\nAll will be paid.\nNothing was. See you in court.\n",
        "Дата: 3 марта\nКому: бухгалтерии\nТема: оплата\nПрошу оплатить счёт.\n",
        "To: all staff\nDate: Monday\nSubject: parking\nDo not park here.\n",
    ]
    for body in cases:
        assert own_words(parsed(body, subject="Shelf")) == " ".join(body.split()), body


SIGNED = {
    "с уважением": ("Верните деньги.\n\nС уважением,\nАнна Орлова\nменеджер, «Север»\n+7 900 000-00-00\n", "Верните деньги."),
    "с уважением, one line": ("Верните деньги.\n\nС уважением, Анна Орлова, +7 900 000-00-00", "Верните деньги."),
    "с уважением к вам as words": (
        "С уважением отношусь к вашему труду, но деньги верните.\n\nАнна", "С уважением отношусь к вашему труду, но деньги верните."),
    "delimiter": ("Верните деньги.\n-- \nАнна Орлова\nСевер", "Верните деньги."),
    "best regards": ("Pay us.\n\nKind regards,\nAnna Orlova\nNorth Ltd | 01632 960 114", "Pay us."),
    "best as a word": ("Best price is 100.\nPay us.\n", "Best price is 100. Pay us."),
    "thanks and more words": ("Thanks for the parcel, but where is the money?\n", "Thanks for the parcel, but where is the money?"),
    "postscript": ("Pay us.\n\nRegards,\nAnna\n\nP.S. The police already know.\n", "Pay us. P.S. The police already know."),
    "threat after closing": (
        "Верните деньги.\n\nС уважением,\nАнна\n\nИ помните: завтра мы подаём заявление в полицию на вашего директора.\n",
        "Верните деньги. С уважением, Анна И помните: завтра мы подаём заявление в полицию на вашего директора."),
    "mobile": ("Верните деньги.\n\nОтправлено с iPhone", "Верните деньги."),
    "mobile yandex": ("Верните деньги.\n\n-- \nОтправлено из мобильного приложения Яндекс Почты", "Верните деньги."),
    "sender's name": ("Pay us.\n\nAnna Orlova | North Ltd | 01632 960 114", "Pay us."),
    "disclaimer en": (
        "Pay us.\n\nAnna\n\nThis e-mail and any attachments are confidential and intended solely for the addressee. If you are not the\nintended recipient, any use of it may be unlawful and legal action may be taken.\n",
        "Pay us."),
    "disclaimer ru": (
        "Верните деньги.\n\nАнна\n\nНастоящее сообщение и любые вложения являются конфиденциальными и предназначены исключительно для адресата. Если Вы получили его по ошибке, удалите его; за разглашение предусмотрена ответственность.\n",
        "Верните деньги."),
    "short closing": ("Подавайте.\n\nС ув., Анна\n", "Подавайте."),
    "dashes before words": ("Оплатите.\n---\nИначе мы завтра же подаём в суд на вашу компанию.\n", "Оплатите. --- Иначе мы завтра же подаём в суд на вашу компанию."),
    "banner": ("CAUTION: This email originated from outside of the organization.\n\nPay us.\n", "Pay us."),
    "driver's contacts are words": (
        "Вот контакты водителя:\n\nСергей, +7 900 000-00-00\n", "Вот контакты водителя: Сергей, +7 900 000-00-00"),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNED)
def test_signature_and_disclaimer_are_parted_from_words(case: str) -> None:
    body, expected = SIGNED[case]
    own = own_words(parsed(body, subject="Shelf", sender="Анна Anna Orlova"))
    if case == "threat after closing":
        assert "заявление в полицию" in own  # whatever stands before it, these are words
    else:
        assert own == expected


def test_subject_of_a_reply_is_anothers_unless_changed() -> None:
    message = parsed("x", subject="Re: Вы мошенники")
    kinds = {z.part: z.kind for z in find_zones(message)}
    assert kinds["subject"] == "quoted"
    changed = {z.part: z.kind for z in find_zones(message, None, parent_subject="Полка")}
    assert changed["subject"] == "own"
    kept = {z.part: z.kind for z in find_zones(message, None, parent_subject="Отв: вы  мошенники")}
    assert kept["subject"] == "quoted"
    first = {z.part: z.kind for z in find_zones(parsed("x", subject="Вы мошенники"))}
    assert first["subject"] == "own" and first["display-name:from"] == "own"


HTML = {
    "gmail": '<div dir="ltr">Денег не будет.</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">пн, 3 мар. 2025 г. в 11:12, Пётр &lt;<a href="mailto:p@r.example">p@r.example</a>&gt;:<br></div><blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px solid #ccc"><div>Мы подадим в суд.</div></blockquote></div>',
    "outlook": '<div class=WordSection1><p class=MsoNormal>Денег не будет.<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><div><div style=\'border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm\'><p class=MsoNormal><b>From:</b> Peter &lt;p@r.example&gt; <br><b>Sent:</b> Monday, March 3, 2025 11:12 AM<br><b>To:</b> Anna<br><b>Subject:</b> shelf</p></div></div><p class=MsoNormal>Мы подадим в суд.</p></div>',
    "outlook mobile": '<div>Денег не будет.</div><div id="ms-outlook-mobile-signature">Получите <a href="x">Outlook для iOS</a></div><hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg" dir="ltr"><b>От:</b> Пётр &lt;p@r.example&gt;<br><b>Отправлено:</b> 3 марта 2025 г. 11:12<br><b>Кому:</b> Анна<br><b>Тема:</b> полка</div><div>Мы подадим в суд.</div>',
    "thunderbird": '<p>Денег не будет.</p><div class="moz-cite-prefix">03.03.2025 11:12, Пётр пишет:<br></div><blockquote type="cite" cite="mid:1"><p>Мы подадим в суд.</p></blockquote><pre class="moz-signature" cols="72">-- \nАнна</pre>',
    "apple": '<div>Денег не будет.<br><div><br><blockquote type="cite"><div>3 марта 2025 г., в 11:12, Пётр &lt;p@r.example&gt; написал(а):</div><br><div>Мы подадим в суд.</div></blockquote></div></div>',
    "yandex": '<div>Денег не будет.</div><div>\u00a0</div><div>03.03.2025, 11:12, "Пётр" &lt;p@r.example&gt;:</div><blockquote><div>Мы подадим в суд.</div></blockquote>',
    "mail.ru": '<html><body>Денег не будет.<br><br><blockquote style="border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;">Понедельник, 3 марта 2025, 11:12 +03:00 от Пётр &lt;p@r.example&gt;:<br><div>Мы подадим в суд.</div></blockquote></body></html>',
    "yahoo": '<div>Денег не будет.</div><div class="yahoo_quoted"><div>On Monday, March 3, 2025, 11:12:00 AM GMT+3, Peter &lt;p@r.example&gt; wrote:</div><div>Мы подадим в суд.</div></div>',
}  # fmt: skip


@pytest.mark.parametrize("program", HTML)
def test_html_structure_tells_the_quote(program: str) -> None:
    message = parsed(HTML[program], html=True)
    assert message.body_source == "html"
    assert own_words(message) == "Денег не будет."
    assert any(kind == "quoted" and "в суд" in text for kind, text in body_zones(message))


def test_gmail_indent_is_the_writers_own_and_inline_answers_in_html_too() -> None:
    indent = '<div>Пункты:</div><blockquote style="margin:0 0 0 40px;border:none;padding:0px"><div>верните деньги</div></blockquote>'
    assert own_words(parsed(indent, html=True)) == "Пункты: верните деньги"
    inline = '<div class="gmail_quote"><div class="gmail_attr">On Mon, 3 Mar 2025 at 11:12, P &lt;p@r.example&gt; wrote:</div><blockquote class="gmail_quote">Where is it?</blockquote><div>In the mail.</div><blockquote class="gmail_quote">And the money?</blockquote><div>Never.</div></div>'
    message = parsed(inline, html=True)
    zones = [z for z in find_zones(message) if z.part == "body"]
    assert [z.kind for z in zones] == ["quoted", "own", "quoted", "own"]
    assert [z.answers for z in zones] == [None, 1, None, 3]
