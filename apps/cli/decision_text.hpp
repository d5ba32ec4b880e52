// A classifier's decisions as the command line writes them.
#pragma once

#include <string>
#include <vector>

#include <berth/berth.hpp>

#include "apps/common/decision_json.hpp"

namespace berth::cli {

struct Record;

using apps::append_decision;
using apps::decided_by;

// What append_decision() writes, as columns.
std::vector<std::string> decision_column_names();
std::vector<std::string> decision_columns(const berth_decision& decision);

// "crisis   0.812 +0.212  model  " and the like, for people.
std::string decision_cells(const berth_decision& decision, int label_width);

}  // namespace berth::cli
