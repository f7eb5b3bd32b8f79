#include "tuned_table.h"

#include <charconv>
#include <fstream>
#include <sstream>
#include <utility>

#include "halconv/kernel_name.h"

namespace halconv::schedules {
namespace {

[[noreturn]] void fail_at(const std::string &location, const std::string &message) {
  throw Halide::CompileError(location + ": " + message);
}

/// `operation` or `operation_algorithm`.
bool is_generator(const std::string &text) {
  for (const std::string_view operation : kOperations) {
    if (text.starts_with(operation) && (text.size() == operation.size() || text[operation.size()] == '_')) return true;
  }
  return false;
}

void check_problem(const std::string &location, const std::string &text) {
  if (text == "generic") return;
  const ParseResult<SuiteEntry> entry = parse_suite_entry(text);
  if (!entry.value) {
    fail_at(location,
            "problem \"" + text + "\", column " + std::to_string(entry.error.column) + ": " + entry.error.message);
  }
  if (const std::string canonical = to_string(entry.value->problem); canonical != text) {
    fail_at(location, "the problem is spelled \"" + text + "\", expected \"" + canonical + "\"");
  }
}

std::pair<std::string, int> parse_pair(const std::string &location, const std::string &text) {
  const size_t equals = text.find('=');
  int value = 0;
  if (equals != std::string::npos && equals > 0) {
    const char *const last = text.data() + text.size();
    const auto [end, status] = std::from_chars(text.data() + equals + 1, last, value);
    if (status == std::errc() && end == last) return {text.substr(0, equals), value};
  }
  fail_at(location, "\"" + text + "\", expected name=integer");
}

/// The row in `line` if it is that of the key, whose problem is spelled `problem`; every line is checked, so that a bad
/// one does not wait for its own kernel to be noticed.
std::optional<TunedRow> parse_row(const std::string &location, const std::string &line, const KernelKey &key,
                                  const std::string &problem) {
  std::istringstream words(line.substr(0, line.find('#')));
  std::string row_generator, row_problem, word;
  if (!(words >> row_generator)) return std::nullopt;
  if (!is_generator(row_generator)) {
    fail_at(location, "\"" + row_generator + "\", expected an operation such as " + std::string(kForward));
  }
  if (!(words >> row_problem)) fail_at(location, "no problem after \"" + row_generator + "\"");
  check_problem(location, row_problem);
  std::map<std::string, int> values;
  while (words >> word) {
    const auto pair = parse_pair(location, word);
    if (!values.insert(pair).second) fail_at(location, "\"" + pair.first + "\" is given twice");
  }
  if (values.empty()) fail_at(location, "no numbers after the problem, expected name=integer");
  if (row_generator != key.operation || row_problem != problem) return std::nullopt;
  return TunedRow(location, std::move(values), key.numbers);
}

}  // namespace

void TunedRow::read(const std::string &name, int least, int most, int *value) {
  known_names_.append(known_names_.empty() ? "" : ", ").append(name);
  const auto found = values_.find(name);
  if (found == values_.end()) {
    if (numbers_ != nullptr) numbers_->emplace_back(name, *value);
    return;
  }
  if (found->second < least || found->second > most) {
    fail(name + " is " + std::to_string(found->second) + ", expected " + std::to_string(least) + " to " +
         std::to_string(most));
  }
  *value = found->second;
  if (numbers_ != nullptr) numbers_->emplace_back(name, *value);
  values_.erase(found);
}

void TunedRow::check_all_read() const {
  if (!values_.empty()) fail("unknown \"" + values_.begin()->first + "\", expected one of " + known_names_);
}

void TunedRow::fail(const std::string &message) const { fail_at(location_, message); }

std::optional<TunedRow> find_tuned_row(const KernelKey &key) {
  std::optional<TunedRow> row;
  if (key.numbers != nullptr) row = TunedRow("the heuristic", {}, key.numbers);
  if (key.table.empty() || key.element != Halide::Float(32)) return row;
  std::ifstream file(key.table);
  if (!file) throw Halide::CompileError("table=" + key.table + ": cannot be read, expected a file of tuned rows");
  const std::string problem = key.listed ? to_string(*key.listed) : "generic";
  bool is_found = false;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    const std::string location = key.table + ":" + std::to_string(number);
    std::optional<TunedRow> candidate = parse_row(location, line, key, problem);
    if (!candidate) continue;
    if (is_found) candidate->fail("a second row for " + key.operation + " " + problem);
    is_found = true;
    row = std::move(candidate);
  }
  return row;
}

}  // namespace halconv::schedules
