// The page at /. The build makes the string from page.html.
#pragma once

#include <string_view>

namespace berth::server {

extern const std::string_view kPage;

}  // namespace berth::server
