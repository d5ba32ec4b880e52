// Checks that something throws base::Error with a code and with every given fragment in its message.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace berth::test {

template <class Action>
void expect_error(base::ErrorCode code, const std::vector<std::string>& fragments, Action&& action) {
  try {
    action();
  } catch (const base::Error& error) {
    const std::string_view message = error.what();
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code)) << message;
    for (const std::string& fragment : fragments) EXPECT_NE(message.find(fragment), std::string_view::npos) << "no \"" << fragment << "\" in: " << message;
    EXPECT_EQ(base::find_invalid_utf8(message), std::string_view::npos) << "a message must be valid UTF-8";
    EXPECT_LT(message.size(), 8192U) << "a message must not carry the file with it";
    return;
  }
  ADD_FAILURE() << "nothing was thrown" << (fragments.empty() ? std::string() : ", expected: " + fragments.front());
}

}  // namespace berth::test
