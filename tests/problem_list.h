/// The lists of problems in suites/.
#ifndef HALCONV_TESTS_PROBLEM_LIST_H_
#define HALCONV_TESTS_PROBLEM_LIST_H_

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "halconv/conv2d_problem.h"

namespace halconv::testing {

/// The problems of suites/<name>. A file that cannot be read or parsed fails the test.
inline std::vector<Conv2dProblem> read_problems(const std::string &name) {
  const std::string path = std::string(HALCONV_TEST_SUITES "/") + name;
  std::ifstream file(path);
  EXPECT_TRUE(file) << path << " cannot be read";
  const SuiteResult suite = parse_suite(file);
  EXPECT_EQ(suite.error_line, 0u) << path << ":" << suite.error_line << ": " << suite.error.message;
  std::vector<Conv2dProblem> problems;
  for (const SuiteEntry &entry : suite.entries) problems.push_back(entry.problem);
  return problems;
}

}  // namespace halconv::testing

#endif  // HALCONV_TESTS_PROBLEM_LIST_H_
