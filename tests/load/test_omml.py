"""Equations of Office -> one line of text."""

from __future__ import annotations

import pytest
from lxml import etree

from ragqa.load.omml import linear
from tests.load.word_files import NAMESPACES, math


def part(name: str, text: str) -> str:
    return f"<m:{name}>{text if text.startswith('<') else math(text)}</m:{name}>"


def structure(name: str, properties: str = "", **parts: str) -> str:
    return f"<m:{name}><m:{name}Pr>{properties}</m:{name}Pr>{''.join(part(*each) for each in parts.items())}</m:{name}>"


def value(name: str, given: str) -> str:
    return f'<m:{name} m:val="{given}"/>'


SQUARE = structure("sSup", e="x", sup="2")
MATRIX = f"<m:m><m:mr>{part('e', 'a')}{part('e', 'b')}</m:mr><m:mr>{part('e', 'c')}{part('e', 'd')}</m:mr></m:m>"


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        (math("F=½ρv²CA"), "F=½ρv²CA"),
        (structure("f", num="-b", den="2a"), r"\frac{-b}{2a}"),
        (structure("f", value("type", "lin"), num="a", den="b"), "a/b"),
        (structure("f", value("type", "noBar"), num="n", den="k"), r"\binom{n}{k}"),
        (SQUARE + math("y"), "x^2 y"),
        (structure("sSup", e="10", sup="-3"), "10^{-3}"),
        (structure("sSup", e=structure("f", num="a", den="b"), sup="2"), r"{\frac{a}{b}}^2"),
        (structure("sSubSup", e="N", sub="s", sup="max"), "N_s^{max}"),
        (structure("sPre", sub="6", sup="14", e="C"), "{}_6^{14}C"),
        (structure("rad", value("degHide", "1"), deg="", e="x"), r"\sqrt{x}"),
        (structure("rad", deg="3", e="x"), r"\sqrt[3]{x}"),
        (structure("nary", value("chr", "∑"), sub="k=1", sup="n", e="k"), r" \sum_{k=1}^n k"),
        (structure("nary", value("supHide", "on"), sub="C", sup="9", e="zdz"), r" \int_C zdz"),
        (structure("d", e="a+b"), "(a+b)"),
        (structure("d", value("begChr", "{") + value("endChr", ""), e="a"), "{a"),
        (structure("func", fName="log", e=structure("d", e="x")), "log(x)"),
        (structure("func", fName=structure("limLow", e="lim", lim="n→∞"), e="a"), "lim_{n→∞} a"),
        (structure("acc", value("chr", "\u20d7"), e="v"), r"\vec{v}"),
        (structure("bar", value("pos", "top"), e="x"), r"\overline{x}"),
        (structure("groupChr", value("chr", "⏞") + value("pos", "top"), e="x+y"), r"\overbrace{x+y}"),
        (MATRIX, r"\begin{matrix}a & b \\ c & d\end{matrix}"),
        (structure("eqArr", e="x&amp;=1"), "x=1"),
        (f"<w:ins>{math('a')}</w:ins><w:del>{math('b')}</w:del>", "a"),
        (f"<m:unknown>{math('a')}</m:unknown>", "a"),
    ],
)  # fmt: skip
def test_an_equation_is_written_on_one_line(xml: str, text: str) -> None:
    assert linear(etree.fromstring(f"<m:oMath {NAMESPACES}>{xml}</m:oMath>")) == text
