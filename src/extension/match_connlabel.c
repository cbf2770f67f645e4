/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m connlabel: a bit of the connection's labels: connlabel_mt() in net/netfilter/xt_connlabel.c, which may
 * set it, too. Without a connection the answer is that of "!". A name must stand in connlabel.conf, as
 * iptables wants it; Debian has no such file until somebody writes one. Which number it stands for is not
 * asked, as the labels are not known either. */
#include "extension/guided.h"
#include "extension/state.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 127 /* XT_CONNLABEL_MAXBIT */
#define LABEL_NAMES "/etc/xtables/connlabel.conf"

enum { CONNLABEL_LABEL, CONNLABEL_SET, CONNLABEL_COUNT };

/* Whether some line is "NUMBER NAME". */
static bool name_is_known(struct text name)
{
	FILE *file = fopen(LABEL_NAMES, "re");
	char *line = NULL, *rest;
	size_t room = 0;
	bool known = false;

	while (file && !known && getline(&line, &room, file) > 0) {
		const char *number = strtok_r(line, " \t\n", &rest);
		const char *word =
		    number && isdigit((unsigned char)*number) ? strtok_r(NULL, " \t\n", &rest) : NULL;
		known = word && text_is(name, word);
	}
	free(line);
	if (file)
		fclose(file);
	return known;
}

static int label_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char hint[] = "a number from 0 to 127, or a name that stands in " LABEL_NAMES;
	struct text text = word->text;

	if (text.size == 0 || text.data[0] == '-' || memchr(text.data, '"', text.size))
		return guided_refuse(parser, word, hint);
	if (!isdigit((unsigned char)text.data[0]))
		return name_is_known(text) ? 0 : guided_refuse(parser, word, hint);
	if (guided_number(text, LABEL_MAX, &value->number))
		return guided_refuse(parser, word, hint);
	const char *number = arena_printf(parser->ruleset->arena, "%u", (unsigned)value->number);
	if (!number)
		return -ENOMEM;
	value->text = text_of(number);
	return 0;
}

static const struct guide guides[CONNLABEL_COUNT] = {
    [CONNLABEL_LABEL] = {.name = "--label",
			 .kind = GUIDE_OWN,
			 .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
			 .parse = label_value},
    [CONNLABEL_SET] = {.name = "--set", .kind = GUIDE_FLAG},
};

static int connlabel_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, CONNLABEL_COUNT);
}

static int connlabel_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, CONNLABEL_COUNT,
			     match->span, "-m connlabel");
}

static void connlabel_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *connlabel = match->data;
	struct text label = connlabel->values[CONNLABEL_LABEL].text;
	(void)rule;

	buffer_printf(out, "-m connlabel%s --label \"%.*s\"%s",
		      guided_inverted(connlabel, CONNLABEL_LABEL) ? " !" : "", (int)label.size, label.data,
		      guided_seen(connlabel, CONNLABEL_SET) ? " --set" : "");
}

static enum truth connlabel_evaluate(const struct match *match, const struct rule *rule,
				     const struct packet *packet, struct evaluation *evaluation)
{
	(void)rule;
	(void)packet;

	if (!(state_possible(evaluation) & ~STATES_WITHOUT))
		return guided_truth(match->data, CONNLABEL_LABEL, false);
	return TRUTH_UNKNOWN;
}

static diagram_node connlabel_mean(const struct match *match, const struct rule *rule,
				   const struct fields *fields)
{
	diagram_node labelled = unseen_mean(match, rule, fields);
	diagram_node without = state_list_mean(fields, STATES_WITHOUT);

	return guided_inverted(match->data, CONNLABEL_LABEL)
		   ? diagram_or(fields->diagram, without, labelled)
		   : diagram_and(fields->diagram, diagram_not(fields->diagram, without), labelled);
}

static unsigned connlabel_effects(const struct match *match)
{
	return guided_seen(match->data, CONNLABEL_SET) ? EFFECT_CONNTRACK : 0;
}

const struct match_type match_connlabel = {
    .name = "connlabel",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, true},
    .parse = connlabel_parse,
    .finish = connlabel_finish,
    .print = connlabel_print,
    .evaluate = connlabel_evaluate,
    .declare = unseen_declare,
    .mean = connlabel_mean,
    .effects = connlabel_effects,
};
