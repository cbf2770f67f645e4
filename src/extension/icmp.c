/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Types and codes of ICMP and ICMPv6 as icmp_match() and icmp6_match() of net/netfilter/xt_tcpudp.c (older
 * kernels: ip_tables.c, ip6_tables.c) compare them. Nothing, negated or not, is true of a later fragment. */
#include "extension/icmp.h"

#include "extension/guided.h"

#include <errno.h>
#include <string.h>

/* Names may be cut short as long as one of them alone begins so. */
static int name_parse(const struct icmp_kind *kind, struct rule_parser *parser, const struct word *word,
		      struct icmp_match *icmp, bool *found)
{
	size_t first = kind->name_count;

	*found = false;
	for (size_t i = 0; i < kind->name_count; i++) {
		if (!text_abbreviates(word->text, kind->names[i].name))
			continue;
		if (first != kind->name_count) {
			struct diagnostic *diagnostic =
			    parser_error(parser, word, "bad-icmp-type", "%s type \"%.*s\" is ambiguous",
					 kind->what, (int)word->text.size, word->text.data);
			diagnostic_hint(diagnostic, "%s or %s?", kind->names[first].name,
					kind->names[i].name);
			return -EINVAL;
		}
		first = i;
	}
	if (first == kind->name_count)
		return 0;
	*found = true;
	icmp->type = kind->names[first].type;
	icmp->code_first = kind->names[first].code_first;
	icmp->code_last = kind->names[first].code_last;
	return 0;
}

static int type_parse(const struct icmp_kind *kind, struct rule_parser *parser, const struct word *word,
		      struct icmp_match *icmp)
{
	bool found;
	int error = name_parse(kind, parser, word, icmp, &found);
	if (error || found)
		return error;

	struct text type = word->text, code = {0};
	const char *slash = type.size ? memchr(type.data, '/', type.size) : NULL;
	uint64_t number;
	if (slash) {
		type.size = (size_t)(slash - type.data);
		code = (struct text){slash + 1, word->text.size - type.size - 1};
	}
	if (guided_number(type, 255, &number)) {
		struct diagnostic *diagnostic =
		    parser_error(parser, word, "bad-icmp-type", "\"%.*s\" is not an %s type",
				 (int)word->text.size, word->text.data, kind->what);
		diagnostic_hint(diagnostic, "a name as \"iptables -p %s -h\" lists them, TYPE or TYPE/CODE",
				kind->protocol_name);
		return -EINVAL;
	}
	icmp->type = (uint8_t)number;
	icmp->code_first = 0;
	icmp->code_last = 255;
	if (!slash)
		return 0;
	if (guided_number(code, 255, &number)) {
		struct diagnostic *diagnostic =
		    parser_error(parser, word, "bad-icmp-type", "\"%.*s\" has no %s code behind the /",
				 (int)word->text.size, word->text.data, kind->what);
		diagnostic_hint(diagnostic, "a number from 0 to 255");
		return -EINVAL;
	}
	icmp->code_first = icmp->code_last = (uint8_t)number;
	return 0;
}

int icmp_parse(const struct icmp_kind *kind, struct rule_parser *parser, struct match *match)
{
	struct icmp_match *icmp = option_data(parser, &match->data, sizeof(*icmp));
	if (!icmp)
		return -ENOMEM;
	if (!parser_option_is(parser, kind->option))
		return 0;
	bool inverted = parser->inverted;
	int error = option_once(parser, &icmp->seen, 1, 0);
	if (error)
		return error;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	icmp->inverted = inverted || parser->inverted;
	error = type_parse(kind, parser, word, icmp);
	return error ? error : 1;
}

int icmp_finish(const struct icmp_kind *kind, struct rule_parser *parser, struct match *match)
{
	const struct icmp_match *icmp = option_data(parser, &match->data, sizeof(*icmp));
	if (!icmp)
		return -ENOMEM;
	if (!icmp->seen) {
		diagnostic_hint(option_error(parser, match->span, "missing-option", "%s has no %s",
					     kind->match, kind->option),
				kind->has_any ? "%s any matches all types"
					      : "leave %s out to match all types",
				kind->has_any ? kind->option : kind->match);
		return -EINVAL;
	}
	return option_require_protocol(parser, match->span, kind->match, kind->protocol, kind->protocol_name);
}

void icmp_print(const struct icmp_kind *kind, const struct match *match, struct buffer *out)
{
	const struct icmp_match *icmp = match->data;

	buffer_printf(out, "%s%s %s ", kind->match, icmp->inverted ? " !" : "", kind->option);
	if (kind->has_any && icmp->type == ICMP_TYPE_ANY) {
		buffer_puts(out, "any");
		return;
	}
	buffer_printf(out, "%u", icmp->type);
	if (icmp->code_first != 0 || icmp->code_last != 255)
		buffer_printf(out, "/%u", icmp->code_first);
}

enum truth icmp_evaluate(const struct icmp_kind *kind, const struct match *match, const struct packet *packet,
			 struct evaluation *evaluation)
{
	const struct icmp_match *icmp = match->data;
	enum truth truth = option_has_transport(packet);

	if (truth == TRUTH_NO)
		return TRUTH_NO;
	if (packet->transport_short) {
		evaluation->hot_drop = true;
		return TRUTH_NO;
	}
	if (kind->has_any && icmp->type == ICMP_TYPE_ANY)
		return truth_and(truth, truth_of(!icmp->inverted));
	if (!(packet->known & KNOWN_ICMP))
		return TRUTH_UNKNOWN;
	bool same = packet->icmp_type == icmp->type && packet->icmp_code >= icmp->code_first &&
		    packet->icmp_code <= icmp->code_last;
	return truth_and(truth, truth_of(same != icmp->inverted));
}

diagram_node icmp_mean(const struct icmp_kind *kind, const struct match *match, const struct fields *fields)
{
	const struct icmp_match *icmp = match->data;
	diagram_node mean = DIAGRAM_TRUE;

	if (!kind->has_any || icmp->type != ICMP_TYPE_ANY)
		mean = fields_range(fields, FIELD_ICMP, (uint64_t)icmp->type << 8 | icmp->code_first,
				    (uint64_t)icmp->type << 8 | icmp->code_last);
	if (icmp->inverted)
		mean = diagram_not(fields->diagram, mean);
	return diagram_and(fields->diagram, option_not_late(fields), mean);
}
