"""What an RTF shows where it has no characters: the boxes of a form, and the alternative texts of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field

from ragqa.load.alternative import picture

DESTINATIONS = ("sn", "sv", "formfield")
"""The name and the value of a property of a shape, and a field of a form."""
_CHECKBOX, _AS_GIVEN = 1, 25
"""The type of a checkbox, and the result that stands for its default."""


@dataclass(slots=True)
class Shown:
    """Takes the parts of these destinations, and says what to show when one ends."""

    name: str = ""
    value: str = ""
    form: dict[str, int] = field(default_factory=dict)

    def take(self, destination: str, text: str) -> None:
        """Take a text of a name or a value."""
        if destination == "sn":
            self.name += text
        elif destination == "sv":
            self.value += text

    def end(self, destination: str) -> str:
        """Return what a destination shows, mostly nothing, and forget it; a name is kept for the value that follows."""
        shown = ""
        if destination == "sv":
            shown = picture(self.value) if self.name.strip() == "wzDescription" else ""
            self.name = self.value = ""
        elif destination == "formfield":
            result = self.form.get("ffres", _AS_GIVEN)
            checked = self.form.get("ffdefres") if result == _AS_GIVEN else result
            shown = ("[x]" if checked else "[ ]") if self.form.get("fftype") == _CHECKBOX else ""
            self.form = {}
        return shown
