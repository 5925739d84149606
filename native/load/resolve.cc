#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <memory>

#include "clock.h"

namespace sluice::load {
namespace {

bool takes_connections(const addrinfo& info, int64_t timeout_ns) {
  const int kind = info.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const int fd = socket(info.ai_family, kind, info.ai_protocol);
  if (fd < 0) return false;
  bool is_open = connect(fd, info.ai_addr, info.ai_addrlen) == 0;
  if (!is_open && errno == EINPROGRESS) {
    pollfd writable = {fd, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    is_open = poll(&writable, 1, static_cast<int>(timeout_ns / kNsPerMs)) == 1 &&
              getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
  }
  close(fd);
  return is_open;
}

}  // namespace

std::string resolve(const LoadPlan& plan, Address* address) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(plan.host.c_str(), plan.port.c_str(), &hints, &found);
  if (error != 0) return plan.host + ": " + gai_strerror(error);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const addrinfo* chosen = found;
  // One address needs no try, which a server would see.
  for (const addrinfo* each = found; found->ai_next != nullptr && each != nullptr; each = each->ai_next) {
    if (!takes_connections(*each, plan.timeout_ns)) continue;
    chosen = each;
    break;
  }
  memcpy(&address->storage, chosen->ai_addr, chosen->ai_addrlen);
  address->size = chosen->ai_addrlen;
  return "";
}

}  // namespace sluice::load
