// One connection that carries one request at a time and connects again with the next after a failure.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "http_reader.h"
#include "load_plan.h"
#include "recorder.h"
#include "web_socket_reader.h"

namespace sluice::load {

// Where the server listens.
struct Address {
  sockaddr_storage storage;
  socklen_t size;
};

struct Response {
  // 200 for a WebSocket message.
  int status;
  int64_t json_bytes;
  std::string_view body;
};

enum class LaneState { kBusy, kDone, kFailed };

class Lane {
 public:
  Lane(const LoadPlan& plan, const Address& address, int epoll, uint32_t index)
      : plan_(plan), address_(address), epoll_(epoll), index_(index) {}
  ~Lane() { close(); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Sends it, first connecting where that must be. REQUIRES: the one before is done or has failed.
  // @param request whole, and stays where it is
  // @returns kFailed with `problem`, else kBusy
  LaneState send(std::string_view request);
  // What epoll says of the socket. @param buffer shared by all lanes, for what comes in
  // @returns kDone with `response`, kFailed with `problem`; kBusy also when nothing was asked
  LaneState handle(uint32_t events, std::string* buffer);
  // Gives the connection up; a request in flight is forgotten.
  void close();
  // After kDone has been dealt with: closes a connection that the server wants closed.
  void settle();

  const Response& response() const { return response_; }
  const std::string& problem() const { return problem_; }
  // Tells events of this connection from those of one before it.
  uint64_t tag() const { return static_cast<uint64_t>(generation_) << 32 | index_; }

  // The request under way; the loop's.
  uint32_t request = 0;
  Sample sample = {};
  bool is_busy = false;
  // Since when it could send.
  int64_t free_ns = 0;
  // Neighbours among the busy lanes, by the time of sending.
  Lane* before = nullptr;
  Lane* after = nullptr;

 private:
  enum class Phase { kClosed, kConnecting, kUpgrading, kOpen };

  LaneState connect();
  LaneState finish_connecting();
  LaneState write();
  LaneState keep_reading(int error);
  LaneState read(std::string* buffer);
  LaneState take(std::string_view bytes);
  LaneState take_upgrade(std::string_view bytes);
  LaneState take_message(std::string_view bytes);
  LaneState fail(const std::string& why);
  LaneState fail_errno(const char* what, int error);
  void watch(uint32_t events);

  const LoadPlan& plan_;
  const Address& address_;
  const int epoll_;
  const uint32_t index_;
  uint32_t generation_ = 0;
  int fd_ = -1;
  Phase phase_ = Phase::kClosed;
  bool is_watching_writes_ = false;
  // What goes out next, and what of it has gone.
  std::string_view outgoing_;
  size_t sent_ = 0;
  // Of a connection that takes no more, whose last words are still to be read; else 0.
  int write_error_ = 0;
  std::string_view request_bytes_;
  HttpReader http_;
  WebSocketReader stream_;
  // The head of the answer to a WebSocket's opening request.
  std::string upgrade_;
  Response response_ = {};
  std::string problem_;
};

}  // namespace sluice::load
