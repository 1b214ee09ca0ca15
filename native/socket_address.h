#pragma once
// Addresses of datagrams. IPv4 is written as IPv4-mapped IPv6 (RFC 4291 §2.5.5.2), so both compare alike.
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace mos {

struct SocketAddress {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;

  bool operator==(const SocketAddress& other) const { return ip == other.ip && port == other.port; }
};

struct SocketAddressHash {
  std::size_t operator()(const SocketAddress& address) const;
};

// Of an IPv4 or IPv6 literal; nothing when it is neither.
std::optional<SocketAddress> parseAddress(const std::string& literal, std::uint16_t port);

// Nothing for families other than IPv4 and IPv6.
std::optional<SocketAddress> fromKernel(const sockaddr_storage& from);

// For bind(): IPv4 for mapped addresses. Returns the length.
socklen_t toKernel(const SocketAddress& address, sockaddr_storage& to);

// Such as "127.0.0.1:5004" or "[::1]:5004".
std::string toString(const SocketAddress& address);

}  // namespace mos
