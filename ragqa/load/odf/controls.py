"""The fields of a form in an OpenDocument file -> what they show."""

from __future__ import annotations

from typing import Any

from ragqa.load.odf.package import qn

_BOXES = {qn("form:checkbox"), qn("form:radio")}
_UNREAD = {qn("form:password"), qn("form:hidden"), qn("form:file"), qn("form:image"), qn("form:image-frame")}
"""Fields whose value is not shown."""


def controls(root: Any) -> dict[str, str]:
    """Return the text that each field of a file shows, by its id: its value, or its box and its label."""
    found = {}
    for forms in root.iter(qn("office:forms")):
        for field in forms.iter():
            name = field.get(qn("xml:id")) or field.get(qn("form:id"))
            if name and field.tag not in _UNREAD:
                found[name] = " ".join(_shown(field).split())
    return found


def _shown(field: Any) -> str:
    label = field.get(qn("form:label"), "")
    if field.tag in _BOXES:
        state = (
            field.get(qn("form:current-state")) or field.get(qn("form:current-selected")) or field.get(qn("form:state"))
        )
        return f"[{'x' if state in ('checked', 'true') else ' '}] {label}"
    if field.tag == qn("form:listbox"):
        options = field.iterchildren(qn("form:option"))
        return ", ".join(each.get(qn("form:label"), "") for each in options if _is_chosen(each))
    return str(field.get(qn("form:current-value")) or field.get(qn("form:value")) or label)


def _is_chosen(option: Any) -> bool:
    chosen = option.get(qn("form:current-selected")) or option.get(qn("form:selected"))
    return bool(chosen == "true")
