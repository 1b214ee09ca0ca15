#include "socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace mos {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool isMapped(const SocketAddress& address) {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.ip.begin());
}

SocketAddress mapped(const in_addr& ip, std::uint16_t port) {
  SocketAddress address;
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.ip.begin());
  std::memcpy(address.ip.data() + kMappedPrefix.size(), &ip, sizeof ip);
  address.port = port;
  return address;
}

}  // namespace

std::size_t SocketAddressHash::operator()(const SocketAddress& address) const {
  std::uint64_t high, low;
  std::memcpy(&high, address.ip.data(), sizeof high);
  std::memcpy(&low, address.ip.data() + sizeof high, sizeof low);
  std::uint64_t hash = (high * 31 + low) * 31 + address.port;
  hash ^= hash >> 32;
  hash *= 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio
  return static_cast<std::size_t>(hash ^ (hash >> 32));
}

std::optional<SocketAddress> parseAddress(const std::string& literal, std::uint16_t port) {
  if (literal.find('\0') != std::string::npos) return std::nullopt;
  in_addr v4;
  if (inet_pton(AF_INET, literal.c_str(), &v4) == 1) return mapped(v4, port);
  SocketAddress address;
  address.port = port;
  if (inet_pton(AF_INET6, literal.c_str(), address.ip.data()) == 1) return address;
  return std::nullopt;
}

std::optional<SocketAddress> fromKernel(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    return mapped(v4.sin_addr, ntohs(v4.sin_port));
  }
  if (from.ss_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &from, sizeof v6);
    SocketAddress address;
    std::memcpy(address.ip.data(), &v6.sin6_addr, address.ip.size());
    address.port = ntohs(v6.sin6_port);
    return address;
  }
  return std::nullopt;
}

socklen_t toKernel(const SocketAddress& address, sockaddr_storage& to) {
  to = {};
  if (isMapped(address)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    std::memcpy(&v4.sin_addr, address.ip.data() + kMappedPrefix.size(), sizeof v4.sin_addr);
    std::memcpy(&to, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  std::memcpy(&v6.sin6_addr, address.ip.data(), address.ip.size());
  std::memcpy(&to, &v6, sizeof v6);
  return sizeof v6;
}

std::string toString(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  const std::string port = ":" + std::to_string(address.port);
  if (isMapped(address)) {
    inet_ntop(AF_INET, address.ip.data() + kMappedPrefix.size(), text, sizeof text);
    return text + port;
  }
  inet_ntop(AF_INET6, address.ip.data(), text, sizeof text);
  return "[" + std::string(text) + "]" + port;
}

}  // namespace mos
