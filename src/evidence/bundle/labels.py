"""What programs call by keys, in words for people: what a text does, never the name of an offence."""

from __future__ import annotations

from evidence.bundle.text import Words


def N_(text: str) -> str:
    """Marks a msgid for extraction; translated when it is shown."""
    return text


_CATEGORIES: dict[tuple[str, str | None], str] = {
    ("threat", "police"): N_("states an intention to contact the police"),
    ("threat", "court"): N_("states an intention to go to court"),
    ("threat", "regulator"): N_("states an intention to complain to an authority"),
    ("threat", "reputation"): N_("states an intention to publish reviews or go public"),
    ("threat", "violence"): N_("possible threat of physical harm"),
    ("threat", "economic"): N_("states an intention to cause business losses"),
    ("threat", "extortion"): N_("ties withdrawing a complaint to an advantage"),
    ("threat", "other"): N_("possible threat"),
    ("threat", None): N_("possible threat"),
    ("demand", "compensation"): N_("demands compensation"),
    ("demand", "refund"): N_("demands a refund"),
    ("demand", "apology"): N_("demands an apology"),
    ("demand", "discount"): N_("demands a discount"),
    ("demand", "deadline"): N_("demands something by a date"),
    ("demand", "action"): N_("demands that something be done"),
    ("demand", "other"): N_("demand"),
    ("demand", None): N_("demand"),
    ("accusation", None): N_("accusation"),
    ("insult", None): N_("disparaging words"),
    ("refusal", None): N_("refusal"),
    ("broken_promise", None): N_("broken promise"),
    ("nonpayment", None): N_("non-payment"),
    ("admission", None): N_("point conceded"),
    ("deadline_notice", None): N_("deadline set"),
    ("termination_notice", None): N_("notice of termination"),
}
_GROUPS = {
    "threat": N_("Possible threats"),
    "demand": N_("Demands"),
    "accusation": N_("Accusations"),
    "insult": N_("Disparaging words"),
    "refusal": N_("Refusals"),
    "broken_promise": N_("Broken promises"),
    "nonpayment": N_("Non-payment"),
    "admission": N_("Points conceded"),
    "deadline_notice": N_("Deadlines set"),
    "termination_notice": N_("Notices of termination"),
}
_OUTCOMES = {
    "answered": N_("answered"),
    "answered-late": N_("answered late"),
    "deferred": N_("put off"),
    "reply-without-answer": N_("reply found, no answer in it"),
    "no-reply": N_("no reply found"),
    "pending": N_("not yet due"),
}
_REQUESTS = {
    "question": N_("question"),
    "document": N_("request for a document"),
    "action": N_("request for action"),
    "payment": N_("request for payment"),
}
_REVIEWS = {
    "unreviewed": N_("not reviewed by a person"),
    "accepted": N_("accepted by a person"),
    "rejected": N_("rejected by a person"),
}
_SIDES = {"us": N_("our side"), "client": N_("the other side"), "third": N_("third party")}
_DKIM = {
    "pass": N_("signature valid"),
    "fail": N_("signature not valid"),
    "no-key": N_("no key found"),
    "unchecked": N_("not checked"),
    "error": N_("cannot be checked"),
}
_QUESTIONS = {
    1: N_("Are there complaints without grounds, or demands that cannot be met?"),
    2: N_("Are staff treated with disrespect?"),
    3: N_("Are obligations, such as payment, not being met?"),
    4: N_("Are reviews or publicity used as a means of pressure?"),
}
_ANSWERS = {"yes": N_("yes"), "no": N_("no"), "unclear": N_("unclear")}
_OBSERVATIONS = {
    "folder-empty-confirmed": N_("the folder was found empty a second time"),
    "folder-gone": N_("the folder is no longer on the server"),
    "folder-list-doubted": N_("the server's list of folders looked doubtful and was not adopted"),
    "folder-suddenly-empty": N_("the folder was suddenly empty; nothing was treated as deleted"),
    "gone-before-fetched": N_("a message was gone before it could be fetched"),
    "server-went-back": N_("the server showed an earlier state of the folder"),
    "uid-reused": N_("a UID referred to a different message than before; both are kept"),
    "uid-twice": N_("a UID returned different bytes than before; both are kept"),
    "uidvalidity-changed": N_("the server renumbered the folder (UIDVALIDITY)"),
    "source-changed": N_("a file changed while it was being read"),
    "passed-over": N_("files that contain no mail were skipped"),
    "delegate-proposed": N_("a further address takes part in this correspondence"),
}
_OUTCOMES_OF_RUNS = {
    "complete": N_("complete"),
    "incomplete": N_("incomplete: not everything was retrieved"),
    "failed": N_("failed"),
    "interrupted": N_("interrupted"),
}
_RUNS = {"sync": N_("mailbox"), "import": N_("import of files"), "add": N_("file added by hand")}


def category(words: Words, key: str, subtype: str | None) -> str:
    return words.gettext(_CATEGORIES.get((key, subtype)) or _CATEGORIES.get((key, None)) or key)


def group(words: Words, key: str) -> str:
    return words.gettext(_GROUPS.get(key, key))


def outcome(words: Words, key: str) -> str:
    return words.gettext(_OUTCOMES.get(key, key))


def request_kind(words: Words, key: str) -> str:
    return words.gettext(_REQUESTS.get(key, key))


def review(words: Words, key: str) -> str:
    return words.gettext(_REVIEWS.get(key, key))


def side(words: Words, key: str | None) -> str:
    return words.gettext(_SIDES[key]) if key in _SIDES else ""


def dkim(words: Words, key: str) -> str:
    return words.gettext(_DKIM.get(key, key))


def question(words: Words, number: int) -> str:
    return words.gettext(_QUESTIONS[number])


def answer(words: Words, key: str | None) -> str:
    return words.gettext(_ANSWERS[key]) if key in _ANSWERS else words.gettext("not answered")


def run_outcome(words: Words, key: str | None) -> str:
    return words.gettext(_OUTCOMES_OF_RUNS.get(key or "", N_("not finished")))


def observation(words: Words, key: str) -> str:
    return words.gettext(_OBSERVATIONS.get(key, key))


def run_kind(words: Words, key: str) -> str:
    return words.gettext(_RUNS.get(key, key))
