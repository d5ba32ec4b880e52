// BertNormalizer: clean the text, put spaces around ideographs, strip accents, lower-case, all in one pass.
//
// Accents go by canonical decomposition (which may reorder combining marks) and the removal of category Mn. The reference carries its
// alignment through that decomposition by position, not by character: after reordering, the i-th surviving source character
// lends its origin to the i-th place. MarkBuffer does the same.
#include <algorithm>
#include <array>
#include <optional>

#include "base/utf8.hpp"
#include "tokenizer/stages.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/unicode.hpp"

namespace berth::tokenizer {
namespace {

// The combining marks since the last starter, in canonical order once flushed.
class MarkBuffer {
 public:
  bool empty() const { return marks_.empty(); }
  // `consumes`: first code point of a decomposition, which takes the next source character's origin.
  void add(char32_t mark, std::uint8_t combining_class, bool consumes, Offset origin) {
    marks_.push_back({mark, combining_class, consumes});
    if (consumes) origins_.push_back(origin);
  }
  // Calls emit(code point, origin) in canonical order; `last` is the origin of the latest consumed source character.
  template <class Emit>
  void flush(Offset& last, Emit&& emit) {
    const auto before = [](const Mark& a, const Mark& b) { return a.combining_class < b.combining_class; };
    if (!std::is_sorted(marks_.begin(), marks_.end(), before)) std::stable_sort(marks_.begin(), marks_.end(), before);
    std::size_t next = 0;
    for (const Mark& mark : marks_) {
      if (mark.consumes) last = origins_[next++];
      emit(mark.code_point, last);
    }
    marks_.clear();
    origins_.clear();
  }

 private:
  struct Mark {
    char32_t code_point;
    std::uint8_t combining_class;
    bool consumes;
  };
  std::vector<Mark> marks_;
  std::vector<Offset> origins_;
};

class BertNormalizer final : public Normalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options)
      : options_(options), strip_accents_(options.strip_accents.value_or(options.lowercase)), chars_(CharTable::instance()) {
    for (unsigned c = 0; c < 128; ++c) ascii_[c] = ascii_form(static_cast<char>(c));
  }

  void apply(TextView in, NormalizedText& out, NormalizerScratch&) const override {
    Pass pass{*this, NormalizedWriter(out), {}, NormalizedText::kInserted | in.first};
    const std::string_view text = in.text;
    pass.writer.reserve(text.size() + 16);
    Offset running = in.first;
    std::size_t at = 0;
    while (at < text.size()) {
      if (static_cast<unsigned char>(text[at]) < 0x80) {
        if (!pass.marks.empty() && ascii_[static_cast<unsigned char>(text[at])] < 0) {  // removed: the marks around it meet
          ++running;
          ++at;
          continue;
        }
        pass.finish_marks();
        const std::size_t end = ascii_run(text, at);
        pass.put_ascii(text.substr(at, end - at), in.origin != nullptr ? in.origin + at : nullptr, running);
        running += static_cast<Offset>(end - at);
        at = end;
        continue;
      }
      const base::CodePoint c = base::decode_utf8(text, at);
      pass.put(c.value, in.origin != nullptr ? in.origin[at] : running);
      ++running;
      at += c.length;
    }
    pass.finish_marks();
  }

 private:
  static std::size_t ascii_run(std::string_view text, std::size_t at) {
    while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
    return at;
  }

  // What an ASCII character becomes; -1: removed.
  std::int16_t ascii_form(char c) const {
    if (options_.clean_text) {
      if (chars_.has(static_cast<unsigned char>(c), kControl)) return -1;
      if (chars_.has(static_cast<unsigned char>(c), kSpace)) return ' ';
    }
    if (options_.lowercase && c >= 'A' && c <= 'Z') return static_cast<std::int16_t>(c - 'A' + 'a');
    return c;
  }

  struct Pass {
    const BertNormalizer& self;
    NormalizedWriter writer;
    MarkBuffer marks;
    Offset last;

    void put_ascii(std::string_view run, const Offset* origins, Offset first) {
      writer.reserve(run.size());
      char* text = writer.text();
      Offset* origin = writer.origin();
      std::size_t size = 0;
      for (std::size_t i = 0; i < run.size(); ++i) {
        const std::int16_t form = self.ascii_[static_cast<unsigned char>(run[i])];
        text[size] = static_cast<char>(form);
        origin[size] = origins != nullptr ? origins[i] : first + static_cast<Offset>(i);
        size += form >= 0 ? 1 : 0;
      }
      writer.advance(size);
      if (size > 0) last = origin[size - 1];
    }

    void put(char32_t c, Offset origin) {
      const CharInfo info = self.chars_[c];
      if (self.options_.clean_text) {
        if (c == 0xFFFD || (info.flags & kControl) != 0) return;
        if ((info.flags & kSpace) != 0) return put_starter(U' ', origin);
      }
      if (self.options_.handle_chinese_chars && (info.flags & kIdeograph) != 0) {
        put_starter(U' ', origin);
        put_clean(c, info, origin);
        put_starter(U' ', origin);
        return;
      }
      put_clean(c, info, origin);
    }

    void put_clean(char32_t c, CharInfo info, Offset origin) {
      if (!self.strip_accents_) return put_lowered(c, info, origin);
      if ((info.flags & kDecomposes) == 0) return put_decomposed(c, info, true, origin);
      bool first = true;
      for (const char32_t part : canonical_decomposition(c)) {
        put_decomposed(part, self.chars_[part], first, origin);
        first = false;
      }
    }

    void put_decomposed(char32_t c, CharInfo info, bool consumes, Offset origin) {
      if (!consumes && (info.flags & kNonspacing) != 0) return;  // it will be stripped and lends no origin: its place does not matter
      if (info.combining_class != 0) return marks.add(c, info.combining_class, consumes, origin);
      finish_marks();
      if (consumes) last = origin;
      put_unaccented(c, info, last);
    }

    void put_starter(char32_t c, Offset origin) {
      finish_marks();
      last = origin;
      writer.put(c, origin);
    }

    void finish_marks() {
      if (marks.empty()) return;
      marks.flush(last, [this](char32_t c, Offset origin) { put_unaccented(c, self.chars_[c], origin); });
    }

    void put_unaccented(char32_t c, CharInfo info, Offset origin) {
      if ((info.flags & kNonspacing) == 0) put_lowered(c, info, origin);
    }

    void put_lowered(char32_t c, CharInfo info, Offset origin) {
      if (!self.options_.lowercase || (info.flags & kLowercases) == 0) return writer.put(c, origin);
      for (const char32_t lower : lower_case(c)) writer.put(lower, origin);
    }
  };

  BertNormalizerOptions options_;
  bool strip_accents_;
  const CharTable& chars_;
  std::array<std::int16_t, 128> ascii_{};
};

}  // namespace

std::unique_ptr<Normalizer> make_bert_normalizer(const BertNormalizerOptions& options) { return std::make_unique<BertNormalizer>(options); }

std::unique_ptr<Normalizer> load_bert_normalizer(const StageSource& source) {
  BertNormalizerOptions options;
  options.clean_text = source.boolean("clean_text");
  options.handle_chinese_chars = source.boolean("handle_chinese_chars");
  if (source.object.has("strip_accents")) options.strip_accents = source.boolean("strip_accents");
  options.lowercase = source.boolean("lowercase");
  return make_bert_normalizer(options);
}

}  // namespace berth::tokenizer
