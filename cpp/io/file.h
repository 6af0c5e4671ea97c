// Files: reading at an offset, and atomic writing (the whole file or nothing).
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

#include "io/json.h"
#include "runtime/status.h"

namespace fastgru::file {

// The text of an errno. EINVAL comes from special_file_errno(): a pipe or device.
inline std::string meaning(int code) {
  return code == EINVAL ? std::string("Not a regular file") : std::generic_category().message(code);
}

// An io_error that names the path. The errno goes to *os_error (if not null), from which bindings choose
// their exception.
inline Status failure(const char* doing, const std::filesystem::path& path, int code, int* os_error) {
  if (os_error != nullptr) *os_error = code;
  return {ErrorCode::io_error,
          std::string("cannot ") + doing + " " + in_quotes(path.u8string()) + ": " + meaning(code)};
}

// The system calls, under one name on every system. They return what POSIX returns.
namespace sys {
#ifdef _WIN32
inline int open_to_read(const std::filesystem::path& path) {
  return ::_wopen(path.c_str(), _O_RDONLY | _O_BINARY);
}
inline int open_new(const std::filesystem::path& path) {
  return ::_wopen(path.c_str(), _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, _S_IREAD | _S_IWRITE);
}
inline std::int64_t read_at(int fd, void* to, std::size_t size, std::uint64_t offset) {
  if (::_lseeki64(fd, static_cast<std::int64_t>(offset), SEEK_SET) < 0) return -1;
  return ::_read(fd, to, static_cast<unsigned>(size));
}
inline std::int64_t write(int fd, const void* from, std::size_t size) {
  return ::_write(fd, from, static_cast<unsigned>(size));
}
inline std::int64_t size_of(int fd) { return ::_filelengthi64(fd); }
inline int sync(int fd) { return ::_commit(fd); }
inline int close(int fd) { return ::_close(fd); }
inline bool may_write(const std::filesystem::path& path) { return ::_waccess(path.c_str(), 2) == 0; }
inline void keep_mode(int, const std::filesystem::path&) {}
inline void sync_directory(const std::filesystem::path&) {}
#else
inline int open_to_read(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}
inline int open_new(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}
inline std::int64_t read_at(int fd, void* to, std::size_t size, std::uint64_t offset) {
  return ::pread(fd, to, size, static_cast<off_t>(offset));
}
inline std::int64_t write(int fd, const void* from, std::size_t size) { return ::write(fd, from, size); }
inline std::int64_t size_of(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 ? static_cast<std::int64_t>(info.st_size) : -1;
}
inline int sync(int fd) { return ::fsync(fd); }
inline int close(int fd) { return ::close(fd); }
inline bool may_write(const std::filesystem::path& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}
// Gives the new file the permissions of the file that it replaces.
inline void keep_mode(int fd, const std::filesystem::path& old) {
  struct stat info {};
  if (::stat(old.c_str(), &info) == 0 && ::fchmod(fd, info.st_mode & 0777U) != 0) errno = 0;
}
// Makes a rename durable across a power failure, if the file system supports it.
inline void sync_directory(const std::filesystem::path& directory) {
  const int fd = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}
#endif
// Bytes per call: Linux and Windows limit a call to about 2 GiB.
constexpr std::size_t kPiece = std::size_t{1} << 30;
}  // namespace sys

// 0 if the path is a regular file or does not exist, else the errno for what it is: EISDIR, EINVAL, ….
inline int special_file_errno(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return 0;
  if (status.type() == std::filesystem::file_type::none) return error.value();
  if (std::filesystem::is_directory(status)) return EISDIR;
  return std::filesystem::is_regular_file(status) ? 0
                                                  : EINVAL;  // pipes and devices have no size and no offsets
}

class InputFile {
 public:
  InputFile() = default;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  InputFile(InputFile&& other) noexcept { *this = std::move(other); }
  InputFile& operator=(InputFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(size_, other.size_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~InputFile() {
    if (fd_ >= 0) sys::close(fd_);
  }

  Status open(const std::filesystem::path& path, int* os_error) {
    path_ = path;
    if (const int code = special_file_errno(path)) return failure("read", path, code, os_error);
    fd_ = sys::open_to_read(path);
    if (fd_ < 0) return failure("read", path, errno, os_error);
    const std::int64_t size = sys::size_of(fd_);
    if (size < 0) return failure("read", path, errno, os_error);
    size_ = static_cast<std::uint64_t>(size);
    return {};
  }

  std::uint64_t size() const { return size_; }
  const std::filesystem::path& path() const { return path_; }

  // Reads all of [offset, offset + size). It is an error if the file has become shorter since open().
  Status read_at(std::uint64_t offset, void* to, std::uint64_t size, int* os_error) const {
    auto* bytes = static_cast<char*>(to);
    while (size > 0) {
      const std::size_t piece = size < sys::kPiece ? static_cast<std::size_t>(size) : sys::kPiece;
      const std::int64_t count = sys::read_at(fd_, bytes, piece, offset);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return failure("read", path_, errno, os_error);
      if (count == 0) return failure("read to the expected end of", path_, EIO, os_error);
      bytes += count;
      offset += static_cast<std::uint64_t>(count);
      size -= static_cast<std::uint64_t>(count);
    }
    return {};
  }

 private:
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::filesystem::path path_;
};

// Writes a temporary file beside the target. commit() replaces the target with it in one step. Without a
// commit, and after any error, the target is unchanged and the temporary file is removed.
class ReplacingFile {
 public:
  ReplacingFile() = default;
  ReplacingFile(const ReplacingFile&) = delete;
  ReplacingFile& operator=(const ReplacingFile&) = delete;
  ~ReplacingFile() {
    if (fd_ >= 0) sys::close(fd_);
    std::error_code ignored;
    if (!temporary_.empty()) std::filesystem::remove(temporary_, ignored);
  }

  Status open(const std::filesystem::path& path, int* os_error) {
    target_ = follow_links(path);
    if (const int code = special_file_errno(target_)) return failure("write", path, code, os_error);
    std::error_code error;
    const bool exists = std::filesystem::exists(target_, error);
    if (exists && !sys::may_write(target_)) return failure("write", path, errno, os_error);
    std::random_device random;
    for (int attempt = 0; attempt < 16 && fd_ < 0; ++attempt) {
      const std::string name =
          ".fastgru-" + std::to_string(random()) + "-" + std::to_string(random()) + ".tmp";
      const std::filesystem::path candidate = target_.parent_path() / name;
      fd_ = sys::open_new(candidate);
      if (fd_ >= 0) {
        temporary_ = candidate;
      } else if (errno != EEXIST) {
        break;
      }
    }
    if (fd_ < 0) return failure("write beside", path, errno, os_error);
    if (exists) sys::keep_mode(fd_, target_);
    return {};
  }

  Status write(const void* from, std::uint64_t size, int* os_error) {
    const auto* bytes = static_cast<const char*>(from);
    while (size > 0) {
      const std::size_t piece = size < sys::kPiece ? static_cast<std::size_t>(size) : sys::kPiece;
      const std::int64_t count = sys::write(fd_, bytes, piece);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return failure("write", target_, count < 0 ? errno : ENOSPC, os_error);
      bytes += count;
      size -= static_cast<std::uint64_t>(count);
    }
    return {};
  }

  Status commit(int* os_error) {
    const bool synced =
        sys::sync(fd_) == 0 || errno == EINVAL || errno == ENOTSUP;  // EINVAL, ENOTSUP: not supported here
    if (!synced) return failure("write", target_, errno, os_error);
    const int closed = sys::close(std::exchange(fd_, -1));
    if (closed != 0) return failure("write", target_, errno, os_error);
    std::error_code error;
    std::filesystem::rename(temporary_, target_, error);
    if (error) return failure("replace", target_, error.value(), os_error);
    temporary_.clear();
    sys::sync_directory(target_.parent_path());
    return {};
  }

 private:
  // A symbolic link stays; the file that it points to is replaced.
  static std::filesystem::path follow_links(std::filesystem::path path) {
    std::error_code error;
    for (int links = 0; links < 40 && std::filesystem::is_symlink(path, error); ++links) {
      const std::filesystem::path next = std::filesystem::read_symlink(path, error);
      if (error) break;
      path = next.is_absolute() ? next : path.parent_path() / next;
    }
    return path;
  }

  int fd_ = -1;
  std::filesystem::path target_;
  std::filesystem::path temporary_;
};

}  // namespace fastgru::file
