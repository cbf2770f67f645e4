/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m osf: the operating system that a SYN looks like it came from: nf_osf_match() in
 * net/netfilter/nfnetlink_osf.c, by fingerprints that the host has loaded, which are not known. What is no
 * SYN does not match, negated or not. Of a later fragment it takes the data for a TCP header.
 */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <netinet/in.h>
#include <string.h>

#define GENRE_MAX 31 /* MAXGENRELEN is 32; iptables cuts off what is longer */
#define TCP_SYN 0x02

enum { OSF_GENRE, OSF_TTL, OSF_LOG, OSF_COUNT };

static const struct guide guides[OSF_COUNT] = {
    [OSF_GENRE] = {.name = "--genre",
		   .kind = GUIDE_STRING,
		   .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		   .min = 1,
		   .max = UINT32_MAX,
		   .hint = "the name of a system, as in the list of fingerprints"},
    [OSF_TTL] = {.name = "--ttl", .kind = GUIDE_NUMBER, .max = 2},
    [OSF_LOG] = {.name = "--log", .kind = GUIDE_NUMBER, .max = 2},
};

static int osf_parse(struct rule_parser *parser, struct match *match)
{
	int result = guided_parse(parser, &match->data, sizeof(struct guided), guides, OSF_COUNT);

	if (result == 1)
		guided_cut(match->data, OSF_GENRE, GENRE_MAX);
	return result;
}

static int osf_finish(struct rule_parser *parser, struct match *match)
{
	int error = option_require_protocol(parser, match->span, "-m osf", IPPROTO_TCP, "tcp");

	return error ? error
		     : guided_finish(parser, &match->data, sizeof(struct guided), guides, OSF_COUNT,
				     match->span, "-m osf");
}

static void osf_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *osf = match->data;
	struct text genre = osf->values[OSF_GENRE].text;

	/* iptables-save puts no quotes around it; they are needed all the same where there is a blank. */
	buffer_printf(out, "-m osf%s --genre", guided_inverted(osf, OSF_GENRE) ? " !" : "");
	if (memchr(genre.data, ' ', genre.size))
		option_print_string(out, genre);
	else
		buffer_printf(out, " %.*s", (int)genre.size, genre.data);
	guided_print(osf, guides, OSF_TTL, rule->chain->table->family, out);
	guided_print(osf, guides, OSF_LOG, rule->chain->table->family, out);
}

static enum truth osf_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	(void)match;
	(void)rule;
	(void)evaluation;

	if (option_has_transport(packet) == TRUTH_YES && packet->known & KNOWN_TCP_FLAGS &&
	    !(packet->tcp_flags & TCP_SYN))
		return TRUTH_NO;
	return TRUTH_UNKNOWN;
}

static diagram_node osf_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	diagram_node late = diagram_not(fields->diagram, option_not_late(fields));
	diagram_node syn = fields_masked(fields, FIELD_TCP_FLAGS, TCP_SYN, TCP_SYN);

	return diagram_and(fields->diagram, diagram_or(fields->diagram, late, syn),
			   unseen_mean(match, rule, fields));
}

static unsigned osf_effects(const struct match *match)
{
	return guided_seen(match->data, OSF_LOG) ? EFFECT_LOG : 0;
}

const struct match_type match_osf = {
    .name = "osf",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = osf_parse,
    .finish = osf_finish,
    .print = osf_print,
    .evaluate = osf_evaluate,
    .declare = unseen_declare,
    .mean = osf_mean,
    .effects = osf_effects,
    .hooks = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD,
};
