#pragma once
#include <cstdint>

namespace mos::test {

// How often operator new was called in this program.
std::uint64_t allocations();

}  // namespace mos::test
