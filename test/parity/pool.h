/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The few values that one random ruleset and its packets are made of, so that rules and packets meet. */
#ifndef WEIR_TEST_PARITY_POOL_H
#define WEIR_TEST_PARITY_POOL_H

#include "packet/address.h"
#include "random.h"

#define POOL_SOURCES 12
#define POOL_DESTINATIONS 8
#define POOL_PORTS 6

struct pool_prefix {
	address value;
	address mask; /* may have holes */
};

struct pool {
	enum family family;
	struct pool_prefix sources[POOL_SOURCES], destinations[POOL_DESTINATIONS];
	uint16_t ports[POOL_PORTS];
	uint8_t types[4]; /* ICMP */
};

/* Addresses of the host under test: the tests that use the kernel give these to its interface. */
#define HOST_IPV4 "192.0.2.1"
#define HOST_IPV6 "2001:db8:2::1"
/* What lies behind it: 192.0.2.128/25 and 2001:db8:2:1::/64. */
#define BEHIND_IPV4 "192.0.2.129"
#define BEHIND_IPV6 "2001:db8:2:1::9"
/* Never drawn: the tests that use the kernel send it last and let it through, to know that all has arrived.
 */
#define SENTINEL_IPV4 "198.19.255.254"
#define SENTINEL_IPV6 "2001:db8:ffff:ffff::fe"

void pool_fill(struct pool *pool, enum family family, struct random *random);
address pool_parse(enum family family, const char *text);
/* An address that a packet could have: in or at the edge of a prefix of the pool, or any. */
address pool_source(const struct pool *pool, struct random *random);
address pool_destination(const struct pool *pool, struct random *random);
uint16_t pool_port(const struct pool *pool, struct random *random);

#endif
