/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * IDLETIMER: starts a timer anew, whose end programs are told of; goes on: net/netfilter/xt_IDLETIMER.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define LABEL_MAX 27 /* MAX_IDLETIMER_LABEL_SIZE with the NUL; iptables cuts off what is longer */

enum { IDLETIMER_TIMEOUT, IDLETIMER_LABEL, IDLETIMER_ALARM, IDLETIMER_COUNT };

static const char label_hint[] = "a file's name, other than power, subsystem and uevent";

static const struct guide guides[IDLETIMER_COUNT] = {
    /* The kernel counts in milliseconds, in an int (idletimer_tg_helper()). */
    {.name = "--timeout",
     .kind = GUIDE_NUMBER,
     .flags = GUIDE_MANDATORY,
     .min = 1,
     .max = INT_MAX / 1000 - 1},
    {.name = "--label",
     .kind = GUIDE_STRING,
     .flags = GUIDE_MANDATORY,
     .min = 1,
     .max = UINT32_MAX,
     .hint = label_hint},
    {.name = "--alarm", .kind = GUIDE_FLAG},
};

static int idletimer_parse(struct rule_parser *parser, struct target *target)
{
	/* Names that sysfs has already: idletimer_check_sysfs_name() in the kernel. */
	static const char *const taken[] = {"power", "subsystem", "uevent"};
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct guided), guides, IDLETIMER_COUNT);
	struct guided *idletimer = target->data;

	if (result != 1 || idletimer->seen != (before | 1u << IDLETIMER_LABEL))
		return result;
	struct text *label = &idletimer->values[IDLETIMER_LABEL].text;
	bool refused = false;
	if (label->size > LABEL_MAX)
		label->size = LABEL_MAX;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		refused |= text_is(*label, taken[i]);
	if (refused || memchr(label->data, '/', label->size))
		return guided_refuse(parser, parser->argument, label_hint);
	return 1;
}

static int idletimer_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct guided), guides, IDLETIMER_COUNT,
			     target->span, "IDLETIMER");
}

static void idletimer_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided *idletimer = target->data;
	enum family family = rule->chain->table->family;
	struct text label = idletimer->values[IDLETIMER_LABEL].text;

	guided_print(idletimer, guides, IDLETIMER_TIMEOUT, family, out);
	/* As it is: iptables-save does not quote it. */
	buffer_printf(out, " --label %.*s", (int)label.size, label.data);
	guided_print(idletimer, guides, IDLETIMER_ALARM, family, out);
}

const struct target_type target_idletimer = {
    .name = "IDLETIMER",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_STATE,
    .parse = idletimer_parse,
    .finish = idletimer_finish,
    .print = idletimer_print,
};
