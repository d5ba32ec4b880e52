"""Model: what berth.h does, with the names that users of sentence-transformers and of Hugging Face's pipelines know."""

import ctypes
import json
import os
import sys
import weakref

import numpy as np

from . import _library
from ._arguments import MOST_THREADS, c_path, c_string, integer
from ._arrays import PRECISIONS, buffer, copied, quantized
from ._errors import ArgumentError
from ._inputs import ROW, Inputs, is_pair, string
from ._library import lib
from ._similarity import similarity_matrix
from ._tasks import Tasks


def is_query(task):
    if task not in (None, "query", "document"):
        raise ArgumentError(f'task: expected "query" or "document", got {task!r}')
    return task == "query"


def string_only(text):
    if not isinstance(text, str):
        raise TypeError(f"text: expected str, got {type(text).__name__}")
    return text


def span(pair, name):
    try:
        values = tuple(pair)
    except TypeError:
        raise TypeError(f"{name}: expected (begin, end), got {type(pair).__name__}") from None
    if len(values) != 2:
        raise ArgumentError(f"{name}: expected (begin, end), got {len(values)} values")
    return integer(values[0], name), integer(values[1], name)


class Model(Tasks):
    """A Hugging Face or sentence-transformers directory, loaded.

    path: the directory, as `save_pretrained` or the Hub's download leaves it.
    precision: of the encoder's layers: "fp32", "bf16", "int8", or "auto".
    threads: exactly so many; 0: the CPUs of the affinity mask or of the container's quota, lowered by OMP_NUM_THREADS.
    isa: no instruction set beyond this one ("avx2"); None: BERTH_ISA, else the best the CPU has.
    mmap: False copies the weights instead of mapping the files.
    adapter: one of the directory's own (info["adapters"]), or the directory of one that PEFT saved (LoRA); it is added to the weights here.
    prompts, default_prompt_name, truncate_dim: as in sentence-transformers, in place of what the directory says.
    device: None or "cpu".

    Any number of threads may use one Model at once: it never changes, and calls release the GIL. It may be loaded before a fork, and
    pickling it sends the path, the options and what was set since. Failures are berth.Error.
    """

    def __init__(self, path, *, precision="fp32", threads=0, isa=None, mmap=True, prompts=None, default_prompt_name=None, truncate_dim=None,
                 device=None, adapter=None):
        if device is not None and str(device) != "cpu":
            raise ArgumentError(f'device: expected None or "cpu", got {device!r}')
        self._made_of = (os.fspath(path), {"precision": precision, "threads": threads, "isa": isa, "mmap": mmap, "prompts": prompts,
                                           "default_prompt_name": default_prompt_name, "truncate_dim": truncate_dim,
                                           "adapter": None if adapter is None else os.fspath(adapter)})
        options = _library.ModelOptions(threads=integer(threads, "threads", most=MOST_THREADS), no_mmap=not mmap,
                                        precision=c_string(precision, "precision"), isa=c_string(isa, "isa"),
                                        adapter=None if adapter is None else c_path(adapter, "adapter"))
        handle = ctypes.c_void_p()
        lib.berth_model_load(c_path(path, "path"), options, ctypes.byref(handle))
        self._handle = handle
        # Not at the end of the process, when daemon threads may still be in a call.
        weakref.finalize(self, lib.berth_model_free, handle).atexit = False
        self.info = json.loads(lib.berth_model_info(handle))
        self.prompts = dict(self.info.get("prompts", {}) if prompts is None else prompts)
        self.default_prompt_name = default_prompt_name or self.info.get("default_prompt_name")
        if self.default_prompt_name is not None:
            self._prompt_named(self.default_prompt_name)
        self.truncate_dim = None if truncate_dim is None else integer(truncate_dim, "truncate_dim", 1)
        self.similarity_fn_name = self.info.get("similarity", "cosine")
        self.labels = [lib.berth_model_label(handle, i).decode() for i in range(lib.berth_model_num_labels(handle))]
        self._max_length = lib.berth_model_max_length(handle)

    def __reduce__(self):
        # Also what was set since; what the other process finds out by itself stays here.
        state = {name: value for name, value in vars(self).items() if name not in ("_handle", "info")}
        return _load, (type(self), *self._made_of), {**state, "prompts": dict(self.prompts)}

    def __repr__(self):
        return f"berth.Model({self._made_of[0]!r}, precision={self.info['precision']!r}, threads={self.info['threads']})"

    # ---- facts ----

    @property
    def hidden_size(self):
        """Values of a token's last hidden state."""
        return lib.berth_model_hidden_size(self._handle)

    @property
    def embedding_size(self):
        """Values of an embedding, without the arguments of a call."""
        return self._embedding_size(self._run_options(truncate_dim=self.truncate_dim))

    @property
    def max_seq_length(self):
        """Tokens of a text, special ones included; what is beyond is cut. May be lowered."""
        return self._max_length

    @max_seq_length.setter
    def max_seq_length(self, value):
        self._max_length = min(integer(value, "max_seq_length", 1), lib.berth_model_max_length(self._handle))

    @property
    def device(self):
        """ "cpu": for code that asks."""
        return "cpu"

    def get_sentence_embedding_dimension(self):
        """embedding_size, by its name in sentence-transformers."""
        return self.embedding_size

    def get_max_seq_length(self):
        """max_seq_length, by its other name in sentence-transformers."""
        return self.max_seq_length

    # ---- embeddings ----

    def encode(self, sentences, prompt_name=None, prompt=None, batch_size=32, show_progress_bar=None, output_value="sentence_embedding",
               precision="float32", convert_to_numpy=True, convert_to_tensor=False, device=None, normalize_embeddings=False, *,
               truncate_dim=None, max_length=None, out=None, return_rows=False, task=None):
        """Sentence embeddings: float32 [n, dimensions]; of a single str [dimensions].

        sentences: a str, or several; a pair of texts is a tuple.
        prompt, prompt_name: put before every text; a key of `prompts`. Default: the directory's default prompt, if it has one.
        batch_size: rows between two steps of the progress bar. It changes neither speed nor results.
        show_progress_bar: True counts on standard error.
        output_value: "token_embeddings" gives a list of [tokens, hidden_size] instead.
        precision: "int8", "uint8", "binary" or "ubinary" quantise the embeddings as sentence-transformers does.
        convert_to_numpy: False gives a list of rows. convert_to_tensor: not supported; torch.from_numpy() copies nothing.
        normalize_embeddings: divides each by its length, after truncate_dim.
        truncate_dim: the first values only (Matryoshka).
        max_length: cuts texts to so many tokens.
        out: a C-contiguous float32 array of the result's shape, filled and returned.
        return_rows: gives (embeddings, rows): rows["tokens"] the model ran on, rows["truncated"] where a text was cut, rows["windows"] it ran as.
        task: "query" takes the directory's own model for queries, where a Router names one; "document", as None, the other.

        The library writes into the returned array itself: nothing is copied.
        """
        self._refuse(convert_to_tensor, device)
        batch_size = integer(batch_size, "batch_size", 1)
        if precision not in PRECISIONS:
            raise ArgumentError(f'precision: expected one of {", ".join(PRECISIONS)}, got {precision!r}')
        if output_value not in ("sentence_embedding", "token_embeddings"):
            raise ArgumentError(f'output_value: expected "sentence_embedding" or "token_embeddings", got {output_value!r}')
        if output_value == "token_embeddings" and precision != "float32":
            raise ArgumentError(f"precision: token embeddings are float32 only, got {precision!r}")
        if out is not None and (output_value == "token_embeddings" or precision != "float32"):
            raise ArgumentError("out: only for sentence embeddings in float32")
        rows, single = self._rows(sentences)
        options = self._run_options(max_length, truncate_dim=truncate_dim if truncate_dim is not None else self.truncate_dim,
                                    normalize=bool(normalize_embeddings), prompt=self._prompt(prompt, prompt_name), query=is_query(task))
        if output_value == "token_embeddings":
            values, facts = self._token_embeddings(Inputs(rows), options)
            return self._result(values, facts, single, return_rows)
        values = buffer(out, (len(rows), self._embedding_size(options)), single)
        facts = self._run(lib.berth_encode, Inputs(rows), options, values, batch_size if show_progress_bar else None)
        if precision != "float32":
            values = quantized(values, precision)
        elif out is not None:
            return (out, facts) if return_rows else out
        return self._result(values if convert_to_numpy or single else list(values), facts, single, return_rows)

    def encode_query(self, sentences, **options):
        """encode() of queries, with the prompt named "query" where there is one and no other is asked for."""
        return self._encode_as("query", ("query",), sentences, options)

    def encode_document(self, sentences, **options):
        """encode() of documents, with the prompt named "document", "passage" or "corpus", the first that there is, where no other is asked for."""
        return self._encode_as("document", ("document", "passage", "corpus"), sentences, options)

    def encode_chunks(self, text, spans, prompt_name=None, prompt=None, normalize_embeddings=False, *, truncate_dim=None, max_length=None,
                      long_text="truncate", stride=0, return_tokens=False, task=None):
        """Late chunking: embeddings of stretches of a text, each pooled from its own tokens, all of which have seen the whole text: float32 [spans, dimensions].

        spans: (begin, end) of each, in code points, as slices of the str have them; they may overlap.
        long_text: "truncate" (a stretch that is cut away has zeros), "error", or "window": windows that share `stride` tokens (0: 64).
        return_tokens: gives (embeddings, tokens): uint32 [spans], how many tokens each is made of.
        The others as in encode(). For models that pool by mean, max or mean_sqrt_len_tokens."""
        options = self._run_options(max_length, truncate_dim=truncate_dim if truncate_dim is not None else self.truncate_dim,
                                    normalize=bool(normalize_embeddings), prompt=self._prompt(prompt, prompt_name), query=is_query(task),
                                    long_text=c_string(long_text, "long_text"), stride=integer(stride, "stride"))
        length = len(string_only(text))
        pairs = [span(pair, f"spans[{i}]") for i, pair in enumerate(spans)]
        for i, pair in enumerate(pairs):
            if max(pair) > length:
                raise ArgumentError(f"spans[{i}]: {pair} is beyond the text's {length} code points")
        places = np.array(pairs, dtype=np.uint32).reshape(-1, 2)
        values = np.empty((len(pairs), self._embedding_size(options)), dtype=np.float32)
        tokens = np.empty(len(pairs), dtype=np.uint32)
        count = ctypes.c_size_t(len(pairs))
        Inputs([text]).run(lambda pointer, begin, end: lib.berth_encode_chunks(
            self._handle, pointer, 1, places.ctypes.data, ctypes.byref(count), options, values.ctypes.data, tokens.ctypes.data, None))
        return (values, tokens) if return_tokens else values

    def similarity(self, first, second=None):
        """How alike rows are: float32 [n, m], by `similarity_fn_name` ("cosine" unless the directory says otherwise).

        Both may be embeddings or texts, which are encoded; without `second` the rows of `first` are compared with each other."""
        first = self._embeddings(first)
        return similarity_matrix(self.similarity_fn_name, first, first if second is None else self._embeddings(second))

    # ---- heads ----

    def scores(self, texts, *, raw_scores=False, max_length=None, out=None, return_rows=False):
        """Scores of all labels of a sequence classifier, in the order of `labels`: float32 [n, labels]; of a single str [labels]."""
        rows, single = self._rows(texts)
        values = buffer(out, (len(rows), len(self.labels)), single)
        facts = self._run(lib.berth_classify, Inputs(rows), self._run_options(max_length, raw_scores=bool(raw_scores)), values)
        return self._result(values, facts, single, return_rows)

    def classify(self, texts, top_k=1, *, raw_scores=False, max_length=None, return_rows=False):
        """Labels as Hugging Face's text-classification pipeline gives them: for each text [{"label", "score"}], best first.

        top_k: how many; None: all. raw_scores: logits. For a single str its list alone."""
        rows, single = self._rows(texts)
        values, facts = self.scores(rows, raw_scores=raw_scores, max_length=max_length, return_rows=True)
        best = np.argsort(-values, axis=1, kind="stable")[:, :len(self.labels) if top_k is None else integer(top_k, "top_k", 1)]
        found = [[{"label": self.labels[i], "score": float(row[i])} for i in order] for row, order in zip(values, best)]
        return self._result(found, facts, single, return_rows)

    def predict(self, pairs, *, raw_scores=False, max_length=None, return_rows=False):
        """Scores of (query, text) pairs by a cross-encoder: float32 [n]; of a single pair a float, as CrossEncoder.predict() has it."""
        rows, _ = self._rows(pairs)
        single = is_pair(pairs) and all(isinstance(text, str) for text in pairs)
        rows = [rows] if single else rows
        for i, row in enumerate(rows):
            if not is_pair(row):
                raise TypeError(f"input {i}: expected a pair of texts, got {type(row).__name__}")
        values = np.empty(len(rows), dtype=np.float32)
        facts = self._run(lib.berth_rerank, Inputs(rows), self._run_options(max_length, raw_scores=bool(raw_scores)), values)
        return self._result(values, facts, single, return_rows)

    def rerank(self, query, texts, top_k=None, *, return_documents=True, raw_scores=False, max_length=None):
        """Texts in the order of their scores for a query: [{"corpus_id", "score", "text"}], as CrossEncoder.rank() has it."""
        texts, single = self._rows(texts)
        if single:
            raise TypeError("texts: expected several, got str")
        values = self.predict([(query, text) for text in texts], raw_scores=raw_scores, max_length=max_length)
        order = np.argsort(-values, kind="stable")[:None if top_k is None else integer(top_k, "top_k", 1)]
        return [{"corpus_id": int(i), "score": float(values[i]), **({"text": texts[i]} if return_documents else {})} for i in order]

    def tokenize(self, text, text_pair=None, *, add_special_tokens=True, max_length=None):
        """A text's tokens: {"ids", "type_ids", "tokens", "offsets", "truncated"}; offsets [n, 2] in code points of the text."""
        tokenizer = lib.berth_model_tokenizer(self._handle)
        if tokenizer is None:
            raise ArgumentError(f"{self._made_of[0]}: the directory has no tokenizer")
        first, second = string(text, "text"), None if text_pair is None else string(text_pair, "text_pair")
        row = _library.Input(text=first, **({} if second is None else {"text_pair": second}))
        options = _library.TokenizeOptions(max_length=0 if max_length is None else integer(max_length, "max_length", 1), no_special_tokens=not add_special_tokens)
        handle = ctypes.c_void_p()
        lib.berth_tokenize(tokenizer, row, options, ctypes.byref(handle))
        try:
            count = lib.berth_encoding_size(handle)
            return {"ids": copied(lib.berth_encoding_ids(handle), (count,), np.int32),
                    "type_ids": copied(lib.berth_encoding_type_ids(handle), (count,), np.int32),
                    "tokens": [lib.berth_encoding_token(handle, i).text() for i in range(count)],
                    "offsets": copied(lib.berth_encoding_offsets(handle), (count, 2), np.uint32),
                    "truncated": bool(lib.berth_encoding_truncated(handle))}
        finally:
            lib.berth_encoding_free(handle)

    # ---- how ----

    @staticmethod
    def _refuse(convert_to_tensor, device):
        if convert_to_tensor:
            raise ArgumentError("convert_to_tensor: berth has no tensors; torch.from_numpy(model.encode(...)) makes one without copying")
        if device is not None and str(device) != "cpu":
            raise ArgumentError(f'device: expected None or "cpu", got {device!r}')

    @staticmethod
    def _rows(texts):
        """(list of rows, whether it was a single text)"""
        if isinstance(texts, np.ndarray):
            texts = texts.tolist()  # of two columns: pairs
        if isinstance(texts, str):
            return [texts], True
        if isinstance(texts, (bytes, dict)) or not hasattr(texts, "__iter__"):
            raise TypeError(f"expected a str or several, got {type(texts).__name__}")
        return list(texts), False

    @staticmethod
    def _result(values, rows, single, return_rows):
        if single:
            values, rows = values[0], rows[0]
        return (values, rows) if return_rows else values

    def _limit(self, max_length):
        return self._max_length if max_length is None else min(integer(max_length, "max_length", 1), self._max_length)

    def _prompt_named(self, name):
        if name not in self.prompts:
            raise ArgumentError(f"prompt_name: there is no {name!r} among the model's prompts ({', '.join(map(repr, self.prompts)) or 'none'})")
        return self.prompts[name]

    def _prompt(self, prompt, name):
        if prompt is not None:
            return prompt
        name = name if name is not None else self.default_prompt_name
        return None if name is None else self._prompt_named(name)

    def _run_options(self, max_length=None, *, truncate_dim=None, prompt=None, **options):
        result = _library.RunOptions(max_length=self._limit(max_length),
                                     truncate_dim=0 if truncate_dim is None else integer(truncate_dim, "truncate_dim", 1), **options)
        if prompt is not None:
            result.prompt = result.keep = string(prompt, "prompt")
        return result

    def _embedding_size(self, options):
        size = ctypes.c_size_t()
        lib.berth_embedding_size(self._handle, options, ctypes.byref(size))
        return size.value

    def _run(self, function, inputs, options, values, progress=None):
        """Calls function for all inputs, which fills values (first axis: rows); returns what became of the rows."""
        rows = np.empty(inputs.count, dtype=ROW)

        def call(pointer, begin, end):
            function(self._handle, pointer, end - begin, options, values[begin:end].ctypes.data, rows[begin:end].ctypes.data)
            if progress and inputs.count:
                last = end == inputs.count
                print(f"\rBatches: {-(-end // progress)}/{-(-inputs.count // progress)}", end="\n" if last else "", file=sys.stderr, flush=True)

        inputs.run(call, progress)
        return rows

    def _token_embeddings(self, inputs, options):
        rows, values = np.empty(inputs.count, dtype=ROW), []
        handle, tokens = ctypes.c_void_p(), ctypes.c_size_t()

        def call(pointer, begin, end):
            lib.berth_encode_tokens(self._handle, pointer, end - begin, options, None, rows[begin:end].ctypes.data, ctypes.byref(handle))
            try:
                for i in range(end - begin):
                    data = lib.berth_token_embeddings_row(handle, i, ctypes.byref(tokens))
                    values.append(copied(data, (tokens.value, self.hidden_size), np.float32))
            finally:
                lib.berth_token_embeddings_free(handle)

        inputs.run(call)
        return values, rows

    def _encode_as(self, task, names, sentences, options):
        options.setdefault("task", task)
        if options.get("prompt") is None and options.get("prompt_name") is None:
            options["prompt_name"] = next((name for name in names if name in self.prompts), None)
        return self.encode(sentences, **options)

    def _embeddings(self, rows):
        """[n, dimensions] float32 of embeddings, or of texts."""
        rows = rows if isinstance(rows, (str, np.ndarray)) or hasattr(rows, "__len__") else list(rows)
        first = rows if isinstance(rows, str) else next(iter(rows), None)
        if isinstance(first[0] if is_pair(first) else first, str):
            return np.atleast_2d(self.encode(rows))
        values = np.asarray(rows, dtype=np.float32)
        if values.ndim == 1:
            values = values.reshape(-1, len(values) or self.embedding_size)  # a single one, or none
        if values.ndim != 2:
            raise ArgumentError(f"similarity: expected embeddings [n, dimensions], got {values.ndim} dimensions")
        return values


def _load(kind, path, options):
    model = kind.__new__(kind)
    Model.__init__(model, path, **options)  # not a subclass's, which may take other arguments
    return model
