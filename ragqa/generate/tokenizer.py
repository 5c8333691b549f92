"""The tokenizer of a causal LM. Where tokenizer.json says everything about it, transformers is not loaded: two seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from ragqa import models
from ragqa.files import read_text

_SPECIAL = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
_WITHOUT_EFFECT = {"backend", "is_local", "local_files_only", "model_max_length", "tokenizer_class", "chat_template"}
"""Keys of tokenizer_config.json that do not change the tokens of a text."""
_MOST_VOCABULARY = 100_000
"""The largest vocabulary for which transformers never replaces the expression that splits a text."""
_TEMPLATE_BYTES = 1_000_000


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer of a folder, as transformers loads it, or a `JsonTokenizer` that gives the same tokens.

    :raises ModelError: it cannot be read.
    """
    return JsonTokenizer.load(folder) or models.load_pretrained("AutoTokenizer", folder)


class JsonTokenizer:
    """A tokenizer with the methods of transformers' that this room uses. Its text is never cut or padded."""

    def __init__(self, backend: Tokenizer, special: dict[str, str], chat_template: str | None) -> None:
        self._backend = backend
        self.special_tokens_map = special
        self.chat_template = chat_template
        self.eos_token_id = backend.token_to_id(special["eos_token"]) if "eos_token" in special else None

    @classmethod
    def load(cls, folder: Path) -> JsonTokenizer | None:
        """Return the tokenizer of a folder; None if other files than tokenizer.json have a say in its tokens.

        transformers adds special tokens that tokenizer.json lacks, and its classes for single families build their
        tokenizer anew.
        """
        config = models.read_json(folder / "tokenizer_config.json")
        special = {name: config[name] for name in _SPECIAL if config.get(name) is not None}
        if config.get("tokenizer_class") != "TokenizersBackend" or config.keys() - _WITHOUT_EFFECT - set(_SPECIAL):
            return None
        if not all(isinstance(token, str) for token in (*special.values(), config.get("chat_template", ""))):
            return None
        if any((folder / name).exists() for name in ("special_tokens_map.json", "added_tokens.json", "chat_templates")):
            return None
        try:
            backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
            template = folder / "chat_template.jinja"
            chat = read_text(template, _TEMPLATE_BYTES) if template.exists() else config.get("chat_template")
        except Exception:  # the library raises its errors as `Exception`; transformers says what is wrong
            return None
        known = {str(token.content) for token in backend.get_added_tokens_decoder().values()}
        if not known.issuperset(special.values()) or backend.get_vocab_size() > _MOST_VOCABULARY:
            return None
        backend.no_truncation()
        backend.no_padding()
        return cls(backend, special, chat)

    def __call__(
        self,
        text: str | list[str],
        *,
        add_special_tokens: bool,
        split_special_tokens: bool = False,
        return_offsets_mapping: bool = False,
    ) -> dict[str, Any]:
        """Return the `input_ids` of a text or of several, and their `offset_mapping` if it is wanted.

        :param split_special_tokens: read the text of a special token as any other text.
        """
        self._backend.encode_special_tokens = split_special_tokens
        if isinstance(text, str):
            one = self._backend.encode(text, add_special_tokens=add_special_tokens)
            found: dict[str, Any] = {"input_ids": one.ids}
            return found | ({"offset_mapping": one.offsets} if return_offsets_mapping else {})
        many = self._backend.encode_batch(text, add_special_tokens=add_special_tokens)
        found = {"input_ids": [one.ids for one in many]}
        return found | ({"offset_mapping": [one.offsets for one in many]} if return_offsets_mapping else {})

    @property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """Return the tokens that were added to the vocabulary, the special ones among them."""
        return dict(self._backend.get_added_tokens_decoder())

    def decode(self, tokens: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        """Return the text of tokens."""
        return str(self._backend.decode(list(tokens), skip_special_tokens=skip_special_tokens))

    def get_vocab(self) -> dict[str, int]:
        """Return the tokens by their text, added ones included."""
        return dict(self._backend.get_vocab(with_added_tokens=True))

    def get_chat_template(self) -> str:
        """Return the chat template, in Jinja; empty if there is none."""
        return self.chat_template or ""
