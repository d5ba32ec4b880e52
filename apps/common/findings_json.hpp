// What tasks find, as JSON: the command line's lines and the server's answers hold the same objects.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include <berth/berth.hpp>

namespace berth::apps {

void append_text_or_null(std::string& out, const berth_string& text);
// `,"start":b,"end":e` in code points; null for rows of ids.
void append_offsets(std::string& out, const berth_finding& finding);

// Of Model::tag: {"entity":…,"score":…,"index":i,"word":…,"start":b,"end":e}; `grouped`: by an aggregation.
void append_entity(std::string& out, const berth_finding& entity, bool grouped);

// Of Model::fill_mask: the findings of one mask after another.
std::vector<std::span<const berth_finding>> by_mask(std::span<const berth_finding> found);
// [{"score":…,"token":id,"token_str":…,"sequence":…}], and an array of these where there are several masks.
void append_fills(std::string& out, std::span<const berth_finding> found);

// Of Model::answer: `"score":…,"start":b,"end":e,"answer":…` of the best, all null where there is none, and with `most` above 1 `,"answers":[{…}]`.
void append_answers(std::string& out, std::span<const berth_finding> found, std::size_t most);

}  // namespace berth::apps
