// Whether this build is slow because a sanitizer watches it. What compares numbers then takes a part of them: Release builds compare all.
#pragma once

namespace berth::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace berth::test
