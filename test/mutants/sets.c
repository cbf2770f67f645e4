/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets of the types that the rulesets of parity have none of, and rules that ask them. */
#include "sets.h"

#include <string.h>

enum part { NONE, IP, NET, PORT, BARE_PORT, INTERFACE, MARK, MAC };

static const struct {
	const char *type;
	enum part parts[3];
} types[] = {
    {"hash:net,port", {NET, PORT}},
    {"hash:ip,port,ip", {IP, PORT, IP}},
    {"hash:ip,port,net", {IP, PORT, NET}},
    {"hash:net,net", {NET, NET}},
    {"hash:net,port,net", {NET, PORT, NET}},
    {"hash:net,iface", {NET, INTERFACE}},
    {"hash:ip,mark", {IP, MARK}},
    {"hash:mac", {MAC}},
    {"bitmap:port", {BARE_PORT}},
    {"hash:ip", {IP}},
    {"hash:net", {NET}},
    {"hash:ip,port", {IP, PORT}},
};

static void put_address(const struct pool *pool, bool net, bool second, struct random *random,
			struct buffer *out)
{
	address value = second ? pool_destination(pool, random) : pool_source(pool, random);
	unsigned bits = family_bits(pool->family), length = bits;

	if (net && random_percent(random, 60))
		length = 1 + random_below(random, bits);
	value &= prefix_mask(pool->family, length);
	address_print(pool->family, value ? value : 1, out);
	if (net && value)
		buffer_printf(out, "/%u", length);
}

static void put_part(enum part part, const struct pool *pool, bool second, struct random *random,
		     struct buffer *out)
{
	static const char *const interfaces[] = {TEST_INTERFACE, "eth9", "parother", "pard"};
	uint16_t port = pool->ports[random_below(random, POOL_PORTS)];

	switch (part) {
	case IP:
	case NET:
		put_address(pool, part == NET, second, random, out);
		break;
	case PORT:
		if (random_percent(random, 10))
			buffer_printf(out, "%s:%u/%u", pool->family == FAMILY_IPV4 ? "icmp" : "ipv6-icmp",
				      pool->types[random_below(random, 4)], random_below(random, 2));
		else if (random_percent(random, 8))
			buffer_puts(out, "47:0");
		else
			buffer_printf(out, "%s:%u", random_percent(random, 60) ? "tcp" : "udp", port);
		break;
	case BARE_PORT:
		buffer_printf(out, "%u", port);
		break;
	case INTERFACE:
		buffer_puts(out, interfaces[random_below(random, 4)]);
		break;
	case MARK:
		buffer_printf(out, "0x%08x", random_below(random, 4));
		break;
	case MAC:
		buffer_printf(out, "02:57:45:49:52:0%u", 1 + random_below(random, 4));
		break;
	case NONE:
		break;
	}
}

static bool has_net(const enum part *parts)
{
	return parts[0] == NET || parts[1] == NET || parts[2] == NET;
}

static size_t part_count(const enum part *parts)
{
	size_t count = 0;

	while (count < 3 && parts[count] != NONE)
		count++;
	return count;
}

static void put_set(struct side *side, const char *name, size_t type, const struct pool *pool,
		    struct random *random)
{
	struct buffer line = {0};
	const enum part *parts = types[type].parts;
	bool timed = random_percent(random, 25), ports = parts[0] == BARE_PORT, mac = parts[0] == MAC;
	size_t from = side->sets.count;

	buffer_printf(&line, "create %s %s", name, types[type].type);
	if (ports)
		buffer_puts(&line, " range 0-65535");
	else if (!mac)
		buffer_printf(&line, " family %s", pool->family == FAMILY_IPV4 ? "inet" : "inet6");
	if (!ports)
		buffer_puts(&line, " hashsize 1024 maxelem 65536");
	if (timed)
		buffer_puts(&line, " timeout 3600");
	lines_add(&side->sets, side->sets.count, line.data);
	for (uint32_t i = 1 + random_below(random, 12); i; i--) {
		bool known = false;

		line.size = 0;
		buffer_printf(&line, "add %s ", name);
		for (size_t p = 0; p < part_count(parts); p++) {
			buffer_puts(&line, p ? "," : "");
			put_part(parts[p], pool, p == 2 || (p == 1 && parts[1] == NET), random, &line);
		}
		for (size_t l = from; l < side->sets.count; l++)
			known |= strncmp(side->sets.items[l], line.data, line.size) == 0;
		if (timed && random_percent(random, 50))
			buffer_printf(&line, " timeout %u", 3000 + random_below(random, 600));
		if (has_net(parts) && random_percent(random, 20))
			buffer_puts(&line, " nomatch");
		if (!known)
			lines_add(&side->sets, side->sets.count, line.data);
	}
	buffer_fini(&line);
}

static void put_rule(struct side *side, const char *name, size_t parts, struct random *random)
{
	static const char *const targets[] = {"DROP", "ACCEPT", "DROP", "RETURN"}, *const directions[] = {
										       "src", "dst"};
	struct words words;
	struct buffer line = {0};
	size_t at = draw_rule(&side->tables, random);

	if (at == SIZE_MAX || !line_words(&words, side->tables.items[at]))
		return;
	bool nat = strncmp(words.items[1], "UD", 2) == 0 || strncmp(words.items[1], "US", 2) == 0;
	for (size_t i = at; i > 0 && side->tables.items[i][0] != '*'; i--)
		nat |= strcmp(side->tables.items[i - 1], "*nat") == 0;
	buffer_printf(&line, "-A %s -m set%s --match-set %s ", words.items[1],
		      random_percent(random, 20) ? " !" : "", name);
	for (size_t i = 0; i < parts; i++)
		buffer_printf(&line, "%s%s", i ? "," : "",
			      directions[random_percent(random, i == 0 ? 20 : 60)]);
	buffer_printf(&line, " -j %s", nat ? "ACCEPT" : targets[random_below(random, 4)]);
	lines_add(&side->tables, at, line.data);
	buffer_fini(&line);
}

void more_sets(struct side *side, const struct pool *pool, struct random *random)
{
	static const char *const names[] = {"more0", "more1", "more2"};
	uint32_t count = 1 + random_below(random, 3);
	size_t parts[3];

	for (uint32_t i = 0; i < count; i++) {
		size_t type = random_below(random, sizeof(types) / sizeof(*types));

		parts[i] = part_count(types[type].parts);
		put_set(side, names[i], type, pool, random);
	}
	bool list = count > 1 && random_percent(random, 40);
	if (list) {
		lines_add(&side->sets, side->sets.count, "create more_list list:set size 8");
		for (uint32_t i = 0; i < count; i++) {
			char line[32] = "add more_list more0";

			line[18] = (char)('0' + i);
			lines_add(&side->sets, side->sets.count, line);
		}
	}
	for (uint32_t i = 0; i < 2 * count; i++)
		put_rule(side, names[i % count], parts[i % count], random);
	if (list)
		put_rule(side, "more_list", 1 + random_below(random, 3), random);
}
