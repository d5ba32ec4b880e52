// NFC, NFD, NFKC and NFKD. Most text is in its form already and copied as it stands; the rest is decomposed, put in canonical order and
// composed in runs that begin where nothing joins what stands before.
//
// Code points carry their changes (see Rewriter::put) through all of it, as in the reference: after reordering, origins go by position.
#include <algorithm>

#include "base/utf8.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/rewriter.hpp"
#include "tokenizer/unicode.hpp"
#include "tokenizer/unicode_forms.hpp"

namespace berth::tokenizer {
namespace {

class UnicodeForm final : public Normalizer {
 public:
  UnicodeForm(bool compose, bool compatible)
      : compose_(compose),
        compatible_(compatible),
        joins_(compatible ? FormTable::kJoinsCompatible : FormTable::kJoins),
        changes_(static_cast<std::uint8_t>(compose ? (compatible ? FormTable::kChangesNfkc : FormTable::kChangesNfc)
                                                   : (compatible ? FormTable::kChangesNfkd : FormTable::kChangesNfd))),
        table_(FormTable::instance()),
        chars_(CharTable::instance()) {}

  void apply(TextView in, NormalizedText& out, NormalizerScratch& scratch) const override {
    Rewriter rewriter(in, out);
    for (std::size_t at = 0; at < in.text.size();) {
      const std::size_t begin = end_of_plain(in.text, at);
      rewriter.copy_until(begin);
      if (begin == in.text.size()) return;
      at = end_of_run(in.text, begin);
      scratch.changes.clear();
      decompose(in.text.substr(begin, at - begin), scratch.changes);
      order(scratch.changes);
      if (compose_) {
        compose(rewriter, scratch.changes);
      } else {
        for (const Change& change : scratch.changes) rewriter.put(change.code_point, change.change);
      }
    }
  }

 private:
  // Where the next run begins that may change.
  std::size_t end_of_plain(std::string_view text, std::size_t at) const {
    std::size_t before = at;  // the last code point seen
    while (at < text.size()) {
      if (static_cast<unsigned char>(text[at]) < 0x80) {
        before = at++;
        continue;
      }
      const base::CodePoint c = base::decode_utf8(text, at);
      const std::uint8_t facts = table_[c.value];
      if ((facts & joins_) != 0) return compose_ ? before : at;
      if ((facts & changes_) != 0) return at;
      before = at;
      at += c.length;
    }
    return at;
  }

  // The first code point and all that may join it.
  std::size_t end_of_run(std::string_view text, std::size_t at) const {
    at += base::decode_utf8(text, at).length;
    while (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x80) {
      const base::CodePoint c = base::decode_utf8(text, at);
      if ((table_[c.value] & joins_) == 0) break;
      at += c.length;
    }
    return at;
  }

  void decompose(std::string_view run, std::vector<Change>& changes) const {
    std::array<char32_t, kMaxCompatibility> parts;
    for (std::size_t at = 0; at < run.size();) {
      const base::CodePoint c = base::decode_utf8(run, at);
      at += c.length;
      std::size_t size = 1;
      parts[0] = c.value;
      if (compatible_) {
        size = compatibility_decomposition(c.value, parts);
      } else if (chars_.has(c.value, kDecomposes)) {
        const CharSequence canonical = canonical_decomposition(c.value);
        std::copy(canonical.begin(), canonical.end(), parts.begin());
        size = canonical.size;
      }
      for (std::size_t i = 0; i < size; ++i) changes.push_back({parts[i], i == 0 ? 0 : 1, chars_[parts[i]].combining_class});
    }
  }

  // Canonical order: the marks between two starters by their class.
  static void order(std::vector<Change>& changes) {
    const auto before = [](const Change& a, const Change& b) { return a.combining_class < b.combining_class; };
    for (auto first = changes.begin(); first != changes.end();) {
      if (first->combining_class == 0) {
        ++first;
        continue;
      }
      auto last = first;
      while (last != changes.end() && last->combining_class != 0) ++last;
      if (!std::is_sorted(first, last, before)) std::stable_sort(first, last, before);
      first = last;
    }
  }

  void compose(Rewriter& rewriter, std::vector<Change>& changes) const {
    bool has_starter = false;
    std::size_t starter = 0;  // changes[starter]: what may take marks
    std::size_t kept = 0;     // changes[starter + 1, starter + 1 + kept): what stands after it and did not compose
    int last_class = -1;      // of the last of those
    const auto emit = [&] {
      for (std::size_t i = starter; has_starter && i <= starter + kept; ++i) rewriter.put(changes[i].code_point, changes[i].change);
    };
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const Change next = changes[i];
      if (!has_starter && next.combining_class != 0) {
        rewriter.put(next.code_point, next.change);
        continue;
      }
      if (has_starter && last_class < static_cast<int>(next.combining_class)) {
        if (const char32_t composite = table_.compose(changes[starter].code_point, next.code_point)) {
          changes[starter].code_point = composite;
          changes[starter].change += next.change - 1;
          continue;
        }
      }
      if (next.combining_class == 0) {
        emit();
        starter = i;
        has_starter = true;
        kept = 0;
        last_class = -1;
        continue;
      }
      changes[starter + 1 + kept++] = next;
      last_class = next.combining_class;
    }
    emit();
  }

  bool compose_;
  bool compatible_;
  std::uint8_t joins_;
  std::uint8_t changes_;
  const FormTable& table_;
  const CharTable& chars_;
};

}  // namespace

std::unique_ptr<Normalizer> load_nfc(const StageSource&) { return std::make_unique<UnicodeForm>(true, false); }
std::unique_ptr<Normalizer> load_nfd(const StageSource&) { return std::make_unique<UnicodeForm>(false, false); }
std::unique_ptr<Normalizer> load_nfkc(const StageSource&) { return std::make_unique<UnicodeForm>(true, true); }
std::unique_ptr<Normalizer> load_nfkd(const StageSource&) { return std::make_unique<UnicodeForm>(false, true); }

}  // namespace berth::tokenizer
