"""The built-in kinds of `load`, `split`, `embed`, `index`, `prompt` and `evaluate`: frozen data, no models.

Field descriptions are the text of the reference page and of the JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field

from ragqa.config.base import Conflict, ModelUse, Name, PathRule, Slot
from ragqa.config.slots import (
    BYTES_PER_TOKEN,
    EmbedSpec,
    EvaluateSpec,
    ExampleFile,
    FormatSpec,
    IndexSpec,
    LoadSpec,
    PromptSpec,
    ReaderSpec,
    SplitSpec,
)

BYTES_PER_CHARACTER = 4
"""The most UTF-8 bytes of a character."""
ModelName = Annotated[Name, PathRule("local", weights=True)]


def _switch(value: object) -> object:
    """Return the word for which YAML 1.1 has a truth value."""
    return "off" if value is False else value


class FolderLoad(LoadSpec):
    """Read the documents of a folder, of one file, or of a list of both."""

    kind: Literal["folder"]
    path: Annotated[Name | list[Name], PathRule(exists=True)] = Field(
        description="Folder, file, or list of both; relative to the pipeline file."
    )
    include: list[Name] = Field(
        [],
        description="Globs over the relative path; only matching files are read. The path of a file inside an archive, a "
        "mailbox or a mail leads through it: `old.zip/notes/a.md`.",
    )
    exclude: list[Name] = Field([], description="Globs over the relative path; matching files are left out.")
    as_text: list[Name] = Field(
        [],
        description="Globs over the relative path; matching files are read as plain text, whatever their type "
        "(source code, LICENSE). A file that `path` names is read so too where its type is not known.",
    )
    text_field: Name | None = Field(
        None, description="JSON and JSON lines: the field that holds the text. Of the others, only the title is read."
    )
    ocr: Annotated[Literal["auto", "off"], BeforeValidator(_switch)] = Field(
        "auto",
        description="`auto`: where the extra `ragqa[ocr]` is installed, read pictures, and pages of a PDF without text, by "
        "optical recognition (OCR). `off`: leave them out.",
    )
    ocr_languages: list[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)?$")]] = Field(
        ["eng"],
        min_length=1,
        description="The languages that Tesseract looks for, by the names of its data: `eng`, `deu`, `script/Cyrillic`. "
        "RapidOCR, which is used where Tesseract or its data are not installed, does not need them.",
    )
    passwords: Annotated[Name | None, PathRule("file", exists=True, content=False)] = Field(
        None,
        description="The passwords of encrypted PDF, DOCX, PPTX and XLSX files and of ZIP archives: an environment variable (a name in capitals, such as PDF_PASSWORD), or a file; one password on each line. They are neither stored in the index nor shown.",
    )
    formats: list[Annotated[FormatSpec, Slot("format")]] = Field(
        [], description="Kinds of files with settings of their own; all others are read with their defaults."
    )

    @property
    def roots(self) -> tuple[str, ...]:
        """Return the folders and files that sources are relative to."""
        return (self.path,) if isinstance(self.path, str) else tuple(self.path)


class SizedSplit(SplitSpec):
    """What the built-in kinds of `split` have in common."""

    chunk_size: int = Field(200, ge=8, le=8192, description="Longest chunk, in `unit`.")
    overlap: int = Field(40, ge=0, description="How much of a chunk the next one repeats, in `unit`.")
    unit: Literal["token", "character"] = Field("token", description="`token`: the embedder's own tokens.")

    def conflicts(self) -> Iterator[Conflict]:
        """Yield the conflict of an overlap that is not smaller than the chunk."""
        if self.overlap >= self.chunk_size:
            message = f"overlap {self.overlap} must be below chunk_size {self.chunk_size}"
            yield Conflict(("overlap", "chunk_size"), message)

    def max_tokens(self) -> int | None:
        """Return `chunk_size` where it counts tokens."""
        return self.chunk_size if self.unit == "token" else None

    def max_bytes(self) -> int:
        """Return the most UTF-8 bytes of a chunk, which the splitter guarantees."""
        return self.chunk_size * (BYTES_PER_TOKEN if self.unit == "token" else BYTES_PER_CHARACTER)


class RecursiveSplit(SizedSplit):
    """Cut at the largest break that fits: paragraph, line, sentence, word."""

    kind: Literal["recursive"]


class TokenSplit(SizedSplit):
    """Cut every `chunk_size` units, wherever that falls between two tokens."""

    kind: Literal["token"]


class MarkdownSplit(SizedSplit):
    """Cut at headings first; the heading path is kept as context."""

    kind: Literal["markdown"]


class SentenceSplit(SizedSplit):
    """Fill chunks with whole sentences."""

    kind: Literal["sentence"]


class CodeSplit(SizedSplit):
    """Cut all files at the classes, functions and blocks of a programming language."""

    kind: Literal["code"]
    language: Name = Field("python", description="A language of langchain-text-splitters: python, js, go, rust, ...")

    @property
    def source_suffixes(self) -> tuple[str, ...]:
        """Return the suffixes of files in this language; none for Markdown and HTML, which are always read."""
        return tuple(_SOURCE_SUFFIXES.get(self.language, "").split())


_SOURCE_SUFFIXES = {
    "c": ".c .h",
    "cobol": ".cob .cbl",
    "cpp": ".cpp .cc .cxx .hpp .hh .h",
    "csharp": ".cs",
    "elixir": ".ex .exs",
    "go": ".go",
    "haskell": ".hs",
    "java": ".java",
    "js": ".js .mjs .cjs .jsx",
    "kotlin": ".kt .kts",
    "latex": ".tex",
    "lua": ".lua",
    "perl": ".pl .pm",
    "php": ".php",
    "powershell": ".ps1 .psm1",
    "proto": ".proto",
    "python": ".py .pyi",
    "r": ".r .R",
    "rst": ".rst",
    "ruby": ".rb",
    "rust": ".rs",
    "scala": ".scala",
    "sol": ".sol",
    "swift": ".swift",
    "ts": ".ts .tsx",
    "visualbasic6": ".bas .cls .frm",
}


class _EncoderEmbed(EmbedSpec):
    model: ModelName = Field(description="Built-in name, folder, or hub id of a BERT-like encoder.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto`: bfloat16 where the processor has tile units for it (AMX, a GPU), else float32."
    )
    engine: Literal["auto", "native", "transformers"] = Field(
        "auto", description="What runs the weights; `auto`: native for BERT and MPNet, else transformers."
    )
    batch_tokens: int = Field(1024, ge=64, description="Most tokens in one batch; on a GPU, more is faster.")

    def model_use(self) -> ModelUse:
        """Return the encoder."""
        needs_native = (("engine", "use auto or transformers"),) if self.engine == "native" else ()
        return ModelUse(self.model, self.revision, "embedder", "encoder", needs_native)


class MeanPoolEmbed(_EncoderEmbed):
    """Average the token vectors of each text."""

    kind: Literal["mean_pool"]


class ClsPoolEmbed(_EncoderEmbed):
    """Take the vector of each text's first token."""

    kind: Literal["cls_pool"]


class SentenceTransformersEmbed(EmbedSpec):
    """Any model of the library sentence-transformers, with its own modules, prompts and window."""

    kind: Literal["sentence_transformers"]
    model: ModelName = Field(description="Built-in name, folder, or hub id of a model with a modules.json.")
    revision: Name | None = Field(None, description="Hub revision (a commit hash).")
    dim: int | None = Field(
        None, ge=1, description="The first dimensions that are kept, of a model trained for that (Matryoshka)."
    )
    backend: Literal["torch", "openvino"] = Field(
        "torch",
        description="What runs the weights. `openvino` is for the CPU (`pip install ragqa[openvino]`): the model is converted "
        "when it is loaded, and compared with torch.",
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="`auto`: bfloat16 where the processor has tile units for it (AMX, a GPU), else float32."
    )
    batch_tokens: int = Field(1024, ge=64, description="Most tokens in one batch; on a GPU, more is faster.")

    def model_use(self) -> ModelUse:
        """Return the model."""
        return ModelUse(self.model, self.revision, "embedder")


class FaissIndex(IndexSpec):
    """FAISS for vectors, SQLite for documents, chunks and full text."""

    kind: Literal["faiss"]
    path: Annotated[Name, PathRule(content=False)] = Field(
        description="Folder of the index; relative to the pipeline file."
    )
    search: Literal["auto", "flat", "hnsw", "ivf_sq8"] = Field(
        "auto",
        description="`flat`: exact; `hnsw`, `ivf_sq8`: structures for millions of chunks; `auto`: by their number.",
    )

    def at(self, place: str) -> Self:
        """Return the same kind of index in another folder."""
        return self.model_copy(update={"path": place})


class InContextPrompt(PromptSpec):
    """Fill a template with passages, examples and the question."""

    kind: Literal["in_context"]
    template: Annotated[Name, PathRule("slash")] = Field(
        "qa", description="Built-in name (qa, span, answerable, chat, summarize, extract) or a file path with `/`."
    )
    order: Literal["best_first", "best_at_ends"] = Field("best_first", description="Order of passages in the prompt.")
    examples: Annotated[Name | None, PathRule()] = Field(
        None,
        description="questions.jsonl whose questions and answers serve as examples; plain templates show the first evidence too.",
    )
    examples_split: Name | None = Field(
        None, description="Take only examples whose key `split` has this value, so that none of them is asked."
    )
    n_examples: int = Field(0, ge=0, le=64, description="How many examples go into the prompt.")
    select: Literal["first", "similar", "random"] = Field(
        "first",
        description="The first examples of the file, those most similar to the question, or some drawn once for all.",
    )
    examples_seed: int = Field(0, ge=0, description="Seed of the draw of `select: random`.")
    max_context_tokens: int | None = Field(
        None, ge=1, description="Most tokens for passages; default: all that the window leaves."
    )

    def conflicts(self) -> Iterator[Conflict]:
        """Yield keys about examples that have no effect, since no examples are given or shown."""
        if (self.examples is None) != (self.n_examples == 0):
            given = ("examples", "n_examples") if self.examples else ("n_examples", "examples")
            yield Conflict(given, "examples and n_examples go together: give both or neither")
        if self.examples_split is not None and self.examples is None:
            message = "examples_split chooses among examples, which are not given: give both or neither"
            yield Conflict(("examples_split", "examples"), message)

    def template_name(self) -> str:
        """Return the built-in name or the path of the template."""
        return self.template

    def example_file(self) -> ExampleFile | None:
        """Return the file of the examples; None for none."""
        return ExampleFile(self.examples, self.examples_split, self.n_examples) if self.examples else None

    def context_limit(self) -> int | None:
        """Return `max_context_tokens`."""
        return self.max_context_tokens


class ExtractiveReader(ReaderSpec):
    """An encoder that was trained to find where an answer begins and ends."""

    kind: Literal["extractive"]
    path: Annotated[Name, PathRule(exists=True, weights=True)] = Field(
        description="A folder that `ragqa train reader` wrote."
    )


class FileEvaluate(EvaluateSpec):
    """A dataset that is read from a file or a folder; `--dataset KIND:PATH` names it too."""

    path: Annotated[Name, PathRule(exists=True)] = Field(
        description="Where the questions are; relative to the pipeline file."
    )
