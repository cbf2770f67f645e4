/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * MARK: the packet's mark becomes (mark & ~mask) ^ value: mark_tg() in net/netfilter/xt_mark.c. All options
 * are ways to write the two numbers. */
#include "extension/guided.h"
#include "extension/mark.h"
#include "extension/types.h"

#include <errno.h>

struct mark_target {
	struct guided guided;
	struct mark_change change;
};

/* In the order of enum mark_option. */
static const struct guide guides[] = {
    MARK_GUIDE(MARK_SET_XMARK, "--set-xmark", GUIDE_MASKED, MARK_OPTIONS),
    MARK_GUIDE(MARK_SET_MARK, "--set-mark", GUIDE_MASKED, MARK_OPTIONS),
    MARK_GUIDE(MARK_AND, "--and-mark", GUIDE_NUMBER, MARK_OPTIONS),
    MARK_GUIDE(MARK_OR, "--or-mark", GUIDE_NUMBER, MARK_OPTIONS),
    MARK_GUIDE(MARK_XOR, "--xor-mark", GUIDE_NUMBER, MARK_OPTIONS),
};
#define COUNT (sizeof(guides) / sizeof(*guides))

static int mark_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct mark_target), guides, COUNT);
}

static int mark_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct mark_target), guides, COUNT,
				  target->span, "MARK");
	if (error)
		return error;
	struct mark_target *mark = target->data;
	if (!mark_change_read(&mark->guided, &mark->change)) {
		diagnostic_hint(option_error(parser, target->span, "missing-option",
					     "MARK does not say what mark to set"),
				"--set-mark, --set-xmark, --and-mark, --or-mark or --xor-mark");
		return -EINVAL;
	}
	return 0;
}

static void mark_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct mark_target *mark = target->data;
	(void)rule;

	buffer_printf(out, " --set-xmark 0x%x/0x%x", mark->change.value, mark->change.mask);
}

static void mark_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct mark_change *change = &((const struct mark_target *)target->data)->change;
	(void)evaluation;

	if (change->mask == UINT32_MAX)
		packet->known |= KNOWN_MARK;
	packet->mark = (packet->mark & ~change->mask) ^ change->value;
}

const struct target_type target_mark = {
    .name = "MARK",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = mark_parse,
    .finish = mark_finish,
    .print = mark_print,
    .apply = mark_apply,
    .rewrites = KNOWN_MARK,
};
