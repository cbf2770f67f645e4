/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Values are of the documentation and benchmark ranges: nested, adjacent and overlapping prefixes, host
 * addresses, and a mask with holes, as rules in the wild have them. */
#include "pool.h"

#include <string.h>

address pool_parse(enum family family, const char *text)
{
	address value = 0;

	/* The strings are constants of the tests; a wrong one shows at once as an address of 0. */
	if (address_parse(family, text_of(text), &value))
		return 0;
	return value;
}

struct spelled {
	const char *value;
	unsigned length;
	const char *mask; /* in place of length */
};

static const struct spelled sources[FAMILY_COUNT][14] = {
    [FAMILY_IPV4] =
	{
	    {"198.51.100.7", 32},
	    {"198.51.100.8", 32},
	    {"198.51.100.0", 24},
	    {"198.51.100.64", 26},
	    {"198.51.100.128", 25},
	    {"203.0.113.0", 25},
	    {"203.0.113.200", 32},
	    {"198.18.0.0", 16},
	    {"198.18.5.0", 24},
	    {"198.18.5.255", 32},
	    {"10.9.0.0", 16},
	    {"128.0.0.0", 1},
	    {"198.51.0.7", 0, "255.255.0.255"},
	    {"203.0.113.3", 0, "255.255.255.15"},
	},
    [FAMILY_IPV6] =
	{
	    {"2001:db8:1::7", 128},
	    {"2001:db8:1::8", 128},
	    {"2001:db8:1::", 48},
	    {"2001:db8:1:2::", 64},
	    {"2001:db8:1:2:8000::", 65},
	    {"2001:db8:9::", 127},
	    {"2001:db8:9::2", 128},
	    {"2001:db8:8000::", 33},
	    {"2001:db8::", 32},
	    {"2001:db8:1:2:3:4:5:6", 128},
	    {"fd00::", 8},
	    {"2000::", 3},
	    /* Not in random tests: ...::7/ffff:ffff::ffff, 2^80 intervals, more than any table holds. */
	    {"2001:db8:1:2:3:4:5:7", 128},
	    {"2001:db8:1::", 0, "ffff:ffff:f::"},
	},
};

static const struct spelled destinations[FAMILY_COUNT][9] = {
    [FAMILY_IPV4] =
	{
	    {HOST_IPV4, 32},
	    {"192.0.2.2", 32},
	    {"192.0.2.0", 29},
	    {"192.0.2.0", 24},
	    {BEHIND_IPV4, 32},
	    {"192.0.2.128", 25},
	    {"255.255.255.255", 32},
	    {"224.0.0.1", 32},
	    {"224.0.0.0", 4},
	},
    [FAMILY_IPV6] =
	{
	    {HOST_IPV6, 128},
	    {"2001:db8:2::2", 128},
	    {"2001:db8:2::", 64},
	    {"2001:db8:2::", 48},
	    {BEHIND_IPV6, 128},
	    {"2001:db8:2:1::", 64},
	    {"ff02::1", 128},
	    {"fe80::", 10},
	    {"ff00::", 8},
	},
};

static void prefix_choose(struct pool_prefix *prefix, enum family family, const struct spelled *from)
{
	prefix->mask = from->mask ? pool_parse(family, from->mask) : prefix_mask(family, from->length);
	prefix->value = pool_parse(family, from->value) & prefix->mask;
}

void pool_fill(struct pool *pool, enum family family, struct random *random)
{
	static const uint16_t ports[] = {0, 1, 22, 53, 79, 80, 81, 443, 1023, 1024, 8080, 65534, 65535};
	static const uint8_t types4[] = {0, 3, 8, 11, 5, 13, 255}, types6[] = {1, 2, 128, 129, 135, 133, 143};

	memset(pool, 0, sizeof(*pool));
	pool->family = family;
	for (size_t i = 0; i < POOL_SOURCES; i++)
		prefix_choose(&pool->sources[i], family, &sources[family][random_below(random, 14)]);
	for (size_t i = 0; i < POOL_DESTINATIONS; i++)
		prefix_choose(&pool->destinations[i], family, &destinations[family][random_below(random, 9)]);
	for (size_t i = 0; i < POOL_PORTS; i++)
		pool->ports[i] = ports[random_below(random, sizeof(ports) / sizeof(*ports))];
	for (size_t i = 0; i < 4; i++)
		pool->types[i] = family == FAMILY_IPV4 ? types4[random_below(random, sizeof(types4))]
						       : types6[random_below(random, sizeof(types6))];
}

static address random_address(enum family family, struct random *random)
{
	return (((address)random_next(random) << 64) | random_next(random)) & family_max(family);
}

static address near(const struct pool_prefix *prefix, enum family family, struct random *random)
{
	address free_bits = ~prefix->mask & family_max(family);

	switch (random_below(random, 8)) {
	case 0:
		return (prefix->value - 1) & family_max(family); /* just below */
	case 1:
		return ((prefix->value | free_bits) + 1) & family_max(family); /* just above */
	case 2:
		return prefix->value | free_bits; /* the last */
	case 3:
	case 4:
		return prefix->value | (random_address(family, random) & free_bits);
	case 5:
		return prefix->value | (random_below(random, 16) & free_bits);
	default:
		return prefix->value;
	}
}

address pool_source(const struct pool *pool, struct random *random)
{
	if (random_percent(random, 4))
		return random_address(pool->family, random);
	return near(&pool->sources[random_below(random, POOL_SOURCES)], pool->family, random);
}

address pool_destination(const struct pool *pool, struct random *random)
{
	uint32_t kind = random_below(random, 100);

	if (kind < 45)
		return pool_parse(pool->family, pool->family == FAMILY_IPV4 ? HOST_IPV4 : HOST_IPV6);
	if (kind < 65)
		return pool_parse(pool->family, pool->family == FAMILY_IPV4 ? BEHIND_IPV4 : BEHIND_IPV6);
	if (kind < 68)
		return random_address(pool->family, random);
	return near(&pool->destinations[random_below(random, POOL_DESTINATIONS)], pool->family, random);
}

uint16_t pool_port(const struct pool *pool, struct random *random)
{
	uint16_t port = pool->ports[random_below(random, POOL_PORTS)];

	switch (random_below(random, 8)) {
	case 0:
		return (uint16_t)(port + 1);
	case 1:
		return (uint16_t)(port - 1);
	case 2:
		return (uint16_t)random_next(random);
	default:
		return port;
	}
}
