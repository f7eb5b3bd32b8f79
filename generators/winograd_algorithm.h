/// Convolution of 3x3 filters at stride 1 by Winograd's minimal filtering, as Halide algorithms.
///
/// The result is cut into tiles of m x m pixels, which count `tile` = row of tiles * tiles in a row + column. A tile of
/// the image has (m + 2) x (m + 2) = size x size pixels and overlaps its neighbours by two. Transformed, tile and
/// filter are multiplied element by element, summed over channels, and transformed back; (j, i) are column and row of
/// the transformed tiles.
#ifndef HALCONV_GENERATORS_WINOGRAD_ALGORITHM_H_
#define HALCONV_GENERATORS_WINOGRAD_ALGORITHM_H_

#include <cmath>
#include <string>
#include <vector>

#include "Halide.h"
#include "winograd_transform.h"

namespace halconv::generators {

/// element(0), ..., element(count - 1).
template <typename Element>
std::vector<Halide::Expr> numbers(int count, const Element &element) {
  std::vector<Halide::Expr> elements;
  for (int index = 0; index < count; ++index) elements.push_back(element(index));
  return elements;
}

/// matrix * values for a matrix whose rows 1 and 2, 3 and 4, ... differ in signs alone: what a pair of rows has in
/// common is summed once.
inline std::vector<Halide::Expr> evaluate(const Matrix &matrix, const std::vector<Halide::Expr> &values) {
  const auto sum = [&](const std::vector<double> &row, const auto &has) {
    Halide::Expr result;
    for (size_t j = 0; j < row.size(); ++j) {
      const auto coefficient = static_cast<float>(row[j]);
      if (coefficient == 0 || !has(j)) continue;
      const Halide::Expr term = coefficient == 1 ? values[j] : coefficient * values[j];
      result = result.defined() ? result + term : term;
    }
    return result;
  };
  std::vector<Halide::Expr> results;
  results.push_back(sum(matrix.front(), [](size_t) { return true; }));
  for (size_t i = 1; i + 1 < matrix.size(); i += 2) {
    const auto is_even = [&](size_t j) { return matrix[i][j] * matrix[i + 1][j] > 0; };
    const Halide::Expr even = sum(matrix[i], is_even);
    const Halide::Expr odd = sum(matrix[i], [&](size_t j) { return !is_even(j); });
    results.push_back(even + odd);
    results.push_back(even - odd);
  }
  results.push_back(sum(matrix.back(), [](size_t) { return true; }));
  return results;
}

/// matrix * values for a matrix whose columns 1 and 2, 3 and 4, ... differ in signs alone: the sum and the difference
/// of such a pair of values serve all rows.
inline std::vector<Halide::Expr> interpolate(const Matrix &matrix, const std::vector<Halide::Expr> &values) {
  std::vector<Halide::Expr> results;
  for (const std::vector<double> &row : matrix) {
    Halide::Expr result;
    const auto add = [&](double coefficient, const Halide::Expr &value) {
      const auto factor = static_cast<float>(coefficient);
      if (factor == 0) return;
      const Halide::Expr term = factor == 1 ? value : factor * value;
      result = result.defined() ? result + term : term;
    };
    add(row.front(), values.front());
    for (size_t j = 1; j + 1 < row.size(); j += 2) {
      add(row[j], row[j] * row[j + 1] > 0 ? values[j] + values[j + 1] : values[j] - values[j + 1]);
    }
    add(row.back(), values.back());
    results.push_back(result);
  }
  return results;
}

/// The tiles of an image or of a filter, transformed, with the stages that a schedule places.
struct TransformedTiles {
  int size = 0;          ///< columns and rows of a transformed tile
  int pixels = 0;        ///< of a tile
  Halide::Func columns;  ///< rows of the tiles transformed; columns still are those of the pixels
  Halide::Func transformed;
};

/// matrix * d * matrix^T for the tiles d of `padded` (q, x, y, n, g), `advance` pixels apart: (q, j, i, tile, n, g).
inline TransformedTiles transform_image(const std::string &name, const Matrix &matrix, Halide::Func padded, int advance,
                                        Halide::Expr tile_columns) {
  const Halide::Var q("q"), j("j"), i("i"), tile("tile"), n("n"), g("g");
  const int size = static_cast<int>(matrix.size()), pixels = static_cast<int>(matrix.front().size());
  Halide::Func columns(name + "_columns"), transformed(name);
  columns(q, j, i, tile, n, g) = mux(j, evaluate(matrix, numbers(pixels, [&](int column) {
                                                   return padded(q, tile % tile_columns * advance + column,
                                                                 tile / tile_columns * advance + i, n, g);
                                                 })));
  transformed(q, j, i, tile, n, g) =
      mux(i, evaluate(matrix, numbers(pixels, [&](int row) { return columns(q, j, row, tile, n, g); })));
  return {size, pixels, columns, transformed};
}

/// The same for `taps` (lane, s, r, q, block, g), 3x3 for every lane, q, block and group: (lane, j, i, q, block, g).
inline TransformedTiles transform_filter(const Matrix &matrix, Halide::Func taps) {
  const Halide::Var lane("lane"), r("r"), q("q"), j("j"), i("i"), block("block"), g("g");
  const int size = static_cast<int>(matrix.size()), pixels = static_cast<int>(matrix.front().size());
  Halide::Func columns("filter_columns"), transformed("transformed_filter");
  columns(lane, j, r, q, block, g) =
      mux(j, evaluate(matrix, numbers(pixels, [&](int column) { return taps(lane, column, r, q, block, g); })));
  transformed(lane, j, i, q, block, g) =
      mux(i, evaluate(matrix, numbers(pixels, [&](int row) { return columns(lane, j, row, q, block, g); })));
  return {size, pixels, columns, transformed};
}

/// A convolution by transformed tiles, with the stages that a schedule places. r stands for the result's channels, q
/// for those that are summed over.
struct WinogradConvolution {
  int tile_size = 0;       ///< m: rows and columns of the result in a tile
  Halide::Func padded;     ///< (q, x, y, n, g): the image with zeros around it
  TransformedTiles image;  ///< (q, j, i, tile, n, g)
  Halide::RDom channels;
  Halide::Func sum;          ///< (r, j, i, tile, n, g): zero by its pure definition, accumulated by update 0
  Halide::Func result_rows;  ///< (r, x, i, tile, n, g): the tiles of the result, their rows transformed back
  Halide::Func result;       ///< (r, x, y, n, g)
};

/// The convolution that sums `image_channels` channels of `padded`, which starts at the first pixel that a tap reads,
/// with the transformed filter (r % block, q, j, i, r / block, g), `tile_columns` tiles in a row.
inline WinogradConvolution winograd_convolution(const WinogradTransform &transform, Halide::Func padded,
                                                Halide::Func filter, int block, Halide::Expr image_channels,
                                                Halide::Expr tile_columns) {
  const Halide::Var r("r"), x("x"), y("y"), n("n"), g("g"), j("j"), i("i"), tile("tile");
  const int m = transform.outputs();
  const TransformedTiles image = transform_image("image", transform.input(), padded, m, tile_columns);

  const Halide::RDom channels(0, image_channels, "channels");
  Halide::Func sum("sum"), result_rows("result_rows"), result("result");
  sum(r, j, i, tile, n, g) = 0.0f;
  sum(r, j, i, tile, n, g) +=
      filter(r % block, channels, j, i, r / block, g) * image.transformed(channels, j, i, tile, n, g);

  result_rows(r, x, i, tile, n, g) =
      mux(x, interpolate(transform.output(),
                         numbers(transform.size(), [&](int column) { return sum(r, column, i, tile, n, g); })));
  const Halide::Expr tile_of_pixel = x / m + tile_columns * (y / m);
  result(r, x, y, n, g) = mux(y % m, interpolate(transform.output(), numbers(transform.size(), [&](int row) {
                                                   return result_rows(r, x % m, row, tile_of_pixel, n, g);
                                                 })));
  return {m, padded, image, channels, sum, result_rows, result};
}

/// The filter's gradient by transformed tiles, with the stages that a schedule places: F(3x3, m x m), where tiles of
/// the result's gradient take the filter's place.
struct WinogradFilterGradient {
  Halide::Func src_padded, d_dst_padded;  ///< (c, x, y, n, g) and (k, x, y, n, g), zeros around them
  TransformedTiles image;                 ///< (c, j, i, tile, n, g): of src
  TransformedTiles gradient;              ///< (k, j, i, tile, n, g): of d_dst
  int tile_columns = 0;                   ///< tiles in a row
  Halide::RDom tiles;                     ///< tile, n
  Halide::Func sum;                       ///< (k, c, j, i, g): zero by its pure definition, accumulated by update 0
  Halide::Func result_rows;               ///< (k, c, s, i, g): the filter's gradient, its rows transformed back
  Halide::Func result;                    ///< (k, c, s, r, g)
};

/// The gradient from `batch` images of tile_rows x tile_columns tiles. `src_padded` starts at the first pixel that a
/// tap reads, `d_dst_padded` at d_dst's first.
inline WinogradFilterGradient winograd_filter_gradient(const WinogradTransform &transform, Halide::Func src_padded,
                                                       Halide::Func d_dst_padded, int tile_columns, int tile_rows,
                                                       Halide::Expr batch) {
  const Halide::Var k("k"), c("c"), s("s"), r("r"), j("j"), i("i"), g("g");
  const int m = transform.taps();
  const TransformedTiles image = transform_image("image", transform.input(), src_padded, m, tile_columns);
  const TransformedTiles gradient = transform_image("gradient", transform.filter(), d_dst_padded, m, tile_columns);

  const Halide::RDom tiles(0, tile_columns * tile_rows, 0, batch, "tiles");
  Halide::Func sum("sum"), result_rows("result_rows"), result("result");
  sum(k, c, j, i, g) = 0.0f;
  sum(k, c, j, i, g) +=
      gradient.transformed(k, j, i, tiles.x, tiles.y, g) * image.transformed(c, j, i, tiles.x, tiles.y, g);

  result_rows(k, c, s, i, g) = mux(
      s,
      interpolate(transform.output(), numbers(transform.size(), [&](int column) { return sum(k, c, column, i, g); })));
  result(k, c, s, r, g) =
      mux(r, interpolate(transform.output(),
                         numbers(transform.size(), [&](int row) { return result_rows(k, c, s, row, g); })));
  return {src_padded, d_dst_padded, image, gradient, tile_columns, tiles, sum, result_rows, result};
}

}  // namespace halconv::generators

#endif  // HALCONV_GENERATORS_WINOGRAD_ALGORITHM_H_
