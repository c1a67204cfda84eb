// Finds kernels in a source by their text.
#include "device/compiler.hpp"

#include <cctype>

namespace flowcut::sim {
namespace {

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::size_t skip_space(const std::string& text, std::size_t at) {
  while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) at++;
  return at;
}

std::string take_name(const std::string& text, std::size_t& at) {
  const std::size_t start = at;
  while (at < text.size() && is_name(text[at])) at++;
  return text.substr(start, at - start);
}

// The text between the brackets that begin at `at`; `at` moves behind them.
std::string take_brackets(const std::string& text, std::size_t& at) {
  const std::size_t start = at + 1;
  for (int depth = 0; at < text.size(); at++) {
    if (text[at] == '(') depth++;
    if (text[at] == ')' && --depth == 0) return text.substr(start, at++ - start);
  }
  return {};
}

}  // namespace

std::vector<FoundKernel> find_kernels(const std::string& source) {
  static constexpr char kStart[] = "extern \"C\" __global__";
  std::vector<FoundKernel> kernels;
  for (std::size_t at = source.find(kStart); at != std::string::npos; at = source.find(kStart, at + 1)) {
    if (at != 0 && source[at - 1] != '\n') continue;
    FoundKernel kernel;
    std::size_t next = at + sizeof kStart - 1;
    // words up to the one that is followed by the parameters: void, __launch_bounds__(…), name
    for (;;) {
      next = skip_space(source, next);
      const std::string word = take_name(source, next);
      next = skip_space(source, next);
      if (word.empty() || next >= source.size()) break;
      if (source[next] != '(') continue;
      if (word != "__launch_bounds__") {
        kernel.name = word;
        break;
      }
      kernel.bounds = take_brackets(source, next);
    }
    if (!kernel.name.empty()) kernels.push_back(std::move(kernel));
  }
  return kernels;
}

}  // namespace flowcut::sim
