from os import PathLike
from typing import Any, Iterable, Literal, Mapping, Sequence, Tuple, TypedDict, Union

import numpy as np
from numpy.typing import NDArray

__version__: str

_Text = Union[str, Tuple[str, str]]
_Texts = Union[str, Iterable[_Text]]

class Error(Exception): ...
class ArgumentError(Error, ValueError): ...
class TooLongError(Error, ValueError): ...
class NotFoundError(Error, FileNotFoundError): ...
class CorruptFileError(Error, ValueError): ...
class UnsupportedError(Error, RuntimeError): ...
class NonFiniteError(Error, RuntimeError): ...
class OutOfMemoryError(Error, MemoryError): ...
class InternalError(Error, RuntimeError): ...

class _Tokens(TypedDict):
    ids: NDArray[np.int32]
    type_ids: NDArray[np.int32]
    tokens: list[str]
    offsets: NDArray[np.uint32]
    truncated: bool

class Model:
    info: dict[str, Any]
    prompts: dict[str, str]
    default_prompt_name: str | None
    truncate_dim: int | None
    similarity_fn_name: str
    labels: list[str]

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        precision: Literal["fp32", "bf16", "int8", "auto"] = "fp32",
        threads: int = 0,
        isa: str | None = None,
        mmap: bool = True,
        prompts: Mapping[str, str] | None = None,
        default_prompt_name: str | None = None,
        truncate_dim: int | None = None,
        device: object = None,
        adapter: str | PathLike[str] | None = None,
    ) -> None: ...
    @property
    def hidden_size(self) -> int: ...
    @property
    def embedding_size(self) -> int: ...
    @property
    def max_seq_length(self) -> int: ...
    @max_seq_length.setter
    def max_seq_length(self, value: int) -> None: ...
    @property
    def device(self) -> str: ...
    def get_sentence_embedding_dimension(self) -> int: ...
    def get_max_seq_length(self) -> int: ...
    def encode(
        self,
        sentences: _Texts,
        prompt_name: str | None = None,
        prompt: str | None = None,
        batch_size: int = 32,
        show_progress_bar: bool | None = None,
        output_value: Literal["sentence_embedding", "token_embeddings"] = "sentence_embedding",
        precision: Literal["float32", "int8", "uint8", "binary", "ubinary"] = "float32",
        convert_to_numpy: bool = True,
        convert_to_tensor: bool = False,
        device: object = None,
        normalize_embeddings: bool = False,
        *,
        truncate_dim: int | None = None,
        max_length: int | None = None,
        out: NDArray[np.float32] | None = None,
        return_rows: bool = False,
        task: Literal["query", "document"] | None = None,
    ) -> Any: ...
    def encode_query(self, sentences: _Texts, **options: Any) -> Any: ...
    def encode_document(self, sentences: _Texts, **options: Any) -> Any: ...
    def encode_chunks(
        self, text: str, spans: Iterable[tuple[int, int] | Sequence[int]], prompt_name: str | None = None, prompt: str | None = None,
        normalize_embeddings: bool = False, *, truncate_dim: int | None = None, max_length: int | None = None,
        long_text: Literal["truncate", "error", "window"] = "truncate", stride: int = 0, return_tokens: bool = False,
        task: Literal["query", "document"] | None = None,
    ) -> Any: ...
    def similarity(
        self, first: _Texts | NDArray[Any] | Sequence[NDArray[Any]], second: _Texts | NDArray[Any] | Sequence[NDArray[Any]] | None = None
    ) -> NDArray[np.float32]: ...
    def scores(
        self, texts: _Texts, *, raw_scores: bool = False, max_length: int | None = None, out: NDArray[np.float32] | None = None,
        return_rows: bool = False
    ) -> Any: ...
    def classify(
        self, texts: _Texts, top_k: int | None = 1, *, raw_scores: bool = False, max_length: int | None = None, return_rows: bool = False
    ) -> Any: ...
    def predict(
        self, pairs: Tuple[str, str] | Iterable[Tuple[str, str]], *, raw_scores: bool = False, max_length: int | None = None,
        return_rows: bool = False
    ) -> Any: ...
    def rerank(
        self, query: str, texts: Iterable[str], top_k: int | None = None, *, return_documents: bool = True, raw_scores: bool = False,
        max_length: int | None = None
    ) -> list[dict[str, Any]]: ...
    def tag(
        self, texts: _Texts, aggregation_strategy: Literal["none", "simple", "first", "average", "max"] = "none", *, stride: int = 0,
        ignore_labels: Sequence[str] = ("O",), max_length: int | None = None
    ) -> Any: ...
    def fill_mask(self, texts: _Texts, top_k: int | None = 5, *, targets: Sequence[str] | None = None, max_length: int | None = None) -> Any: ...
    def answer(
        self, question: str, context: str, top_k: int = 1, *, max_answer_tokens: int = 15, stride: int = 0, impossible: bool = False,
        max_length: int | None = None
    ) -> list[dict[str, Any]]: ...
    def zero_shot(
        self, texts: _Texts, labels: Iterable[str], *, hypothesis_template: str | None = None, multi_label: bool = False,
        max_length: int | None = None
    ) -> Any: ...
    def tokenize(
        self, text: str, text_pair: str | None = None, *, add_special_tokens: bool = True, max_length: int | None = None
    ) -> _Tokens: ...

class Classifier:
    info: dict[str, Any]
    labels: list[str]
    model_error: str | None

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        model: str | PathLike[str] | None = None,
        precision: Literal["fp32", "bf16", "int8", "auto"] | None = None,
        threads: int = 0,
        isa: str | None = None,
        mmap: bool = True,
        cache: bool = True,
        rules_only: bool = False,
    ) -> None: ...
    @staticmethod
    def check(path: str | PathLike[str]) -> None: ...
    def classify(self, texts: Union[str, Iterable[str]]) -> Any: ...

SentenceTransformer = Model

def system_info() -> dict[str, Any]: ...
