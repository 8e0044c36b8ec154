#include "train/output/event_file.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "event.pb.h"

namespace hone {
namespace {

static_assert(std::endian::native == std::endian::little,
              "records are written as they lie in memory");

constexpr std::array<uint32_t, 256> MakeTable() {
    std::array<uint32_t, 256> table{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0x82f63b78u : 0);
        table[byte] = value;
    }
    return table;
}

double SecondsSince1970() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

template <typename T>
std::string BytesOf(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return bytes;
}

}  // namespace

uint32_t Crc32c(std::string_view bytes) {
    static constexpr std::array<uint32_t, 256> kTable = MakeTable();
    uint32_t crc = 0xffffffffu;
    for (unsigned char byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
    return ~crc;
}

uint32_t MaskedCrc32c(std::string_view bytes) { return std::rotr(Crc32c(bytes), 15) + 0xa282ead8u; }

std::string TfRecord(std::string_view bytes) {
    std::string length = BytesOf(static_cast<uint64_t>(bytes.size()));
    std::string record = length + BytesOf(MaskedCrc32c(length));
    record += bytes;
    return record + BytesOf(MaskedCrc32c(bytes));
}

absl::StatusOr<std::unique_ptr<EventFile>> EventFile::Create(const std::string& folder) {
    HONE_RETURN_IF_ERROR(MakeDirectories(folder));
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    // TensorBoard looks for "tfevents" in the name; the rest keeps two runs apart.
    std::string path = fmt::format("{}/events.out.tfevents.{:010}.{}.{}", folder,
                                   static_cast<int64_t>(SecondsSince1970()), host, getpid());
    HONE_ASSIGN_OR_RETURN(auto file, AppendFile::Open(path));
    std::unique_ptr<EventFile> events(new EventFile(std::move(file)));
    tensorboard::Event first;
    first.set_wall_time(SecondsSince1970());
    first.set_file_version("brain.Event:2");
    HONE_RETURN_IF_ERROR(events->file_->Append(TfRecord(first.SerializeAsString())));
    return events;
}

absl::Status EventFile::AddScalars(int64_t step,
                                   const std::vector<std::pair<std::string, double>>& values) {
    tensorboard::Event event;
    event.set_wall_time(SecondsSince1970());
    event.set_step(step);
    for (const auto& [tag, value] : values) {
        auto* entry = event.mutable_summary()->add_value();
        entry->set_tag(tag);
        entry->set_simple_value(static_cast<float>(value));
    }
    return file_->Append(TfRecord(event.SerializeAsString()));
}

}  // namespace hone
