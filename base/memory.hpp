// The allocator's spare memory.
#pragma once

namespace berth::base {

// Gives freed memory that the allocator keeps for later back to the operating system: after something large was let go that will not soon be needed
// again. Takes up to milliseconds. Does nothing where the C library has no such call.
void return_free_memory() noexcept;

}  // namespace berth::base
