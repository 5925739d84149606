// Reads what a server sends on a WebSocket (RFC 6455 section 5), one message at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "http_reader.h"

namespace sluice::load {

class WebSocketReader {
 public:
  // For a new connection.
  void reset();
  // kDone: one message is whole. Pings behind it are taken too; another message there is broken, for
  // nothing asked for it.
  ReadState push(std::string_view bytes);

  // Until the next call, and as long as what was pushed last stays where it is.
  std::string_view message() const { return message_; }
  // Frames that answer the server's pings, to be sent; taking them empties it.
  std::string take_replies() { return std::exchange(replies_, {}); }
  // The server has closed the stream behind the message.
  bool is_closed() const { return is_closed_; }
  const std::string& problem() const { return problem_; }

 private:
  struct Frame {
    bool is_last = false;
    uint8_t opcode = 0;
    std::string_view payload;
    size_t bytes = 0;
  };

  ReadState read_message(std::string_view* rest);
  ReadState read_behind(std::string_view* rest);
  ReadState read_frame(std::string_view bytes, Frame* frame);
  ReadState take_frame(const Frame& frame);
  ReadState take_control(const Frame& frame);
  ReadState fail(std::string problem);

  // Received and not yet read, from `read_` on.
  std::string kept_;
  size_t read_ = 0;
  // Fragments of a message that is not whole yet, and then the message.
  std::string parts_;
  bool is_fragmented_ = false;
  bool is_closed_ = false;
  std::string_view message_;
  std::string replies_;
  std::string problem_;
};

}  // namespace sluice::load
