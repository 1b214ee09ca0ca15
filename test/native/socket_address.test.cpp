#include "socket_address.h"

#include <doctest/doctest.h>

using namespace mos;

TEST_CASE("socket address: literals of both families, through the kernel's form and back") {
  for (const char* literal : {"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "2001:db8::17", "::ffff:10.0.0.1"}) {
    CAPTURE(literal);
    const auto address = parseAddress(literal, 5004);
    REQUIRE(address.has_value());
    sockaddr_storage kernel;
    REQUIRE(toKernel(*address, kernel) > 0);
    CHECK(fromKernel(kernel) == address);
  }
}

TEST_CASE("socket address: a mapped IPv4 address is the IPv4 address") {
  CHECK(parseAddress("::ffff:10.0.0.1", 1) == parseAddress("10.0.0.1", 1));
  CHECK_FALSE(parseAddress("10.0.0.1", 1) == parseAddress("10.0.0.1", 2));
  CHECK_FALSE(parseAddress("10.0.0.1", 1) == parseAddress("10.0.0.2", 1));
}

TEST_CASE("socket address: anything else is none") {
  for (const char* literal : {"", "localhost", "1.2.3", "1.2.3.4.5", "1.2.3.400", ":::1", "fe80::1%lo", " 127.0.0.1"}) {
    CAPTURE(literal);
    CHECK_FALSE(parseAddress(literal, 1).has_value());
  }
  CHECK_FALSE(parseAddress(std::string("127.0.0.1\0x", 11), 1).has_value());
  sockaddr_storage unix{};
  unix.ss_family = AF_UNIX;
  CHECK_FALSE(fromKernel(unix).has_value());
}

TEST_CASE("socket address: written as it is usual") {
  CHECK(toString(*parseAddress("127.0.0.1", 5004)) == "127.0.0.1:5004");
  CHECK(toString(*parseAddress("::1", 5004)) == "[::1]:5004");
}
