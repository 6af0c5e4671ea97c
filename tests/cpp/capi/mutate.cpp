// mutate COUNT SEED FILE...: loads randomly mutated model files, and steps those that load. Every mutant must
// give a working model or a model-format error with a message, within memory proportional to the file. A
// mutant of a file with a checksum must be refused; half of them get the right checksum, so that what lies
// behind it is reached. Also meant to run under AddressSanitizer and UndefinedBehaviorSanitizer; without them
// it counts memory.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "fastgru/fastgru.hpp"
#include "io/checksum.h"
#include "io/crc32.h"
#include "random.h"

#if defined(__linux__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(FASTGRU_SANITIZED)
#define COUNTS_MEMORY 1
#include <malloc.h>
#else
#define COUNTS_MEMORY 0
#endif

namespace {

std::int64_t held = 0, peak = 0;

#if COUNTS_MEMORY
void* counted(void* memory) {
  held += static_cast<std::int64_t>(malloc_usable_size(memory));
  peak = std::max(peak, held);
  return memory;
}
#endif

using fastgru::testing::Random;

std::size_t header_size(const std::string& file) {
  std::uint64_t size = 0;
  if (file.size() >= 8) std::memcpy(&size, file.data(), sizeof(size));
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(size, file.size() - std::min<std::size_t>(file.size(), 8)));
}

// Adjusts the header length to a header that grew by `change`.
void mend_length(std::string& file, std::int64_t change) {
  std::uint64_t size = 0;
  std::memcpy(&size, file.data(), sizeof(size));
  size += static_cast<std::uint64_t>(change);
  std::memcpy(&file[0], &size, sizeof(size));
}

// Replaces a number of the header with a difficult one.
void replace_number(std::string& file, Random& random) {
  constexpr std::array<const char*, 14> kNumbers = {"0",
                                                    "1",
                                                    "-1",
                                                    "2",
                                                    "7",
                                                    "65536",
                                                    "2147483648",
                                                    "4294967295",
                                                    "1099511627776",
                                                    "4611686018427387904",
                                                    "9223372036854775807",
                                                    "18446744073709551615",
                                                    "1e308",
                                                    "0.5"};
  const std::size_t end = 8 + header_size(file);
  std::size_t at = 8 + random.below(end - 8);
  const auto digit = [&](std::size_t i) { return i < end && file[i] >= '0' && file[i] <= '9'; };
  while (at < end && !digit(at)) ++at;
  while (at > 8 && digit(at - 1)) --at;
  std::size_t stop = at;
  while (digit(stop)) ++stop;
  if (stop == at) return;
  const std::string number = kNumbers[random.below(kNumbers.size())];
  file.replace(at, stop - at, number);
  mend_length(file, static_cast<std::int64_t>(number.size()) - static_cast<std::int64_t>(stop - at));
}

void mutate_once(std::string& file, Random& random) {
  constexpr char kCharacters[] = "{}[]\",:0123456789eE.-+\\u tfn\x00\x1f\x7f\xc3\xff";
  if (file.size() < 16) return;
  const std::size_t header = 8 + header_size(file);
  const std::size_t at = random.below(random.below(4) == 0 ? file.size() : header);
  const std::size_t length = 1 + random.below(1 + random.below(40));
  switch (random.below(8)) {
    case 0:
      file[at] = static_cast<char>(file[at] ^ (1 << random.below(8)));
      break;
    case 1:
      file[at] = kCharacters[random.below(sizeof(kCharacters) - 1)];
      break;
    case 2: {  // removes a piece
      const std::size_t gone = std::min(length, header - std::min(header, std::max<std::size_t>(at, 8)));
      file.erase(std::max<std::size_t>(at, 8), gone);
      if (random.below(4) != 0) mend_length(file, -static_cast<std::int64_t>(gone));
      break;
    }
    case 3: {  // repeats a piece somewhere else
      const std::string piece = file.substr(at, length);
      const std::size_t to = 8 + random.below(header - 8);
      file.insert(to, piece);
      if (random.below(4) != 0) mend_length(file, static_cast<std::int64_t>(piece.size()));
      break;
    }
    case 4:
      file.resize(random.below(file.size() + 1));
      break;
    case 5:
      file[header + random.below(file.size() - header + 1) - 1] = static_cast<char>(random.next());
      break;
    default:
      replace_number(file, random);
  }
}

bool has_checksum(const std::string& file) {
  return file.substr(0, 8 + header_size(file)).find("\"checksum\":\"") != std::string::npos;
}

// Writes the right checksum into a file that still has the place for it; false: it has none.
bool seal(std::string& file) {
  fastgru::SafetensorsHeader header;
  if (!fastgru::parse_safetensors(file.data(), file.size(), &header).ok()) return false;
  for (std::size_t i = 0; i < header.metadata_count(); ++i) {
    if (header.metadata(i).first != fastgru::kChecksumKey) continue;
    const auto place = static_cast<std::size_t>(header.metadata_offset(i));
    if (place + fastgru::kNoChecksum.size() > file.size()) return false;
    file.replace(place, fastgru::kNoChecksum.size(), fastgru::kNoChecksum);
    fastgru::Crc32 crc;
    crc.add(file.data(), file.size());
    file.replace(place, fastgru::kNoChecksum.size(), fastgru::checksum_text(crc.value()));
    return true;
  }
  return false;
}

// "ok", or the name of the error: the first word of the message.
std::string try_to_load(const std::string& file, bool* good) {
  fastgru_model* model = nullptr;
  fastgru_stream* stream = nullptr;
  fastgru_error error;
  const fastgru_status status = fastgru_model_load_memory(file.data(), file.size(), &model, &error);
  if (status != FASTGRU_OK) {
    *good = status == FASTGRU_MODEL_FORMAT && error.message[0] != '\0';
    if (!*good) std::printf("status %d: %s\n", status, error.message);
    const char* end = std::strpbrk(error.message, ": ");
    const std::string word(error.message, end == nullptr ? std::strlen(error.message)
                                                         : static_cast<std::size_t>(end - error.message));
    return end != nullptr && *end == ':' ? word : "(what the metadata or the tensors say)";
  }
  fastgru_model_info info;
  info.struct_size = sizeof(info);
  *good = fastgru_model_get_info(model, &info) == FASTGRU_OK;
  if (info.can_stream != 0 && fastgru_stream_new(model, 1, &stream, &error) == FASTGRU_OK) {
    const std::vector<float> x(static_cast<std::size_t>(info.input_size), 0.5f);
    std::vector<float> y(static_cast<std::size_t>(info.output_size));
    fastgru_stream_step(stream, x.data(), y.data());
  }
  fastgru_stream_free(stream);
  fastgru_model_free(model);
  return "ok";
}

}  // namespace

#if COUNTS_MEMORY
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) { return counted(__libc_calloc(count, size)); }
void* realloc(void* old, std::size_t size) {
  held -= static_cast<std::int64_t>(malloc_usable_size(old));
  return counted(__libc_realloc(old, size));
}
void* memalign(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** result, std::size_t alignment, std::size_t size) {
  *result = memalign(alignment, size);
  return *result == nullptr ? 12 : 0;
}
void free(void* memory) {
  held -= static_cast<std::int64_t>(malloc_usable_size(memory));
  __libc_free(memory);
}
}
#endif

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const long count = std::atol(argv[1]);
  Random random(static_cast<std::uint64_t>(std::atoll(argv[2])));
  std::vector<std::string> seeds;
  for (int i = 3; i < argc; ++i) {
    std::ifstream stream(argv[i], std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    if (seeds.back().size() < 16) return 2;
  }
  std::map<std::string, long> verdicts;
  double worst = 0;  // memory beyond 64 KiB, in file sizes
  bool all_good = true;
  for (long i = 0; i < count; ++i) {
    const std::string& seed = seeds[random.below(seeds.size())];
    std::string file = seed;
    for (std::size_t changes = 1 + random.below(4); changes > 0; --changes) mutate_once(file, random);
    const bool sealed = random.below(2) == 0 && seal(file);
    const std::int64_t before = peak = held;
    bool good = true;
    const std::string verdict = try_to_load(file, &good);
    ++verdicts[verdict];
    if (verdict == "ok" && has_checksum(seed) && !sealed && file != seed) {
      std::printf("a changed file passes its checksum\n");
      good = false;
    }
    const double taken = static_cast<double>(peak - before - (std::int64_t{64} << 10));
    worst = std::max(worst, taken / static_cast<double>(std::max<std::size_t>(file.size(), 1)));
    all_good = all_good && good;
  }
  for (const auto& [name, number] : verdicts) std::printf("%9ld %s\n", number, name.c_str());
  if (COUNTS_MEMORY) std::printf("memory: 64 KiB and at most %.2f times the file\n", worst);
  all_good = all_good && worst <= 4.0;
  std::printf(all_good ? "%ld mutated files: good\n" : "%ld mutated files: BAD\n", count);
  return all_good ? 0 : 1;
}
