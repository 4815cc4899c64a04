#include "fiber/symbols.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cxxabi.h>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string_view>

namespace mpf::fiber {
namespace {

/// A file's bytes, for as long as it lives.
class Mapping {
 public:
  explicit Mapping(const char* path) {
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file >= 0 && ::fstat(file, &status) == 0 && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
      if (data_ == MAP_FAILED) data_ = nullptr;
    }
    if (file >= 0) ::close(file);
  }
  ~Mapping() {
    if (data_) ::munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  /// Empty when the file has no such place.
  template <class T>
  std::span<const T> at(std::uint64_t offset, std::uint64_t count) const {
    if (!data_ || offset % alignof(T) != 0 || offset > size_ || count > (size_ - offset) / sizeof(T))
      return {};
    return {reinterpret_cast<const T*>(static_cast<const char*>(data_) + offset), count};
  }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

/// The function of the file's symbol table that covers this address (relative to the file's base).
std::string find_symbol(const char* path, std::uint64_t address) {
  const Mapping file(path);
  const auto header = file.at<ElfW(Ehdr)>(0, 1);
  if (header.empty() ||
      std::string_view(reinterpret_cast<const char*>(header[0].e_ident), SELFMAG) != ELFMAG) {
    return {};
  }
  const auto sections = file.at<ElfW(Shdr)>(header[0].e_shoff, header[0].e_shnum);
  for (const auto& section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const auto& text = sections[section.sh_link];
    const auto names = file.at<char>(text.sh_offset, text.sh_size);
    if (names.empty() || names.back() != '\0') continue;
    for (const auto& symbol : file.at<ElfW(Sym)>(section.sh_offset, section.sh_size / sizeof(ElfW(Sym)))) {
      const bool covers = address >= symbol.st_value && address - symbol.st_value < symbol.st_size;
      if (covers && (symbol.st_info & 0xf) == STT_FUNC && symbol.st_name < names.size()) {
        return &names[symbol.st_name];
      }
    }
  }
  return {};
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                    &std::free);
  return status == 0 ? text.get() : name;
}

}  // namespace

std::string describe_code(const void* address) {
  std::array<char, 32> number{};
  Dl_info info{};
  void* map = nullptr;
  if (::dladdr1(address, &info, &map, RTLD_DL_LINKMAP) == 0 || !info.dli_fname || !map) {
    std::snprintf(number.data(), number.size(), "%p", address);
    return number.data();
  }
  const auto& object = *static_cast<const link_map*>(map);
  const auto offset = reinterpret_cast<std::uintptr_t>(address) - object.l_addr;
  std::snprintf(number.data(), number.size(), "+0x%zx", static_cast<std::size_t>(offset));
  const std::string where = std::string(info.dli_fname) + number.data();
  std::string name = info.dli_sname ? info.dli_sname : "";
  // The program itself has no name in the list of objects.
  if (name.empty()) name = find_symbol(*object.l_name ? object.l_name : "/proc/self/exe", offset);
  return name.empty() ? where : demangled(name.c_str()) + " (" + where + ")";
}

}  // namespace mpf::fiber
