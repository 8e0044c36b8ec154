#include "platform/files/files.h"

#include <gmock/gmock.h>

#include <thread>

#include "base/files/hash.h"
#include "platform/testing.h"

namespace hone::platform {
namespace {

using testing::HasSubstr;

class FilesTest : public testing::Test {
  protected:
    FilesTest() {
        test_.options.clock = [this] { return now_.load(); };
        test_.options.limits.file_bytes = 1000;
        test_.options.limits.project_bytes = 2000;
        test_.options.limits.upload_bytes = 1500;
        test_.options.limits.part_bytes = 600;
        test_.Open();
    }
    Files& files() { return test_.platform->files(); }
    Uploads& uploads() { return test_.platform->uploads(); }
    absl::StatusOr<File> Store(const std::string& content, const NewFile& file) {
        auto writer = files().Begin(test_.caller).value();
        HONE_RETURN_IF_ERROR(writer->Append(content));
        return writer->Finish(file);
    }
    absl::StatusOr<UploadPart> Part(const std::string& upload, const std::string& content) {
        HONE_ASSIGN_OR_RETURN(auto writer, uploads().BeginPart(test_.caller, upload));
        HONE_RETURN_IF_ERROR(writer->Append(content));
        return writer->Finish();
    }
    size_t BlobCount() {
        size_t count = 0;
        for (const char* folder : {"/blobs", "/incoming"})
            for (const auto& entry :
                 std::filesystem::recursive_directory_iterator(test_.options.data_dir + folder))
                count += entry.is_regular_file();
        return count;
    }
    std::atomic<int64_t> now_{1'700'000'000};
    TestPlatform test_;
};

TEST_F(FilesTest, AFileComesBackAsItWent) {
    const std::string content("a\0b\xff", 4);
    const File file = Store(content, {"x.bin", "user_data", 0}).value();
    EXPECT_EQ(file.bytes, 4);
    EXPECT_EQ(file.status, "processed");
    EXPECT_EQ(test_.Content(file.id), content);
    EXPECT_EQ(files().Get(test_.caller, file.id)->sha256, Sha256Hex(content));
    const auto blob = files().Open(test_.caller, file.id).value();
    EXPECT_EQ(blob->Read(1, 2).value(), content.substr(1, 2));
    EXPECT_EQ(blob->Read(3, 10).value(), content.substr(3));
    EXPECT_EQ(blob->Read(9, 10).value(), "");
    ASSERT_TRUE(files().Delete(test_.caller, file.id).ok());
    EXPECT_EQ(RefusalOf(files().Get(test_.caller, file.id).status()).kind, RefusalKind::kNotFound);
    EXPECT_EQ(blob->Read(0, 4).value(), content);  // who has it open keeps it
    EXPECT_EQ(BlobCount(), 0u);
}

TEST_F(FilesTest, EqualFilesShareTheirBytesAndGoOneByOne) {
    const File a = Store("same", {"a", "batch", 0}).value();
    const File b = Store("same", {"b", "user_data", 0}).value();
    EXPECT_EQ(BlobCount(), 1u);
    ASSERT_TRUE(files().Delete(test_.caller, a.id).ok());
    EXPECT_EQ(test_.Content(b.id), "same");
    EXPECT_EQ(a.expires_at, now_ + 30 * 86'400);
    EXPECT_EQ(b.expires_at, 0);
}

TEST_F(FilesTest, WhatIsNotFinishedLeavesNothing) {
    {
        auto writer = files().Begin(test_.caller).value();
        ASSERT_TRUE(writer->Append("half").ok());
        EXPECT_EQ(BlobCount(), 1u);
    }
    EXPECT_EQ(BlobCount(), 0u);
    EXPECT_TRUE(files().List(test_.caller, "", {})->data.empty());
}

TEST_F(FilesTest, LimitsAreKeptAtTheirLastByte) {
    EXPECT_TRUE(Store(std::string(1000, 'x'), {"a", "user_data", 0}).ok());
    const auto large = Store(std::string(1001, 'x'), {"a", "user_data", 0}).status();
    EXPECT_EQ(RefusalOf(large).code, "file_too_large");
    EXPECT_TRUE(Store(std::string(1000, 'y'), {"a", "user_data", 0}).ok());
    const auto full = Store("z", {"a", "user_data", 0}).status();
    EXPECT_EQ(RefusalOf(full).kind, RefusalKind::kLimit);
    EXPECT_EQ(RefusalOf(full).code, "insufficient_quota");
}

TEST_F(FilesTest, FieldsAreChecked) {
    const std::vector<std::pair<NewFile, std::string>> wrong = {
        {{"", "batch", 0}, "filename"},
        {{std::string(256, 'x'), "batch", 0}, "filename"},
        {{"a\nb", "batch", 0}, "filename"},
        {{"a", "fine-tune-results", 0}, "purpose"},
        {{"a", "", 0}, "purpose"},
        {{"a.txt", "fine-tune", 0}, "file"},
        {{"a", "batch", 3599}, "expires_after[seconds]"},
        {{"a", "batch", 2'592'001}, "expires_after[seconds]"}};
    for (const auto& [file, param] : wrong) {
        const auto status = Store("x", file).status();
        EXPECT_EQ(RefusalOf(status).kind, RefusalKind::kInvalid) << status;
        EXPECT_EQ(RefusalOf(status).param, param) << status;
    }
    EXPECT_EQ(BlobCount(), 0u);
    EXPECT_TRUE(Store("x", {"../../etc/passwd", "batch", 3600}).ok());
}

TEST_F(FilesTest, FilesExpire) {
    const File file = Store("x", {"a", "batch", 3600}).value();
    now_ += 3600;
    EXPECT_FALSE(files().Get(test_.caller, file.id).ok());
    EXPECT_TRUE(files().List(test_.caller, "", {})->data.empty());
    ASSERT_TRUE(files().Sweep().ok());
    EXPECT_EQ(BlobCount(), 0u);
    EXPECT_TRUE(Store(std::string(1000, 'x'), {"a", "user_data", 0}).ok());
    EXPECT_TRUE(Store(std::string(1000, 'y'), {"a", "user_data", 0}).ok());
}

TEST_F(FilesTest, ListsAreOfAPurposeAndOfOneProject) {
    const File a = Store("1", {"a", "batch", 0}).value();
    const File b = Store("2", {"b", "user_data", 0}).value();
    const File c = Store("3", {"c", "batch", 0}).value();
    const auto batch = files().List(test_.caller, "batch", {"", 1, true}).value();
    ASSERT_EQ(batch.data.size(), 1u);
    EXPECT_EQ(batch.data[0].id, c.id);
    EXPECT_TRUE(batch.has_more);
    EXPECT_EQ(files().List(test_.caller, "batch", {c.id, 5, true})->data[0].id, a.id);
    EXPECT_EQ(files().List(test_.caller, "", {})->data.size(), 3u);
    EXPECT_EQ(RefusalOf(files().List(test_.caller, "", {"", -1, true}).status()).param, "limit");
    const Project other = test_.platform->keys().CreateProject("other").value();
    const Caller stranger = Operator(other.id);
    EXPECT_TRUE(files().List(stranger, "", {})->data.empty());
    EXPECT_EQ(RefusalOf(files().Get(stranger, b.id).status()).kind, RefusalKind::kNotFound);
    EXPECT_EQ(RefusalOf(files().Open(stranger, b.id).status()).kind, RefusalKind::kNotFound);
    EXPECT_EQ(RefusalOf(files().Delete(stranger, b.id)).kind, RefusalKind::kNotFound);
    const Caller viewer = {test_.caller.project, Role::kViewer, "key_v"};
    EXPECT_EQ(RefusalOf(files().Begin(viewer).status()).kind, RefusalKind::kForbidden);
    EXPECT_EQ(RefusalOf(files().Delete(viewer, b.id)).kind, RefusalKind::kForbidden);
    EXPECT_TRUE(files().Get(viewer, b.id).ok());
}

TEST_F(FilesTest, ABadTrainingFileSaysSoAtOnce) {
    const File file = Store("{\"messages\": 3}\n", {"a.JSONL", "fine-tune", 0}).value();
    EXPECT_EQ(file.status, "error");
    EXPECT_THAT(file.status_details, HasSubstr("Example 1 (line 1) has 'messages' that are no"));
    EXPECT_EQ(files().Report(test_.caller, file.id)->bad_lines, 1);
}

TEST_F(FilesTest, WhatAKilledProcessLeftIsClearedAway) {
    const File kept = Store("kept", {"a", "batch", 0}).value();
    std::filesystem::create_directories(test_.options.data_dir + "/blobs/00");
    ASSERT_TRUE(WriteFileAtomic(test_.options.data_dir + "/blobs/00/00ff", "orphan").ok());
    ASSERT_TRUE(WriteFileAtomic(test_.options.data_dir + "/incoming/abc", "half").ok());
    test_.Open();
    ASSERT_TRUE(files().RemoveOrphans().ok());
    ASSERT_TRUE(test_.platform->Start().ok());
    EXPECT_EQ(BlobCount(), 1u);
    EXPECT_EQ(test_.Content(kept.id), "kept");
}

TEST_F(FilesTest, AnUploadIsMadeOfPartsInTheOrderThatIsAskedFor) {
    const Upload upload =
        uploads().Create(test_.caller, {{"big.txt", "user_data", 0}, 12, "text/plain"}).value();
    EXPECT_EQ(upload.expires_at, now_ + 3600);
    std::vector<std::string> ids(4);
    std::vector<std::thread> threads;
    const std::vector<std::string> parts = {"one,", "two,", "four", "nine"};
    for (size_t i = 0; i < parts.size(); ++i)
        threads.emplace_back([&, i] { ids[i] = Part(upload.id, parts[i]).value().id; });
    for (auto& thread : threads) thread.join();
    const auto short_of = uploads().Complete(test_.caller, upload.id, {ids[0]}, "").status();
    EXPECT_EQ(RefusalOf(short_of).param, "part_ids");
    const auto twice =
        uploads().Complete(test_.caller, upload.id, {ids[0], ids[0], ids[1]}, "").status();
    EXPECT_EQ(RefusalOf(twice).param, "part_ids[1]");
    const std::vector<std::string> order = {ids[1], ids[0], ids[2]};
    const auto wrong =
        uploads().Complete(test_.caller, upload.id, order, std::string(32, '0')).status();
    EXPECT_EQ(RefusalOf(wrong).param, "md5");
    const auto done =
        uploads().Complete(test_.caller, upload.id, order, "5D7C44E1F53D1D4A0EAE32EA0A4E06B5");
    EXPECT_FALSE(done.ok());  // of other bytes
    const Upload whole = uploads().Complete(test_.caller, upload.id, order, "").value();
    EXPECT_EQ(whole.status, "completed");
    ASSERT_TRUE(whole.file.has_value());
    EXPECT_EQ(test_.Content(whole.file->id), "two,one,four");
    EXPECT_EQ(BlobCount(), 1u);
    EXPECT_EQ(RefusalOf(Part(upload.id, "x").status()).kind, RefusalKind::kConflict);
    EXPECT_EQ(RefusalOf(uploads().Cancel(test_.caller, upload.id).status()).kind,
              RefusalKind::kConflict);
}

TEST_F(FilesTest, AnUploadEndsByCancellingOrByItsHour) {
    const NewUpload asked = {{"big.txt", "user_data", 0}, 1200, "text/plain"};
    const Upload cancelled = uploads().Create(test_.caller, asked).value();
    ASSERT_TRUE(Part(cancelled.id, std::string(600, 'x')).ok());
    EXPECT_EQ(RefusalOf(Part(cancelled.id, std::string(601, 'x')).status()).code, "part_too_large");
    EXPECT_EQ(uploads().Cancel(test_.caller, cancelled.id)->status, "cancelled");
    const Upload expired = uploads().Create(test_.caller, asked).value();
    ASSERT_TRUE(Part(expired.id, std::string(600, 'y')).ok());
    now_ += 3600;
    EXPECT_EQ(RefusalOf(Part(expired.id, "x").status()).kind, RefusalKind::kConflict);
    ASSERT_TRUE(uploads().Sweep().ok());
    EXPECT_EQ(BlobCount(), 0u);
    // Nothing counts against the project any more.
    EXPECT_TRUE(Store(std::string(1000, 'x'), {"a", "user_data", 0}).ok());
    EXPECT_TRUE(Store(std::string(1000, 'y'), {"a", "user_data", 0}).ok());
    EXPECT_EQ(RefusalOf(uploads().Create(test_.caller, asked).status()).code, "insufficient_quota");
    const Caller stranger = Operator(test_.platform->keys().CreateProject("other")->id);
    EXPECT_EQ(RefusalOf(uploads().Cancel(stranger, expired.id).status()).kind,
              RefusalKind::kNotFound);
    EXPECT_EQ(RefusalOf(uploads().BeginPart(stranger, expired.id).status()).kind,
              RefusalKind::kNotFound);
}

}  // namespace
}  // namespace hone::platform
