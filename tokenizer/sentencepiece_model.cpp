#include "tokenizer/sentencepiece_model.hpp"

#include <bit>
#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "base/little_endian.hpp"
#include "base/utf8.hpp"

namespace berth::tokenizer {
namespace {

// Field numbers of sentencepiece_model.proto.
namespace model_field {
constexpr std::uint32_t pieces = 1, trainer = 2, normalizer = 3;
}
namespace piece_field {
constexpr std::uint32_t text = 1, score = 2, type = 3;
}
namespace trainer_field {
constexpr std::uint32_t model_type = 3, unk_id = 40, unk_piece = 45;
}
namespace normalizer_field {
constexpr std::uint32_t charsmap = 2;
}

struct Field {
  std::uint32_t number = 0;
  std::uint64_t integer = 0;  // varint and fixed fields
  std::string_view bytes;     // length-delimited fields
  enum class Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 } wire = Wire::varint;
};

// One message of the wire format; nothing is read beyond its end.
class MessageReader {
 public:
  MessageReader(std::string_view message, const std::string& label) : rest_(message), label_(label) {}

  // The next field; false at the end.
  bool next(Field& field) {
    if (rest_.empty()) return false;
    const std::uint64_t tag = varint();
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) fail("a field number out of range");
    field.number = static_cast<std::uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0: field.wire = Field::Wire::varint, field.integer = varint(); break;
      case 1: field.wire = Field::Wire::fixed64, field.integer = fixed(8); break;
      case 2: field.wire = Field::Wire::bytes, field.bytes = take(varint()); break;
      case 5: field.wire = Field::Wire::fixed32, field.integer = fixed(4); break;
      default: fail("wire type " + std::to_string(tag & 7));
    }
    return true;
  }

  [[noreturn]] void fail(const std::string& problem) const {
    throw base::Error(base::ErrorCode::corrupt_file, label_ + ": not a sentencepiece model: " + problem);
  }
  void expect(const Field& field, Field::Wire wire) const {
    if (field.wire != wire) fail("field " + std::to_string(field.number) + " has another type than it should");
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) fail("a length of " + std::to_string(size) + " bytes where " + std::to_string(rest_.size()) + " are left");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7Fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail("a number of more than ten bytes");
  }
  std::uint64_t fixed(std::size_t size) { return base::little_endian(take(size)); }

  std::string_view rest_;
  const std::string& label_;
};

void read_piece(std::string_view message, SentencePieceModel& model, const std::string& label) {
  MessageReader reader(message, label);
  std::string_view text;
  float score = 0;
  std::uint64_t type = 1;
  for (Field field; reader.next(field);) {
    if (field.number == piece_field::text) {
      reader.expect(field, Field::Wire::bytes);
      text = field.bytes;
    } else if (field.number == piece_field::score) {
      reader.expect(field, Field::Wire::fixed32);
      score = std::bit_cast<float>(static_cast<std::uint32_t>(field.integer));
    } else if (field.number == piece_field::type) {
      reader.expect(field, Field::Wire::varint);
      type = field.integer;
    }
  }
  const auto fail = [&](const std::string& problem) { reader.fail("piece " + std::to_string(model.types.size()) + problem); };
  if (model.types.size() >= kMaxVocabularySize) fail(": more than " + std::to_string(kMaxVocabularySize) + " pieces");
  if (text.empty() || text.size() > kMaxTokenBytes) fail(" has " + std::to_string(text.size()) + " bytes, expected 1 to " + std::to_string(kMaxTokenBytes));
  if (base::find_invalid_utf8(text) != std::string_view::npos) fail(" is not valid UTF-8: " + base::quoted(text));
  if (!std::isfinite(score)) fail(" (" + base::quoted(text) + ") has a score that is not finite");
  if (type < 1 || type > 6) fail(" (" + base::quoted(text) + ") has the unknown type " + std::to_string(type));
  model.pieces.add(text, double{score});
  model.types.push_back(static_cast<SentencePieceModel::PieceType>(type));
}

void read_trainer(std::string_view message, SentencePieceModel& model, const std::string& label) {
  MessageReader reader(message, label);
  for (Field field; reader.next(field);) {
    if (field.number == trainer_field::model_type) {
      reader.expect(field, Field::Wire::varint);
      if (field.integer < 1 || field.integer > 4) reader.fail("trainer_spec.model_type " + std::to_string(field.integer));
      model.algorithm = static_cast<SentencePieceModel::Algorithm>(field.integer);
    } else if (field.number == trainer_field::unk_id) {
      reader.expect(field, Field::Wire::varint);
      if (field.integer > static_cast<std::uint64_t>(kMaxTokenId)) {
        reader.fail("trainer_spec.unk_id " + std::to_string(static_cast<std::int64_t>(field.integer)) + ", expected one in [0, " + std::to_string(kMaxTokenId) +
                    "]");
      }
      model.unk_id = static_cast<std::int32_t>(field.integer);
    } else if (field.number == trainer_field::unk_piece) {
      reader.expect(field, Field::Wire::bytes);
      model.unk_piece = field.bytes;
    }
  }
}

void read_normalizer(std::string_view message, SentencePieceModel& model, const std::string& label) {
  MessageReader reader(message, label);
  for (Field field; reader.next(field);) {
    if (field.number != normalizer_field::charsmap) continue;
    reader.expect(field, Field::Wire::bytes);
    model.charsmap = field.bytes;
  }
}

}  // namespace

SentencePieceModel read_sentencepiece_model(std::string_view bytes, const std::string& label) {
  SentencePieceModel model;
  model.pieces.is_array = true;
  MessageReader reader(bytes, label);
  for (Field field; reader.next(field);) {
    if (field.number < model_field::pieces || field.number > model_field::normalizer) continue;
    reader.expect(field, Field::Wire::bytes);
    if (field.number == model_field::pieces) read_piece(field.bytes, model, label);
    if (field.number == model_field::trainer) read_trainer(field.bytes, model, label);
    if (field.number == model_field::normalizer) read_normalizer(field.bytes, model, label);
  }
  if (model.types.empty()) reader.fail("no pieces");
  return model;
}

}  // namespace berth::tokenizer
