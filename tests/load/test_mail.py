"""Mails: the text that their sender wrote, their fields and the files that are attached to them."""

from __future__ import annotations

import base64
import random
import struct
import time
from collections.abc import Callable

import pytest

from ragqa.errors import RejectedError
from ragqa.load.bounds import Limits
from ragqa.load.mail import eml_members, eml_text, mbox_members, msg_members, msg_text
from ragqa.load.mail.rtf import decompressed, text_in
from ragqa.load.member import Member
from ragqa.records import Extracted
from tests.load.mail_files import eml, mbox, message, msg, properties, with_files

LIMITS = Limits()
HEAD = "From: Mara Lind <mara@tarnwick.org>\nTo: crew@tarnwick.org\n"


def read(data: bytes) -> Extracted:
    return eml_text(data, LIMITS)


def body(data: bytes) -> str:
    return read(data).text.split("\n\n", 1)[1]


def raw(head: str, text: str | bytes) -> bytes:
    data = text if isinstance(text, bytes) else text.encode()
    return f"From: mara@tarnwick.org\nSubject: Re: Ferry\n{head}\n\n".encode() + data


def parts(kind: str, *each: str) -> bytes:
    inside = "".join(f"--edge\n{one}\n" for one in each)
    return raw(f'MIME-Version: 1.0\nContent-Type: multipart/{kind}; boundary="edge"', f"{inside}--edge--\n")


PLAIN = 'Content-Type: text/plain; charset="utf-8"\n\nThe ferry sails at noon.'
HTML = "Content-Type: text/html\n\n<p>The ferry sails at <b>noon</b>.</p>"


def test_a_mail_is_its_header_as_a_reader_sees_it_and_its_text() -> None:
    found = read(
        eml(
            Cc='"Reed, Ada" <ada@tarnwick.org>, tom@tarnwick.org',
            Date="Fri, 01 Mar 2024 10:05:00 +0100",
            Message_ID="<1@tarnwick.org>",
        )
    )
    assert found.text == (
        HEAD
        + "Cc: Reed, Ada <ada@tarnwick.org>, tom@tarnwick.org\nDate: Fri, 01 Mar 2024 10:05:00 +0100\n"
        + "Subject: Ferry times\n\nThe ferry sails at noon."
    )
    assert found.title == "Ferry times"
    assert found.metadata == {
        "from": "Mara Lind <mara@tarnwick.org>",
        "to": ["crew@tarnwick.org"],
        "cc": ["Reed, Ada <ada@tarnwick.org>", "tom@tarnwick.org"],
        "date": "2024-03-01T10:05:00+01:00",
        "subject": "Ferry times",
        "message_id": "1@tarnwick.org",
    }


def test_encoded_words_are_decoded_and_a_character_may_be_in_two_of_them() -> None:
    found = read(
        b"From: =?iso-8859-1?Q?J=F8rgen?= <j@x.no>\nSubject: =?utf-8?B?"
        + base64.b64encode("Fähre".encode()[:2])
        + b"?=\n =?utf-8?B?"
        + base64.b64encode("Fähre".encode()[2:])
        + b"?= am Kai\n\nx"
    )
    assert found.title == "Fähre am Kai"
    assert found.metadata["from"] == "Jørgen <j@x.no>"


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("gb2312", "gb18030"),
        ("iso-2022-jp", "iso2022_jp"),
        ("wrong", "utf-8"),
    ],
)
def test_a_text_is_decoded_even_where_its_charset_is_narrower_than_it_says(charset: str, encoding: str) -> None:
    text = {"gb18030": "渡轮中午开船鎔", "iso2022_jp": "正午に出ます"}.get(encoding, "Fähre “noon” 5 €")
    encoded = base64.b64encode(text.encode(encoding)).decode()
    data = raw(f'Content-Type: text/plain; charset="{charset}"\nContent-Transfer-Encoding: base64', encoded)
    assert body(data) == text


def test_the_plain_text_is_preferred_and_html_is_read_where_there_is_none_or_hardly_any() -> None:
    assert body(parts("alternative", PLAIN, HTML)) == "The ferry sails at noon."
    assert body(parts("alternative", HTML)) == "The ferry sails at noon."
    stub = "Content-Type: text/plain\n\nHTML only."
    long = f"Content-Type: text/html\n\n<p>{'The quay is closed on Monday. ' * 5}</p>"
    assert body(parts("alternative", stub, long)).startswith("The quay is closed")


def test_html_that_says_more_than_the_plain_text_is_read() -> None:
    stub = "Content-Type: text/plain\n\nYour program does not show HTML."
    short = "Content-Type: text/html\n\n<p>The quay is closed on Monday until noon.</p>"
    assert body(parts("alternative", stub, short)) == "The quay is closed on Monday until noon."
    cells = "Content-Type: text/plain\n\nBoat\n\nFee\n\nYawl\n\n12"
    rows = (
        "Content-Type: text/html\n\n<table><tr><th>Boat</th><th>Fee</th></tr><tr><td>Yawl</td><td>12</td></tr></table>"
    )
    assert "| Yawl | 12 |" in body(parts("alternative", cells, rows))
    notice = "Content-Type: text/plain\n\n" + "The quay is closed on Monday until noon. " * 20
    assert body(parts("alternative", notice, rows)).startswith("The quay")


def test_a_mail_of_parts_without_a_mark_between_them_is_one_text() -> None:
    assert body(raw("Content-Type: multipart/mixed", "The quay is closed.")) == "The quay is closed."


def test_texts_one_after_another_are_all_read() -> None:
    end = "Content-Type: text/plain\n\nBring a coat."
    assert body(parts("mixed", PLAIN, HTML.replace("noon", "one"), end)) == (
        "The ferry sails at noon.\n\nThe ferry sails at one.\n\nBring a coat."
    )


def test_lines_of_a_flowed_text_are_joined_to_paragraphs() -> None:
    text = "The ferry sails \nat noon \nfrom the quay.\n\n> Where does it \n> sail?\nFrom the quay."
    assert body(raw("Content-Type: text/plain; format=flowed", text)) == (
        "The ferry sails at noon from the quay.\n\n> Where does it sail?\nFrom the quay."
    )


QUOTED = {
    "gmail": "On Fri, 1 Mar 2024 at 10:00, Ada <ada@tarnwick.org> wrote:\n\n> When does it sail?\n> Ada",
    "wrapped": "On Fri, 1 Mar 2024 at 10:00, Ada Reed of Tarnwick\n<ada@tarnwick.org> wrote:\n> When does it sail?\n> Ada",
    "german": "Am 01.03.2024 um 10:00 schrieb Ada:\n> Wann fährt sie?\n> Ada",
    "without marks": "On Fri, 1 Mar 2024 at 10:00, Ada <ada@tarnwick.org> wrote:\n\nWhen does it sail?\nAda",
    "outlook": "From: Ada\nSent: Friday, 1 March 2024 10:00\nTo: Mara\nSubject: Ferry\n\nWhen does it sail?",
    "outlook in German": "Von: Ada\nGesendet: Freitag, 1. März 2024\nAn: Mara\nBetreff: Ferry\n\nWann fährt sie?",
    "wrapped in the date": "Ada Reed <ada@tarnwick.org> schrieb am So., 23.\nJuni 2024, 21:08:\n\n> Wann fährt sie?",
    "French without marks": "Le lun. 15 nov. 2021 à 19:42, Ada <ada@tarnwick.org>\na écrit :\n\nQuand part-il ?",
    "between dashes": "---- On Wed, 24 Feb 2021 14:02:50 +0530 ada@tarnwick.org wrote ----\n\nWhen does it sail?",
    "marked header": "> Subject: Ferry\n> From: Ada\n> Date: Mon, 2 Apr 2012\n>\n> When does it sail?",
    "under a rule": "________________________________\nFrom: Human Resources\n<hr@tarnwick.org>\nSent: Monday 4:37 PM\nTo: Mara\n\nHi",
    "Russian": "От: Ada\nОтправлено: 1 марта 2024\nКому: Mara\nТема: Ferry\n\nКогда?",
    "original": "-----Original Message-----\nFrom: Ada\n\nWhen does it sail?",
    "above a signature": "On 2024-03-01 10:00, Ada wrote:\n> When does it sail?\n\n--\nMara",
}


@pytest.mark.parametrize("quoted", QUOTED.values(), ids=QUOTED)
def test_a_message_that_is_quoted_whole_is_left_out_and_its_lines_are_counted(quoted: str) -> None:
    found = read(raw("", f"It sails at noon.\n\n{quoted}\n"))
    signature = "\n\n--\nMara" if quoted.endswith("--\nMara") else ""
    assert found.text.split("\n\n", 1)[1] == "It sails at noon." + signature
    own = [line for line in quoted.removesuffix(signature).split("\n") if line.strip("> ")]
    assert found.metadata["not_read"] == {"quoted lines": len(own)}


KEPT = {
    "answers between quoted lines": "> When does it sail?\nAt noon.\n> And from where?\nFrom the quay.",
    "a quoted line above the answer": "Ada wrote on 2024-03-01:\n> When does it sail?\n\nAt noon.",
    "only a quoted message": "> When does it sail?\n> Ada",
    "prose that ends in wrote": "On some days\nAda wrote:\nlong letters.",
    "one field": "From: the quay it is a mile.\nBring a coat.",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_other_quoted_lines_stay(text: str) -> None:
    found = read(raw("", text))
    assert found.text.split("\n\n", 1)[1] == text
    assert "not_read" not in found.metadata


def test_a_forwarded_message_stays_and_so_does_a_quoted_one_in_a_mail_that_answers_none() -> None:
    for subject in ("Fwd: Ferry", "Ferry"):
        text = f"See below.\n\n{QUOTED['outlook']}"
        data = raw("", text).replace(b"Re: Ferry", subject.encode())
        assert body(data) == text
    inside = f"See below.\n\n---------- Forwarded message ---------\n{QUOTED['outlook']}"
    assert body(raw("", inside)) == inside


def test_the_quoted_message_of_an_html_mail_is_left_out_too() -> None:
    html = (
        "<div>It sails at noon.</div><div class='gmail_quote'>On Fri, 1 Mar 2024, Ada wrote:<br>"
        "<blockquote class='gmail_quote'>When does it sail?<br>Ada</blockquote></div>"
    )
    found = read(raw("Content-Type: text/html", html))
    assert found.text.split("\n\n", 1)[1] == "It sails at noon."
    assert found.metadata["not_read"] == {"quoted lines": 3}
    bare = html.replace("<blockquote class='gmail_quote'>", "<blockquote>").replace("1 Mar 2024", "Friday")
    assert body(raw("Subject: Re: Ferry\nContent-Type: text/html", bare)) == "It sails at noon."
    between = (
        "<blockquote type=cite>When?</blockquote><p>At noon.</p><blockquote type=cite>Where?</blockquote><p>There.</p>"
    )
    assert body(raw("Content-Type: text/html", between)) == "> When?\n\nAt noon.\n\n> Where?\n\nThere."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (raw("Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "MIIB"), "encrypted (S/MIME)"),
        (parts("encrypted; protocol=application/pgp-encrypted", PLAIN), "encrypted (OpenPGP)"),
        (raw("", "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n"), "encrypted (OpenPGP)"),
        (raw("Content-Type: application/pkcs7-mime; smime-type=signed-data", "MIIB"), "signed in a form"),
        (parts("mixed", "Content-Type: application/pkcs7-mime\n\nMIIB"), "encrypted (S/MIME)"),
        (b"The ferry sails at noon.\n", "not a mail"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "not a mail"),
    ],
)
def test_a_mail_that_cannot_be_read_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(RejectedError) as caught:
        read(data)
    assert str(caught.value).startswith(reason)


def test_an_encrypted_part_beside_a_text_is_counted() -> None:
    found = read(parts("mixed", PLAIN, "Content-Type: application/pkcs7-mime\n\nMIIB"))
    assert found.text.endswith("The ferry sails at noon.")
    assert found.metadata["not_read"] == {"encrypted parts": 1}


def test_long_runs_of_one_character_take_no_longer_than_others() -> None:
    began = time.perf_counter()
    for run in (" ", ">", "=?", "-", "On 2024 ", "a:", "<", "(", "From ", "\r", "From: a\nTo: b\n", "=?utf-8?q?a"):
        text = run * (1_000_000 // len(run))
        assert read(raw(f"X: {text[:200_000]}".replace("\n", " ").replace("\r", " "), text)).text
        eml_members(raw(f"To: {text}".replace("\n", " ").replace("\r", " "), text), LIMITS)
        mbox_members(mbox(raw("", text)), LIMITS)
    assert time.perf_counter() - began < 20


def test_a_signed_mail_is_its_text() -> None:
    signature = "Content-Type: application/pgp-signature; name=signature.asc\n\nabc"
    data = parts("signed", PLAIN, signature)
    assert body(data) == "The ferry sails at noon."
    assert eml_members(data, LIMITS) == []
    clear = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nNoon.\n-----BEGIN PGP SIGNATURE-----\nabc\n-----END PGP SIGNATURE-----"
    assert body(raw("", clear)) == "Noon."


def names(members: list[Member]) -> list[str]:
    return [member.name for member in members]


def test_attached_files_have_their_names_and_bytes() -> None:
    files = {"Fahrplan März.pdf": b"%PDF", "a.csv": b"a,b\n1,2\n", "notes": b"\x00\x01"}
    data = with_files(files)
    members = eml_members(data, LIMITS)
    assert names(members) == ["Fahrplan März.pdf", "a.csv", "notes.bin"]
    assert [member.read() for member in members] == list(files.values())
    assert read(data).metadata["attachments"] == names(members)
    assert names(eml_members(with_files({"../../etc/passwd.txt": b"x"}), LIMITS)) == ["..-..-etc-passwd.txt"]


def test_an_attached_mail_is_a_mail_of_its_own() -> None:
    inner = eml("The older one", "The boat sails.\n").decode()
    data = parts("mixed", PLAIN, f"Content-Type: message/rfc822\n\n{inner}")
    (member,) = eml_members(data, LIMITS)
    assert member.name == "The older one.eml"
    assert body(member.read()) == "The boat sails."
    assert "boat" not in read(data).text


def test_pictures_that_are_shown_in_the_text_are_counted_and_others_are_attached_files() -> None:
    shown = "Content-Type: image/png\nContent-ID: <logo>\nContent-Disposition: inline; filename=logo.png\n\nx"
    attached = 'Content-Type: image/png\nContent-Disposition: attachment; filename="plan.png"\n\nx'
    data = parts("mixed", PLAIN, shown, attached)
    assert read(data).metadata["not_read"] == {"pictures": 1}
    assert names(eml_members(data, LIMITS)) == ["plan.png"]


def test_the_mails_of_a_mailbox_are_found_by_their_number_and_subject() -> None:
    data = mbox(
        eml("Ferry / times"),
        eml("=?utf-8?q?F=C3=A4hre?=", "First line.\n\nFrom noon on it sails.\n"),
        eml("Gone", X_Mozilla_Status="0009"),
        eml("x" * 200),
    )
    members = mbox_members(data, LIMITS)
    assert names(members) == ["0001 Ferry - times.eml", "0002 Fähre.eml", "0003 Gone.eml", f"0004 {'x' * 60}.eml"]
    assert [member.status for member in members if member.reason] == ["skipped"]
    assert body(members[1].read()) == "First line.\n\nFrom noon on it sails."
    with pytest.raises(RejectedError, match="not a mailbox"):
        mbox_members(eml(), LIMITS)


NOON = (1709290800 + 11644473600) * 10**7
"""1 March 2024, 11:00 UTC, as Windows counts time."""
SENT = {
    0x001A: "IPM.Note",
    0x0037: "Ferry times",
    0x1000: "The ferry sails at noon.\r\n",
    0x0042: "Mara Lind",
    0x5D02: "mara@tarnwick.org",
    0x1035: "<1@tarnwick.org>",
}
CREW = properties({0x3001: "Crew", 0x39FE: "crew@tarnwick.org"}, {0x0C15: 1})
ADA = properties({0x3001: "Ada", 0x3003: "/O=TARNWICK/CN=ADA"}, {0x0C15: 2})


def test_an_outlook_message_has_the_same_text_and_fields() -> None:
    found = msg_text(msg(SENT, {0x0039: NOON}, to0=CREW, to1=ADA), LIMITS)
    assert found.text == (
        "From: Mara Lind <mara@tarnwick.org>\nTo: Crew <crew@tarnwick.org>\nCc: Ada\n"
        "Date: Fri, 01 Mar 2024 11:00:00 +0000\nSubject: Ferry times\n\nThe ferry sails at noon."
    )
    assert found.metadata["date"] == "2024-03-01T11:00:00+00:00"
    assert found.metadata["message_id"] == "1@tarnwick.org"


def test_the_body_of_an_outlook_message_may_be_html_or_compressed_rtf() -> None:
    head = {tag: text for tag, text in SENT.items() if tag != 0x1000}
    html = head | {0x1013: b"<p>The ferry sails at <b>noon</b>.</p>"}
    assert msg_text(msg(html), LIMITS).text.endswith("\n\nThe ferry sails at noon.")
    rtf = rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}\f0 The f\'e4hre sails\par at \u8220?noon\u8221?.\par}"
    assert msg_text(msg(head | {0x1009: uncompressed(rtf)}), LIMITS).text.endswith("The fähre sails\nat “noon”.")
    inside = rb"{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\b\htmlrtf0 The ferry\htmlrtf }\htmlrtf0 {\*\htmltag72 </p>}}"
    assert text_in(inside) == ("<p>The ferry</p>", True)
    assert msg_text(msg(head | {0x1009: uncompressed(inside)}), LIMITS).text.endswith("\n\nThe ferry")


def uncompressed(rtf: bytes) -> bytes:
    return struct.pack("<IIII", len(rtf) + 12, len(rtf), 0x414C454D, 0) + rtf


def test_compressed_rtf_is_expanded_as_its_specification_shows() -> None:
    data = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert decompressed(data, 1000) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
    with pytest.raises(RejectedError, match="too long"):
        decompressed(data, 10)


def test_files_and_mails_attached_to_an_outlook_message_are_members() -> None:
    inner = message(
        SENT | {0x0037: "Older", 0x1000: "Ålesund calls."}, file0={**properties({0x3707: "b.txt", 0x3701: b"B"})}
    )
    data = msg(
        SENT,
        file0=properties({0x3707: "Plan März.pdf", 0x3701: b"%PDF" * 2000}),
        file1={**properties({0x3001: "Older"}, {0x3705: 5}), "__substg1.0_3701000D": inner},
        file2=properties({0x3707: "logo.png", 0x370E: "image/png", 0x3701: b"x"}, {0x3714: 4}),
        file3=properties({0x3707: "far.docx"}, {0x3705: 7}),
    )
    members = msg_members(data, LIMITS)
    assert names(members) == ["Plan März.pdf", "Older.eml", "far.docx"]
    assert members[0].read() == b"%PDF" * 2000
    assert members[1].read() == members[1].read()
    assert body(members[1].read()) == "Ålesund calls."
    assert {each.name: each.read() for each in eml_members(members[1].read(), LIMITS)} == {"b.txt": b"B"}
    assert (members[2].status, members[2].reason) == ("skipped", "not in the mail itself")
    assert msg_text(data, LIMITS).metadata["not_read"] == {"pictures": 1}


@pytest.mark.parametrize("data", [b"x", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600], ids=["text", "empty"])
def test_what_is_no_outlook_message_says_so(data: bytes) -> None:
    with pytest.raises(RejectedError, match="not an Outlook message"):
        msg_text(data, LIMITS)


RICH = parts(
    "mixed",
    PLAIN,
    HTML,
    "Content-Type: message/rfc822\n\n" + eml("Older").decode(),
    'Content-Type: text/csv; name="=?utf-8?q?a=2Ecsv?="\nContent-Transfer-Encoding: base64\n\nYSxiCjEsMgo=',
)
OUTLOOK = msg(SENT, {0x0039: NOON}, to0=CREW, file0=properties({0x3707: "a.txt", 0x3701: b"x"}))
SOUND: dict[str, tuple[bytes, list[Callable[[bytes, Limits], object]]]] = {
    "eml": (RICH, [eml_text, eml_members]),
    "msg": (OUTLOOK, [msg_text, msg_members]),
    "mbox": (mbox(eml(), RICH), [mbox_members]),
    "rtf": (
        uncompressed(rb"{\rtf1\ansi The {\b ferry} \u8220? \'e4}"),
        [lambda data, _: text_in(decompressed(data, 9999))],
    ),
}


@pytest.mark.parametrize("form", SOUND)
def test_damaged_mails_are_read_or_refused_and_quickly(form: str) -> None:
    sound, functions = SOUND[form]
    rng = random.Random(7)
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 6)):
            at, length = rng.randrange(len(data) or 1), rng.randint(1, 40)
            change = rng.randrange(4)
            if change == 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            elif change == 1:
                del data[at : at + length]
            elif change == 2:
                data[at:at] = rng.choice(
                    (b"\n--edge\n", b"=?utf-8?b?", b"\0" * length, b"Content-Type: multipart/mixed\n", data[:length])
                )
            else:
                data = data[: max(at, 1)] if rng.random() < 0.2 else data
        for function in functions:
            began = time.perf_counter()
            try:
                result = function(bytes(data), LIMITS)
                for member in result if isinstance(result, list) else []:
                    if not member.reason:
                        member.read()
            except RejectedError as error:
                assert str(error).strip()
            assert time.perf_counter() - began < 5
