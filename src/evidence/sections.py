"""Sections of a settings file as frozen values, checked against the annotations of their class. All mistakes at once.

A field is a class annotation with its default. What may stand there: ``str``, ``int``, ``float``, ``bool``, ``Path``,
``Literal[…]``, ``tuple[X, …]``, ``X | None``, another ``Section``, and ``Annotated[number, AtLeast(0)]``. As forgiving as a person
expects of a settings file: blanks around text go, "993" is a number. Names of methods are pydantic's,
which did this work first and costs a fifth of a second at every start.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self, dataclass_transform

from evidence.i18n import talk

_ = talk("")

Place = tuple[str | int, ...]
Check = Callable[[Any, Place, list["Mistake"]], Any]  # the value as it is kept; what is wrong goes into the list
MAX_WHOLE = 2**53 - 1
_YES = frozenset(("1", "true", "t", "yes", "y", "on"))
_NO = frozenset(("0", "false", "f", "no", "n", "off"))


class Mistake(NamedTuple):
    """``kind``: missing, extra_forbidden, value_error or wrong. ``place``: keys and list indexes from the top."""

    place: Place
    kind: str
    text: str


class Invalid(ValueError):
    """What was given does not make a section."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{'.'.join(map(str, m.place))}: {m.text}" for m in self.mistakes))


class _Bound:
    def __init__(self, bound: float) -> None:
        self.bound = bound


class AtLeast(_Bound):
    """The number or more."""


class MoreThan(_Bound):
    """Above the number."""


class AtMost(_Bound):
    """The number or less."""


class Field(NamedTuple):
    """A field of a section: its annotation, evaluated."""

    annotation: Any


class _Fields:
    """The fields of a class with their annotations, evaluated when asked for."""

    def __get__(self, instance: object, owner: type[Section]) -> dict[str, Field]:
        found = owner.__dict__.get("_evaluated")
        if found is None:
            hints = typing.get_type_hints(owner, include_extras=True)
            found = {name: Field(hints[name]) for name in owner._names}
            owner._evaluated = found
        return dict(found)


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=True)
class Section:
    """Base of all sections. Raises Invalid where a value does not fit, a key is unknown or one is missing."""

    model_fields: ClassVar[_Fields] = _Fields()
    _names: ClassVar[tuple[str, ...]] = ()
    _checks: ClassVar[
        Mapping[str, Callable[[Any], Any]]
    ] = {}  # field -> a further check of its value; raises ValueError
    _silent: ClassVar[frozenset[str]] = frozenset()  # fields that are not part of what was written
    _evaluated: ClassVar[dict[str, Field]]

    def __init_subclass__(cls) -> None:
        own = [n for n, a in vars(cls).get("__annotations__", {}).items() if "ClassVar" not in str(a)]
        cls._names = (*cls._names, *(n for n in own if n not in cls._names))

    def __init__(self, **given: Any) -> None:
        mistakes: list[Mistake] = []
        self._fill(given, (), mistakes)
        if mistakes:
            raise Invalid(mistakes)

    @classmethod
    def model_validate(cls, given: Mapping[str, Any]) -> Self:
        return cls(**given)

    def _fill(self, given: Mapping[str, Any], place: Place, mistakes: list[Mistake]) -> None:
        before = len(mistakes)
        values = self.__dict__
        for name in self._names:
            if name not in given:
                if not hasattr(type(self), name):
                    mistakes.append(Mistake((*place, name), "missing", _("Field required")))
                else:
                    values[name] = getattr(type(self), name)
                continue
            found = len(mistakes)
            value = _check(type(self), name)(given[name], (*place, name), mistakes)
            if found == len(mistakes) and name in self._checks:
                try:
                    value = self._checks[name](value)
                except ValueError as error:
                    mistakes.append(Mistake((*place, name), "value_error", str(error)))
            values[name] = value
        mistakes += [
            Mistake((*place, str(key)), "extra_forbidden", _("Extra inputs are not permitted"))
            for key in given
            if key not in self._names
        ]
        if before == len(mistakes):
            try:
                self._agree()
            except ValueError as error:
                mistakes.append(Mistake(place, "value_error", str(error)))

    def _agree(self) -> None:
        """Whether the fields go together; each of them is in order. Raises ValueError."""

    def model_copy(self, *, update: Mapping[str, Any]) -> Self:
        """The same with other values, which are not checked."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, **update)
        return made

    def model_dump_json(self, *, include: Iterable[str] | None = None) -> str:
        """What was set and what stands by default, in the order of the fields, as JSON."""
        return json.dumps(self._plain(include), ensure_ascii=False, separators=(",", ":"))

    def _plain(self, include: Iterable[str] | None = None) -> dict[str, Any]:
        wanted = self._names if include is None else set(include)
        return {n: _plain(self.__dict__[n]) for n in self._names if n in wanted and n not in self._silent}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set: settings are read, not changed")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(self.__dict__[n] for n in self._names)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{n}={self.__dict__[n]!r}' for n in self._names)})"


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value._plain()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


# ---- checks by annotation --------------------------------------------------------------------

_made: dict[tuple[type, str], Check] = {}


def _check(section: type[Section], name: str) -> Check:
    known = _made.get((section, name))
    if known is None:
        known = _made[section, name] = _by(section.model_fields[name].annotation)
    return known


def _by(annotation: Any) -> Check:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _within(_by(inner[0]), inner[1:])
    if origin is Literal:
        return _one_of(inner)
    if origin is tuple:
        return _each(_by(inner[0]))
    if origin in (types.UnionType, typing.Union):
        return _or_none(_by(next(a for a in inner if a is not type(None))))
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return _section(annotation)
    return {str: _text, int: _whole, float: _number, bool: _yes_or_no, Path: _path}[annotation]


def _wrong(place: Place, mistakes: list[Mistake], expected: str) -> None:
    mistakes.append(Mistake(place, "wrong", _("should be {expected}").format(expected=expected)))


def _text(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
    if isinstance(value, str):
        return value.strip()
    return _wrong(place, mistakes, _("text in quotation marks"))


def _whole(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
    if isinstance(value, int):
        return int(value) if abs(value) <= MAX_WHOLE else _wrong(place, mistakes, _("a number of reasonable size"))
    if isinstance(value, float) and not value.is_integer():
        return _wrong(place, mistakes, _("a whole number, without a fraction"))
    if isinstance(value, str | float):
        try:
            return _whole(int(value), place, mistakes)
        except ValueError:
            return _wrong(place, mistakes, _("a whole number; this text is not one"))
    return _wrong(place, mistakes, _("a whole number"))


def _number(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
    if isinstance(value, str | int | float):
        try:
            return float(value)
        except (ValueError, OverflowError):
            return _wrong(place, mistakes, _("a number; this text is not one"))
    return _wrong(place, mistakes, _("a number"))


def _yes_or_no(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
    said = str(value).lower() if isinstance(value, bool | int | str) else ""
    if said in _YES or said in _NO:
        return said in _YES
    return _wrong(place, mistakes, _("true or false; this value is neither") if said else _("true or false"))


def _path(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
    if isinstance(value, str | Path):
        return Path(value)
    return _wrong(place, mistakes, _("a path to a file or folder"))


def _one_of(options: tuple[Any, ...]) -> Check:
    named = [repr(option) for option in options]
    expected = _(" or ").join(filter(None, (", ".join(named[:-1]), named[-1])))

    def check(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
        if isinstance(value, str) and value in options:
            return value
        return _wrong(place, mistakes, expected)

    return check


def _within(inner: Check, bounds: Iterable[Any]) -> Check:
    def check(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
        found = len(mistakes)
        value = inner(value, place, mistakes)
        for bound in bounds if found == len(mistakes) else ():
            if isinstance(bound, AtLeast) and not value >= bound.bound:
                return _wrong(place, mistakes, _("{bound:g} or more").format(bound=bound.bound))
            if isinstance(bound, MoreThan) and not value > bound.bound:
                return _wrong(place, mistakes, _("more than {bound:g}").format(bound=bound.bound))
            if isinstance(bound, AtMost) and not value <= bound.bound:
                return _wrong(place, mistakes, _("{bound:g} or less").format(bound=bound.bound))
        return value

    return check


def _each(inner: Check) -> Check:
    def check(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
        if not isinstance(value, list | tuple):
            return _wrong(place, mistakes, _("a list in square brackets"))
        return tuple([inner(item, (*place, number), mistakes) for number, item in enumerate(value)])

    return check


def _or_none(inner: Check) -> Check:
    def check(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
        return None if value is None else inner(value, place, mistakes)

    return check


def _section(kind: type[Section]) -> Check:
    def check(value: Any, place: Place, mistakes: list[Mistake]) -> Any:
        if isinstance(value, kind):
            return value
        if not isinstance(value, dict):
            return _wrong(place, mistakes, _("a section with keys of its own"))
        made = object.__new__(kind)
        made._fill(value, place, mistakes)
        return made

    return check
