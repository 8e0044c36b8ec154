// A process that is talked to in lines: what it reads and what it writes, without waiting.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace hone {

class ChildProcess {
  public:
    // Starts arguments[0], a path, with few rights (platform/execute/child.h). It reads from this
    // object on its standard input and writes to it on the file descriptor 3; its standard error is
    // ours. `memory_limit_bytes`: of its data; 0: none. The calling thread has to outlive it.
    static absl::StatusOr<ChildProcess> Start(const std::vector<std::string>& arguments,
                                              int64_t memory_limit_bytes);
    // Kills what still runs, and waits for it.
    ~ChildProcess();
    ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }
    ChildProcess& operator=(ChildProcess&& other) noexcept;

    pid_t pid() const { return pid_; }
    // For poll: to write to, -1 once it is closed; and to read from.
    int input() const { return input_; }
    int output() const { return output_; }

    // Writes as much of the front of `text` as there is room for, and removes it. False: it reads
    // no more.
    bool Write(std::string& text);
    // Appends what is there. False: it writes no more.
    bool Read(std::string& text);
    void CloseInput();
    void Kill(int signal);
    // How it ended, in words ("exit code 3", "killed by signal 9"); nothing while it runs.
    std::optional<std::string> Ended();

  private:
    ChildProcess() = default;
    pid_t pid_ = -1;
    int input_ = -1, output_ = -1;
    std::optional<std::string> ended_;
};

}  // namespace hone
