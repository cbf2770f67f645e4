/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * DNAT, SNAT, MASQUERADE and REDIRECT: net/netfilter/xt_nat.c, xt_MASQUERADE.c and xt_REDIRECT.c. All four
 * ask for a range of addresses and ports (struct nf_nat_range2) and end their table. Read and printed as
 * iptables 1.8 does it (extensions/libxt_NAT.c), odd forms too: what stands around brackets is passed over,
 * and so is what stands in front of a colon that is the third character. */
#include "extension/guided.h"
#include "extension/types.h"
#include "packet/address.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

struct nat_target {
	struct guided guided;
	struct nat_range range; /* filled when the options are read */
};

/* The first guide is the one with the range; the others may be in any order. */
enum { NAT_RANGE };

/* strtoul() with base 0 takes as much as is a number and leaves `rest`. false when there is no number, or it
 * is not between min and max. */
static bool number_prefix(struct text text, uint64_t min, uint64_t max, uint64_t *number, struct text *rest)
{
	size_t at = 0;
	unsigned base = 10;
	uint64_t value = 0;

	if (text.size > 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x' &&
	    isxdigit((unsigned char)text.data[2])) {
		base = 16;
		at = 2;
	} else if (text.size && text.data[0] == '0') {
		base = 8;
	}
	size_t begin = at;
	for (; at < text.size; at++) {
		unsigned char c = (unsigned char)text.data[at];
		unsigned digit = isdigit(c) ? c - 48u : isxdigit(c) ? (c | 0x20u) - 'a' + 10u : 16u;
		if (digit >= base)
			break;
		if (value <= max)
			value = value * base + digit;
	}
	*rest = (struct text){text.data + at, text.size - at};
	*number = value;
	return at > begin && value >= min && value <= max;
}

/* Of whatever protocol: iptables asks without one. */
static bool service_port(struct text text, uint64_t *port)
{
	char name[64];

	if (!text.size || text.size >= sizeof(name) || memchr(text.data, 0, text.size))
		return false;
	memcpy(name, text.data, text.size);
	name[text.size] = '\0';
	const struct servent *service = getservbyname(name, NULL);
	if (service)
		*port = ntohs((uint16_t)service->s_port);
	return service != NULL;
}

static int ports_need_protocol(struct rule_parser *parser, const struct word *word)
{
	/* As iptables has them: inverted or not, and ICMP's number in IPv6, too. */
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP,
					    IPPROTO_ICMP};

	for (size_t i = 0; i < sizeof(protocols); i++)
		if (parser->rule->protocol == protocols[i])
			return 0;
	diagnostic_hint(parser_error(parser, word, "protocol-required",
				     "ports need -p tcp, udp, sctp, dccp or icmp in front of them"),
			"write -p tcp before the target, or leave the port out");
	return -EINVAL;
}

/* "80", "http", "80-90" and for DNAT "80-90/8080". */
static int parse_ports(struct rule_parser *parser, const struct word *word, struct text text,
		       struct nat_range *range)
{
	static const char *const hint = "a port or service name, or FIRST-LAST in numbers";
	uint64_t first, last, base;
	struct text rest;

	if (ports_need_protocol(parser, word))
		return -EINVAL;
	range->has_ports = true;
	if (!number_prefix(text, 0, UINT16_MAX, &first, &rest)) {
		if (!service_port(text, &first))
			return guided_refuse(parser, word, hint);
		rest.size = 0;
	}
	range->port_low = range->port_high = (uint16_t)first;
	if (!rest.size)
		return 0;
	if (rest.data[0] != '-')
		return guided_refuse(parser, word, hint);
	text = (struct text){rest.data + 1, rest.size - 1};
	if (!number_prefix(text, 0, UINT16_MAX, &last, &rest))
		return guided_refuse(parser, word, hint);
	if (last < first) {
		diagnostic_hint(parser_error(parser, word, "bad-port", "port range %u-%u runs downwards",
					     (unsigned)first, (unsigned)last),
				"write %u-%u", (unsigned)last, (unsigned)first);
		return -EINVAL;
	}
	range->port_high = (uint16_t)last;
	if (!rest.size)
		return 0;
	if (rest.data[0] != '/')
		return guided_refuse(parser, word, hint);
	text = (struct text){rest.data + 1, rest.size - 1};
	if (!number_prefix(text, 1, UINT16_MAX, &base, &rest) && !service_port(text, &base))
		return guided_refuse(parser, word, "FIRST-LAST/BASE, the base a port from 1 on");
	range->shifted = true;
	range->port_base = (uint16_t)base;
	return 0;
}

static const char *find(struct text text, char c)
{
	return text.size ? memchr(text.data, c, text.size) : NULL;
}

static struct text between(const char *begin, const char *end)
{
	return (struct text){begin, (size_t)(end - begin)};
}

/* Where the addresses stand, and the colon in front of the ports, if any. */
static int split_address(struct rule_parser *parser, const struct word *word, struct text *addresses,
			 const char **colon)
{
	struct text text = word->text;
	const char *end = text.data + text.size, *bracket = find(text, '[');

	if (!bracket) {
		*colon = find(text, ':');
		if (*colon && find(between(*colon + 1, end), ':'))
			*colon = NULL; /* an IPv6 address without a port */
		*addresses = between(text.data, *colon ? *colon : end);
		return 0;
	}
	const char *close = find(between(bracket + 1, end), ']');
	if (!close || parser->family == FAMILY_IPV4)
		return guided_refuse(parser, word,
				     parser->family == FAMILY_IPV4 ? "brackets are for IPv6 addresses"
								   : "[ADDRESS]:PORT or [ADDRESS]");
	*colon = find(between(close + 1, end), ':');
	*addresses = between(bracket + 1, close);
	return 0;
}

/* --to-destination and --to-source: [ADDRESS[-ADDRESS]][:PORT[-PORT[/BASE]]]. */
static int parse_to(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	const char *hint = parser->family == FAMILY_IPV4
			       ? "ADDRESS[-ADDRESS][:PORT[-PORT]] with IPv4 addresses, or :PORT[-PORT]"
			       : "ADDRESS[-ADDRESS] or [ADDRESS]:PORT[-PORT] with IPv6 addresses";
	struct nat_range *range = arena_alloc(parser->ruleset->arena, sizeof(*range));
	struct text text = word->text, addresses = {0};
	const char *colon = NULL;

	value->own = range;
	if (!range)
		return -ENOMEM;
	if (!text.size)
		return guided_refuse(parser, word, hint);
	int error = split_address(parser, word, &addresses, &colon);
	if (!error && colon)
		error = parse_ports(parser, word, between(colon + 1, text.data + text.size), range);
	if (error)
		return error;
	if (colon == text.data || (colon && colon == text.data + 2))
		return 0; /* ":80", "[]:80" and, since iptables does not look closer, "xy:80" */
	range->has_address = true;
	const char *dash = find(addresses, '-');
	struct text low = dash ? between(addresses.data, dash) : addresses;
	struct text high = dash ? between(dash + 1, addresses.data + addresses.size) : addresses;
	if (address_parse(parser->family, low, &range->low) ||
	    address_parse(parser->family, high, &range->high))
		return guided_refuse(parser, word, hint);
	return 0;
}

static int parse_to_ports(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct nat_range *range = arena_alloc(parser->ruleset->arena, sizeof(*range));

	value->own = range;
	return range ? parse_ports(parser, word, word->text, range) : -ENOMEM;
}

#define GUIDE_COUNT(guides) (sizeof(guides) / sizeof(*(guides)))

static const struct guide dnat_guides[] = {
    {.name = "--to-destination", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = parse_to},
    {.name = "--random"},
    {.name = "--persistent"},
};
static const struct guide snat_guides[] = {
    {.name = "--to-source", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = parse_to},
    {.name = "--random"},
    {.name = "--random-fully"},
    {.name = "--persistent"},
};
static const struct guide masquerade_guides[] = {
    {.name = "--to-ports", .kind = GUIDE_OWN, .parse = parse_to_ports},
    {.name = "--random"},
    {.name = "--random-fully"},
};
static const struct guide redirect_guides[] = {
    {.name = "--to-ports", .kind = GUIDE_OWN, .parse = parse_to_ports},
    {.name = "--random"},
};

static bool flag_seen(const struct nat_target *nat, const struct guide *guides, size_t count,
		      const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(guides[i].name, name) == 0)
			return guided_seen(&nat->guided, i);
	return false;
}

static int nat_finish(struct rule_parser *parser, struct target *target, const struct guide *guides,
		      size_t count)
{
	int error = guided_finish(parser, &target->data, sizeof(struct nat_target), guides, count,
				  target->span, target->type->name);
	if (error)
		return error;
	struct nat_target *nat = target->data;
	if (guided_seen(&nat->guided, NAT_RANGE))
		nat->range = *(const struct nat_range *)nat->guided.values[NAT_RANGE].own;
	nat->range.random = flag_seen(nat, guides, count, "--random");
	nat->range.random_fully = flag_seen(nat, guides, count, "--random-fully");
	nat->range.persistent = flag_seen(nat, guides, count, "--persistent");
	return 0;
}

static int dnat_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct nat_target), dnat_guides,
			    GUIDE_COUNT(dnat_guides));
}

static int dnat_finish(struct rule_parser *parser, struct target *target)
{
	return nat_finish(parser, target, dnat_guides, GUIDE_COUNT(dnat_guides));
}

static int snat_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct nat_target), snat_guides,
			    GUIDE_COUNT(snat_guides));
}

/* iptables takes a base for SNAT and MASQUERADE, too, but has no room to hand it to the kernel: it is 0. */
static int snat_finish(struct rule_parser *parser, struct target *target)
{
	int error = nat_finish(parser, target, snat_guides, GUIDE_COUNT(snat_guides));

	if (!error) {
		struct nat_target *nat = target->data;
		nat->range.source = true;
		nat->range.port_base = 0;
	}
	return error;
}

static int masquerade_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct nat_target), masquerade_guides,
			    GUIDE_COUNT(masquerade_guides));
}

static int masquerade_finish(struct rule_parser *parser, struct target *target)
{
	int error = nat_finish(parser, target, masquerade_guides, GUIDE_COUNT(masquerade_guides));

	if (!error) {
		struct nat_target *nat = target->data;
		nat->range.source = nat->range.masquerade = true;
		nat->range.port_base = 0;
	}
	return error;
}

static int redirect_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct nat_target), redirect_guides,
			    GUIDE_COUNT(redirect_guides));
}

static int redirect_finish(struct rule_parser *parser, struct target *target)
{
	int error = nat_finish(parser, target, redirect_guides, GUIDE_COUNT(redirect_guides));

	if (error)
		return error;
	struct nat_target *nat = target->data;
	nat->range.redirect = true;
	if (nat->range.shifted) {
		diagnostic_hint(
		    option_error(parser, target->span, "bad-value", "REDIRECT cannot shift a range of ports"),
		    "leave /BASE out, or use DNAT");
		return -EINVAL;
	}
	return 0;
}

/* `option` with its range; `bare`: it has ports alone, without a colon before them. */
static void nat_print(const struct target *target, const struct rule *rule, const char *option, bool bare,
		      struct buffer *out)
{
	const struct nat_range *range = &((const struct nat_target *)target->data)->range;
	enum family family = rule->chain->table->family;
	bool brackets = family == FAMILY_IPV6 && range->has_ports && range->has_address;

	if (range->has_address || range->has_ports)
		buffer_printf(out, " %s ", option);
	if (range->has_address) {
		buffer_puts(out, brackets ? "[" : "");
		address_print(family, range->low, out);
		if (range->low != range->high) {
			buffer_puts(out, "-");
			address_print(family, range->high, out);
		}
		buffer_puts(out, brackets ? "]" : "");
	}
	if (range->has_ports) {
		buffer_printf(out, "%s%u", bare ? "" : ":", range->port_low);
		if (range->port_high != range->port_low)
			buffer_printf(out, "-%u", range->port_high);
		if (range->shifted)
			buffer_printf(out, "/%u", range->port_base);
	}
	if (range->random)
		buffer_puts(out, " --random");
	if (range->random_fully)
		buffer_puts(out, " --random-fully");
	if (range->persistent)
		buffer_puts(out, " --persistent");
}

static void dnat_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	nat_print(target, rule, "--to-destination", false, out);
}

static void snat_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	nat_print(target, rule, "--to-source", false, out);
}

static void to_ports_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	nat_print(target, rule, "--to-ports", true, out);
}

static void nat_nat(const struct target *target, struct nat_range *range)
{
	*range = ((const struct nat_target *)target->data)->range;
}

const struct target_type target_dnat = {
    .name = "DNAT",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = dnat_parse,
    .finish = dnat_finish,
    .print = dnat_print,
    .tables = 1 << TABLE_NAT,
    .hooks = 1 << HOOK_PREROUTING | 1 << HOOK_OUTPUT,
    .nat = nat_nat,
};

const struct target_type target_snat = {
    .name = "SNAT",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = snat_parse,
    .finish = snat_finish,
    .print = snat_print,
    .tables = 1 << TABLE_NAT,
    .hooks = 1 << HOOK_POSTROUTING | 1 << HOOK_INPUT,
    .nat = nat_nat,
};

const struct target_type target_masquerade = {
    .name = "MASQUERADE",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = masquerade_parse,
    .finish = masquerade_finish,
    .print = to_ports_print,
    .tables = 1 << TABLE_NAT,
    .hooks = 1 << HOOK_POSTROUTING,
    .nat = nat_nat,
};

const struct target_type target_redirect = {
    .name = "REDIRECT",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = redirect_parse,
    .finish = redirect_finish,
    .print = to_ports_print,
    .tables = 1 << TABLE_NAT,
    .hooks = 1 << HOOK_PREROUTING | 1 << HOOK_OUTPUT,
    .nat = nat_nat,
};
