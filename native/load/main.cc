// The load generator: takes a plan from its standard input, and drives it in this one thread. It speaks
// over its standard input and output, which are pipes or sockets (channel.h); bench/native-generator.ts
// is the other end. Ends when that end is closed.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "channel.h"
#include "load_loop.h"
#include "load_plan.h"
#include "resolve.h"

namespace {

using namespace sluice::load;

bool refuse(Channel* channel, const std::string& why) {
  WireWriter frame('F');
  channel->send(frame.u32(kNoFailure).text(why));
  channel->drain();
  return false;
}

void allow_many_files() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

bool run() {
  Channel channel(STDIN_FILENO, STDOUT_FILENO);
  std::string frame;
  std::string problem;
  const bool is_read = channel.wait_frame(&frame, &problem);
  channel.make_nonblocking();
  if (!problem.empty()) return refuse(&channel, problem);
  if (!is_read) return false;
  if (frame[0] != 'P') return refuse(&channel, "expected a plan first");
  LoadPlan plan;
  problem = read_plan(std::string_view(frame).substr(1), &plan);
  frame = {};
  Address address = {};
  if (problem.empty()) problem = resolve(plan, &address);
  if (!problem.empty()) return refuse(&channel, problem);
  LoadLoop loop(plan, address, &channel);
  return loop.run();
}

}  // namespace

int main() {
  signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  return run() ? 0 : 1;
}
