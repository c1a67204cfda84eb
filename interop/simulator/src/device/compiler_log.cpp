#include "device/compiler_log.hpp"

#include <cctype>
#include <sstream>

namespace flowcut::sim {
namespace {

// Splits "file:line:column: rest"; false if the line has another form.
bool split(const std::string& line, std::string& file, std::string& number, std::string& rest) {
  for (std::size_t colon = line.find(':'); colon != std::string::npos; colon = line.find(':', colon + 1)) {
    std::size_t at = colon + 1;
    while (at < line.size() && std::isdigit(static_cast<unsigned char>(line[at])) != 0) at++;
    if (at == colon + 1 || at >= line.size() || line[at] != ':') continue;
    file = line.substr(0, colon);
    number = line.substr(colon + 1, at - colon - 1);
    const std::size_t space = line.find(": ", at);
    if (space == std::string::npos) return false;
    // a column between the two, or nothing
    rest = line.substr(space + 2);
    return true;
  }
  return false;
}

std::string without(std::string text, const std::string& part) {
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part)) text.erase(at, part.size());
  return text;
}

}  // namespace

std::string nvrtc_log(const std::string& messages, const std::string& program) {
  std::istringstream lines(messages);
  std::ostringstream log;
  int errors = 0;
  for (std::string line; std::getline(lines, line);) {
    line = without(line, "./");
    std::string file, number, rest;
    if (line.starts_with("In file included") || line.starts_with("                 from")) continue;
    if (!split(line, file, number, rest)) {
      log << line << "\n";
      continue;
    }
    static constexpr char kFatal[] = "fatal error: ";
    if (rest.starts_with(kFatal)) rest = "catastrophic error: " + rest.substr(sizeof kFatal - 1);
    if (rest.starts_with("error: ") || rest.starts_with("catastrophic error: ")) errors++;
    log << file << "(" << number << "): " << rest << "\n";
  }
  log << "\n" << errors << (errors == 1 ? " error" : " errors") << " detected in the compilation of \"" << program << "\".\n";
  return log.str();
}

}  // namespace flowcut::sim
