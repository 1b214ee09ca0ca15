#pragma once
// A UDP socket and the thread that empties it. The thread does nothing but receive into a queue.
//
// While packets come it looks at the socket every 1 to 50 ms, often enough for a quarter of the socket's buffer to do: one
// wake-up (some 30 microseconds of a processor's time) and one system call then serve many packets. Packets are stamped
// by the kernel as they come in (SO_TIMESTAMPNS), so this costs no accuracy. Without streams and packets it sleeps.
#include <semaphore.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "host_clock.h"
#include "packet_queue.h"
#include "socket_address.h"

namespace mos {

// What the operating system refused: an errno, and which call for what.
struct SystemError {
  int number = 0;
  std::string what;
};

class Receiver {
 public:
  static constexpr std::size_t kMaxDatagram = 2048;  // longer ones are dropped, and counted as malformed

  // Binds and starts to receive. `receiveBufferBytes`: wanted SO_RCVBUF; 0 = the system's default. Null when refused.
  static std::unique_ptr<Receiver> open(const SocketAddress& address, int receiveBufferBytes, const HostClock& clock,
                                        SystemError& error);
  ~Receiver();

  // The thread ends, and wakes the working thread a last time. The destructor waits for it.
  void stop();
  bool stopped() const { return stopped_; }
  // Speech streams to expect packets of.
  void expectStreams(std::size_t streams);

  std::uint16_t port() const { return port_; }
  // As getsockopt() reports it.
  int receiveBufferBytes() const { return receiveBufferBytes_; }

  // For the working thread: waits for packets, for time to have passed, or for the end.
  void wait();
  PacketQueue& queue() { return queue_; }
  // All that arrived before this moment (Unix ms) is in the queue, or was dropped and counted.
  double completeUntilMs() const { return completeUntilMs_.load(std::memory_order_acquire); }

  std::uint64_t kernelDrops() const { return kernelDrops_.load(std::memory_order_relaxed); }
  std::uint64_t queueDrops() const { return queueDrops_.load(std::memory_order_relaxed); }
  std::uint64_t oversized() const { return oversized_.load(std::memory_order_relaxed); }

 private:
  struct Batch;

  Receiver(int socket, int wakeFd, const HostClock& clock);
  void run();
  // Takes what is there, up to a batch. Returns the number of datagrams.
  int receive(Batch& batch);
  double pauseMs(double packetsPerMs) const;
  // Until the time is over (negative: never), ring() is called, or a packet comes if that is asked for.
  void sleep(double ms, bool untilPacket);
  void ring();
  void wake();

  const int socket_;
  const int wakeFd_;  // an eventfd
  const HostClock clock_;
  std::uint16_t port_ = 0;
  int receiveBufferBytes_ = 0;
  PacketQueue queue_;
  sem_t idle_;
  std::atomic<bool> stopped_{false};
  std::atomic<std::size_t> expectedStreams_{0};
  std::atomic<double> completeUntilMs_{0};
  std::atomic<std::uint64_t> kernelDrops_{0};
  std::atomic<std::uint64_t> queueDrops_{0};
  std::atomic<std::uint64_t> oversized_{0};
  std::thread thread_;
};

}  // namespace mos
