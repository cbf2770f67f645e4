/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * CLASSIFY: sets the class by which a queue takes the packet (skb->priority): net/netfilter/xt_CLASSIFY.c. No
 * rule can look at that. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct classify_target {
	struct guided guided;
};

/* MAJOR:MINOR, always hexadecimal, as iptables' sscanf() takes them: 1:2x is 1:2, of each number the last 16
 * bits count. */
static int parse_class(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	char copy[64];
	unsigned major, minor;

	if (word->text.size >= sizeof(copy) || memchr(word->text.data, 0, word->text.size))
		return guided_refuse(parser, word, "MAJOR:MINOR, both hexadecimal");
	memcpy(copy, word->text.data, word->text.size);
	copy[word->text.size] = '\0';
	if (sscanf(copy, "%x:%x", &major, &minor) != 2)
		return guided_refuse(parser, word, "MAJOR:MINOR, both hexadecimal");
	value->number = major & 0xffff;
	value->second = minor & 0xffff;
	return 0;
}

static const struct guide guides[] = {
    {.name = "--set-class", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = parse_class},
};

static int classify_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct classify_target), guides, 1);
}

static int classify_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct classify_target), guides, 1, target->span,
			     "CLASSIFY");
}

static void classify_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided_value *class = &((const struct classify_target *)target->data)->guided.values[0];
	(void)rule;

	buffer_printf(out, " --set-class %.4x:%.4x", (unsigned)class->number, (unsigned)class->second);
}

const struct target_type target_classify = {
    .name = "CLASSIFY",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = classify_parse,
    .finish = classify_finish,
    .print = classify_print,
    .hooks = 1 << HOOK_FORWARD | 1 << HOOK_OUTPUT | 1 << HOOK_POSTROUTING,
};
