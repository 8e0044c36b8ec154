#include "kernels/gemm/tile.h"

namespace hone {
template <typename T>
const TilePath<T>& ChosenTile() {
    static const TilePath<T>& chosen = Avx512Tile<T>().declines() ? HighwayTile<T>() : Avx512Tile<T>();
    return chosen;
}
template const TilePath<float>& ChosenTile();
template const TilePath<bf16>& ChosenTile();
}  // namespace hone
