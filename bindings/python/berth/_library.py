"""berth.h in ctypes: structs, prototypes, and the border at which a status becomes an exception.

Foreign functions called through ctypes.CDLL release the GIL for as long as they run."""

import ctypes
import os
import pathlib
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32, c_void_p

from ._errors import BY_STATUS, InternalError


class String(Structure):
    _c_name_ = "berth_string"
    _fields_ = [("data", c_void_p), ("size", c_size_t)]

    def text(self):
        return None if self.data is None else ctypes.string_at(self.data, self.size).decode("utf-8")


class Input(Structure):
    _c_name_ = "berth_input"
    _fields_ = [("text", String), ("text_pair", String), ("ids", c_void_p), ("type_ids", c_void_p), ("ids_size", c_size_t)]


class Row(Structure):
    _c_name_ = "berth_row"
    _fields_ = [("tokens", c_uint32), ("truncated", c_uint32), ("windows", c_uint32)]


class Finding(Structure):
    _c_name_ = "berth_finding"
    _fields_ = [("label", String), ("text", String), ("score", c_float), ("first_token", c_uint32), ("last_token", c_uint32),
                ("has_offsets", c_uint32), ("begin", c_uint32), ("end", c_uint32), ("id", c_int32), ("sequence", String)]


class Options(Structure):
    """Fills in `size`; zero means the default everywhere else."""

    def __init__(self, **values):
        super().__init__(size=ctypes.sizeof(self), **values)


class ModelOptions(Options):
    _c_name_ = "berth_model_options"
    _fields_ = [("size", c_size_t), ("threads", c_int32), ("no_mmap", c_int32), ("precision", c_char_p), ("isa", c_char_p), ("adapter", c_char_p)]


class RunOptions(Options):
    _c_name_ = "berth_run_options"
    _fields_ = [("size", c_size_t), ("max_length", c_size_t), ("batch_tokens", c_size_t), ("raw_scores", c_int32), ("normalize", c_int32),
                ("truncate_dim", c_size_t), ("long_text", c_char_p), ("stride", c_size_t), ("window_scores", c_char_p), ("prompt_name", c_char_p),
                ("prompt", String), ("query", c_int32)]


class TagOptions(Options):
    _c_name_ = "berth_tag_options"
    _fields_ = [("size", c_size_t), ("max_length", c_size_t), ("batch_tokens", c_size_t), ("raw_scores", c_int32), ("aggregation", c_char_p),
                ("stride", c_size_t), ("ignore_labels", POINTER(String)), ("ignore_labels_size", c_size_t), ("long_text", c_char_p)]


class FillMaskOptions(Options):
    _c_name_ = "berth_fill_mask_options"
    _fields_ = [("size", c_size_t), ("max_length", c_size_t), ("batch_tokens", c_size_t), ("raw_scores", c_int32), ("top_k", c_int64),
                ("targets", POINTER(String)), ("targets_size", c_size_t), ("mask_id", POINTER(c_int32)), ("long_text", c_char_p)]


class AnswerOptions(Options):
    _c_name_ = "berth_answer_options"
    _fields_ = [("size", c_size_t), ("max_length", c_size_t), ("batch_tokens", c_size_t), ("raw_scores", c_int32), ("stride", c_size_t),
                ("top_k", c_size_t), ("max_answer_tokens", c_size_t), ("impossible", c_int32)]


class ZeroShotOptions(Options):
    _c_name_ = "berth_zero_shot_options"
    _fields_ = [("size", c_size_t), ("max_length", c_size_t), ("batch_tokens", c_size_t), ("hypothesis_template", c_char_p), ("multi_label", c_int32),
                ("long_text", c_char_p)]


class TokenizeOptions(Options):
    _c_name_ = "berth_tokenize_options"
    _fields_ = [("size", c_size_t), ("max_length", c_size_t), ("no_special_tokens", c_int32), ("truncate_left", c_int32)]


class ClassifierOptions(Options):
    _c_name_ = "berth_classifier_options"
    _fields_ = [("size", c_size_t), ("model", c_char_p), ("threads", c_int32), ("no_mmap", c_int32), ("precision", c_char_p), ("isa", c_char_p),
                ("batch_tokens", c_size_t), ("no_cache", c_int32), ("rules_only", c_int32), ("combine", c_char_p), ("k", c_size_t)]


class Decision(Structure):
    _c_name_ = "berth_decision"
    _fields_ = [("label", String), ("nearest", String), ("nearest_label", String), ("rule", String), ("rule_match", String), ("score", c_float),
                ("margin", c_float), ("similarity", c_float), ("has_score", c_uint32), ("decided_by", c_uint32), ("model", c_uint32)]


STRUCTS = [String, Input, Row, Finding, ModelOptions, RunOptions, TagOptions, FillMaskOptions, AnswerOptions, ZeroShotOptions, TokenizeOptions,
           ClassifierOptions, Decision]

# name -> result, arguments. A c_int result of a function that can fail is a berth_status.
_PLAIN = {
    "berth_last_error": (c_char_p, []),
    "berth_version": (c_char_p, []),
    "berth_model_info": (c_char_p, [c_void_p]),
    "berth_model_hidden_size": (c_size_t, [c_void_p]),
    "berth_model_embedding_size": (c_size_t, [c_void_p]),
    "berth_model_num_labels": (c_size_t, [c_void_p]),
    "berth_model_label": (c_char_p, [c_void_p, c_size_t]),
    "berth_model_max_length": (c_size_t, [c_void_p]),
    "berth_model_tokenizer": (c_void_p, [c_void_p]),
    "berth_token_embeddings_row": (c_void_p, [c_void_p, c_size_t, POINTER(c_size_t)]),
    "berth_findings_row": (POINTER(Finding), [c_void_p, c_size_t, POINTER(c_size_t)]),
    "berth_quantized_size": (c_size_t, [c_int, c_size_t]),
    "berth_classifier_info": (c_char_p, [c_void_p]),
    "berth_decisions_get": (POINTER(Decision), [c_void_p, c_size_t]),
    "berth_decisions_scores": (c_void_p, [c_void_p, c_size_t, POINTER(c_size_t)]),
    "berth_encoding_size": (c_size_t, [c_void_p]),
    "berth_encoding_ids": (c_void_p, [c_void_p]),
    "berth_encoding_type_ids": (c_void_p, [c_void_p]),
    "berth_encoding_offsets": (c_void_p, [c_void_p]),
    "berth_encoding_truncated": (c_int, [c_void_p]),
    "berth_encoding_token": (String, [c_void_p, c_size_t]),
}
_ROWS = [c_void_p, c_void_p, c_size_t]  # model, inputs, count
_CHECKED = {
    "berth_system_info": [POINTER(c_char_p)],
    "berth_model_load": [c_char_p, POINTER(ModelOptions), POINTER(c_void_p)],
    "berth_model_free": [c_void_p],
    "berth_token_embeddings_free": [c_void_p],
    "berth_findings_free": [c_void_p],
    "berth_encoding_free": [c_void_p],
    "berth_embedding_size": [c_void_p, POINTER(RunOptions), POINTER(c_size_t)],
    "berth_encode": [*_ROWS, POINTER(RunOptions), c_void_p, c_void_p],
    "berth_encode_tokens": [*_ROWS, POINTER(RunOptions), c_void_p, c_void_p, POINTER(c_void_p)],
    "berth_encode_chunks": [*_ROWS, c_void_p, POINTER(c_size_t), POINTER(RunOptions), c_void_p, c_void_p, c_void_p],
    "berth_classify": [*_ROWS, POINTER(RunOptions), c_void_p, c_void_p],
    "berth_rerank": [*_ROWS, POINTER(RunOptions), c_void_p, c_void_p],
    "berth_tag": [*_ROWS, POINTER(TagOptions), POINTER(c_void_p), c_void_p],
    "berth_fill_mask": [*_ROWS, POINTER(FillMaskOptions), POINTER(c_void_p), c_void_p],
    "berth_answer": [*_ROWS, POINTER(AnswerOptions), POINTER(c_void_p), c_void_p],
    "berth_zero_shot": [*_ROWS, POINTER(String), c_size_t, POINTER(ZeroShotOptions), c_void_p, c_void_p],
    "berth_profile_check": [c_char_p],
    "berth_classifier_load": [c_char_p, POINTER(ClassifierOptions), POINTER(c_void_p)],
    "berth_classifier_free": [c_void_p],
    "berth_classifier_run": [*_ROWS, POINTER(c_void_p), c_void_p],
    "berth_decisions_free": [c_void_p],
    "berth_find_ranges": [c_void_p, c_size_t, c_size_t, c_int, c_void_p],
    "berth_quantize": [c_void_p, c_size_t, c_size_t, c_int, c_void_p, c_void_p],
    "berth_tokenize": [c_void_p, POINTER(Input), POINTER(TokenizeOptions), POINTER(c_void_p)],
}


def _check(status, function, arguments):
    if status != 0:
        message = lib.berth_last_error().decode("utf-8", "replace")  # of this thread
        raise BY_STATUS.get(status, InternalError)(message)


def _open():
    path = os.environ.get("BERTH_LIBRARY") or str(pathlib.Path(__file__).with_name("libberth.so"))
    try:
        library = ctypes.CDLL(path)
        functions = {name: getattr(library, name) for name in [*_PLAIN, *_CHECKED]}
    except (OSError, AttributeError) as error:  # missing, or what it needs is; or it is something else
        raise ImportError(f"berth cannot load its library: {error}; pip install builds it, BERTH_LIBRARY may name another", path=path) from None
    for name, (result, arguments) in _PLAIN.items():
        functions[name].restype, functions[name].argtypes = result, arguments
    for name, arguments in _CHECKED.items():
        functions[name].restype, functions[name].argtypes, functions[name].errcheck = c_int, arguments, _check
    return library


lib = _open()
