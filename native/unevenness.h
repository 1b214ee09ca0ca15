#pragma once
#include <array>
#include <cstddef>

namespace mos {

// Chi-square per degree of freedom of `total` counts against all cells being equally likely: about 1 where they are.
template <typename Count, std::size_t Cells>
double unevenness(const std::array<Count, Cells>& counts, std::size_t total) {
  const double expected = static_cast<double>(total) / Cells;
  double sum = 0;
  for (const Count count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum / (Cells - 1);
}

}  // namespace mos
