/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m hashlimit: options and printing as libxt_hashlimit.c of revision 3 has them, hashlimit_mt() in
 * net/netfilter/xt_hashlimit.c. Rules of one name share a table, which is made as the first of them says;
 * where they do not agree, what it counts is not known. */
#include "extension/guided.h"
#include "extension/hashlimit.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum {
	HL_UPTO,
	HL_ABOVE,
	HL_OLD, /* --hashlimit: --hashlimit-upto */
	HL_SOURCE_MASK,
	HL_DESTINATION_MASK,
	HL_BURST,
	HL_SIZE,
	HL_MAX,
	HL_GC_INTERVAL,
	HL_EXPIRE,
	HL_MODE,
	HL_NAME,
	HL_RATE_MATCH,
	HL_INTERVAL,
	HL_COUNT,
};

#define RATES (1u << HL_UPTO | 1u << HL_ABOVE | 1u << HL_OLD)
#define NAME_SIZE_MAX 254u      /* NAME_MAX bytes with the NUL: what is longer is cut off */
#define TABLE_SIZE_MAX 1048576u /* HASHLIMIT_MAX_SIZE */
#define BURST_DEFAULT 5u
#define BURST_PACKETS_MAX 1000000u
#define GC_INTERVAL_DEFAULT 1000u
#define EXPIRE_BYTES 15u /* seconds */
#define EXPIRE_BYTES_BURST 60u

struct hashlimit_match {
	struct guided guided;
	struct hashlimit config;
	const struct ruleset *ruleset;
	struct text name;
	char *memory_name;
};

/* --- reading */

static uint64_t factor_of(char c)
{
	return c == 'm' ? 1024 * 1024 : c == 'k' ? 1024 : 1;
}

/* What iptables takes for a byte rate: "b/s" somewhere behind the beginning, with k or m before it or not. */
static bool parse_bytes(struct text text, uint64_t *cost)
{
	const char *unit = text.size ? memmem(text.data, text.size, "b/s", 3) : NULL;
	uint64_t number = (uint64_t)rate_integer(text);

	if (!unit || unit == text.data || !number)
		return false;
	*cost = hashlimit_cost(number * factor_of(unit[-1]));
	return true;
}

/* number: packets: the period, bytes: the cost. second: seconds of the unit, 0 for bytes. */
static int rate_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	uint32_t seconds;

	if (parse_bytes(word->text, &value->number))
		return value->number ? 0 : guided_refuse(parser, word, "not so many bytes");
	int error = rate_parse(word->text, HASHLIMIT_SCALE, &value->number, &seconds);
	if (!error) {
		value->second = seconds;
		return 0;
	}
	return guided_refuse(parser, word,
			     error == -ERANGE ? "at most 1000000/sec"
					      : "such as 3/min or 512kb/s: /sec, /min, /hour, /day, or b/s, "
						"kb/s, mb/s");
}

/* strtoul() with base 0, and k or m behind it. number: the product; ranged: something stood behind. */
static int burst_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct text text = word->text;
	size_t digits = 0;
	bool hexadecimal =
	    text.size > 2 && text.data[0] == '0' && (text.data[1] == 'x' || text.data[1] == 'X');

	if (hexadecimal)
		digits = 2;
	while (digits < text.size && (hexadecimal ? isxdigit((unsigned char)text.data[digits])
						  : isdigit((unsigned char)text.data[digits])))
		digits++;
	if (guided_number((struct text){text.data, digits}, UINT64_MAX, &value->number) || !value->number ||
	    (digits == text.size && value->number > BURST_PACKETS_MAX))
		return guided_refuse(parser, word, "a number from 1 to 1000000, or bytes such as 500k or 2m");
	if (digits < text.size)
		value->number *= factor_of(text.data[digits]);
	return 0;
}

static int mode_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const struct {
		const char *name;
		unsigned bit;
	} modes[] = {{"srcip", HASHLIMIT_SOURCE},
		     {"srcport", HASHLIMIT_SOURCE_PORT},
		     {"dstip", HASHLIMIT_DESTINATION},
		     {"dstport", HASHLIMIT_DESTINATION_PORT}};
	struct text text = word->text;

	for (size_t from = 0; from < text.size;) {
		size_t to = from, i = 0;
		while (to < text.size && text.data[to] != ',' && text.data[to] != '|')
			to++;
		struct text part = {text.data + from, to - from};
		while (i < 4 && !text_is(part, modes[i].name))
			i++;
		if (part.size && i == 4)
			return guided_refuse(parser, word,
					     "srcip, srcport, dstip and dstport, apart by commas");
		if (part.size)
			value->number |= modes[i].bit;
		from = to + 1;
	}
	return 0;
}

/* XTTYPE_PLEN: a length, or a mask that is one. */
static int prefix_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	address mask;
	int length = -1;

	if (guided_number(word->text, family_bits(parser->family), &value->number) == 0)
		return 0;
	if (address_parse(parser->family, word->text, &mask) == 0)
		length = mask_length(parser->family, mask);
	value->number = (uint64_t)length;
	return length >= 0 ? 0 : guided_refuse(parser, word, "a prefix length");
}

/* A file of that name appears below /proc. */
static int name_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct text *name = &value->text;

	if (name->size > NAME_SIZE_MAX)
		name->size = NAME_SIZE_MAX;
	if (!name->size || memchr(name->data, '/', name->size) || text_is(*name, ".") || text_is(*name, ".."))
		return guided_refuse(parser, word, "a name without /");
	return 0;
}

static int interval_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	int seconds = (int)rate_integer(word->text); /* atoi() */

	value->number = (uint64_t)seconds;
	return seconds > 0 ? 0 : guided_refuse(parser, word, "seconds");
}

static const struct guide guides[HL_COUNT] = {
    [HL_UPTO] = {.name = "--hashlimit-upto",
		 .kind = GUIDE_OWN,
		 .flags = GUIDE_INVERTIBLE,
		 .excludes = RATES & ~(1u << HL_UPTO),
		 .parse = rate_value},
    [HL_ABOVE] = {.name = "--hashlimit-above",
		  .kind = GUIDE_OWN,
		  .flags = GUIDE_INVERTIBLE,
		  .excludes = RATES & ~(1u << HL_ABOVE),
		  .parse = rate_value},
    [HL_OLD] = {.name = "--hashlimit",
		.kind = GUIDE_OWN,
		.flags = GUIDE_INVERTIBLE,
		.excludes = RATES & ~(1u << HL_OLD),
		.parse = rate_value},
    [HL_SOURCE_MASK] = {.name = "--hashlimit-srcmask", .kind = GUIDE_OWN, .parse = prefix_value},
    [HL_DESTINATION_MASK] = {.name = "--hashlimit-dstmask", .kind = GUIDE_OWN, .parse = prefix_value},
    [HL_BURST] = {.name = "--hashlimit-burst", .kind = GUIDE_OWN, .parse = burst_value},
    [HL_SIZE] = {.name = "--hashlimit-htable-size", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    [HL_MAX] = {.name = "--hashlimit-htable-max", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    [HL_GC_INTERVAL] = {.name = "--hashlimit-htable-gcinterval", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    [HL_EXPIRE] = {.name = "--hashlimit-htable-expire", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    [HL_MODE] = {.name = "--hashlimit-mode", .kind = GUIDE_OWN, .parse = mode_value},
    [HL_NAME] = {.name = "--hashlimit-name",
		 .kind = GUIDE_OWN,
		 .flags = GUIDE_MANDATORY,
		 .parse = name_value},
    [HL_RATE_MATCH] = {.name = "--hashlimit-rate-match", .kind = GUIDE_FLAG},
    [HL_INTERVAL] = {.name = "--hashlimit-rate-interval", .kind = GUIDE_OWN, .parse = interval_value},
};

static int hashlimit_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct hashlimit_match), guides, HL_COUNT);
}

static uint64_t number_or(const struct guided *guided, unsigned option, uint64_t otherwise)
{
	return guided_seen(guided, option) ? guided->values[option].number : otherwise;
}

static int refuse(struct rule_parser *parser, const struct match *match, const char *what, const char *hint)
{
	diagnostic_hint(option_error(parser, match->span, "bad-value", "%s", what), "%s", hint);
	return -EINVAL;
}

/* Of bytes the burst is told in times that the rate may be had at once. */
static int burst_of_bytes(struct rule_parser *parser, const struct match *match)
{
	struct hashlimit_match *hashlimit = match->data;
	uint64_t bytes = hashlimit_bytes(hashlimit->config.average), burst = hashlimit->config.burst;

	if (!guided_seen(&hashlimit->guided, HL_BURST)) {
		hashlimit->config.burst = 0;
		return 0;
	}
	if (burst < bytes || !bytes)
		return refuse(parser, match, "--hashlimit-burst is less than one second of the rate",
			      "give at least as many bytes as the rate has in a second");
	hashlimit->config.burst = burst / bytes + (burst % bytes != 0);
	return 0;
}

/* hashlimit_mt_check(): what iptables makes of the options once it has them all. */
static int configure(struct rule_parser *parser, const struct match *match)
{
	struct hashlimit_match *hashlimit = match->data;
	const struct guided *guided = &hashlimit->guided;
	struct hashlimit *config = &hashlimit->config;
	unsigned rate = guided_seen(guided, HL_ABOVE) ? HL_ABOVE
			: guided_seen(guided, HL_OLD) ? HL_OLD
						      : HL_UPTO;
	uint32_t seconds = (uint32_t)guided->values[rate].second;
	bool bytes = seconds == 0, burst = guided_seen(guided, HL_BURST);
	uint32_t bits = family_bits(parser->family);

	config->average = guided->values[rate].number;
	config->burst = number_or(guided, HL_BURST, BURST_DEFAULT);
	config->mode = (unsigned)number_or(guided, HL_MODE, 0) | (bytes ? HASHLIMIT_BYTES : 0) |
		       (guided_seen(guided, HL_RATE_MATCH) ? HASHLIMIT_RATE_MATCH : 0);
	if ((rate == HL_ABOVE) != guided_inverted(guided, rate))
		config->mode |= HASHLIMIT_ABOVE;
	config->size = (uint32_t)number_or(guided, HL_SIZE, 0);
	config->max = (uint32_t)number_or(guided, HL_MAX, 0);
	if (config->size > TABLE_SIZE_MAX)
		config->size = TABLE_SIZE_MAX;
	if (config->max > TABLE_SIZE_MAX)
		config->max = TABLE_SIZE_MAX;
	config->gc_interval = (uint32_t)number_or(guided, HL_GC_INTERVAL, GC_INTERVAL_DEFAULT);
	config->source_prefix = (unsigned)number_or(guided, HL_SOURCE_MASK, bits);
	config->destination_prefix = (unsigned)number_or(guided, HL_DESTINATION_MASK, bits);
	config->interval = (uint32_t)number_or(guided, HL_INTERVAL, 0);
	uint32_t expire = !bytes ? seconds : burst ? EXPIRE_BYTES_BURST : EXPIRE_BYTES;
	config->expire = (uint32_t)number_or(guided, HL_EXPIRE, (uint64_t)expire * 1000);
	if (config->mode & HASHLIMIT_RATE_MATCH && !bytes)
		config->average /= seconds;
	if (config->mode & HASHLIMIT_RATE_MATCH && !config->interval)
		config->interval = bytes ? 1 : seconds;
	if (bytes)
		return burst_of_bytes(parser, match);
	if (config->burst > BURST_PACKETS_MAX)
		return refuse(parser, match, "--hashlimit-burst is too large", "at most 1000000 packets");
	return 0;
}

static int hashlimit_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct hashlimit_match), guides, HL_COUNT,
				  match->span, "-m hashlimit");
	if (error)
		return error;
	struct hashlimit_match *hashlimit = match->data;
	if (!(hashlimit->guided.seen & RATES)) {
		diagnostic_hint(
		    option_error(parser, match->span, "missing-option", "-m hashlimit has no rate"),
		    "write --hashlimit-upto or --hashlimit-above");
		return -EINVAL;
	}
	error = configure(parser, match);
	if (error)
		return error;
	if (hashlimit_check(&hashlimit->config))
		return refuse(
		    parser, match, "the kernel cannot count this rate, burst and time",
		    "--hashlimit-htable-expire and -gcinterval are not 0; a slow rate takes a small "
		    "burst, and a fast one is given in another unit");
	hashlimit->name = hashlimit->guided.values[HL_NAME].text;
	hashlimit->ruleset = parser->ruleset;
	hashlimit->memory_name =
	    arena_printf(parser->ruleset->arena, "hashlimit%u %.*s", (unsigned)parser->family,
			 (int)hashlimit->name.size, hashlimit->name.data);
	return hashlimit->memory_name ? 0 : -ENOMEM;
}

/* --- printing */

/* 32 bits: in iptables' masks with them the rest of a rate above 4 GB/s is lost. */
static const struct {
	const char *name;
	uint32_t bytes;
} units[] = {{"m", 1024 * 1024}, {"k", 1024}, {"", 1}};

/* Returns how long an entry stays by default, in milliseconds. */
static uint32_t print_bytes(const struct hashlimit *config, struct buffer *out)
{
	uint64_t bytes = hashlimit_bytes(config->average);
	unsigned i = 0;

	while (i < 2 &&
	       !(bytes >= units[i].bytes && hashlimit_cost(bytes & ~(units[i].bytes - 1)) == config->average))
		i++;
	buffer_printf(out, " %llu%sb/s", (unsigned long long)(bytes / units[i].bytes), units[i].name);
	if (!config->burst)
		return EXPIRE_BYTES * 1000;
	bytes *= config->burst;
	for (i = 0; i < 2 && bytes < units[i].bytes;)
		i++;
	buffer_printf(out, " --hashlimit-burst %llu%sb", (unsigned long long)(bytes / units[i].bytes),
		      units[i].name);
	return EXPIRE_BYTES_BURST * 1000;
}

static void print_mode(unsigned mode, struct buffer *out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} modes[] = {{HASHLIMIT_SOURCE, "srcip"},
		     {HASHLIMIT_SOURCE_PORT, "srcport"},
		     {HASHLIMIT_DESTINATION, "dstip"},
		     {HASHLIMIT_DESTINATION_PORT, "dstport"}};
	const char *separator = " --hashlimit-mode ";

	for (size_t i = 0; i < 4; i++)
		if (mode & modes[i].bit) {
			buffer_printf(out, "%s%s", separator, modes[i].name);
			separator = ",";
		}
}

static void print_unless(struct buffer *out, const char *option, uint32_t value, uint32_t usual)
{
	if (value != usual)
		buffer_printf(out, " %s %u", option, value);
}

static void hashlimit_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct hashlimit_match *hashlimit = match->data;
	const struct hashlimit *config = &hashlimit->config;
	uint32_t bits = family_bits(rule->chain->table->family), expire;

	buffer_printf(out, "-m hashlimit %s",
		      guides[config->mode & HASHLIMIT_ABOVE ? HL_ABOVE : HL_UPTO].name);
	if (config->mode & HASHLIMIT_BYTES) {
		expire = print_bytes(config, out);
	} else {
		expire = rate_print(config->average, HASHLIMIT_SCALE, out) * 1000;
		buffer_printf(out, " --hashlimit-burst %llu", (unsigned long long)config->burst);
	}
	print_mode(config->mode, out);
	buffer_puts(out, " --hashlimit-name ");
	buffer_add(out, hashlimit->name.data, hashlimit->name.size);
	print_unless(out, guides[HL_SIZE].name, config->size, 0);
	print_unless(out, guides[HL_MAX].name, config->max, 0);
	print_unless(out, guides[HL_GC_INTERVAL].name, config->gc_interval, GC_INTERVAL_DEFAULT);
	print_unless(out, guides[HL_EXPIRE].name, config->expire, expire);
	print_unless(out, guides[HL_SOURCE_MASK].name, config->source_prefix, bits);
	print_unless(out, guides[HL_DESTINATION_MASK].name, config->destination_prefix, bits);
	if (config->mode & HASHLIMIT_RATE_MATCH) {
		buffer_printf(out, " %s", guides[HL_RATE_MATCH].name);
		print_unless(out, guides[HL_INTERVAL].name, config->interval, 1);
	}
}

const struct hashlimit *hashlimit_of(const struct match *match, struct text *name)
{
	const struct hashlimit_match *hashlimit = match->data;

	if (match->type != &match_hashlimit)
		return NULL;
	*name = hashlimit->name;
	return &hashlimit->config;
}

/* --- evaluation */

static bool same_table(const struct hashlimit *a, const struct hashlimit *b)
{
	return (a->mode & ~(unsigned)HASHLIMIT_ABOVE) == (b->mode & ~(unsigned)HASHLIMIT_ABOVE) &&
	       a->average == b->average && a->burst == b->burst && a->size == b->size && a->max == b->max &&
	       a->gc_interval == b->gc_interval && a->expire == b->expire && a->interval == b->interval &&
	       a->source_prefix == b->source_prefix && a->destination_prefix == b->destination_prefix;
}

static bool chain_agrees(const struct hashlimit_match *hashlimit, const struct chain *chain)
{
	for (size_t i = 0; i < chain->rule_count; i++)
		for (uint32_t j = 0; j < chain->rules[i].match_count; j++) {
			const struct match *match = &chain->rules[i].matches[j];
			const struct hashlimit_match *other = match->data;
			if (match->type == &match_hashlimit && text_equal(other->name, hashlimit->name) &&
			    !same_table(&other->config, &hashlimit->config))
				return false;
		}
	return true;
}

/* Whether all rules of this name ask for the same table. */
static bool all_agree(const struct hashlimit_match *hashlimit, enum family family)
{
	for (unsigned id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &hashlimit->ruleset->tables[family][id];
		for (size_t i = 0; i < table->chain_count; i++)
			if (!chain_agrees(hashlimit, table->chains[i]))
				return false;
	}
	return true;
}

/* proto_ports_offset(): where the ports are, or what stands in their place; -1: they are taken to be 0. */
static int ports_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_ESP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		return 0;
	case IPPROTO_AH:
		return 4;
	default:
		return -1;
	}
}

/* Of a later fragment IPv4 takes what is there for ports; IPv6 has none. */
static enum packet_part ports_of(const struct packet *packet, struct hashlimit_key *key)
{
	bool ipv6 = packet->family == FAMILY_IPV6;
	const uint8_t *bytes;

	if (ipv6 && packet->header_error)
		return PART_SHORT;
	if (!(packet->known & KNOWN_PROTOCOL) || !(packet->known & KNOWN_FRAGMENT))
		return PART_UNKNOWN;
	if (ipv6 && packet->protocol == IPPROTO_NONE)
		return PART_SHORT;
	int offset = ports_offset(packet->protocol);
	if (offset < 0 || (ipv6 && packet->fragment_offset))
		return PART_FOUND;
	if (packet->known & KNOWN_PORTS && !packet->fragment_offset) {
		key->source_port = packet->source_port;
		key->destination_port = packet->destination_port;
		return PART_FOUND;
	}
	uint32_t start = packet->transport;
	if (!ipv6) {
		enum packet_part part = packet_read(packet, 0, 20, &bytes);
		if (part != PART_FOUND)
			return part;
		start = (bytes[0] & 15u) * 4;
	} else if (!start) {
		return PART_UNKNOWN;
	}
	enum packet_part part = packet_read(packet, start + (uint32_t)offset, 4, &bytes);
	if (part == PART_FOUND) {
		key->source_port = (uint16_t)(bytes[0] << 8 | bytes[1]);
		key->destination_port = (uint16_t)(bytes[2] << 8 | bytes[3]);
	}
	return part;
}

/* hashlimit_init_dst(). PART_SHORT: hot drop. */
static enum packet_part key_of(const struct hashlimit *config, const struct packet *packet,
			       struct hashlimit_key *key)
{
	enum packet_part part = PART_FOUND;

	*key = (struct hashlimit_key){0};
	if (config->mode & HASHLIMIT_PORTS) {
		part = ports_of(packet, key);
		if (!(config->mode & HASHLIMIT_SOURCE_PORT))
			key->source_port = 0;
		if (!(config->mode & HASHLIMIT_DESTINATION_PORT))
			key->destination_port = 0;
	}
	if ((config->mode & HASHLIMIT_SOURCE && !(packet->known & KNOWN_SOURCE)) ||
	    (config->mode & HASHLIMIT_DESTINATION && !(packet->known & KNOWN_DESTINATION)))
		return part == PART_SHORT ? PART_SHORT : PART_UNKNOWN;
	if (config->mode & HASHLIMIT_SOURCE)
		key->source = address_from_bytes(packet->family, packet->source) &
			      prefix_mask(packet->family, config->source_prefix);
	if (config->mode & HASHLIMIT_DESTINATION)
		key->destination = address_from_bytes(packet->family, packet->destination) &
				   prefix_mask(packet->family, config->destination_prefix);
	return part;
}

static enum truth hashlimit_evaluate(const struct match *match, const struct rule *rule,
				     const struct packet *packet, struct evaluation *evaluation)
{
	const struct hashlimit_match *hashlimit = match->data;
	const struct hashlimit *config = &hashlimit->config;
	struct hashlimit_key key;
	enum packet_part part = key_of(config, packet, &key);
	bool known = packet->known & KNOWN_TIME && part == PART_FOUND &&
		     (!(config->mode & HASHLIMIT_BYTES) || packet->known & KNOWN_LENGTH);
	bool full = false;

	if (part == PART_SHORT) { /* nothing is counted */
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	struct rate_memory *memory =
	    rate_memory(match, rule, hashlimit->memory_name, hashlimit_table_size(), known, evaluation);
	if (!memory)
		return TRUTH_UNKNOWN;
	if (!memory->begun) {
		memory->begun = true;
		memory->lost = !all_agree(hashlimit, packet->family);
		if (memory->lost)
			return TRUTH_UNKNOWN;
	}
	enum truth below = hashlimit_count((struct hashlimit_table *)memory, evaluation->session, config,
					   &key, rate_jiffies(packet), packet->length, &full);
	if (full) {
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	if (below == TRUTH_UNKNOWN) {
		memory->lost = true;
		return TRUTH_UNKNOWN;
	}
	return config->mode & HASHLIMIT_ABOVE ? truth_not(below) : below;
}

static unsigned hashlimit_effects(const struct match *match)
{
	(void)match;
	return EFFECT_STATE;
}

const struct match_type match_hashlimit = {
    .name = "hashlimit",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = hashlimit_parse,
    .finish = hashlimit_finish,
    .print = hashlimit_print,
    .evaluate = hashlimit_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = hashlimit_effects,
};
