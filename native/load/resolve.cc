#include "resolve.h"

#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include <memory>

namespace sluice::load {
namespace {

bool takes_connections(const addrinfo& info) {
  const int fd = socket(info.ai_family, info.ai_socktype | SOCK_CLOEXEC, info.ai_protocol);
  if (fd < 0) return false;
  const bool is_open = connect(fd, info.ai_addr, info.ai_addrlen) == 0;
  close(fd);
  return is_open;
}

}  // namespace

std::string resolve(const std::string& host, const std::string& port, Address* address) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return host + ": " + gai_strerror(error);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const addrinfo* chosen = found;
  // One address needs no try, which a server would see.
  for (const addrinfo* each = found; found->ai_next != nullptr && each != nullptr; each = each->ai_next) {
    if (!takes_connections(*each)) continue;
    chosen = each;
    break;
  }
  memcpy(&address->storage, chosen->ai_addr, chosen->ai_addrlen);
  address->size = chosen->ai_addrlen;
  return "";
}

}  // namespace sluice::load
