/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m sctp: ports, and the kinds of chunks: sctp_mt() in net/netfilter/xt_sctp.c. Nothing in it, negated or
 * not, is true of a later fragment. Chunks are not in the match key. */
#include "extension/guided.h"
#include "extension/header.h"
#include "extension/port.h"
#include "extension/types.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

enum { SEEN_SOURCE = 1, SEEN_DESTINATION = 2, SEEN_CHUNKS = 4 };

enum chunk_mode { CHUNKS_ANY, CHUNKS_ALL, CHUNKS_ONLY };
static const char *const mode_names[] = {"any", "all", "only"};

#define FLAGS_MAX 4 /* XT_NUM_SCTP_FLAGS */
#define SCTP_HEADER_SIZE 12

struct sctp_match {
	unsigned seen;
	struct port_match source, destination;
	enum chunk_mode mode;
	bool chunks_inverted;
	bool types[256];
	unsigned flag_count;
	struct {
		uint8_t type, mask, flags;
	} flags[FLAGS_MAX];
	struct text text; /* of the chunks, not inverted */
};

/* What a letter of `flags` stands for is its place, the first one for the highest bit. */
static const struct chunk {
	const char *name;
	uint8_t type;
	const char *flags;
} chunks[] = {
    {"DATA", 0, "----IUBE"},           {"INIT", 1, "--------"},         {"INIT_ACK", 2, "--------"},
    {"SACK", 3, "--------"},           {"HEARTBEAT", 4, "--------"},    {"HEARTBEAT_ACK", 5, "--------"},
    {"ABORT", 6, "-------T"},          {"SHUTDOWN", 7, "--------"},     {"SHUTDOWN_ACK", 8, "--------"},
    {"ERROR", 9, "--------"},          {"COOKIE_ECHO", 10, "--------"}, {"COOKIE_ACK", 11, "--------"},
    {"ECN_ECNE", 12, "--------"},      {"ECN_CWR", 13, "--------"},     {"SHUTDOWN_COMPLETE", 14, "-------T"},
    {"I_DATA", 64, "----IUBE"},        {"RE_CONFIG", 130, "--------"},  {"PAD", 132, "--------"},
    {"ASCONF", 193, "--------"},       {"ASCONF_ACK", 128, "--------"}, {"FORWARD_TSN", 192, "--------"},
    {"I_FORWARD_TSN", 194, "--------"}};
#define CHUNK_COUNT (sizeof(chunks) / sizeof(*chunks))

/* --- reading */

static int port_value(struct text text, uint16_t *port)
{
	char name[64];
	uint64_t number;

	if (guided_number(text, UINT16_MAX, &number) == 0) {
		*port = (uint16_t)number;
		return 0;
	}
	if (!text.size || text.size >= sizeof(name) || memchr(text.data, '\0', text.size))
		return -EINVAL;
	memcpy(name, text.data, text.size);
	name[text.size] = '\0';
	const struct servent *service = getservbyname(name, "sctp");
	if (!service)
		return -EINVAL;
	*port = ntohs((uint16_t)service->s_port);
	return 0;
}

static int ports_parse(struct rule_parser *parser, struct port_match *match)
{
	bool inverted = parser->inverted;
	const struct word *word = parser_argument(parser);
	uint16_t first = 0, last = UINT16_MAX;

	if (!word)
		return -EINVAL;
	if (parser->inverted != inverted) /* a "!" in front of the argument */
		return parser_refuse_inversion(parser);
	struct text low = word->text, high = {0};
	const char *colon = low.size ? memchr(low.data, ':', low.size) : NULL;
	if (colon) {
		low.size = (size_t)(colon - low.data);
		high = (struct text){colon + 1, word->text.size - low.size - 1};
	}
	if (((low.size || !colon) && port_value(low, &first)) || (high.size && port_value(high, &last)))
		return guided_refuse(parser, word, "a port, or FIRST:LAST");
	if (!colon)
		last = first;
	if (first > last)
		return guided_refuse(parser, word, "a range that runs upwards");
	*match = (struct port_match){first, last, true, inverted};
	return 0;
}

/* iptables keeps the flags by the chunk's place in its table, which is the type up to 14: those of all others
 * are lost. */
static int flag_add(struct sctp_match *sctp, size_t chunk, char letter)
{
	const char *place = strchr(chunks[chunk].flags, toupper((unsigned char)letter));
	unsigned i = 0;

	if (!letter || !place)
		return -EINVAL;
	while (i < sctp->flag_count && sctp->flags[i].type != chunk)
		i++;
	if (i == FLAGS_MAX)
		return -ERANGE;
	if (i == sctp->flag_count)
		sctp->flag_count++;
	uint8_t bit = (uint8_t)(0x80u >> (place - chunks[chunk].flags));
	sctp->flags[i].type = (uint8_t)chunk;
	sctp->flags[i].mask |= bit;
	if (isupper((unsigned char)letter))
		sctp->flags[i].flags |= bit;
	return 0;
}

static int chunk_parse(struct rule_parser *parser, const struct word *word, struct text part,
		       struct sctp_match *sctp)
{
	const char *colon = memchr(part.data, ':', part.size);
	struct text name = {part.data, colon ? (size_t)(colon - part.data) : part.size};
	size_t chunk = 0;

	while (chunk < CHUNK_COUNT && !text_same(name, chunks[chunk].name))
		chunk++;
	if (chunk == CHUNK_COUNT)
		return guided_refuse(parser, word, "DATA, INIT, INIT_ACK, SACK ..., apart by commas");
	sctp->types[chunks[chunk].type] = true;
	for (size_t i = name.size + 1; i < part.size; i++) {
		int error = flag_add(sctp, chunk, part.data[i]);
		if (error)
			return guided_refuse(parser, word,
					     error == -ERANGE ? "at most 4 chunks have flags"
							      : "DATA:IUBE, ABORT:T, SHUTDOWN_COMPLETE:T");
	}
	return 0;
}

static int chunks_parse(struct rule_parser *parser, struct sctp_match *sctp)
{
	bool inverted = parser->inverted;
	const struct word *mode = parser_argument(parser);
	const struct word *word = mode ? parser_argument(parser) : NULL;
	struct text part;
	unsigned i = 0;

	if (!word)
		return -EINVAL;
	if (parser->inverted != inverted)
		return parser_refuse_inversion(parser);
	while (i < 3 && !text_same(mode->text, mode_names[i]))
		i++;
	if (i == 3)
		return guided_refuse(parser, mode, "any, all or only");
	sctp->mode = (enum chunk_mode)i;
	sctp->chunks_inverted = inverted;
	if (text_same(word->text, "ALL"))
		memset(sctp->types, true, sizeof(sctp->types));
	if (text_same(word->text, "ALL") || text_same(word->text, "NONE"))
		return 0;
	struct comma_list list = {.rest = word->text};
	while (comma_next(&list, &part)) {
		int error = part.size ? chunk_parse(parser, word, part, sctp) : 0;
		if (error)
			return error;
	}
	return 0;
}

static int sctp_parse(struct rule_parser *parser, struct match *match)
{
	struct sctp_match *sctp = option_data(parser, &match->data, sizeof(*sctp));
	int error;

	if (!sctp)
		return -ENOMEM;
	if (parser_option_is(parser, "--sport") || parser_option_is(parser, "--source-port")) {
		error = option_once(parser, &sctp->seen, SEEN_SOURCE, 0);
		if (!error)
			error = ports_parse(parser, &sctp->source);
	} else if (parser_option_is(parser, "--dport") || parser_option_is(parser, "--destination-port")) {
		error = option_once(parser, &sctp->seen, SEEN_DESTINATION, 0);
		if (!error)
			error = ports_parse(parser, &sctp->destination);
	} else if (parser_option_is(parser, "--chunk-types")) {
		error = option_once(parser, &sctp->seen, SEEN_CHUNKS, 0);
		if (!error)
			error = chunks_parse(parser, sctp);
	} else {
		return 0;
	}
	return error ? error : 1;
}

/* --- printing */

static void print_port(const struct port_match *port, const char *option, struct buffer *out)
{
	if (!port->given)
		return;
	buffer_printf(out, "%s %s %u", port->inverted ? " !" : "", option, port->first);
	if (port->last != port->first)
		buffer_printf(out, ":%u", port->last);
}

static void print_flags(const struct sctp_match *sctp, const struct chunk *chunk, struct buffer *out)
{
	for (unsigned i = 0; i < sctp->flag_count; i++) {
		if (sctp->flags[i].type != chunk->type)
			continue;
		buffer_puts(out, ":");
		for (unsigned place = 0; place < 8; place++) {
			unsigned bit = 0x80u >> place;
			char letter = chunk->flags[place];
			if (sctp->flags[i].mask & bit)
				buffer_printf(out, "%c",
					      sctp->flags[i].flags & bit ? letter : tolower(letter));
		}
	}
}

static void print_chunks(const struct sctp_match *sctp, struct buffer *out)
{
	const char *separator = " ";
	unsigned count = 0;

	buffer_printf(out, " --chunk-types %s", mode_names[sctp->mode]);
	for (unsigned type = 0; type < 256; type++)
		count += sctp->types[type];
	if (count == 0 || count == 256) {
		buffer_puts(out, count ? " ALL" : " NONE");
		return;
	}
	for (unsigned type = 0; type < 256; type++)
		for (size_t i = 0; i < CHUNK_COUNT && sctp->types[type]; i++)
			if (chunks[i].type == type) {
				buffer_printf(out, "%s%s", separator, chunks[i].name);
				print_flags(sctp, &chunks[i], out);
				separator = ",";
			}
}

static int sctp_finish(struct rule_parser *parser, struct match *match)
{
	struct sctp_match *sctp = option_data(parser, &match->data, sizeof(*sctp));
	if (!sctp)
		return -ENOMEM;
	int error = option_require_protocol(parser, match->span, "-m sctp", IPPROTO_SCTP, "sctp");
	if (error || !(sctp->seen & SEEN_CHUNKS))
		return error;
	struct buffer text = {0};
	buffer_puts(&text, "-m sctp");
	print_chunks(sctp, &text);
	char *copy = text.failed ? NULL : arena_copy(parser->ruleset->arena, text.data, text.size);
	sctp->text = (struct text){copy, text.size};
	buffer_fini(&text);
	return copy ? 0 : -ENOMEM;
}

static void sctp_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct sctp_match *sctp = match->data;
	(void)rule;

	buffer_puts(out, "-m sctp");
	print_port(&sctp->source, "--sport", out);
	print_port(&sctp->destination, "--dport", out);
	if (!(sctp->seen & SEEN_CHUNKS))
		return;
	buffer_puts(out, sctp->chunks_inverted ? " !" : "");
	print_chunks(sctp, out);
}

/* --- evaluation */

static bool flags_match(const struct sctp_match *sctp, uint8_t type, uint8_t flags)
{
	for (unsigned i = 0; i < sctp->flag_count; i++)
		if (sctp->flags[i].type == type)
			return (flags & sctp->flags[i].mask) == sctp->flags[i].flags;
	return true;
}

/* match_packet(): walks the chunks. PART_SHORT: one is cut off or says that it is of no length, hot drop.
 * Each step is at least 4 bytes, and a packet no more than 64 KB. */
static enum packet_part chunks_match(const struct sctp_match *sctp, const struct packet *packet,
				     uint32_t offset, bool *matches)
{
	bool wanted[256];

	memcpy(wanted, sctp->types, sizeof(wanted));
	do {
		const uint8_t *chunk;
		enum packet_part part = packet_read(packet, offset, 4, &chunk);
		if (part != PART_FOUND)
			return part;
		uint32_t length = (uint32_t)chunk[2] << 8 | chunk[3];
		if (!length)
			return PART_SHORT;
		offset += (length + 3) & ~3u;
		bool listed = sctp->types[chunk[0]], fits = flags_match(sctp, chunk[0], chunk[1]);
		if (listed && fits && sctp->mode == CHUNKS_ANY) {
			*matches = true;
			return PART_FOUND;
		}
		if (sctp->mode == CHUNKS_ONLY && (!listed || !fits)) {
			*matches = false;
			return PART_FOUND;
		}
		if (listed && fits)
			wanted[chunk[0]] = false;
	} while (offset < packet->length);
	*matches =
	    sctp->mode == CHUNKS_ONLY || (sctp->mode == CHUNKS_ALL && !memchr(wanted, 1, sizeof(wanted)));
	return PART_FOUND;
}

static enum truth sctp_evaluate(const struct match *match, const struct rule *rule,
				const struct packet *packet, struct evaluation *evaluation)
{
	const struct sctp_match *sctp = match->data;
	enum truth truth = option_has_transport(packet);
	const uint8_t *header;
	uint32_t offset;
	bool matches = false;
	(void)rule;

	if (truth == TRUTH_NO)
		return TRUTH_NO;
	if (packet->transport_short) {
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	truth = truth_and(truth, port_evaluate(&sctp->source, packet, true));
	truth = truth_and(truth, port_evaluate(&sctp->destination, packet, false));
	if (truth == TRUTH_NO || !(sctp->seen & SEEN_CHUNKS))
		return truth;
	enum packet_part part = PART_UNKNOWN;
	if (packet->known & KNOWN_PROTOCOL && packet->known & KNOWN_LENGTH)
		part = packet_header(packet, IPPROTO_SCTP, SCTP_HEADER_SIZE, &header, &offset);
	if (part == PART_FOUND)
		part = chunks_match(sctp, packet, offset + SCTP_HEADER_SIZE, &matches);
	if (part == PART_FOUND)
		return truth_and(truth, truth_of(matches != sctp->chunks_inverted));
	if (part != PART_SHORT || truth != TRUTH_YES)
		return TRUTH_UNKNOWN;
	/* The packet is dropped, but a negated rule counts it first. */
	evaluation->hot_drop = true;
	return truth_of(sctp->chunks_inverted);
}

/* --- meaning */

static int sctp_declare(const struct match *match, const struct rule *rule, struct fields *fields)
{
	const struct sctp_match *sctp = match->data;

	return sctp->seen & SEEN_CHUNKS
		   ? option_declare_opaque(match, rule, fields, sctp->text, OPAQUE_PACKET)
		   : 0;
}

static diagram_node sctp_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	const struct sctp_match *sctp = match->data;
	struct diagram *diagram = fields->diagram;
	diagram_node mean = option_not_late(fields);

	mean = diagram_and(diagram, mean, port_mean(&sctp->source, fields, FIELD_SPORT));
	mean = diagram_and(diagram, mean, port_mean(&sctp->destination, fields, FIELD_DPORT));
	if (sctp->seen & SEEN_CHUNKS) {
		diagram_node in = option_mean_opaque(match, rule, fields, sctp->text, OPAQUE_PACKET);
		mean = diagram_and(diagram, mean, sctp->chunks_inverted ? diagram_not(diagram, in) : in);
	}
	return mean;
}

static unsigned sctp_effects(const struct match *match)
{
	const struct sctp_match *sctp = match->data;

	return sctp->text.size ? header_effects(match) : 0;
}

const struct match_type match_sctp = {
    .name = "sctp",
    .modelled = true,
    .effects = sctp_effects,
    .parse = sctp_parse,
    .finish = sctp_finish,
    .print = sctp_print,
    .evaluate = sctp_evaluate,
    .declare = sctp_declare,
    .mean = sctp_mean,
};
