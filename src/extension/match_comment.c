/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m comment: text for the reader; every packet matches. */
#include "extension/option.h"
#include "extension/types.h"

#include <errno.h>

#define COMMENT_MAX 255 /* XT_MAX_COMMENT_LEN with its NUL; iptables cuts off what is longer */

struct comment_match {
	unsigned seen;
	struct text comment;
};

static int comment_parse(struct rule_parser *parser, struct match *match)
{
	struct comment_match *comment = option_data(parser, &match->data, sizeof(*comment));
	if (!comment)
		return -ENOMEM;
	if (!parser_option_is(parser, "--comment"))
		return 0;
	int error = parser_refuse_inversion(parser);
	if (!error)
		error = option_once(parser, &comment->seen, 1, 0);
	if (error)
		return error;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	comment->comment = word->text;
	if (comment->comment.size > COMMENT_MAX)
		comment->comment.size = COMMENT_MAX;
	return 1;
}

static int comment_finish(struct rule_parser *parser, struct match *match)
{
	const struct comment_match *comment = option_data(parser, &match->data, sizeof(*comment));
	if (!comment)
		return -ENOMEM;
	if (comment->seen)
		return 0;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m comment has no --comment"),
			"write --comment \"TEXT\"");
	return -EINVAL;
}

static void comment_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct comment_match *comment = match->data;
	(void)rule;

	buffer_puts(out, "-m comment --comment");
	option_print_string(out, comment->comment);
}

static enum truth comment_evaluate(const struct match *match, const struct rule *rule,
				   const struct packet *packet, struct evaluation *evaluation)
{
	(void)match;
	(void)rule;
	(void)packet;
	(void)evaluation;
	return TRUTH_YES;
}

static diagram_node comment_mean(const struct match *match, const struct rule *rule,
				 const struct fields *fields)
{
	(void)match;
	(void)rule;
	(void)fields;
	return DIAGRAM_TRUE;
}

const struct match_type match_comment = {
    .name = "comment",
    .modelled = true,
    .parse = comment_parse,
    .finish = comment_finish,
    .print = comment_print,
    .evaluate = comment_evaluate,
    .mean = comment_mean,
};
