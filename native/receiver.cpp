#include "receiver.h"

#include <cerrno>
#include <ctime>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace mos {
namespace {

constexpr std::size_t kQueueBytes = 2u << 20;  // about 10,000 packets of speech
constexpr unsigned kBatch = 64;
constexpr double kShortestPauseMs = 1.0;
constexpr double kLongestPauseMs = 50.0;
constexpr double kIdleWakeMs = 50.0;             // the working thread is woken this often while streams are silent
constexpr double kUsualPacketsPerMs = 1.0 / 20;  // of a speech stream
constexpr double kBufferPerPacket = 1280.0;      // what a packet of speech takes of SO_RCVBUF, bytes (Linux, loopback)
constexpr double kWantedFill = 0.25;
constexpr double kLongestWaitMs = 10000.0;  // of a packet in the socket's buffer; more is a clock that was set

}  // namespace

struct Receiver::Batch {
  struct Control {
    alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(timespec)) + CMSG_SPACE(sizeof(std::uint32_t))];
  };
  std::vector<std::uint8_t> data = std::vector<std::uint8_t>(kBatch * kMaxDatagram);
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> pieces{};
  std::array<sockaddr_storage, kBatch> sources{};
  std::array<Control, kBatch> controls{};

  // The kernel overwrites the lengths with what it used.
  void prepare() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      pieces[i] = {data.data() + i * kMaxDatagram, kMaxDatagram};
      msghdr& header = messages[i].msg_hdr;
      header.msg_name = &sources[i];
      header.msg_namelen = sizeof sources[i];
      header.msg_iov = &pieces[i];
      header.msg_iovlen = 1;
      header.msg_control = controls[i].bytes;
      header.msg_controllen = sizeof controls[i].bytes;
      header.msg_flags = 0;
    }
  }
};

std::unique_ptr<Receiver> Receiver::open(const SocketAddress& address, int receiveBufferBytes, const HostClock& clock,
                                         SystemError& error) {
  sockaddr_storage wanted;
  const socklen_t length = toKernel(address, wanted);
  const int socket = ::socket(wanted.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const auto refuse = [&](const char* call) {
    error = {errno, std::string(call) + " for " + toString(address)};
    if (socket >= 0) close(socket);
    return nullptr;
  };
  if (socket < 0) return refuse("socket()");
  const int on = 1;
  if (setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return refuse("SO_TIMESTAMPNS");
  if (setsockopt(socket, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) != 0) return refuse("SO_RXQ_OVFL");
  if (receiveBufferBytes > 0 &&
      setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBufferBytes, sizeof receiveBufferBytes) != 0) {
    return refuse("SO_RCVBUF");
  }
  if (bind(socket, reinterpret_cast<const sockaddr*>(&wanted), length) != 0) return refuse("bind()");

  sockaddr_storage bound{};
  socklen_t boundLength = sizeof bound;
  int granted = 0;
  socklen_t grantedLength = sizeof granted;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &boundLength) != 0) return refuse("getsockname()");
  if (getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &granted, &grantedLength) != 0) return refuse("SO_RCVBUF");

  const int wakeFd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wakeFd < 0) return refuse("eventfd()");

  std::unique_ptr<Receiver> receiver(new Receiver(socket, wakeFd, clock));
  receiver->port_ = fromKernel(bound)->port;
  receiver->receiveBufferBytes_ = granted;
  receiver->completeUntilMs_ = clock.nowMs();
  receiver->thread_ = std::thread([self = receiver.get()] { self->run(); });
  return receiver;
}

Receiver::Receiver(int socket, int wakeFd, const HostClock& clock)
    : socket_(socket), wakeFd_(wakeFd), clock_(clock), queue_(kQueueBytes) {
  sem_init(&idle_, 0, 0);
}

Receiver::~Receiver() {
  stop();
  thread_.join();
  close(socket_);
  close(wakeFd_);
  sem_destroy(&idle_);
}

void Receiver::stop() {
  stopped_ = true;
  ring();
}

void Receiver::expectStreams(std::size_t streams) {
  if (expectedStreams_.exchange(streams) == 0 && streams > 0) ring();
}

void Receiver::ring() { eventfd_write(wakeFd_, 1); }

void Receiver::wait() {
  while (sem_wait(&idle_) != 0 && errno == EINTR) {
  }
}

void Receiver::wake() { sem_post(&idle_); }

double Receiver::pauseMs(double packetsPerMs) const {
  const double expected = std::max(packetsPerMs, static_cast<double>(expectedStreams_) * kUsualPacketsPerMs);
  const double room = kWantedFill * receiveBufferBytes_ / kBufferPerPacket;
  return std::clamp(room / std::max(expected, 1e-3), kShortestPauseMs, kLongestPauseMs);
}

void Receiver::sleep(double ms, bool untilPacket) {
  std::array<pollfd, 2> awaited{{{wakeFd_, POLLIN, 0}, {socket_, POLLIN, 0}}};
  const auto nanoseconds = static_cast<long>(ms * 1e6);
  const timespec timeout{nanoseconds / 1000000000, nanoseconds % 1000000000};
  ppoll(awaited.data(), untilPacket ? 2 : 1, ms < 0 ? nullptr : &timeout, nullptr);
  eventfd_t rings;
  if (awaited[0].revents != 0) eventfd_read(wakeFd_, &rings);
}

void Receiver::run() {
  Batch batch;
  double lastLookMs = clock_.nowMs(), lastWakeMs = lastLookMs;
  while (!stopped_) {
    int received = 0, more = 0;
    double lookedMs;
    do {
      lookedMs = clock_.nowMs();
      more = receive(batch);
      received += more;
      if (more == static_cast<int>(kBatch)) wake();
    } while (more == static_cast<int>(kBatch) && !stopped_);
    // What was stamped within the last millisecond may not have reached the socket yet.
    completeUntilMs_.store(lookedMs - 1.0, std::memory_order_release);
    if (received > 0 || lookedMs - lastWakeMs >= 0.9 * kIdleWakeMs) {
      wake();
      lastWakeMs = lookedMs;
    }
    const double packetsPerMs = received / std::max(lookedMs - lastLookMs, kShortestPauseMs);
    lastLookMs = lookedMs;
    if (received > 0) {
      sleep(pauseMs(packetsPerMs), false);
    } else {
      sleep(expectedStreams_ > 0 ? kIdleWakeMs : -1.0, true);
    }
  }
  wake();
}

int Receiver::receive(Batch& batch) {
  batch.prepare();
  const int count = recvmmsg(socket_, batch.messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;  // nothing there, or an ICMP error of a socket that never sends
  const double systemAheadMs = clock_.systemAheadMs(), nowMs = clock_.nowMs();
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    msghdr& header = batch.messages[index].msg_hdr;
    double arrivalMs = nowMs;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
      if (part->cmsg_level != SOL_SOCKET) continue;
      if (part->cmsg_type == SCM_TIMESTAMPNS) {
        timespec stamp;
        std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
        const double stampMs = static_cast<double>(stamp.tv_sec) * 1e3 + static_cast<double>(stamp.tv_nsec) * 1e-6;
        arrivalMs = std::clamp(stampMs - systemAheadMs, nowMs - kLongestWaitMs, nowMs);
      } else if (part->cmsg_type == SO_RXQ_OVFL) {
        std::uint32_t drops;  // wraps
        std::memcpy(&drops, CMSG_DATA(part), sizeof drops);
        const std::uint64_t before = kernelDrops_.load(std::memory_order_relaxed);
        kernelDrops_.store(before + (drops - static_cast<std::uint32_t>(before)), std::memory_order_relaxed);
      }
    }
    const auto source = fromKernel(batch.sources[index]);
    if ((header.msg_flags & MSG_TRUNC) != 0 || !source) {
      oversized_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    QueuedPacket packet;
    packet.size = batch.messages[index].msg_len;
    packet.source = *source;
    packet.arrivalMs = arrivalMs;
    packet.hostDrops = kernelDrops() + queueDrops();
    if (!queue_.push(packet, batch.data.data() + index * kMaxDatagram)) {
      queueDrops_.fetch_add(1, std::memory_order_relaxed);
    }
  }
  return count;
}

}  // namespace mos
