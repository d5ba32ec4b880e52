// Precompiled: sentencepiece's own normalization, a map from texts to texts. The reference goes by grapheme clusters: a short one whose beginning is
// in the map is replaced whole, any other code point by code point.
#include "base/error.hpp"
#include "base/utf8.hpp"
#include "tokenizer/chars_map.hpp"
#include "tokenizer/grapheme.hpp"
#include "tokenizer/normalizers/normalizers.hpp"
#include "tokenizer/rewriter.hpp"

namespace berth::tokenizer {
namespace {

constexpr std::size_t kLongCluster = 6;  // bytes
constexpr std::size_t kMaxMap = 4 << 20;

std::string decode_base64(const StageSource& source, const char* key) {
  const std::string text = source.object.string(key);
  if (text.size() > kMaxMap / 3 * 4) source.object.fail(key, "expected at most " + std::to_string(kMaxMap) + " bytes in base64");
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] != '='; ++at) {
    const char c = text[at];
    const int value = c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= '0' && c <= '9' ? c - '0' + 52 : c == '+' ? 62 : c == '/' ? 63 : -1;
    if (value < 0) source.object.fail(key, "not base64 at character " + std::to_string(at));
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(static_cast<unsigned char>(bits >> count & 0xFF)));
    }
  }
  const bool padded = text.size() % 4 == 0 && text.size() - at <= 2 && text.find_first_not_of('=', at) == std::string::npos;
  if (!padded) source.object.fail(key, "not base64: wrong padding");
  return bytes;
}

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(CharsMap map) : map_(std::move(map)) {}

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

  // ASCII that the map leaves alone, and that nothing can join.
  std::size_t end_of_plain(std::string_view text, std::size_t at) const {
    while (at < text.size()) {
      const char c = text[at];
      if (static_cast<unsigned char>(c) >= 0x80 || map_.maps_ascii(c) || c == '\r') break;
      if (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0x80) break;
      ++at;
    }
    return at;
  }

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
};

}  // namespace

std::unique_ptr<Normalizer> make_precompiled(std::string_view bytes, const std::string& field) {
  return std::make_unique<Precompiled>(CharsMap(bytes, field));
}

std::unique_ptr<Normalizer> load_precompiled(const StageSource& source) {
  return make_precompiled(decode_base64(source, "precompiled_charsmap"), source.object.label() + ": field \"" + source.path + ".precompiled_charsmap\"");
}

}  // namespace berth::tokenizer
