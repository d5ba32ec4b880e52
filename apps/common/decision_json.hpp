// A classifier's decision as JSON: the command line's lines and the server's answers hold the same fields.
#pragma once

#include <string>
#include <string_view>

#include <berth/berth.hpp>

namespace berth::apps {

std::string_view decided_by(const berth_decision& decision);  // "model", "rule", "default", "nothing"

// `"label":…,"score":…,"margin":…,"nearest":{…},"rule":{…},"decided_by":…,"model":…,` with null where there is none.
void append_decision(std::string& out, const berth_decision& decision);

}  // namespace berth::apps
