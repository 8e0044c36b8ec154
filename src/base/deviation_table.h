// How near what tests compute is to what a reference computed: with HONE_TEST_TABLE set, a test
// program prints the largest deviation of each case in each column when it ends.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "fmt/format.h"

namespace hone::testkit {

class DeviationTable : public ::testing::Environment {
  public:
    void Note(const std::string& name, const std::string& column, double deviation) {
        double& worst = rows_[name][column];
        worst = std::max(worst, deviation);
        columns_.insert(column);
    }
    void TearDown() override {
        if (std::getenv("HONE_TEST_TABLE") == nullptr || rows_.empty()) return;
        fmt::print("{:<34}", "case");
        for (const std::string& column : columns_) fmt::print(" {:>12}", column);
        for (const auto& [name, values] : rows_) {
            fmt::print("\n{:<34}", name);
            for (const std::string& column : columns_) {
                const auto found = values.find(column);
                fmt::print(" {:>12}",
                           found == values.end() ? "" : fmt::format("{:.1e}", found->second));
            }
        }
        fmt::print("\n");
    }

  private:
    std::map<std::string, std::map<std::string, double>> rows_;
    std::set<std::string> columns_;
};

// Made before main, as GoogleTest wants it.
inline DeviationTable& deviation_table =
    *static_cast<DeviationTable*>(::testing::AddGlobalTestEnvironment(new DeviationTable));

}  // namespace hone::testkit
