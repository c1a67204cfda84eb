// The patches of pictures as rows, for the GEMM that a patch convolution is: pixels [pictures, channels, height, width]
// (dense but for the picture stride) to patches [pictures·⌊height/p⌋·⌊width/p⌋, columns]; row = (picture, patch row,
// patch column), column = (channel, row, column) inside the patch, as a convolution's weight has it. Columns beyond
// channels·p·p are zeroed: a GEMM wants a multiple of 8 where p = 14 gives 588.
// A thread owns one element of the output; neighbours read runs of p pixels. Overlap: none. Oracle: ImageToPatchesOracle.
#include "fc/rows.cuh"
#include "config/image_to_patches.cuh"

struct ImageToPatchesArgs {
  const X* __restrict__ pixels;  // [pictures, channels, height, width]
  Y* __restrict__ patches;       // [rows, columns]
  long long picture_stride;
  long long patch_stride;
  int rows;
  int columns;
  int channels;
  int height;
  int width;
  int patches_of_picture;  // ⌊height / p⌋·⌊width / p⌋
};

extern "C" __global__ void __launch_bounds__(kThreads) fc_image_to_patches(const __grid_constant__ ImageToPatchesArgs args) {
  const fc::RowTile<kThreads, kRowThreads, 1> tile;
  if (tile.column >= args.columns || tile.row >= args.rows) return;

  const int across = args.width / kPatch;
  const int picture = tile.row / args.patches_of_picture, patch = tile.row % args.patches_of_picture;
  const int channel = tile.column / (kPatch * kPatch), inside = tile.column % (kPatch * kPatch);
  float value = 0.0f;
  if (channel < args.channels) {
    const int y = patch / across * kPatch + inside / kPatch;
    const int x = patch % across * kPatch + inside % kPatch;
    const long long line = static_cast<long long>(channel) * args.height + y;
    value = fc::to_float(args.pixels[picture * args.picture_stride + line * args.width + x]);
  }
  *fc::element(args.patches, tile.row, args.patch_stride, tile.column) = fc::from_float<Y>(value);
}
