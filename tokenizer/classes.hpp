// The tokenizer classes of transformers that this library knows by name, with or without "Fast", and the model types of config.json that stand for
// them where nobody names the class. (Those of sentencepiece models are in sentencepiece.cpp, which alone needs them.)
#pragma once

#include <array>
#include <string_view>
#include <vector>

namespace berth::tokenizer {

enum class WordPieceFamily { bert, mpnet };

struct WordPieceClass {
  std::string_view class_name;
  std::string_view model_type;
  WordPieceFamily family;
};
inline constexpr std::array kWordPieceClasses = {
    WordPieceClass{"BertTokenizer", "bert", WordPieceFamily::bert},
    WordPieceClass{"DistilBertTokenizer", "distilbert", WordPieceFamily::bert},
    WordPieceClass{"ElectraTokenizer", "electra", WordPieceFamily::bert},
    WordPieceClass{"MobileBertTokenizer", "mobilebert", WordPieceFamily::bert},
    WordPieceClass{"ConvBertTokenizer", "convbert", WordPieceFamily::bert},
    WordPieceClass{"SqueezeBertTokenizer", "squeezebert", WordPieceFamily::bert},
    WordPieceClass{"LxmertTokenizer", "lxmert", WordPieceFamily::bert},
    WordPieceClass{"RetriBertTokenizer", "retribert", WordPieceFamily::bert},
    WordPieceClass{"LayoutLMTokenizer", "layoutlm", WordPieceFamily::bert},
    WordPieceClass{"DPRQuestionEncoderTokenizer", "dpr", WordPieceFamily::bert},
    WordPieceClass{"DPRContextEncoderTokenizer", "dpr", WordPieceFamily::bert},
    WordPieceClass{"MPNetTokenizer", "mpnet", WordPieceFamily::mpnet},
};

enum class BytePairFamily { roberta, gpt2, deberta, herbert };

struct BytePairClass {
  std::string_view class_name;
  std::string_view model_type;
  BytePairFamily family;
};
inline constexpr std::array kBytePairClasses = {
    BytePairClass{"RobertaTokenizer", "roberta", BytePairFamily::roberta}, BytePairClass{"LongformerTokenizer", "longformer", BytePairFamily::roberta},
    BytePairClass{"BartTokenizer", "bart", BytePairFamily::roberta},       BytePairClass{"GPT2Tokenizer", "gpt2", BytePairFamily::gpt2},
    BytePairClass{"DebertaTokenizer", "deberta", BytePairFamily::deberta}, BytePairClass{"HerbertTokenizer", "herbert", BytePairFamily::herbert},
};

// Classes that only exist in Python: words and merges of fastBPE.
struct FastBpeClass {
  std::string_view class_name;
  std::string_view model_type;
  bool normalizes_tweets;  // where "normalization" is true
};
inline constexpr std::array kFastBpeClasses = {
    FastBpeClass{"PhobertTokenizer", "phobert", false},
    FastBpeClass{"BertweetTokenizer", "bertweet", true},
};

// Classes that put a beginning and an end around texts as add_bos_token and add_eos_token say; some encoders come with one.
struct FramingClass {
  std::string_view class_name;
  std::string_view model_type;
  const char* bos;
  const char* eos;
};
inline constexpr std::array kFramingClasses = {
    FramingClass{"LlamaTokenizer", "llama", "<s>", "</s>"},
    FramingClass{"GemmaTokenizer", "gemma", "<bos>", "<eos>"},
};

// The token that a class gives a role where no file names one.
struct ClassRole {
  std::string_view key;  // "mask_token"
  const char* text;
  bool lstrip = false;
};
std::vector<ClassRole> roles_of(WordPieceFamily family);
std::vector<ClassRole> roles_of(BytePairFamily family);
std::vector<ClassRole> fast_bpe_roles();

}  // namespace berth::tokenizer
