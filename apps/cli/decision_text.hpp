// A classifier's decisions as the command line writes them.
#pragma once

#include <string>
#include <vector>

#include <berth/berth.hpp>

namespace berth::cli {

struct Record;

// `"label":…,"score":…,"margin":…,"nearest":{…},"rule":{…},"decided_by":…,"model":…,` with null where there is none.
void append_decision(std::string& out, const berth_decision& decision);

// The same as columns.
std::vector<std::string> decision_column_names();
std::vector<std::string> decision_columns(const berth_decision& decision);

// "crisis   0.812 +0.212  model  " and the like, for people.
std::string decision_cells(const berth_decision& decision, int label_width);

std::string_view decided_by(const berth_decision& decision);  // "model", "rule", "default", "nothing"

}  // namespace berth::cli
