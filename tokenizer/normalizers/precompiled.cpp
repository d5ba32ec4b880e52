// Precompiled: sentencepiece's own normalization, a map from texts to texts. The reference goes by grapheme clusters: a short one whose beginning is
// in the map is replaced whole, any other code point by code point.
#include "base/base64.hpp"
#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tokenizer/chars_map.hpp"
#include "tokenizer/grapheme.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/rewriter.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kLongCluster = 6;   // bytes
constexpr char32_t kTable = 0x10000;      // code points that are looked at beforehand
constexpr std::size_t kMaxMap = 6 << 20;  // bytes of base64

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(CharsMap map) : map_(std::move(map)), plain_(kTable) {
    std::string text;
    for (char32_t c = 0; c < kTable; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;  // not in UTF-8
      text.clear();
      base::append_utf8(text, c);
      plain_[c] = (c < 0x80 ? c != U'\r' : stands_alone(c)) && !map_.find(text);
    }
  }

  void apply(TextView in, NormalizedText& out, NormalizerScratch&) const override {
    Pass pass{Rewriter(in, out), in.text};
    for (std::size_t at = 0; at < in.text.size();) {
      const std::size_t plain = end_of_plain(in.text, at);
      pass.keep(at, plain);
      if (plain == in.text.size()) break;
      const std::size_t end = end_of_cluster(in.text, plain);
      put_cluster(pass, plain, end);
      at = end;
    }
  }

 private:
  struct Pass {
    Rewriter rewriter;
    std::string_view text;
    bool any = false;      // something is in the result
    bool shifted = false;  // something was dropped before: from there on the reference's origins lag behind

    void keep(std::size_t begin, std::size_t end) {
      if (begin == end) return;
      any = true;
      if (!shifted) return rewriter.copy_until(end);
      for (std::size_t at = begin; at < end;) {
        const base::CodePoint c = base::decode_utf8(text, at);
        rewriter.put(c.value, 0);
        at += c.length;
      }
    }

    // `form` for the source's code points [begin, end). The last of the form's code points stands for all that it has too few of.
    void replace(std::size_t begin, std::size_t end, std::string_view form) {
      const std::size_t old_count = base::count_code_points(text.substr(begin, end - begin));
      std::size_t count = 0;
      for (std::size_t at = 0; at < form.size();) {
        const base::CodePoint c = base::decode_utf8(form, at);
        rewriter.put(c.value, count < old_count ? 0 : 1);
        ++count;
        at += c.length;
      }
      any = any || count > 0;
      if (count >= old_count) return;
      if (!any) {
        shifted = true;
        return;
      }
      rewriter.extend_last_by(old_count - count);
    }
  };

  // Characters that the map leaves alone and that are clusters of their own: nearly all of most texts. (No ASCII joins what is before it, but for
  // "\r\n".)
  std::size_t end_of_plain(std::string_view text, std::size_t at) const {
    if (at == text.size()) return at;
    for (base::CodePoint c = base::decode_utf8(text, at); is_plain(c.value);) {
      const std::size_t after = at + c.length;
      if (after == text.size()) return after;
      const base::CodePoint next = base::decode_utf8(text, after);
      if (next.value >= 0x80 && !is_plain(next.value)) break;
      at = after;
      c = next;
    }
    return at;
  }
  bool is_plain(char32_t c) const noexcept { return c < kTable && plain_[c]; }

  void put_cluster(Pass& pass, std::size_t begin, std::size_t end) const {
    if (end - begin < kLongCluster) {
      if (const auto form = map_.find(pass.text.substr(begin, end - begin))) return pass.replace(begin, end, *form);
    }
    for (std::size_t at = begin; at < end;) {
      const std::size_t next = at + base::decode_utf8(pass.text, at).length;
      if (const auto form = map_.find(pass.text.substr(at, next - at))) {
        pass.replace(at, next, *form);
      } else {
        pass.keep(at, next);
      }
      at = next;
    }
  }

  CharsMap map_;
  std::vector<bool> plain_;  // [code point]
};

}  // namespace

std::unique_ptr<Normalizer> load_precompiled(const StageSource& source) {
  const char* key = "precompiled_charsmap";
  const std::string text = source.object.string(key);
  if (text.size() > kMaxMap) source.object.fail(key, "expected at most " + std::to_string(kMaxMap) + " bytes");
  const auto bytes = base::decode_base64(text);
  if (!bytes) source.fail(std::string(".") + key, "is not base64");
  return std::make_unique<Precompiled>(CharsMap(*bytes, source.object.label() + ": field \"" + source.object.field(key) + "\""));
}

}  // namespace berth::tokenizer
