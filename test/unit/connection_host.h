/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A host that follows connections, for the tests of conntrack and NAT: packets made by hand go through its
 * rules, and the state that the rules saw is compared. Those of 192.0.2.1 were captured as they left the
 * host, all others as they came in. */
#ifndef WEIR_TEST_UNIT_CONNECTION_HOST_H
#define WEIR_TEST_UNIT_CONNECTION_HOST_H

#include "engine/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND ((uint64_t)1000000000)

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

#define HOST 0xc0000201   /* 192.0.2.1 */
#define PEER 0xc6336407   /* 198.51.100.7 */
#define OTHER 0xcb007109  /* 203.0.113.9 */
#define INSIDE 0xc6120005 /* 198.18.0.5 */

struct sent {
	uint32_t source, destination;
	uint16_t source_port, destination_port;
	uint8_t protocol, flags, type, code;
	uint32_t sequence, acknowledgement;
	uint16_t window;
	uint16_t payload;
	bool wrong_checksum, more_fragments;
	uint8_t options[12], option_size; /* of TCP */
	const struct sent *about;         /* ICMP error */
};

struct host {
	struct ruleset *ruleset;
	struct engine *engine;
	uint64_t now;
	/* Of the last packet. */
	char matched[4096]; /* rules that surely matched, each with a newline */
	bool unsure;
	struct outcome outcome;
};

#define STATES(chain)                                                                                        \
	"-A " chain " -m conntrack --ctstate NEW -j ACCEPT\n"                                                \
	"-A " chain " -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"                                        \
	"-A " chain " -m conntrack --ctstate RELATED -j ACCEPT\n"                                            \
	"-A " chain " -m conntrack --ctstate INVALID -j ACCEPT\n"                                            \
	"-A " chain " -m conntrack --ctstate UNTRACKED -j ACCEPT\n"
#define FILTER_RULES STATES("INPUT") STATES("OUTPUT") STATES("FORWARD")
#define FILTER                                                                                               \
	"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" FILTER_RULES "COMMIT"  \
	"\n"
#define NAT(rules)                                                                                           \
	"*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT "    \
	"[0:0]\n" rules "COMMIT\n"
#define RAW(rules) "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n" rules "COMMIT\n"

struct host host_with(const char *rules, struct engine_options options);
struct host host_new(const char *rules); /* no connection was there before */
void host_free(struct host *host);
/* One packet through the host's rules. */
void pass(struct host *host, struct sent sent);
/* The state that the rules see of it, by those of FILTER: "NEW" and so on, or "?". */
void expect_at(struct host *host, int line, struct sent sent, const char *state);
#define expect(host, sent, state) expect_at(host, __LINE__, sent, state)
/* Whether a rule with this text matched the last packet. */
void expect_rule(const struct host *host, const char *rule, bool matches);

struct sent from_peer(uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t payload);
struct sent from_host(uint8_t flags, uint32_t sequence, uint32_t acknowledgement, uint16_t payload);
struct sent udp(uint32_t source, uint16_t source_port, uint32_t destination, uint16_t destination_port);
void shake_hands(struct host *host);

#endif
