"""What people read for the keys that programs use. msgids are English; Russian is in the catalogue of this package.

A flag says what the text does ("states an intention to contact the police"), never the name of an offence.
"""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:
    """gettext's customary name for: a msgid that is translated later."""
    return text


CATEGORY_WORDS: Mapping[str, str] = {
    "threat": N_("possible threat"),
    "demand": N_("demand"),
    "accusation": N_("accusation"),
    "insult": N_("disparaging words"),
    "refusal": N_("refusal"),
    "broken_promise": N_("broken promise"),
    "nonpayment": N_("non-payment"),
    "admission": N_("point conceded"),
    "deadline_notice": N_("deadline set"),
    "termination_notice": N_("notice of termination"),
}

SUBTYPE_WORDS: Mapping[tuple[str, str], str] = {
    ("threat", "police"): N_("states an intention to contact the police"),
    ("threat", "court"): N_("states an intention to go to court"),
    ("threat", "regulator"): N_("states an intention to complain to an authority"),
    ("threat", "reputation"): N_("states an intention to publish reviews or go public"),
    ("threat", "violence"): N_("possible threat of physical harm"),
    ("threat", "economic"): N_("states an intention to cause business losses"),
    ("threat", "extortion"): N_("ties withdrawing a complaint to an advantage"),
    ("demand", "compensation"): N_("demands compensation"),
    ("demand", "refund"): N_("demands a refund"),
    ("demand", "apology"): N_("demands an apology"),
    ("demand", "discount"): N_("demands a discount"),
    ("demand", "deadline"): N_("demands something by a date"),
    ("demand", "action"): N_("demands that something be done"),
}

KIND_WORDS: Mapping[str, str] = {
    "question": N_("question"),
    "document": N_("document"),
    "action": N_("action"),
    "payment": N_("payment"),
}

OUTCOME_WORDS: Mapping[str, str] = {
    "answered": N_("answered"),
    "answered-late": N_("answered late"),
    "deferred": N_("put off"),
    "reply-without-answer": N_("they wrote, no visible answer"),
    "no-reply": N_("no reply found"),
    "pending": N_("time not up"),
}

SIDE_WORDS: Mapping[str, str] = {"us": N_("we"), "client": N_("client"), "third": N_("others")}

QUESTION_WORDS: Mapping[str, str] = {
    "demands": N_("Complains without grounds, or demands the impossible?"),
    "disrespect": N_("Disrespectful to staff?"),
    "obligations": N_("Fails its own obligations, such as paying?"),
    "publicity": N_("Threatens reviews or publicity?"),
}

REVIEW_WORDS: Mapping[str, str] = {
    "accepted": N_("accepted by a person"),
    "unreviewed": N_("not reviewed by a person"),
    "rejected": N_("rejected by a person"),
}

ANSWER_WORDS: Mapping[str, str] = {"yes": N_("yes"), "no": N_("no"), "unclear": N_("unclear")}

NOT_SEARCHED_WORDS: Mapping[str, str] = {
    "telephone": N_("telephone"),
    "messengers": N_("messengers"),
    "paper": N_("paper"),
    "other mailboxes": N_("other mailboxes"),
}

CLAIM_WORDS: Mapping[str, str] = {
    "loss": N_("about a loss"),
    "damage": N_("about damage"),
    "conduct": N_("about conduct"),
    "delay": N_("about a delay"),
    "money": N_("about money"),
    "other": N_("about something else"),
}
