/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Port ranges of tcp and udp: port_match() in net/netfilter/xt_tcpudp.c. */
#include "extension/port.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

/* xtables_parse_port() reads numbers as strtoul() with base 0 does; getaddrinfo() reads decimal ones only,
 * and no text as 0. */
static bool number_text(enum port_style style, struct text text, uint64_t *number)
{
	if (style == PORT_STRICT)
		return number_parse_c(text, UINT16_MAX, number) == 0;
	for (size_t i = 0; i < text.size; i++)
		if (!isdigit((unsigned char)text.data[i]))
			return false;
	if (text.size == 0)
		text = TEXT("0");
	while (text.size > 1 && text.data[0] == '0')
		text = (struct text){text.data + 1, text.size - 1};
	return number_parse(text, UINT16_MAX, number) == 0;
}

/* xtables_getportbyname() asks getaddrinfo() without a protocol, which looks TCP up first. */
static bool any_service(struct text text, uint16_t *port)
{
	static const char *const protocols[] = {"tcp", "udp", NULL};
	char name[64];

	if (text.size >= sizeof(name) || isdigit((unsigned char)text.data[0]) ||
	    memchr(text.data, 0, text.size))
		return false;
	memcpy(name, text.data, text.size);
	name[text.size] = '\0';
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		const struct servent *service = getservbyname(name, protocols[i]);
		if (!service)
			continue;
		*port = ntohs((uint16_t)service->s_port);
		return true;
	}
	return false;
}

int port_parse_one(struct rule_parser *parser, enum port_style style, const struct word *word,
		   struct text text, uint16_t *port)
{
	uint16_t first, last;
	uint64_t number;

	if (number_text(style, text, &number)) {
		*port = (uint16_t)number;
		return 0;
	}
	if (!text.size || memchr(text.data, ':', text.size) || (text.size > 1 && text.data[0] == '0')) {
		struct diagnostic *diagnostic = parser_error(
		    parser, word, "bad-port", "\"%.*s\" is not a port", (int)text.size, text.data);
		diagnostic_hint(diagnostic, "a number from 0 to 65535, or a service name of /etc/services");
		return -EINVAL;
	}
	if (style == PORT_GUIDED && any_service(text, port))
		return 0;
	int error = parser_port_range(parser, word, text, &first, &last);
	if (!error)
		*port = first;
	return error;
}

int port_parse(struct rule_parser *parser, enum port_style style, struct port_match *match)
{
	bool inverted = parser->inverted;
	const struct word *word = parser_argument(parser);
	uint16_t first = 0, last = UINT16_MAX;
	int error = 0;

	if (!word)
		return -EINVAL;
	inverted |= parser->inverted;
	struct text text = word->text;
	const char *colon = text.size ? memchr(text.data, ':', text.size) : NULL;
	if (!colon) {
		error = port_parse_one(parser, style, word, text, &first);
		last = first;
	} else {
		struct text low = {text.data, (size_t)(colon - text.data)};
		struct text high = {colon + 1, text.size - low.size - 1};
		if (low.size)
			error = port_parse_one(parser, style, word, low, &first);
		if (!error && high.size)
			error = port_parse_one(parser, style, word, high, &last);
	}
	if (error)
		return error;
	if (first > last && style == PORT_STRICT) {
		struct diagnostic *diagnostic = parser_error(
		    parser, word, "bad-port", "port range %.*s runs downwards", (int)text.size, text.data);
		diagnostic_hint(diagnostic, "write %u:%u", last, first);
		return -EINVAL;
	}
	*match = (struct port_match){first, last, true, inverted};
	return 0;
}

/* The whole range is not printed, even where "!" makes it match nothing: so says iptables-save. */
void port_print(const struct port_match *match, const char *option, struct buffer *out)
{
	if (!match->given || (match->first == 0 && match->last == UINT16_MAX))
		return;
	buffer_printf(out, "%s %s %u", match->inverted ? " !" : "", option, match->first);
	if (match->first != match->last)
		buffer_printf(out, ":%u", match->last);
}

enum truth port_evaluate(const struct port_match *match, const struct packet *packet, bool source)
{
	if (!match->given)
		return TRUTH_YES;
	if (match->first > match->last)
		return truth_of(match->inverted);
	if (match->first == 0 && match->last == UINT16_MAX)
		return truth_of(!match->inverted);
	if (!(packet->known & (KNOWN_PORTS | (source ? KNOWN_SOURCE_PORT : KNOWN_DESTINATION_PORT))))
		return TRUTH_UNKNOWN;
	uint16_t port = source ? packet->source_port : packet->destination_port;
	return truth_of((port >= match->first && port <= match->last) != match->inverted);
}

void port_bounds(const struct port_match *match, uint16_t *low, uint16_t *high)
{
	bool empty = match->first > match->last, all = match->first == 0 && match->last == UINT16_MAX;
	bool known = match->given && !match->inverted && !empty;

	*low = known ? match->first : 0;
	*high = known ? match->last : UINT16_MAX;
	if (match->given && (match->inverted ? all : empty)) {
		*low = 1;
		*high = 0;
	}
}

diagram_node port_mean(const struct port_match *match, const struct fields *fields, enum field field)
{
	if (!match->given)
		return DIAGRAM_TRUE;
	diagram_node in = match->first > match->last ? DIAGRAM_FALSE
						     : fields_range(fields, field, match->first, match->last);
	return match->inverted ? diagram_not(fields->diagram, in) : in;
}
