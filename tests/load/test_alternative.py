"""Alternative texts of pictures: those that a person wrote are told from names of files and what programs write."""

from __future__ import annotations

import pytest

from ragqa.load.alternative import picture


@pytest.mark.parametrize(
    "text",
    ["A map of the valley", "Ducks 2024", "Picture of the old quay", "Water level in cm, by hour", "図書館の地図", "Logo of the port",
     "A map of the valley, as in map.png"],
)  # fmt: skip
def test_a_description_is_read(text: str) -> None:
    assert picture(f" {text}\n") == f"[picture: {text}]"


@pytest.mark.parametrize(
    "text",
    [None, "", " \n", "image1.png", "My holiday 3.JPG", "https://a.example/b", "cid:12@mail", "Picture 3", "image", "Bild 2", "an image",
     "***", "A duck\n\nDescription automatically generated", "A duck. AI-generated content may be incorrect.",
     "A picture containing text\n\nDescription automatically generated with low confidence"],
)  # fmt: skip
def test_what_no_person_wrote_is_not_read(text: str | None) -> None:
    assert picture(text) == ""
