/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Draws rulesets of everything that weir models: what is written must be what iptables-restore accepts, so
 * that the kernel can be asked about the same text. Chains jump to chains with higher numbers only, so no
 * loop arises. */
#include "rules.h"

#include <stdio.h>
#include <string.h>

#define CHAINS 4

struct generator {
	struct buffer *out;
	unsigned *places;
	const struct pool *pool;
	const struct rules_options *options;
	struct random *random;
	const char *table;
	char suffix; /* of set names, so that both families can be there at once */
};

static bool chance(struct generator *g, uint32_t percent)
{
	return random_percent(g->random, percent);
}

static uint32_t pick(struct generator *g, uint32_t limit)
{
	return random_below(g->random, limit);
}

static void bang(struct generator *g)
{
	if (chance(g, 18))
		buffer_puts(g->out, " !");
}

static void put_prefix(struct generator *g, const struct pool_prefix *prefix)
{
	int length = mask_length(g->pool->family, prefix->mask);

	address_print(g->pool->family, prefix->value, g->out);
	buffer_puts(g->out, "/");
	if (length >= 0)
		buffer_printf(g->out, "%d", length);
	else
		address_print(g->pool->family, prefix->mask, g->out);
}

static void put_ports(struct generator *g, const char *option)
{
	uint16_t a = g->pool->ports[pick(g, POOL_PORTS)], b = g->pool->ports[pick(g, POOL_PORTS)];

	/* Both negated mean something else to iptables-nft (flavours.c). */
	if (!g->options->nft || strcmp(option, "--dport"))
		bang(g);
	if (chance(g, 65))
		buffer_printf(g->out, " %s %u", option, a);
	else
		buffer_printf(g->out, " %s %u:%u", option, a < b ? a : b, a < b ? b : a);
}

static void put_tcp_flags(struct generator *g)
{
	static const char *const flags[] = {
	    "FIN,SYN,RST,ACK SYN", "SYN,RST SYN,RST", "FIN,SYN,RST,PSH,ACK,URG NONE",
	    "FIN,SYN FIN,SYN",     "ACK ACK",         "PSH PSH",
	    "FIN,PSH,URG FIN",     "RST NONE",
	};

	bang(g);
	if (chance(g, 40))
		buffer_puts(g->out, " --syn");
	else
		buffer_printf(g->out, " --tcp-flags %s", flags[pick(g, sizeof(flags) / sizeof(*flags))]);
}

static void put_multiport(struct generator *g)
{
	static const char *const options[] = {"--sports", "--dports", "--ports"};
	uint32_t count = 1 + pick(g, 5);

	buffer_puts(g->out, " -m multiport");
	bang(g);
	buffer_printf(g->out, " %s ", options[pick(g, 3)]);
	for (uint32_t i = 0; i < count; i++) {
		uint16_t a = g->pool->ports[pick(g, POOL_PORTS)], b = g->pool->ports[pick(g, POOL_PORTS)];

		buffer_puts(g->out, i ? "," : "");
		if (a < b && chance(g, 30))
			buffer_printf(g->out, "%u:%u", a, b);
		else
			buffer_printf(g->out, "%u", a);
	}
}

/* The protocol and what hangs on it. Returns its name when it is TCP, for REJECT --reject-with tcp-reset. */
static bool put_protocol(struct generator *g)
{
	bool v4 = g->pool->family == FAMILY_IPV4;

	switch (pick(g, 10)) {
	case 0:
	case 1:
	case 2:
		buffer_puts(g->out, " -p tcp");
		if (chance(g, 25)) {
			put_multiport(g);
			return true;
		}
		if (chance(g, 85)) {
			buffer_puts(g->out, " -m tcp");
			if (chance(g, 30))
				put_ports(g, "--sport");
			if (chance(g, 60))
				put_ports(g, "--dport");
			if (chance(g, 35))
				put_tcp_flags(g);
		}
		return true;
	case 3:
	case 4:
		buffer_puts(g->out, " -p udp");
		if (chance(g, 25)) {
			put_multiport(g);
		} else if (chance(g, 85)) {
			buffer_puts(g->out, " -m udp");
			if (chance(g, 40))
				put_ports(g, "--sport");
			if (chance(g, 60))
				put_ports(g, "--dport");
		}
		return false;
	case 5:
	case 6:
		buffer_puts(g->out, v4 ? " -p icmp" : " -p ipv6-icmp");
		if (chance(g, 80)) {
			buffer_puts(g->out, v4 ? " -m icmp" : " -m icmp6");
			bang(g);
			buffer_printf(g->out, v4 ? " --icmp-type %u" : " --icmpv6-type %u",
				      g->pool->types[pick(g, 4)]);
			if (chance(g, 40))
				buffer_printf(g->out, "/%u", pick(g, 3));
		}
		return false;
	case 7:
		buffer_puts(g->out, " ! -p");
		buffer_puts(g->out, chance(g, 50) ? " tcp" : chance(g, 50) ? " udp" : " 47");
		return false;
	case 8:
		if (chance(g, 50)) {
			buffer_puts(g->out, chance(g, 50) ? " -p sctp" : " -p udplite");
			if (chance(g, 60))
				put_multiport(g);
		} else {
			buffer_puts(g->out, " -p 47");
		}
		return false;
	default:
		return false;
	}
}

static void put_state(struct generator *g)
{
	static const char *const states[] = {
	    "NEW",
	    "ESTABLISHED",
	    "RELATED,ESTABLISHED",
	    "INVALID",
	    "INVALID,NEW",
	    "UNTRACKED",
	    "NEW,RELATED,ESTABLISHED,UNTRACKED",
	};
	const char *state = states[pick(g, sizeof(states) / sizeof(*states))];

	if (chance(g, 50)) {
		buffer_puts(g->out, " -m state");
		bang(g);
		buffer_printf(g->out, " --state %s", state);
	} else {
		buffer_puts(g->out, " -m conntrack");
		bang(g);
		buffer_printf(g->out, " --ctstate %s", state);
	}
}

static void put_set(struct generator *g)
{
	static const char *const pairs[] = {"src,src", "src,dst", "dst,src", "dst,dst"};

	buffer_puts(g->out, " -m set");
	bang(g);
	switch (pick(g, 4)) {
	case 0:
		buffer_printf(g->out, " --match-set ips%c %s", g->suffix, chance(g, 70) ? "src" : "dst");
		break;
	case 1:
	case 2:
		buffer_printf(g->out, " --match-set nets%c %s", g->suffix, chance(g, 70) ? "src" : "dst");
		break;
	default:
		/* One dimension of two never matches. */
		buffer_printf(g->out, " --match-set pairs%c %s", g->suffix,
			      chance(g, 8) ? "src" : pairs[pick(g, 4)]);
	}
}

static void put_opaque_match(struct generator *g)
{
	switch (pick(g, 3)) {
	case 0:
		buffer_puts(g->out, " -m limit --limit 5/min --limit-burst 3");
		break;
	case 1:
		buffer_puts(g->out, " -m mark --mark 0x1");
		break;
	default:
		buffer_puts(g->out,
			    g->pool->family == FAMILY_IPV4 ? " -m ttl --ttl-eq 64" : " -m hl --hl-eq 64");
	}
}

static void put_addresses(struct generator *g)
{
	if (chance(g, 45)) {
		bang(g);
		buffer_puts(g->out, " -s ");
		put_prefix(g, &g->pool->sources[pick(g, POOL_SOURCES)]);
	}
	if (chance(g, 25)) {
		bang(g);
		buffer_puts(g->out, " -d ");
		put_prefix(g, &g->pool->destinations[pick(g, POOL_DESTINATIONS)]);
	}
}

static void put_interfaces(struct generator *g, bool in, bool out)
{
	static const char *const names[] = {TEST_INTERFACE, "par+", "eth9", "ppp+", "parother"};

	if (in && chance(g, 20)) {
		bang(g);
		buffer_printf(g->out, " -i %s", names[pick(g, 5)]);
	}
	if (out && chance(g, 15)) {
		static const char *const outs[] = {"pard", "eth9", "par+"};

		bang(g);
		buffer_printf(g->out, " -o %s", outs[pick(g, 3)]);
	}
}

/* chain: index of the user chain the rule stands in, -1 for a built-in one. */
static void put_target(struct generator *g, int chain, bool tcp, uint32_t drop_percent)
{
	bool v4 = g->pool->family == FAMILY_IPV4, raw = !strcmp(g->table, "raw");
	int left = CHAINS - 1 - chain;

	if (chance(g, drop_percent)) {
		buffer_puts(g->out, " -j DROP");
	} else if (left > 0 && chance(g, 30)) {
		buffer_printf(g->out, " -%c U%d", chance(g, 75) ? 'j' : 'g',
			      chain + 1 + (int)pick(g, (uint32_t)left));
	} else if (raw && g->options->stateful && chance(g, 40)) {
		buffer_puts(g->out, chance(g, 50) ? " -j CT --notrack" : " -j NOTRACK");
	} else if (!strcmp(g->table, "filter") && g->options->effects && chance(g, 30)) {
		if (chance(g, 40))
			buffer_puts(g->out, " -j LOG --log-prefix \"weir: \"");
		else if (tcp && chance(g, 50))
			buffer_puts(g->out, " -j REJECT --reject-with tcp-reset");
		else
			buffer_puts(g->out, v4 ? " -j REJECT --reject-with icmp-port-unreachable"
					       : " -j REJECT --reject-with icmp6-port-unreachable");
	} else if (!strcmp(g->table, "mangle") && g->options->opaque && chance(g, 40)) {
		buffer_puts(g->out, " -j MARK --set-xmark 0x1/0x1");
	} else if (chance(g, 25)) {
		buffer_puts(g->out, " -j RETURN");
	} else if (chance(g, 92)) {
		buffer_puts(g->out, " -j ACCEPT");
	} /* else none: counts and goes on */
	buffer_puts(g->out, "\n");
}

/* One that may stand in the chain of that name, in some of the rules; NULL: none. */
static const struct extension_line *draw_extension(struct generator *g, enum extension_kind kind,
						   const char *chain)
{
	const struct extension_line *line;
	unsigned without = 0;

	bool nat = !strcmp(g->table, "nat"), post = !strcmp(chain, "POSTROUTING");
	bool source = nat && (post || !strcmp(chain, "INPUT") || !strcmp(chain, "US"));

	if (!g->options->extensions || !chance(g, kind == EXTENSION_MATCH ? 55 : nat ? 75 : 25))
		return NULL;
	without |= strcmp(chain, "FORWARD") ? PLACE_FORWARD : 0;
	without |= post ? 0 : PLACE_POSTROUTING;
	without |= source ? PLACE_PREROUTING : PLACE_SOURCE;
	without |= source || post || g->options->leaving ? PLACE_RECEIVED : 0;
	without |= post || g->options->leaving ? 0 : PLACE_LEAVING;
	without |= g->options->leaving ? PLACE_COPIES : 0;
	without |= g->options->session ? PLACE_CHANCE : 0;
	without |= g->options->nat ? 0 : PLACE_NAT;
	without |= g->options->hours ? 0 : PLACE_CLOCK;
	without |= nat || !strcmp(chain, "PREROUTING") ? 0 : PLACE_PREROUTING;
	without |= g->options->session ? 0 : PLACE_SESSION;
	without |= g->options->stateful ? 0 : PLACE_TRACKED;
	without |= g->options->unknown ? 0 : PLACE_UNKNOWN;
	without |= g->options->nft ? PLACE_LEGACY : 0;
	line = extension_draw(g->options->extensions, kind, g->pool, g->table, without, g->random);
	if (line)
		*g->places |= line->place;
	return line;
}

static void put_extension(struct generator *g, const struct extension_line *line)
{
	if (line)
		extension_expand(line, g->pool, g->random, g->out);
}

/* The way in may not be asked there. */
static bool leaves(const char *chain)
{
	return !strcmp(chain, "OUTPUT") || !strcmp(chain, "POSTROUTING");
}

static void put_rule(struct generator *g, const char *name, int chain, bool out)
{
	const struct extension_line *target = draw_extension(g, EXTENSION_TARGET, name);
	const struct extension_line *match = draw_extension(g, EXTENSION_MATCH, name);
	const struct extension_line *other = match ? draw_extension(g, EXTENSION_MATCH, name) : NULL;
	bool tcp = false;

	/* A rule has one protocol. */
	if (match && match->protocol && target && target->protocol)
		match = NULL;
	if (other && other->protocol)
		other = NULL;

	buffer_printf(g->out, "-A %s", name);
	put_addresses(g);
	put_interfaces(g, !leaves(name), out);
	if (g->pool->family == FAMILY_IPV4 && chance(g, 5)) {
		bang(g);
		buffer_puts(g->out, " -f");
	}
	if (target && target->protocol)
		extension_expand_protocol(target, g->pool, g->random, g->out);
	else if (match && match->protocol)
		extension_expand_protocol(match, g->pool, g->random, g->out);
	else
		tcp = put_protocol(g);
	put_extension(g, match);
	put_extension(g, other);
	if (g->options->stateful && chance(g, 12))
		put_state(g);
	if (chance(g, 15))
		put_set(g);
	if (chance(g, 5))
		buffer_puts(g->out, " -m comment --comment \"it's a \\\"rule\\\"\"");
	if (g->options->opaque && chance(g, 12))
		put_opaque_match(g);
	put_extension(g, target);
	if (target)
		buffer_puts(g->out, "\n");
	else
		put_target(g, chain, tcp, 35);
}

/* Many rules that differ in one address only: what people write by scripts. */
static void put_run(struct generator *g, const char *name, int chain)
{
	static const char *const targets[] = {"DROP", "DROP", "DROP", "ACCEPT", "RETURN"};
	uint32_t count = 12 + pick(g, 60), kind = pick(g, 3);
	bool destination = chance(g, 20), interface = chance(g, 20), inverted = chance(g, 4);
	const char *target = targets[pick(g, 5)];
	uint16_t port = g->pool->ports[pick(g, POOL_PORTS)];
	uint32_t jump = chain + 1 < CHAINS && chance(g, 15) ? (uint32_t)(chain + 1) : UINT32_MAX;

	if (!strcmp(g->table, "raw") && g->options->stateful && chance(g, 25))
		target = "NOTRACK";
	interface &= !leaves(name);
	for (uint32_t i = 0; i < count; i++) {
		struct pool_prefix prefix = destination ? g->pool->destinations[pick(g, POOL_DESTINATIONS)]
							: g->pool->sources[pick(g, POOL_SOURCES)];

		if (chance(g, 85)) {
			prefix.value = destination ? pool_destination(g->pool, g->random)
						   : pool_source(g->pool, g->random);
			prefix.mask = prefix_mask(g->pool->family, family_bits(g->pool->family) -
								       (chance(g, 15) ? pick(g, 9) : 0));
			prefix.value &= prefix.mask;
		}
		buffer_printf(g->out, "-A %s%s -%c ", name, inverted ? " !" : "", destination ? 'd' : 's');
		put_prefix(g, &prefix);
		if (interface)
			buffer_puts(g->out, " -i " TEST_INTERFACE);
		if (kind == 1)
			buffer_printf(g->out, " -p tcp -m tcp --dport %u", port);
		else if (kind == 2)
			buffer_printf(g->out, " -p udp -m udp --sport %u", port);
		if (jump != UINT32_MAX)
			buffer_printf(g->out, " -j U%u\n", jump);
		else
			buffer_printf(g->out, " -j %s\n", target);
	}
}

static void put_chain(struct generator *g, const char *name, int chain, bool out)
{
	uint32_t count = chain < 0 ? 2 + pick(g, 9) : pick(g, 6);

	for (uint32_t i = 0; i < count; i++) {
		if (chance(g, 8))
			put_run(g, name, chain);
		else
			put_rule(g, name, chain, out);
	}
}

static const char *policy(struct generator *g)
{
	return chance(g, 20) ? "DROP" : "ACCEPT";
}

static void put_received_chains(struct generator *g, bool raw, bool mangle)
{
	if (raw || mangle)
		put_chain(g, "PREROUTING", -1, false);
	if (raw)
		return;
	put_chain(g, "INPUT", -1, false);
	if (g->options->forwarding)
		put_chain(g, "FORWARD", -1, true);
}

static void put_table(struct generator *g, const char *table)
{
	bool raw = !strcmp(table, "raw"), mangle = !strcmp(table, "mangle");

	g->table = table;
	buffer_printf(g->out, "*%s\n", table);
	if (raw || mangle)
		buffer_printf(g->out, ":PREROUTING %s [0:0]\n", policy(g));
	if (!raw)
		buffer_printf(g->out, ":INPUT %s [0:0]\n:FORWARD %s [0:0]\n", policy(g), policy(g));
	/* The host under test answers nobody: an answer would move connections and come back as noise. */
	buffer_printf(g->out, ":OUTPUT %s [0:0]\n",
		      g->options->leaving         ? policy(g)
		      : g->options->kernel && raw ? "DROP"
						  : "ACCEPT");
	if (mangle)
		buffer_puts(g->out, ":POSTROUTING ACCEPT [0:0]\n");
	for (int i = 0; i < CHAINS; i++)
		buffer_printf(g->out, ":U%d - [0:0]\n", i);
	if (raw && g->options->kernel)
		buffer_printf(g->out, "-A PREROUTING -s %s -j DROP\n",
			      g->pool->family == FAMILY_IPV4 ? SENTINEL_IPV4 "/32" : SENTINEL_IPV6 "/128");
	/* What else the host says, to groups that it joins; see predict(). */
	if (raw && g->options->leaving)
		buffer_printf(g->out, "-A OUTPUT ! -s %s -m comment --comment " NOISE " -j DROP\n",
			      g->pool->family == FAMILY_IPV4 ? HOST_IPV4 "/32" : HOST_IPV6 "/128");
	/* Conntrack is in use, whichever rules else a smaller ruleset has. */
	if (raw && g->options->kernel && g->options->session && g->options->stateful)
		buffer_printf(g->out, "-A OUTPUT -s %s -m conntrack --ctstate NEW\n",
			      g->pool->family == FAMILY_IPV4 ? SENTINEL_IPV4 "/32" : SENTINEL_IPV6 "/128");
	if (g->options->leaving)
		put_chain(g, "OUTPUT", -1, true);
	else
		put_received_chains(g, raw, mangle);
	/* No jumps: what may stand in the chains of users may not stand here. */
	if (mangle && g->options->session)
		put_chain(g, "POSTROUTING", CHAINS - 1, true);
	for (int i = 0; i < CHAINS; i++) {
		char name[8];

		snprintf(name, sizeof(name), "U%d", i);
		put_chain(g, name, i, !raw);
	}
	buffer_puts(g->out, "COMMIT\n");
}

/* DROP may not stand there. */
static void put_nat_rule(struct generator *g, const char *name, const char *jump, bool in, bool out)
{
	const struct extension_line *target = draw_extension(g, EXTENSION_TARGET, name);
	/* Half of those with a target are for all packets that it takes. */
	bool plain = target && chance(g, 50);
	const struct extension_line *match = plain ? NULL : draw_extension(g, EXTENSION_MATCH, name);

	if (match && match->protocol && target && target->protocol)
		match = NULL;
	buffer_printf(g->out, "-A %s", name);
	if (!plain || chance(g, 50))
		put_addresses(g);
	if (!plain)
		put_interfaces(g, in, out);
	if (target && target->protocol)
		extension_expand_protocol(target, g->pool, g->random, g->out);
	else if (match && match->protocol)
		extension_expand_protocol(match, g->pool, g->random, g->out);
	else if (!plain)
		put_protocol(g);
	put_extension(g, match);
	put_extension(g, target);
	if (!target && jump && chance(g, 70))
		buffer_printf(g->out, " -j %s", jump);
	else if (!target && chance(g, 60))
		buffer_puts(g->out, chance(g, 50) ? " -j ACCEPT" : " -j RETURN");
	buffer_puts(g->out, "\n");
}

static void put_nat_chain(struct generator *g, const char *name, const char *jump, bool in, bool out)
{
	for (uint32_t count = 1 + pick(g, 6); count; count--)
		put_nat_rule(g, name, jump, in, out);
}

static void put_nat_table(struct generator *g)
{
	g->table = "nat";
	buffer_puts(g->out, "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
			    ":POSTROUTING ACCEPT [0:0]\n:UD - [0:0]\n:US - [0:0]\n");
	put_nat_chain(g, "PREROUTING", "UD", true, false);
	if (chance(g, 40))
		put_nat_chain(g, "INPUT", "US", true, false);
	put_nat_chain(g, "POSTROUTING", "US", false, true);
	put_nat_chain(g, "UD", NULL, true, false);
	put_nat_chain(g, "US", NULL, true, true);
	buffer_puts(g->out, "COMMIT\n");
}

/* Sets are given without a member twice: which of two wins is ipset's business. */
static bool seen_before(const struct buffer *out, size_t from, const char *line)
{
	return out->data && strstr(out->data + from, line);
}

static void put_members(struct generator *g, const char *set, uint32_t count, bool timed)
{
	enum family family = g->pool->family;
	size_t from = g->out->size;

	for (uint32_t i = 0; i < count; i++) {
		struct buffer line __attribute__((cleanup(buffer_fini))) = {0};
		bool nomatch = false;
		address value =
		    chance(g, 80) ? pool_source(g->pool, g->random) : pool_destination(g->pool, g->random);

		if (!value)
			continue; /* hash types do not take 0.0.0.0 */
		buffer_printf(&line, "add %s%c ", set, g->suffix);
		if (!strcmp(set, "nets")) {
			unsigned bits = family_bits(family),
				 length = chance(g, 50) ? bits : 1 + pick(g, bits);

			address_print(family, value & prefix_mask(family, length), &line);
			buffer_printf(&line, "/%u", length);
			nomatch = chance(g, 25);
		} else {
			address_print(family, value, &line);
		}
		if (!strcmp(set, "pairs")) {
			uint16_t port = g->pool->ports[pick(g, POOL_PORTS)];
			uint32_t kind = pick(g, 8);

			if (kind < 4)
				buffer_printf(&line, ",tcp:%u", port);
			else if (kind < 7)
				buffer_printf(&line, ",udp:%u", port);
			else
				buffer_printf(&line, ",%s:%u/%u",
					      family == FAMILY_IPV4 ? "icmp" : "ipv6-icmp",
					      g->pool->types[pick(g, 4)], pick(g, 2));
		}
		/* A blank or a line end behind it, so that 10.0.0.1 is not found in 10.0.0.10. */
		buffer_puts(&line, " ");
		if (line.failed || seen_before(g->out, from, line.data))
			continue;
		buffer_puts(g->out, line.data);
		if (timed && chance(g, 60))
			buffer_printf(g->out, "timeout %u ", chance(g, 20) ? 0 : 3000 + pick(g, 1000));
		if (nomatch)
			buffer_puts(g->out, "nomatch ");
		buffer_puts(g->out, "\n");
	}
}

static void put_sets(struct generator *g)
{
	static const struct {
		const char *name, *type;
	} sets[] = {
	    {"ips", "hash:ip"}, {"nets", "hash:net"}, {"pairs", "hash:ip,port"}, {"learned", "hash:ip"}};

	/* The last one is for what SET learns. */
	for (size_t i = 0; i < (g->options->session ? 4 : 3); i++) {
		bool timed = g->options->timed && chance(g, 50);

		buffer_printf(g->out, "create %s%c %s family %s hashsize 1024 maxelem 65536%s%s%s\n",
			      sets[i].name, g->suffix, sets[i].type,
			      g->pool->family == FAMILY_IPV4 ? "inet" : "inet6", timed ? " timeout 3600" : "",
			      g->options->effects && chance(g, 25) ? " counters" : "",
			      chance(g, 25) ? " comment" : "");
		if (i < 3)
			put_members(g, sets[i].name, 3 + pick(g, 25), timed);
	}
}

void rules_generate(struct drawn_rules *text, const struct pool *pool, const struct rules_options *options,
		    struct random *random)
{
	struct generator g = {
	    &text->tables, &text->places, pool, options, random, "", pool->family == FAMILY_IPV4 ? '4' : '6'};

	buffer_printf(&text->tables, "# Generated by ip%stables-save v1.8.9\n",
		      pool->family == FAMILY_IPV4 ? "" : "6");
	if (options->kernel || chance(&g, 70))
		put_table(&g, "raw");
	if (chance(&g, 45))
		put_table(&g, "mangle");
	if (options->nat)
		put_nat_table(&g);
	if (chance(&g, 85))
		put_table(&g, "filter");
	/* iptables-nft puts it behind nat (flavours.c). */
	if (options->security && !(options->nft && options->nat) && chance(&g, 15))
		put_table(&g, "security");
	g.out = &text->sets;
	put_sets(&g);
}

void drawn_rules_fini(struct drawn_rules *text)
{
	buffer_fini(&text->tables);
	buffer_fini(&text->sets);
}
