// norms[i] = ‖x_i‖ in double precision, of squares that are added in fp32; *damaged becomes 1 where a norm is not finite, and is
// left alone else. x [rows, columns], row stride in elements. Both are for choices by cosines, which see each row many times.
// A warp owns a row. kVector divides columns. Overlap: none. Oracle: the choices' own.
#include "fc/row_product.cuh"
#include "fc/rows.cuh"
#include "config/row_norms.cuh"

struct RowNormsArgs {
  const Elem* __restrict__ x;  // [rows, columns]
  double* __restrict__ norms;  // [rows]
  int* damaged;                // [1]
  long long x_stride;
  int rows;
  int columns;
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_row_norms(const __grid_constant__ RowNormsArgs args) {
  const int row = static_cast<int>(blockIdx.x) * (kThreads / fc::kWarpSize) + fc::warp_id();
  if (row >= args.rows) return;  // a whole warp
  const Elem* x = fc::element(args.x, row, args.x_stride, 0);
  const float squares = fc::row_product<kVector>(x, x, args.columns);
  if (fc::lane_id() != 0) return;
  args.norms[row] = sqrt(static_cast<double>(squares));
  if (!fc::is_finite(squares)) atomicOr(args.damaged, 1);
}
