/// im2col and OpenBLAS: the image's patches as the rows of a matrix, and one product of matrices for each image.
#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <cstring>

#include "../peer.h"

namespace halconv::bench {
namespace {

/// Calls work(begin, end) on each of `threads` threads with its share of [0, count).
template <typename Work>
void in_parallel(int threads, int64_t count, const Work &work) {
#pragma omp parallel num_threads(threads)
  {
    const int64_t parts = omp_get_num_threads(), part = omp_get_thread_num();
    work(count * part / parts, count * (part + 1) / parts);
  }
}

/// A row-major matrix, or its transpose.
struct Matrix {
  const float *data;
  int64_t stride;
  bool transposed = false;
};

/// result = (accumulate ? result : 0) + a * b for result rows `begin` to `end`.
void multiply(const Matrix &a, const Matrix &b, float *result, int64_t result_stride, int64_t begin, int64_t end,
              int64_t columns, int64_t reduced, bool accumulate) {
  if (begin == end) return;
  const auto size = [](int64_t value) { return static_cast<blasint>(value); };
  scipy_cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans,
                    size(end - begin), size(columns), size(reduced), 1.0f,
                    a.data + (a.transposed ? begin : begin * a.stride), size(a.stride), b.data, size(b.stride),
                    accumulate ? 1.0f : 0.0f, result + begin * result_stride, size(result_stride));
}

/// Threads share out the rows of every matrix, each with an OpenBLAS of one thread: one pool of threads, not two.
class Im2colContender : public Contender {
 public:
  Im2colContender(const Case &c, float *result)
      : case_(c),
        p_(c.problem),
        result_(result),
        channels_(p_.in_channels / p_.groups),
        outputs_(p_.out_channels / p_.groups),
        pixels_(p_.out_height * p_.out_width),
        patch_(p_.filter_height * p_.filter_width * channels_),
        is_matrix_(p_.filter_height == 1 && p_.filter_width == 1 && p_.stride_height == 1 && p_.stride_width == 1 &&
                   p_.groups == 1 && p_.in_height == p_.out_height && p_.in_width == p_.out_width && p_.pad_top == 0 &&
                   p_.pad_left == 0),
        patches_(is_matrix_ ? 0 : static_cast<size_t>(pixels_ * patch_)) {
    omp_set_num_threads(c.threads);
    scipy_openblas_set_num_threads(1);
  }

  void run() override {
    for (int64_t n = 0; n < p_.batch; ++n) {
      for (int64_t g = 0; g < p_.groups; ++g) run_group(n, g);
    }
  }

  std::string implementation() const override {
    return std::string("OpenBLAS ") + scipy_openblas_get_corename() + (is_matrix_ ? ", no copy" : "");
  }

 private:
  int64_t image_elements() const { return p_.in_height * p_.in_width * p_.in_channels; }

  void run_group(int64_t n, int64_t g) {
    const float *const input = case_.tensors->input.data() + n * image_elements();
    const Matrix filter{case_.tensors->filter.data() + g * outputs_, p_.out_channels};
    const float *const output = case_.tensors->output.data() + n * pixels_ * p_.out_channels + g * outputs_;
    if (case_.operation == Operation::kForward) {
      float *const result = result_ + n * pixels_ * p_.out_channels + g * outputs_;
      const Matrix patches = gather(input, g);
      in_parallel(case_.threads, pixels_, [&](int64_t begin, int64_t end) {
        multiply(patches, filter, result, p_.out_channels, begin, end, outputs_, patch_, false);
      });
    } else if (case_.operation == Operation::kBackwardFilter) {
      const Matrix patches = gather(input, g);
      in_parallel(case_.threads, patch_, [&](int64_t begin, int64_t end) {
        multiply({patches.data, patches.stride, true}, {output, p_.out_channels}, result_ + g * outputs_,
                 p_.out_channels, begin, end, outputs_, pixels_, n > 0);
      });
    } else {
      float *const patches = is_matrix_ ? result_ + n * image_elements() : patches_.data();
      in_parallel(case_.threads, pixels_, [&](int64_t begin, int64_t end) {
        multiply({output, p_.out_channels}, {filter.data, filter.stride, true}, patches, patch_, begin, end, patch_,
                 outputs_, false);
      });
      if (!is_matrix_) scatter(result_ + n * image_elements(), g);
    }
  }

  /// The group's patches, a row for each output pixel: im2col.
  Matrix gather(const float *input, int64_t g) {
    if (is_matrix_) return {input, patch_};
    in_parallel(case_.threads, pixels_, [&](int64_t begin, int64_t end) {
      float *patch = patches_.data() + begin * patch_;
      for (int64_t pixel = begin; pixel < end; ++pixel) {
        for_each_tap(pixel, [&](int64_t y, int64_t x) {
          if (is_inside(y, x)) {
            const float *const source = input + (y * p_.in_width + x) * p_.in_channels + g * channels_;
            std::copy_n(source, channels_, patch);
          } else {
            std::fill_n(patch, channels_, 0.0f);
          }
          patch += channels_;
        });
      }
    });
    return {patches_.data(), patch_};
  }

  /// Adds the group's patches up where they came from: col2im. A thread owns rows of the image.
  void scatter(float *image, int64_t g) {
    in_parallel(case_.threads, p_.in_height, [&](int64_t begin, int64_t end) {
      for (int64_t pixel = begin * p_.in_width; pixel < end * p_.in_width; ++pixel) {
        std::fill_n(image + pixel * p_.in_channels + g * channels_, channels_, 0.0f);
      }
      const float *patch = patches_.data();
      for (int64_t pixel = 0; pixel < pixels_; ++pixel) {
        for_each_tap(pixel, [&](int64_t y, int64_t x) {
          if (y >= begin && y < end && is_inside(y, x)) {
            float *const target = image + (y * p_.in_width + x) * p_.in_channels + g * channels_;
            for (int64_t c = 0; c < channels_; ++c) target[c] += patch[c];
          }
          patch += channels_;
        });
      }
    });
  }

  /// Calls visit(y, x) with the input pixel of each tap of an output pixel.
  template <typename Visit>
  void for_each_tap(int64_t pixel, const Visit &visit) const {
    const int64_t top = pixel / p_.out_width * p_.stride_height - p_.pad_top;
    const int64_t left = pixel % p_.out_width * p_.stride_width - p_.pad_left;
    for (int64_t r = 0; r < p_.filter_height; ++r) {
      for (int64_t s = 0; s < p_.filter_width; ++s) visit(top + r * p_.dilation_height, left + s * p_.dilation_width);
    }
  }

  bool is_inside(int64_t y, int64_t x) const { return y >= 0 && y < p_.in_height && x >= 0 && x < p_.in_width; }

  const Case case_;
  const Conv2dProblem p_;
  float *const result_;
  const int64_t channels_, outputs_;  ///< of a group
  const int64_t pixels_;              ///< of an output image
  const int64_t patch_;               ///< elements of a row of patches
  const bool is_matrix_;              ///< the image is the matrix of patches already
  Elements patches_;
};

const PeerRegistration registration({
    {"im2col", Counterpart::kOneShot,
     [](const Case &c) -> MakeContender {
       return [c](float *result) { return std::make_unique<Im2colContender>(c, result); };
     }},
});

}  // namespace
}  // namespace halconv::bench
