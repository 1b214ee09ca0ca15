// mediasoup's worker speaks the libsrtp 3 interface: source and destination are separate and the destination's capacity
// is given. Distributions carry libsrtp 2, which works in place and trusts the caller for room. These overloads copy the
// packet to its destination, check the room, and call libsrtp 2 there.
#pragma once

#include <srtp2/srtp.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

// Two results that only libsrtp 3 has; libsrtp 2 uses every value up to srtp_err_status_pkt_idx_adv.
constexpr auto srtp_err_status_buffer_small = static_cast<srtp_err_status_t>(srtp_err_status_pkt_idx_adv + 1);
constexpr auto srtp_err_status_cryptex_err = static_cast<srtp_err_status_t>(srtp_err_status_pkt_idx_adv + 2);

namespace srtp2_in_place
{
	using Transform = srtp_err_status_t (*)(srtp_t session, void* packet, int* length);

	// `growth`: the most octets that the transform may add to the packet.
	inline srtp_err_status_t Apply(
	  Transform transform,
	  srtp_t session,
	  const uint8_t* source,
	  size_t sourceLength,
	  uint8_t* destination,
	  size_t* destinationLength,
	  size_t growth)
	{
		if (*destinationLength < growth || *destinationLength - growth < sourceLength)
		{
			return srtp_err_status_buffer_small;
		}

		std::memmove(destination, source, sourceLength);

		int length        = static_cast<int>(sourceLength);
		const auto status = transform(session, destination, &length);

		*destinationLength = static_cast<size_t>(length);

		return status;
	}
} // namespace srtp2_in_place

inline srtp_err_status_t srtp_protect(
  srtp_t session, const uint8_t* rtp, size_t rtpLength, uint8_t* srtp, size_t* srtpLength, size_t /*mkiIndex*/)
{
	return srtp2_in_place::Apply(srtp_protect, session, rtp, rtpLength, srtp, srtpLength, SRTP_MAX_TRAILER_LEN);
}

// SRTCP adds the 4 octets of its index (RFC 3711, section 3.4) to the trailer of SRTP.
inline srtp_err_status_t srtp_protect_rtcp(
  srtp_t session, const uint8_t* rtcp, size_t rtcpLength, uint8_t* srtcp, size_t* srtcpLength, size_t /*mkiIndex*/)
{
	return srtp2_in_place::Apply(
	  srtp_protect_rtcp, session, rtcp, rtcpLength, srtcp, srtcpLength, SRTP_MAX_TRAILER_LEN + 4);
}

inline srtp_err_status_t srtp_unprotect(
  srtp_t session, const uint8_t* srtp, size_t srtpLength, uint8_t* rtp, size_t* rtpLength)
{
	return srtp2_in_place::Apply(srtp_unprotect, session, srtp, srtpLength, rtp, rtpLength, 0);
}

inline srtp_err_status_t srtp_unprotect_rtcp(
  srtp_t session, const uint8_t* srtcp, size_t srtcpLength, uint8_t* rtcp, size_t* rtcpLength)
{
	return srtp2_in_place::Apply(srtp_unprotect_rtcp, session, srtcp, srtcpLength, rtcp, rtcpLength, 0);
}

inline srtp_err_status_t srtp_stream_remove(srtp_t session, uint32_t ssrcNetworkOrder)
{
	return srtp_remove_stream(session, ssrcNetworkOrder);
}
