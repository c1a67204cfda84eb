// y[i] = tokens[ids[i]] where ids[i] ≥ 0, else visual[~ids[i]]: the input rows of a decoder, text and picture spliced by
// one map (id -1 is visual row 0, -2 row 1, …). tokens [vocabulary, columns], visual [visual rows, columns], y
// [rows, columns], row strides in elements; ids [rows].
// A thread owns kVector columns of kRows rows. Every id names an existing row; visual may be null where no id is
// negative. y overlaps nothing. kVector divides columns. Oracle: EmbedOracle.
#include "fc/rows.cuh"
#include "config/embed.cuh"

struct EmbedArgs {
  const Token* __restrict__ tokens;    // [vocabulary, columns]
  const Visual* __restrict__ visual;   // [visual rows, columns] or null
  const int* __restrict__ ids;         // [rows]
  Y* __restrict__ y;                   // [rows, columns]
  long long token_stride;
  long long visual_stride;
  long long y_stride;
  int rows;
  int columns;
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_embed(const __grid_constant__ EmbedArgs args) {
  const fc::RowTile<kThreads, kRowThreads, kVector, kRows> tile;
  if (tile.column >= args.columns) return;

  float values[kRows][kVector];
#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
    const int id = args.ids[row];
    if (id >= 0) {
      fc::load_floats(values[i], fc::element(args.tokens, id, args.token_stride, tile.column));
    } else {
      fc::load_floats(values[i], fc::element(args.visual, ~id, args.visual_stride, tile.column));
    }
  }

#pragma unroll
  for (int i = 0; i < kRows; i++) {
    const int row = tile.row_at(i);
    if (row >= args.rows) break;
    fc::store_floats(fc::element(args.y, row, args.y_stride, tile.column), values[i]);
  }
}
