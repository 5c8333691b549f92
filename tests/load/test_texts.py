"""Formats that are text: RTF, light markups, LaTeX, notebooks, XML, YAML, TOML, subtitles, source code and logs."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ragqa.errors import RejectedError
from ragqa.load import FileGlobs, FolderLoader, latex, markup, notebook, rtf, subtitles, toml_records, xml_text
from ragqa.load import yaml_records as yaml_files
from ragqa.load.bounds import Limits
from ragqa.load.extract import extract
from ragqa.records import Document, Extracted, unread
from ragqa.split.markdown import document_sections, headings_of

LIMITS = Limits()


def document(found: Extracted, media_type: str = "text/x-any") -> Document:
    return Document("d", "a", "a", "0", media_type, "utf-8", found.text, found.title, "x/1", (), found.metadata)


def outline(found: Extracted) -> list[tuple[str, int]]:
    """Return the titles and levels of the headings; each begins at the start of a line."""
    headings = headings_of(document(found))
    assert all(heading.start == 0 or found.text[heading.start - 1] in "\n\r\ufeff" for heading in headings)
    return [(heading.title, heading.level) for heading in headings]


# --- light markups ---------------------------------------------------------------------------------------------------

RST = """\
=======
Ferries
=======

:Author: Ann Doe
:Date: 2020-01-01

They sail.

Tern
----

A line
of prose
-------- not a title

.. _label:

Fees
~~~~
::

    Code
    ====

+---+
| a |
+---+

Ismena
------
"""


def test_headings_of_restructured_text_have_the_level_of_their_marks() -> None:
    found = markup.restructured(RST)
    assert found.text == RST
    assert outline(found) == [("Ferries", 1), ("Tern", 2), ("Fees", 3), ("Ismena", 2)]
    assert (found.title, found.metadata["author"], found.metadata["date"]) == ("Ferries", "Ann Doe", "2020-01-01")
    assert [titles for _, titles in document_sections(document(found))][2] == ("Ferries", "Tern", "Fees")


def test_headings_of_org_lose_states_priorities_and_tags() -> None:
    text = "#+title: Log of\n#+TITLE: the quay\n#+AUTHOR: Ann\n#+TODO: WAIT | DONE\n* TODO [#A] Buy rope :shop:\n** WAIT Paint\n *no heading\n***\n"
    found = markup.org(text)
    assert outline(found) == [("Buy rope", 1), ("Paint", 2)]
    assert (found.text, found.title, found.metadata["author"]) == (text, "Log of the quay", "Ann")


def test_headings_of_asciidoc_are_found_outside_blocks_and_its_header_is_fields() -> None:
    text = (
        "= The Guide\nAnn Doe <ann@example.org>\nv1.2, 2020-01-01\n:keywords: rope\n\nText.\n\n== Start ==\n\n----\n== no\n----\n\n"
        "Setext\n------\n\n```ruby\n# no\n```\n\n|===\n|== no\n|===\n\n=== Deeper\n"
    )
    found = markup.asciidoc(text)
    assert outline(found) == [("The Guide", 1), ("Start", 2), ("Setext", 2), ("Deeper", 3)]
    assert dict(found.metadata) | {"headings": 0} == {
        "author": "Ann Doe", "version": "1.2", "date": "2020-01-01", "keywords": "rope", "headings": 0,
    }  # fmt: skip


# --- LaTeX -----------------------------------------------------------------------------------------------------------

TEX = r"""\documentclass{article} % a class
\title{The \emph{New} Caf\'e}
\author{Ann Doe\thanks{x} \and B. M\"uller}
\begin{document}
% \section{Old}
\section[short]{Fares \& fees}
Ten \% of 5. % no more
\begin{verbatim}
100% \section{no}
\end{verbatim}
\verb|%| stays. \includegraphics{a}
\begin{comment}
gone
\end{comment}
\subsection*{Children}
\end{document}
left over
"""


def test_what_latex_does_not_print_is_blank_and_counted() -> None:
    found = latex.extract(TEX)
    assert len(found.text) == len(TEX) and found.text.splitlines()[5] == TEX.splitlines()[5]
    words = found.text.split()
    assert not {"Old}", "gone", "left", "class"} & set(words)
    assert "100% \\section{no}" in found.text and "\\verb|%| stays." in found.text
    assert outline(found)[0] == (r"Fares & fees", 3) and found.title == "The New Café"
    assert found.metadata["author"] == ["Ann Doe", "B. Müller"]
    assert found.metadata["not_read"] == {
        "comments": 4, "lines of the preamble": 3, "lines after the end": 1, "pictures": 1,
    }  # fmt: skip


def test_a_chapter_without_a_preamble_is_read_whole() -> None:
    assert outline(latex.extract("\\chapter{One}\ntext")) == [("One", 2)]


# --- notebooks -------------------------------------------------------------------------------------------------------


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "source": source.splitlines(keepends=True), "outputs": outputs}


def test_a_notebook_is_markdown_with_the_cells_as_places() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", "High at noon."]},
        {"cell_type": "markdown", "source": ""},
        code(
            "# no heading\nprint('''```''')",
            {"output_type": "stream", "text": ["low\n"]},
            {"output_type": "stream", "text": ["\x1b[31mhigh\x1b[0m\n"]},
            {"output_type": "display_data", "data": {"image/png": "x", "text/plain": "<Figure>"}},
            {"output_type": "execute_result", "data": {"text/html": "<b>", "text/plain": ["7"]}},
            {"output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": ["x"]},
        ),
    ]
    book = {"nbformat": 4, "metadata": {"language_info": {"name": "python"}}, "cells": cells}
    found = notebook.extract(json.dumps(book))
    assert found.text == (
        "# Tides\nHigh at noon.\n\n````python\n# no heading\nprint('''```''')\n````\n\n"
        "```\nlow\nhigh\n```\n\n```\n7\n```\n\n```\nKeyError: 'a'\n```"
    )
    assert outline(found) == [("Tides", 1)] and found.title == "Tides"
    assert found.metadata["places"] == [[0, "cell 1"], [found.text.index("````python"), "cell 3"]]
    assert found.metadata["not_read"] == {"pictures": 1, "tracebacks": 1}


def test_a_notebook_of_format_3_is_read_and_what_is_none_is_rejected() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Tides"},
        {"cell_type": "code", "input": "x", "outputs": []},
    ]
    assert (
        notebook.extract(json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]})).text
        == "## Tides\n\n```\nx\n```"
    )
    for text in ("[]", '{"a": 1}', "{", '{"cells": [], "nbformat": 9}', "[" * 100_000):
        with pytest.raises(RejectedError, match="notebook"):
            notebook.extract(text)


# --- YAML and TOML ---------------------------------------------------------------------------------------------------


def test_values_of_yaml_are_lines_with_their_paths() -> None:
    text = (
        "# top\nbase: &base {image: tern, ports: ['80:80', \"a # b\"]}\nweb:\n  <<: *base\n  image: own  # why\n"
        "text: |\n  # no comment\n  two\nid: 0x1F\nnone: ~\nref: !Ref Bucket\nbin: !!binary |\n  R0lG\n"
        "steps:\n- run: make\n- run: test\n"
    )
    found = yaml_files.extract(text)
    first, second, third = found.text.split("\n\n\n")
    assert first.splitlines() == [
        "base.image: tern", "base.ports: 80:80, a # b", "web.ports: 80:80, a # b", "web.image: own",
        "text: # no comment", "two", "", "id: 0x1F", "none: null", "ref: !Ref Bucket", "bin: (binary)",
    ]  # fmt: skip
    assert (second, third) == ("steps[0].run: make", "steps[1].run: test")
    assert found.metadata["not_read"] == {"binary values": 1, "comments": 2}


def test_each_document_of_a_yaml_file_is_a_record() -> None:
    found = yaml_files.extract("kind: Pod\nspec: {a: 1}\n---\nkind: Job\n...\n---\n")
    assert found.text == "kind: Pod\nspec.a: 1\n\n\nkind: Job"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [x,x,x]\n" + "".join(f"b{i}: &{'abcdefghijklmnop'[i + 1]} [{','.join(['*' + 'abcdefghijklmnop'[i]] * 9)}]\n" for i in range(9)), "a bomb?"),
        ("a: &a [*a]", "inside its own anchor"),
        ("a: *b", "without an anchor"),
        ("[" * 5000, "nested too deeply"),
        ("# only\n", "only comments"),
    ],
)  # fmt: skip
def test_yaml_that_is_damaged_or_a_bomb_is_rejected(text: str, reason: str) -> None:
    with pytest.raises(RejectedError, match=reason.replace("?", r"\?")):
        yaml_files.extract(text)


@pytest.mark.parametrize(
    ("extract", "text", "why"),
    [
        (yaml_files.extract, "kind: Pod\n{{- if .Values.on }}\nname: {{ .Values.name }}\n", "line 3: not YAML"),
        (yaml_files.extract, "\ufeffa: b: c", "line 1: not YAML"),
        (toml_records.extract, "a = \n# Heading?", "not TOML"),
    ],
)
def test_a_template_is_read_as_text_and_that_is_said(extract: Callable[[str], Extracted], text: str, why: str) -> None:
    found = extract(text)
    assert found.text == text and found.metadata["headings"] == []
    (phrase,) = unread("application/yaml", found.metadata, 0)
    assert phrase.kind == "read_as_text" and phrase.startswith(f"read as plain text ({why}")


def test_values_of_toml_are_lines_with_their_paths() -> None:
    text = '# c\n[project]\nname = "tern" # d\nwhen = 2020-01-01\nurl = "a#b"\n[[ship]]\nid = 1\n[[ship]]\nid = 2\n'
    found = toml_records.extract(text)
    assert (
        found.text
        == "project.name: tern\nproject.when: 2020-01-01\nproject.url: a#b\n\n\nship[0].id: 1\n\n\nship[1].id: 2"
    )
    assert found.metadata["not_read"] == {"comments": 2}


# --- XML -------------------------------------------------------------------------------------------------------------


def test_whole_numbers_of_toml_are_as_they_are_written() -> None:
    text = toml_records.extract('mode = 0o755 # 0x1\nids = [0xFF, 1_000]\nname = "0x1F"\n[a]\n0x1 = 7\n').text
    assert text.splitlines() == ["mode: 0o755", "ids: 0xFF, 1_000", "name: 0x1F", "a.0x1: 7"]
    assert "read_as_text" in toml_records.extract("a = 0xZZ\n").metadata


def test_data_in_xml_are_records() -> None:
    data = (
        '<?xml version="1.0" encoding="ISO-8859-1"?><!-- c --><fleet xmlns="urn:x"><owner>Müller</owner>'
        '<ship id="1"><name>Tern</name><fee unit="EUR">5</fee></ship><ship id="2"><name>Ismena</name></ship></fleet>'
    ).encode("latin-1")
    found = xml_text.extract(data, LIMITS)
    assert found.text == (
        "owner: Müller\n\n\nship[0].id: 1\nship[0].name: Tern\nship[0].fee.unit: EUR\nship[0].fee.text: 5\n\n\n"
        "ship[1].id: 2\nship[1].name: Ismena"
    )


JATS = b"""<!DOCTYPE article PUBLIC "-//NLM//DTD" "x.dtd"><article xmlns:mml="http://www.w3.org/1998/Math/MathML"><front>
<article-meta><title-group><article-title>On <italic>ferries</italic></article-title></title-group>
<contrib-group><contrib contrib-type="author"><name><surname>Doe</surname><given-names>Ann</given-names></name></contrib>
</contrib-group></article-meta></front><body><sec><label>1</label><title>Intro</title><p>It is&nbsp;10<sup>6</sup>
<fn><p>A note.</p></fn> or <inline-formula><mml:math><mml:mi>x</mml:mi><mml:mo>=</mml:mo><mml:mn>2</mml:mn></mml:math></inline-formula>.</p>
<list list-type="order"><list-item><p>One</p></list-item><list-item><p>Two</p></list-item></list><sec><title>Deep</title>
<table-wrap><caption><title>Fees</title></caption><table><thead><tr><th>A</th><th>B</th></tr></thead><tbody><tr><td
rowspan="2">1</td><td>2|3</td></tr><tr><td>4</td></tr></tbody></table></table-wrap><graphic/></sec></sec></body></article>"""


def test_a_document_in_xml_is_paragraphs_headings_lists_and_tables() -> None:
    found = xml_text.extract(JATS, LIMITS)
    assert found.text == (
        "On ferries\n\nDoe Ann\n\n1 Intro\n\nIt is 10^6 or x = 2.\n\nA note.\n\n1. One\n2. Two\n\nDeep\n\nFees\n\n"
        "| A | B |\n|---|---|\n| 1 | 2\\|3 |\n| 1 | 4 |"
    )
    assert outline(found) == [("1 Intro", 1), ("Deep", 2)]
    assert (found.title, found.metadata["author"], found.metadata["not_read"]) == (
        "On ferries",
        "Ann Doe",
        {"pictures": 1},
    )


def test_docbook_keeps_code_and_text_around_a_list() -> None:
    found = xml_text.extract(
        b"<article><title>Guide</title><para>Do: <itemizedlist><listitem><para>a <code>b</code>.</para></listitem></itemizedlist>"
        b" then that.</para><programlisting>x\n  y</programlisting><odd>Some <i>own</i> tag</odd></article>",
        LIMITS,
    )
    assert found.text == "Guide\n\nDo:\n\n- a b.\n\nthen that.\n\n```\nx\n  y\n```\n\nSome own tag"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_in_xml_are_refused_and_bombs_take_no_time(encoding: str) -> None:
    inner = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    for attack in (
        '<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        f'<!ENTITY l0 "lol">{inner}]><a b="&l9;">&l9;</a>',
    ):
        started = time.monotonic()
        with pytest.raises(RejectedError, match=r"entity declarations are not allowed|amplification"):
            xml_text.extract(
                f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [{attack}'.encode(encoding), LIMITS
            )
        assert time.monotonic() - started < 2


def test_subtitles_have_times_as_places_and_repeat_no_line() -> None:
    vtt = (
        "WEBVTT - x\n\nNOTE by hand\n\nSTYLE\n::cue {}\n\n1\n00:01.500 --> 00:02.000 align:left\n<v Ann>The <b>ferry</b> &amp; I\n\n"
        "01:00:02.000 --> 01:00:03.000\n<v Ann>The ferry &amp; I\nsail.\n"
    )
    found = subtitles.extract(vtt)
    assert found.text == "Ann: The ferry & I\nsail."
    assert found.metadata == {"headings": [], "places": [[0, "00:00:01"], [19, "01:00:02"]], "not_read": {"notes": 1}}
    assert subtitles.extract("1\n00:00:01,000 --> 00:00:02,000\n{\\an8}One\n").text == "One"
    with pytest.raises(RejectedError, match="no cue"):
        subtitles.extract("Only words")


# --- RTF -------------------------------------------------------------------------------------------------------------

RTF = rb"""{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fnil\fcharset0 Arial;}{\f1\fcharset204 Cyr;}{\f2\fcharset2 Symbol;}
{\f3\fcharset128 Mincho;}}{\stylesheet{Normal;}{\s3 Heading 2;}}{\info{\title Fees of the ferr\'ef}{\author Ann}}
{\header Ferry Company Ltd\par}{\footer Page {\field{\*\fldinst PAGE}{\fldrslt 3}}\par}
\pard\s3 Chapter one\par\pard\plain \u8364?5 \u-10179?\u-8704? {\v secret}{\deleted gone}{\strike old}10{\super 6}\par
{\f1 \'cf\'f0\'e8}{\f3 \'93\'fa}\par{\listtext\f2\'b7\tab}item{\footnote \chftn  A note.}\par
\trowd\trhdr\cellx1\cellx2\pard\intbl Name\cell Fee\cell\row
\trowd\clvmgf\cellx1\cellx2\pard\intbl Tern\cell 5 | 6\cell\row\trowd\clvmrg\cellx1\cellx2\pard\intbl\cell 7\par more\cell\row
\pard See {\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt the page}}.{\*\shppict{\pict 0102}}{\nonshppict{\pict 00}}\par
{\upr{ansi?}{\*\ud{\u945?lpha}}} x\bin3 {{{{\*\unknown no}{\*\atnauthor Bo}{\*\annotation Check}\par}"""


def test_rtf_is_read_as_a_person_sees_it() -> None:
    found = rtf.extract(RTF, LIMITS)
    assert found.text.splitlines() == [
        "Chapter one", "€5 😀 10^6", "При日", "- item",
        "| Name | Fee |", "|---|---|", "| Tern | 5 \\| 6 |", "| Tern | 7 more |",
        "See the page.", "αlpha x", " A note.", "Comment by Bo: Check", "Ferry Company Ltd",
    ]  # fmt: skip
    assert outline(found) == [("Chapter one", 2)]
    assert (found.title, found.metadata["author"]) == ("Fees of the ferrï", "Ann")
    assert found.metadata["not_read"] == {
        "hidden passages": 1, "deleted passages": 1, "struck-out text": 1, "pictures": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"H{\sub 2}O and x{\sub i}", "H2O and x_i"),
        (rb"10{\super -}{\super 3} l", "10^-3 l"),
        (rb"10{\up8\fs14 6} l and y{\dn6 n}, the 1{\super st}", "10^6 l and y_n, the 1st"),
        (rb"A{\up2 B}{\up0 C}", "ABC"),
    ],
)
def test_scripts_of_rtf_are_those_of_other_formats(body: bytes, text: str) -> None:
    assert rtf.extract(rb"{\rtf1\ansi " + body + rb"\par}", LIMITS).text == text


def test_boxes_of_rtf_and_what_its_pictures_show_are_read() -> None:
    box = rb"{\field{\*\fldinst FORMCHECKBOX {\*\formfield{\fftype1\ffres%d\ffdefres1{\*\ffname Box}}}}{\fldrslt }}"
    name = rb"{\sp{\sn wzName}{\sv Picture 1}}"
    picture = rb"{\pict{\*\picprop" + name + rb"{\sp{\sn wzDescription}{\sv A \u8364? coin}}}\pngblip 8950}"
    body = box % 25 + rb" Ferry " + box % 0 + rb" Train\par{\footnote " + picture + rb" See.}"
    found = rtf.extract(rb"{\rtf1\ansi " + body + rb"\par}", LIMITS)
    assert found.text.splitlines()[:2] == ["[x] Ferry [ ] Train", "[picture: A € coin] See."]
    assert found.metadata["not_read"] == {"pictures": 1}


def test_headers_of_rtf_with_a_number_are_read_and_page_numbers_are_not() -> None:
    margins = rb"{\header Form 12\par}{\footer Seite 3 von 9\par}{\footerf 4\par}"
    assert rtf.extract(rb"{\rtf1\ansi" + margins + rb"Body.\par}", Limits()).text == "Body.\nForm 12"


def test_rtf_that_is_cut_short_says_so_and_what_is_none_is_rejected() -> None:
    assert rtf.extract(RTF[:700], LIMITS).metadata["not_read"]["the end of the file"] == 1
    for data in (b"words", b"{\\rtf1" + b"{" * 2000):
        with pytest.raises(RejectedError):
            rtf.extract(data, LIMITS)


# --- all of them -----------------------------------------------------------------------------------------------------


def test_comments_of_source_code_are_no_headings() -> None:
    found = extract(b"# no\nx = 1\n", media_type="text/x-code", limits={})
    assert found.text == "# no\nx = 1\n" and outline(found) == []


SAMPLES: dict[str, bytes] = {
    "application/rtf": RTF, "application/xml": JATS, "text/x-tex": TEX.encode(), "text/x-rst": RST.encode(),
    "text/x-org": b"#+TITLE: A\n* TODO B :c:\n", "text/asciidoc": b"= A\nB C <d>\n\n== E\n----\nx\n----\n",
    "application/yaml": b"a: &b [1, {c: !d e}]\nf: *b\n? [g]\n: |\n  h\n", "application/toml": b"[a]\nb = [1, {c = 'd'}] # e\n",
    "application/x-ipynb+json": json.dumps({"nbformat": 4, "cells": [code("x", {"data": {"text/plain": "7"}})]}).encode(),
    "text/vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\n<i>A</i>\n",
}  # fmt: skip


@pytest.mark.parametrize("media_type", sorted(SAMPLES))
def test_damaged_bytes_are_read_or_rejected_within_seconds(media_type: str) -> None:
    rng, sample = random.Random(7), SAMPLES[media_type]
    started, read = time.monotonic(), 0
    for _ in range(300):
        data = bytearray(sample)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(data) + 1)
            data[at : at + rng.choice((0, 1, 1, 8))] = rng.choice(
                (b"", bytes([rng.randrange(256)]), sample[at // 2 : at // 2 + 9])
            )
        try:
            extract(bytes(data), media_type=media_type, limits={})
            read += 1
        except RejectedError as error:
            assert str(error).strip()
    assert read and time.monotonic() - started < 20


LONG: dict[str, Callable[[int], bytes]] = {
    "rtf groups": lambda n: b"{\\rtf1 " + b"{\\b x}\\par " * n + b"}",
    "rtf rows": lambda n: b"{\\rtf1 " + b"\\trowd\\clvmrg\\cellx1\\cellx2 a\\cell b\\cell\\row " * (n // 4) + b"}",
    "tex verbatim": lambda n: b"\\begin{verbatim}\\verb!%\n" * n,
    "tex one line": lambda n: b"\\section{\\verb!" * n,
    "rst": lambda n: b"Title\n=====\n" * n,
    "rst marks": lambda n: b"=" * (8 * n),
    "adoc": lambda n: b"----\n== x\n" * n,
    "org": lambda n: b"* TODO x :a:\n" * n,
    "org tags": lambda n: b"* " + b" :a" * n,
    "yaml": lambda n: b"- {a: b} # c\n" * n,
    "yaml open": lambda n: b"- " * n,
    "toml": lambda n: b"a = '#' # c\n".replace(b"a", b"[[a]]\nb") * n,
    "toml open": lambda n: b"a = \"\"\"" + b'\\"' * n,
    "xml": lambda n: b"<a>" + b"<p>x <b/>y<fn>z</fn></p>" * n + b"</a>",
    "vtt": lambda n: b"00:01.000 --> 00:02.000\n<<<<x\n\n" * n,
}  # fmt: skip
KIND = {
    "rtf": "application/rtf", "tex": "text/x-tex", "rst": "text/x-rst", "adoc": "text/asciidoc", "org": "text/x-org",
    "yaml": "application/yaml", "toml": "application/toml", "xml": "application/xml", "vtt": "text/vtt",
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(LONG))
def test_the_time_is_in_proportion_to_the_file(name: str) -> None:
    def seconds(n: int) -> float:
        started = time.process_time()
        with suppress(RejectedError):
            extract(LONG[name](n), media_type=KIND[name.split()[0]], limits={})
        return time.process_time() - started

    short = seconds(1_000)
    assert seconds(8_000) < 30 * short + 1.0


# --- what a folder skips ---------------------------------------------------------------------------------------------


def test_lock_files_packages_and_pipeline_files_of_a_folder_are_skipped_by_name(tmp_path: Path) -> None:
    files = {
        "a.yaml": "load: 1\nversion: 2\n", "ragqa.yaml": "version: 1  # of the file\nload: {kind: folder, path: .}\n",
        "p.json": '{"version": 1, "extends": "x.yaml"}', "package-lock.json": "{}", "x.min.js": "x", "x.js": "x",
        "node_modules/b.md": "x", "env/pyvenv.cfg": "x", "env/lib/c.py": "x",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    scan = FolderLoader([tmp_path]).scan()
    assert [file.source for file in scan.files] == ["a.yaml", "x.js"]
    assert {other.source: other.reason.partition(":")[0] for other in scan.others} == {
        "env/": "a folder of installed packages", "node_modules/": "a folder of installed packages",
        "package-lock.json": "a lock file", "p.json": "a pipeline file", "ragqa.yaml": "a pipeline file",
        "x.min.js": "minified code",
    }  # fmt: skip
    named = FolderLoader([tmp_path], FileGlobs(include=["node_modules", "*.json"])).scan()
    assert [file.source for file in named.files] == ["node_modules/b.md", "p.json", "package-lock.json"]
    assert [file.source for file in FolderLoader([tmp_path / "ragqa.yaml"]).scan().files] == ["ragqa.yaml"]
