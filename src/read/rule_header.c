/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Options of a rule itself: protocol and interfaces. libxtables/xtables.c says what iptables takes. */
#include "read/reader.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <string.h>

int header_protocol(struct rule_parser *parser)
{
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	struct rule *rule = parser->rule;
	if (protocol_parse(word->text, &rule->protocol) < 0) {
		diagnostic_hint(parser_error(parser, word, "unknown-protocol", "`%.*s' is not a protocol",
					     (int)word->text.size, word->text.data),
				"a name as in /etc/protocols, a number from 0 to 255, or all");
		return -EINVAL;
	}
	rule->protocol_inverted = parser->inverted;
	if (rule->protocol == 0 && parser->inverted) {
		diagnostic_hint(
		    parser_error(parser, word, "bad-inversion", "this matches no protocol at all"),
		    "iptables refuses it; leave out the rule");
		return -EINVAL;
	}
	return 0;
}

int header_interface(struct rule_parser *parser, struct interface_match *match)
{
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	struct text name = word->text;
	if (name.size == 0 || memchr(name.data, '\0', name.size)) {
		diagnostic_hint(parser_error(parser, word, "bad-interface", "not a name of an interface"),
				"leave out the option to match any");
		return -EINVAL;
	}
	if (name.size >= INTERFACE_NAME_MAX) {
		diagnostic_hint(parser_error(parser, word, "bad-interface",
					     "the interface name `%.*s' is too long", (int)name.size,
					     name.data),
				"names have up to %d characters; a + at the end stands for any rest",
				INTERFACE_NAME_MAX - 1);
		return -EINVAL;
	}
	*match = (struct interface_match){.inverted = parser->inverted};
	match->wildcard = name.data[name.size - 1] == '+';
	memcpy(match->name, name.data, name.size - match->wildcard);
	if (!match->name[0] && !match->inverted)
		match->wildcard = false; /* -i + is no condition */
	return 0;
}

static int refuse_interface(struct rule_parser *parser, const struct chain *chain, const char *option)
{
	diagnostic_hint(
	    diagnostic_add(parser->sink, SEVERITY_ERROR, "wrong-chain", parser->rule->span,
			   "%s cannot be used in %.*s", option, (int)chain->name.size, chain->name.data),
	    "there a packet %s; iptables refuses the rule",
	    option[1] == 'i' ? "did not come in by an interface" : "does not have an interface to go out by");
	return -EINVAL;
}

int header_check(struct rule_parser *parser, const struct chain *chain)
{
	const struct rule *rule = parser->rule;
	if (!chain->builtin)
		return 0;
	bool in = rule->in.name[0] || rule->in.inverted, out = rule->out.name[0] || rule->out.inverted;
	if (in && (chain->hook == HOOK_OUTPUT || chain->hook == HOOK_POSTROUTING))
		return refuse_interface(parser, chain, "-i");
	if (out && (chain->hook == HOOK_PREROUTING || chain->hook == HOOK_INPUT))
		return refuse_interface(parser, chain, "-o");
	return 0;
}
