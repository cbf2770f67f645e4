/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NAME src,dst: get_set_byname() and parse_dirs() in extensions/libxt_set.h of iptables. */
#include "extension/set_reference.h"

#include "extension/option.h"

#include <errno.h>

static int find(struct rule_parser *parser, const struct word *word, struct set **found)
{
	struct set *set = ruleset_find_set(parser->ruleset, word->text);

	if (!set) {
		diagnostic_hint(parser_error(parser, word, "set-not-given",
					     "the set \"%.*s\" is not in the input", (int)word->text.size,
					     word->text.data),
				"give the output of \"ipset save\" along with the rules");
		return -EINVAL;
	}
	if (set->family != parser->family && !set_types[set->type].any_family) {
		struct diagnostic *diagnostic =
		    parser_error(parser, word, "wrong-family", "the set \"%.*s\" holds IPv%d addresses",
				 (int)word->text.size, word->text.data, set->family == FAMILY_IPV4 ? 4 : 6);
		diagnostic_label(diagnostic, set->span, "created here");
		diagnostic_hint(diagnostic, "these rules are for IPv%d: use a set with family %s",
				parser->family == FAMILY_IPV4 ? 4 : 6,
				parser->family == FAMILY_IPV4 ? "inet" : "inet6");
		return -EINVAL;
	}
	*found = set;
	return 0;
}

/* iptables compares three letters: "srcs" is src. */
static int parse_directions(struct rule_parser *parser, const struct word *word,
			    struct set_reference *reference)
{
	struct comma_list list = {.rest = word->text};
	struct text part;

	while (comma_next(&list, &part)) {
		bool source = text_starts(part, "src");
		if (!source && !text_starts(part, "dst")) {
			diagnostic_hint(parser_error(parser, word, "bad-value", "\"%.*s\" is not a direction",
						     (int)part.size, part.data),
					"a list of src and dst, one for each dimension of the set");
			return -EINVAL;
		}
		if (reference->dimensions == SET_DIRECTIONS_MAX) {
			diagnostic_hint(parser_error(parser, word, "bad-value", "more than %d directions",
						     SET_DIRECTIONS_MAX),
					"no set has more than 6 dimensions");
			return -EINVAL;
		}
		reference->source[reference->dimensions++] = source;
	}
	return 0;
}

int set_reference_parse(struct rule_parser *parser, struct set_reference *reference)
{
	struct set_reference parsed = {0};
	const struct word *name = parser_argument(parser);
	bool inverted = parser->inverted;
	const struct word *directions = name ? parser_argument(parser) : NULL;
	int error = directions ? find(parser, name, &parsed.set) : -EINVAL;

	if (!error && parser->inverted != inverted) /* a "!" in front of the directions */
		error = parser_refuse_inversion(parser);
	if (!error)
		error = parse_directions(parser, directions, &parsed);
	if (!error)
		*reference = parsed;
	return error;
}

void set_reference_print(const struct set_reference *reference, struct buffer *out)
{
	buffer_printf(out, "%.*s ", (int)reference->set->name.size, reference->set->name.data);
	for (unsigned i = 0; i < reference->dimensions; i++)
		buffer_printf(out, "%s%s", i ? "," : "", reference->source[i] ? "src" : "dst");
}
