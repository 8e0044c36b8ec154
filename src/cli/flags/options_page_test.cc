#include "cli/flags/options_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files/file.h"

namespace hone {
namespace {

using testing::HasSubstr;

TEST(OptionsPage, SaysWhatTheTableSays) {
    const std::string page = OptionsPage();
    EXPECT_THAT(page, HasSubstr("### Method\n"));
    EXPECT_THAT(page, HasSubstr("| `--lora_r` | `INT` | `64` | rank of the adapter; with `--method "
                                "lora`, `qlora`; not with `--adapter_path` |\n"));
    EXPECT_THAT(page, HasSubstr("`0.0002; with --method full 5e-05; with --method freeze 5e-05; "
                                "with --method ia3 0.003; with --method prompt 0.03; "
                                "with --method prefix 0.03; "
                                "with another --objective "));
    EXPECT_THAT(page, HasSubstr("| `-m, --model_name_or_path` |"));
}

TEST(OptionsPage, IsWhatTheDocumentHolds) {
    const auto document = ReadFile(HONE_SOURCE_DIR "/docs/cli.md");
    ASSERT_TRUE(document.ok()) << document.status();
    const std::string begin = "<!-- hone help --options -->\n";
    const size_t start = document->find(begin);
    ASSERT_NE(start, std::string::npos);
    const size_t end = document->find("<!-- end of hone help --options -->", start);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(document->substr(start + begin.size(), end - start - begin.size()), OptionsPage())
        << "put what `hone help --options` prints between the two marks of docs/cli.md";
}

}  // namespace
}  // namespace hone
