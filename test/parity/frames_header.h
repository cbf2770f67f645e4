/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What stands in headers that come in many forms: options of TCP, chunks of SCTP, IPv6 extension headers,
 * payloads with words in them. Sound ones and malformed ones. */
#ifndef WEIR_TEST_PARITY_FRAMES_HEADER_H
#define WEIR_TEST_PARITY_FRAMES_HEADER_H

#include "frames.h"

#define TCP_LAYOUTS 14
#define SCTP_LAYOUTS 11
#define DCCP_LAYOUTS 14
#define MOBILITY_LAYOUTS 8
#define OPTION_LAYOUTS 6 /* hop-by-hop and destination options */
#define ROUTING_LAYOUTS 12
#define AUTH_LAYOUTS 3
#define TEXTS 6

/* Each writes at `at` and returns how many bytes. */
unsigned header_tcp(const struct frame_plan *plan, uint8_t *at); /* whole, without ports and checksum */
unsigned header_sctp(const struct frame_plan *plan, uint8_t *at);
unsigned header_dccp(const struct frame_plan *plan, uint8_t *at);
unsigned header_mobility(const struct frame_plan *plan, uint8_t *at);
unsigned header_options(unsigned layout, uint8_t *at);
unsigned header_routing(const struct frame_plan *plan, uint8_t *at);
unsigned header_auth(const struct frame_plan *plan, uint8_t *at);
void header_payload(const struct frame_plan *plan, uint8_t *at);

/* Whether the TCP header's own length is not that of what is there. */
bool header_tcp_malformed(const struct frame_plan *plan);

#endif
