/* berth: inference for BERT-style encoders on CPUs. The C interface, and the library's only ABI.
 *
 * Conventions, which hold for every function that says nothing else
 *   - Status. What can fail returns a berth_status. On failure berth_last_error() describes it (file, field, value) until the next failing call of
 *     the same thread, and no output argument is written.
 *   - Handles are opaque. *_load, *_tokenize and the functions with a handle as output create one, which is the caller's; the matching *_free destroys
 *     it and all that it owns. NULL is good to free. A handle that is NULL, of another kind, or was freed (as long as not more than 64 others
 *     were freed since) is BERTH_INVALID_ARGUMENT; functions without a status return 0, NULL or "{}" then and leave a message in berth_last_error().
 *     Freeing a model, a classifier or a tokenizer while a call with it runs in another thread fails and frees nothing.
 *   - Memory. What a function returns a pointer to belongs to the handle it was asked from, never changes, and lives as long as that handle. Inputs,
 *     options and whatever they point to are the caller's and are read only during the call. Arrays that results are written to are the caller's;
 *     on failure their contents are unspecified.
 *   - Threads. Nothing here changes a model, a tokenizer or a handle of results after it was made: any number of threads may use one at once, with the
 *     same or other functions, without locks of theirs. Only freeing needs to be the last use. Calls of several threads share the model's workers.
 *   - Option structs are zero-initialised by the caller; `size` holds sizeof the struct, so that later versions may append fields: a field that the caller's
 *     version lacks has its default, 0, and a field that this version does not know must be 0. A NULL options pointer means the defaults.
 *     Structs without `size` never change.
 *   - Text is UTF-8 with an explicit length and need not end in NUL.
 *   - Nothing throws, prints, aborts or exits.
 *
 * docs/stability.md says what stays the same from version to version.
 */
#ifndef BERTH_BERTH_H
#define BERTH_BERTH_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define BERTH_API __attribute__((visibility("default")))
#else
#define BERTH_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum berth_status {
  BERTH_OK = 0,
  BERTH_INVALID_ARGUMENT = 1, /* an option or input of the caller's */
  BERTH_NOT_FOUND = 2,        /* no such file or directory, or no permission */
  BERTH_CORRUPT_FILE = 3,     /* a file is not what it claims to be */
  BERTH_UNSUPPORTED = 4,      /* well-formed, but not something berth does */
  BERTH_TOO_LONG = 5,         /* more ids than the model has positions; a text that long_text does not let be cut */
  BERTH_NON_FINITE = 6,       /* NaN or infinity in the weights or in a result */
  BERTH_OUT_OF_MEMORY = 7,
  BERTH_INTERNAL = 8 /* a bug in berth */
} berth_status;

typedef struct berth_model berth_model;
typedef struct berth_tokenizer berth_tokenizer;
typedef struct berth_encoding berth_encoding;
typedef struct berth_token_embeddings berth_token_embeddings;

/* The message of this thread's last failing call; "" before the first. The thread's own: valid until its next failing call. */
BERTH_API const char* berth_last_error(void);

/* "0.1.0"; lives as long as the process. */
BERTH_API const char* berth_version(void);

/* What this machine offers, as JSON: {"cpu":"…","isa":"avx512","isas":[{"name":…,"usable":…,"reason":…},…],"threads":2}. Honours BERTH_ISA, and fails
 * as loading would when it names an unknown or unsupported set. The string is owned by the library and stays valid until the thread's next
 * call of this function. Threads do not share it. */
BERTH_API berth_status berth_system_info(const char** json);

typedef struct berth_string {
  const char* data;
  size_t size; /* bytes */
} berth_string;

/* One row: text with an optional second text, or token ids used as they are. */
typedef struct berth_input {
  berth_string text;
  berth_string text_pair;  /* data == NULL: no pair */
  const int32_t* ids;      /* non-NULL: text and text_pair are ignored, special tokens are the caller's business */
  const int32_t* type_ids; /* with ids; NULL: all 0. ids_size entries */
  size_t ids_size;
} berth_input;

/* What became of a row. */
typedef struct berth_row {
  uint32_t tokens;    /* tokens the model ran on, special tokens included */
  uint32_t truncated; /* 1 when the text was cut to fit */
  uint32_t windows;   /* it ran as: 1, or more for a long text where long_text is "window"; tokens are those of all */
} berth_row;

/* ---- models ---- */

typedef struct berth_model_options {
  size_t size;
  int32_t threads;       /* 0: min(affinity, cgroup CPU quota), lowered by OMP_NUM_THREADS */
  int32_t no_mmap;       /* 1: copy the files' tensors instead of mapping them */
  const char* precision; /* of the encoder's layers: "fp32", "bf16", "int8", or "auto", which the instruction set and the architecture decide and
                            berth_model_info explains; NULL: "fp32" */
  const char* isa;       /* caps the instruction set ("avx2"); NULL: BERTH_ISA, else the best this CPU has */
  const char* adapter; /* one of the directory's own adapters ("retrieval.query"; berth_model_info lists them), or the directory of one that PEFT saved (LoRA).
                            It is added to the weights while they are loaded: the model runs as fast as without. NULL: none */
} berth_model_options;

/* Loads a Hugging Face or sentence-transformers directory: config.json, model.safetensors (or its shards), the tokenizer and modules.json
 * if there are any. Files are read once, here; with mapping they must not be cut short, or written to, while the model lives. *model is the caller's, to be
 * freed with berth_model_free. Several threads may load at once. */
BERTH_API berth_status berth_model_load(const char* directory, const berth_model_options* options, berth_model** model);
/* The model's tokenizer goes with it; results that were made with it stay. */
BERTH_API berth_status berth_model_free(berth_model* model);

/* As JSON: architecture, sizes, labels, limits, instruction set, threads, files. NUL-terminated; owned by the model. */
BERTH_API const char* berth_model_info(const berth_model* model);

BERTH_API size_t berth_model_hidden_size(const berth_model* model);
BERTH_API size_t berth_model_embedding_size(const berth_model* model);           /* of berth_encode's rows, without a truncate_dim */
BERTH_API size_t berth_model_num_labels(const berth_model* model);               /* of sequences or tokens; 0: no such head */
BERTH_API const char* berth_model_label(const berth_model* model, size_t index); /* owned by the model; NULL when out of range */
BERTH_API size_t berth_model_vocab_size(const berth_model* model);               /* ids are below it */
BERTH_API size_t berth_model_max_length(const berth_model* model);               /* tokens, special ones included; text beyond is cut */

/* The model's tokenizer, owned by the model and never freed by the caller; NULL when its directory has none (such a model still takes ids). */
BERTH_API const berth_tokenizer* berth_model_tokenizer(const berth_model* model);

/* How many operations per second (a product and its sum are two) the model's threads reach at most with the instruction set and in the precision it
 * runs with: measured in registers, for about so many seconds, while nothing else should run. */
BERTH_API berth_status berth_model_measure_peak(const berth_model* model, double seconds, double* operations_per_second);

typedef struct berth_run_options {
  size_t size;
  size_t max_length;   /* lowers the model's limit; 0: the limit itself */
  size_t batch_tokens; /* rows are run together up to this many tokens; 0: a good default. Never changes a result */
  int32_t raw_scores;  /* berth_classify: 1 gives the head's logits */
  int32_t normalize;   /* embeddings: 1 divides each by its length, after truncate_dim; -1 leaves out the Normalize modules at the directory's end; or 0 */
  size_t truncate_dim; /* embeddings: their first values only (Matryoshka); 0: all, or what the directory's truncate_dim says */

  /* What becomes of texts longer than the limit: "truncate" cuts them, "error" fails with BERTH_TOO_LONG, "window" runs them as windows that share
   * tokens. Of windows the embedding is the mean of the pooled vectors, weighted by their tokens, which the modules behind the pooling (Dense, Normalize)
   * then take; labels get the mean or the largest of the windows' scores. Of pairs the longer text is the one that runs as windows.
   * NULL: "window" where a stride is given, else "truncate". Rows of ids always run as they are. */
  const char* long_text;
  size_t stride;             /* tokens that neighbouring windows share, at most half a window; 0: 64 */
  const char* window_scores; /* "mean" or "max"; NULL: "mean", but "max" for berth_rerank */

  /* Put before every text that berth_encode and berth_encode_tokens take. prompt_name is one of the directory's (config_sentence_transformers.json);
   * prompt is the text itself and comes first. Neither: the directory's default_prompt_name, if it has one; a prompt of 0 bytes keeps that out. */
  const char* prompt_name;
  berth_string prompt;

  int32_t query; /* embeddings: 1 for queries, 0 for documents, where the directory has a model of its own for queries (sentence-transformers' Router) */
} berth_run_options;

/* Values of each embedding under these options; fails where truncate_dim is more than there are, or where the model has no such prompt_name. */
BERTH_API berth_status berth_embedding_size(const berth_model* model, const berth_run_options* options, size_t* size);

/* Sentence embeddings: the directory's sentence-transformers modules, or mean pooling without normalising where there are none.
 * As there, modules run first, then embeddings are cut to truncate_dim, then they are normalised if that is asked for: cutting what a model's own
 * modules have normalised leaves it shorter than 1.
 * embeddings: [count, berth_embedding_size]; rows: [count] or NULL. Both are the caller's; on failure their contents are unspecified. */
BERTH_API berth_status berth_encode(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options, float* embeddings,
                                    berth_row* rows);

/* The last hidden state of every token of every row (no pooling); embeddings as in berth_encode, or NULL when they are not wanted. */
BERTH_API berth_status berth_encode_tokens(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options,
                                           float* embeddings, berth_row* rows, berth_token_embeddings** token_embeddings);
/* [tokens, berth_model_hidden_size] of row `index`; owned by the handle; NULL when out of range. */
BERTH_API const float* berth_token_embeddings_row(const berth_token_embeddings* handle, size_t index, size_t* tokens);
BERTH_API berth_status berth_token_embeddings_free(berth_token_embeddings* handle);

/* A stretch of a text, in code points: [begin, end). */
typedef struct berth_span {
  uint32_t begin;
  uint32_t end;
} berth_span;

/* Late chunking (Günther et al. 2024): embeddings of stretches of texts, each pooled from those of its text's tokens that end in it, all of which have seen the
 * whole text, or their window of it where long_text is "window" (of what windows share, the first one's count). Modules behind the pooling, truncate_dim and normalize as in
 * berth_encode. For models that pool by mean, max or mean_sqrt_len_tokens; single texts, no ids.
 * spans: those of the first text, then those of the next, span_counts [count] of each; they may overlap. embeddings: [all spans, berth_embedding_size].
 * tokens: [all spans] or NULL, how many of the text's tokens each is made of: 0, and an embedding of zeros, where it has none or was cut away. rows: [count] or NULL. */
BERTH_API berth_status berth_encode_chunks(const berth_model* model, const berth_input* inputs, size_t count, const berth_span* spans,
                                           const size_t* span_counts, const berth_run_options* options, float* embeddings, uint32_t* tokens, berth_row* rows);

/* Scores of every label as Hugging Face's text-classification pipeline gives them: sigmoid for multi_label_classification and for one
 * label, none for regression, else softmax. scores: [count, berth_model_num_labels], in the order of the labels. */
BERTH_API berth_status berth_classify(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options, float* scores,
                                      berth_row* rows);

/* How well the texts of pairs answer their queries, by a cross-encoder with one label: inputs are pairs with the query as text and the text as
 * text_pair, or ids of such pairs. scores: [count], through the activation that sentence-transformers' CrossEncoder stored with the model, else
 * sigmoid; raw_scores gives the logits. */
BERTH_API berth_status berth_rerank(const berth_model* model, const berth_input* inputs, size_t count, const berth_run_options* options, float* scores,
                                    berth_row* rows);

/* ---- vectors of several kinds from one pass ---- */

typedef enum berth_vector_kind {
  BERTH_DENSE = 1,  /* one embedding a row, as berth_encode's */
  BERTH_SPARSE = 2, /* weights of vocabulary entries: SPLADE, by the masked-language-model head, or of BGE-M3's sparse_linear.pt */
  BERTH_MULTI = 4   /* one vector a token: late interaction (ColBERT), or BGE-M3's colbert_linear.pt */
} berth_vector_kind;

/* The kinds that the model gives, added up. */
BERTH_API uint32_t berth_model_vector_kinds(const berth_model* model);
/* The one that its directory is made for. */
BERTH_API uint32_t berth_model_default_vector_kind(const berth_model* model);

typedef struct berth_vector_options {
  size_t size;
  size_t max_length; /* as in berth_run_options */
  size_t batch_tokens;
  uint32_t kinds;    /* the wanted ones, added up; 0: the default one */
  int32_t normalize; /* dense: as in berth_run_options */
  size_t truncate_dim;
  size_t max_active_dims; /* sparse: the largest values only; 0: all */
  int32_t query;          /* 1 for queries, 0 for documents, where the directory tells them apart: late interaction, and as in berth_run_options */
  const char* long_text;  /* these as in berth_run_options; windows are for dense alone */
  size_t stride;
  const char* prompt_name;
  berth_string prompt;
} berth_vector_options;

typedef struct berth_vectors berth_vectors;

typedef struct berth_sparse_value {
  uint32_t index; /* of the vocabulary */
  float value;    /* not 0; of SPLADE and BGE-M3 above it */
} berth_sparse_value;

BERTH_API berth_status berth_encode_vectors(const berth_model* model, const berth_input* inputs, size_t count, const berth_vector_options* options,
                                            berth_vectors** vectors, berth_row* rows);
/* Of row `index`; owned by the handle; NULL when out of range or not asked for. */
BERTH_API const float* berth_vectors_dense(const berth_vectors* vectors, size_t index, size_t* size);
/* By ascending index. */
BERTH_API const berth_sparse_value* berth_vectors_sparse(const berth_vectors* vectors, size_t index, size_t* count);
/* [vectors, size]; documents may have fewer vectors than tokens. */
BERTH_API const float* berth_vectors_multi(const berth_vectors* vectors, size_t index, size_t* count, size_t* size);
BERTH_API berth_status berth_vectors_free(berth_vectors* vectors);

/* MaxSim: the sum over the query's vectors of the largest product with any of the document's. 0 where either has none. BERTH_NON_FINITE where a value
 * or the score is NaN or infinite. */
BERTH_API berth_status berth_max_similarity(const berth_model* model, const float* query, size_t query_vectors, const float* document, size_t document_vectors,
                                            size_t size, float* score);

/* How well texts answer a query, by a late-interaction model: scores [count] are their MaxSim. rows: [1 + count] or NULL, the query's first. kinds and
 * query of the options mean nothing here. */
BERTH_API berth_status berth_rerank_late(const berth_model* model, const berth_input* query, const berth_input* texts, size_t count,
                                         const berth_vector_options* options, float* scores, berth_row* rows);

/* ---- embeddings in fewer bits, as sentence-transformers' quantize_embeddings has them ---- */

typedef enum berth_output_type {
  BERTH_FLOAT32 = 0,
  BERTH_INT8 = 1,   /* floor((x - min) / ((max - min) / 255)) of the value's dimension, kept in [0, 255], minus 128 */
  BERTH_UINT8 = 2,  /* the same without the minus 128 */
  BERTH_BINARY = 3, /* int8: eight values a byte, the first in the highest bit, which is 1 where x > 0; minus 128 */
  BERTH_UBINARY = 4 /* uint8: the same without the minus 128 */
} berth_output_type;

/* Bytes of an embedding with `dimensions` values; bits of a last byte that is not full are 0. 0 for an unknown type. */
BERTH_API size_t berth_quantized_size(berth_output_type type, size_t dimensions);

/* ranges: [2, dimensions]. Puts each dimension's minimum and maximum over embeddings [count, dimensions] there; with `widen` 1 over what is in
 * ranges already, too. */
BERTH_API berth_status berth_find_ranges(const float* embeddings, size_t count, size_t dimensions, int widen, float* ranges);

/* out: [count, berth_quantized_size]. ranges: [2, dimensions], minima then maxima; read for int8 and uint8, may be NULL for the others. */
BERTH_API berth_status berth_quantize(const float* embeddings, size_t count, size_t dimensions, berth_output_type type, const float* ranges, void* out);

/* ---- findings: what tasks find in rows ---- */

typedef struct berth_findings berth_findings;

/* Strings belong to the berth_findings; data is NULL where the task has none, or where the directory has no tokenizer. */
typedef struct berth_finding {
  berth_string label; /* berth_tag: the entity */
  berth_string text;  /* berth_tag: the word or words; berth_answer: the answer; berth_fill_mask: the token */
  float score;
  uint32_t first_token; /* of the row's tokens, special ones counted; where it ran as windows, of all of them one after another */
  uint32_t last_token;
  uint32_t has_offsets; /* 0 for rows of ids: begin and end mean nothing then */
  uint32_t begin;       /* in code points of the text; berth_answer: of the context */
  uint32_t end;
  int32_t id;            /* berth_fill_mask: the token's; -1 otherwise */
  berth_string sequence; /* berth_fill_mask: the row's text with the token in the mask's place */
} berth_finding;

/* Findings of row `index`; owned by the handle; NULL when out of range. */
BERTH_API const berth_finding* berth_findings_row(const berth_findings* findings, size_t index, size_t* count);
/* The row's logits where raw_scores asked for them: [vectors, size]. */
BERTH_API const float* berth_findings_logits(const berth_findings* findings, size_t index, size_t* vectors, size_t* size);
BERTH_API berth_status berth_findings_free(berth_findings* findings);

typedef struct berth_tag_options {
  size_t size;
  size_t max_length; /* as in berth_run_options */
  size_t batch_tokens;
  int32_t raw_scores;                /* 1: keep every token's logits, [tokens, labels] */
  const char* aggregation;           /* "none", "simple", "first", "average" or "max", as Hugging Face's pipeline has them; NULL: "none" */
  size_t stride;                     /* as in berth_run_options; windows need an aggregation: of overlapping entities the longest stays */
  const berth_string* ignore_labels; /* entities left out; NULL: "O" alone */
  size_t ignore_labels_size;
  const char* long_text; /* as in berth_run_options */
} berth_tag_options;

/* Entities, by a token-classification head, as Hugging Face's token-classification pipeline finds them. rows: [count] or NULL. */
BERTH_API berth_status berth_tag(const berth_model* model, const berth_input* inputs, size_t count, const berth_tag_options* options, berth_findings** findings,
                                 berth_row* rows);

typedef struct berth_fill_mask_options {
  size_t size;
  size_t max_length; /* as in berth_run_options */
  size_t batch_tokens;
  int32_t raw_scores;          /* 1: scores are logits; with top_k -1 nothing is found, but the logits are kept: [masks, vocabulary] */
  int64_t top_k;               /* tokens for each mask; 0: 5; -1: all */
  const berth_string* targets; /* only these; a word that is no token stands for its first token. NULL: any token */
  size_t targets_size;
  const int32_t* mask_id; /* which id is the mask's; NULL: the tokenizer knows */
  const char* long_text;  /* as in berth_run_options, without windows */
} berth_fill_mask_options;

/* Tokens in place of the mask tokens of a row, by a masked-language-model head, as Hugging Face's fill-mask pipeline gives them: the best tokens of
 * the first mask, then those of the next; first_token says which mask. A row without a mask fails. rows: [count] or NULL. */
BERTH_API berth_status berth_fill_mask(const berth_model* model, const berth_input* inputs, size_t count, const berth_fill_mask_options* options,
                                       berth_findings** findings, berth_row* rows);

typedef struct berth_answer_options {
  size_t size;
  size_t max_length; /* of a window, question included; 0: 384, or the model's limit where that is less */
  size_t batch_tokens;
  int32_t raw_scores;       /* 1: keep every token's two logits, of being an answer's first and its last: [tokens, 2] */
  size_t stride;            /* tokens that the windows of a long context share; 0: 128, or half a window where that is less */
  size_t top_k;             /* answers, best first; 0: 1 */
  size_t max_answer_tokens; /* 0: 15 */
  int32_t impossible;       /* 1: that there is no answer ("" at 0) is one, too */
} berth_answer_options;

/* Stretches of a context that answer a question, by a question-answering head, as Hugging Face's question-answering pipeline finds them. inputs are
 * pairs with the question as text and the context as text_pair, or ids of such pairs. Nothing is found in a context without tokens. rows: [count] or NULL. */
BERTH_API berth_status berth_answer(const berth_model* model, const berth_input* inputs, size_t count, const berth_answer_options* options,
                                    berth_findings** findings, berth_row* rows);

typedef struct berth_zero_shot_options {
  size_t size;
  size_t max_length; /* as in berth_run_options; the text is cut, the hypothesis stays whole */
  size_t batch_tokens;
  const char* hypothesis_template; /* with one "{}" for the label; NULL: "This example is {}." */
  int32_t multi_label;             /* 1: every label for itself; 0: the scores of a row add up to 1 */
  const char* long_text;           /* as in berth_run_options, without windows */
} berth_zero_shot_options;

/* How well labels that the model was not trained on fit texts, by a model of natural-language inference, as Hugging Face's
 * zero-shot-classification pipeline scores them. scores: [count, labels_size]; rows: [count] or NULL, with the tokens of all pairs of a row. */
BERTH_API berth_status berth_zero_shot(const berth_model* model, const berth_input* inputs, size_t count, const berth_string* labels, size_t labels_size,
                                       const berth_zero_shot_options* options, float* scores, berth_row* rows);

/* ---- classifiers: labels known by examples, with rules and thresholds, as a profile says (docs/triage.md) ---- */

typedef struct berth_classifier berth_classifier;
typedef struct berth_decisions berth_decisions;

typedef struct berth_classifier_options {
  size_t size;
  const char* model; /* directory, in place of the profile's; NULL: the profile's */
  int32_t threads;   /* these as in berth_model_options */
  int32_t no_mmap;
  const char* precision; /* NULL: the profile's */
  const char* isa;
  size_t batch_tokens; /* as in berth_run_options */
  int32_t no_cache;    /* 1: the examples' embeddings are neither taken from the file PROFILE.embeddings beside the profile nor put there */
  int32_t rules_only;  /* 1: without the model, as where a profile does without an unavailable one */
  const char* combine; /* in place of every label's: "max", "mean-top-k" or "centroid"; NULL: the profile's */
  size_t k;            /* likewise; 0: the profile's */
} berth_classifier_options;

/* Finds the mistakes of a profile without loading its model: BERTH_CORRUPT_FILE, and berth_last_error() has a line for each. */
BERTH_API berth_status berth_profile_check(const char* profile);

/* Reads a profile, loads its model and embeds its examples. Where the model or the examples' embedding fails and the profile's "without_model" is
 * "rules-only", the classifier works by its rules alone and berth_classifier_info says why ("model_error"). Classifiers of the same model files and options
 * share the model and its threads. *classifier is the caller's. */
BERTH_API berth_status berth_classifier_load(const char* profile, const berth_classifier_options* options, berth_classifier** classifier);
BERTH_API berth_status berth_classifier_free(berth_classifier* classifier);

/* As JSON: labels, examples, thresholds, the model and, where it is missing, why. NUL-terminated; owned by the classifier. */
BERTH_API const char* berth_classifier_info(const berth_classifier* classifier);
BERTH_API size_t berth_classifier_num_labels(const berth_classifier* classifier);
BERTH_API const char* berth_classifier_label(const berth_classifier* classifier, size_t index); /* by name; owned by the classifier; NULL when out of range */

typedef enum berth_decided_by {
  BERTH_BY_NOTHING = 0, /* there is no label: none reached its threshold, and the profile has no default */
  BERTH_BY_MODEL = 1,
  BERTH_BY_RULE = 2,
  BERTH_BY_DEFAULT = 3
} berth_decided_by;

/* Strings belong to the berth_decisions; data is NULL where there is none. */
typedef struct berth_decision {
  berth_string label;
  berth_string nearest;       /* the label's example that is nearest, where the model decided; else the nearest of all */
  berth_string nearest_label; /* of that example */
  berth_string rule;          /* the name of the rule that decided; else of the first that fired */
  berth_string rule_match;    /* what of the normalised text it matched */
  float score;                /* the label's, by the model: the combined cosine; 0 where has_score is 0 */
  float margin;               /* the score above the label's threshold; likewise */
  float similarity;           /* the nearest example's cosine; 0 where nearest is NULL */
  uint32_t has_score;         /* 0: without the model, without a label, or the label has no examples */
  uint32_t decided_by;        /* a berth_decided_by */
  uint32_t model;             /* 0: the model took no part, only the rules decided */
} berth_decision;

/* Labels of single texts. rows: [count] or NULL; 0 tokens where the model took no part. *decisions is the caller's, and stays when the classifier goes. */
BERTH_API berth_status berth_classifier_run(const berth_classifier* classifier, const berth_input* inputs, size_t count, berth_decisions** decisions,
                                            berth_row* rows);
/* Of input `index`; owned by the handle; NULL when out of range. */
BERTH_API const berth_decision* berth_decisions_get(const berth_decisions* decisions, size_t index);
/* Every label's score, [labels]; NaN for one without examples, and for all where the model took no part. NULL when out of range. */
BERTH_API const float* berth_decisions_scores(const berth_decisions* decisions, size_t index, size_t* labels);
/* The same texts decided by other thresholds, [berth_classifier_num_labels], without running anything again. */
BERTH_API berth_status berth_decisions_decide(const berth_decisions* decisions, const float* thresholds, berth_decisions** decided);
BERTH_API berth_status berth_decisions_free(berth_decisions* decisions);

/* ---- tokenizers ---- */

/* Needs only the tokenizer's files: tokenizer.json, or vocab.txt with tokenizer_config.json. *tokenizer is the caller's. */
BERTH_API berth_status berth_tokenizer_load(const char* directory, berth_tokenizer** tokenizer);
/* Fails for a model's own tokenizer. */
BERTH_API berth_status berth_tokenizer_free(berth_tokenizer* tokenizer);

typedef struct berth_tokenize_options {
  size_t size;
  size_t max_length;         /* cut to this many tokens; 0: do not cut */
  int32_t no_special_tokens; /* 1: only the text's own tokens */
  int32_t truncate_left;     /* 1: cuts at the beginning; 0: where the directory says, else at the end */
} berth_tokenize_options;

/* The token with this id: "##ing"; {NULL, 0} when there is none. Owned by the tokenizer. */
BERTH_API berth_string berth_tokenizer_token(const berth_tokenizer* tokenizer, int32_t id);

/* ids of the input are not accepted here. */
BERTH_API berth_status berth_tokenize(const berth_tokenizer* tokenizer, const berth_input* input, const berth_tokenize_options* options,
                                      berth_encoding** encoding);
/* The row that berth_encode, berth_classify and berth_rerank run of a text or a pair without a prompt: as berth_tokenize, and the text is prepared as the
 * directory asks (white space, lower case), and cut to the model's limit or to max_length where that is less. Its ids and type_ids as a row of ids give the
 * same bits. Not for models with a vector for each token. no_special_tokens must be 0. */
BERTH_API berth_status berth_model_tokenize(const berth_model* model, const berth_input* input, const berth_tokenize_options* options,
                                            berth_encoding** encoding);

/* The text of ids, by the tokenizer's decoder; ids that no token has are left out, and special tokens, too, with skip_special_tokens 1. *size is the text's
 * bytes; up to `capacity` of them are written to `text`, which may be NULL for a capacity of 0. No NUL follows. */
BERTH_API berth_status berth_decode(const berth_tokenizer* tokenizer, const int32_t* ids, size_t count, int skip_special_tokens, char* text, size_t capacity,
                                    size_t* size);
BERTH_API berth_status berth_encoding_free(berth_encoding* encoding);

/* All arrays have berth_encoding_size entries and are owned by the encoding. */
BERTH_API size_t berth_encoding_size(const berth_encoding* encoding);
BERTH_API const int32_t* berth_encoding_ids(const berth_encoding* encoding);
BERTH_API const int32_t* berth_encoding_type_ids(const berth_encoding* encoding);
BERTH_API const uint8_t* berth_encoding_special_mask(const berth_encoding* encoding); /* 1: a special token */
BERTH_API const uint32_t* berth_encoding_offsets(const berth_encoding* encoding);     /* [size, 2]: begin, end in code points of the text */
BERTH_API int berth_encoding_truncated(const berth_encoding* encoding);
BERTH_API berth_string berth_encoding_token(const berth_encoding* encoding, size_t index); /* {NULL, 0} when out of range */

#ifdef __cplusplus
}
#endif

#endif
