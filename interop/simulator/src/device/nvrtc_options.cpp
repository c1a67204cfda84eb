#include "device/nvrtc_options.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace flowcut::sim {
namespace {

enum class Meaning { architecture, standard, define, undefine, include_folder, pre_include, ignored, ignored_with_value };

struct Option {
  std::string_view name, short_name;
  Meaning meaning;
};

// Options that only steer the real code generator are accepted and have no effect.
constexpr Option kOptions[] = {
    {"--gpu-architecture", "-arch", Meaning::architecture},
    {"--std", "-std", Meaning::standard},
    {"--define-macro", "-D", Meaning::define},
    {"--undefine-macro", "-U", Meaning::undefine},
    {"--include-path", "-I", Meaning::include_folder},
    {"--pre-include", "-include", Meaning::pre_include},
    {"--device-as-default-execution-space", "-default-device", Meaning::ignored},
    {"--relocatable-device-code", "-rdc", Meaning::ignored_with_value},
    {"--device-c", "-dc", Meaning::ignored},
    {"--device-w", "-dw", Meaning::ignored},
    {"--extensible-whole-program", "-ewp", Meaning::ignored},
    {"--device-debug", "-G", Meaning::ignored},
    {"--generate-line-info", "-lineinfo", Meaning::ignored},
    {"--dopt", "-dopt", Meaning::ignored_with_value},
    {"--ptxas-options", "-Xptxas", Meaning::ignored_with_value},
    {"--maxrregcount", "-maxrregcount", Meaning::ignored_with_value},
    {"--ftz", "-ftz", Meaning::ignored_with_value},
    {"--prec-sqrt", "-prec-sqrt", Meaning::ignored_with_value},
    {"--prec-div", "-prec-div", Meaning::ignored_with_value},
    {"--fmad", "-fmad", Meaning::ignored_with_value},
    {"--use_fast_math", "-use_fast_math", Meaning::ignored},
    {"--extra-device-vectorization", "-extra-device-vectorization", Meaning::ignored},
    {"--modify-stack-limit", "-modify-stack-limit", Meaning::ignored_with_value},
    {"--dlink-time-opt", "-dlto", Meaning::ignored},
    {"--restrict", "-restrict", Meaning::ignored},
    {"--disable-warnings", "-w", Meaning::ignored},
    {"--no-source-include", "-no-source-include", Meaning::ignored},
    {"--builtin-move-forward", "-builtin-move-forward", Meaning::ignored_with_value},
    {"--builtin-initializer-list", "-builtin-initializer-list", Meaning::ignored_with_value},
    {"--display-error-number", "-err-no", Meaning::ignored},
    {"--no-display-error-number", "-no-err-no", Meaning::ignored},
    {"--diag-error", "-diag-error", Meaning::ignored_with_value},
    {"--diag-suppress", "-diag-suppress", Meaning::ignored_with_value},
    {"--diag-warn", "-diag-warn", Meaning::ignored_with_value},
    {"--brief-diagnostics", "-brief-diag", Meaning::ignored_with_value},
    {"--time", "-time", Meaning::ignored_with_value},
    {"--split-compile", "-split-compile", Meaning::ignored_with_value},
    {"--fdevice-time-trace", "-fdevice-time-trace", Meaning::ignored_with_value},
    {"--minimal", "-minimal", Meaning::ignored},
    {"--no-cache", "-no-cache", Meaning::ignored},
    {"--device-int128", "-device-int128", Meaning::ignored},
    {"--version-ident", "-version-ident", Meaning::ignored_with_value},
    {"--optimization-info", "-opt-info", Meaning::ignored_with_value},
};

bool takes_value(Meaning meaning) { return meaning != Meaning::ignored; }

// "-DNAME", "-Ifolder": the value follows at once
bool may_be_joined(Meaning meaning) {
  return meaning == Meaning::define || meaning == Meaning::undefine || meaning == Meaning::include_folder;
}

const Option* find_option(std::string_view text, std::string_view& value, bool& has_value) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  has_value = equals != std::string_view::npos;
  value = has_value ? text.substr(equals + 1) : std::string_view();
  for (const Option& option : kOptions)
    if (name == option.name || name == option.short_name) return &option;
  for (const Option& option : kOptions) {
    if (!may_be_joined(option.meaning) || !text.starts_with(option.short_name)) continue;
    value = text.substr(option.short_name.size());
    has_value = true;
    return &option;
  }
  return nullptr;
}

bool set_architecture(std::string_view value, NvrtcOptions& parsed) {
  parsed.machine_code = value.starts_with("sm_");
  if (!parsed.machine_code && !value.starts_with("compute_")) return false;
  std::string_view number = value.substr(value.find('_') + 1);
  parsed.architecture_specific = number.ends_with('a');
  if (number.ends_with('a') || number.ends_with('f')) number.remove_suffix(1);
  if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") != std::string_view::npos) return false;
  parsed.architecture = std::stoi(std::string(number));
  return std::find(std::begin(kSupportedArchitectures), std::end(kSupportedArchitectures), parsed.architecture) != std::end(kSupportedArchitectures);
}

bool apply(const Option& option, std::string_view value, NvrtcOptions& parsed, std::string& log) {
  switch (option.meaning) {
    case Meaning::architecture:
      if (set_architecture(value, parsed)) return true;
      log = "nvrtc: error: invalid value for --gpu-architecture (-arch)\n";
      return false;
    case Meaning::standard:
      if (value == "c++11" || value == "c++14" || value == "c++17" || value == "c++20") {
        // the prelude needs C++17
        parsed.standard = value == "c++20" ? "c++20" : "c++17";
        return true;
      }
      log = "nvrtc: error: invalid value for --std (-std)\n";
      return false;
    case Meaning::define: parsed.passed_on.push_back("-D" + std::string(value)); return true;
    case Meaning::undefine: parsed.passed_on.push_back("-U" + std::string(value)); return true;
    case Meaning::include_folder: parsed.passed_on.push_back("-I" + std::string(value)); return true;
    case Meaning::pre_include:
      parsed.passed_on.push_back("-include");
      parsed.passed_on.emplace_back(value);
      return true;
    default: return true;
  }
}

}  // namespace

bool parse_options(const std::vector<std::string>& options, NvrtcOptions& parsed, std::string& log) {
  for (std::size_t i = 0; i < options.size(); i++) {
    std::string_view value;
    bool has_value = false;
    const Option* const option = find_option(options[i], value, has_value);
    if (option == nullptr) {
      log = "nvrtc: error: unrecognized option " + options[i] + " found\n";
      return false;
    }
    if (takes_value(option->meaning) && !has_value) {
      // the value may be an element of its own: "-arch", "sm_90a"
      if (i + 1 == options.size()) {
        log = "nvrtc: error: the option " + options[i] + " needs a value\n";
        return false;
      }
      value = options[++i];
    }
    if (!apply(*option, value, parsed, log)) return false;
  }
  return true;
}

}  // namespace flowcut::sim
